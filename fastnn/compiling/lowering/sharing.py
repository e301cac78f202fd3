"""A loop handed to other threads: its arguments in memory, and a function that reads them."""

import hashlib
from typing import Any

from llvmlite import ir
from numba import TypingError, types
from numba.extending import lower_builtin, type_callable

from fastnn.compiling.language import publish, run_published
from fastnn.compiling.lowering.calls import declared
from fastnn.compiling.lowering.functions import outlined_function
from fastnn.compiling.numba_internals import call_at, cgutils, make_array, type_variadic

WORD, INDEX = ir.IntType(64), ir.IntType(32)


def _type_of_publish(arguments: tuple) -> Any:
    team, _, *others = arguments
    kinds = declared(tuple(others))
    if kinds is None:
        raise TypingError(f"no kernel takes the arguments {others}")
    return types.none(team, types.int64, *kinds)


type_variadic(publish, _type_of_publish)


@type_callable(run_published)
def _type_of_run(context: Any) -> Any:
    return lambda code, values: types.none(types.int64, types.int64)


@lower_builtin(publish, types.Array, types.Integer, types.VarArg(types.Any))
def _lower_publish(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    """Lay the kernel's address and its arguments down, and say where they and their reader are."""
    (team, _, *kinds), (words, *values) = signature.args, values
    form = ir.LiteralStructType([value.type for value in values])
    memory = cgutils.alloca_once(builder, form)
    for index, value in enumerate(values):
        builder.store(value, builder.gep(memory, [INDEX(0), INDEX(index)]))
    digest = hashlib.sha256(repr((form, kinds)).encode()).hexdigest()[:12]
    place = builder.ptrtoint(memory, WORD)
    reader, is_new = outlined_function(builder, f"run_{digest}", [place])
    if is_new:
        _define(context, reader, form, kinds)
    out = make_array(team)(context, builder, words).data
    for at, value in enumerate((builder.ptrtoint(reader, WORD), place)):
        builder.store(value, builder.gep(out, [WORD(at)]))
    return context.get_dummy_value()


def _define(context: Any, reader: Any, form: Any, kinds: list) -> None:
    """Write the function that calls a kernel with what lies in memory."""
    builder = ir.IRBuilder(reader.append_basic_block())
    memory = builder.inttoptr(reader.args[0], form.as_pointer())
    address, *values = (
        builder.load(builder.gep(memory, [INDEX(0), INDEX(index)]))
        for index in range(len(form.elements))
    )
    call_at(context, builder, address, types.none, tuple(kinds), values)
    builder.ret_void()


@lower_builtin(run_published, types.Integer, types.Integer)
def _lower_run(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    form = ir.FunctionType(ir.VoidType(), [WORD])
    builder.call(builder.inttoptr(values[0], form.as_pointer()), [values[1]])
    return context.get_dummy_value()
