"""Arrays and sparse matrices, in memory or mapped from a file, as blocks."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from scipy import sparse

from fastnn.sources.blocks import BLOCK_BYTES, Blocks, Part, bytes_of, rows_of


class ArrayBlocks(Blocks):
    """Rows of an array.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n, n_columns)
        The rows; those of a file are not all read at once.
    y, weights : array-like of shape (n, ...) or None
        Targets and weights.
    features : sequence of int or None
        Columns to take; None for all.
    block_rows : int or None
        Rows of a block; None for 8 MB of them.
    """

    def __init__(self, X: Any, y: Any, weights: Any, features: Any, block_rows: int | None) -> None:
        self.X = X.tocsr() if sparse.issparse(X) else X
        self.y = None if y is None else _column("target", y, X)
        self.weights = None if weights is None else _column("weights", weights, X)
        self.has_target, self.has_weights = y is not None, weights is not None
        self.features = None if features is None else _places(features, X.shape[1])
        n = X.shape[0]
        self.step = block_rows or rows_of(BLOCK_BYTES, bytes_of(self.X) / max(n, 1))
        self.n_rows = [min(self.step, n - start) for start in range(0, n, self.step)]

    def read(self, numbers: Iterable[int] | None, features: bool) -> Iterator[tuple[int, Part]]:
        """Read blocks: views of the rows, where all columns are taken."""
        for number in range(len(self.n_rows or ())) if numbers is None else numbers:
            yield int(number), self._part(slice(number * self.step, (number + 1) * self.step))

    def _part(self, rows: slice) -> Part:
        X = self.X[rows] if self.features is None else self.X[rows][:, self.features]
        y, weights = (None if of is None else of[rows] for of in (self.y, self.weights))
        return Part(X, y, weights)

    def reading_bytes(self, block_bytes: float) -> float:
        """None: parts are views."""
        return 0.0

    def whole(self) -> Part | None:
        """Give all rows, unless they lie in a file."""
        return None if is_mapped(self.X) else self._part(slice(None))

    def where(self, number: int) -> str:
        """Tell which rows those are."""
        first = number * self.step
        last = first + (self.n_rows or [])[number] - 1
        return f"block {number} (rows {first} to {last})"


def is_mapped(X: Any) -> bool:
    """Whether an array lies in a file, itself or as a view of one that does."""
    while isinstance(X, np.ndarray):
        if isinstance(X, np.memmap):
            return True
        X = X.base
    return False


def _column(what: str, values: Any, X: Any) -> Any:
    values = (
        values
        if isinstance(values, np.ndarray) or sparse.issparse(values)
        else None or (np.asarray(values))
    )
    if values.shape[:1] != (X.shape[0],):
        raise ValueError(
            f"{what} of shape {values.shape} does not go with data of shape {X.shape}: it needs an "
            "entry for each row."
        )
    return values


def _places(features: Any, n_columns: int) -> np.ndarray:
    places = np.asarray(features)
    if places.ndim != 1 or places.dtype.kind not in "iu":
        raise ValueError(f"features of an array have to be numbers of columns, got {features!r}.")
    if places.size and not -n_columns <= places.min() <= places.max() < n_columns:
        raise ValueError(f"features={features!r} are not all among {n_columns} columns.")
    return places
