"""Dask's arrays and frames as blocks: one for each chunk of rows, or each partition."""

import math
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from scipy import sparse

from fastnn.sources.blocks import Blocks, Part, roles_of


class DaskArrayBlocks(Blocks):
    """Chunks of rows of a Dask array; its columns are made one chunk.

    Parameters
    ----------
    X : dask.array.Array of shape (n, n_features)
        Chunks may be of unknown sizes.
    y, weights : dask.array.Array, dask.dataframe.Series, array-like or None
        Of as many chunks, or in memory where the sizes of chunks are known.
    features : sequence of int or None
        Columns to take; None for all.
    """

    def __init__(self, X: Any, y: Any, weights: Any, features: Any) -> None:
        X = X if features is None else X[:, list(features)]
        sizes = X.chunks[0]
        known = not any(math.isnan(size) for size in sizes)
        self.n_rows = [int(size) for size in sizes] if known else None
        self.X = [X.rechunk({1: -1}).to_delayed()[k, 0] for k in range(len(sizes))]
        self.y = None if y is None else chunks_of("target", y, sizes)
        self.weights = None if weights is None else chunks_of("weights", weights, sizes)
        self.has_target, self.has_weights = y is not None, weights is not None

    def read(self, numbers: Iterable[int] | None, features: bool) -> Iterator[tuple[int, Part]]:
        """Compute chunks, by the scheduler that Dask is set to."""
        for number in range(len(self.X)) if numbers is None else numbers:
            asked = [
                None if chunks is None else chunks[number]
                for chunks in (self.X if features else None, self.y, self.weights)
            ]
            X, y, weights = _computed(*asked)
            yield int(number), part_of(X, y, weights)


class DaskFrameBlocks(Blocks):
    """Partitions of a Dask frame.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
    target : str, sequence of str or None
        Column or columns of the target.
    features : sequence of str or None
        Columns of the features; None for all others.
    weights : str or None
        Column of the weights.
    """

    def __init__(self, frame: Any, target: Any, features: Any, weights: Any) -> None:
        roles = roles_of(list(frame.columns), target, features, weights)
        self.names, self.target, self.weights = roles.features, target, weights
        self.has_target, self.has_weights = target is not None, weights is not None
        self.targets = roles.targets
        self.parts = frame[[*self.names, *roles.others]].to_delayed()

    def read(self, numbers: Iterable[int] | None, features: bool) -> Iterator[tuple[int, Part]]:
        """Compute partitions, by the scheduler that Dask is set to."""
        for number in range(len(self.parts)) if numbers is None else numbers:
            (frame,) = _computed(self.parts[number])
            y = None
            if self.targets:
                y = frame[self.target if isinstance(self.target, str) else self.targets].to_numpy()
            weights = None if self.weights is None else frame[self.weights].to_numpy()
            yield int(number), part_of(frame[self.names], y, weights)


def _computed(*collections: Any) -> tuple[Any, ...]:
    return sys.modules["dask"].compute(*collections)  # imported, as these are its own


def chunks_of(what: str, values: Any, sizes: tuple[float, ...]) -> list[Any]:
    """Give what belongs to each chunk of rows.

    Parameters
    ----------
    what : str
        What a user calls these values.
    values : Dask collection or array-like
    sizes : tuple of float
        Rows of each chunk of the data; NaN where they are not known.

    Returns
    -------
    chunks : list
        Of what is to be computed, or of arrays.

    Raises
    ------
    ValueError
        If the values do not go with the data.
    """
    if hasattr(values, "to_delayed"):
        if hasattr(values, "chunks") and values.ndim == 2:
            values = values.rechunk({1: -1})
        chunks = np.ravel(values.to_delayed()).tolist()
        if len(chunks) != len(sizes):
            raise ValueError(
                f"{what} has {len(chunks)} chunks, and the data {len(sizes)}: rechunk or "
                "repartition it alike."
            )
        return chunks
    if any(math.isnan(size) for size in sizes):
        raise ValueError(
            f"The data has chunks of unknown sizes: {what} has to be one of Dask's collections too."
        )
    values = np.asarray(values)
    if len(values) != sum(sizes):
        raise ValueError(f"{what} has {len(values)} entries, and the data {sum(sizes)} rows.")
    return np.split(values, np.cumsum(sizes)[:-1].astype(int))


def part_of(X: Any, y: Any, weights: Any) -> Part:
    """Make a part of computed chunks: a frame stays one where its columns are not all numbers."""
    if hasattr(X, "dtypes"):
        is_plain = all(getattr(dtype, "kind", "O") in "biuf" for dtype in X.dtypes)
        values = X.to_numpy() if is_plain else None
        if values is not None and values.dtype.kind != "O":  # as of booleans beside numbers
            X = values
    X = X.tocsr() if sparse.issparse(X) else X
    return Part(X, _plain(y), _plain(weights))


def _plain(values: Any) -> Any:
    return values.to_numpy() if hasattr(values, "to_numpy") else values
