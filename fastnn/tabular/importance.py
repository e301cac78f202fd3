"""Which columns matter: scikit-learn's permutation importance, on rows that were held out.

Importance on training rows tells what a model has learnt by heart, and new rows are rare. So each
fold's models are asked about the rows that they did not train on, and the result is the mean over
all of these. A cell is not moved in the table, of whatever kind it is, but by the number of the
row that it is taken from: X is read once, and a date moves with all of its numbers.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Bunch, check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted

from fastnn.columns import Cells, Columns
from fastnn.sklearn_versions import check_sample_weight
from fastnn.tabular.data import fingerprint
from fastnn.tabular.ensemble import Member, Predictor
from fastnn.tabular.folds import Folds, folds_of


class ImportanceMixin(ABC):
    """An estimator for tables that measures how much each of its columns matters."""

    # of a fitted estimator
    members_: list[Member]
    columns_: Columns
    _folds_: dict[str, Any]
    n_features_in_: int
    scoring: Any

    @abstractmethod
    def _cells(self, X: Any) -> Iterator[Cells]:
        """Read rows, part by part."""

    @abstractmethod
    def _known_targets(self, y: Any) -> np.ndarray:
        """Give targets of shape (n_rows, n_targets), classes as codes that the fit has given."""

    @abstractmethod
    def _labels(self, Y: np.ndarray) -> np.ndarray:
        """Give targets as the user has them, for a scorer."""

    @abstractmethod
    def _predictor_of(self, members: list[Member]) -> Predictor:
        """Make what predicts by some members."""

    @abstractmethod
    def _fold_model(
        self, cells: Cells, owners: tuple[np.ndarray, np.ndarray], fold: int
    ) -> "FoldModel":
        """Make an estimator of the models of one fold."""

    def permutation_importance(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        scoring: Any = None,
        n_repeats: int = 5,
        max_samples: float = 1.0,
        random_state: Any = None,
    ) -> Bunch:
        """Measure how much each column of X matters for rows that a model has not trained on.

        The cells of one column are exchanged between rows, and how much the score falls tells what
        is lost with them: :func:`sklearn.inspection.permutation_importance` of the models of each
        fold on the rows that were held out, and the mean of all folds. New rows are not needed.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            The rows of `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts for the score.
        scoring : str or callable, default=None
            What is to fall, as scikit-learn has it. None stands for the estimator's own `scoring`,
            or where that is None for its `score`.
        n_repeats : int, default=5
            How often each column is exchanged.
        max_samples : int or float, default=1.0
            Rows of each fold to take, or their share.
        random_state : int, RandomState instance or None, default=None
            Draws the rows that exchange their cells.

        Returns
        -------
        result : Bunch
            `importances` of shape (n_features, n_repeats), in units of the score; their mean
            `importances_mean` and standard deviation `importances_std` of shape (n_features,).
            Columns that were left out have 0, and of two that tell the same each has little.

        Raises
        ------
        ValueError
            If the rows are not those of `fit`: no others are known to have been held out.
        """
        check_is_fitted(self, "members_")
        cells = self._all_cells(X)
        Y = self._known_targets(y)
        check_consistent_length(cells.numbers, Y)
        if fingerprint(cells, Y) != self._folds_["fingerprint"]:
            raise ValueError(
                "permutation_importance is for the rows of fit, which know what was held out, and "
                "these are others: for new rows use sklearn.inspection.permutation_importance."
            )
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, cells.numbers)
        folds, owners = folds_of(self._folds_), owners_of(self.columns_)
        if not owners[0].size + owners[1].size:
            owners = np.zeros(1, np.int64), owners[1]
        return importance_of_rows_held_out(
            [self._fold_model(cells, owners, k) for k in range(len(folds))],
            folds,
            self.n_features_in_,
            self._labels(Y),
            sample_weight,
            scoring=self.scoring if scoring is None else scoring,
            n_repeats=n_repeats,
            max_samples=max_samples,
            random_state=check_random_state(random_state),
        )

    def _all_cells(self, X: Any) -> Cells:
        numbers, codes = zip(*self._cells(X), strict=True)
        return Cells(np.concatenate(numbers), np.concatenate(codes))

    def _predictor_of_fold(self, fold: int) -> Predictor:
        members = [
            Member(**{**member, "states": [member["states"][fold]]}) for member in self.members_
        ]
        return self._predictor_of(members)


class FoldModel(BaseEstimator):
    """The models of one fold, as an estimator of which rows take each of their cells.

    Parameters
    ----------
    cells : Cells
        All rows.
    owners : (ndarray, ndarray) of int64
        Which feature each number and each code is of; see `owners_of`.
    predicts : callable
        Gives predictions, or probabilities, for cells.
    """

    def __init__(self, cells: Cells, owners: tuple[np.ndarray, np.ndarray], predicts: Any) -> None:
        self.cells, self.owners, self.predicts = cells, owners, predicts

    def fit(self, rows: Any, y: Any) -> "FoldModel":
        """Change nothing: it is fitted."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict_cells(self, rows: np.ndarray) -> np.ndarray:
        """Predict for cells of feature j from ``rows[:, j]``."""
        numbers, codes = (
            part[rows[:, owner], np.arange(owner.size)]
            for part, owner in zip(self.cells, self.owners, strict=True)
        )
        return self.predicts(Cells(np.ascontiguousarray(numbers), np.ascontiguousarray(codes)))


class FoldClassifier(ClassifierMixin, FoldModel):
    """Those of a classifier."""

    def __init__(self, cells: Cells, owners: Any, predicts: Any, classes: np.ndarray) -> None:
        super().__init__(cells, owners, predicts)
        self.classes = self.classes_ = classes

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        """Predict probabilities."""
        return self.predict_cells(rows)

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Predict the likeliest classes."""
        return self.classes_[self.predict_cells(rows).argmax(axis=1)]


class FoldRegressor(RegressorMixin, FoldModel):
    """Those of a regressor."""

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Predict targets."""
        return self.predict_cells(rows)


def owners_of(columns: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Say of which feature each column of `Cells.numbers` and of `Cells.codes` is."""
    n_features = [len(clock["features"]) for clock in columns["clocks"]]
    numbers = np.append(columns["numbers"], np.repeat(columns["dates"], n_features))
    return numbers.astype(np.int64), columns["categories"].astype(np.int64)


def importance_of_rows_held_out(
    models: list[FoldModel],
    folds: Folds,
    n_features: int,
    y: np.ndarray,
    sample_weight: np.ndarray | None,
    **options: Any,
) -> Bunch:
    """Average the importances of all folds, weighed by their rows.

    Parameters
    ----------
    models : list of FoldModel
    folds : Folds
    n_features : int
    y : ndarray of shape (n_samples, ...)
    sample_weight : ndarray of shape (n_samples,) or None
    **options : object
        Of `sklearn.inspection.permutation_importance`.
    """
    from sklearn.inspection import permutation_importance  # 300 ms, which predictions do without

    total: Any = 0.0
    for model, test in zip(models, folds.test, strict=True):
        rows = np.repeat(test[:, None], n_features, axis=1)
        weights = None if sample_weight is None else sample_weight[test]
        found = permutation_importance(model, rows, y[test], sample_weight=weights, **options)
        total = total + found.importances * (test.size / folds.rows.size)
    return Bunch(
        importances_mean=total.mean(axis=1), importances_std=total.std(axis=1), importances=total
    )
