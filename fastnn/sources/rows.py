"""Rows in memory that are gathered from a source's parts."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from scipy import sparse

from fastnn.engine.data import Data, Matrix
from fastnn.sources.blocks import Part, cut
from fastnn.sources.source import Source
from fastnn.training.dataset import Dataset, Targets

# Checks and encodes the part of a block, given the block's number.
Encode = Callable[[int | None, Part], Dataset]


def encoded(
    source: Source, encode: Encode, starts: np.ndarray, numbers: Iterable[int] | None = None
) -> Iterator[tuple[int, int, Dataset]]:
    """Read blocks and encode their rows.

    Parameters
    ----------
    source : Source
    encode : callable
    starts : ndarray of shape (n_blocks + 1,)
        Number of the first row of each block, and of the row after the last.
    numbers : iterable of int or None
        Which blocks, in which order; None for all.

    Yields
    ------
    number, first : int
        Number of the block, and of the part's first row.
    rows : Dataset

    Raises
    ------
    ValueError
        If a block does not have the rows that it had.
    """
    asked = list(range(len(starts) - 1) if numbers is None else map(int, numbers))
    before, seen, missing = (
        -1,
        0,
        {number for number in asked if starts[number] < starts[number + 1]},
    )
    for number, part in source.blocks.read(asked, features=True):
        if number != before:
            _check_size(source, starts, before, seen)
            before, seen = number, 0
            missing.discard(number)
        for rows in cut(part):
            yield number, int(starts[number]) + seen, encode(number, rows)
            seen += rows.n_rows
    _check_size(source, starts, before, seen)
    if missing:
        _check_size(source, starts, min(missing), 0)


def _check_size(source: Source, starts: np.ndarray, number: int, seen: int) -> None:
    expected = int(starts[number + 1] - starts[number]) if number >= 0 else 0
    if seen != expected:
        raise ValueError(
            f"{source.blocks.where(number)} has {seen} rows, and had {expected} when it was first "
            "read: a source has to give the same rows each time."
        )


def gathered(parts: Iterable[Dataset], n_rows: int, keeps_y: bool) -> Dataset:
    """Put parts together; dense rows go straight to where they stay.

    The user's y may be texts, which take far more memory than what they are encoded as: where
    nobody asks for it, that stands in its place.
    """
    X: np.ndarray | None = None
    sparse_parts, at = [], 0
    kept: list[Dataset] = []
    for part in parts:
        if isinstance(part.X, np.ndarray):
            if X is None:
                X = np.empty((n_rows, part.X.shape[1]), part.X.dtype)
            X[at : at + len(part.X)] = part.X
        else:
            sparse_parts.append(part.X)
        at += part.X.shape[0]
        y = part.y if keeps_y else part.targets.Y
        kept.append(Dataset(part.X[:0], y, part.targets, part.sample_weight, part.weights))
    whole: Matrix = sparse.vstack(sparse_parts, format="csr") if X is None else X[:at]
    y = _stacked([part.y for part in kept])
    targets = joined(kept[0].targets, [part.targets.Y for part in kept])
    sample_weight = _concatenated([part.sample_weight for part in kept])
    return Dataset(whole, y, targets, sample_weight, _concatenated([part.weights for part in kept]))


def joined(like: Targets, Ys: list[np.ndarray]) -> Targets:
    """Put targets together."""
    plain = like.loss_settings, like.blocks
    return Targets(
        np.concatenate(Ys), like.n_outputs, like.out_activation, like.loss, *plain, strata=None
    )


def some_rows(rows: Dataset, chosen: Any) -> Dataset:
    """Take some rows, by a mask or a slice."""
    X, y, sample_weight = rows.X[chosen], rows.y[chosen], rows.sample_weight
    weights = rows.weights
    return Dataset(
        X,
        y,
        joined(rows.targets, [rows.targets.Y[chosen]]),
        None if sample_weight is None else sample_weight[chosen],
        None if weights is None else weights[chosen],
    )


def _concatenated(weights: list[np.ndarray | None]) -> np.ndarray | None:
    given = [of for of in weights if of is not None]
    return np.concatenate(given) if given else None


def _stacked(ys: list[Any]) -> Any:
    return sparse.vstack(ys, format="csr") if sparse.issparse(ys[0]) else np.concatenate(ys)


class DenseRows:
    """Memory for the rows of a window, which is written over again and again.

    Parameters
    ----------
    n_rows : int
        Rows that there is room for.
    like : Dataset
        Some rows of the same kind.
    dtype : dtype
        Of the targets.
    """

    def __init__(self, n_rows: int, like: Dataset, dtype: np.dtype) -> None:
        X, Y = like.X, like.targets.Y
        self.X = np.empty((n_rows, X.shape[1]), X.dtype)
        self.Y = np.empty((n_rows, Y.shape[1]), dtype)
        self.weights = None if like.weights is None else np.empty(n_rows)
        self.order = np.arange(n_rows)
        self.data = Data(self.X, self.Y, self.weights)

    def put(self, at: int, rows: Dataset) -> None:
        """Copy rows to where they belong."""
        to = slice(at, at + rows.X.shape[0])
        self.X[to], self.Y[to] = rows.X, rows.targets.Y
        if self.weights is not None:
            self.weights[to] = rows.weights

    def ready(self) -> Data:
        """Give the rows as an engine takes them."""
        return self.data


class SparseRows:
    """The same for sparse rows, which are put together when they are all there."""

    def __init__(self, n_rows: int, like: Dataset, dtype: np.dtype) -> None:
        self.order, self.dtype = np.arange(n_rows), dtype
        self.parts: list[Dataset] = []

    def put(self, at: int, rows: Dataset) -> None:
        """Keep rows."""
        if at == 0:
            self.parts = []
        self.parts.append(rows)

    def ready(self) -> Data:
        """Put the rows together."""
        X = sparse.vstack([part.X for part in self.parts], format="csr")
        Y = np.concatenate([part.targets.Y for part in self.parts]).astype(self.dtype)
        weights = None
        if self.parts[0].weights is not None:
            weights = np.concatenate([np.asarray(part.weights, float) for part in self.parts])
        self.parts = []
        return Data(X, Y, weights)
