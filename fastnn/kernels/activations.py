"""Activations f and their derivatives: A = f(Z + b), and D = dA * f'(Z).

Each function stands beside its derivative. Both work in place on (B, units) arrays: the forward
one adds the bias and turns Z into A, the backward one turns dA into D and sums its columns, which
is db. Where A does not say f'(z), the forward one leaves it in S for the backward one, before it
writes to Z: where nobody asks for slopes, S may be the memory of Z.

===========  =====================================  ===============================  ==============
name         A = f(z)                               f'(z)                            source
===========  =====================================  ===============================  ==============
identity     z                                      1
logistic     1 / (1 + e^-z)                         A (1 - A)
tanh         (e^2z - 1) / (e^2z + 1)                1 - A^2
relu         max(z, 0)                              1 if A > 0 else 0                [1]
leaky_relu   z if z > 0 else z / 100                1 if A > 0 else 1 / 100          [2]
elu          z if z > 0 else e^z - 1                1 if A > 0 else A + 1            [3]
selu         s (z if z > 0 else a (e^z - 1))        s if A > 0 else A + s a          [4]
gelu         z P(z), P the normal distribution      P(z) + z P'(z)                   [5]
silu         z / (1 + e^-z)                         s + A (1 - s), s = 1/(1 + e^-z)  [5], [6]
mish         z tanh(softplus(z))                    t + z s (1 - t^2), t the tanh    [7]
softplus     log(1 + e^z)                           1 - e^-A                         [8]
hard_tanh    -1 if z < -1, 1 if z > 1, else z       1 if -1 < A < 1 else 0           [9]
===========  =====================================  ===============================  ==============

[1] Nair and Hinton, ICML 2010. [2] Maas, Hannun and Ng, ICML 2013. [3] Clevert, Unterthiner and
Hochreiter, arXiv:1511.07289. [4] Klambauer et al., arXiv:1706.02515. [5] Hendrycks and Gimpel,
arXiv:1606.08415. [6] Elfwing, Uchibe and Doya, arXiv:1702.03118. [7] Misra, arXiv:1908.08681.
[8] Dugas et al., NIPS 2000. [9] Collobert, PhD thesis, Paris 6, 2004.
"""

import math
from typing import NamedTuple

from fastnn.compiling.language import Kernel, interface
from fastnn.kernels.elementary import erf, exp, expm1, log1p

activation = interface("T[:, ::1], readonly T[::1], T[:, ::1]")  # Z, b, S
derivative = interface("T[:, ::1], T[:, ::1], T[:, ::1], T[::1]")  # A, S, D, db


@activation
def identity(Z, b, S):
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            Z[i, j] += b[j]


@derivative
def identity_backward(A, S, D, db):
    db[:] = 0
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            db[j] += D[i, j]


@activation
def logistic(Z, b, S):
    one = Z.dtype.type(1)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            Z[i, j] = one / (one + exp(-(Z[i, j] + b[j])))


@derivative
def logistic_backward(A, S, D, db):
    one = A.dtype.type(1)
    db[:] = 0
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            D[i, j] *= A[i, j] * (one - A[i, j])
            db[j] += D[i, j]


@activation
def tanh(Z, b, S):
    two, limit = Z.dtype.type(2), Z.dtype.type(20)  # tanh(20) is 1 in float64
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + b[j]
            e = expm1(two * (limit if z > limit else z))
            Z[i, j] = e / (e + two)


@derivative
def tanh_backward(A, S, D, db):
    one = A.dtype.type(1)
    db[:] = 0
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            D[i, j] *= one - A[i, j] * A[i, j]
            db[j] += D[i, j]


@activation
def relu(Z, b, S):
    zero = Z.dtype.type(0)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + b[j]
            Z[i, j] = zero if z < zero else z  # so written, NaN stays NaN


@derivative
def relu_backward(A, S, D, db):
    zero = A.dtype.type(0)
    db[:] = 0
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            d = D[i, j]  # read in either case, so that nothing is left to branch prediction
            kept = d if A[i, j] > zero else zero
            db[j] += kept
            D[i, j] = kept  # last, so that it is written in either: AVX2 is slow to write some


@activation
def leaky_relu(Z, b, S):
    zero, slope = Z.dtype.type(0), Z.dtype.type(0.01)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + b[j]
            Z[i, j] = slope * z if z < zero else z


@derivative
def leaky_relu_backward(A, S, D, db):
    zero, one, slope = A.dtype.type(0), A.dtype.type(1), A.dtype.type(0.01)
    db[:] = 0
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            D[i, j] *= one if A[i, j] > zero else slope
            db[j] += D[i, j]


@activation
def elu(Z, b, S):
    zero = Z.dtype.type(0)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + b[j]
            Z[i, j] = expm1(z) if z < zero else z


@derivative
def elu_backward(A, S, D, db):
    zero, one = A.dtype.type(0), A.dtype.type(1)
    db[:] = 0
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            D[i, j] *= one if A[i, j] > zero else A[i, j] + one
            db[j] += D[i, j]


SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


@activation
def selu(Z, b, S):
    zero, scale = Z.dtype.type(0), Z.dtype.type(SELU_SCALE)
    bottom = Z.dtype.type(SELU_SCALE * SELU_ALPHA)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + b[j]
            Z[i, j] = bottom * expm1(z) if z < zero else scale * z


@derivative
def selu_backward(A, S, D, db):
    zero, scale = A.dtype.type(0), A.dtype.type(SELU_SCALE)
    bottom = A.dtype.type(SELU_SCALE * SELU_ALPHA)
    db[:] = 0
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            D[i, j] *= scale if A[i, j] > zero else A[i, j] + bottom
            db[j] += D[i, j]


@activation
def gelu(Z, b, S):
    half, one = Z.dtype.type(0.5), Z.dtype.type(1)
    root, density = Z.dtype.type(math.sqrt(0.5)), Z.dtype.type(1 / math.sqrt(2 * math.pi))
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + b[j]
            p = half * (one + erf(z * root))
            S[i, j] = p + z * density * exp(-half * z * z)
            Z[i, j] = z * p


@activation
def silu(Z, b, S):
    one = Z.dtype.type(1)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + b[j]
            s = one / (one + exp(-z))
            S[i, j] = s + z * s * (one - s)
            Z[i, j] = z * s


@activation
def mish(Z, b, S):
    one, two, limit = Z.dtype.type(1), Z.dtype.type(2), Z.dtype.type(20)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + b[j]
            e = exp(limit if z > limit else z)
            n = e * (e + two)  # (1 + e^z)^2 - 1, and tanh(log(1 + e^z)) = n / (n + 2)
            t = n / (n + two)
            S[i, j] = t + z * (one - t * t) * (e / (one + e))
            Z[i, j] = z * t


@derivative
def slope_backward(A, S, D, db):
    """For all whose derivative stands in S."""
    db[:] = 0
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            D[i, j] *= S[i, j]
            db[j] += D[i, j]


@activation
def softplus(Z, b, S):
    zero = Z.dtype.type(0)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + b[j]
            Z[i, j] = log1p(exp(z if z < zero else -z)) + (zero if z < zero else z)


@derivative
def softplus_backward(A, S, D, db):
    db[:] = 0
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            D[i, j] *= -expm1(-A[i, j])
            db[j] += D[i, j]


@activation
def hard_tanh(Z, b, S):
    one = Z.dtype.type(1)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + b[j]
            z = one if z > one else z
            Z[i, j] = -one if z < -one else z


@derivative
def hard_tanh_backward(A, S, D, db):
    zero, one = A.dtype.type(0), A.dtype.type(1)
    db[:] = 0
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            d = D[i, j]
            kept = d if abs(A[i, j]) < one else zero
            db[j] += kept
            D[i, j] = kept


class Activation(NamedTuple):
    """A hidden layer's function."""

    function: Kernel
    derivative: Kernel
    # Initial weights are Glorot's times this. For scikit-learn's four it is scikit-learn's factor,
    # for the others 1 / sqrt(E f(z)^2) of a standard normal z, which keeps the size of the outputs
    # from layer to layer (He et al., arXiv:1502.01852).
    gain: float
    stores_slope: bool = False  # in S


ACTIVATIONS = {
    "identity": Activation(identity, identity_backward, 1.0),
    "logistic": Activation(logistic, logistic_backward, math.sqrt(1 / 3)),
    "tanh": Activation(tanh, tanh_backward, 1.0),
    "relu": Activation(relu, relu_backward, 1.0),
    "leaky_relu": Activation(leaky_relu, leaky_relu_backward, 1.41414),
    "elu": Activation(elu, elu_backward, 1.24520),
    "selu": Activation(selu, selu_backward, 1.0),
    "gelu": Activation(gelu, slope_backward, 1.53353, stores_slope=True),
    "silu": Activation(silu, slope_backward, 1.67653, stores_slope=True),
    "mish": Activation(mish, slope_backward, 1.48685, stores_slope=True),
    "softplus": Activation(softplus, softplus_backward, 1.04187),
    "hard_tanh": Activation(hard_tanh, hard_tanh_backward, 1.39204),
}
