"""Words that several threads read and write at once: LLVM's atomic instructions."""

import sys
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import TypingError, types
from numba.extending import lower_builtin, type_callable

from fastnn.compiling.intrinsics.atomics import add, give_way, load, pause, store, swap
from fastnn.compiling.numba_internals import cgutils, make_array, type_variadic

WORD, ALIGNED = ir.IntType(64), 8
PAUSES = {"x86_64": ("llvm.x86.sse2.pause", ()), "aarch64": ("llvm.aarch64.hint", (1,))}


def _type_operation(operation: Callable, result: Any, n_numbers: int) -> None:
    """Register an operation's types: words, where among them, and whole numbers."""

    def typer(arguments: tuple) -> Any:
        words, *numbers = arguments
        if words != types.Array(types.int64, 1, "C") or len(numbers) != n_numbers:
            raise TypingError(f"no atomic words are {words}")
        return result(words, *[types.int64] * n_numbers)

    type_variadic(operation, typer)


_type_operation(load, types.int64, 1)
_type_operation(store, types.none, 2)
_type_operation(add, types.int64, 2)
_type_operation(swap, types.boolean, 3)


@type_callable(pause)
@type_callable(give_way)
def _type_of_wait(context: Any) -> Any:
    return lambda: types.none()


def place(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    """Find the word that an operation's first two arguments name."""
    array = make_array(signature.args[0])(context, builder, values[0])
    return builder.gep(array.data, [values[1]])


@lower_builtin(load, types.Array, types.Integer)
def _lower_load(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    return builder.load_atomic(place(context, builder, signature, values), "acquire", ALIGNED)


@lower_builtin(store, types.Array, types.Integer, types.Integer)
def _lower_store(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    word = place(context, builder, signature, values)
    builder.store_atomic(values[2], word, "release", ALIGNED)
    return context.get_dummy_value()


@lower_builtin(add, types.Array, types.Integer, types.Integer)
def _lower_add(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    word = place(context, builder, signature, values)
    return builder.atomic_rmw("add", word, values[2], "acq_rel")


@lower_builtin(swap, types.Array, types.Integer, types.Integer, types.Integer)
def _lower_swap(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    word = place(context, builder, signature, values)
    both = builder.cmpxchg(word, values[2], values[3], "acq_rel", "acquire")
    return builder.extract_value(both, 1)


@lower_builtin(pause)
def _lower_pause(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    triple = builder.module.triple or ""
    for kind, (name, numbers) in PAUSES.items():
        if triple.startswith(kind):
            form = ir.FunctionType(ir.VoidType(), [ir.IntType(32)] * len(numbers))
            function = cgutils.get_or_insert_function(builder.module, form, name)
            builder.call(function, [ir.IntType(32)(number) for number in numbers])
    return context.get_dummy_value()


@lower_builtin(give_way)
def _lower_give_way(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    form = ir.FunctionType(ir.IntType(32), [])
    name = "SwitchToThread" if sys.platform == "win32" else "sched_yield"
    builder.call(cgutils.get_or_insert_function(builder.module, form, name), [])
    return context.get_dummy_value()
