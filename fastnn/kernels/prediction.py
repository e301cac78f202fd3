"""Outputs of a layer for any number of rows: tile by tile, in little memory."""

import numpy as np

from fastnn.compiling.intrinsics.views import locked, matrix, vector
from fastnn.compiling.language import call, jit, parallel_jit, prange
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
PREDICT_ROWS = {False: jit(_predict_rows), True: parallel_jit(_predict_rows)}


@jit
def predict_few(Y, weights, rows, layers, params, work, X, memory, out):
    """Write the outputs for all rows of X to `out`, at once.

    For one row and a few: all in one call, with memory of its own. Of an X that is not finite
    nothing is computed, and out[0, 0] is NaN.
    """
    n_rows, last = X.shape[0], layers.table.shape[0] - 1
    for i in range(n_rows):
        for j in range(X.shape[1]):
            if not np.isfinite(X[i, j]):
                out[0, 0] = np.nan
                return
    sample = Sample(locked(vector(X, 0, X.size)), None, None, X.shape[1], 1, Y, weights)
    own = Workspace(
        memory,
        work.inputs,
        work.outputs,
        work.slopes,
        work.normalized,
        work.moments,
        work.deltas,
        work.copies,
        work.tile_gradient,
        work.moments_size,
        work.deltas_size,
        work.copies_size,
        work.gradients,
        work.row_losses,
        work.losses,
        work.squares,
    )
    call(layers.forward, 0, sample, rows, 0, 0, layers, params, own)
    at = work.outputs + n_rows * layers.table[last, OUTPUTS]
    A = matrix(memory, at, n_rows, out.shape[1])
    for i in range(n_rows):
        for j in range(out.shape[1]):
            out[i, j] = A[i, j]


@jit
def losses_of_rows(loss, blocks, settings, A, Y, rows, D, row_losses):
    """Loss of each row, from outputs that are there already."""
    call(loss, A, Y, rows, blocks, settings, D, row_losses)
