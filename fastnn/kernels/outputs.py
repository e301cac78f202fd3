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

from fastnn.jit import interface, types
from fastnn.kernels.elementary import exp, log1p

output = interface(lambda T: (T[:, ::1], T[::1], types.int64[::1]))  # Z, b, blocks


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
    for block in range(blocks.size - 1):
        start, stop = blocks[block], blocks[block + 1]
        for i in range(Z.shape[0]):
            top = Z[i, start] + b[start]
            for j in range(start, stop):
                Z[i, j] += b[j]
                top = max(top, Z[i, j])
            total = Z.dtype.type(0)
            for j in range(start, stop):
                Z[i, j] = exp(Z[i, j] - top)  # top is taken off so that nothing overflows
                total += Z[i, j]
            scale = Z.dtype.type(1) / total
            for j in range(start, stop):
                Z[i, j] *= scale


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


OUTPUTS = {
    "identity": identity,
    "logistic": logistic,
    "softmax": softmax,
    "exp": exponential,
    "increasing": increasing,
}
