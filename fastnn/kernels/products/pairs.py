"""The matrix product of numbers that are rounded to bfloat16: for processors with AVX512_BF16.

Both matrices are rounded to the nearest bfloat16, ties to even, and their products are added in
float32. What is rounded are copies, in pairs of neighbours along the axis that is summed over: A
whole, and B panel by panel. They take a tenth of a product of 200 x 256 by 256 x 256.
"""

from fastnn.compiling.intrinsics.pairs import (
    LANES,
    MAX_PAIR_COLUMNS,
    MAX_PAIR_ROWS,
    dot_pairs,
    round_along,
    round_down,
)
from fastnn.compiling.intrinsics.registers import copy_to_panel
from fastnn.compiling.intrinsics.views import block, matrix
from fastnn.compiling.language import jit
from fastnn.kernels.products.blas import multiplying


@jit
def whole(n):
    """Words of so many registers that n words fit in."""
    return -(-n // LANES) * LANES


@jit
def words_along(k):
    """Words of a row of k numbers, with the zeros behind them."""
    return whole((k + 1) // 2)


@jit
def rows_at_once(width):
    """Rows of A that a panel of this width is multiplied by at once: `PAIR_ROWS`."""
    if width == 4 * LANES:
        return 6
    if width == 3 * LANES:
        return 8
    return 12


def room(m: int, k: int) -> int:
    """Numbers of `copies` that a product needs where A has m rows and k columns."""
    by_rows, by_columns = (m + MAX_PAIR_ROWS) * words_along(k), (k + 1) // 2 * whole(m) + LANES
    return max(by_rows, by_columns) + 2 * MAX_PAIR_COLUMNS * words_along(k)


@multiplying
def product_in_pairs(A, B, out, transposed, copies):
    """Write A B to `out`, or A B' if `transposed`, of rounded A and B."""
    (m, k), n = A.shape, out.shape[1]
    n_pairs, lies_by_rows = (k + 1) // 2, A.strides[1] == A.itemsize
    if k == 0:
        out[:, :] = 0
        return
    if lies_by_rows:
        words = matrix(copies, 0, m, words_along(k))
        round_along(A, words)
        at = (m + MAX_PAIR_ROWS) * words_along(k)
    else:
        words = matrix(copies, 0, n_pairs, whole(m))
        round_down(A.T, words)
        at = n_pairs * whole(m) + LANES
    for start in range(0, n, MAX_PAIR_COLUMNS):
        columns = min(MAX_PAIR_COLUMNS, n - start)
        width = whole(columns)
        panel = matrix(copies, at, n_pairs, width)
        if transposed == 0:
            round_down(block(B, 0, start, k, columns), panel)
        else:  # rounded to rows of pairs, which are the panel's columns
            rounded = matrix(copies, at + n_pairs * width, width, words_along(k))
            rows_of_B = block(rounded, 0, 0, columns, words_along(k))
            round_along(block(B, start, 0, columns, k), rows_of_B)
            copy_to_panel(block(rounded, 0, 0, width, n_pairs).T, panel)
        n_rows = rows_at_once(width)
        for i in range(0, m, n_rows):
            rows = min(n_rows, m - i)
            part = block(out, i, start, rows, columns)
            if lies_by_rows:
                dot_pairs(block(words, i, 0, rows, n_pairs), panel, part)
            else:
                dot_pairs(block(words, 0, i, n_pairs, rows).T, panel, part)
