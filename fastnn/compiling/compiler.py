"""The compiler: Numba, with its flags, each with its reason.

It is imported where a kernel is not on disk yet.
"""

import contextlib
import gc
import types as python
from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import Any

import numba
from numba import types
from numba.core import sigutils
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import overload

from fastnn.compiling import language as jit
from fastnn.compiling.cache import MachineCode
from fastnn.compiling.interrupts import held_back
from fastnn.compiling.lowering import runner, signatures

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
def dispatcher_of(kernel: jit.Kernel) -> Any:
    """Numba's own form of a kernel."""
    flags = EXACT_FLAGS if kernel.is_exact else FLAGS
    function: Any = kernel.py_func
    if "prange" in function.__code__.co_names:  # Numba knows a loop by its own
        scope = {**function.__globals__, "prange": numba.prange}
        function = python.FunctionType(function.__code__, scope, function.__name__)
    return numba.njit(parallel=kernel.is_parallel, **flags)(function)


def from_python(kernel: jit.Kernel) -> Any:
    """Make a compiled form of a kernel that Python calls with any arguments, as benchmarks do."""
    with global_compiler_lock:
        _register()
    flags = {**FLAGS, "no_cpython_wrapper": False, "_nrt": True}
    return numba.njit(**flags)(lambda *arguments: kernel(*arguments))


def compiled(
    kernel: jit.Kernel, name: str, fixed: tuple, varying: tuple | None = None
) -> MachineCode:
    """Compile a kernel. For one Python thread at once.

    Parameters
    ----------
    kernel : Kernel
    name : str
        No other machine code has it.
    fixed, varying : tuple
        What the kernel will be called with by a `Call`; where it is called by its address, there
        are no others than the first.
    """
    with held_back(), global_compiler_lock, _without_collector():
        _register()
        if varying is None:
            return _by_address(kernel, _types(fixed))
        return _by_call(kernel, name, _types(fixed), _types(varying))


def _by_address(kernel: jit.Kernel, kinds: tuple) -> MachineCode:
    result = dispatcher_of(kernel)._compiler.compile(kinds, None)
    return _machine_code(result.library, result.fndesc.llvm_func_name)


def _by_call(kernel: jit.Kernel, name: str, fixed: tuple, varying: tuple) -> MachineCode:
    result = dispatcher_of(kernel)._compiler.compile((*fixed, *varying), None)
    run = runner(result, fixed, varying)

    def entry(packed: Any, more: Any) -> None:
        run(packed, more)

    entry.__qualname__ = name  # the symbol's
    made: Any = numba.cfunc(types.void(types.voidptr, types.voidptr))(entry)
    return _machine_code(made._library, made.native_name)


def _machine_code(library: Any, symbol: str) -> MachineCode:
    library.get_pointer_to_function(symbol)  # has it turned into machine code
    module = library._final_module
    used = chain(module.functions, module.global_variables)
    needs = [s.name for s in used if s.is_declaration and not s.name.startswith("llvm.")]
    return MachineCode(symbol, needs, library._get_compiled_object())


def _types(arguments: tuple) -> tuple:
    if arguments and isinstance(arguments[0], str):
        return sigutils.normalize_signature(f"void({arguments[0]})")[0]
    return tuple(map(numba.typeof, arguments))


def _register() -> None:
    """Tell Numba what kernels have been written since, and what they take."""
    while jit.specialized:
        function, chooser = jit.specialized.pop()
        overload(function, jit_options=EXACT_FLAGS)(chooser)  # type: ignore[arg-type]
    while jit.interfaces:
        kinds = jit.interfaces.pop()
        signatures.update(_types((kinds.replace("T", T),)) for T in ("float32", "float64"))
    while jit.examples:
        signatures.add(_types(jit.examples.pop()))


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
