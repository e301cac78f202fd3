"""Outputs of a layer for any number of rows: tile by tile, in little memory."""

import numpy as np

from fastnn.compiling.intrinsics.views import locked, matrix, vector
from fastnn.compiling.language import call, interface, jit
from fastnn.kernels.arguments import OUTPUTS, UNITS, Sample, Workspace
from fastnn.kernels.sharing import prange, share


@jit
def _predict_shard(k, n_shards, sample, rows, l, layers, params, work, out):
    """Write the outputs of layer l for every n_shards-th tile of the rows, from the k-th on."""
    tile_rows, stride = work.row_losses.shape[1], work.memory.shape[1]
    start = k * tile_rows
    while start < rows.size:
        tile = vector(rows, start, min(tile_rows, rows.size - start))
        call(layers.forward, k, sample, tile, start, 0, layers, params, work)
        at = k * stride + work.outputs + tile.size * layers.table[l, OUTPUTS]
        A = matrix(work.memory, at, tile.size, layers.table[l, UNITS])
        for i in range(A.shape[0]):
            for j in range(A.shape[1]):
                out[start + i, j] = A[i, j]
        start += n_shards * tile_rows


@interface(
    "int64[::1], Sample, int64, Layers, readonly T[::1], Workspace, readonly int64[::1], "
    "T[:, ::1], int64"
)
def prediction_loop(team, sample, l, layers, params, work, rows, out, n_shards):
    """Write the outputs of layer l for these rows, in so many shards."""
    for k in prange(team, n_shards):
        _predict_shard(k, n_shards, sample, rows, l, layers, params, work, out)


@interface(
    "address, Sample, int64, Layers, readonly T[::1], Workspace, readonly int64[::1], T[:, ::1], "
    "int64, int64[::1]"
)
def predict_rows(loop, sample, l, layers, params, work, rows, out, n_shards, team):
    """Write the outputs of layer l for these rows; `loop` is the address of `prediction_loop`."""
    share(team, loop, sample, l, layers, params, work, rows, out, n_shards)


OK, NOT_FINITE = 0, 1  # what `predict_at_once` says of X


@jit
def are_finite(values):
    """Whether no number is infinite or NaN; a loop that returned early would not vectorise."""
    n_others, zero, one = values.dtype.type(0), values.dtype.type(0), values.dtype.type(1)
    for i in range(values.size):
        n_others += zero if np.isfinite(values[i]) else one
    return n_others == zero


@interface(
    "readonly T[:, ::1], readonly float64[::1], readonly int64[::1], Layers, readonly T[::1], "
    "Workspace, readonly V[:, ::1], T[:, ::1], T[:, ::1]"
)
def predict_at_once(Y, weights, rows, layers, params, work, X, memory, out):
    """Write the outputs for all rows of X to `out`: tile by tile, all in one call.

    Its memory is its own: no other call writes to what it gets. Returns `OK`, or `NOT_FINITE` for
    an X that is not; numbers are looked at just before they are used, and come from memory once.
    """
    last, m, n = layers.table.shape[0] - 1, X.shape[1], out.shape[1]
    own = Workspace(
        memory=memory,
        inputs=work.inputs,
        outputs=work.outputs,
        slopes=work.slopes,
        normalized=work.normalized,
        moments=work.moments,
        deltas=work.deltas,
        embedded=work.embedded,
        copies=work.copies,
        tile_gradient=work.tile_gradient,
        moments_size=work.moments_size,
        deltas_size=work.deltas_size,
        copies_size=work.copies_size,
        gradients=work.gradients,
        row_losses=work.row_losses,
        losses=work.losses,
        squares=work.squares,
    )
    for start in range(0, X.shape[0], rows.size):
        tile = vector(rows, 0, min(rows.size, X.shape[0] - start))
        values = vector(X, start * m, tile.size * m)
        if not are_finite(values):
            return NOT_FINITE
        sample = Sample(locked(values), None, None, m, 1, Y, weights)
        call(layers.forward, 0, sample, tile, start, 0, layers, params, own)
        at = work.outputs + tile.size * layers.table[last, OUTPUTS]
        A, part = vector(memory, at, tile.size * n), vector(out, start * n, tile.size * n)
        for i in range(A.size):
            part[i] = A[i]
    return OK


@interface(
    "address, readonly int64[::1], readonly float64[::1], readonly T[:, ::1], "
    "readonly T[:, ::1], readonly int64[::1], T[:, ::1], float64[::1]"
)
def losses_of_rows(loss, blocks, settings, A, Y, rows, D, row_losses):
    """Loss of each row, from outputs that are there already."""
    call(loss, A, Y, rows, blocks, settings, D, row_losses)
