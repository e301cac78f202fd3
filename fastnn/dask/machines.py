"""What the last bits of a fit depend on, and workers that differ in it."""

import platform
from collections.abc import Mapping

import numpy as np

from fastnn._version import __version__
from fastnn.compiling import llvm
from fastnn.warn import warn_user


def machine() -> str:
    """Tell what the last bits depend on: the processor and the libraries."""
    cpu = llvm.get_host_cpu_name()
    return f"{platform.machine()} {cpu}, NumPy {np.__version__}, fastnn {__version__}"


def warn_if_they_differ(found: Mapping[str, str]) -> None:
    """Tell the user of workers, by their addresses, that are not of one kind of machine."""
    machines: dict[str, list[str]] = {}
    for address, kind in found.items():
        machines.setdefault(kind, []).append(address)
    if len(machines) > 1:
        told = "; ".join(f"{', '.join(of)}: {kind}" for kind, of in machines.items())
        warn_user(
            "The workers differ in what the last bits of a fit depend on, so that another fit may "
            f"have others. {told}."
        )
