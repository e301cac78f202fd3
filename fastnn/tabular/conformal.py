"""Intervals and sets of classes that hold what is true as often as was asked.

CV+ (Barber et al., Predictive Inference with the Jackknife+, Annals of Statistics 49, 2021,
arXiv:1905.02928). Each training row i has a gap by the model of the fold that did not train on it,
and each new row has a prediction by the model of each fold. An interval reaches from a low quantile
of (prediction of i's fold - gap of i) over all i to a high one of (prediction + gap). Whatever the
models, at least 1 - 2 alpha of new rows like the training rows are within (for many rows, less
2 / sqrt(n)); in practice 1 - alpha are.

Gaps are divided by the spread that is usual at their prediction, and multiplied by that of the new
row's (Lei et al., Distribution-Free Predictive Inference for Regression, JASA 2018,
arXiv:1604.04173): dear houses have wider intervals than cheap ones.

A set has the likeliest class, and every other one that is not less probable than what happened to
most of the training rows whose likeliest class was wrong: the sets of least size for a coverage
(Sadinle et al., Least Ambiguous Set-Valued Classifiers, JASA 2019, arXiv:1609.00451), with a score
that is best for the likeliest class, so that none is empty and a coverage above the one that was
asked for is that of the likeliest class alone. Rows are compared fold by fold (Vovk,
Cross-Conformal Predictors, 2015, arXiv:1208.0806).
"""

from numbers import Real
from typing import Any, NamedTuple

import numpy as np

NUMBERS_AT_ONCE = 1 << 20  # of predictions, so that memory beyond the result is some 50 MB
HALVINGS = 12  # of what the folds disagree on, upwards: ends are exact to 1/4000 of it
KNOTS = 8  # of the spread over the prediction
KNOT_ROWS = 10  # of a prior by which it is the same everywhere
FLOOR = 0.3  # of the mean gap, added to the spread: none is near 0
OUTLIERS = 0.01  # share of gaps that count for the spread as those below them
NARROWED_FOR = 0.9  # coverage at which a spread has to pay


def check_coverage(coverage: Any) -> None:
    """Refuse a coverage that is none."""
    if not isinstance(coverage, Real) or not 0 < float(coverage) < 1:
        raise ValueError(f"coverage={coverage!r} has to be a number between 0 and 1, such as 0.9.")


class Spread(NamedTuple):
    """How large gaps usually are, over the prediction: a line through knots.

    Attributes
    ----------
    knots : ndarray of shape (n_knots,)
        Increasing predictions.
    heights : ndarray of shape (n_folds, n_knots)
        Above 0; a fold's is of the rows of the others, so that its own are new to it.
    """

    knots: np.ndarray
    heights: np.ndarray

    def of(self, predictions: np.ndarray) -> np.ndarray:
        """Spread of predictions of shape (n_folds, n_rows), by the models of each fold."""
        lines = zip(predictions, self.heights, strict=True)
        return np.stack([np.interp(row, self.knots, heights) for row, heights in lines])


def fit_spread(
    predictions: np.ndarray,
    gaps: np.ndarray,
    folds: np.ndarray,
    n_folds: int,
    sample_weight: np.ndarray | None = None,
) -> tuple[Spread, np.ndarray]:
    """Learn how large gaps usually are.

    Parameters
    ----------
    predictions, gaps : ndarray of shape (n_pairs,)
        Out-of-fold predictions, and absolute differences of them and the targets.
    folds : ndarray of int of shape (n_pairs,)
        Fold of each.
    n_folds : int
        Number of folds.
    sample_weight : ndarray of shape (n_pairs,), default=None
        How much each gap counts.

    Returns
    -------
    spread : Spread
        Flat where intervals would not be narrower by it, as where targets are few whole numbers.
    scaled : ndarray of shape (n_pairs,)
        The gaps, divided by it.
    """
    weights = np.ones(len(gaps)) if sample_weight is None else sample_weight
    knots = np.unique(np.quantile(predictions, np.linspace(0.01, 0.99, KNOTS)))
    usual = np.minimum(gaps, np.quantile(gaps, 1 - OUTLIERS))
    mean = float(np.average(usual, weights=weights)) or 1.0
    flat, heights = Spread(knots, np.ones((n_folds, len(knots)))), np.empty((n_folds, len(knots)))
    if len(knots) == 1:
        return flat, gaps
    shares = np.stack([np.interp(predictions, knots, row) for row in np.eye(len(knots))], axis=1)
    for k in range(n_folds):
        others = np.where(folds == k, 0, weights)
        if not others.any():  # a single fold
            return flat, gaps
        others *= np.count_nonzero(others) / others.sum()
        weighted = shares * others[:, None]
        matrix = weighted.T @ shares + KNOT_ROWS * np.eye(len(knots))
        differences = np.linalg.solve(matrix, weighted.T @ (usual - mean))
        heights[k] = np.maximum(mean + differences, 0) + FLOOR * mean
    spread = Spread(knots, heights)
    own = (shares * heights[folds]).sum(axis=1)
    if _width(gaps / own, own, weights) < _width(gaps, np.ones(len(own)), weights):
        return spread, gaps / own
    return flat, gaps


def _width(scaled: np.ndarray, spread: np.ndarray, weights: np.ndarray) -> float:
    """Mean width of intervals with one quantile for all, up to a factor."""
    order = scaled.argsort()
    cumulated = np.concatenate([[0], weights[order].cumsum()])
    return _first(scaled[order], cumulated, NARROWED_FOR) * np.average(spread, weights=weights)


def interval(
    predictions: np.ndarray,
    gaps: np.ndarray,
    folds: np.ndarray,
    coverage: float,
    *,
    spread: Spread | None = None,
    sample_weight: np.ndarray | None = None,
) -> np.ndarray:
    """Find intervals for new rows.

    Parameters
    ----------
    predictions : ndarray of shape (n_folds, n_rows)
        Of the models of each fold.
    gaps : ndarray of shape (n_pairs,)
        Of the training rows: absolute differences of targets and out-of-fold predictions, or what
        `fit_spread` made of them.
    folds : ndarray of int of shape (n_pairs,)
        Which fold's models a gap is of.
    coverage : float
        Share of rows that the intervals are to hold, in (0, 1).
    spread : Spread, default=None
        By which the gaps are divided.
    sample_weight : ndarray of shape (n_pairs,), default=None
        How much each gap counts. A new row counts as much as their mean.

    Returns
    -------
    intervals : ndarray of shape (n_rows, 2)
        Lower and upper ends; infinite where there are too few gaps, as below 9 for 0.9.
    """
    n_folds, n_rows = predictions.shape
    quantiles = _FoldQuantiles(gaps, folds, n_folds, coverage, sample_weight)
    ends = np.empty((n_rows, 2))
    at_once = max(1, NUMBERS_AT_ONCE // n_folds)
    for start in range(0, n_rows, at_once):
        part = slice(start, start + at_once)
        centres = predictions[:, part].astype(np.float64)
        scales = np.ones_like(centres) if spread is None else spread.of(centres)
        ends[part, 0] = -quantiles.upper(-centres, scales)
        ends[part, 1] = quantiles.upper(centres, scales)
    return ends


def class_scores(probabilities: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Score what happened to the training rows, for `class_set`.

    Parameters
    ----------
    probabilities : ndarray of shape (n_pairs, n_classes)
        Out-of-fold.
    y : ndarray of int of shape (n_pairs,)
        Codes of the classes.

    Returns
    -------
    scores : ndarray of shape (n_pairs,)
        Probability of the true class, and 2 where it is the likeliest.
    """
    right = probabilities[np.arange(len(y)), y].astype(np.float64)
    return np.where(probabilities.argmax(axis=1) == y, 2, right)


def class_set(
    probabilities: np.ndarray,
    scores: np.ndarray,
    folds: np.ndarray,
    coverage: float,
    *,
    likeliest: np.ndarray | None = None,
    sample_weight: np.ndarray | None = None,
) -> np.ndarray:
    """Find sets of classes for new rows.

    Parameters
    ----------
    probabilities : ndarray of shape (n_folds, n_rows, n_classes)
        By the models of each fold.
    scores : ndarray of shape (n_pairs,)
        `class_scores` of the training rows.
    folds : ndarray of int of shape (n_pairs,)
        Which fold's models a score is of.
    coverage : float
        Share of rows whose set is to hold their class, in (0, 1).
    likeliest : ndarray of int of shape (n_rows,), default=None
        The class that a row's set has in any case; None for that of the mean over the folds.
    sample_weight : ndarray of shape (n_pairs,), default=None
        How much each score counts. A new row counts as much as their mean.

    Returns
    -------
    sets : ndarray of bool of shape (n_rows, n_classes)
        Whether a class is in a row's set.
    """
    n_folds, n_rows, n_classes = probabilities.shape
    parts, total = _by_fold(scores, folds, n_folds, sample_weight)
    sets = np.empty((n_rows, n_classes), dtype=bool)
    at_once = max(1, NUMBERS_AT_ONCE // (n_folds * n_classes))
    for start in range(0, n_rows, at_once):
        part = probabilities[:, start : start + at_once]
        no_better = np.full(part.shape[1:], total / len(scores))  # the new row itself
        for known, (sorted_scores, cumulated) in zip(part, parts, strict=True):
            no_better += cumulated[np.searchsorted(sorted_scores, known, side="right")]
        held = no_better > (1 - coverage) * total * (1 + 1 / len(scores))
        sets[start : start + at_once] = held
    if likeliest is None:
        likeliest = probabilities.mean(axis=0).argmax(axis=1)
    sets[np.arange(n_rows), likeliest] = True
    return sets


def _by_fold(
    values: np.ndarray, folds: np.ndarray, n_folds: int, sample_weight: np.ndarray | None
) -> tuple[list[tuple[np.ndarray, np.ndarray]], float]:
    """Sorted values of each fold, with the weight of the first k of them; and that of all."""
    weights = np.ones(len(values)) if sample_weight is None else sample_weight
    parts = []
    for k in range(n_folds):
        mine = np.flatnonzero(folds == k)
        mine = mine[values[mine].argsort(kind="stable")]
        parts.append((values[mine], np.concatenate([[0], weights[mine].cumsum()])))
    return parts, float(weights.sum())


class _FoldQuantiles:
    """Quantile of all centre[fold of gap] + scale[fold of gap] * gap, for many centres at once."""

    def __init__(
        self,
        gaps: np.ndarray,
        folds: np.ndarray,
        n_folds: int,
        coverage: float,
        sample_weight: np.ndarray | None,
    ) -> None:
        self.parts, total = _by_fold(gaps, folds, n_folds, sample_weight)
        level = coverage * (1 + 1 / len(gaps))  # a new row counts as one more, at infinity
        self.wanted = level * total * (1 - 1e-12)
        self.exists = level <= 1
        # Each fold's own quantile at this level: that of all lies between the least and the
        # greatest of them.
        self.own = [_first(part, cumulated, level) for part, cumulated in self.parts]

    def upper(self, centres: np.ndarray, scales: np.ndarray) -> np.ndarray:
        """Quantile for each column."""
        if not self.exists:
            return np.full(centres.shape[1], np.inf)
        of_folds = centres + scales * np.reshape(self.own, (-1, 1))
        low, high = of_folds.min(axis=0), of_folds.max(axis=0)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            weight = np.zeros(len(middle))
            for (part, cumulated), centre, scale in zip(self.parts, centres, scales, strict=True):
                weight += cumulated[np.searchsorted(part, (middle - centre) / scale, side="right")]
            enough = weight >= self.wanted
            high = np.where(enough, middle, high)
            low = np.where(enough, low, middle)
        return high


def _first(values: np.ndarray, cumulated: np.ndarray, level: float) -> float:
    """Least of the sorted values up to which there is this share of the weight."""
    k = np.searchsorted(cumulated[1:], level * cumulated[-1] * (1 - 1e-12))
    return values[min(int(k), len(values) - 1)]
