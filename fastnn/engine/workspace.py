"""How much memory the kernels work in, and how a mini-batch is cut into shards."""

from functools import cache
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from fastnn import memory
from fastnn.compiling.intrinsics.registers import LONG
from fastnn.embedding import Embedding
from fastnn.engine.base import Problem
from fastnn.engine.bind import keeps_moments, stores_slopes
from fastnn.kernels.arguments import Workspace
from fastnn.kernels.embeddings import FOR_WAVES
from fastnn.kernels.products import pairs
from fastnn.kernels.products.strips import is_copied
from fastnn.kernels.tuning import (
    MAX_GRADIENT_NUMBERS,
    MAX_PANEL_ROWS,
    MAX_SHARDS,
    TILE_ROWS,
    UPDATE_BLOCK,
)


def training_workspace(
    units: tuple[int, ...],
    n_params: int,
    batch_rows: int,
    rows_per_shard: int,
    block: int,
    dtype: np.dtype,
    **needs: Any,
) -> Workspace:
    """Allocate for mini-batches of `batch_rows` rows; the number of shards follows from them.

    Parameters
    ----------
    **needs : bool, Embedding or None
        `sparse`, `slopes`, `normalized`, `embedding`, `rounds`, `whole_shards`, `adds`: as
        `_training_layout` takes them.
    """
    rows = batch_rows, rows_per_shard
    n_shards, tile, row_size, starts = _training_layout(units, n_params, *rows, dtype, **needs)
    return Workspace(
        memory=memory.empty((n_shards, row_size), dtype),
        **starts,
        gradients=memory.zeros((n_shards, memory.padded(n_params, dtype)), dtype),
        row_losses=np.empty((n_shards, tile)),
        losses=np.empty(n_shards),
        squares=np.empty(-(-n_params // block)),
    )


def problem_workspace(
    problem: Problem, batch_rows: int, rows_per_shard: int, adds: bool = False
) -> Workspace:
    """Allocate for mini-batches of a problem of this many rows."""
    params, architecture = problem.network.params, problem.architecture
    return training_workspace(
        problem.network.units,
        params.size,
        batch_rows,
        rows_per_shard,
        UPDATE_BLOCK,
        params.dtype,
        sparse=problem.data.sample.columns is not None,
        slopes=stores_slopes(architecture),
        normalized=architecture.normalization is not None,
        embedding=architecture.embedding,
        rounds=architecture.rounds,
        whole_shards=keeps_moments(architecture),
        adds=adds,
    )


def prediction_workspace(
    units: tuple[int, ...],
    n_rows: int,
    n_threads: int,
    dtype: np.dtype,
    sparse: bool,
    normalized: bool = False,
    slopes: bool = False,
    embedding: Embedding | None = None,
) -> Workspace:
    """Allocate for outputs alone, one tile for each thread."""
    tile = min(n_rows, TILE_ROWS)
    moments_size = _moments_size(units, tile) if normalized else 0
    copies_size = _copies_size(units, tile, dtype, embedding, trains=False)
    sizes = {
        "inputs": 0 if sparse else tile * units[0],
        "outputs": tile * sum(units[1:]),
        "slopes": tile * sum(units[1:]) if slopes else 0,
        "normalized": tile * sum(units[1:]) if embedding else 0,
        "embedded": tile * units[0] if embedding else 0,
        "moments": moments_size * (len(units) - 1),
        "copies": copies_size,
    }
    row_size, starts = _sections(sizes, dtype)
    return Workspace(
        memory=memory.empty((n_threads, row_size), dtype),
        **starts,
        moments_size=moments_size,
        deltas_size=0,
        copies_size=copies_size,
        gradients=np.empty((n_threads, 0), dtype),
        row_losses=np.empty((n_threads, tile)),
        losses=np.empty(0),
        squares=np.empty(0),
    )


@cache
def _training_layout(
    units: tuple[int, ...],
    n_params: int,
    batch_rows: int,
    rows_per_shard: int,
    dtype: np.dtype,
    sparse: bool,
    slopes: bool = False,
    normalized: bool = False,
    embedding: Embedding | None = None,
    rounds: bool = False,
    whole_shards: bool = False,
    adds: bool = False,
) -> tuple[int, int, int, dict[str, int]]:
    """Give the number of shards, a tile's rows, a shard's numbers, and what begins where in them.

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
    copies_size = _copies_size(units, tile, dtype, embedding, trains=True)
    if rounds:
        copies_size = max(copies_size, _pairs_size(units[1:] if sparse else units, tile))
    moments_size = _moments_size(units, tile) if normalized else 0
    deltas_size = tile * max(units if embedding else units[1:])  # of an embedding, too
    sizes = {
        "inputs": 0 if sparse else tile * units[0],
        "outputs": outputs,
        "slopes": outputs if slopes else 0,
        "normalized": outputs if normalized or embedding else 0,
        "moments": moments_size * (len(units) - 1),
        "deltas": 2 * deltas_size,
        "embedded": tile * units[0] if embedding else 0,
        "copies": copies_size,
        "tile_gradient": n_params if adds or longest > tile else 0,
    }
    row_size, starts = _sections(sizes, dtype)
    return (
        n_shards,
        tile,
        row_size,
        starts
        | {
            "moments_size": moments_size,
            "deltas_size": deltas_size,
            "copies_size": copies_size,
        },
    )


def _moments_size(units: tuple[int, ...], tile: int) -> int:
    """Four numbers for each unit of a layer (batch), one for each row (layer)."""
    return max(4 * max(units[1:]), tile)


def _copies_size(
    units: tuple[int, ...], tile: int, dtype: np.dtype, embedding: Embedding | None, trains: bool
) -> int:
    """Give room for the longest panel, a copy of each W that is multiplied as W', and waves."""
    longest = max(*units, tile) if trains else max(units)
    sizes = [min(longest, MAX_PANEL_ROWS) * 2 * LONG // dtype.itemsize]
    if embedding:
        sizes.append(tile * (embedding.n_waves + FOR_WAVES))
    if trains:
        sizes += [m * n for m, n in pairwise(units[1:]) if is_copied(tile, m, n)]
    return max(sizes)


def _pairs_size(units: tuple[int, ...], tile: int) -> int:
    """Give room for what each layer's three products round."""
    sizes = [
        pairs.room(*shape)
        for m, n in pairwise(units)
        for shape in ((tile, m), (m, tile), (tile, n))  # of Z, dW and dA
    ]
    return max(sizes, default=0)


SECTIONS = (
    *("inputs", "outputs", "slopes", "normalized", "moments", "deltas", "embedded", "copies"),
    "tile_gradient",
)


def _sections(sizes: dict[str, int], dtype: np.dtype) -> tuple[int, dict[str, int]]:
    """Give the numbers of a shard's memory, and where in it each section begins."""
    padded = [memory.padded(sizes.get(name, 0), dtype) for name in SECTIONS]
    starts = dict(zip(SECTIONS, accumulate([0, *padded[:-1]]), strict=True))
    for name in ("slopes", "normalized"):
        if not sizes.get(name):
            starts[name] = starts["outputs"]
    return sum(padded), starts
