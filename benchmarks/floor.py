"""The floor: what an epoch costs when nothing is left of a library but the arithmetic.

A network of ReLUs and a softmax, trained by Adam on dense rows; no validation, no options, no
stopping. One call of a compiled function is one epoch. Every W, b lies in one vector, layer by
layer; a shard of a mini-batch passes through the network on one thread, and with T threads there
are T shards, each with its own gradient. What an estimator takes beyond this, in the same run, is
its overhead. It shares no code with fastnn, so that a change there does not move the yardstick.
"""

import math
from itertools import pairwise

import joblib
import numba
import numpy as np
import scipy.linalg  # noqa: F401 loads the BLAS that Numba calls, so that the limit reaches it
from numba import literal_unroll, njit, prange
from threadpoolctl import ThreadpoolController

FLAGS = {
    "error_model": "numpy",  # a check for a division by zero would stop the vectoriser
    "fastmath": {"nsz", "arcp", "contract", "afn", "reassoc"},
    "nogil": True,
    "cache": True,
}
FLOPS_PER_THREAD = 2e6  # of a mini-batch: below, a second thread costs more than it does
LOG2_E = 1 / math.log(2)
LN_2_HIGH = 6.93145751953125e-1  # ln 2 in two parts, so that the range reduction is exact
LN_2_LOW = 1.42860682030941723212e-6
TAYLOR = tuple(1 / math.factorial(k) for k in range(12, -1, -1))
BETA_1, BETA_2, EPSILON, LEARNING_RATE, ALPHA = 0.9, 0.999, 1e-8, 1e-3, 1e-4


@njit(error_model="numpy", fastmath={"contract"})
def exp(x):
    """e^x by range reduction and a polynomial, which LLVM vectorises as it cannot math.exp."""
    n = np.rint(x * LOG2_E)
    r = (x - n * LN_2_HIGH) - n * LN_2_LOW
    e = 1 / 6227020800  # 13!
    for term in literal_unroll(TAYLOR):
        e = e * r + term
    return e * np.int64((np.int64(n) + 1023) << 52).view(np.float64)


@njit(**FLAGS)
def matrix(flat, start, rows, columns):
    return flat[start : start + rows * columns].reshape((rows, columns))


@njit(**FLAGS)
def gather(X, rows, A):
    for i in range(rows.size):
        row = rows[i]
        for j in range(A.shape[1]):
            A[i, j] = X[row, j]


@njit(**FLAGS)
def relu(Z, b):
    zero = Z.dtype.type(0)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            Z[i, j] = max(Z[i, j] + b[j], zero)


@njit(**FLAGS)
def relu_backward(A, D):
    zero = A.dtype.type(0)
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            D[i, j] = D[i, j] if A[i, j] > zero else zero


@njit(**FLAGS)
def softmax_loss(Z, b, y, rows, D):
    """Sum of the rows' cross-entropies; D becomes softmax(Z + b) minus the one-hot classes."""
    number, loss = Z.dtype.type, 0.0
    for i in range(Z.shape[0]):
        top = Z[i, 0] + b[0]
        for j in range(b.size):
            Z[i, j] += b[j]
            top = max(top, Z[i, j])
        total = 0.0
        for j in range(b.size):
            e = exp(max(float(Z[i, j] - top), -700.0))  # lower, the exponent's bits run out
            D[i, j] = number(e)
            total += e
        scale, c = number(1 / total), y[rows[i]]
        for j in range(b.size):
            D[i, j] *= scale
        D[i, c] -= number(1)
        loss += math.log(total) - (Z[i, c] - top)
    return loss


@njit(**FLAGS)
def column_sums(D, db):
    db[:] = 0
    for i in range(D.shape[0]):
        for j in range(D.shape[1]):
            db[j] += D[i, j]


@njit(**FLAGS)
def loss_gradient(X, y, rows, units, params, gradient, A, D):
    """Take X[rows] forward and back; A and D hold each layer's outputs and deltas, end to end."""
    n_rows, n_layers, loss = rows.size, units.size - 1, 0.0
    w = a = 0  # where W of this layer and its inputs begin
    gather(X, rows, matrix(A, 0, n_rows, units[0]))
    for layer in range(n_layers):
        m, n = units[layer], units[layer + 1]
        out = a + n_rows * m
        Z, b = matrix(A, out, n_rows, n), params[w + m * n : w + (m + 1) * n]
        np.dot(matrix(A, a, n_rows, m), matrix(params, w, m, n), Z)
        if layer < n_layers - 1:
            relu(Z, b)
        else:
            loss = softmax_loss(Z, b, y, rows, matrix(D, out, n_rows, n))
        w, a = w + (m + 1) * n, out
    for layer in range(n_layers - 1, -1, -1):
        m, n = units[layer], units[layer + 1]
        delta = matrix(D, a, n_rows, n)
        w, a = w - (m + 1) * n, a - n_rows * m
        inputs = matrix(A, a, n_rows, m)
        np.dot(inputs.T, delta, matrix(gradient, w, m, n))
        column_sums(delta, gradient[w + m * n : w + (m + 1) * n])
        if layer > 0:
            below = matrix(D, a, n_rows, m)
            np.dot(delta, matrix(params, w, m, n).T, below)
            relu_backward(inputs, below)
    return loss


@njit(**FLAGS)
def adam(p, g, m, v, rate, scale):
    number = p.dtype.type
    keep_m, keep_v, add_m, add_v = number(BETA_1), number(BETA_2), number(0.1), number(0.001)
    alpha, epsilon = number(ALPHA), number(EPSILON)
    for i in range(p.size):
        gradient = (g[i] + alpha * p[i]) * scale
        m[i] = keep_m * m[i] + add_m * gradient
        v[i] = keep_v * v[i] + add_v * gradient * gradient
        p[i] -= rate * m[i] / (math.sqrt(v[i]) + epsilon)


@njit(**FLAGS)
def add(a, b):
    for i in range(a.size):
        a[i] += b[i]


@njit(**FLAGS)
def rate(t):
    return LEARNING_RATE * math.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)


@njit(**FLAGS)
def epoch_serial(X, y, order, batch, units, params, m, v, gradients, A, D, t):
    number, loss = params.dtype.type, 0.0
    for start in range(0, order.size, batch):
        rows = order[start : start + batch]
        loss += loss_gradient(X, y, rows, units, params, gradients[0], A[0], D[0])
        t += 1
        adam(params, gradients[0], m, v, number(rate(t)), number(1 / rows.size))
    return loss / order.size


@njit(parallel=True, **FLAGS)
def epoch_parallel(X, y, order, batch, units, params, m, v, gradients, A, D, t):
    number, n_threads, size, loss = params.dtype.type, len(gradients), params.size, 0.0
    for start in range(0, order.size, batch):
        rows = order[start : start + batch]
        for k in prange(n_threads):
            shard = rows[rows.size * k // n_threads : rows.size * (k + 1) // n_threads]
            loss += loss_gradient(X, y, shard, units, params, gradients[k], A[k], D[k])
        t += 1
        step, scale = number(rate(t)), number(1 / rows.size)
        for k in prange(n_threads):
            low, high = size * k // n_threads, size * (k + 1) // n_threads
            for other in range(1, n_threads):
                add(gradients[0][low:high], gradients[other][low:high])
            p, g = params[low:high], gradients[0][low:high]
            adam(p, g, m[low:high], v[low:high], step, scale)
    return loss / order.size


def flops(case):
    """Floating-point operations of an epoch's matrix products; the input needs no derivative."""
    units = [case.features, *case.hidden, case.classes]
    products = 6 * sum(m * n for m, n in pairwise(units)) - 2 * units[0] * units[1]
    return case.rows * products


def prepare(case, X, y):
    """A function that trains for the case's epochs and returns the last one's mean loss."""
    n_threads = min(joblib.cpu_count(), numba.config.NUMBA_NUM_THREADS)
    if flops(case) / case.rows * case.batch < FLOPS_PER_THREAD * n_threads:
        n_threads = 1
    run = epoch_serial if n_threads == 1 else epoch_parallel
    units = np.array([case.features, *case.hidden, case.classes])
    size = sum((m + 1) * n for m, n in pairwise(units))
    random = np.random.default_rng(0)
    share = -(-case.batch // n_threads)
    gradients = np.zeros((n_threads, size), X.dtype)
    A, D = np.zeros((2, n_threads, share * units.sum()), X.dtype)
    initial = (random.standard_normal(size) / 20).astype(X.dtype)
    steps = -(-case.rows // case.batch)
    blas = ThreadpoolController()  # looking for the libraries takes 3 ms

    def train():
        params, m, v = initial.copy(), np.zeros_like(initial), np.zeros_like(initial)
        state = units, params, m, v, gradients, A, D
        with blas.limit(limits=1, user_api="blas"):
            if n_threads > 1:
                numba.set_num_threads(n_threads)
            for epoch in range(case.epochs):
                loss = run(X, y, random.permutation(case.rows), case.batch, *state, epoch * steps)
        return loss

    train()  # compiles
    return train
