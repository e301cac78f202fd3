"""The data, and how kernels see it: a view of the caller's memory, never a copy of the whole."""

from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided
from scipy import sparse

from fastnn.kernels.arguments import Sample
from fastnn.kernels.tuning import MAX_COPIED_NUMBERS

Matrix: TypeAlias = np.ndarray | sparse.sparray | sparse.spmatrix

NO_WEIGHTS = np.empty(0)


class Data:
    """Rows with their targets and weights.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        float32 or float64.
    Y : ndarray of shape (n_samples, n_targets)
        Targets in the network's dtype, C-contiguous and aligned; empty for a prediction.
    weights : ndarray of shape (n_samples,), default=None
        Weights of the rows, float64.
    """

    def __init__(self, X: Matrix, Y: np.ndarray, weights: np.ndarray | None = None) -> None:
        self.X, self.Y, self.weights = X, Y, weights
        self._sample: Sample | None = None  # `cached_property` of Python 3.11 has a lock

    @property
    def sample(self) -> Sample:
        """What the kernels take."""
        if self._sample is None:
            self._sample = sample_of(self.X, self.Y, self.weights)
        return self._sample


def sample_of(X: Matrix, Y: np.ndarray, weights: np.ndarray | None = None) -> Sample:
    """Bundle X with its targets and weights.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        float32 or float64. CSR is taken as it is and CSC converted to it.
    Y : ndarray of shape (n_samples, n_targets)
        Targets in the network's dtype, C-contiguous and aligned; empty for a prediction.
    weights : ndarray of shape (n_samples,), default=None
        Weights of the rows, float64.

    Returns
    -------
    sample : Sample
    """
    weights = NO_WEIGHTS if weights is None else weights
    if not isinstance(X, np.ndarray):
        check_places(X)
        X = X.tocsr()
        values, columns, starts = (
            _locked(np.require(part, requirements=["C", "A"]))
            for part in (X.data, X.indices, X.indptr)
        )
        return Sample(values, columns, starts, 0, 0, Y, weights)
    values, row_stride, column_stride = _flat(np.asarray(X))
    return Sample(values, None, None, row_stride, column_stride, Y, weights)


def check_places(X: sparse.sparray | sparse.spmatrix) -> None:
    """Refuse a sparse matrix that points outside itself, as one edited by hand may.

    Neither kernels nor SciPy check that. A pass over the indices takes 1 % of a product with them.

    Raises
    ------
    ValueError
        If it does.
    """
    starts, indices = X.indptr, X.indices
    n_lines, n_places = X.shape if X.format == "csr" else X.shape[::-1]
    if (
        len(starts) != n_lines + 1
        or starts[0] < 0
        or starts[-1] > min(len(indices), len(X.data))
        or (n_lines and (starts[1:] < starts[:-1]).any())
        or (len(indices) and not 0 <= indices.min() <= indices.max() < n_places)
    ):
        raise ValueError(
            f"The sparse matrix of shape {X.shape} is damaged: its indices or indptr point outside."
        )


def _flat(X: np.ndarray) -> tuple[np.ndarray, int, int]:
    """One-dimensional view of the memory of X, with the distance of its rows and its columns."""
    n_rows, n_columns = X.shape
    if X.size <= MAX_COPIED_NUMBERS:
        X = np.ascontiguousarray(X)
    if X.flags.c_contiguous and X.flags.aligned:
        return _locked(X.reshape(-1)), n_columns, 1
    steps = np.array(X.strides)
    if not X.flags.aligned or (steps < 0).any() or (steps % X.itemsize).any():
        return _flat(np.array(X, order="C"))
    row_stride, column_stride = (int(step) for step in steps // X.itemsize)
    size = (n_rows - 1) * row_stride + (n_columns - 1) * column_stride + 1
    view = as_strided(X, (size,), (X.itemsize,), writeable=False)
    return view, row_stride, column_stride


def _locked(values: np.ndarray) -> np.ndarray:
    """Read-only view: to Numba, read-only arrays are a type of their own, so that all must be."""
    view = values.view(np.ndarray)
    view.setflags(write=False)
    return view
