"""Weights of an ensemble's members, chosen by their out-of-fold predictions.

Greedy selection with replacement (Caruana et al., Ensemble Selection from Libraries of Models, ICML
2004): from nothing on, the member is added that makes the mean of all added so far the best, and a
member's weight is its share of these additions. Numbers are averaged, and probabilities.

Few rows tell members apart badly, so that the better half of them shares 1 / (1 + (n / 200) ** 2)
of the weight. `benchmarks/NOTES.md` has the figures, and what else was tried.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import xlogy

ROUNDS = 60
FEW_ROWS = 200  # where half of the weight is shared
LEAST_WEIGHT = 0.01  # less is not worth a member's time
MOST_ROWS = 100_000  # that are judged: seconds, and a mean to 1/300 of the standard deviation
SMALLEST = 1e-12  # probability, so that no single row excludes a member

Judge = Callable[[np.ndarray], np.ndarray]  # losses (n,) of averages (n, n_rows, ...)


def weights_by_loss(
    predictions: np.ndarray,
    y: np.ndarray,
    loss: str,
    *,
    settings: tuple[float, ...] = (),
    sample_weight: np.ndarray | None = None,
    rounds: int = ROUNDS,
) -> np.ndarray:
    """Choose weights of members by a loss.

    Parameters
    ----------
    predictions : ndarray of shape (n_members, n_rows, ...)
        Out-of-fold predictions; for "log_loss" probabilities of the classes, else numbers of y's
        shape or, for several quantiles, a column each.
    y : ndarray of shape (n_rows,) or (n_rows, n_targets)
        Codes of classes, or targets.
    loss : str
        "log_loss", or a key of `ROW_LOSSES`.
    settings : tuple of float
        huber's delta, or the quantiles.
    sample_weight : ndarray of shape (n_rows,), default=None
        How much each row counts.
    rounds : int, default=60
        Additions at most: weights are multiples of one by their number.

    Returns
    -------
    weights : ndarray of shape (n_members,)
        From 0 on, with sum 1.
    """
    rows = judged_rows(len(y))
    y = y[rows]
    weights = None if sample_weight is None else sample_weight[rows]
    if loss == "log_loss":
        right = predictions[:, rows, y].astype(np.float64)

        def of_classes(A: np.ndarray) -> np.ndarray:
            return _mean(-np.log(np.maximum(A, SMALLEST)), weights)

        return _chosen(
            right, of_classes, rounds, len(y) if weights is None else effective_rows(weights)
        )
    row_loss, setting = ROW_LOSSES[loss], np.asarray(settings, dtype=np.float64)
    y = y.reshape(len(y), -1).astype(np.float64)
    columns = predictions[:, rows].reshape(len(predictions), len(y), -1).astype(np.float64)

    def judge(A: np.ndarray) -> np.ndarray:
        return _mean(row_loss(A, y, setting).mean(axis=2), weights)

    return _chosen(columns, judge, rounds, len(y) if weights is None else effective_rows(weights))


def weights_by_score(
    predictions: np.ndarray, score: Callable[[np.ndarray], float], *, rounds: int = ROUNDS
) -> np.ndarray:
    """Choose weights of members by the score of their mean.

    Parameters
    ----------
    predictions : ndarray of shape (n_members, n_rows, ...)
        Out-of-fold predictions.
    score : callable
        Of predictions of shape (n_rows, ...); greater is better.
    rounds : int, default=60
        Additions at most.

    Returns
    -------
    weights : ndarray of shape (n_members,)
        From 0 on, with sum 1.
    """

    def judge(A: np.ndarray) -> np.ndarray:
        return np.array([-score(average) for average in A])

    return _chosen(predictions, judge, rounds, predictions.shape[1])


def _greedy(predictions: np.ndarray, judge: Judge, rounds: int) -> np.ndarray:
    counts = np.zeros(len(predictions))
    total = np.zeros(predictions.shape[1:])
    best, chosen = np.inf, np.full(len(predictions), 1 / len(predictions))
    for n_added in range(1, rounds + 1):
        losses = np.nan_to_num(judge((total + predictions) / n_added), nan=np.inf, posinf=np.inf)
        added = int(losses.argmin())
        counts[added] += 1
        total += predictions[added]
        if losses[added] < best:
            best, chosen = losses[added], counts / n_added
    return chosen


def _chosen(predictions: np.ndarray, judge: Judge, rounds: int, n_rows: float) -> np.ndarray:
    """Weights by greedy selection, and in part the same for the better half."""
    losses = np.nan_to_num(judge(predictions), nan=np.inf, posinf=np.inf)
    better = losses <= np.median(losses)
    share = 1 / (1 + (n_rows / FEW_ROWS) ** 2)
    weights = (1 - share) * _greedy(predictions, judge, rounds) + share * better / better.sum()
    weights[weights < LEAST_WEIGHT] = 0
    return weights / weights.sum()


def effective_rows(weights: np.ndarray) -> float:
    """How many equal rows tell as much as these weighted ones (Kish, Survey Sampling, 1965)."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def judged_rows(n_rows: int) -> np.ndarray:
    """Rows to judge by: all, or as many as are enough, at equal distances."""
    return np.linspace(0, n_rows - 1, min(n_rows, MOST_ROWS)).astype(int)


def _mean(losses: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    return np.average(losses, axis=1, weights=weights)


def _log_cosh(A: np.ndarray, y: np.ndarray, _: Any) -> np.ndarray:
    gap = np.abs(A - y)
    return gap + np.log1p(np.exp(-2 * gap))  # and a constant


def _huber(A: np.ndarray, y: np.ndarray, delta: float) -> np.ndarray:
    gap = np.abs(A - y)
    cut = np.minimum(gap, delta)
    return cut * (gap - cut / 2)


# Of averages A of shape (n, n_rows, n_columns), targets y and the loss' setting; up to constants
# and factors those of `fastnn.kernels.losses`, which are for one network's outputs at a time.
ROW_LOSSES: dict[str, Callable[[np.ndarray, np.ndarray, Any], np.ndarray]] = {
    "squared_error": lambda A, y, _: (A - y) ** 2,
    "absolute_error": lambda A, y, _: np.abs(A - y),
    "huber": _huber,
    "log_cosh": _log_cosh,
    "quantile": lambda A, y, q: np.maximum(q * (y - A), (q - 1) * (y - A)),
    "poisson": lambda A, y, _: A - xlogy(y, np.maximum(A, SMALLEST)),
    "gamma": lambda A, y, _: np.log(np.maximum(A, SMALLEST)) + y / np.maximum(A, SMALLEST),
}


def row_losses(
    predictions: np.ndarray, y: np.ndarray, loss: str, settings: tuple[float, ...] = ()
) -> np.ndarray:
    """Loss of each row of predictions of shape (n_rows, ...); see `weights_by_loss`."""
    if loss == "log_loss":
        right = predictions[np.arange(len(y)), y].astype(np.float64)
        return -np.log(np.maximum(right, SMALLEST))
    columns, y = predictions.reshape(len(y), -1).astype(np.float64), y.reshape(len(y), -1)
    setting = np.asarray(settings, dtype=np.float64)
    return np.asarray(ROW_LOSSES[loss](columns, y, setting)).mean(axis=1)
