"""Matrix products: by a routine of BLAS, and of a few rows with sums that stay in registers."""

from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_int
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin
from numba.np import arrayobj

from fastnn.blas import dot, symbol
from fastnn.registers import NARROW, ROWS, WIDE, copy_to_panel, dot_in_registers

# ------------------------------------------------------------------------------------------- BLAS

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


# -------------------------------------------------------------------------------------- registers
#
# Functions of their own, and not inlined: what they are compiled to is the same wherever they are
# called, and written in Numba's Python their loops would take five times as long to compile.

SIZE = ir.IntType(64)
LANE = ir.IntType(32)


class _Matrix:
    """An array of two axes: where it lies, its shape, and its steps in numbers."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        array = arrayobj.make_array(kind)(context, builder, value)
        self.data, self.number = array.data, array.data.type.pointee
        self.itemsize = context.get_abi_sizeof(self.number)
        self.rows, self.columns = cgutils.unpack_tuple(builder, array.shape)
        strides = cgutils.unpack_tuple(builder, array.strides)
        self.down, self.along = (builder.sdiv(step, SIZE(self.itemsize)) for step in strides)


class _RegistersTyping(AbstractTemplate):
    def generic(self, args: tuple, kws: dict) -> Any:
        if len({array.dtype for array in args}) != 1 or {array.ndim for array in args} != {2}:
            raise TypingError(f"no registers hold {args}")
        return signature(types.none, *args)


for function in (dot_in_registers, copy_to_panel):
    infer_global(function)(type(f"_{function.__name__}", (_RegistersTyping,), {}))


def _function(builder: Any, name: str, arguments: list) -> Any:
    """Declare a function of this module; returns it, and whether it was not yet defined."""
    form = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
    function = cgutils.get_or_insert_function(builder.module, form, f"fastnn_{name}")
    is_new = function.is_declaration
    if is_new:
        function.linkage = "internal"
        function.attributes.add("noinline")
    return function, is_new


@lower_builtin(dot_in_registers, types.Array, types.Array, types.Array)
def _lower_dot_in_registers(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    A, panel, out = (
        _Matrix(context, builder, *pair) for pair in zip(signature.args, values, strict=True)
    )
    lies_by_rows = builder.icmp_signed("==", A.along, SIZE(1))
    step = builder.select(lies_by_rows, A.down, A.along)
    arguments = [A.data, step, panel.data, panel.rows, out.data, out.down, out.columns]
    choices = []
    for width in (WIDE // out.itemsize, NARROW // out.itemsize):
        for by_rows in (True, False):
            name = f"dot_{width}_{out.itemsize}_{'rows' if by_rows else 'columns'}"
            function, is_new = _function(builder, name, arguments)
            if is_new:
                _define_dot(function, width, out.itemsize, by_rows)
            choices.append(function)
    wide, narrow = (builder.select(lies_by_rows, *pair) for pair in (choices[:2], choices[2:]))
    is_wide = builder.icmp_signed("==", panel.columns, SIZE(WIDE // out.itemsize))
    builder.call(builder.select(is_wide, wide, narrow), arguments)
    return context.get_dummy_value()


def _define_dot(function: Any, width: int, itemsize: int, by_rows: bool) -> None:
    """Multiply `ROWS` rows of A, one below the other or as columns, by a panel of k rows.

    For each k a row of the panel is loaded once, and each number of A is spread over a vector.
    LLVM's own vectoriser does not find this form: it loads and stores the sums again and again.
    """
    A, A_step, panel, k, out, out_step, columns = function.args
    begin, loop, done = map(function.append_basic_block, ("begin", "loop", "done"))
    builder = ir.IRBuilder(begin)
    lanes = NARROW // itemsize
    vector = ir.VectorType(A.type.pointee, lanes)
    first_lane = ir.VectorType(LANE, lanes)(None)
    parts = range(0, width, lanes)
    form, name = ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.v{lanes}f{8 * itemsize}"
    multiply_add = cgutils.get_or_insert_function(builder.module, form, name)

    def vector_at(place: Any, offset: Any) -> Any:
        return builder.bitcast(builder.gep(place, [offset]), vector.as_pointer())

    builder.branch(loop)
    builder.position_at_end(loop)
    left, a, p = (builder.phi(start.type) for start in (k, A, panel))
    sums = {(r, c): builder.phi(vector) for r in range(ROWS) for c in parts}
    row = {c: builder.load(vector_at(p, SIZE(c)), align=itemsize) for c in parts}
    new = {}
    for r in range(ROWS):
        offset = builder.mul(SIZE(r), A_step) if by_rows else SIZE(r)
        number = builder.load(builder.gep(a, [offset]))
        vectors = builder.insert_element(vector(ir.Undefined), number, LANE(0))
        spread = builder.shuffle_vector(vectors, vector(ir.Undefined), first_lane)
        for c in parts:
            new[r, c] = builder.call(multiply_add, [spread, row[c], sums[r, c]])
    nexts = {
        left: (k, builder.sub(left, SIZE(1))),
        a: (A, builder.gep(a, [SIZE(1) if by_rows else A_step])),
        p: (panel, builder.gep(p, [SIZE(width)])),
        **{phi: (vector(None), new[place]) for place, phi in sums.items()},
    }
    for phi, (start, following) in nexts.items():
        phi.add_incoming(start, begin)
        phi.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed(">", nexts[left][1], SIZE(0)), loop, done)
    builder.position_at_end(done)
    is_whole = builder.icmp_signed("==", columns, SIZE(width))
    with builder.if_else(is_whole) as (whole, part):
        with whole:
            for (r, c), value in new.items():
                offset = builder.add(builder.mul(SIZE(r), out_step), SIZE(c))
                builder.store(value, vector_at(out, offset), align=itemsize)
        with part:
            room = cgutils.alloca_once(builder, ir.ArrayType(A.type.pointee, ROWS * width))
            kept = builder.bitcast(room, out.type)
            for (r, c), value in new.items():
                builder.store(value, vector_at(kept, SIZE(r * width + c)), align=itemsize)
            for r in range(ROWS):
                row_of_out = builder.gep(out, [builder.mul(SIZE(r), out_step)])
                source = builder.gep(kept, [SIZE(r * width)])
                cgutils.raw_memcpy(builder, row_of_out, source, columns, itemsize)
    builder.ret_void()


@lower_builtin(copy_to_panel, types.Array, types.Array)
def _lower_copy_to_panel(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    array, panel = (
        _Matrix(context, builder, *pair) for pair in zip(signature.args, values, strict=True)
    )
    arguments = [
        *(array.data, array.down, array.along, array.columns),
        *(panel.data, panel.rows, panel.columns),
    ]
    function, is_new = _function(builder, f"copy_{panel.itemsize}", arguments)
    if is_new:
        _define_copy(function, panel.itemsize)
    builder.call(function, arguments)
    return context.get_dummy_value()


def _define_copy(function: Any, itemsize: int) -> None:
    """Copy a panel's rows by vectors, or from columns by squares, or number by number."""
    builder = ir.IRBuilder(function.append_basic_block())
    source, down, along, columns, panel, k, width = function.args
    lanes = NARROW // itemsize
    vector = ir.VectorType(source.type.pointee, lanes)

    def place(array: Any, row: Any, row_step: Any, column: Any, column_step: Any = None) -> Any:
        column = column if column_step is None else builder.mul(column, column_step)
        return builder.gep(array, [builder.add(builder.mul(row, row_step), column)])

    def load(pointer: Any) -> Any:
        return builder.load(builder.bitcast(pointer, vector.as_pointer()), align=itemsize)

    def store(value: Any, pointer: Any) -> None:
        builder.store(value, builder.bitcast(pointer, vector.as_pointer()), align=itemsize)

    def both(first: Any, second: Any) -> Any:
        return builder.and_(first, second)

    is_whole = builder.icmp_signed("==", columns, width)
    by_rows = both(is_whole, builder.icmp_signed("==", along, SIZE(1)))
    is_long = builder.icmp_signed(">=", k, SIZE(lanes))
    by_columns = both(both(is_whole, is_long), builder.icmp_signed("==", down, SIZE(1)))
    with builder.if_then(by_rows):
        with _steps(builder, SIZE(0), k) as i, _steps(builder, SIZE(0), width, lanes) as j:
            store(load(place(source, i, down, j)), place(panel, i, width, j))
        builder.ret_void()
    with builder.if_then(by_columns):
        with _steps(builder, SIZE(0), width, lanes) as j, _steps(builder, SIZE(0), k, lanes) as i:
            last = builder.sub(k, SIZE(lanes))
            first = builder.select(builder.icmp_signed("<", i, last), i, last)
            rows = [
                load(place(source, first, SIZE(1), builder.add(j, SIZE(lane)), along))
                for lane in range(lanes)
            ]
            for lane, row in enumerate(_transposed(builder, rows)):
                store(row, place(panel, builder.add(first, SIZE(lane)), width, j))
        builder.ret_void()
    with _steps(builder, SIZE(0), k) as i:
        with _steps(builder, SIZE(0), columns) as j:
            number = builder.load(place(source, i, down, j, along))
            builder.store(number, place(panel, i, width, j))
        with _steps(builder, columns, width) as j:
            builder.store(source.type.pointee(0.0), place(panel, i, width, j))
    builder.ret_void()


@contextmanager
def _steps(builder: Any, start: Any, stop: Any, step: int = 1) -> Iterator[Any]:
    """Write a loop, and give its index."""
    with cgutils.for_range_slice(builder, start, stop, SIZE(step), inc=True) as (index, _):
        yield index


def _transposed(builder: Any, rows: list) -> list:
    """Interleave the first half of the rows with the second, and so again: log2(rows) times."""
    n, half = len(rows), len(rows) // 2
    order = [lane + n * second for lane in range(n) for second in (0, 1)]
    halves = [ir.VectorType(LANE, n)(part) for part in (order[:n], order[n:])]
    for _ in range(half.bit_length()):
        pairs = list(zip(rows[:half], rows[half:], strict=True))
        rows = [builder.shuffle_vector(*pair, part) for pair in pairs for part in halves]
    return rows
