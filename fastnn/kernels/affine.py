"""The affine map of a layer, Z = A W + b: what of its derivatives is no matrix product.

The products are in `products`. The bias is added where the activation is applied (`activations`),
which passes over Z anyway, and its derivative is summed where the activation's is applied.
"""

from fastnn.compiling.language import jit


@jit
def column_sums(D, db):
    """db = sum of the rows of D."""
    db[:] = 0
    for i in range(D.shape[0]):
        for j in range(D.shape[1]):
            db[j] += D[i, j]
