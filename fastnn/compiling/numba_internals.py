"""Names of Numba and llvmlite that their documentation does not promise, all in this file.

Whatever of Numba is imported elsewhere stands in its manual: `numba.njit`, `numba.types`,
`numba.extending`. These names are the same from Numba 0.61 to 0.68. A version that has moved one
fails here, at a name's first use or in `tests/compiling`. To import this file imports nothing.
"""

import contextlib
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from itertools import chain
from typing import Any

from fastnn.compiling.cache import MachineCode
from fastnn.compiling.target import Target

PLACES = {  # of names that others import from here
    "cgutils": "numba.core",  # helpers for writing instructions
    "global_compiler_lock": "numba.core.compiler_lock",  # Numba compiles for one thread at once
    "impl_ret_borrowed": "numba.core.imputils",  # "the result is the caller's own array"
    "make_array": "numba.np.arrayobj",  # the fields of an array
    "populate_array": "numba.np.arrayobj",
}


def __getattr__(name: str) -> Any:
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(PLACES[name]), name)


def value_of(array: Any) -> Any:
    """Give the value of an array whose fields are filled in."""
    return array._getvalue()


def type_variadic(function: Callable, typer: Callable[[tuple], Any]) -> None:
    """Register what types calls of a function that takes any number of arguments.

    The public `numba.extending.type_callable` would gather them in a tuple first.
    """
    templates: Any = import_module("numba.core.typing.templates")

    class Template(templates.AbstractTemplate):
        def generic(self, args: tuple, kws: dict) -> Any:
            return typer(args)

    templates.infer_global(function)(Template)


@contextlib.contextmanager
def compiling_for(target: Target) -> Iterator[None]:
    """Let Numba compile for a level of processors, for who holds the lock of its compiler.

    What a program compiles of its own stays for the processor at hand.
    """
    if not target.level:
        yield
        return
    context = import_module("numba.core.registry").cpu_target.target_context
    context.refresh()  # compiles what Numba itself brings along, for the processor at hand
    for_target = {"_internal_codegen": _codegen(target), "cached_internal_func": _helpers(target)}
    before = {name: getattr(context, name) for name in for_target}
    try:
        vars(context).update(for_target)
        yield
    finally:
        vars(context).update(before)


@cache
def _codegen(target: Target) -> Any:
    """Make what writes machine code for a target; Numba reads it from its settings."""
    settings: Any = import_module("numba.core.config")
    before = settings.CPU_NAME, settings.CPU_FEATURES
    try:
        settings.CPU_NAME, settings.CPU_FEATURES = target.cpu, target.features
        return import_module("numba.core.codegen").JITCPUCodegen("fastnn")
    finally:
        settings.CPU_NAME, settings.CPU_FEATURES = before


@cache
def _helpers(target: Target) -> dict:
    """Functions of Numba's own that were compiled for a target."""
    return {}


def compile_for(dispatcher: Any, kinds: tuple) -> Any:
    """Compile for argument types; returns Numba's compile result.

    The public ``dispatcher.compile`` also makes it callable from Python, which takes the wrappers
    that kernels go without.
    """
    return dispatcher._compiler.compile(kinds, None)


def machine_code(result: Any) -> MachineCode:
    """Give the machine code of a compile result."""
    return _of_library(result.library, result.fndesc.llvm_func_name)


def machine_code_of_cfunc(function: Any) -> MachineCode:
    """Give the machine code of what `numba.cfunc` has made."""
    return _of_library(function._library, function.native_name)


def _of_library(library: Any, symbol: str) -> MachineCode:
    library.get_pointer_to_function(symbol)  # has LLVM write the object file
    module = library._final_module
    used = chain(module.functions, module.global_variables)
    needs = [s.name for s in used if s.is_declaration and not s.name.startswith("llvm.")]
    return MachineCode(symbol, needs, library._get_compiled_object())


def call_compiled(context: Any, builder: Any, result: Any, kinds: tuple, values: list) -> Any:
    """Write the call of a compiled kernel; returns its value."""
    context.active_code_library.add_linking_library(result.library)
    kernel = context.declare_function(builder.module, result.fndesc)
    returned = result.signature.return_type
    return context.call_conv.call_function(builder, kernel, returned, kinds, values)[1]


def call_at(context: Any, builder: Any, address: Any, none: Any, kinds: tuple, values: Any) -> None:
    """Write the call of a kernel at an address, by Numba's own calling convention."""
    convention = context.call_conv
    form = convention.get_function_type(none, kinds)
    kernel = builder.inttoptr(address, form.as_pointer())
    convention.call_function(builder, kernel, none, kinds, values)
