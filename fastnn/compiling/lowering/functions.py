"""Outlined functions: LLVM compiles them once and does not inline them."""

from typing import Any

from llvmlite import ir

from fastnn.compiling.numba_internals import cgutils


def outlined_function(builder: Any, name: str, arguments: list) -> tuple[Any, bool]:
    """Declare a function of this module; returns it, and whether it has still to be defined."""
    form = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
    function = cgutils.get_or_insert_function(builder.module, form, f"fastnn_{name}")
    is_new = function.is_declaration
    if is_new:
        function.linkage = "internal"
        function.attributes.add("noinline")
    return function, is_new
