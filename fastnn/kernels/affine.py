"""The affine product of a layer, Z = A W + b, and its derivatives.

The bias is added where the activation is applied (`activations`), which passes over Z anyway, and
its derivative is summed where the activation's is applied.
`dot` is NumPy's with an output array, the matrix product of BLAS. It comes near the machine's limit
for the shapes of a mini-batch: 65 to 107 GFLOP/s of 103 on one AVX-512 core, float32.
"""

from fastnn.blas import dot
from fastnn.jit import jit, matrix

SMALL_PRODUCT = 1_000_000  # multiplications, up to which OpenBLAS has kernels of their own


@jit
def affine(A, W, Z):
    """Z = A W."""
    dot(A, W, Z)


@jit
def affine_gradient(A, D, dW):
    """dW = A' D."""
    dot(A.T, D, dW)


@jit
def affine_backward(D, W, transposed, dA):
    """dA = D W'; `transposed` is memory for a copy of W.

    In small products D W' takes BLAS 1.15 to 2 times as long as the product by a W' that lies in
    C order. The copy costs little where each of its numbers is used by many rows.
    """
    m, n = W.shape
    if is_copied(D.shape[0], m, n):
        copy = matrix(transposed, 0, n, m)
        for j in range(n):
            for i in range(m):
                copy[j, i] = W[i, j]
        dot(D, copy, dA)
    else:
        dot(D, W.T, dA)


@jit
def is_copied(n_rows, m, n):
    """Whether `affine_backward` copies a W of this shape for so many rows."""
    return n <= n_rows and n_rows * m * n <= SMALL_PRODUCT


@jit
def column_sums(D, db):
    """db = sum of the rows of D, taken four at a time: db is read and written less often."""
    n_rows, n = D.shape
    in_fours = n_rows - n_rows % 4
    db[:] = 0
    for i in range(0, in_fours, 4):
        for j in range(n):
            db[j] += (D[i, j] + D[i + 1, j]) + (D[i + 2, j] + D[i + 3, j])
    for i in range(in_fours, n_rows):
        for j in range(n):
            db[j] += D[i, j]
