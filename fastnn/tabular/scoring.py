"""Scoring: how good predictions for rows held out are, by the loss and by `scoring`.

One way for all that is chosen by such rows: epochs and iterations while members train, the
members' weights, and what the ensemble says of itself in the end.
"""

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import check_scoring

from fastnn.tabular.data import TargetScale, Task
from fastnn.tabular.growth import Score
from fastnn.tabular.weights import row_losses, weights_by_loss, weights_by_score


class Scoring:
    """How predictions are scored.

    Parameters
    ----------
    scoring : str, callable or None
        As scikit-learn has it; None for the loss.
    task : Task
    target_scale : TargetScale or None
        None for classes.
    labels : callable
        Gives targets (n_rows, n_targets) as the user has them.
    classes : ndarray or None
        Labels in the order of the columns of probabilities; None for numbers.
    """

    def __init__(
        self,
        scoring: Any,
        task: Task,
        target_scale: TargetScale | None,
        labels: Callable[[np.ndarray], np.ndarray],
        classes: np.ndarray | None,
    ) -> None:
        self.scoring, self.task, self.labels, self.classes = scoring, task, labels, classes
        self._takes_weights = True
        self._settings = task.settings
        if task.loss == "huber" and target_scale is not None:  # delta is in deviations
            size = float(np.mean(target_scale.scale))
            self._settings = tuple(delta * size for delta in task.settings)

    def check(self, Y: np.ndarray, weights: np.ndarray | None) -> None:
        """Score anything, so that what is wrong shows before training; weights may be too much."""
        if self.scoring is None:
            return
        task = self.task
        if task.n_classes:
            anything = np.eye(task.n_classes)[Y[:, 0]] * 0.5 + 0.5 / task.n_classes
        else:
            anything = np.tile(Y, (1, task.n_outputs // Y.shape[1])).astype(np.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._takes_weights = weights is not None
            try:
                self.score(anything, Y, weights)
            except TypeError:
                self._takes_weights = False
                self.score(anything, Y, weights)

    def loss(self, predictions: np.ndarray, Y: np.ndarray, counts: np.ndarray | None) -> float:
        """Mean loss of predictions, in units of the targets."""
        losses = row_losses(predictions, _flat(Y), self.task.loss, self._settings)
        return float(np.average(losses, weights=counts))

    def score(self, predictions: np.ndarray, Y: np.ndarray, counts: np.ndarray | None) -> float:
        """Score predictions by `scoring`, the greater the better."""
        return self._scorer(Y, counts)(predictions)

    def of_epochs(self) -> Score | None:
        """Give the score, lower is better, that chooses epochs; None for the loss."""
        if self.scoring is None:
            return None

        def score(y: np.ndarray, predictions: np.ndarray, counts: np.ndarray | None) -> float:
            found, Y = np.nan, y.reshape(len(y), -1)
            with contextlib.suppress(ValueError):
                found = self.score(predictions, Y, counts)
            # Rows that have no such score, as for want of a class, go by their loss.
            return -found if np.isfinite(found) else self.loss(predictions, Y, counts)

        return score

    def weights(self, predictions: np.ndarray, Y: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Choose weights of members by their predictions, of shape (n_members, n_rows, ...)."""
        if self.scoring is not None:
            return weights_by_score(predictions, self._scorer(Y, counts))
        task, y = self.task, _flat(Y)
        return weights_by_loss(
            predictions, y, task.loss, settings=self._settings, sample_weight=counts
        )

    def _scorer(self, Y: np.ndarray, counts: np.ndarray | None) -> Callable[[np.ndarray], float]:
        labels, counts = self.labels(Y), counts if self._takes_weights else None
        score = scorer_of_predictions(self.scoring, None, labels, self.classes, counts)
        if self.task.n_classes:
            return score
        return lambda A: score(A.reshape(labels.shape) if A.size == labels.size else A)


def _flat(Y: np.ndarray) -> np.ndarray:
    return Y[:, 0] if Y.shape[1] == 1 else Y


def scorer_of_predictions(
    scoring: Any,
    X: Any,
    y: np.ndarray,
    classes: np.ndarray | None = None,
    sample_weight: np.ndarray | None = None,
) -> Callable[[np.ndarray], float]:
    """Make a function that scores predictions as a scorer of scikit-learn scores an estimator.

    Parameters
    ----------
    scoring : str or callable
        As scikit-learn has it.
    X, y : array-like of n_rows rows, and ndarray of shape (n_rows,) or (n_rows, n_targets)
        What the scorer is given; labels, where there are classes.
    classes : ndarray of shape (n_classes,), default=None
        Labels in the order of the columns of probabilities. None for numbers.
    sample_weight : ndarray of shape (n_rows,), default=None
        Handed to the scorer.

    Returns
    -------
    score : callable
        Of ndarray of shape (n_rows, n_classes), or of y's shape.
    """
    known = _KnownNumbers() if classes is None else _KnownProbabilities(classes)
    scorer = check_scoring(known, scoring)
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}

    def score(predictions: np.ndarray) -> float:
        known.predictions = predictions
        return float(scorer(known, X, y, **weights))

    return score


class _KnownNumbers(RegressorMixin, BaseEstimator):
    """Predicts what it was told, for a scorer."""

    predictions: np.ndarray

    def fit(self, X: Any, y: Any) -> "_KnownNumbers":
        return self

    def predict(self, X: Any) -> np.ndarray:
        return self.predictions


class _KnownProbabilities(ClassifierMixin, BaseEstimator):
    """Predicts the probabilities that it was told, for a scorer."""

    predictions: np.ndarray

    def __init__(self, classes_: np.ndarray) -> None:
        self.classes_ = classes_

    def fit(self, X: Any, y: Any) -> "_KnownProbabilities":
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        return self.predictions

    def predict(self, X: Any) -> np.ndarray:
        return self.classes_[self.predictions.argmax(axis=1)]
