"""Predictions for new rows, by whatever engine: part by part, so that little memory is needed."""

from collections.abc import Callable

import numpy as np

from fastnn.engine.base import Check, Engine, no_check
from fastnn.engine.data import Data, Matrix, check_places
from fastnn.kernels.tuning import PREDICTION_PART_ROWS
from fastnn.network import Architecture, Network


def predict(
    engine: Engine,
    network: Network,
    X: Matrix,
    architecture: Architecture,
    n_jobs: int | None = None,
    finish: Callable[[np.ndarray], np.ndarray] | None = None,
    layer: int = -1,
    check: Check = no_check,
) -> np.ndarray:
    """Pass rows through a network.

    Parameters
    ----------
    engine : Engine
        Where.
    network : Network
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Any numeric dtype.
    architecture : Architecture
        What the network's layers compute.
    n_jobs : int or None
        Threads that the user asks for.
    finish : callable, default=None
        Makes the result of the outputs of some rows, such as their labels.
    layer : int, default=-1
        Whose outputs, as an index of the layers after the input.
    check : callable
        Is called between two calls of the kernels.

    Returns
    -------
    result : ndarray of shape (n_samples, ...)
        The outputs, of dtype ``numpy.result_type(X, network.params)``, or what `finish` makes.
    """
    dtype = np.result_type(X.dtype, network.params.dtype)
    dtype = dtype if dtype == np.float32 else np.dtype(np.float64)
    if network.params.dtype != dtype:
        network = network.astype(dtype)
    if network.n_columns != X.shape[1]:
        raise ValueError(
            f"X has {X.shape[1]} features, and the weights are for {network.n_columns}: coefs_[0] "
            "needs a row for each feature."
        )
    if not isinstance(X, np.ndarray):
        check_places(X)
        X = X.tocsr()
    predictor, n = engine.predictor(network, architecture, n_jobs), X.shape[0]
    no_targets = np.empty((0, 0), dtype)
    with engine.running():
        for start in range(0, n, PREDICTION_PART_ROWS):
            part = X[start : start + PREDICTION_PART_ROWS]
            if part.dtype not in (np.float32, np.float64):
                part = part.astype(dtype)
            data, rows = Data(part, no_targets), np.arange(part.shape[0])
            outputs = predictor.outputs(data, rows, layer, check)
            outputs = outputs if finish is None else finish(outputs)
            if n <= PREDICTION_PART_ROWS:
                return outputs
            if start == 0:
                result = np.empty((n, *outputs.shape[1:]), outputs.dtype)
            result[start : start + PREDICTION_PART_ROWS] = outputs
    return result
