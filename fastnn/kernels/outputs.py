"""Output activations: A = f(Z + b) of the last layer, chosen by the loss.

The derivative stands with the loss (`losses`): by the last layer's Z the two are one short formula.

============  =========================================  =======================================
name          A                                          for
============  =========================================  =======================================
identity      z                                          numbers
logistic      1 / (1 + e^-z)                             probabilities of yes
softmax       e^z / (sum of e^z over its block)          probabilities of classes, one block of
                                                         outputs for each target
exp           e^z                                        positive numbers
increasing    z_0, and A_k = A_{k-1} + log(1 + e^z_k)    quantiles, which then never cross
============  =========================================  =======================================
"""

from fastnn.compiling.intrinsics.views import vector
from fastnn.compiling.language import interface
from fastnn.kernels.elementary import exp, log1p

output = interface("T[:, ::1], readonly T[::1], readonly int64[::1]")  # Z, b, blocks


@output
def identity(Z, b, blocks):
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            Z[i, j] += b[j]


@output
def logistic(Z, b, blocks):
    one = Z.dtype.type(1)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            Z[i, j] = one / (one + exp(-(Z[i, j] + b[j])))


@output
def softmax(Z, b, blocks):
    """Three passes, so that the exponentials run through all rows at once, however short these are.

    Each pass takes a view of a row's block: of ``Z[i, start + j]`` the compiler asks whether that
    is negative, and no longer vectorises. 3 times as fast as one pass, from 3 classes to 1000.
    """
    for block in range(blocks.size - 1):
        start, n = blocks[block], blocks[block + 1] - blocks[block]
        bias = vector(b, start, n)
        for i in range(Z.shape[0]):
            z = vector(Z, i * Z.shape[1] + start, n)
            top = z[0] + bias[0]
            for j in range(n):
                z[j] += bias[j]
                top = max(top, z[j])
            for j in range(n):
                z[j] -= top  # so that nothing overflows
    flat = vector(Z, 0, Z.size)
    for j in range(flat.size):
        flat[j] = exp(flat[j])
    for block in range(blocks.size - 1):
        start, n = blocks[block], blocks[block + 1] - blocks[block]
        for i in range(Z.shape[0]):
            a = vector(Z, i * Z.shape[1] + start, n)
            total = a.dtype.type(0)
            for j in range(n):
                total += a[j]
            scale = a.dtype.type(1) / total
            for j in range(n):
                a[j] *= scale


@output
def exponential(Z, b, blocks):
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            Z[i, j] = exp(Z[i, j] + b[j])


@output
def increasing(Z, b, blocks):
    zero = Z.dtype.type(0)
    for i in range(Z.shape[0]):
        Z[i, 0] += b[0]
        for j in range(1, Z.shape[1]):
            z = Z[i, j] + b[j]
            step = log1p(exp(z if z < zero else -z)) + (zero if z < zero else z)
            Z[i, j] = Z[i, j - 1] + step


OUTPUT_ACTIVATIONS = {
    "identity": identity,
    "logistic": logistic,
    "softmax": softmax,
    "exp": exponential,
    "increasing": increasing,
}
