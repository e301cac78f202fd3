"""What a bug report needs to know about an installation."""

import importlib.metadata
import platform
import sys

from threadpoolctl import threadpool_info

from fastnn._version import __version__
from fastnn.compiling import shipped
from fastnn.compiling.cache import cache_directory, refused_directory
from fastnn.engine import threads

LIBRARIES = ("numpy", "scipy", "numba", "llvmlite", "scikit-learn", "narwhals", "threadpoolctl")
EXTRAS = ("click", "matplotlib", "onnxruntime", "pandas", "rich", "skl2onnx", "skops")


def show_versions() -> None:
    """Print versions, BLAS, threads and the cache folder, for a bug report.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.show_versions()  # doctest: +ELLIPSIS
    System
    ...
    """
    _print_table("System", {"Python": sys.version, "platform": platform.platform()})
    versions = {"fastnn": __version__, **{name: _version(name) for name in LIBRARIES}}
    installed = {name: _version(name) for name in EXTRAS if _version(name) != "not installed"}
    _print_table("Versions", {**versions, **installed})
    blas = {
        f"BLAS, {index + 1}": f"{library['internal_api']} {library['version']}, "
        f"{library.get('architecture')}, {library['num_threads']} threads"
        for index, library in enumerate(threadpool_info())
        if library["user_api"] == "blas"
    }
    facts = {
        "threads": threads.available(),
        "machine code shipped": shipped.described(),
        "cache folder": cache_directory() or "none: no folder can be written",
    }
    if refused := refused_directory():
        facts["cache folder refused"] = f"{refused}, and could hold the code of a stranger"
    _print_table("Running on", {**blas, **facts})


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _print_table(title: str, rows: dict[str, object]) -> None:
    width = max(map(len, rows))
    print(title)
    for name, value in rows.items():
        print(f"  {name:<{width}}  {value}")
