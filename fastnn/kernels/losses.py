"""Losses: the gap between a network's outputs A and the targets Y, and its derivative.

For each loss with its output activation, the derivative by the last layer's Z is the same
difference, D = A - Y (McCullagh and Nelder, Generalized Linear Models, 1989: the canonical link).
A row's loss l(A, Y):

===============  ========  ====================================  =================================
loss             output    l for one row                         Y
===============  ========  ====================================  =================================
log_loss         softmax   -log A[y]                             one column: the class code y
binary_log_loss  logistic  -sum(Y log A + (1 - Y) log(1 - A))    one column of 0 and 1 an output
squared_error    identity  mean((A - Y)^2) / 2                   one column an output
poisson          exp       sum(Y log(Y / A) - Y + A)             one column an output, >= 0
===============  ========  ====================================  =================================

The squared error's value is divided by the number of outputs and its D is not: a factor between
loss and gradient that scikit-learn has, and that equal results need.
"""

import math

import numpy as np

from fastnn.jit import jit

LOG_LOSS, BINARY_LOG_LOSS, SQUARED_ERROR, POISSON = range(4)


@jit
def _clip(p, eps):
    """Keep a probability away from 0 and 1, where the logarithm ends; NaN stays NaN."""
    p = eps if p < eps else p
    return 1 - eps if p > 1 - eps else p


@jit
def log_loss(A, Y, rows, D, row_losses):
    eps, one = np.finfo(A.dtype).eps, A.dtype.type(1)
    for i in range(A.shape[0]):
        y = int(Y[rows[i], 0])
        row_losses[i] = -math.log(_clip(A[i, y], eps))
        for j in range(A.shape[1]):
            D[i, j] = A[i, j]
        D[i, y] -= one


@jit
def binary_log_loss(A, Y, rows, D, row_losses):
    eps = np.finfo(A.dtype).eps
    for i in range(A.shape[0]):
        row_losses[i] = 0
        for j in range(A.shape[1]):
            y, p = Y[rows[i], j], _clip(A[i, j], eps)
            row_losses[i] -= math.log(p if y > 0 else 1 - p)
            D[i, j] = A[i, j] - y


@jit
def squared_error(A, Y, rows, D, row_losses):
    for i in range(A.shape[0]):
        total = 0.0
        for j in range(A.shape[1]):
            gap = A[i, j] - Y[rows[i], j]
            D[i, j] = gap
            total += float(gap) * float(gap)
        row_losses[i] = 0.5 * total / A.shape[1]


@jit
def poisson(A, Y, rows, D, row_losses):
    for i in range(A.shape[0]):
        row_losses[i] = 0
        for j in range(A.shape[1]):
            y = Y[rows[i], j]
            D[i, j] = A[i, j] - y
            row_losses[i] += A[i, j] - y
            if y > 0:
                row_losses[i] += y * math.log(y / A[i, j])


@jit
def loss_and_delta(loss, A, Y, weights, rows, D, row_losses):
    """Write the last layer's delta to D and return the sum of the rows' losses, each weighted."""
    if loss == LOG_LOSS:
        log_loss(A, Y, rows, D, row_losses)
    elif loss == BINARY_LOG_LOSS:
        binary_log_loss(A, Y, rows, D, row_losses)
    elif loss == SQUARED_ERROR:
        squared_error(A, Y, rows, D, row_losses)
    else:
        poisson(A, Y, rows, D, row_losses)
    total = 0.0
    for i in range(rows.size):
        if weights.size > 0:
            weight = weights[rows[i]]
            row_losses[i] *= weight
            for j in range(D.shape[1]):
                D[i, j] *= weight
        total += row_losses[i]
    return total


LOSSES = {
    "log_loss": LOG_LOSS,
    "binary_log_loss": BINARY_LOG_LOSS,
    "squared_error": SQUARED_ERROR,
    "poisson": POISSON,
}
