"""What the compiler makes of `call`, of views, of `dot`, and of the arguments of a `Call`.

To Numba each is a typing template, which says what it gives for which types, and a lowering, which
writes its instructions.
"""

from collections.abc import Iterator
from ctypes import c_int
from functools import partial
from itertools import count, islice
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.imputils import impl_ret_borrowed
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin
from numba.np import arrayobj

from fastnn.blas import dot, symbol
from fastnn.jit import call
from fastnn.memory import LINE
from fastnn.views import block, locked, matrix, prefetch, vector

# ------------------------------------------------------------------------------------- by address

signatures: set[tuple] = set()  # argument types of all kernels with an address


@infer_global(call)
class _CallTyping(AbstractTemplate):
    """To the compiler: a call that takes what some kernel takes."""

    def generic(self, args: tuple, kws: dict) -> Any:
        # The index of a prange loop is unsigned: any whole number is passed as int64.
        arguments = tuple(types.int64 if isinstance(a, types.Integer) else a for a in args[1:])
        declared = arguments if arguments in signatures else _of_any_order(arguments)
        if kws or declared not in signatures:  # anything else would end the process
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
    """Call, and do not look for an error: kernels raise none."""
    _, *argument_types = signature.args
    address, *arguments = values
    convention = context.call_conv
    form = convention.get_function_type(types.none, argument_types)
    kernel = builder.inttoptr(address, form.as_pointer())
    convention.call_function(builder, kernel, types.none, argument_types, arguments)
    return context.get_dummy_value()


# ------------------------------------------------------------------------------------ from Python


def runner(result: Any, fixed: tuple, varying: tuple) -> Any:
    """Make what runs a compiled kernel on the two pieces of memory of a `Call`."""

    @intrinsic
    def run(typing_context: Any, packed: Any, more: Any) -> Any:
        def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            read = []
            for place, kinds in zip(values, (fixed, varying), strict=True):
                numbers = _numbers(builder, builder.bitcast(place, WORD.as_pointer()))
                read += [_read(context, builder, kind, numbers) for kind in kinds]
            context.active_code_library.add_linking_library(result.library)
            kernel = context.declare_function(builder.module, result.fndesc)
            convention, kinds = context.call_conv, (*fixed, *varying)
            convention.call_function(builder, kernel, types.none, kinds, read)
            return context.get_dummy_value()

        return signature(types.none, packed, more), lower

    return run


WORD = ir.IntType(64)


def _numbers(builder: Any, first: Any) -> Iterator[Any]:
    """Go through numbers of 64 bits in memory."""
    for index in count():
        yield builder.load(builder.gep(first, [WORD(index)]))


def _read(context: Any, builder: Any, kind: Any, numbers: Iterator[Any]) -> Any:
    """Read an argument as `fastnn.jit.pack` has laid it down."""
    if isinstance(kind, types.BaseTuple):
        parts = [_read(context, builder, part, numbers) for part in kind.types]  # type: ignore[attr-defined]
        return context.make_tuple(builder, kind, parts)
    if isinstance(kind, types.NoneType):
        return context.get_dummy_value()
    number = next(numbers)
    if isinstance(kind, types.Array):
        return _read_array(context, builder, kind, number)
    return builder.bitcast(number, ir.DoubleType()) if kind == types.float64 else number


def _read_array(context: Any, builder: Any, kind: Any, place: Any) -> Any:
    """Read an array from Python's object, whose place this is.

    Behind the header of every object it says where its elements are, how many axes it has, and
    where its shape and its strides are: the first fields of NumPy's PyArrayObject.
    """

    def numbers(place: Any) -> Iterator[Any]:
        return _numbers(builder, builder.inttoptr(place, WORD.as_pointer()))

    header = object.__basicsize__ // 8
    data, _, shape, strides = islice(numbers(place), header, header + 4)
    array = arrayobj.make_array(kind)(context, builder)
    _fill(
        context,
        builder,
        array,
        builder.inttoptr(data, array.data.type),
        cgutils.pack_array(builder, list(islice(numbers(shape), kind.ndim))),
        cgutils.pack_array(builder, list(islice(numbers(strides), kind.ndim))),
    )
    return array._getvalue()


# ------------------------------------------------------------------------------------------- views


def _fill(context: Any, builder: Any, view: Any, data: Any, shape: Any, strides: Any) -> None:
    """Make an array of a place in memory, which belongs to somebody else."""
    itemsize = context.get_constant(types.intp, _itemsize(context, view))
    arrayobj.populate_array(
        view, data=data, shape=shape, strides=strides, itemsize=itemsize, meminfo=None
    )


def _itemsize(context: Any, view: Any) -> int:
    return context.get_abi_sizeof(view.data.type.pointee)


@infer_global(locked)
class _LockedTyping(AbstractTemplate):
    def generic(self, args: tuple, kws: dict) -> Any:
        return signature(args[0].copy(readonly=True), *args)


@lower_builtin(locked, types.Array)
def _lower_locked(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    return impl_ret_borrowed(context, builder, signature.return_type, values[0])


class _ViewTyping(AbstractTemplate):
    def generic(self, args: tuple, kws: dict) -> Any:
        flat, _, *shape = args
        if not isinstance(flat, types.Array) or flat.layout != "C":
            raise TypingError("views are of C-ordered arrays")
        view = flat.copy(ndim=len(shape))
        return signature(view, flat, *[types.intp] * len(args[1:]))


infer_global(vector)(type("_VectorTyping", (_ViewTyping,), {}))
infer_global(matrix)(type("_MatrixTyping", (_ViewTyping,), {}))


@lower_builtin(vector, types.Array, types.Integer, types.Integer)
@lower_builtin(matrix, types.Array, types.Integer, types.Integer, types.Integer)
def _lower_view(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    flat_type, view_type = signature.args[0], signature.return_type
    value, at, *shape = values
    flat = arrayobj.make_array(flat_type)(context, builder, value)
    view = arrayobj.make_array(view_type)(context, builder)
    strides = [context.get_constant(types.intp, _itemsize(context, view))]
    for size in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], size))
    pack = partial(cgutils.pack_array, builder)
    _fill(context, builder, view, builder.gep(flat.data, [at]), pack(shape), pack(strides))
    return view._getvalue()


@infer_global(block)
class _BlockTyping(AbstractTemplate):
    def generic(self, args: tuple, kws: dict) -> Any:
        return signature(args[0].copy(layout="A"), args[0], *[types.intp] * 4)


@lower_builtin(block, types.Array, *[types.Integer] * 4)
def _lower_block(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    value, i, j, *shape = values
    whole = arrayobj.make_array(signature.args[0])(context, builder, value)
    view = arrayobj.make_array(signature.return_type)(context, builder)
    down, along = cgutils.unpack_tuple(builder, whole.strides)
    offset = builder.add(builder.mul(i, down), builder.mul(j, along))
    data = cgutils.pointer_add(builder, whole.data, offset)
    _fill(context, builder, view, data, cgutils.pack_array(builder, shape), whole.strides)
    return view._getvalue()


@infer_global(prefetch)
class _PrefetchTyping(AbstractTemplate):
    def generic(self, args: tuple, kws: dict) -> Any:
        return signature(types.none, *args)


@lower_builtin(prefetch, types.Array)
def _lower_prefetch(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    view = arrayobj.make_array(signature.args[0])(context, builder, values[0])
    byte = ir.IntType(8).as_pointer()
    form = ir.FunctionType(ir.VoidType(), [byte, view.nitems.type])
    function = cgutils.get_or_insert_function(builder.module, form, "fastnn_prefetch")
    if function.is_declaration:
        _define_prefetch(function)
    size = builder.mul(view.nitems, view.itemsize)
    builder.call(function, [builder.bitcast(view.data, byte), size])
    return context.get_dummy_value()


def _define_prefetch(function: Any) -> None:
    """Ask for all cache lines of `size` bytes.

    Not inlined: optimised wherever a row is gathered, the loop made a cold start 0.1 s longer.
    """
    function.linkage = "internal"
    function.attributes.add("noinline")
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


# ------------------------------------------------------------------------------- matrix products

INT = ir.IntType(8 * np.dtype(c_int).itemsize)


@infer_global(dot)
class _DotTyping(AbstractTemplate):
    def generic(self, args: tuple, kws: dict) -> Any:
        same = len({array.dtype for array in args}) == 1
        if not same or {array.ndim for array in args} != {2} or args[2].layout == "F":
            raise TypingError(f"dot has no such operands: {args}")
        return signature(types.none, *args)


@lower_builtin(dot, types.Array, types.Array, types.Array)
def _lower_dot(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    # To BLAS, matrices lie column by column: one that lies row by row is the transposed one, and
    # the product is out' = B' A'.
    dtype = signature.args[2].dtype
    number = context.get_value_type(dtype)
    itemsize = context.get_constant(types.intp, context.get_abi_sizeof(number))

    def place(value: Any) -> Any:  # every argument is a pointer
        return cgutils.alloca_once_value(builder, value)

    def size(value: Any) -> Any:
        return place(builder.trunc(value, INT))

    def lies(kind: Any, value: Any) -> tuple:
        """Shape of a matrix, letter of its transposition, and its place with its step."""
        matrix = arrayobj.make_array(kind)(context, builder, value)
        rows, columns = cgutils.unpack_tuple(builder, matrix.shape)
        down, along = cgutils.unpack_tuple(builder, matrix.strides)
        is_transposed = builder.and_(
            builder.icmp_signed("!=", along, itemsize), builder.icmp_signed("==", down, itemsize)
        )
        step = builder.sdiv(builder.select(is_transposed, along, down), itemsize)
        # Of one row or none, steps may say less than BLAS asks for.
        for least in (builder.select(is_transposed, rows, columns), ir.Constant(step.type, 1)):
            step = builder.select(builder.icmp_signed("<", step, least), least, step)
        N, T = (ir.Constant(ir.IntType(8), ord(letter)) for letter in "NT")
        letter = place(builder.select(is_transposed, T, N))
        return rows, columns, letter, (matrix.data, size(step))

    (m, k, letter_A, A), (_, n, letter_B, B), (*_, out) = map(lies, signature.args, values)
    ones = place(number(1.0)), place(number(0.0))
    arguments = [letter_B, letter_A, size(n), size(m), size(k), ones[0], *B, *A, ones[1], *out]
    form = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
    routine = cgutils.get_or_insert_function(builder.module, form, symbol(str(dtype)))
    builder.call(routine, arguments)
    return context.get_dummy_value()
