"""Which columns matter: scikit-learn's permutation importance, on rows that were held out.

Importance on training rows tells what a model has learnt by heart, and new rows are rare. So each
fold's models are asked about the rows that they did not train on, and the result is the mean over
all of these. A cell is not moved in the table, of whatever kind it is, but by the number of the
row that it is taken from: X is read once, and a date moves with all of its numbers.
"""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Bunch

from fastnn.columns import Cells, Columns
from fastnn.tabular.folds import Folds


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
