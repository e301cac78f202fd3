"""The one file that turns Python into machine code: Numba's decorators, each flag with its reason.

Everything in :mod:`fastnn.kernels` is compiled by :func:`jit`, at its first call and never at
import, and kept in a folder named after a digest of the kernels' sources, so that the next process
starts warm and an edited or upgraded source never runs a stale kernel.
"""

import hashlib
import os
import pickle
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba import prange, types
from numba.core.caching import FunctionCache
from numba.extending import overload

__all__ = [
    "cache_directory",
    "entry_jit",
    "exact_jit",
    "jit",
    "parallel_jit",
    "prange",
    "specialize",
    "types",
]

FLAGS: dict[str, Any] = {
    # Python's check for a division by zero is a branch that stops the vectoriser: Adam over a flat
    # vector took 4 ns an element with it and 0.4 ns without.
    "error_model": "numpy",
    # Reordered sums vectorise. "nnan" and "ninf" are left out, so that NaN and infinity keep their
    # meaning and a diverging loss is seen.
    "fastmath": {"nsz", "arcp", "contract", "afn", "reassoc"},
    # Kernels touch no Python object: other Python threads go on while they run.
    "nogil": True,
    # A wrapper for C to call, that nobody asks for and every cold start would pay for.
    "no_cfunc_wrapper": True,
}

# The exponential's range reduction is exact only if nothing reorders it: no "reassoc" here.
EXACT_FLAGS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}}


def _sources_digest() -> str:
    """Digest of all that decides what the kernels compile to."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for source in [Path(__file__), *sorted((here / "kernels").glob("*.py"))]:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _user_cache() -> Path:
    """Folder in which this platform keeps a user's caches."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _find_cache_directory() -> Path | None:
    try:
        root = Path(os.environ.get("NUMBA_CACHE_DIR") or _user_cache() / "fastnn")
        folder = root / f"fastnn-{_sources_digest()}"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):  # read-only, full, or a user without a home folder
        return None


_CACHE_DIRECTORY = _find_cache_directory()


def cache_directory() -> Path | None:
    """Folder that holds the compiled kernels, None where none can be written.

    It lies in ``NUMBA_CACHE_DIR`` where that is set and in the user's cache folder otherwise.
    """
    return _CACHE_DIRECTORY


class _ForgivingCache(FunctionCache):
    """A cache whose failures cost the cache, never the fit (a full disk, a file cut short)."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except (OSError, EOFError, pickle.UnpicklingError):
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError:
            self.disable()


def _cached(dispatcher: Any, function: Callable) -> Any:
    if dispatcher is function or _CACHE_DIRECTORY is None:  # NUMBA_DISABLE_JIT gives it back as is
        return dispatcher
    config: Any = numba.config
    # Numba reads the folder when a cache is made, and has no argument for it.
    before, config.CACHE_DIR = config.CACHE_DIR, str(_CACHE_DIRECTORY)
    try:
        dispatcher._cache = _ForgivingCache(function)
    finally:
        config.CACHE_DIR = before
    return dispatcher


def jit(function: Callable) -> Any:
    """Compile a kernel that other kernels call: it becomes part of their machine code."""
    return numba.njit(**FLAGS)(function)


def parallel_jit(function: Callable) -> Any:
    """Compile a kernel whose `prange` loops run on as many threads as Numba is set to."""
    return numba.njit(parallel=True, **FLAGS)(function)


def entry_jit(function: Callable) -> Any:
    """Compile a kernel that Python calls, and keep it on disk with all that it calls."""
    return _cached(numba.njit(**FLAGS)(function), function)


def exact_jit(function: Callable) -> Callable:
    """Compile a helper whose floating-point operations keep their order.

    It is compiled into its callers, and so into their cache.
    """
    return numba.njit(**EXACT_FLAGS)(function)


def specialize(function: Callable) -> Callable:
    """Register the decorated function as the chooser of `function`'s compiled form by type.

    In plain Python `function` runs as it stands.
    """
    return overload(function, jit_options=EXACT_FLAGS)  # type: ignore[arg-type]
