"""Products of pairs of bfloat16, and the roundings before them, by AVX512_BF16.

LLVM's assembler knows a type of these numbers, llvmlite's writer of it does not. The instructions
are called by the form that they had before there was that type, with words of 32 or 16 bits: every
LLVM since reads it as its own.
"""

from typing import Any

from llvmlite import ir
from numba import TypingError, types
from numba.extending import lower_builtin, type_callable

from fastnn.compiling.intrinsics.pairs import (
    LANES,
    PAIR_ROWS,
    are_multiplied,
    dot_pairs,
    round_along,
    round_down,
)
from fastnn.compiling.lowering.functions import outlined_function
from fastnn.compiling.lowering.registers import SIZE, Matrix, steps
from fastnn.compiling.numba_internals import cgutils

LANE = ir.IntType(32)
FLOATS = ir.VectorType(ir.FloatType(), LANES)
WORDS = ir.VectorType(LANE, LANES)
HALVES = ir.VectorType(ir.IntType(16), 2 * LANES)


@type_callable(round_along)
@type_callable(round_down)
def _type_of_rounding(context: Any) -> Any:
    return lambda array, words: _type_of_matrices(array, words)


@type_callable(dot_pairs)
def _type_of_dot(context: Any) -> Any:
    return lambda A, panel, out: _type_of_matrices(A, panel, out)


def _type_of_matrices(*args: Any) -> Any:
    """Refuse what the instructions do not take, above all a processor that has them not."""
    if not are_multiplied():
        raise TypingError("this processor does not multiply bfloat16")
    if any(array.dtype != types.float32 or array.ndim != 2 for array in args):
        raise TypingError(f"no pairs lie in {args}")
    return types.none(*args)


def _call(builder: Any, name: str, result: Any, *arguments: Any) -> Any:
    """Call a function of LLVM's own."""
    form = ir.FunctionType(result, [argument.type for argument in arguments])
    function = cgutils.get_or_insert_function(builder.module, form, f"llvm.{name}")
    return builder.call(function, arguments)


def _spread(builder: Any, number: Any) -> Any:
    """Put a number into each lane."""
    undefined = ir.VectorType(number.type, LANES)(ir.Undefined)
    first = builder.insert_element(undefined, number, LANE(0))
    return builder.shuffle_vector(first, undefined, WORDS(None))


def _first_lanes(builder: Any, n: Any) -> Any:
    """Mask of as many lanes; none where n is negative, all where it is too large."""
    low, high = SIZE(0), SIZE(LANES)
    n = builder.select(builder.icmp_signed("<", n, high), n, high)
    n = builder.select(builder.icmp_signed(">", n, low), n, low)
    counted = _spread(builder, builder.trunc(n, LANE))
    return builder.icmp_signed("<", WORDS(list(range(LANES))), counted)


def _load(builder: Any, array: Any, at: Any, mask: Any) -> Any:
    """Load floats; zeros where the mask is not."""
    place = builder.bitcast(builder.gep(array, [at]), FLOATS.as_pointer())
    name = "masked.load.v16f32.p0"
    return _call(builder, name, FLOATS, place, LANE(4), mask, FLOATS(None))


def _store(builder: Any, vector: Any, array: Any, at: Any, mask: Any) -> None:
    place = builder.bitcast(builder.gep(array, [at]), FLOATS.as_pointer())
    _call(builder, "masked.store.v16f32.p0", ir.VoidType(), vector, place, LANE(4), mask)


def _store_whole(builder: Any, vector: Any, array: Any, at: Any) -> None:
    place = builder.bitcast(builder.gep(array, [at]), vector.type.as_pointer())
    builder.store(vector, place, align=4)


def _round(builder: Any, first: Any, second: Any) -> Any:
    """Round two vectors to one, of twice as many halves, one behind the other."""
    return _call(builder, "x86.avx512bf16.cvtne2ps2bf16.512", HALVES, second, first)


# ------------------------------------------------------------------------------------ roundings


@lower_builtin(round_along, types.Array, types.Array)
def _lower_along(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    return _lower_rounding(context, builder, signature, values, "along", define_along)


@lower_builtin(round_down, types.Array, types.Array)
def _lower_down(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    return _lower_rounding(context, builder, signature, values, "down", define_down)


def _lower_rounding(
    context: Any, builder: Any, signature: Any, values: Any, name: str, define: Any
) -> Any:
    array, words = (
        Matrix(context, builder, *pair) for pair in zip(signature.args, values, strict=True)
    )
    arguments = [
        *(array.data, array.down, array.rows, array.columns),
        *(words.data, words.down, words.columns),
    ]
    function, is_new = outlined_function(builder, f"round_{name}", arguments)
    if is_new:
        define(function)
    builder.call(function, arguments)
    return context.get_dummy_value()


def define_along(function: Any) -> None:
    """Round a row of numbers, 32 at a time, to 16 words."""
    builder = ir.IRBuilder(function.append_basic_block())
    source, down, rows, columns, words, words_down, width = function.args
    with steps(builder, SIZE(0), rows) as i:
        row, target = builder.mul(i, down), builder.mul(i, words_down)
        with steps(builder, SIZE(0), width, LANES) as j:
            begin = builder.mul(j, SIZE(2))
            vectors = []
            for part in (begin, builder.add(begin, SIZE(LANES))):
                mask = _first_lanes(builder, builder.sub(columns, part))
                vectors.append(_load(builder, source, builder.add(row, part), mask))
            _store_whole(builder, _round(builder, *vectors), words, builder.add(target, j))
    builder.ret_void()


def define_down(function: Any) -> None:
    """Round two rows of numbers, 16 at a time of each, and put their halves in turn."""
    builder = ir.IRBuilder(function.append_basic_block())
    source, down, rows, columns, words, words_down, width = function.args
    order = [lane + LANES * second for lane in range(LANES) for second in (0, 1)]
    interleaved = ir.VectorType(LANE, 2 * LANES)(order)
    n_pairs = builder.sdiv(builder.add(rows, SIZE(1)), SIZE(2))
    with steps(builder, SIZE(0), n_pairs) as i:
        upper = builder.mul(i, SIZE(2))
        lower = builder.add(upper, SIZE(1))
        is_there = builder.icmp_signed("<", lower, rows)
        counts = columns, builder.select(is_there, columns, SIZE(0))
        places = [builder.mul(row, down) for row in (upper, lower)]
        target = builder.mul(i, words_down)
        with steps(builder, SIZE(0), width, LANES) as j:
            vectors = []
            for place, count in zip(places, counts, strict=True):
                mask = _first_lanes(builder, builder.sub(count, j))
                vectors.append(_load(builder, source, builder.add(place, j), mask))
            halves = _round(builder, *vectors)
            pairs = builder.shuffle_vector(halves, HALVES(ir.Undefined), interleaved)
            _store_whole(builder, pairs, words, builder.add(target, j))
    builder.ret_void()


# ---------------------------------------------------------------------------------- the product


@lower_builtin(dot_pairs, types.Array, types.Array, types.Array)
def _lower_dot(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    A, panel, out = (
        Matrix(context, builder, *pair) for pair in zip(signature.args, values, strict=True)
    )
    lies_by_rows = builder.icmp_signed("==", A.along, SIZE(1))
    step = builder.select(lies_by_rows, A.down, A.along)
    arguments = [A.data, step, panel.data, panel.rows, out.data, out.down, out.rows, out.columns]
    chosen = None
    for n_registers in PAIR_ROWS:
        forms = []
        for by_rows in (True, False):
            name = f"dot_pairs_{n_registers}_{'rows' if by_rows else 'columns'}"
            function, is_new = outlined_function(builder, name, arguments)
            if is_new:
                define_dot(function, n_registers, by_rows)
            forms.append(function)
        form = builder.select(lies_by_rows, *forms)
        is_so_wide = builder.icmp_signed("==", panel.columns, SIZE(n_registers * LANES))
        chosen = form if chosen is None else builder.select(is_so_wide, form, chosen)
    builder.call(chosen, arguments)
    return context.get_dummy_value()


def define_dot(function: Any, n_registers: int, by_rows: bool) -> None:
    """Multiply rows of A, one below the other or as columns, by a panel of so many registers a row.

    For each row of the panel its words are loaded once, and each word of A is spread over a vector.
    """
    A, A_step, panel, k, out, out_step, rows, columns = function.args
    begin, loop, done = map(function.append_basic_block, ("begin", "loop", "done"))
    builder = ir.IRBuilder(begin)
    words = ir.IntType(32).as_pointer()
    n_rows, parts = PAIR_ROWS[n_registers], range(n_registers)
    A, panel = builder.bitcast(A, words), builder.bitcast(panel, words)
    builder.branch(loop)
    builder.position_at_end(loop)
    # What changes from round to round: rows of the panel left, places in A and in it, and the sums.
    left, a, p = (builder.phi(start.type) for start in (k, A, panel))
    sums = {(r, c): builder.phi(FLOATS) for r in range(n_rows) for c in parts}
    row = []
    for c in parts:
        place = builder.bitcast(builder.gep(p, [SIZE(c * LANES)]), WORDS.as_pointer())
        row.append(builder.load(place, align=4))
    new = {}  # the sums after this round
    for r in range(n_rows):
        place = builder.gep(a, [builder.mul(SIZE(r), A_step) if by_rows else SIZE(r)])
        spread = _spread(builder, builder.load(place))
        for c, part in zip(parts, row, strict=True):
            name = "x86.avx512bf16.dpbf16ps.512"
            new[r, c] = _call(builder, name, FLOATS, sums[r, c], spread, part)
    following = builder.sub(left, SIZE(1))
    nexts = {  # of each phi, its value at the begin and after a round
        left: (k, following),
        a: (A, builder.gep(a, [SIZE(1) if by_rows else A_step])),
        p: (panel, builder.gep(p, [SIZE(n_registers * LANES)])),
        **{phi: (FLOATS(None), new[place]) for place, phi in sums.items()},
    }
    for phi, (first, later) in nexts.items():
        phi.add_incoming(first, begin)
        phi.add_incoming(later, loop)
    builder.cbranch(builder.icmp_signed(">", following, SIZE(0)), loop, done)
    builder.position_at_end(done)
    masks = [_first_lanes(builder, builder.sub(columns, SIZE(c * LANES))) for c in parts]
    for r in range(n_rows):
        with builder.if_then(builder.icmp_signed("<", SIZE(r), rows)):
            start = builder.mul(SIZE(r), out_step)
            for c in parts:
                at = builder.add(start, SIZE(c * LANES))
                _store(builder, new[r, c], out, at, masks[c])
    builder.ret_void()
