"""Normalization of a layer's weighted sums before its activation: N = (Z - mean) / deviation.

The activation then gets scale N, and adds shift as it would add a bias; scale and shift are learned
(Ioffe and Szegedy, arXiv:1502.03167; Ba, Kiros and Hinton, arXiv:1607.06450).

=======  ====================================================================================
batch    mean and deviation of each unit over the rows of a shard; a prediction, and a shard of
         one row, takes the running ones, which move by a tenth to each shard's in turn
layer    mean and deviation of each row over the layer's units, always its own
=======  ====================================================================================

The way back, with n rows (batch) or units (layer), sums over the same, and G = D scale:
D = (G - mean(G) - N mean(G N)) / deviation, and D = G / deviation where the running ones were used.
"""

import math
from typing import NamedTuple

from fastnn.compiling.language import Kernel, interface, jit
from fastnn.kernels.arguments import NORMALIZE, RUNNING, UNITS

EPSILON = 1e-5  # keeps the deviation from 0; PyTorch's
MOMENTUM = 0.1  # of the running moments; PyTorch's

# Z, bias, scale, running (mean, variance), N, moments
normalizing = interface(
    "T[:, ::1], readonly T[::1], readonly T[::1], readonly T[::1], T[:, ::1], T[::1]"
)
# D, N, scale, moments, dscale
denormalizing = interface("T[:, ::1], T[:, ::1], readonly T[::1], T[::1], T[::1]")


@jit
def _apply(Z, bias, scale, mean, inverse, N):
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            N[i, j] = (Z[i, j] + bias[j] - mean[j]) * inverse[j]
            Z[i, j] = scale[j] * N[i, j]


@jit
def _batch_parts(moments, n):
    """Mean, variance, inverse deviation and sum of derivatives of each unit, in `moments`."""
    return moments[:n], moments[n : 2 * n], moments[2 * n : 3 * n], moments[3 * n : 4 * n]


@normalizing
def running_norm(Z, bias, scale, running, N, moments):
    n, one, epsilon = Z.shape[1], Z.dtype.type(1), Z.dtype.type(EPSILON)
    _, _, inverse, _ = _batch_parts(moments, n)
    for j in range(n):
        inverse[j] = one / math.sqrt(running[n + j] + epsilon)
    _apply(Z, bias, scale, running[:n], inverse, N)


@normalizing
def batch_norm(Z, bias, scale, running, N, moments):
    rows, n = Z.dtype.type(Z.shape[0]), Z.shape[1]
    one, epsilon = Z.dtype.type(1), Z.dtype.type(EPSILON)
    mean, variance, inverse, _ = _batch_parts(moments, n)
    if Z.shape[0] == 1:
        for j in range(n):
            mean[j], variance[j] = running[j], running[n + j]
    else:
        mean[:], variance[:] = 0, 0
        for i in range(Z.shape[0]):
            for j in range(n):
                mean[j] += Z[i, j]
        for j in range(n):
            mean[j] = mean[j] / rows + bias[j]
        for i in range(Z.shape[0]):
            for j in range(n):
                gap = Z[i, j] + bias[j] - mean[j]
                variance[j] += gap * gap
        for j in range(n):
            variance[j] /= rows
    for j in range(n):
        inverse[j] = one / math.sqrt(variance[j] + epsilon)
    _apply(Z, bias, scale, mean, inverse, N)


@denormalizing
def batch_norm_backward(D, N, scale, moments, dscale):
    rows, n = D.dtype.type(D.shape[0]), D.shape[1]
    _, _, inverse, sums = _batch_parts(moments, n)
    dscale[:], sums[:] = 0, 0
    for i in range(D.shape[0]):
        for j in range(n):
            dscale[j] += D[i, j] * N[i, j]
            sums[j] += D[i, j]
    own = D.dtype.type(D.shape[0] > 1)  # one row took the running moments, which it does not move
    for i in range(D.shape[0]):
        for j in range(n):
            gap = D[i, j] - own * (sums[j] + N[i, j] * dscale[j]) / rows
            D[i, j] = gap * scale[j] * inverse[j]


@normalizing
def layer_norm(Z, bias, scale, running, N, moments):
    units, epsilon = Z.dtype.type(Z.shape[1]), Z.dtype.type(EPSILON)
    for i in range(Z.shape[0]):
        total, squares = Z.dtype.type(0), Z.dtype.type(0)
        for j in range(Z.shape[1]):
            Z[i, j] += bias[j]
            total += Z[i, j]
        mean = total / units
        for j in range(Z.shape[1]):
            squares += (Z[i, j] - mean) * (Z[i, j] - mean)
        moments[i] = Z.dtype.type(1) / math.sqrt(squares / units + epsilon)
        for j in range(Z.shape[1]):
            N[i, j] = (Z[i, j] - mean) * moments[i]
            Z[i, j] = scale[j] * N[i, j]


@denormalizing
def layer_norm_backward(D, N, scale, moments, dscale):
    units = D.dtype.type(D.shape[1])
    dscale[:] = 0
    for i in range(D.shape[0]):
        total, along = D.dtype.type(0), D.dtype.type(0)
        for j in range(D.shape[1]):
            dscale[j] += D[i, j] * N[i, j]
            D[i, j] *= scale[j]
            total += D[i, j]
            along += D[i, j] * N[i, j]
        for j in range(D.shape[1]):
            D[i, j] = (D[i, j] - (total + N[i, j] * along) / units) * moments[i]


@interface("int64, int64, Layers, T[::1], Workspace")
def track(n_shards, n_rows, layers, running, work):
    """Move the running moments of each layer to those of the shards, in turn.

    A shard's variance is made unbiased; a shard of one row has none.
    """
    table, memory, at, size = layers.table, work.memory, work.moments, work.moments_size
    momentum = running.dtype.type(MOMENTUM)
    for l in range(table.shape[0]):
        n = table[l, UNITS] if layers.functions[l, NORMALIZE] != 0 else 0
        means, variances = table[l, RUNNING], table[l, RUNNING] + n
        for k in range(n_shards):
            rows = n_rows * (k + 1) // n_shards - n_rows * k // n_shards
            if rows > 1:
                unbiased = running.dtype.type(rows / (rows - 1))
                for j in range(n):
                    mean = memory[k, at + l * size + j]
                    variance = memory[k, at + l * size + n + j] * unbiased
                    running[means + j] += momentum * (mean - running[means + j])
                    running[variances + j] += momentum * (variance - running[variances + j])


class Normalization(NamedTuple):
    """How a layer is normalized, in training and in prediction."""

    training: Kernel
    prediction: Kernel
    backward: Kernel
    keeps_moments: bool


NORMALIZATIONS = {
    "batch": Normalization(batch_norm, running_norm, batch_norm_backward, keeps_moments=True),
    "layer": Normalization(layer_norm, layer_norm, layer_norm_backward, keeps_moments=False),
}
