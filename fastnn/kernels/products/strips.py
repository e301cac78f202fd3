"""The matrix product in strips: for BLAS that multiplies small matrices as they lie."""

from fastnn.compiling.intrinsics.blas import dot
from fastnn.compiling.intrinsics.views import block, matrix, vector
from fastnn.compiling.language import jit
from fastnn.kernels.products.blas import multiplying
from fastnn.kernels.tuning import (
    MAX_TRANSPOSED_NUMBERS,
    MIN_TRANSPOSED_ROWS,
    SMALL_PRODUCT,
    STRIP_COLUMNS,
    STRIP_ROWS,
    TRANSPOSED_AT_ONCE,
)


@multiplying
def product_in_strips(A, B, out, transposed, copies):
    """Write A B to `out`, or A B' if `transposed`: in strips that are small products.

    Strips of rows, or of columns where `STRIP_ROWS` rows are too many. A product by B' in C order
    saves more time than the copy costs: it takes 0.5 to 0.9 of that by B' as it lies.
    """
    (m, k), n = A.shape, out.shape[1]
    if transposed != 0:
        if not is_copied(m, n, k):
            dot(A, B.T, out)
            return
        transpose(B, copies)
        B = matrix(copies, 0, k, n)
    rows, columns = max(m, 1), max(n, 1)
    if m * k * n > SMALL_PRODUCT:
        rows = SMALL_PRODUCT // (k * n * STRIP_ROWS) * STRIP_ROWS
        if rows == 0:
            rows, columns = m, SMALL_PRODUCT // (m * k * STRIP_COLUMNS) * STRIP_COLUMNS
            columns = n if columns == 0 else columns
    for i in range(0, m, rows):
        for j in range(0, n, columns):
            p, q = min(rows, m - i), min(columns, n - j)
            dot(block(A, i, 0, p, k), block(B, 0, j, k, q), block(out, i, j, p, q))


@jit
def is_copied(n_rows, m, n):
    """Whether a W of m x n numbers is copied where so many rows are multiplied by it."""
    return min(n, MIN_TRANSPOSED_ROWS) <= n_rows and m * n <= MAX_TRANSPOSED_NUMBERS


@jit
def transpose(W, copy):
    """Write W' to `copy`, a few rows of W at a time.

    Of an index i that begins at `start` the compiler asks whether it is negative, of a view's own
    not: 18 us instead of 46 (256 x 256, float32).
    """
    m, n = W.shape
    for start in range(0, m, TRANSPOSED_AT_ONCE):
        size = min(TRANSPOSED_AT_ONCE, m - start)
        for j in range(n):
            row, column = vector(copy, j * m + start, size), vector(W, start * n + j, size * n - j)
            for i in range(size):
                row[i] = column[i * n]
