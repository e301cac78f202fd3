"""Views, and what asks for their memory to be read."""

from functools import partial
from typing import Any

from llvmlite import ir
from numba import TypingError, types
from numba.extending import lower_builtin, type_callable

from fastnn.compiling.intrinsics.views import block, locked, matrix, prefetch, vector
from fastnn.compiling.lowering.functions import outlined_function
from fastnn.compiling.numba_internals import (
    cgutils,
    impl_ret_borrowed,
    make_array,
    populate_array,
    value_of,
)
from fastnn.memory import LINE


def fill(context: Any, builder: Any, view: Any, data: Any, shape: Any, strides: Any) -> None:
    """Make an array of a place in memory, which belongs to somebody else."""
    itemsize = context.get_constant(types.intp, _itemsize(context, view))
    populate_array(view, data=data, shape=shape, strides=strides, itemsize=itemsize, meminfo=None)


def _itemsize(context: Any, view: Any) -> int:
    return context.get_abi_sizeof(view.data.type.pointee)


@type_callable(locked)
def _type_of_locked(context: Any) -> Any:
    return lambda array: array.copy(readonly=True)(array)


@lower_builtin(locked, types.Array)
def _lower_locked(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    return impl_ret_borrowed(context, builder, signature.return_type, values[0])


@type_callable(vector)
def _type_of_vector(context: Any) -> Any:
    return lambda flat, at, n: _type_of_view(flat, 1)


@type_callable(matrix)
def _type_of_matrix(context: Any) -> Any:
    return lambda flat, at, m, n: _type_of_view(flat, 2)


def _type_of_view(flat: Any, ndim: int) -> Any:
    if not isinstance(flat, types.Array) or flat.layout != "C":
        raise TypingError("views are of C-ordered arrays")
    return flat.copy(ndim=ndim)(flat, *[types.intp] * (ndim + 1))


@lower_builtin(vector, types.Array, types.Integer, types.Integer)
@lower_builtin(matrix, types.Array, types.Integer, types.Integer, types.Integer)
def _lower_view(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    flat_type, view_type = signature.args[0], signature.return_type
    value, at, *shape = values
    flat = make_array(flat_type)(context, builder, value)
    view = make_array(view_type)(context, builder)
    strides = [context.get_constant(types.intp, _itemsize(context, view))]
    for size in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], size))
    pack = partial(cgutils.pack_array, builder)
    fill(context, builder, view, builder.gep(flat.data, [at]), pack(shape), pack(strides))
    return value_of(view)


@type_callable(block)
def _type_of_block(context: Any) -> Any:
    return lambda array, i, j, m, n: array.copy(layout="A")(array, *[types.intp] * 4)


@lower_builtin(block, types.Array, *[types.Integer] * 4)
def _lower_block(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    value, i, j, *shape = values
    whole = make_array(signature.args[0])(context, builder, value)
    view = make_array(signature.return_type)(context, builder)
    down, along = cgutils.unpack_tuple(builder, whole.strides)
    offset = builder.add(builder.mul(i, down), builder.mul(j, along))
    data = cgutils.pointer_add(builder, whole.data, offset)
    fill(context, builder, view, data, cgutils.pack_array(builder, shape), whole.strides)
    return value_of(view)


@type_callable(prefetch)
def _type_of_prefetch(context: Any) -> Any:
    return lambda view: types.none(view)


@lower_builtin(prefetch, types.Array)
def _lower_prefetch(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    view = make_array(signature.args[0])(context, builder, values[0])
    start = builder.bitcast(view.data, ir.IntType(8).as_pointer())
    arguments = [start, builder.mul(view.nitems, view.itemsize)]
    function, is_new = outlined_function(builder, "prefetch", arguments)
    if is_new:
        _define_prefetch(function)
    builder.call(function, arguments)
    return context.get_dummy_value()


def _define_prefetch(function: Any) -> None:
    """Ask for all cache lines of `size` bytes.

    Not inlined: optimised wherever a row is gathered, the loop made a cold start 0.1 s longer.
    """
    builder = ir.IRBuilder(function.append_basic_block())
    start, size = function.args
    byte, number = start.type, ir.IntType(32)
    form = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    fetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], form)
    to_read, to_L2, data = map(number, (0, 2, 1))
    first, line = size.type(0), size.type(LINE)
    stop = builder.add(size, size.type(LINE - 1))  # what begins within a line ends in one more
    with cgutils.for_range_slice(builder, first, stop, line, size.type, inc=True) as (at, _):
        builder.call(fetch, [builder.gep(start, [at]), to_read, to_L2, data])
    builder.ret_void()
