"""A product of a few rows in registers, and the copy of a panel, written in vectors.

Functions of their own, and not inlined: they are compiled to the same code wherever they are
called. Their loops would take five times as long to compile if they were written in Numba's Python.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import TypingError, types
from numba.extending import lower_builtin, type_callable

from fastnn.compiling.intrinsics.registers import (
    LONG,
    LONG_ROWS,
    NARROW,
    REGISTER_ROWS,
    copy_to_long_panel,
    copy_to_panel,
    dot_in_long_registers,
    dot_in_registers,
)
from fastnn.compiling.lowering.functions import outlined_function
from fastnn.compiling.numba_internals import cgutils, make_array

SIZE = ir.IntType(64)
LANE = ir.IntType(32)


class Matrix:
    """An array of two axes: where it lies, its shape, and its steps in numbers."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        array = make_array(kind)(context, builder, value)
        self.data, self.itemsize = array.data, context.get_abi_sizeof(array.data.type.pointee)
        self.rows, self.columns = cgutils.unpack_tuple(builder, array.shape)
        strides = cgutils.unpack_tuple(builder, array.strides)
        self.down, self.along = (builder.sdiv(step, SIZE(self.itemsize)) for step in strides)


class _Vectors:
    """What is done to numbers of a type as vectors, of so many lanes."""

    def __init__(self, builder: Any, number: Any, itemsize: int, size: int = NARROW) -> None:
        self.builder, self.itemsize = builder, itemsize
        self.lanes = size // itemsize
        self.type = ir.VectorType(number, self.lanes)

    def at(self, array: Any, *offset: Any) -> Any:
        """Find the place of a vector in an array: a row and its step, and a column."""
        *row, column = offset
        if row:
            column = self.builder.add(self.builder.mul(*row), column)
        return self.builder.bitcast(self.builder.gep(array, [column]), self.type.as_pointer())

    def load(self, place: Any) -> Any:
        return self.builder.load(place, align=self.itemsize)

    def store(self, vector: Any, place: Any) -> None:
        self.builder.store(vector, place, align=self.itemsize)

    def first(self, n: Any) -> Any:
        """Make the mask of the first n lanes, all of them where n is larger."""
        numbers = ir.VectorType(SIZE, self.lanes)
        places = numbers([SIZE(lane) for lane in range(self.lanes)])
        return self.builder.icmp_signed("<", places, self.spread(n, numbers))

    def load_some(self, place: Any, mask: Any) -> Any:
        """Load the lanes of a mask; the others are 0."""
        form = ir.FunctionType(self.type, [place.type, LANE, mask.type, self.type])
        load = self._masked("load", form)
        return self.builder.call(load, [place, LANE(self.itemsize), mask, self.type(None)])

    def store_some(self, vector: Any, place: Any, mask: Any) -> None:
        """Store the lanes of a mask."""
        form = ir.FunctionType(ir.VoidType(), [self.type, place.type, LANE, mask.type])
        self.builder.call(self._masked("store", form), [vector, place, LANE(self.itemsize), mask])

    def _masked(self, what: str, form: Any) -> Any:
        name = f"llvm.masked.{what}.v{self.lanes}f{8 * self.itemsize}.p0"
        return cgutils.get_or_insert_function(self.builder.module, form, name)

    def spread(self, number: Any, kind: Any = None) -> Any:
        """Put a number into each lane."""
        undefined = (kind or self.type)(ir.Undefined)
        first = self.builder.insert_element(undefined, number, LANE(0))
        return self.builder.shuffle_vector(first, undefined, ir.VectorType(LANE, self.lanes)(None))

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        """Compute a b + c, rounded once where the processor can."""
        form = ir.FunctionType(self.type, [self.type] * 3)
        name = f"llvm.fmuladd.v{self.lanes}f{8 * self.itemsize}"
        function = cgutils.get_or_insert_function(self.builder.module, form, name)
        return self.builder.call(function, [a, b, c])

    def transposed(self, rows: list) -> list:
        """Interleave the rows' first half with the second, and so again: log2(lanes) times."""
        half = self.lanes // 2
        order = [lane + self.lanes * second for lane in range(self.lanes) for second in (0, 1)]
        parts = order[: self.lanes], order[self.lanes :]
        halves = [ir.VectorType(LANE, self.lanes)(part) for part in parts]
        for _ in range(half.bit_length()):
            pairs = list(zip(rows[:half], rows[half:], strict=True))
            rows = [self.builder.shuffle_vector(*pair, part) for pair in pairs for part in halves]
        return rows


@type_callable(dot_in_registers)
@type_callable(dot_in_long_registers)
def _type_of_dot(context: Any) -> Any:
    return lambda A, panel, out: _type_of_matrices(A, panel, out)


@type_callable(copy_to_panel)
@type_callable(copy_to_long_panel)
def _type_of_copy(context: Any) -> Any:
    return lambda array, panel: _type_of_matrices(array, panel)


def _type_of_matrices(*args: Any) -> Any:
    if len({array.dtype for array in args}) != 1 or {array.ndim for array in args} != {2}:
        raise TypingError(f"no registers hold {args}")
    return types.none(*args)


@contextmanager
def steps(builder: Any, start: Any, stop: Any, step: int = 1) -> Iterator[Any]:
    """Write a loop, and give its index."""
    with cgutils.for_range_slice(builder, start, stop, SIZE(step), inc=True) as (index, _):
        yield index


# ------------------------------------------------------------------------------------ the product


@lower_builtin(dot_in_registers, types.Array, types.Array, types.Array)
def _lower_dot(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    return _call_dot(context, builder, signature, values, NARROW, (REGISTER_ROWS,))


@lower_builtin(dot_in_long_registers, types.Array, types.Array, types.Array)
def _lower_long_dot(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    return _call_dot(context, builder, signature, values, LONG, LONG_ROWS)


def _call_dot(
    context: Any, builder: Any, signature: Any, values: Any, size: int, rows: tuple[int, ...]
) -> Any:
    """Call the function for these rows of A, and for a panel of one register of `size` or two."""
    A, panel, out = (
        Matrix(context, builder, *pair) for pair in zip(signature.args, values, strict=True)
    )
    lies_by_rows = builder.icmp_signed("==", A.along, SIZE(1))
    step = builder.select(lies_by_rows, A.down, A.along)
    arguments = [A.data, step, panel.data, panel.rows, out.data, out.down, out.columns]
    is_wide = builder.icmp_signed("==", panel.columns, SIZE(2 * size // out.itemsize))
    chosen = None
    for n_rows in rows:
        choices = []
        for n_registers in (2, 1):
            for by_rows in (True, False):
                width = n_registers * size // out.itemsize
                lies = "rows" if by_rows else "columns"
                name = f"dot_{n_rows}_{width}_{out.itemsize}_{lies}"
                function, is_new = outlined_function(builder, name, arguments)
                if is_new:
                    _define_dot(function, n_rows, width, out.itemsize, by_rows, size)
                choices.append(function)
        pairs = choices[:2], choices[2:]
        wide, narrow = (builder.select(lies_by_rows, *pair) for pair in pairs)
        function = builder.select(is_wide, wide, narrow)
        if chosen is None:
            chosen = function
        else:
            fits = builder.icmp_signed("==", A.rows, SIZE(n_rows))
            chosen = builder.select(fits, function, chosen)
    builder.call(chosen, arguments)
    return context.get_dummy_value()


def _define_dot(
    function: Any, rows: int, width: int, itemsize: int, by_rows: bool, size: int
) -> None:
    """Multiply so many rows of A, one below the other or as columns, by a panel of k rows.

    For each k a row of the panel is loaded once, and each number of A is spread over a vector.
    LLVM's own vectoriser does not find this form: it loads and stores the sums again and again.
    """
    A, A_step, panel, k, out, out_step, columns = function.args
    begin, loop, done = map(function.append_basic_block, ("begin", "loop", "done"))
    builder = ir.IRBuilder(begin)
    vectors = _Vectors(builder, A.type.pointee, itemsize, size)
    parts = range(0, width, vectors.lanes)
    builder.branch(loop)
    builder.position_at_end(loop)
    # What changes from round to round: rows of the panel left, places in A and in it, and the sums.
    left, a, p = (builder.phi(start.type) for start in (k, A, panel))
    sums = {(r, c): builder.phi(vectors.type) for r in range(rows) for c in parts}
    row = [vectors.load(vectors.at(p, SIZE(c))) for c in parts]
    new = {}  # the sums after this round
    for r in range(rows):
        place = builder.gep(a, [builder.mul(SIZE(r), A_step) if by_rows else SIZE(r)])
        spread = vectors.spread(builder.load(place))
        for c, part in zip(parts, row, strict=True):
            new[r, c] = vectors.multiply_add(spread, part, sums[r, c])
    following = builder.sub(left, SIZE(1))
    nexts = {  # of each phi, its value at the begin and after a round
        left: (k, following),
        a: (A, builder.gep(a, [SIZE(1) if by_rows else A_step])),
        p: (panel, builder.gep(p, [SIZE(width)])),
        **{phi: (vectors.type(None), new[place]) for place, phi in sums.items()},
    }
    for phi, (first, later) in nexts.items():
        phi.add_incoming(first, begin)
        phi.add_incoming(later, loop)
    builder.cbranch(builder.icmp_signed(">", following, SIZE(0)), loop, done)
    builder.position_at_end(done)
    if size == LONG:
        _store_masked(vectors, new, parts, out, out_step, columns)
    else:
        _store_rows(vectors, new, rows, width, out, out_step, columns)
    builder.ret_void()


def _store_masked(
    vectors: _Vectors, sums: dict, parts: range, out: Any, out_step: Any, columns: Any
) -> None:
    """Store the sums, by (row, column), of so many columns, by AVX-512's masks."""
    masks = {c: vectors.first(vectors.builder.sub(columns, SIZE(c))) for c in parts}
    for (r, c), value in sums.items():
        vectors.store_some(value, vectors.at(out, SIZE(r), out_step, SIZE(c)), masks[c])


def _store_rows(
    vectors: _Vectors, sums: dict, rows: int, width: int, out: Any, out_step: Any, columns: Any
) -> None:
    """Store the sums, by (row, column), of so many columns."""
    builder = vectors.builder
    with builder.if_else(builder.icmp_signed("==", columns, SIZE(width))) as (whole, part):
        with whole:
            for (r, c), value in sums.items():
                vectors.store(value, vectors.at(out, SIZE(r), out_step, SIZE(c)))
        with part:
            room = ir.ArrayType(vectors.type.element, rows * width)
            kept = builder.bitcast(cgutils.alloca_once(builder, room), out.type)
            for (r, c), value in sums.items():
                vectors.store(value, vectors.at(kept, SIZE(r * width + c)))
            for r in range(rows):
                source = builder.gep(kept, [SIZE(r * width)])
                target = builder.gep(out, [builder.mul(SIZE(r), out_step)])
                cgutils.raw_memcpy(builder, target, source, columns, vectors.itemsize)


# --------------------------------------------------------------------------------- a panel's copy


@lower_builtin(copy_to_panel, types.Array, types.Array)
def _lower_copy(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    return _call_copy(context, builder, signature, values, NARROW)


@lower_builtin(copy_to_long_panel, types.Array, types.Array)
def _lower_long_copy(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    return _call_copy(context, builder, signature, values, LONG)


def _call_copy(context: Any, builder: Any, signature: Any, values: Any, size: int) -> Any:
    array, panel = (
        Matrix(context, builder, *pair) for pair in zip(signature.args, values, strict=True)
    )
    arguments = [
        *(array.data, array.down, array.along, array.columns),
        *(panel.data, panel.rows, panel.columns),
    ]
    function, is_new = outlined_function(builder, f"copy_{size}_{panel.itemsize}", arguments)
    if is_new:
        _define_copy(function, panel.itemsize, size)
    builder.call(function, arguments)
    return context.get_dummy_value()


def _define_copy(function: Any, itemsize: int, size: int) -> None:
    """Copy rows by vectors where they are whole, columns by squares, and else number by number.

    AVX-512 masks what a row lacks.
    """
    builder = ir.IRBuilder(function.append_basic_block())
    source, down, along, columns, panel, k, width = function.args
    vectors = _Vectors(builder, source.type.pointee, itemsize, size)
    lanes = vectors.lanes

    def all_of(*conditions: tuple) -> Any:
        first, *others = (builder.icmp_signed(*condition) for condition in conditions)
        for other in others:
            first = builder.and_(first, other)
        return first

    is_whole = "==", columns, width
    with builder.if_then(all_of(is_whole, ("==", along, SIZE(1)))):
        with steps(builder, SIZE(0), k) as i, steps(builder, SIZE(0), width, lanes) as j:
            row = vectors.load(vectors.at(source, i, down, j))
            vectors.store(row, vectors.at(panel, i, width, j))
        builder.ret_void()
    if size == LONG:
        with builder.if_then(all_of(("==", along, SIZE(1)))):
            with steps(builder, SIZE(0), width, lanes) as j:
                mask = vectors.first(builder.sub(columns, j))
                with steps(builder, SIZE(0), k) as i:
                    row = vectors.load_some(vectors.at(source, i, down, j), mask)
                    vectors.store(row, vectors.at(panel, i, width, j))
            builder.ret_void()
    with builder.if_then(all_of(is_whole, ("==", down, SIZE(1)), (">=", k, SIZE(lanes)))):
        with steps(builder, SIZE(0), width, lanes) as j, steps(builder, SIZE(0), k, lanes) as i:
            last = builder.sub(k, SIZE(lanes))  # some numbers may come twice
            first = builder.select(builder.icmp_signed("<", i, last), i, last)
            places = [builder.add(j, SIZE(lane)) for lane in range(lanes)]
            square = [vectors.load(vectors.at(source, place, along, first)) for place in places]
            for lane, row in enumerate(vectors.transposed(square)):
                vectors.store(row, vectors.at(panel, builder.add(first, SIZE(lane)), width, j))
        builder.ret_void()
    with steps(builder, SIZE(0), k) as i:
        row = builder.gep(source, [builder.mul(i, down)])
        target = builder.gep(panel, [builder.mul(i, width)])
        with steps(builder, SIZE(0), columns) as j:
            number = builder.load(builder.gep(row, [builder.mul(j, along)]))
            builder.store(number, builder.gep(target, [j]))
        with steps(builder, columns, width) as j:
            builder.store(source.type.pointee(0.0), builder.gep(target, [j]))
    builder.ret_void()
