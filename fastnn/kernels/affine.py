"""The affine product of a layer, Z = A W + b, and its derivatives.

The bias is added where the activation is applied (`activations`), which passes over Z anyway, and
its derivative is summed where the activation's is applied.

Which product a network uses depends on the processor and on BLAS, the library that multiplies. For
matrices larger than a mini-batch's it pays to copy both into an order of their own, as BLAS does:
of a forward pass through 256 x 256 weights, 100 rows at a time, the copies take a fifth. Where it
takes small matrices as they lie, products are cut into strips that are small enough
(`product_in_strips`). On other processors with registers of 32 bytes a product of our own copies
less (`panels.product_in_panels`). Elsewhere BLAS has it whole (`product`).
"""

from fastnn.blas import SMALL_PRODUCT, dot
from fastnn.jit import interface, jit
from fastnn.views import block, matrix, vector

STRIP_ROWS = 12  # or a multiple: what BLAS' kernels for small products take at once, or 16 columns
STRIP_COLUMNS = 16
COPY_ROWS = 32  # in whose products a transposed copy of W pays for itself
MAX_COPY = 2**16  # numbers

# A as it lies or transposed, B, out, whether B is to be transposed, memory for copies
multiplying = interface("T[:, :], T[:, ::1], T[:, ::1], int64, T[::1]")


@multiplying
def product(A, B, out, transposed, copies):
    """out = A B, or A B' if `transposed`: Z = A W, dW = A' D, and dA = D W'."""
    if transposed == 0:
        dot(A, B, out)
    else:
        dot(A, B.T, out)


@multiplying
def product_in_strips(A, B, out, transposed, copies):
    """Write A B to `out`, or A B' if `transposed`: in strips that are small products.

    Strips of rows, or of columns where 12 rows are too many. A product by B' in C order saves more
    time than the copy costs: it takes 0.5 to 0.9 of that by B' as it lies, the copy included.
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
    return min(n, COPY_ROWS) <= n_rows and m * n <= MAX_COPY


@jit
def transpose(W, copy):
    """Write W' to `copy`, 16 rows of W at a time: so many cache lines at once stay in L1.

    Of an index i that begins at `start` the compiler asks whether it is negative, of a view's own
    not: 18 us instead of 46 (256 x 256, float32).
    """
    m, n = W.shape
    for start in range(0, m, 16):
        size = min(16, m - start)
        for j in range(n):
            row, column = vector(copy, j * m + start, size), vector(W, start * n + j, size * n - j)
            for i in range(size):
                row[i] = column[i * n]


@jit
def column_sums(D, db):
    """db = sum of the rows of D."""
    db[:] = 0
    for i in range(D.shape[0]):
        for j in range(D.shape[1]):
            db[j] += D[i, j]
