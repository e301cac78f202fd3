"""What travels into the kernels: four bundles of arrays.

A field that is None selects code when a kernel is compiled (``if columns is None`` is decided by
its type, so that only the branch in use is compiled), a number selects it when the kernel runs.
"""

from typing import NamedTuple

import numpy as np


class Sample(NamedTuple):
    """Rows of data with their targets and weights.

    Dense data is a flat view of the caller's memory: element (i, j) stands at
    ``i * row_stride + j * column_stride``, so that C order, Fortran order and slices are one type
    to the compiler. Sparse data is CSR: row i has ``values[starts[i]:starts[i + 1]]`` in the
    columns ``columns[starts[i]:starts[i + 1]]``.
    """

    values: np.ndarray  # read-only, one-dimensional
    columns: np.ndarray | None  # None: dense
    starts: np.ndarray | None
    row_stride: int
    column_stride: int
    Y: np.ndarray  # (n_samples, n_targets); of one column with class codes for the softmax
    weights: np.ndarray  # (n_samples,), or empty where every row weighs 1


class Layers(NamedTuple):
    """The shape of a network and where each layer lies in the flat vectors."""

    units: np.ndarray  # int64 (n_layers + 1,), the input's features first
    weights_at: np.ndarray  # int64 (n_layers,): offset of W in params and gradient
    biases_at: np.ndarray  # int64 (n_layers,): offset of b
    outputs_at: np.ndarray  # int64 (n_layers,): offset of A in outputs and deltas, for one row
    activations: np.ndarray  # int64 (n_layers,): codes, the output's last
    n_weights: int  # params[:n_weights] are weights, the rest biases
    loss: int  # code


class Solver(NamedTuple):
    """An optimiser: its code, its state beside `params`, and its hyper-parameters."""

    code: int
    first: np.ndarray  # (n_parameters,): velocity (sgd), first moment (adam)
    second: np.ndarray  # (n_parameters,): second moment (adam); empty for sgd
    learning_rate: float
    beta_1: float
    beta_2: float
    epsilon: float
    momentum: float
    nesterov: bool


class Workspace(NamedTuple):
    """Memory that the kernels write to, one row for each shard."""

    inputs: np.ndarray  # (n_shards, tile * units[0]): gathered rows; empty for sparse data
    outputs: np.ndarray  # (n_shards, tile * sum of units[1:]): A of every layer
    deltas: np.ndarray  # the same for D
    row_losses: np.ndarray  # float64 (n_shards, tile)
    losses: np.ndarray  # float64 (n_shards,)
    gradients: np.ndarray  # (n_shards, n_parameters)
    tile_gradients: np.ndarray  # the same where a shard has more rows than a tile, else empty
    penalties: np.ndarray  # float64 (n_blocks,): sum of squared weights
