"""The first layer, where a mini-batch is picked from the data: Z = X[rows] W, and dW = X[rows]' D.

Dense rows are gathered into a workspace first; sparse rows (CSR) are multiplied as they stand, so
that the cost follows the number of non-zeros.
"""

from fastnn.jit import jit
from fastnn.kernels.affine import affine, affine_gradient, column_sums


@jit
def gather(sample, rows, A):
    """A = X[rows]. Two loops are four times faster here than ``A[i, :] = X[rows[i], :]``."""
    values, step = sample.values, sample.column_stride
    for i in range(rows.size):
        at = rows[i] * sample.row_stride
        if step == 1:
            for j in range(A.shape[1]):
                A[i, j] = values[at + j]
        else:
            for j in range(A.shape[1]):
                A[i, j] = values[at + j * step]


@jit
def csr_affine(sample, rows, W, Z):
    """Z = X[rows] W for sparse X: each non-zero adds a multiple of one row of W."""
    Z[:, :] = 0
    for i in range(rows.size):
        for at in range(sample.starts[rows[i]], sample.starts[rows[i] + 1]):
            x, feature = Z.dtype.type(sample.values[at]), sample.columns[at]
            for j in range(Z.shape[1]):
                Z[i, j] += x * W[feature, j]


@jit
def csr_affine_gradient(sample, rows, D, dW, db):
    """dW = X[rows]' D for sparse X: each non-zero adds to one row of dW."""
    dW[:, :] = 0
    for i in range(rows.size):
        for at in range(sample.starts[rows[i]], sample.starts[rows[i] + 1]):
            x, feature = D.dtype.type(sample.values[at]), sample.columns[at]
            for j in range(D.shape[1]):
                dW[feature, j] += x * D[i, j]
    column_sums(D, db)


@jit
def input_affine(sample, columns, rows, A, W, Z):
    """Z = X[rows] W; for dense data A keeps X[rows] for the way back."""
    if columns is None:
        gather(sample, rows, A)
        affine(A, W, Z)
    else:
        csr_affine(sample, rows, W, Z)


@jit
def input_affine_gradient(sample, columns, rows, A, D, dW, db):
    """dW = X[rows]' D, and db = the column sums of D."""
    if columns is None:
        affine_gradient(A, D, dW, db)
    else:
        csr_affine_gradient(sample, rows, D, dW, db)
