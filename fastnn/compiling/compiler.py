"""The compiler: Numba, with its flags, each with its reason.

It is imported where a kernel is not on disk yet.
"""

import contextlib
import gc
from collections.abc import Iterator
from functools import cache
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import overload, typeof_impl

from fastnn.compiling import language
from fastnn.compiling.cache import MachineCode
from fastnn.compiling.interrupts import held_back
from fastnn.compiling.intrinsics import blas
from fastnn.compiling.language import Kernel
from fastnn.compiling.lowering import accepted, runner
from fastnn.compiling.numba_internals import (
    compile_for,
    compiling_for,
    global_compiler_lock,
    machine_code,
    machine_code_of_cfunc,
)
from fastnn.compiling.signatures import ArrayType, BundleType, DTypes, Type, resolve, variables
from fastnn.compiling.target import Target
from fastnn.memory import ask

FOR_COMPILER = 128 << 20  # LLVM ends a process that has no memory for it

FLAGS: dict[str, Any] = {
    # Python's check for a division by zero is a branch that stops the vectoriser: Adam over a flat
    # vector took 4 ns an element with it and 0.4 ns without.
    "error_model": "numpy",
    # Reordered sums vectorise. "nnan" and "ninf" are left out, so that NaN and infinity keep their
    # meaning and a diverging loss is seen.
    "fastmath": {"nsz", "arcp", "contract", "afn", "reassoc"},
    # Kernels touch no Python object: other Python threads go on while they run.
    "nogil": True,
    # Wrappers that Python and C would call a kernel by. A `Call` has one of its own; to unbox all
    # that a kernel takes was a quarter of its compiling.
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    # Memory belongs to Python's arrays, which outlive a call: no references are counted.
    "_nrt": False,
}

# The exponential's range reduction is exact only if nothing reorders it: no "reassoc" here. And a
# call to such a function is never left as one: no loop around it would vectorise, as that of erf's
# float64 did not, 20 instead of 2 ns.
EXACT_FLAGS: dict[str, Any] = {
    "error_model": "numpy",
    "fastmath": {"contract"},
    "forceinline": True,
}


@cache
def dispatcher_of(kernel: Kernel) -> Any:
    """Numba's own form of a kernel."""
    flags = EXACT_FLAGS if kernel.is_exact else FLAGS
    function: Any = kernel.py_func
    return numba.njit(**flags)(function)


@typeof_impl.register(Kernel)
def _type_of_kernel(kernel: Kernel, context: Any) -> Any:
    """Type a kernel that another one calls by name."""
    return numba.typeof(dispatcher_of(kernel))


def from_python(kernel: Kernel) -> Any:
    """Make a compiled form of a kernel that Python calls with any arguments, as benchmarks do."""
    blas.add_symbols()
    with global_compiler_lock:
        for name in ("float32", "float64"):
            _register(DTypes(np.dtype(name)))
    flags = {**FLAGS, "no_cpython_wrapper": False, "_nrt": True}
    return numba.njit(**flags)(lambda *arguments: kernel(*arguments))


def compiled(
    kernel: Kernel,
    dtypes: DTypes,
    arguments: tuple[Type, ...],
    name: str,
    n_fixed: int | None,
    target: Target,
) -> MachineCode:
    """Compile a kernel. For one Python thread at once.

    Parameters
    ----------
    kernel : Kernel
    dtypes : DTypes
    arguments : tuple of Type
        Of the kernel.
    name : str
        No other machine code has it.
    n_fixed : int or None
        How many of them a `Call` lays down beforehand; None for a kernel called by its address.
    target : Target
        Processors that are to run it; the same one for all that a process compiles.
    """
    ask(FOR_COMPILER, "to compile a kernel")
    with held_back(), global_compiler_lock, _without_collector(), compiling_for(target):
        _register(dtypes)
        kinds = numba_types(arguments)
        result = compile_for(dispatcher_of(kernel), kinds)
        if n_fixed is None:
            return machine_code(result)
        run = runner(result, kinds[:n_fixed], kinds[n_fixed:])

        def entry(packed: Any, more: Any) -> Any:
            return run(packed, more)

        entry.__qualname__ = name  # the symbol's
        made: Any = numba.cfunc(types.int64(types.voidptr, types.voidptr))(entry)
        return machine_code_of_cfunc(made)


def numba_types(arguments: tuple[Type, ...]) -> tuple:
    """Give Numba's own types of declared ones."""
    return tuple(map(_numba_type, arguments))


def _numba_type(kind: Type) -> Any:
    if isinstance(kind, BundleType):
        return types.BaseTuple.from_types(numba_types(kind.fields), kind.bundle)
    if isinstance(kind, ArrayType):
        layout: Any = "C" if kind.is_contiguous else "A"
        dtype = getattr(types, kind.dtype)
        return types.Array(dtype, kind.ndim, layout, readonly=kind.is_readonly)
    return {"int64": types.int64, "address": types.int64, "float64": types.float64}.get(
        kind, types.none
    )


_registered: set[tuple[str, DTypes]] = set()


def _register(dtypes: DTypes) -> None:
    """Register what kernels have been written since, and what they take for these dtypes."""
    while language.specialized:
        function, chooser = language.specialized.pop()
        overload(function, jit_options=EXACT_FLAGS)(chooser)  # type: ignore[arg-type]
    for signature in language.signatures:
        sees_data = "V" in variables(signature)
        if (signature, dtypes) not in _registered and not (sees_data and dtypes.V is None):
            accepted.add(numba_types(resolve(signature, dtypes)))
            _registered.add((signature, dtypes))


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
