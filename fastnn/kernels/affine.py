"""The affine product of a layer, Z = A W + b, and its derivatives.

The bias is added where the activation is applied (`activations`), which passes over Z anyway, and
its derivative is summed where the activation's is applied.

BLAS does the multiplying. Before it multiplies large matrices it copies them into an order of its
own, which pays for larger ones than those of a mini-batch: of a forward pass through 256 x 256
weights, 100 rows at a time, the copies take a fifth. On some processors it takes small matrices as
they lie. There, with products cut into strips that are small enough, each of a layer's three
reaches the rate of one large product. `small` says up to how many multiplications that holds (see
`fastnn.blas`), and is 0 where BLAS always copies.
"""

from fastnn.blas import dot
from fastnn.jit import call, interface, jit
from fastnn.views import block, matrix, vector

STRIP_ROWS = 12  # or a multiple: what BLAS' kernels for small products take at once, or 16 columns
STRIP_COLUMNS = 16
COPY_ROWS = 32  # in whose products a transposed copy of W pays for itself
MAX_COPY = 2**16  # numbers

# A in C order or transposed, B, out, small
multiplying = interface("T[:, :], T[:, ::1], T[:, ::1], int64")


@multiplying
def product(A, B, out, small):
    """out = A B: Z = A W, and dW = A' D.

    In strips of rows, or of columns where 12 rows are too many.
    """
    (m, k), n = A.shape, B.shape[1]
    rows, columns = max(m, 1), max(n, 1)
    if m * k * n > small:
        rows = small // (k * n * STRIP_ROWS) * STRIP_ROWS
        if rows == 0:
            rows, columns = m, small // (m * k * STRIP_COLUMNS) * STRIP_COLUMNS
            columns = n if columns == 0 else columns
    for i in range(0, m, rows):
        for j in range(0, n, columns):
            p, q = min(rows, m - i), min(columns, n - j)
            dot(block(A, i, 0, p, k), block(B, 0, j, k, q), block(out, i, j, p, q))


@jit
def product_back(D, W, copy, dA, product, small):
    """dA = D W', `product` being that one's address and `copy` memory for a copy of W.

    A product by W' in C order saves more time than the copy costs, where BLAS has kernels for small
    products: their time is 0.5 to 0.9 of that by W' as it lies, the copy included.
    """
    m, n = W.shape
    if small > 0 and is_copied(D.shape[0], m, n):
        transpose(W, copy)
        call(product, D, matrix(copy, 0, n, m), dA, small)
    else:
        dot(D, W.T, dA)


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
