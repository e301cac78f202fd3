"""Rows of Dask's collections for an ensemble: all, or as many as memory is enough for."""

import math
from typing import Any, NamedTuple

import dask
import numpy as np
from distributed import Client
from scipy import sparse

from fastnn.dask.blocks import gathered, sizes_of
from fastnn.sources.dask_blocks import chunks_of
from fastnn.sources.sample import draw, stacked, taken
from fastnn.tabular.sampled import flat, rows_within


class Rows(NamedTuple):
    """Rows in memory, as `fit` of an ensemble takes them."""

    X: Any
    y: Any
    sample_weight: Any
    groups: Any


def sampled(client: Client, given: Rows, memory: int, random_state: Any) -> Rows:
    """Draw as many rows as memory is enough to train on, or take all.

    Each worker picks them from the chunks that it computes, and only these come here. They are the
    rows that a source of the same data would draw.

    Raises
    ------
    ValueError
        If what is given does not go together.
    WorkersLostError
        If there is no worker for ten seconds.
    """
    if given.X.ndim != 2:
        raise ValueError(f"X has to be a table, and has {given.X.ndim} dimension: reshape it.")
    n_columns, sizes = given.X.shape[1], sizes_of(given.X)
    columns = [
        None if of is None else chunks_of(name, of, sizes)
        for name, of in zip(Rows._fields, given, strict=True)
    ]
    if any(math.isnan(size) for size in sizes):
        sizes = tuple(
            gathered(client, (dask.delayed(_n_rows)(chunk) for chunk in columns[0] or ()))
        )
    starts = np.cumsum([0, *sizes]).astype(np.int64)
    if not starts[-1]:
        raise ValueError("Found a collection with 0 rows, while a minimum of 1 is required.")
    numbers = draw(int(starts[-1]), rows_within(memory, n_columns), random_state)
    edges = np.searchsorted(numbers, starts)
    lazy = [
        dask.delayed(_picked)(
            tuple(None if of is None else of[k] for of in columns),
            numbers[edges[k] : edges[k + 1]] - starts[k],
        )
        for k in range(len(sizes))
        if edges[k + 1] > edges[k]
    ]
    parts = zip(*gathered(client, lazy), strict=True)
    X, y, weights, groups = (None if of[0] is None else stacked(of) for of in parts)
    return Rows(X, flat(y), weights, groups)


def _n_rows(chunk: Any) -> int:
    return chunk.shape[0]  # sparse ones have no len


def _picked(chunks: tuple[Any, ...], rows: np.ndarray) -> tuple[Any, ...]:
    """Take some rows of what belongs to a chunk; targets and the like as arrays."""
    picked: list[Any] = [None if of is None else taken(of, rows) for of in chunks]
    X = picked[0].tocsr() if sparse.issparse(picked[0]) else picked[0]
    return X, *(of.to_numpy() if hasattr(of, "to_numpy") else of for of in picked[1:])
