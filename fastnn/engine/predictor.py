"""Outputs of a network, and the losses of rows, as calls of kernels."""

import numpy as np

from fastnn.compiling.runtime import Call, DTypes, address_of
from fastnn.engine import bind, threads
from fastnn.engine.base import Check, Predictor, no_check
from fastnn.engine.calls import rows_at_once
from fastnn.engine.data import Data, sample_of
from fastnn.engine.workspace import prediction_workspace
from fastnn.kernels.arguments import Layers
from fastnn.kernels.losses import LOSSES
from fastnn.kernels.prediction import OK, PREDICT_ROWS, losses_of_rows, predict_tile
from fastnn.kernels.tuning import (
    MAX_FEW_FLOPS,
    MAX_FEW_ROWS,
    MAX_SERIAL_PREDICTION_FLOPS,
    TILE_ROWS,
)
from fastnn.network import Architecture, Network


class CpuPredictor(Predictor):
    """Passes rows through a network on this machine's processor.

    Parameters
    ----------
    network : Network
    architecture : Architecture
        What its layers compute.
    n_jobs : int or None
        Threads that the user asks for.
    """

    def __init__(
        self, network: Network, architecture: Architecture, n_jobs: int | None = None
    ) -> None:
        bind.check_fit(network, architecture)
        self.network, self.architecture, self.n_jobs = network, architecture, n_jobs
        self.layers: dict[DTypes, Layers] = {}  # of each kind of data that it has seen

    def outputs(
        self, data: Data, rows: np.ndarray, layer: int = -1, check: Check = no_check
    ) -> np.ndarray:
        """Compute a layer's outputs for these rows of the data."""
        network, sample = self.network, data.sample
        params, layer = network.params, layer % len(network.coefs)
        out = np.empty((rows.size, network.units[layer + 1]), params.dtype)
        n_threads = self._threads(rows.size)
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
                slopes=bind.stores_slopes(self.architecture),
                bends=self.architecture.bends,
            )
            kernel, dtypes = PREDICT_ROWS[team is not None], bind.dtypes_of(network, sample)
            bundles = (self._layers(dtypes), params, work)
            predict_rows = Call(kernel, dtypes, sample, layer, *bundles)
            for start in range(0, rows.size, n_at_once):
                part = slice(start, start + n_at_once)
                predict_rows(rows[part], out[part], team or 1)
                if part.stop < rows.size:
                    check()
        return out

    def _layers(self, dtypes: DTypes) -> Layers:
        layers = self.layers.get(dtypes)
        if layers is None:
            layers = bind.prediction_layers(self.network, self.architecture, dtypes)
            self.layers[dtypes] = layers
        return layers

    def _threads(self, n_rows: int) -> int:
        flops = 2.0 * self.network.n_weights * n_rows
        if self.n_jobs is None and flops <= MAX_SERIAL_PREDICTION_FLOPS:
            return 1
        return threads.worthwhile(flops, -(-n_rows // TILE_ROWS), self.n_jobs)

    def row_losses(
        self,
        loss: str,
        loss_settings: tuple[float, ...],
        outputs: np.ndarray,
        data: Data,
        rows: np.ndarray,
        check: Check = no_check,
    ) -> np.ndarray:
        """Compute the loss of each of these rows from its outputs; weights do not count."""
        losses, dtypes = np.empty(len(outputs)), DTypes(outputs.dtype)
        address, settings = address_of(LOSSES[loss].kernel, dtypes), np.array(loss_settings, float)
        bounds = bind.block_bounds(self.network, self.architecture)
        losses_of = Call(losses_of_rows, dtypes, address, bounds, settings)
        n_at_once = rows_at_once((0, outputs.shape[1]), passes=1)
        for start in range(0, len(outputs), n_at_once):
            check()
            some = slice(start, start + n_at_once)
            derivatives = np.empty_like(outputs[some])
            losses_of(outputs[some], data.sample.Y, rows[some], derivatives, losses[some])
        return losses


def predict_few(
    network: Network, X: np.ndarray, activation: str, output: str, blocks: tuple[int, ...]
) -> np.ndarray | None:
    """Pass a row or a few through a network in a few microseconds.

    Returns None where there are more rows than that, another dtype than the network's, an X that is
    not in one piece or not aligned, or a number that is not finite.
    """
    n_rows, params, flags = X.shape[0], network.params, X.flags
    if (
        n_rows > MAX_FEW_ROWS
        or X.shape[1] != network.units[0]
        or 2 * n_rows * network.n_weights > MAX_FEW_FLOPS
        or X.dtype != params.dtype
        or not flags.c_contiguous
        or not flags.aligned
    ):
        return None
    key = (n_rows, activation, output)
    ready = network.ready.get(key)
    if ready is None:
        hidden = (activation,) * (len(network.units) - 2)
        architecture = Architecture(hidden, output, blocks)
        ready = network.ready[key] = _prepare_few(network, X, architecture)
    return _pass_few(network, X, *ready)


def outputs_of_few(network: Network, X: np.ndarray, architecture: Architecture) -> np.ndarray:
    """Pass a few rows, which are finite, contiguous and in the network's dtype, through it."""
    key = (len(X), architecture)
    ready = network.ready.get(key)
    if ready is None:
        ready = network.ready[key] = _prepare_few(network, X, architecture)
    outputs = _pass_few(network, X, *ready)
    if outputs is None:
        raise ValueError("Input X contains NaN or infinity.")
    return outputs


def _pass_few(network: Network, X: np.ndarray, kernel: Call, memory_size: int) -> np.ndarray | None:
    out = np.empty((len(X), network.units[-1]), network.params.dtype)
    status = kernel(X, np.empty((1, memory_size), network.params.dtype), out)
    return out if status == OK else None


def _prepare_few(network: Network, X: np.ndarray, architecture: Architecture) -> tuple[Call, int]:
    """Give the kernel that takes X, memory of this many numbers, and the result."""
    params, sample = network.params, sample_of(X, np.empty((0, 0), X.dtype))
    dtypes = bind.dtypes_of(network, sample)
    layers = bind.prediction_layers(network, architecture, dtypes)
    kinds = {"slopes": bind.stores_slopes(architecture), "bends": architecture.bends}
    work = prediction_workspace(network.units, X.shape[0], 1, params.dtype, False, **kinds)
    size = work.memory.shape[1]
    work = work._replace(memory=work.memory[:, :0])  # each call has its own
    fixed = (sample.Y, sample.weights, np.arange(X.shape[0]), layers, params, work)
    return Call(predict_tile, dtypes, *fixed), size
