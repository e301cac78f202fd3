"""The affine product of a layer, Z = A W + b, and its derivatives.

The bias is added where the activation is applied (`activations`), which passes over Z anyway, and
its derivative is summed where the activation's is applied.

Which product a network uses depends on the processor and on BLAS, the library that multiplies. For
matrices larger than a mini-batch's it pays to copy both into an order of their own, as BLAS does:
of a forward pass through 256 x 256 weights, 100 rows at a time, the copies take a fifth. Where it
takes small matrices as they lie, products are cut into strips that are small enough (`strips`). On
other processors with registers of 32 bytes a product of our own copies less (`panels`). Elsewhere
BLAS has it whole (`product`).
"""

from fastnn.blas import dot
from fastnn.jit import interface, jit

# A as it lies or transposed, B, out, whether B is to be transposed, memory for copies
multiplying = interface("T[:, :], T[:, ::1], T[:, ::1], int64, T[::1]")


@multiplying
def product(A, B, out, transposed, copies):
    """out = A B, or A B' if `transposed`: Z = A W, dW = A' D, and dA = D W'."""
    if transposed == 0:
        dot(A, B, out)
    else:
        dot(A, B.T, out)


@jit
def column_sums(D, db):
    """db = sum of the rows of D."""
    db[:] = 0
    for i in range(D.shape[0]):
        for j in range(D.shape[1]):
            db[j] += D[i, j]
