"""Activations f and their derivatives: A = f(Z + b), and D = dA * f'(Z) written by means of A.

Each function stands beside its derivative. Both work in place on (B, units) arrays: the forward
one turns Z into A and adds the bias on the way, the backward one turns dA into D.

=========  =============================  ============================
name       A = f(z)                       f'(z), from A
=========  =============================  ============================
identity   z                              1
logistic   1 / (1 + e^-z)                 A (1 - A)
tanh       (e^2z - 1) / (e^2z + 1)        1 - A^2
relu       max(z, 0)                      1 if A > 0 else 0
softmax    e^z / (sum of e^z in the row)  outputs only: see `losses`
exp        e^z                            outputs only: see `losses`
=========  =============================  ============================
"""

from fastnn.jit import jit
from fastnn.kernels.exponential import exp, expm1

IDENTITY, LOGISTIC, TANH, RELU, SOFTMAX, EXP = range(6)


@jit
def identity(Z, b):
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            Z[i, j] += b[j]


@jit
def logistic(Z, b):
    one = Z.dtype.type(1)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            Z[i, j] = one / (one + exp(-(Z[i, j] + b[j])))


@jit
def logistic_backward(A, D):
    one = A.dtype.type(1)
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            D[i, j] *= A[i, j] * (one - A[i, j])


@jit
def tanh(Z, b):
    two, limit = Z.dtype.type(2), Z.dtype.type(20)  # tanh(20) is 1 in float64
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + b[j]
            e = expm1(two * (limit if z > limit else z))
            Z[i, j] = e / (e + two)


@jit
def tanh_backward(A, D):
    one = A.dtype.type(1)
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            D[i, j] *= one - A[i, j] * A[i, j]


@jit
def relu(Z, b):
    zero = Z.dtype.type(0)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j] + b[j]
            Z[i, j] = zero if z < zero else z  # so written, NaN stays NaN


@jit
def relu_backward(A, D):
    zero = A.dtype.type(0)
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            D[i, j] = D[i, j] if A[i, j] > zero else zero


@jit
def softmax(Z, b):
    for i in range(Z.shape[0]):
        top = Z[i, 0] + b[0]
        for j in range(Z.shape[1]):
            Z[i, j] += b[j]
            top = max(top, Z[i, j])
        total = Z.dtype.type(0)
        for j in range(Z.shape[1]):
            Z[i, j] = exp(Z[i, j] - top)  # top is taken off so that nothing overflows
            total += Z[i, j]
        scale = Z.dtype.type(1) / total
        for j in range(Z.shape[1]):
            Z[i, j] *= scale


@jit
def exponential(Z, b):
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            Z[i, j] = exp(Z[i, j] + b[j])


@jit
def activate(activation, Z, b):
    """Turn the weighted sums Z of a layer into its outputs A, in place."""
    if activation == RELU:
        relu(Z, b)
    elif activation == TANH:
        tanh(Z, b)
    elif activation == LOGISTIC:
        logistic(Z, b)
    elif activation == SOFTMAX:
        softmax(Z, b)
    elif activation == EXP:
        exponential(Z, b)
    else:
        identity(Z, b)


@jit
def activate_backward(activation, A, D):
    """Turn dA of a hidden layer into its delta, in place."""
    if activation == RELU:
        relu_backward(A, D)
    elif activation == TANH:
        tanh_backward(A, D)
    elif activation == LOGISTIC:
        logistic_backward(A, D)


ACTIVATIONS = {
    "identity": IDENTITY,
    "logistic": LOGISTIC,
    "tanh": TANH,
    "relu": RELU,
    "softmax": SOFTMAX,
    "exp": EXP,
}
