"""How much memory the kernels work in, and how a mini-batch is cut into shards."""

import numpy as np

from fastnn.kernels.arguments import Workspace

TILE_ROWS = 256  # rows that go through the network at once: their outputs stay in the L2 cache
MAX_SHARDS = 64
MAX_GRADIENT_NUMBERS = 2**24  # all shards' gradients together: 64 MB of float32


def training_workspace(
    units: tuple[int, ...],
    n_params: int,
    batch_rows: int,
    rows_per_shard: int,
    block: int,
    dtype: np.dtype,
    sparse: bool,
) -> Workspace:
    """Allocate for mini-batches of `batch_rows` rows; the number of shards follows from them."""
    n_shards = max(
        1, min(batch_rows // rows_per_shard, MAX_SHARDS, MAX_GRADIENT_NUMBERS // n_params)
    )
    # A shorter last mini-batch may be a single shard of up to 2 * rows_per_shard - 1 rows.
    longest = max(-(-batch_rows // n_shards), min(batch_rows, 2 * rows_per_shard - 1))
    tile = min(longest, TILE_ROWS)
    outputs = np.empty((n_shards, tile * sum(units[1:])), dtype)
    return Workspace(
        inputs=np.empty((n_shards, 0 if sparse else tile * units[0]), dtype),
        outputs=outputs,
        deltas=np.empty_like(outputs),
        row_losses=np.empty((n_shards, tile)),
        losses=np.empty(n_shards),
        gradients=np.empty((n_shards, n_params), dtype),
        tile_gradients=np.empty((n_shards, n_params if longest > tile else 0), dtype),
        penalties=np.empty(-(-n_params // block)),
    )


def prediction_workspace(
    units: tuple[int, ...], n_rows: int, n_threads: int, dtype: np.dtype, sparse: bool
) -> Workspace:
    """Allocate for outputs alone, one tile for each thread."""
    tile = min(n_rows, TILE_ROWS)
    nothing = np.empty((n_threads, 0), dtype)
    return Workspace(
        inputs=nothing if sparse else np.empty((n_threads, tile * units[0]), dtype),
        outputs=np.empty((n_threads, tile * sum(units[1:])), dtype),
        deltas=nothing,
        row_losses=np.empty((n_threads, tile)),
        losses=np.empty(0),
        gradients=nothing,
        tile_gradients=nothing,
        penalties=np.empty(0),
    )
