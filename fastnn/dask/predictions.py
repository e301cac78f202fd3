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


def is_lazy(X: Any) -> bool:
    """Whether it is one of Dask's collections of rows."""
    return is_array(X) or is_frame(X)


def row_like(X: Any) -> Any:
    """Make a row of zeros, with the columns and types of a collection."""
    if is_array(X):
        return np.zeros((1, X.shape[1]), X.dtype)
    return pd.DataFrame({name: np.zeros(1, dtype) for name, dtype in X.dtypes.items()})


def predict(model: Any, X: Any, method: str, example: np.ndarray, **options: Any) -> Any:
    """Have each block's predictions made where the block is, later.

    Parameters
    ----------
    model : estimator
        A fitted one, without a client.
    X : dask.array.Array or dask.dataframe.DataFrame
    method : str
        Which method predicts.
    example : ndarray of shape (n, ...)
        Some predictions, of the shape and type of all others.
    **options : dict
        What else the method takes.

    Returns
    -------
    predictions : dask.array.Array, dask.dataframe.Series or dask.dataframe.DataFrame
        As X is one; of a frame they have its index, and several columns names.
    """
    if isinstance(example, list):
        raise ValueError(
            f"{method} of several targets gives an array for each, which no one collection holds: "
            "call it of to_local() on each block."
        )
    how = {"model": dask.delayed(model, traverse=False), "method": method, "options": options}
    if is_frame(X):
        how |= {"names": _names(model, method, example), "example": example}
        like = _framed(example, None, how["names"]).iloc[:0]
        return X.map_partitions(_of_partition, meta=like, **how)
    sizes = example.shape[1:]
    return X.rechunk({1: -1}).map_blocks(
        _of_block,
        example=example,
        chunks=(X.chunks[0], *((n,) for n in sizes)),
        drop_axis=[] if sizes else [1],
        new_axis=[*range(2, 1 + len(sizes))],
        dtype=example.dtype,
        meta=example[:0],
        **how,
    )


def _names(model: Any, method: str, example: np.ndarray) -> list[Any] | None:
    """Name the columns of predictions for a frame: None where a number does."""
    if example.ndim > 2:
        raise ValueError(
            f"{method} of several targets gives a table for each row, which no data frame holds: "
            "call it of to_local() on each partition, or give an array."
        )
    if method in ("predict_proba", "predict_set"):
        return list(model.classes_)
    return ["lower", "upper"] if method == "predict_interval" else None


def _of_block(
    X: Any, model: Any, method: str, options: dict[str, Any], example: np.ndarray
) -> np.ndarray:
    return getattr(model, method)(X, **options) if X.shape[0] else example[:0]


def _of_partition(
    part: Any,
    model: Any,
    method: str,
    options: dict[str, Any],
    names: list[Any] | None,
    example: np.ndarray,
) -> Any:
    if not len(part):
        like = _framed(example, None, names).iloc[:0]
        like.index = part.index
        return like
    return _framed(getattr(model, method)(part, **options), part.index, names)


def _framed(values: np.ndarray, index: Any, names: list[Any] | None) -> Any:
    if values.ndim == 1:
        return pd.Series(values, index=index)
    return pd.DataFrame(values, index=index, columns=names)
