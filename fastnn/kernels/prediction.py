"""Outputs of a trained network for any number of rows, tile by tile through a small workspace."""

from fastnn.jit import entry_jit, jit, parallel_jit, prange
from fastnn.kernels.backprop import forward


@jit
def predict_shard(k, n_shards, sample, rows, layers, params, work, out):
    """Write the outputs for every n_shards-th tile of the rows, from the k-th on."""
    tile_rows = work.row_losses.shape[1]
    for start in range(k * tile_rows, rows.size, n_shards * tile_rows):
        tile = rows[start : start + tile_rows]
        A = forward(sample, tile, layers, params, work.inputs[k], work.outputs[k])
        for i in range(A.shape[0]):
            for j in range(A.shape[1]):
                out[start + i, j] = A[i, j]


@parallel_jit
def predict_shards_parallel(sample, rows, layers, params, work, out):
    n_shards = work.row_losses.shape[0]
    for k in prange(n_shards):
        predict_shard(k, n_shards, sample, rows, layers, params, work, out)


@entry_jit
def predict_rows(sample, rows, layers, params, work, out, threads):
    """Write the outputs for these rows to `out`."""
    if threads is None:
        predict_shard(0, 1, sample, rows, layers, params, work, out)
    else:
        predict_shards_parallel(sample, rows, layers, params, work, out)
