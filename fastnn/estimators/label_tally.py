"""Labels that are seen part by part: which there are, and how many of each."""

from collections import Counter
from typing import Any

import numpy as np
from scipy import sparse

MOST_LABELS = 100_000


class LabelTally:
    """Counts the labels of one target or of several.

    Attributes
    ----------
    counts : list of dict
        Rows of each label, for each target.
    n_rows : int
        Rows seen.
    """

    def __init__(self) -> None:
        self.counts: list[Counter] = []
        self.n_rows, self.ndim = 0, 1
        self.dtype: np.dtype | None = None

    def add(self, y: Any) -> None:
        """Count the labels of some rows.

        Raises
        ------
        ValueError
            If there are too many to be labels, or not as many targets as before.
        """
        if y.dtype.kind == "f" and not np.isfinite(y).all():
            raise ValueError("Input y contains NaN or infinity.")
        columns = y.T if y.ndim == 2 else [y]
        if not self.counts:
            self.counts, self.ndim = [Counter() for _ in columns], y.ndim
        if (len(columns), y.ndim) != (len(self.counts), self.ndim):
            raise ValueError(
                f"y of shape {y.shape} has not the {len(self.counts)} targets of blocks before."
            )
        self.dtype = y.dtype if self.dtype is None else np.result_type(self.dtype, y.dtype)
        for counter, column in zip(self.counts, columns, strict=True):
            labels, counts = np.unique(column, return_counts=True)
            counter.update(dict(zip(labels.tolist(), counts.tolist(), strict=True)))
            if len(counter) > MOST_LABELS:
                raise ValueError(
                    f"The target has more than {MOST_LABELS} labels: if it holds numbers, use "
                    "MLPRegressor."
                )
        self.n_rows += len(y)

    def labels(self) -> np.ndarray:
        """Give a small y that has all labels: (n,), or a column for each target."""
        columns = [np.array(sorted(counter), self.dtype) for counter in self.counts]
        if self.ndim == 1:
            return columns[0]
        n = max(map(len, columns))
        return np.stack([np.resize(column, n) for column in columns], axis=1)

    def class_weight(self, given: Any) -> Any:
        """Put weights in the place of "balanced", as `compute_class_weight` of all rows would."""
        if isinstance(given, list) and len(given) == len(self.counts):
            return [
                self._balanced(counter) if isinstance(of, str) else of
                for of, counter in zip(given, self.counts, strict=True)
            ]
        if not isinstance(given, str):
            return given
        if self.ndim == 1:
            return self._balanced(self.counts[0])
        return [self._balanced(counter) for counter in self.counts]

    def _balanced(self, counter: Counter) -> dict[Any, float]:
        n, k = sum(counter.values()), len(counter)
        return {label: float(n / (k * np.float64(count))) for label, count in counter.items()}


def labels_of(y: Any) -> np.ndarray:
    """Give labels as an array, without the second axis of a single column."""
    y = y.toarray() if sparse.issparse(y) else np.asarray(y)
    return y.ravel() if y.ndim == 2 and y.shape[1] == 1 else y
