"""Dask's collections of rows, and predictions for them: block by block, when somebody asks."""

from typing import Any

import dask
import numpy as np
import pandas as pd


def is_array(X: Any) -> bool:
    """Whether it is an array of Dask's."""
    return dask.is_dask_collection(X) and hasattr(X, "map_blocks")


def is_frame(X: Any) -> bool:
    """Whether it is a data frame of Dask's."""
    return dask.is_dask_collection(X) and hasattr(X, "columns")


def predict(model: Any, X: Any, method: str) -> Any:
    """Have each block's predictions made where the block is, later.

    Parameters
    ----------
    model : estimator
        A fitted one, without a client.
    X : dask.array.Array or dask.dataframe.DataFrame
    method : str
        Which method predicts.

    Returns
    -------
    predictions : dask.array.Array, dask.dataframe.Series or dask.dataframe.DataFrame
        As X is one; of a frame they have its index, and several columns names.
    """
    classes = getattr(model, "classes_", None)
    if method == "predict_proba" and isinstance(classes, list):
        raise ValueError(
            "predict_proba of several targets gives an array for each, which no one collection "
            "holds: call it of to_local() on each block."
        )
    given, names = dask.delayed(model, traverse=False), None
    if is_frame(X):
        if method == "predict_proba":
            names = list(classes)  # type: ignore[arg-type]
        some = pd.DataFrame({name: np.zeros(1, dtype) for name, dtype in X.dtypes.items()})
        like = _of_partition(some, model, method, names).iloc[:0]
        return X.map_partitions(_of_partition, given, method, names, meta=like)
    like = getattr(model, method)(np.zeros((1, X.shape[1]), X.dtype))
    chunks = (X.chunks[0], *((n,) for n in like.shape[1:]))
    return X.rechunk({1: -1}).map_blocks(
        _of_block,
        method=method,
        model=given,
        like=like[:0],
        chunks=chunks,
        drop_axis=[1] if like.ndim == 1 else [],
        dtype=like.dtype,
        meta=like[:0],
    )


def _of_block(X: Any, method: str, model: Any, like: np.ndarray) -> np.ndarray:
    return getattr(model, method)(X) if X.shape[0] else like


def _of_partition(part: Any, model: Any, method: str, names: list[Any] | None) -> Any:
    if not len(part):
        zeros = pd.DataFrame({name: np.zeros(1, dtype) for name, dtype in part.dtypes.items()})
        return _of_partition(zeros, model, method, names).iloc[:0]
    values = getattr(model, method)(part)
    if values.ndim == 1:
        return pd.Series(values, index=part.index)
    return pd.DataFrame(values, index=part.index, columns=names)
