"""Outputs of a layer for any number of rows: tile by tile, in little memory."""

import numpy as np

from fastnn.jit import call, entry_jit, parallel_jit, prange
from fastnn.kernels.arguments import OUTPUTS, UNITS, Sample, Workspace
from fastnn.views import locked, matrix, vector


@entry_jit
def predict_rows(k, n_shards, sample, rows, l, layers, params, work, out):
    """Write the outputs of layer l for every n_shards-th tile of the rows, from the k-th on."""
    tile_rows = work.row_losses.shape[1]
    for start in range(k * tile_rows, rows.size, n_shards * tile_rows):
        tile = vector(rows, start, min(tile_rows, rows.size - start))
        call(layers.forward, k, sample, tile, start, 0, layers, params, work)
        at = k * work.memory.shape[1] + work.outputs + tile.size * layers.table[l, OUTPUTS]
        A = matrix(work.memory, at, tile.size, layers.table[l, UNITS])
        for i in range(A.shape[0]):
            for j in range(A.shape[1]):
                out[start + i, j] = A[i, j]


@parallel_jit
def _predict_shards(n_shards, sample, rows, l, layers, params, work, out):
    for k in prange(n_shards):
        predict_rows(k, n_shards, sample, rows, l, layers, params, work, out)


@entry_jit
def predict_rows_parallel(n_shards, sample, rows, l, layers, params, work, out):
    """Write the outputs of layer l for these rows, on as many threads as Numba is set to."""
    _predict_shards(n_shards, sample, rows, l, layers, params, work, out)


@entry_jit
def predict_few(X, Y, weights, layers, params, work, memory_size, out):
    """Write the outputs for all rows of X to `out`, at once; returns whether X is finite.

    For one row and a few: all in one call, with memory of its own.
    """
    n_rows = X.shape[0]
    for i in range(n_rows):
        for j in range(X.shape[1]):
            if not np.isfinite(X[i, j]):
                return False
    rows, values = np.arange(n_rows), locked(vector(X, 0, X.size))
    sample = Sample(values, None, None, X.shape[1], 1, Y, weights)
    own = Workspace(
        np.empty((1, memory_size), params.dtype),
        work.inputs,
        work.outputs,
        work.slopes,
        work.normalized,
        work.moments,
        work.deltas,
        work.transposed,
        work.tile_gradient,
        work.moments_size,
        work.deltas_size,
        work.gradients,
        work.row_losses,
        work.losses,
        work.squares,
    )
    call(layers.forward, 0, sample, rows, 0, 0, layers, params, own)
    last = layers.table.shape[0] - 1
    A = matrix(
        own.memory, work.outputs + n_rows * layers.table[last, OUTPUTS], n_rows, out.shape[1]
    )
    for i in range(n_rows):
        for j in range(out.shape[1]):
            out[i, j] = A[i, j]
    return True


@entry_jit
def losses_of_rows(loss, A, Y, rows, blocks, settings, D, row_losses):
    """Loss of each row, from outputs that are there already."""
    call(loss, A, Y, rows, blocks, settings, D, row_losses)
