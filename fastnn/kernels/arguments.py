"""What travels into the kernels: bundles of arrays and numbers.

The annotations are declared types, as :mod:`fastnn.compiling.signatures` reads them: T is the
network's dtype, V the data's, C and S those of CSR's column indices and row starts. A field that is
None selects code when a kernel is compiled (``if columns is None`` is decided by its type, so that
only the branch in use is compiled).

An `Address` is that of a kernel to `call`, and never 0. An `OptionalAddress` is 0 where there is
nothing to do: kernels look before they call. The arrays `functions` hold both, and the comment at
their columns says which are optional.
"""

from typing import Annotated, NamedTuple, TypeAlias

import numpy as np

from fastnn.compiling.language import bundle

Address: TypeAlias = Annotated[int, "address"]
OptionalAddress: TypeAlias = Annotated[int, "int64"]
Array: TypeAlias = np.ndarray


@bundle
class Sample(NamedTuple):
    """Rows of data with their targets and weights.

    Dense data is a flat view of the caller's memory: element (i, j) stands at
    ``i * row_stride + j * column_stride``, so that C order, Fortran order and slices are one type
    to the compiler. Sparse data is CSR: row i has ``values[starts[i]:starts[i + 1]]`` in the
    columns ``columns[starts[i]:starts[i + 1]]``.
    """

    values: Annotated[Array, "readonly V[::1]"]
    columns: Annotated[Array | None, "readonly C[::1]"]  # None: dense
    starts: Annotated[Array | None, "readonly S[::1]"]
    row_stride: int
    column_stride: int
    # (n_samples, n_targets); of class codes, one column a block, for the softmax
    Y: Annotated[Array, "readonly T[:, ::1]"]
    # (n_samples,), or empty where every row weighs 1
    weights: Annotated[Array, "readonly float64[::1]"]


# Columns of `Layers.table`, which has a row for each layer.
(
    INPUTS,  # units below
    UNITS,
    WEIGHTS,  # position of W in params, and of dW in a gradient
    BIASES,
    SCALES,  # of a normalized layer, as SHIFTS; or the bends of a layer that learns them
    SHIFTS,
    OUTPUTS,  # position of A in outputs, for one row: to be multiplied by the number of rows
    RUNNING,  # position of a normalized layer's running mean, its variance behind it
) = range(8)
N_FIELDS = 8

# Columns of `Layers.functions`, which has a row for each layer, and of `Backward.functions`, which
# has one for each hidden layer: addresses. The first of each is never 0, the others are where there
# is nothing to do, which kernels ask before they call.
(
    ACTIVATE,  # Z -> A
    NORMALIZE,  # before the activation
    BEND,  # after the activation
    DROP,  # after that
) = range(4)
(
    DERIVE,  # dA -> D
    DENORMALIZE,
    UNBEND,
    UNDROP,
) = range(4)
N_FUNCTIONS = 4


@bundle
class Layers(NamedTuple):
    """The shape of a network, where each layer lies in the flat vectors, and the way forward."""

    table: Annotated[Array, "readonly int64[:, ::1]"]  # (n_layers, N_FIELDS)
    functions: Annotated[Array, "readonly int64[:, ::1]"]  # (n_layers, N_FUNCTIONS)
    n_weights: int  # params[:n_weights] are weights, the rest biases, scales and shifts
    # (n_blocks + 1,): the outputs of block k are blocks[k]:blocks[k + 1]
    blocks: Annotated[Array, "readonly int64[::1]"]
    dropout: Annotated[Array, "readonly float64[::1]"]  # (n_layers,): share of outputs to drop
    seed: int  # of the dropout
    product: Address  # of one of the products that `products` tells of
    # (2 * sum of units,): running means and variances of normalized layers
    running: Annotated[Array, "readonly T[::1]"]
    forward: Address  # backprop.forward
    hidden_forward: OptionalAddress  # where a hidden layer has more than its activation
    embed: OptionalAddress  # embeddings.embed, where rows are embedded
    embedding: Annotated[Array, "readonly int64[::1]"]  # what that says; else empty


@bundle
class Backward(NamedTuple):
    """The loss, and the way back to its gradient."""

    functions: Annotated[Array, "readonly int64[:, ::1]"]  # (n_layers - 1, N_FUNCTIONS)
    shard_gradient: Address  # epoch.shard_gradient
    loss_gradient: Address  # backprop.loss_gradient
    hidden_backward: OptionalAddress  # where a hidden layer has more than its activation
    embed: OptionalAddress  # embeddings.embed_backward
    loss: Address
    loss_settings: Annotated[Array, "readonly float64[::1]"]  # what the loss' kernel says
    track: OptionalAddress  # of the running moments, with batch normalization
    running: Annotated[Array, "T[::1]"]  # the moments of `Layers`, which `track` moves
    combine: Address  # updates.combine_block, or combine_block_by_tree
    alpha: float  # strength of the penalty of large weights


# Entries of `Optimizer.progress`.
STEPS, MEMORY, ROWS, LOSS = range(4)
N_PROGRESS = 4


@bundle
class Optimizer(NamedTuple):
    """A stochastic solver: its kernels, its state beside `params`, and its hyper-parameters."""

    prepare: Address  # hyper-parameters -> rates of one step
    update: Address
    step: Address  # updates.step_block
    # (n_states, n_parameters and zeros up to a cache line)
    state: Annotated[Array, "T[:, ::1]"]
    # (4,): steps so far, what `prepare` remembers, and of the epoch under way the rows done and the
    # sum of losses times rows
    progress: Annotated[Array, "float64[::1]"]
    # the learning rate, then what the solver's kernels say
    hyper: Annotated[Array, "float64[::1]"]
    rates: Annotated[Array, "float64[::1]"]  # (N_RATES,): written by `prepare`
    # (n_segments + 1,): where in params segments begin that have a learning rate of their own
    starts: Annotated[Array, "readonly int64[::1]"]
    # (n_segments, N_RATES): the rates of each, made from `rates`
    segment_rates: Annotated[Array, "float64[:, ::1]"]
    # (n_segments,): what the learning rate is multiplied by in each
    factors: Annotated[Array, "readonly float64[::1]"]
    # (n_segments,): share of the learning rate by which a step shrinks its parameters
    decays: Annotated[Array, "readonly float64[::1]"]
    max_norm: float  # of a gradient; infinity where it is not clipped


@bundle
class Epochs(NamedTuple):
    """Epochs that one call takes the steps of: what differs between them, and what they bring."""

    orders: Annotated[Array, "readonly int64[:, ::1]"]  # (n_epochs, n_rows)
    rates: Annotated[Array, "readonly float64[::1]"]  # (n_epochs,): the learning rate of each
    losses: Annotated[Array, "float64[::1]"]  # (n_epochs,): sum of losses times rows


@bundle
class Workspace(NamedTuple):
    """Memory that the kernels write to, and where in it what begins.

    Each shard has a row of `memory`, in which the sections stand one behind the other; a section of
    no size begins where another does. With the largest number of rows that go through the network
    at once, a tile:
    """

    memory: Annotated[Array, "T[:, ::1]"]  # (n_shards, .)
    inputs: int  # tile * units[0]: gathered or embedded rows; nothing for sparse data
    outputs: int  # tile * sum of units[1:]: A of every layer
    slopes: int  # the same: f'(Z), where A does not say it; else as outputs
    normalized: int  # the same: normalized Z, or f(z) - z where layers bend; else as outputs
    moments: int  # moments_size for each layer: what normalization keeps for the way back
    deltas: int  # twice deltas_size: D of a layer, and dA of the one below
    embedded: int  # tile * units[0]: embedded rows before they are scaled; nothing without
    copies: int  # copies_size: what a product copies, and columns of rows that are embedded
    tile_gradient: int  # n_parameters, where a shard has more rows than a tile
    moments_size: int
    deltas_size: int
    copies_size: int
    # (n_shards, n_parameters and zeros up to a cache line)
    gradients: Annotated[Array, "T[:, ::1]"]
    row_losses: Annotated[Array, "float64[:, ::1]"]  # (n_shards, tile)
    losses: Annotated[Array, "float64[::1]"]  # (n_shards,)
    squares: Annotated[Array, "float64[::1]"]  # (n_blocks,): sum of squared weights
