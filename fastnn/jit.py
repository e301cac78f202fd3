"""Where Python turns into machine code: Numba's decorators, each flag with its reason.

Everything in :mod:`fastnn.kernels` is compiled by :func:`jit`, at its first call and never at
import, and kept in a folder named after a digest of the kernels' sources, so that the next process
starts warm and an edited or upgraded source never runs a stale kernel.
"""

import contextlib
import gc
import hashlib
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import Any

import numba
from numba import prange, types
from numba.core import cgutils
from numba.core.caching import FunctionCache
from numba.core.errors import TypingError
from numba.core.registry import CPUDispatcher
from numba.core.runtime import rtsys
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, overload

from fastnn import clock
from fastnn.interrupts import held_back

__all__ = [
    "address_of",
    "cache_directory",
    "call",
    "declare",
    "entry_jit",
    "entry_point",
    "exact_jit",
    "interface",
    "jit",
    "kernel_jit",
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


COMPILERS = ("jit.py", "views.py", "blas.py")  # what the code of kernels is made by


def _sources_digest() -> str:
    """Digest of all that decides what the kernels compile to."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for source in [*map(here.joinpath, COMPILERS), *sorted((here / "kernels").glob("*.py"))]:
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
        # Numba's own begins with all that it knows of types and functions, 0.1 s that only a
        # compilation needs, which begins with it again. Machine code needs Numba's runtime.
        rtsys.initialize(target_context)
        try:
            return self._load_overload(sig, target_context)
        except (OSError, EOFError, pickle.UnpicklingError):
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            try:
                super().save_overload(sig, data)
            except (EOFError, pickle.UnpicklingError):  # the index of this kernel is cut short
                self.flush()
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
    """Compile a helper that becomes part of the machine code of the kernels that call it.

    Called from Python it runs as Python.
    """
    return _without_wrapper(function)


def kernel_jit(function: Callable) -> Any:
    """Compile a kernel that `call` calls, and keep it on disk with its helpers.

    Called from Python it runs as Python.
    """
    return _cached(_without_wrapper(function), function)


class _PlainInPython(CPUDispatcher):
    """A compiled function without a wrapper for Python, which would end the process if called.

    To unbox all that a kernel takes would be a quarter of its compiling.
    """

    def __call__(self, *arguments: Any) -> Any:
        return self.py_func(*arguments)


def _without_wrapper(function: Callable) -> Any:
    flags = {**FLAGS, "no_cpython_wrapper": True}
    dispatcher: Any = numba.njit(**flags)(function)
    if dispatcher is not function:  # NUMBA_DISABLE_JIT gives it back as it is
        dispatcher.__class__ = _PlainInPython
    return dispatcher


def entry_jit(function: Callable) -> Any:
    """Compile a kernel that Python calls, and keep it on disk with its helpers."""
    return _cached(numba.njit(**FLAGS)(function), function)


def parallel_jit(function: Callable) -> Any:
    """Compile a helper whose `prange` loops run on as many threads as Numba is set to."""
    return numba.njit(parallel=True, **FLAGS)(function)


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


# ------------------------------------------------------------------------- calls by address
#
# A kernel that calls another by name holds a copy of it, optimised anew: with kernels nested seven
# deep, 13 of 17 s of a first fit went into that, and a parallel loop's copy rounded otherwise than
# the serial one's. A kernel called by its address is compiled once, and only if a fit uses it: one
# machine code for any number of threads, and no cost for an activation that nobody asked for.

_kernels: dict[int, Callable] = {}  # by address
_signatures: set[tuple] = set()  # argument types of all kernels with an address


def call(address: int, *arguments: Any) -> None:
    """Call the kernel that has this address; it returns nothing."""
    _kernels[address](*arguments)


@infer_global(call)
class _CallTyping(AbstractTemplate):
    """To the compiler: a call that takes what some kernel takes."""

    def generic(self, args: tuple, kws: dict) -> Any:
        # The index of a prange loop is unsigned: any whole number is passed as int64.
        arguments = tuple(types.int64 if isinstance(a, types.Integer) else a for a in args[1:])
        declared = arguments if arguments in _signatures else _of_any_order(arguments)
        if kws or declared not in _signatures:  # anything else would end the process
            raise TypingError(f"no kernel takes the arguments {arguments}")
        return signature(types.none, types.int64, *declared)


def _of_any_order(arguments: tuple) -> tuple:
    """Let the first matrix be in any order: some kernels take that transposed, too."""
    return tuple(
        a.copy(layout="A") if i == 0 and isinstance(a, types.Array) else a
        for i, a in enumerate(arguments)
    )


@lower_builtin(call, types.Integer, types.VarArg(types.Any))
def _lower_call(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    _, *argument_types = signature.args
    address, *arguments = values
    convention = context.call_conv
    form = convention.get_function_type(types.none, argument_types)
    kernel = builder.inttoptr(address, form.as_pointer())
    status, _ = convention.call_function(builder, kernel, types.none, argument_types, arguments)
    with cgutils.if_unlikely(builder, status.is_error):
        convention.return_status_propagate(builder, status)
    return context.get_dummy_value()


def declare(*arguments: Any) -> tuple:
    """Tell that some kernel takes such arguments, or arguments of these types; gives the types."""
    kinds = tuple(a if isinstance(a, types.Type) else numba.typeof(a) for a in arguments)
    _signatures.add(kinds)
    return kinds


_known: dict[tuple, Any] = {}  # addresses and entry points by kernel and kind


def address_of(kernel: Any, kind: Hashable, *arguments: Any) -> int:
    """Compile a kernel of `kernel_jit` for such arguments, and give its address.

    Parameters
    ----------
    kernel : dispatcher
    kind : hashable
        What decides on the types of the arguments, which Numba takes a microsecond each to tell.
    *arguments : object or numba.types.Type
        Arguments such as the kernel will be called with, or their types.
    """
    if (kernel, kind) not in _known:
        _known[kernel, kind] = _address(kernel, arguments)
    return _known[kernel, kind]


def _address(kernel: Any, arguments: tuple) -> int:
    if not hasattr(kernel, "overloads"):  # NUMBA_DISABLE_JIT
        _kernels[id(kernel)] = kernel
        return id(kernel)
    result = _compiled(kernel, arguments)
    address = result.library.get_pointer_to_function(result.fndesc.llvm_func_name)
    _kernels[address] = kernel
    return address


def _compiled(kernel: Any, arguments: tuple) -> Any:
    kinds = declare(*arguments)
    began, n_loaded = time.perf_counter(), kernel.stats.cache_hits.total()
    with held_back(), _without_collector():
        kernel.compile(kinds)
    if kernel.stats.cache_hits.total() == n_loaded:
        clock.leave_out(time.perf_counter() - began)
    return kernel.overloads[kinds]


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Keep Python's collector from going through all that the compiler holds: 0.3 of 4.3 s."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def entry_point(kernel: Any, kind: Hashable, *arguments: Any) -> Callable:
    """Compile a kernel of `entry_jit` for such arguments, and give what calls it and nothing else.

    The parameters are those of `address_of`.
    """
    if not hasattr(kernel, "overloads"):  # NUMBA_DISABLE_JIT
        return kernel
    if (kernel, kind) not in _known:
        _known[kernel, kind] = _compiled(kernel, arguments).entry_point
    return _known[kernel, kind]


def interface(arguments: Callable[[Any], tuple]) -> Callable[[Callable], Any]:
    """Decorate a family of kernels that take the same arguments, so that any can stand for it.

    Parameters
    ----------
    arguments : callable
        Gives the types of the arguments of a kernel for numbers of type T.
    """
    _signatures.update(arguments(number) for number in _NUMBERS.values())

    def decorate(function: Callable) -> Any:
        kernel = kernel_jit(function)

        def address(dtype: Any) -> int:
            known = _known.get((kernel, dtype))
            return known or address_of(kernel, dtype, *arguments(_NUMBERS[str(dtype)]))

        kernel.address = address
        return kernel

    return decorate


_NUMBERS = {"float32": types.float32, "float64": types.float64}
