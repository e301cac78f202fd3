"""Machine code: where it is kept on disk, and how it gets into this process.

A kernel's file holds what the compiler made of it, as an object file. To read it and to let LLVM's
linker put it into memory takes 0.1 ms and no compiler: a process whose kernels are all on disk
never imports Numba, which takes 0.15 s, and 45 MB with all that it makes.

The files lie in a folder named after a digest of all that decides on them, so that an edited or
upgraded source never runs stale code, nor another processor code that it does not understand.
They are run, so that a folder or file is neither read nor written where someone else could have put
code into it: one that belongs to another user, root aside, or that a group or others can write to.
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import operator
import os
import stat
import sys
import tempfile
import warnings
import zlib
from collections.abc import Callable, Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from fastnn.compiling import llvm
from fastnn.compiling.interrupts import held_back, late_imports
from fastnn.compiling.target import target
from fastnn.memory import ask

# Rooms whose every file decides on the code of kernels, or on the form of its files.
FOLDERS = ("compiling", "kernels")
OF_NO_EFFECT = {"NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER"}  # on it
SETTINGS_FILE = ".numba_config.yaml"


class MachineCode(NamedTuple):
    """What the compiler makes of a kernel."""

    symbol: str  # name of the function
    needs: Collection[str]  # names of what it uses of others
    code: bytes  # an object file


# ------------------------------------------------------------------------------------- on disk


def digest_of(*facts: object) -> str:
    """Digest of the sources of machine code, and of what else decides on it."""
    package, digest = Path(__file__).parents[1], hashlib.sha256()
    for folder in FOLDERS:
        for source in sorted((package / folder).rglob("*.py")):
            digest.update(source.read_bytes())
    digest.update(repr(facts).encode())
    return digest.hexdigest()[:16]


def settings() -> dict[str, str]:
    """Read settings of Numba that have an effect on machine code: variables, and a file."""
    names = sorted(name for name in os.environ if name.startswith("NUMBA_"))
    of_effect = {name: os.environ[name] for name in names if name not in OF_NO_EFFECT}
    with contextlib.suppress(OSError):
        of_effect[SETTINGS_FILE] = Path(SETTINGS_FILE).read_text("utf-8", "replace")
    return of_effect


def _digest() -> str:
    """Digest of sources, compiler and processor."""
    compiler = [importlib.metadata.version(name) for name in ("numba", "llvmlite")]
    processor = llvm.get_process_triple(), *target()
    objects = sys.implementation.cache_tag, object.__basicsize__  # Python's, in which arrays are
    return digest_of(compiler, processor, objects, settings())


def _user_cache() -> Path:
    """Folder in which this platform keeps a user's caches."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


class _Place(NamedTuple):
    """Where kernels are kept."""

    folder: Path | None
    refused: str  # what was wrong with another folder, which the user has named; or empty


def _roots() -> Iterator[Path]:
    """Folders to keep kernels in: the one that is set, a user's own, one for all users' sakes."""
    if root := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(root)
    with contextlib.suppress(RuntimeError):  # a user without a home folder
        yield _user_cache() / "fastnn"
    user = f"-{os.geteuid()}" if hasattr(os, "geteuid") else ""
    yield Path(tempfile.gettempdir(), f"fastnn{user}")


@cache
def _place() -> _Place:
    """Find a folder; the next one is tried only where others could plant code in the one before."""
    with late_imports():
        name, refused = f"fastnn-{_digest()}", ""
    for root in _roots():
        try:
            fault = _prepare(root / name)
        except OSError:  # read-only, or full
            if refused:
                continue
            return _Place(None, "")
        if not fault:
            return _Place(root / name, refused)
        refused = refused or fault
    return _Place(None, refused)


def _prepare(folder: Path) -> str:
    """Make a folder, and say where in it, or in the one around it, others can plant code."""
    for path in (folder.parent, folder):
        path.mkdir(0o755, parents=True, exist_ok=True)
        if fault := _fault(path, os.lstat(path) if path is folder else os.stat(path)):
            return fault
    with os.scandir(folder) as files:
        for file in files:
            with contextlib.suppress(FileNotFoundError):  # another process' temporary one
                if fault := _fault(file.path, file.stat(follow_symlinks=False)):
                    return fault
    return ""


def _fault(path: Path | str, status: os.stat_result) -> str:
    """Say who else may write to a file or folder, as ssh asks of its keys; empty where nobody."""
    if sys.platform == "win32":  # rights are no bits there, and users' folders are their own
        return ""
    if status.st_uid not in (0, os.geteuid()):
        return f"{path} belongs to user {status.st_uid}"
    is_sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX  # as /tmp: there
    is_free = is_sticky or stat.S_ISLNK(status.st_mode)  # nobody touches what is another's
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not is_free:
        return f"{path} can be written by others"
    return ""


_told: list[str] = []


def cache_directory() -> Path | None:
    """Folder that holds the compiled kernels, None where there is none and none can be made.

    It lies in ``NUMBA_CACHE_DIR`` where that is set and in the user's cache folder otherwise; where
    others can write there, in a place of the user's own, with one warning.
    """
    place = _place()
    if place.refused and not _told:
        _told.append(place.refused)
        warnings.warn(
            f"Compiled kernels are neither read nor written where others could plant code: "
            f"{place.refused}. They are kept in {place.folder or 'no folder'}. Take the rights "
            "away (chmod -R go-w), or set NUMBA_CACHE_DIR to a folder of your own.",
            stacklevel=2,
        )
    return place.folder


def refused_directory() -> str:
    """Say which folder is not used, as others can write to it; empty where there is none."""
    return _place().refused


def can_keep() -> bool:
    """Whether files can be written: a folder that others have filled may only be read."""
    folder = cache_directory()
    return folder is not None and os.access(folder, os.W_OK)


def find(name: str) -> MachineCode | None:
    """Look for the file of a kernel; one that was cut short is as good as none."""
    folder = cache_directory()
    if folder is None:
        return None
    try:
        return from_bytes(folder / name, read(folder / name, _fault))
    except (OSError, UnicodeDecodeError):
        return None


def read(file: Path, fault: Callable[[Path, os.stat_result], str]) -> bytes:
    """Read a plain file in which there is no fault, else raise an OSError."""
    flags = (getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
    with open(os.open(file, functools.reduce(operator.or_, flags, os.O_RDONLY)), "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode) or fault(file, status):
            raise PermissionError(f"{file} is not to be trusted.")
        return stream.read()


CHECKSUM_SIZE = 4


def _checksum(file: Path, content: bytes) -> bytes:
    """Checksum of a file, its name and its folder's: another's is as bad as a damaged one."""
    place = f"{file.parent.name}/{file.name}".encode()
    return zlib.crc32(content, zlib.crc32(place)).to_bytes(CHECKSUM_SIZE, "little")


def to_bytes(file: Path, made: MachineCode) -> bytes:
    """Give what a kernel's file holds."""
    content = " ".join([made.symbol, *made.needs]).encode() + b"\n" + made.code
    return _checksum(file, content) + content


def from_bytes(file: Path, data: bytes) -> MachineCode | None:
    """Read what a kernel's file holds, None where it is not whole or another's."""
    checksum, content = data[:CHECKSUM_SIZE], data[CHECKSUM_SIZE:]
    if checksum != _checksum(file, content):
        return None
    head, _, code = content.partition(b"\n")
    symbol, *needs = head.decode().split(" ")
    return MachineCode(symbol, needs, code)


def keep(name: str, made: MachineCode) -> None:
    """Write the file of a kernel, whole or not at all; a full disk costs the file alone."""
    folder = cache_directory()
    if folder is None:
        return
    with held_back(), contextlib.suppress(OSError), tempfile.TemporaryDirectory(dir=folder) as own:
        file = Path(own, name)
        file.write_bytes(to_bytes(folder / name, made))
        file.chmod(0o644)  # whatever the user's mask: what a group can write is not read again
        file.replace(folder / name)


# ----------------------------------------------------------------------------------- in memory


FOR_LINKER = 64 << 20  # LLVM ends a process that has no memory for it


@cache
def _linker() -> Any:
    ask(FOR_LINKER, "to load a kernel")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine()
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)


def load(made: MachineCode) -> int:
    """Load machine code; returns the address of its function. For one thread at once.

    Raises
    ------
    RuntimeError
        If it has no such function: a kernel would jump to the address 0.
    """
    ask(FOR_LINKER, "to load a kernel")
    linker = _linker()
    linker.add_object_file(llvm.ObjectFileRef.from_data(made.code))
    linker.finalize_object()
    address = linker.get_function_address(made.symbol)
    if address == 0:
        raise RuntimeError(f"There is no {made.symbol} in its machine code.")
    return address


def is_complete(made: MachineCode) -> bool:
    """Whether this process has all that machine code uses; LLVM ends a process that has not."""
    _linker()  # with which LLVM looks through the process' own functions, such as sqrt
    return all(map(llvm.address_of_symbol, made.needs))
