"""Outputs of a layer for any number of rows: tile by tile, in little memory."""

import numpy as np

from fastnn.compiling.intrinsics.views import locked, matrix, vector
from fastnn.compiling.language import call, interface, jit, prange, thread_forms
from fastnn.kernels.arguments import OUTPUTS, UNITS, Sample, Workspace


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


def _predict_rows(sample, l, layers, params, work, rows, out, n_shards):
    """Write the outputs of layer l for these rows."""
    for k in prange(n_shards):
        _predict_shard(k, n_shards, sample, rows, l, layers, params, work, out)


# By whether it runs on several threads.
PREDICT_ROWS = thread_forms(
    "Sample, int64, Layers, readonly T[::1], Workspace, readonly int64[::1], T[:, ::1], int64"
)(_predict_rows)

OK, NOT_FINITE = 0, 1  # what `predict_tile` says of X


@interface(
    "readonly T[:, ::1], readonly float64[::1], readonly int64[::1], Layers, readonly T[::1], "
    "Workspace, readonly T[:, ::1], T[:, ::1], T[:, ::1]"
)
def predict_tile(Y, weights, rows, layers, params, work, X, memory, out):
    """Write the outputs for all rows of X, which are few, to `out`: all in one call.

    Its memory is its own: no other call writes to what it gets. Returns `OK`, or `NOT_FINITE` for
    an X that is not, of which nothing is computed.
    """
    n_rows, last = X.shape[0], layers.table.shape[0] - 1
    for i in range(n_rows):
        for j in range(X.shape[1]):
            if not np.isfinite(X[i, j]):
                return NOT_FINITE
    sample = Sample(locked(vector(X, 0, X.size)), None, None, X.shape[1], 1, Y, weights)
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
    call(layers.forward, 0, sample, rows, 0, 0, layers, params, own)
    at = work.outputs + n_rows * layers.table[last, OUTPUTS]
    A = matrix(memory, at, n_rows, out.shape[1])
    for i in range(n_rows):
        for j in range(out.shape[1]):
            out[i, j] = A[i, j]
    return OK


@interface(
    "address, readonly int64[::1], readonly float64[::1], readonly T[:, ::1], "
    "readonly T[:, ::1], readonly int64[::1], T[:, ::1], float64[::1]"
)
def losses_of_rows(loss, blocks, settings, A, Y, rows, D, row_losses):
    """Loss of each row, from outputs that are there already."""
    call(loss, A, Y, rows, blocks, settings, D, row_losses)
