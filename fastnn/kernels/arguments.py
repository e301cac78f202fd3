"""What travels into the kernels: four bundles of arrays.

A field that is None selects code when a kernel is compiled (``if columns is None`` is decided by
its type, so that only the branch in use is compiled). An address is that of a kernel to `call`,
0 where there is nothing to do.
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
    Y: np.ndarray  # (n_samples, n_targets); of class codes, one column a block, for the softmax
    weights: np.ndarray  # (n_samples,), or empty where every row weighs 1


# Columns of `Layers.table`, which has a row for each layer.
(
    INPUTS,  # units below
    UNITS,
    WEIGHTS,  # position of W in params, and of dW in a gradient
    BIASES,
    SCALES,  # of a normalized layer, as SHIFTS
    SHIFTS,
    OUTPUTS,  # position of A in outputs, for one row: to be multiplied by the number of rows
    RUNNING,  # position of a normalized layer's running mean, its variance behind it
    ACTIVATE,  # address: Z -> A
    DERIVE,  # address: dA -> D
    NORMALIZE,  # address: before the activation
    DENORMALIZE,
    DROP,  # address: after the activation
    UNDROP,
) = range(14)
N_FIELDS = 14


class Layers(NamedTuple):
    """The shape of a network, where each layer lies in the flat vectors, and its functions."""

    table: np.ndarray  # int64 (n_layers, N_FIELDS)
    n_weights: int  # params[:n_weights] are weights, the rest biases, scales and shifts
    blocks: np.ndarray  # int64 (n_blocks + 1,): the outputs of block k are blocks[k]:blocks[k + 1]
    dropout: np.ndarray  # float64 (n_layers,): share of outputs to drop
    seed: int  # of the dropout
    product: int  # address of one of the products that `affine` tells of
    running: np.ndarray  # (2 * sum of units,): running means and variances of normalized layers
    forward: int  # address of backprop.forward
    gradient: int  # address of backprop.loss_gradient; 0 for a prediction
    hidden_forward: int  # address, where a hidden layer has more than its activation, else 0
    hidden_backward: int
    loss: int  # address
    loss_settings: np.ndarray  # float64: what the loss' kernel says


# Entries of `Solver.progress`.
STEPS, MEMORY, ROWS, LOSS = range(4)


class Solver(NamedTuple):
    """An optimiser: its kernels, its state beside `params`, and its hyper-parameters."""

    prepare: int  # address: hyper-parameters -> rates of one step
    update: int  # address
    state: np.ndarray  # (n_states, n_parameters and zeros up to a cache line)
    progress: np.ndarray  # float64 (4,): steps so far, what `prepare` remembers, and of the epoch
    # under way the rows done and the sum of losses times rows
    hyper: np.ndarray  # float64: the learning rate, then what the solver's kernels say
    rates: np.ndarray  # float64 (5,): written by `prepare`
    weight_decay: float  # share of the learning rate by which weights shrink


class Steps(NamedTuple):
    """What a step does besides: addresses of its kernels, and the penalty of large weights."""

    shard_gradient: int
    track: int  # of the running moments; 0 without batch normalization
    combine: int
    clipped_update: int  # 0 without a largest norm
    step: int
    alpha: float
    max_norm: float


class Workspace(NamedTuple):
    """Memory that the kernels write to, and where in it what begins.

    Each shard has a row of `memory`, in which the sections stand one behind the other; a section of
    no size begins where another does. With the largest number of rows that go through the network
    at once, a tile:
    """

    memory: np.ndarray  # (n_shards, .)
    inputs: int  # tile * units[0]: gathered rows; nothing for sparse data
    outputs: int  # tile * sum of units[1:]: A of every layer
    slopes: int  # the same: f'(Z), where A does not say it; else as outputs
    normalized: int  # the same: normalized Z; else as outputs
    moments: int  # moments_size for each layer: what normalization keeps for the way back
    deltas: int  # twice deltas_size: D of a layer, and dA of the one below
    copies: int  # copies_size: what a product copies
    tile_gradient: int  # n_parameters, where a shard has more rows than a tile
    moments_size: int
    deltas_size: int
    copies_size: int
    gradients: np.ndarray  # (n_shards, n_parameters and zeros up to a cache line)
    row_losses: np.ndarray  # float64 (n_shards, tile)
    losses: np.ndarray  # float64 (n_shards,)
    squares: np.ndarray  # float64 (n_blocks,): sum of squared weights
