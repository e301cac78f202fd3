"""Outputs of a network for new rows."""

from typing import Any

import numpy as np

from fastnn import threads
from fastnn.kernels.activations import ACTIVATIONS
from fastnn.kernels.arguments import Layers, Sample
from fastnn.kernels.prediction import predict_rows
from fastnn.network import Network
from fastnn.samples import sample_of
from fastnn.workspace import TILE_ROWS, prediction_workspace


def activation_codes(network: Network, activation: str, out_activation: str) -> list[int]:
    """One code a layer: the hidden layers', then the output's."""
    hidden = [ACTIVATIONS[activation]] * (len(network.units) - 2)
    return [*hidden, ACTIVATIONS[out_activation]]


def predict(network: Network, X: Any, activation: str, out_activation: str) -> np.ndarray:
    """Pass rows through a network.

    Parameters
    ----------
    network : Network
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Any numeric dtype.
    activation, out_activation : str
        Names of the hidden layers' activation and of the output's.

    Returns
    -------
    outputs : ndarray of shape (n_samples, n_outputs)
        Of dtype ``numpy.result_type(X, network.params)``.
    """
    dtype = np.result_type(X.dtype, network.params.dtype)
    dtype = dtype if dtype == np.float32 else np.dtype(np.float64)
    if X.dtype not in (np.float32, np.float64):
        X = X.astype(dtype)
    if network.params.dtype != dtype:
        network = network.astype(dtype)
    layers = network.layers(activation_codes(network, activation, out_activation), loss=0)
    rows = np.arange(X.shape[0])
    with threads.one_thread_blas():
        return predict_sample(network, layers, sample_of(X), rows)


def predict_sample(
    network: Network, layers: Layers, sample: Sample, rows: np.ndarray
) -> np.ndarray:
    """Pass the given rows of a sample through a network."""
    out = np.empty((rows.size, network.units[-1]), network.params.dtype)
    flops = 2.0 * network.n_weights * rows.size
    n_threads = threads.worthwhile(flops, -(-rows.size // TILE_ROWS))
    with threads.team(n_threads) as team:
        is_sparse = sample.columns is not None
        work = prediction_workspace(network.units, rows.size, team or 1, out.dtype, is_sparse)
        predict_rows(sample, rows, layers, network.params, work, out, team)
    return out
