"""Columns of every kind as one matrix of float32, for a plain network."""

from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from fastnn.columns import category_names, fit_columns, list_levels, number_names, transform
from fastnn.columns.record import with_names, without_names

MAX_INDICATORS = 100  # of a category; its rarer values share the last
DENSEST = 0.3  # share of values beyond which a matrix is dense, as of scikit-learn's transformers


class TableEncoder(TransformerMixin, BaseEstimator):
    """Standardize numbers, fill their gaps, and turn categories into indicators.

    Numbers are those of `fastnn.columns`: gaps get the median, with an indicator beside it where
    training rows have gaps. A category has an indicator for each of its commonest values, and one
    for all others, if there were such.

    Attributes
    ----------
    columns_ : dict
        What each column is.
    medians_, means_, scales_ : ndarray of shape (n_numbers,)
        Of the training rows.
    gaps_ : ndarray of bool of shape (n_numbers,)
        Which numbers have an indicator of gaps.
    places_ : list of ndarray of int32
        For each category the column of each code; -1 is none.
    n_outputs_ : int
        Columns of the matrix.
    is_sparse_ : bool
        Whether the matrix is sparse.
    feature_names_in_ : ndarray of str
        Columns of the table.
    n_features_in_ : int
        Their number.
    """

    __module__ = "fastnn.tables"  # by which saved models name it

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from a table.

        Parameters
        ----------
        X : data frame of shape (n_samples, n_features)
            Training rows.
        y : ignored
            For pipelines.

        Returns
        -------
        self : object
            The fitted encoder.

        Raises
        ------
        ValueError
            If a column holds free text or infinite numbers.
        """
        self.columns_, cells = fit_columns(X, self)
        known = np.isfinite(cells.numbers)
        self.gaps_ = ~known.all(axis=0)
        self.medians_ = np.array([_median(column) for column in cells.numbers.T])
        filled = np.where(known, cells.numbers, self.medians_)
        self.means_ = filled.mean(axis=0)
        deviations = filled.std(axis=0)
        self.scales_ = np.where(deviations > 0, deviations, 1.0)
        at = len(self.medians_) + int(self.gaps_.sum())
        self.places_, filled_by_codes = [], 0.0
        for codes, size in zip(cells.codes.T, self.columns_["sizes"].tolist(), strict=True):
            places, n = _indicators(np.bincount(codes, minlength=size + 1), at)
            self.places_.append(places)
            at += n
            filled_by_codes += 1
        self.n_outputs_ = at
        density = (len(self.medians_) + filled_by_codes) / max(at, 1)
        self.is_sparse_ = density < DENSEST
        return self

    def transform(self, X: Any) -> np.ndarray | sparse.csr_array:
        """Encode a table.

        Parameters
        ----------
        X : data frame of shape (n_samples, n_features)
            Rows with the columns of the training.

        Returns
        -------
        encoded : ndarray or csr_array of float32 of shape (n_samples, n_outputs_)
            Its matrix.

        Raises
        ------
        ValueError
            If columns are others than in training, or of another kind.
        """
        check_is_fitted(self)
        cells = transform(self.columns_, X, self)
        known = np.isfinite(cells.numbers)
        numbers = (np.where(known, cells.numbers, self.medians_) - self.means_) / self.scales_
        dense = np.hstack([numbers, ~known[:, self.gaps_]]).astype(np.float32)
        places = self._places(cells.codes)
        return (self._sparse if self.is_sparse_ else self._dense)(dense, places)

    def _places(self, codes: np.ndarray) -> np.ndarray:
        columns = [place[codes[:, i]] for i, place in enumerate(self.places_)]
        return np.array(columns, dtype=np.int32).reshape(len(columns), len(codes)).T

    def _dense(self, dense: np.ndarray, places: np.ndarray) -> np.ndarray:
        out = np.zeros((len(dense), self.n_outputs_), np.float32)
        out[:, : dense.shape[1]] = dense
        rows, columns = np.nonzero(places >= 0)
        out[rows, places[rows, columns]] = 1
        return out

    def _sparse(self, dense: np.ndarray, places: np.ndarray) -> sparse.csr_array:
        n, k = dense.shape
        columns = np.hstack([np.broadcast_to(np.arange(k, dtype=np.int32), (n, k)), places])
        values = np.hstack([dense, np.ones(places.shape, np.float32)])
        held = columns >= 0
        ends = np.concatenate([[0], np.cumsum(held.sum(axis=1))]).astype(np.int32)
        return sparse.csr_array((values[held], columns[held], ends), shape=(n, self.n_outputs_))

    def __getstate__(self) -> dict[str, Any]:
        return without_names(super().__getstate__())

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(with_names(state))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns of the matrix, as ``size``, ``size is missing`` and ``town=Oslo``."""
        check_is_fitted(self)
        names = number_names(self.columns_)
        gaps = [f"{name} is missing" for name, gap in zip(names, self.gaps_, strict=True) if gap]
        out = np.empty(self.n_outputs_, dtype=object)
        out[: len(names) + len(gaps)] = names + gaps
        for name, places, levels in zip(
            category_names(self.columns_), self.places_, self.columns_["levels"], strict=True
        ):
            for text, place in reversed(
                list(zip([*list_levels(levels), "other"], places.tolist(), strict=True))
            ):
                if place >= 0:
                    out[place] = f"{name}={text}"
        return out


def _median(column: np.ndarray) -> float:
    known = column[np.isfinite(column)]
    return float(np.median(known)) if known.size else 0.0


def _indicators(counts: np.ndarray, first: int) -> tuple[np.ndarray, int]:
    """Give each code its column from `first` on; the rare ones and the gaps share the last."""
    commonest = np.argsort(-counts[:-1], kind="stable")[: MAX_INDICATORS - 1]
    kept = np.zeros(len(counts), dtype=bool)
    kept[commonest] = True
    n = int(kept.sum())
    has_others = bool(counts[~kept].any())
    places = np.full(len(counts), first + n if has_others else -1, np.int32)
    places[kept] = first + np.arange(n, dtype=np.int32)
    return places, n + has_others
