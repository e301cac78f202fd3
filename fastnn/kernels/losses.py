"""Losses: the gap between a network's outputs A and the targets Y, and its derivative.

Each loss has its output activation (`outputs`), and gives the derivative D by the last layer's Z.
For the first four that is the same difference, D = A - Y (McCullagh and Nelder, Generalized Linear
Models, 1989: the canonical link); g = A - Y is the gap. The loss of one row:

===================  ==========  ================================  ===============================
loss                 output      loss of one row                   D
===================  ==========  ================================  ===============================
log_loss             softmax     -log A[y]                         A - Y
binary_log_loss      logistic    -sum(Y log A + (1-Y) log(1-A))    A - Y
squared_error        identity    mean(g^2) / 2                     g
poisson              exp         sum(Y log(Y / A) - Y + A)         A - Y
gamma                exp         mean(log(A / Y) + Y / A - 1)      1 - Y / A
absolute_error       identity    mean(abs(g))                      sign(g)
huber [1]            identity    mean(g^2 / 2, or beyond delta     g, cut to [-delta, delta]
                                 delta (abs(g) - delta / 2))
log_cosh             identity    mean(log(cosh(g)))                tanh(g)
quantile [2]         identity    mean(q max(-g, 0) +               1 - q if g > 0 else -q
                                 (1 - q) max(g, 0))
quantiles            increasing  the same, one q an output         by the chain rule
focal [3]            softmax     -(1 - p)^gamma log p, p = A[y]    c (A - Y)
binary_focal         logistic    its sum, p = A or 1 - A           c (A - Y)
===================  ==========  ================================  ===============================

The smoothed log-losses [4] take (1 - s) Y + s / K for Y, with K classes, 2 for the logistic.

Y holds a class code in one column a block for the softmax, else one column an output. Where a value
is a mean over outputs, D is not divided by their number: a factor between loss and gradient that
scikit-learn's squared error has, that equal results need, and that the others share, so that losses
can be exchanged at the same learning rate.

[1] Huber, Annals of Mathematical Statistics 35, 1964. [2] Koenker and Bassett, Econometrica 46,
1978. [3] Lin et al., arXiv:1708.02002: c = (1 - p)^gamma - gamma p (1 - p)^(gamma-1) log p.
[4] Szegedy et al., arXiv:1512.00567.
"""

import math
from typing import NamedTuple

import numpy as np

from fastnn.compiling.language import Kernel, interface, jit
from fastnn.kernels.elementary import log

# A, Y, rows, blocks, settings, D, row_losses
loss = interface(
    "readonly T[:, ::1], readonly T[:, ::1], readonly int64[::1], readonly int64[::1], "
    "readonly float64[::1], T[:, ::1], float64[::1]"
)


@jit
def _clip(p, eps):
    """Keep a probability away from 0 and 1, where the logarithm ends; NaN stays NaN."""
    p = eps if p < eps else p
    return 1 - eps if p > 1 - eps else p


@loss
def log_loss(A, Y, rows, blocks, settings, D, row_losses):
    eps, one = np.finfo(A.dtype).eps, A.dtype.type(1)
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            D[i, j] = A[i, j]
        for block in range(blocks.size - 1):
            D[i, blocks[block] + int(Y[rows[i], block])] -= one
        row_losses[i] = _clip(A[i, int(Y[rows[i], 0])], eps)
    for i in range(A.shape[0]):  # a loop of their own, which is vectorised: 4 times as fast
        row_losses[i] = -log(row_losses[i])
    for block in range(1, blocks.size - 1):
        for i in range(A.shape[0]):
            y = blocks[block] + int(Y[rows[i], block])
            row_losses[i] -= math.log(_clip(A[i, y], eps))


@loss
def smoothed_log_loss(A, Y, rows, blocks, settings, D, row_losses):
    eps, one = np.finfo(A.dtype).eps, A.dtype.type(1)
    for i in range(A.shape[0]):
        row_losses[i] = 0
        for block in range(blocks.size - 1):
            start, stop = blocks[block], blocks[block + 1]
            y = start + int(Y[rows[i], block])
            share = A.dtype.type(settings[0] / (stop - start))
            for j in range(start, stop):
                target = one - A.dtype.type(settings[0]) + share if j == y else share
                row_losses[i] -= target * math.log(_clip(A[i, j], eps))
                D[i, j] = A[i, j] - target


@loss
def binary_log_loss(A, Y, rows, blocks, settings, D, row_losses):
    eps = np.finfo(A.dtype).eps
    for i in range(A.shape[0]):
        row_losses[i] = 0
        for j in range(A.shape[1]):
            y, p = Y[rows[i], j], _clip(A[i, j], eps)
            row_losses[i] -= math.log(p if y > 0 else 1 - p)
            D[i, j] = A[i, j] - y


@loss
def smoothed_binary_log_loss(A, Y, rows, blocks, settings, D, row_losses):
    eps = np.finfo(A.dtype).eps
    for i in range(A.shape[0]):
        row_losses[i] = 0
        for j in range(A.shape[1]):
            y = Y[rows[i], j] * (1 - settings[0]) + settings[0] / 2
            p = _clip(A[i, j], eps)
            row_losses[i] -= y * math.log(p) + (1 - y) * math.log(1 - p)
            D[i, j] = A[i, j] - y


@jit
def _focal(p, gamma, eps):
    """Focal loss of the probability p of what is right, and its factor c."""
    p = _clip(float(p), float(eps))
    wrong, log_p = 1 - p, math.log(p)
    return -(wrong**gamma) * log_p, wrong**gamma - gamma * p * wrong ** (gamma - 1) * log_p


@loss
def focal(A, Y, rows, blocks, settings, D, row_losses):
    eps = np.finfo(A.dtype).eps
    for i in range(A.shape[0]):
        row_losses[i] = 0
        for block in range(blocks.size - 1):
            start, stop = blocks[block], blocks[block + 1]
            y = start + int(Y[rows[i], block])
            value, c = _focal(A[i, y], settings[0], eps)
            row_losses[i] += value
            for j in range(start, stop):
                D[i, j] = c * (A[i, j] - (1 if j == y else 0))


@loss
def binary_focal(A, Y, rows, blocks, settings, D, row_losses):
    eps = np.finfo(A.dtype).eps
    for i in range(A.shape[0]):
        row_losses[i] = 0
        for j in range(A.shape[1]):
            y = Y[rows[i], j]
            value, c = _focal(A[i, j] if y > 0 else 1 - A[i, j], settings[0], eps)
            row_losses[i] += value
            D[i, j] = c * (A[i, j] - y)


@loss
def squared_error(A, Y, rows, blocks, settings, D, row_losses):
    for i in range(A.shape[0]):
        total = 0.0
        for j in range(A.shape[1]):
            gap = A[i, j] - Y[rows[i], j]
            D[i, j] = gap
            total += float(gap) * float(gap)
        row_losses[i] = 0.5 * total / A.shape[1]


@loss
def poisson(A, Y, rows, blocks, settings, D, row_losses):
    for i in range(A.shape[0]):
        row_losses[i] = 0
        for j in range(A.shape[1]):
            y = Y[rows[i], j]
            D[i, j] = A[i, j] - y
            row_losses[i] += A[i, j] - y
            if y > 0:
                row_losses[i] += y * math.log(y / A[i, j])


@loss
def gamma(A, Y, rows, blocks, settings, D, row_losses):
    for i in range(A.shape[0]):
        total = 0.0
        for j in range(A.shape[1]):
            ratio = float(Y[rows[i], j]) / float(A[i, j])
            D[i, j] = 1 - ratio
            total += ratio - 1 - math.log(ratio)
        row_losses[i] = total / A.shape[1]


@loss
def absolute_error(A, Y, rows, blocks, settings, D, row_losses):
    for i in range(A.shape[0]):
        total = 0.0
        for j in range(A.shape[1]):
            gap = A[i, j] - Y[rows[i], j]
            D[i, j] = np.sign(gap)
            total += abs(gap)
        row_losses[i] = total / A.shape[1]


@loss
def huber(A, Y, rows, blocks, settings, D, row_losses):
    delta = settings[0]
    for i in range(A.shape[0]):
        total = 0.0
        for j in range(A.shape[1]):
            gap = float(A[i, j] - Y[rows[i], j])
            cut = min(max(gap, -delta), delta) if gap == gap else gap
            D[i, j] = cut
            total += cut * (gap - 0.5 * cut)
        row_losses[i] = total / A.shape[1]


@loss
def log_cosh(A, Y, rows, blocks, settings, D, row_losses):
    for i in range(A.shape[0]):
        total = 0.0
        for j in range(A.shape[1]):
            gap = float(A[i, j] - Y[rows[i], j])
            D[i, j] = math.tanh(gap)
            total += abs(gap) + math.log1p(math.exp(-2 * abs(gap))) - math.log(2.0)
        row_losses[i] = total / A.shape[1]


@jit
def _pinball(gap, q):
    """Loss of a quantile, and its derivative."""
    if gap > 0:
        return (1 - q) * gap, 1 - q
    if gap == 0:
        return 0.0, 0.0
    return -q * gap, -q  # NaN goes here, and so is seen


@loss
def quantile(A, Y, rows, blocks, settings, D, row_losses):
    for i in range(A.shape[0]):
        total = 0.0
        for j in range(A.shape[1]):
            value, slope = _pinball(float(A[i, j] - Y[rows[i], j]), settings[0])
            D[i, j] = slope
            total += value
        row_losses[i] = total / A.shape[1]


@loss
def quantiles(A, Y, rows, blocks, settings, D, row_losses):
    """One target; output k is the sum of z_0 and log(1 + e^z_1) to log(1 + e^z_k)."""
    one = A.dtype.type(1)
    for i in range(A.shape[0]):
        total, above = 0.0, 0.0
        for k in range(A.shape[1] - 1, -1, -1):
            value, slope = _pinball(float(A[i, k] - Y[rows[i], 0]), settings[k])
            total += value
            above += slope  # z_k moves this output and all above it
            step = one - math.exp(A[i, k - 1] - A[i, k]) if k > 0 else one
            D[i, k] = above * step
        row_losses[i] = total / A.shape[1]


class Loss(NamedTuple):
    """A loss, and the output activation that goes with it."""

    kernel: Kernel
    output: str
    is_mean: bool = False  # over outputs, where D is not


REGRESSION_LOSSES = {
    "squared_error": Loss(squared_error, "identity", is_mean=True),
    "poisson": Loss(poisson, "exp"),
    "gamma": Loss(gamma, "exp", is_mean=True),
    "absolute_error": Loss(absolute_error, "identity", is_mean=True),
    "huber": Loss(huber, "identity", is_mean=True),
    "log_cosh": Loss(log_cosh, "identity", is_mean=True),
    "quantile": Loss(quantile, "identity", is_mean=True),
}
LOSSES = {
    **REGRESSION_LOSSES,
    "quantiles": Loss(quantiles, "increasing", is_mean=True),
    "log_loss": Loss(log_loss, "softmax"),
    "smoothed_log_loss": Loss(smoothed_log_loss, "softmax"),
    "focal": Loss(focal, "softmax"),
    "binary_log_loss": Loss(binary_log_loss, "logistic"),
    "smoothed_binary_log_loss": Loss(smoothed_binary_log_loss, "logistic"),
    "binary_focal": Loss(binary_focal, "logistic"),
}
