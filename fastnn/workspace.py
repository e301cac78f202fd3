"""How much memory the kernels work in, and how a mini-batch is cut into shards."""

from itertools import accumulate

import numpy as np

from fastnn.kernels.arguments import Workspace

TILE_ROWS = 256  # go through the network at once, about: their outputs stay in the L2 cache
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
    slopes: bool = False,
    normalized: bool = False,
    whole_shards: bool = False,
    adds: bool = False,
) -> Workspace:
    """Allocate for mini-batches of `batch_rows` rows; the number of shards follows from them.

    Batch normalization takes the moments of a whole shard, which is then one tile. Where a shard
    adds to its gradient from call to call, it needs room for a tile's.
    """
    n_shards = max(
        1, min(batch_rows // rows_per_shard, MAX_SHARDS, MAX_GRADIENT_NUMBERS // n_params)
    )
    # A shorter last mini-batch may be a single shard of up to 2 * rows_per_shard - 1 rows.
    longest = max(-(-batch_rows // n_shards), min(batch_rows, 2 * rows_per_shard - 1))
    n_tiles = 1 if whole_shards else max(1, round(longest / TILE_ROWS))
    tile = -(-longest // n_tiles)
    outputs = tile * sum(units[1:])
    moments_size = _moments_size(units, tile) if normalized else 0
    deltas_size = tile * max(units[1:])
    sizes = {
        "inputs": 0 if sparse else tile * units[0],
        "outputs": outputs,
        "slopes": outputs if slopes else 0,
        "normalized": outputs if normalized else 0,
        "moments": moments_size * (len(units) - 1),
        "deltas": 2 * deltas_size,
        "tile_gradient": n_params if adds or longest > tile else 0,
    }
    return Workspace(
        **_sections(sizes, n_shards, dtype),
        moments_size=moments_size,
        deltas_size=deltas_size,
        gradients=np.empty((n_shards, n_params), dtype),
        row_losses=np.empty((n_shards, tile)),
        losses=np.empty(n_shards),
        squares=np.empty(-(-n_params // block)),
    )


def prediction_workspace(
    units: tuple[int, ...],
    n_rows: int,
    n_threads: int,
    dtype: np.dtype,
    sparse: bool,
    normalized: bool = False,
) -> Workspace:
    """Allocate for outputs alone, one tile for each thread."""
    tile = min(n_rows, TILE_ROWS)
    moments_size = _moments_size(units, tile) if normalized else 0
    sizes = {
        "inputs": 0 if sparse else tile * units[0],
        "outputs": tile * sum(units[1:]),
        "moments": moments_size * (len(units) - 1),
    }
    return Workspace(
        **_sections(sizes, n_threads, dtype),
        moments_size=moments_size,
        deltas_size=0,
        gradients=np.empty((n_threads, 0), dtype),
        row_losses=np.empty((n_threads, tile)),
        losses=np.empty(0),
        squares=np.empty(0),
    )


def _moments_size(units: tuple[int, ...], tile: int) -> int:
    """Four numbers for each unit of a layer (batch), one for each row (layer)."""
    return max(4 * max(units[1:]), tile)


SECTIONS = ("inputs", "outputs", "slopes", "normalized", "moments", "deltas", "tile_gradient")
ALIGNMENT = 16  # numbers: 64 bytes of float32, a cache line


def _sections(sizes: dict[str, int], n_shards: int, dtype: np.dtype) -> dict:
    """One row of memory a shard, and where each section begins in it."""
    padded = [-(-sizes.get(name, 0) // ALIGNMENT) * ALIGNMENT for name in SECTIONS]
    starts = dict(zip(SECTIONS, accumulate([0, *padded[:-1]]), strict=True))
    for name in ("slopes", "normalized"):
        if not sizes.get(name):
            starts[name] = starts["outputs"]
    return {"memory": np.empty((n_shards, sum(padded)), dtype), **starts}
