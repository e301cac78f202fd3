"""Machine code that the package has brought along, made when it was built.

It is a second place to look in, which nobody writes to after an installation. There is a folder
for each level of processors (:mod:`fastnn.compiling.target`), named after that and after a digest
of all that its files need where they run: the sources, the operating system's kind of object files,
and how long Python's head of an object is, behind which NumPy's array begins. Which Numba has made
them is no part of it: kernels call each other by a convention that has been the same in all of
`NUMBA`.

The files are as much to be trusted as the sources beside them: who could write to one could write
to the other.
"""

import importlib.metadata
import re
from functools import cache
from pathlib import Path

from fastnn.compiling import llvm
from fastnn.compiling.cache import MachineCode, digest_of, from_bytes, read, settings, to_bytes
from fastnn.compiling.interrupts import late_imports
from fastnn.compiling.language import IS_OFF
from fastnn.compiling.target import target, target_of

FOLDER = Path(__file__).parents[1] / "machine_code"
NUMBA = (0, 61), (0, 69)  # from which version to below which one the calling convention is the same


def folder_for(level: str, root: Path) -> Path:
    """Name the folder of a level's files."""
    needs = llvm.get_process_triple(), object.__basicsize__, target_of(level)
    return root / f"{level}-{digest_of('shipped', *needs)}"


@cache
def _place() -> tuple[Path | None, str]:
    """Find the folder for this processor; where there is none, say why."""
    with late_imports():
        own = target()
    if IS_OFF or settings():
        return None, f"settings ask for other code: {', '.join(settings())}"
    if not FOLDER.is_dir():
        return None, "this installation has brought none along"
    if not own.level:
        return None, "there is none for this processor"
    version = importlib.metadata.version("numba")
    if not NUMBA[0] <= tuple(map(int, re.findall(r"\d+", version)[:2])) < NUMBA[1]:
        return None, f"Numba {version} may call functions in another way"
    folder = folder_for(own.level, FOLDER)
    if not folder.is_dir():
        return None, f"it is for other sources, another Python or system than {own.level} here"
    return folder, ""


def find(name: str) -> MachineCode | None:
    """Look for the file of a kernel; one that is not whole is as good as none."""
    folder, _ = _place()
    return None if folder is None else _read(folder / name)


def _read(file: Path) -> MachineCode | None:
    try:
        return from_bytes(file, read(file, lambda file, status: ""))
    except (OSError, UnicodeDecodeError):
        return None


def write(folder: Path, name: str, made: MachineCode) -> None:
    """Write the file of a kernel, when the package is built."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(to_bytes(folder / name, made))


def described() -> str:
    """Say what there is for this processor, or why there is none."""
    folder, reason = _place()
    if folder is None:
        return f"none, so that kernels are compiled: {reason}"
    files = [_read(file) for file in folder.iterdir()]
    damaged = files.count(None)
    whole = f"{len(files) - damaged} kernels for {target().level}"
    return f"{whole}; {damaged} damaged ones are compiled" if damaged else whole
