"""Which columns a user declares to be categories: `categorical_features` as scikit-learn has it."""

from typing import Any

import numpy as np

from fastnn.columns.frames import Table


def declared_columns(table: Table, categorical_features: Any) -> np.ndarray:
    """Find the columns that are declared to be categories.

    Parameters
    ----------
    table : Table
        The training rows.
    categorical_features : 'from_dtype', None or array-like of bool, int or str
        Columns whose type says so; none; a mask, places or names.

    Returns
    -------
    declared : ndarray of bool of shape (n_features,)
        Whether each is.

    Raises
    ------
    ValueError
        In the words of `HistGradientBoostingClassifier`.
    """
    n_features = table.n_columns
    if categorical_features is None:
        return np.zeros(n_features, bool)
    if isinstance(categorical_features, str) and categorical_features == "from_dtype":
        return np.array([table.is_declared(place) for place in range(n_features)], bool)
    asked = np.asarray(categorical_features)
    if asked.size == 0:
        return np.zeros(n_features, bool)
    kind = "U" if all(isinstance(item, str) for item in asked.flat) else asked.dtype.kind
    if kind not in "biuU":
        types = ", ".join(sorted({type(item).__name__ for item in asked.flat}))
        raise ValueError(
            f"categorical_features must be an array-like of bool, int or str, got: {types}."
        )
    if asked.ndim != 1:
        raise ValueError(
            "categorical_features must be 'from_dtype', None or a one-dimensional array-like, got: "
            f"{categorical_features!r}."
        )
    if kind == "b":
        return _by_mask(asked, n_features)
    places = _by_names(asked, table) if kind == "U" else _by_places(asked, n_features)
    return np.isin(np.arange(n_features), places)


def _by_mask(asked: np.ndarray, n_features: int) -> np.ndarray:
    if asked.shape != (n_features,):
        raise ValueError(
            "categorical_features set as a boolean mask must have shape (n_features,), got: "
            f"{asked.shape}"
        )
    return asked


def _by_places(asked: np.ndarray, n_features: int) -> np.ndarray:
    if asked.max() >= n_features or asked.min() < 0:
        raise ValueError(
            "categorical_features set as integer indices must be in [0, n_features - 1]"
        )
    return asked


def _by_names(asked: np.ndarray, table: Table) -> list[int]:
    if table.names is None:
        raise ValueError(
            "categorical_features should be passed as an array of integers or as a boolean mask "
            "when the model is fitted on data without feature names."
        )
    places = {name: place for place, name in enumerate(table.names)}
    for name in asked.tolist():
        if name not in places:
            raise ValueError(
                f"categorical_features has an item value '{name}' which is not a valid feature "
                f"name of the training data. Observed feature names: {table.names}"
            )
    return [places[name] for name in asked.tolist()]
