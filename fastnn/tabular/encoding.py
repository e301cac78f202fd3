"""Encoding of categories as numbers by their targets, for trees that take no categories."""

import numpy as np

from fastnn.kernels.trees import Lookups

N_INNER_FOLDS = 5  # in which the training rows' own categories are encoded
PRIOR_ROWS = 10.0  # weight of the mean over all rows in that over a category's rows


def encode(
    X: np.ndarray,
    columns: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray | None,
    seed: int,
) -> tuple[np.ndarray, Lookups]:
    """Replace categories by the mean target of their rows, drawn to the mean of all rows.

    Training rows get means over the other rows of `N_INNER_FOLDS` folds: their own targets would
    tell them too much (Micci-Barreca, SIGKDD Explorations 3, 2001, has the formula, and
    scikit-learn's `TargetEncoder` the folds). It takes weights, which `TargetEncoder` does not.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Training rows.
    columns : ndarray of int
        Those that hold codes of categories.
    targets : ndarray of shape (n_samples, n_targets)
    weights : ndarray of shape (n_samples,) or None
    seed : int
        Of the folds.

    Returns
    -------
    numbers : ndarray of shape (n_samples, n_columns * n_targets)
        For the training rows.
    lookups : Lookups
        For other rows.
    """
    n, n_targets = targets.shape
    weights = np.ones(n) if weights is None else weights / weights.mean()
    fold = np.random.default_rng(seed).permutation(n) % N_INNER_FOLDS
    numbers, tables = np.empty((n, len(columns), n_targets)), []
    for j, column in enumerate(columns):
        missing = np.isnan(X[:, column])
        n_codes = int(X[~missing, column].max(initial=-1)) + 1
        codes = np.where(missing, n_codes, X[:, column]).astype(np.intp)
        for k in range(N_INNER_FOLDS):
            others = fold != k
            means = _means(codes[others], targets[others], weights[others], n_codes + 1)
            numbers[~others, j] = means[codes[~others]]
        tables.append(_means(codes, targets, weights, n_codes + 1).T.ravel())
    lookups = Lookups(
        sources=np.repeat(columns, n_targets).astype(np.int32),
        starts=np.cumsum([0, *np.repeat([len(t) // n_targets for t in tables], n_targets)]).astype(
            np.int32
        ),
        tables=np.concatenate(tables),
    )
    return numbers.reshape(n, -1), lookups


def _means(codes: np.ndarray, targets: np.ndarray, weights: np.ndarray, n_codes: int) -> np.ndarray:
    """Mean target of each code (n_codes, n_targets), with some rows of the mean over all."""
    if not len(codes):
        return np.zeros((n_codes, targets.shape[1]))
    counts = np.bincount(codes, weights, n_codes) + PRIOR_ROWS
    means = np.average(targets, axis=0, weights=weights)
    sums = [
        np.bincount(codes, weights * t, n_codes) + PRIOR_ROWS * m
        for t, m in zip(targets.T, means, strict=True)
    ]
    return np.column_stack(sums) / counts[:, None]
