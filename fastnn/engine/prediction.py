"""Outputs of a network for new rows."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from fastnn.compiling.language import Call
from fastnn.engine import threads
from fastnn.engine.bind import keeps_slopes, kind_of, prediction_layers, with_forward
from fastnn.engine.data import sample_of
from fastnn.engine.workspace import TILE_ROWS, prediction_workspace
from fastnn.kernels.arguments import Layers, Sample
from fastnn.kernels.prediction import PREDICT_ROWS
from fastnn.kernels.prediction import predict_few as few_kernel
from fastnn.network import Architecture, Network
from fastnn.training.clock import Clock, rows_at_once

SMALL_FLOPS = 4e7  # 1 ms of one thread; the kernel for several takes 1.5 s to compile, once
PART_ROWS = 2**16  # of a prediction at a time: what is needed beside the result stays small


def predict(
    network: Network,
    X: Any,
    architecture: Architecture,
    n_jobs: int | None = None,
    finish: Callable[[np.ndarray], np.ndarray] | None = None,
    layer: int = -1,
    clock: Clock | None = None,
) -> np.ndarray:
    """Pass rows through a network.

    Parameters
    ----------
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
    clock : Clock, default=None
        Is looked at between two calls of the kernels.

    Returns
    -------
    result : ndarray of shape (n_samples, ...)
        The outputs, of dtype ``numpy.result_type(X, network.params)``, or what `finish` makes.
    """
    dtype = np.result_type(X.dtype, network.params.dtype)
    dtype = dtype if dtype == np.float32 else np.dtype(np.float64)
    if network.params.dtype != dtype:
        network = network.astype(dtype)
    if network.units[0] != X.shape[1]:
        raise ValueError(
            f"X has {X.shape[1]} features, and the weights are for {network.units[0]}: coefs_[0] "
            "needs a row for each feature."
        )
    X = X.tocsr() if sparse.issparse(X) else X
    layers, n, no_targets = (
        prediction_layers(network, architecture),
        X.shape[0],
        np.empty((0, 0), dtype),
    )
    with threads.one_thread_blas():
        for start in range(0, n, PART_ROWS):
            part = X[start : start + PART_ROWS]
            if part.dtype not in (np.float32, np.float64):
                part = part.astype(dtype)
            sample, rows = sample_of(part, no_targets), np.arange(part.shape[0])
            rest = n_jobs, layer, clock, keeps_slopes(architecture)
            outputs = predict_sample(network, layers, sample, rows, *rest)
            outputs = outputs if finish is None else finish(outputs)
            if n <= PART_ROWS:
                return outputs
            if start == 0:
                result = np.empty((n, *outputs.shape[1:]), outputs.dtype)
            result[start : start + PART_ROWS] = outputs
    return result


def predict_sample(
    network: Network,
    layers: Layers,
    sample: Sample,
    rows: np.ndarray,
    n_jobs: int | None = None,
    layer: int = -1,
    clock: Clock | None = None,
    slopes: bool = False,
) -> np.ndarray:
    """Pass the given rows of a sample through a network, up to a layer.

    Where an activation writes slopes, `slopes` gives it memory to write them to.

    Raises
    ------
    TimeIsOverError
        If the clock says so.
    """
    params, layer = network.params, layer % len(layers.table)
    out = np.empty((rows.size, network.units[layer + 1]), params.dtype)
    flops = 2.0 * network.n_weights  # of a row
    n_threads = 1
    if n_jobs is not None or flops * rows.size > SMALL_FLOPS:
        n_threads = threads.worthwhile(flops * rows.size, -(-rows.size // TILE_ROWS), n_jobs)
    # Whole tiles: where they begin, and so each bit, does not depend on the number of threads.
    n_tiles = max(n_threads, rows_at_once(network.units, passes=1) // TILE_ROWS)
    n_at_once = TILE_ROWS * n_tiles
    with threads.team(n_threads) as team:
        work = prediction_workspace(
            network.units,
            rows.size,
            team or 1,
            params.dtype,
            sparse=sample.columns is not None,
            normalized=network.running.size > 0,
            slopes=slopes,
        )
        layers = with_forward(layers, sample, params, work)
        kernel, kind = PREDICT_ROWS[team is not None], kind_of(sample, params)
        predict_rows = Call(kernel, kind, sample, layer, layers, params, work)
        for start in range(0, rows.size, n_at_once):
            part = slice(start, start + n_at_once)
            predict_rows(rows[part], out[part], team or 1)
            if clock and part.stop < rows.size:
                clock.check()
    return out


MAX_FEW_ROWS = 32  # which go through the network as one tile
MAX_FEW_FLOPS = 100_000  # of which BLAS makes no threads: there is nothing to limit


def predict_few(
    network: Network, X: np.ndarray, activation: str, output: str, blocks: tuple[int, ...]
) -> np.ndarray | None:
    """Pass a row or a few through a network in a few microseconds.

    Returns None where there are more rows than that, another dtype than the network's, or a number
    that is not finite.
    """
    n_rows, params = X.shape[0], network.params
    if (
        n_rows > MAX_FEW_ROWS
        or X.shape[1] != network.units[0]
        or 2 * n_rows * network.n_weights > MAX_FEW_FLOPS
        or X.dtype != params.dtype
        or not X.flags.c_contiguous
    ):
        return None
    key = (n_rows, activation, output)
    ready = network.ready.get(key)
    if ready is None:
        ready = network.ready[key] = _prepare_few(network, X, activation, output, blocks)
    kernel, memory_size = ready
    out = np.empty((n_rows, network.units[-1]), params.dtype)
    kernel(X, np.empty((1, memory_size), params.dtype), out)
    return out if out[0, 0] == out[0, 0] else None


def _prepare_few(
    network: Network, X: np.ndarray, activation: str, output: str, blocks: tuple[int, ...]
) -> tuple[Call, int]:
    """Give the kernel that takes X, memory of this many numbers, and the result."""
    hidden = (activation,) * (len(network.units) - 2)
    params, sample = network.params, sample_of(X, np.empty((0, 0), X.dtype))
    architecture = Architecture(hidden, output, blocks)
    layers, slopes = prediction_layers(network, architecture), keeps_slopes(architecture)
    work = prediction_workspace(network.units, X.shape[0], 1, params.dtype, False, slopes=slopes)
    layers = with_forward(layers, sample, params, work)
    size = work.memory.shape[1]
    work = work._replace(memory=work.memory[:, :0])  # each call has its own
    rows, kind = np.arange(X.shape[0]), params.dtype
    return Call(few_kernel, kind, sample.Y, sample.weights, rows, layers, params, work), size
