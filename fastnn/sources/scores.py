"""Scores of predictions that come part by part: sums take the place of the rows."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np


class Tally(Protocol):
    """Takes parts in, and gives the score of all their rows."""

    def add(self, y: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> None:
        """Take some rows in: targets and predictions of one shape, and a weight each."""

    def score(self) -> float:
        """Score all rows so far."""


class Accuracy:
    """Share of rows of which every label is right."""

    def __init__(self) -> None:
        self.right = self.total = 0.0

    def add(self, y: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> None:
        """Take some rows in."""
        same = np.asarray(y == predicted).reshape(len(y), -1).all(axis=1)
        self.right += float(weights[same].sum())
        self.total += float(weights.sum())

    def score(self) -> float:
        """Score all rows so far."""
        return self.right / self.total if self.total else float("nan")


class R2:
    """R^2, the mean over targets, as scikit-learn's `r2_score` has it.

    Squares are put together as in `fastnn.sources.preprocessor`.
    """

    def __init__(self) -> None:
        self.n_rows, self.total = 0, 0.0
        self.mean = self.squares = self.errors = np.zeros(1)

    def add(self, y: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> None:
        """Take some rows in."""
        y = np.asarray(y, np.float64).reshape(len(y), -1)
        errors = y - np.asarray(predicted, np.float64).reshape(y.shape)
        self.n_rows, n = self.n_rows + len(y), float(weights.sum())
        self.errors = self.errors + weights @ errors**2
        if n == 0:
            return
        mean = weights @ y / n
        total, apart = self.total + n, mean - self.mean
        between = apart**2 * (self.total * n / total)
        self.squares = self.squares + weights @ (y - mean) ** 2 + between
        self.mean = self.mean + apart * (n / total)
        self.total = total

    def score(self) -> float:
        """Score all rows so far."""
        if self.n_rows < 2:
            return float("nan")
        varies = self.squares > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = 1 - self.errors / self.squares
        return float(np.where(varies, scores, np.where(self.errors == 0, 1.0, 0.0)).mean())


class Kept:
    """Any score: targets and predictions are kept, without the rows themselves.

    Parameters
    ----------
    function : callable
        Of all targets, predictions and weights.
    """

    def __init__(self, function: Callable[[np.ndarray, np.ndarray, np.ndarray], float]) -> None:
        self.function = function
        self.parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, y: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> None:
        """Take some rows in."""
        self.parts.append((np.array(y, np.float64), predicted, weights))

    def score(self) -> float:
        """Score all rows so far."""
        return self.function(*map(np.concatenate, zip(*self.parts, strict=True)))


def score_parts(parts: Any, predict: Callable[[Any], np.ndarray], tally: Tally) -> float:
    """Score the predictions for the parts of a source.

    Parameters
    ----------
    parts : iterable of Part
    predict : callable
        Of a part's X.
    tally : Tally

    Raises
    ------
    ValueError
        Where there is no target, or the weights of all rows are 0.
    """
    total = 0.0
    for X, y, weights in parts:
        if y is None:
            raise ValueError(
                "score needs a target, and the source has none: make_source(..., target=...) "
                "names it."
            )
        y = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
        y = y.ravel() if y.ndim == 2 and y.shape[1] == 1 else y
        weights = np.ones(len(y)) if weights is None else np.asarray(weights, np.float64)
        total += float(weights.sum())
        tally.add(y, predict(X), weights)
    if total == 0:
        raise ValueError("The weights of the source's rows sum to 0: no score follows from them.")
    return tally.score()
