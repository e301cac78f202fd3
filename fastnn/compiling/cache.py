"""Machine code: where it is kept on disk, and how it gets into this process.

A kernel's file holds what the compiler made of it, as an object file. To read it and to let LLVM's
linker put it into memory takes 0.1 ms and no compiler: a process whose kernels are all on disk
never imports Numba, which takes 0.15 s, and 45 MB with all that it makes.

The files lie in a folder named after a digest of all that decides on them, so that an edited or
upgraded source never runs stale code, nor another processor code that it does not understand.
"""

import contextlib
import hashlib
import importlib.metadata
import os
import sys
import tempfile
import zlib
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from fastnn.compiling import llvm

# Rooms whose every file decides on the code of kernels, or on the form of its files.
FOLDERS = ("compiling", "kernels")
OF_NO_EFFECT = {"NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER"}  # on it


class MachineCode(NamedTuple):
    """What the compiler makes of a kernel."""

    symbol: str  # name of the function
    needs: Collection[str]  # names of what it uses of others
    code: bytes  # an object file


# ------------------------------------------------------------------------------------- on disk


def _digest() -> str:
    """Digest of sources, compiler and processor."""
    package, digest = Path(__file__).parents[1], hashlib.sha256()
    for folder in FOLDERS:
        for source in sorted((package / folder).rglob("*.py")):
            digest.update(source.read_bytes())
    compiler = [importlib.metadata.version(name) for name in ("numba", "llvmlite")]
    features = llvm.get_host_cpu_features().flatten()
    processor = llvm.get_process_triple(), llvm.get_host_cpu_name(), features
    objects = sys.implementation.cache_tag, object.__basicsize__  # Python's, in which arrays are
    names = sorted(name for name in os.environ if name.startswith("NUMBA_"))
    settings = [(name, os.environ[name]) for name in names if name not in OF_NO_EFFECT]
    digest.update(repr((compiler, processor, objects, settings)).encode())
    return digest.hexdigest()[:16]


def _user_cache() -> Path:
    """Folder in which this platform keeps a user's caches."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


@cache
def cache_directory() -> Path | None:
    """Folder that holds the compiled kernels, None where there is none and none can be made.

    It lies in ``NUMBA_CACHE_DIR`` where that is set and in the user's cache folder otherwise.
    """
    try:
        root = Path(os.environ.get("NUMBA_CACHE_DIR") or _user_cache() / "fastnn")
        folder = root / f"fastnn-{_digest()}"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # read-only, full, or a user without a home folder
        return None
    return folder


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
        data = (folder / name).read_bytes()
    except OSError:
        return None
    checksum, content = data[:CHECKSUM_SIZE], data[CHECKSUM_SIZE:]
    if checksum != _checksum(content):
        return None
    head, _, code = content.partition(b"\n")
    symbol, *needs = head.decode().split(" ")
    return MachineCode(symbol, needs, code)


CHECKSUM_SIZE = 4


def _checksum(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(CHECKSUM_SIZE, "little")


def keep(name: str, made: MachineCode) -> None:
    """Write the file of a kernel, whole or not at all; a full disk costs the file alone."""
    folder = cache_directory()
    if folder is None:
        return
    content = " ".join([made.symbol, *made.needs]).encode() + b"\n" + made.code
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory(dir=folder) as own:
        file = Path(own, name)
        file.write_bytes(_checksum(content) + content)
        file.replace(folder / name)


# ----------------------------------------------------------------------------------- in memory


@cache
def _linker() -> Any:
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
