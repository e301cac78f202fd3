"""Outputs of a network, and the losses of rows, as calls of kernels."""

from typing import Any

import numpy as np

from fastnn import memory
from fastnn.compiling.packing import ALIGNED, C_CONTIGUOUS
from fastnn.compiling.runtime import Call, DTypes, address_of
from fastnn.engine import bind, threads
from fastnn.engine.base import Check, Predictor, no_check
from fastnn.engine.calls import rows_at_once
from fastnn.engine.data import Data, sample_of
from fastnn.engine.workspace import prediction_workspace
from fastnn.kernels import prediction
from fastnn.kernels.arguments import Layers
from fastnn.kernels.losses import LOSSES
from fastnn.kernels.prediction import OK, losses_of_rows, predict_rows, prediction_loop
from fastnn.kernels.tuning import (
    MAX_FEW_ROWS,
    MAX_PLAIN_NUMBERS,
    MAX_SERIAL_PREDICTION_FLOPS,
    TILE_ROWS,
)
from fastnn.network import Architecture, Network

IN_ONE_PIECE = C_CONTIGUOUS | ALIGNED


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
        work = prediction_workspace(
            network.units,
            rows.size,
            n_threads,
            params.dtype,
            sparse=sample.columns is not None,
            normalized=network.running.size > 0,
            slopes=bind.stores_slopes(self.architecture),
            embedding=self.architecture.embedding,
        )
        dtypes = bind.dtypes_of(network, sample)
        loop, bundles = address_of(prediction_loop, dtypes), (self._layers(dtypes), params, work)
        predict = Call(predict_rows, dtypes, loop, sample, layer, *bundles)
        with threads.team(n_threads) as team:
            for start in range(0, rows.size, n_at_once):
                part = slice(start, start + n_at_once)
                predict(rows[part], out[part], n_threads, team)
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


class Passage:
    """A network with all that it takes to pass rows through it in one call of one kernel.

    Parameters
    ----------
    network : Network
    architecture : Architecture
        What its layers compute.
    dtype : dtype
        Of the rows.
    tile_rows : int
        Rows that go through the network at once.
    """

    def __init__(
        self, network: Network, architecture: Architecture, dtype: np.dtype, tile_rows: int
    ) -> None:
        params, no_rows = network.params, np.empty((0, network.n_columns), dtype)
        sample = sample_of(no_rows, np.empty((0, 0), params.dtype))
        dtypes = bind.dtypes_of(network, sample)
        layers = bind.prediction_layers(network, architecture, dtypes)
        work = prediction_workspace(
            *(network.units, tile_rows, 1, params.dtype),
            sparse=False,
            normalized=architecture.normalization is not None,
            slopes=bind.stores_slopes(architecture),
            embedding=architecture.embedding,
        )
        self._size = work.memory.shape[1]
        self._spare: list[np.ndarray] = []  # memory that no call writes to
        self._n_outputs, self._dtype = network.units[-1], params.dtype
        work = work._replace(memory=work.memory[:, :0])  # each call has its own
        rows = np.arange(tile_rows)
        fixed = (sample.Y, sample.weights, rows, layers, params, work)
        self._kernel = Call(prediction.predict_at_once, dtypes, *fixed)
        self._is_alone = bind.multiplies_on_one_thread(network, tile_rows)

    def __call__(self, X: np.ndarray) -> np.ndarray | None:
        """Compute the outputs for X, None where it is not finite.

        X is an array of the dtype and in one piece, and aligned: nobody checks that.
        """
        out = np.empty((len(X), self._n_outputs), self._dtype)
        try:
            work = self._spare.pop()
        except IndexError:
            work = memory.empty((1, self._size), self._dtype)
        if self._is_alone:
            status = self._kernel.with_checked(X, work, out)
        else:
            with threads.one_thread_blas():
                status = self._kernel.with_checked(X, work, out)
        self._spare.append(work)
        return out if status == OK else None


def predict_at_once(
    network: Network, X: np.ndarray, activation: Any, output: str, blocks: tuple[int, ...]
) -> np.ndarray | None:
    """Pass rows through a network in one call, with little beside it.

    Returns None where they are too many for one call on one thread or for a copy in one piece, and
    for a number that is not finite.
    """
    (n_rows, n_columns), kind = X.shape, X.dtype.char
    if (
        2 * n_rows * network.n_weights > MAX_SERIAL_PREDICTION_FLOPS
        or n_columns != network.units[0]
    ):
        return None
    if X.flags.num & IN_ONE_PIECE != IN_ONE_PIECE:
        if X.size > MAX_PLAIN_NUMBERS:
            return None
        X = np.array(X, order="C")
    if kind == "d" and network.params.dtype.char == "f":
        network = _doubled(network)
    key = (kind, n_rows > MAX_FEW_ROWS, activation, output, blocks)
    passage = network.ready.get(key)
    if passage is None:
        n_hidden = len(network.units) - 2
        hidden = activation if type(activation) is tuple else (activation,) * n_hidden
        architecture = Architecture(hidden, output, blocks)
        passage = network.ready[key] = _passage(network, architecture, X)
    return passage(X)


def outputs_of_few(network: Network, X: np.ndarray, architecture: Architecture) -> np.ndarray:
    """Pass a few rows, which are finite, contiguous and in the network's dtype, through it."""
    key = (len(X) > MAX_FEW_ROWS, architecture)
    passage = network.ready.get(key)
    if passage is None:
        passage = network.ready[key] = _passage(network, architecture, X)
    outputs = passage(X)
    if outputs is None:
        raise ValueError("Input X contains NaN or infinity.")
    return outputs


def _passage(network: Network, architecture: Architecture, X: np.ndarray) -> Passage:
    tile_rows = MAX_FEW_ROWS if len(X) <= MAX_FEW_ROWS else TILE_ROWS
    return Passage(network, architecture, X.dtype, tile_rows)


def _doubled(network: Network) -> Network:
    """Give a network in float64, for rows that are; its weights are the network's of now."""
    double = network.ready.get(("double",))
    if double is None:
        double = network.ready["double",] = network.astype(np.dtype(np.float64))
    double.params[:] = network.params  # a user may have changed one in place
    return double
