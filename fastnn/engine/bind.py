"""From a network and its architecture to what the kernels are called with.

The table of layers gets the addresses of their functions, and these are compiled at the first use
of each: a network of ReLUs never waits for a tanh.
"""

import math
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from fastnn.compiling.language import address_of, declare
from fastnn.engine.base import Problem, SolverState
from fastnn.kernels import backprop, epoch, hidden, updates
from fastnn.kernels.activations import ACTIVATIONS
from fastnn.kernels.arguments import (
    ACTIVATE,
    DENORMALIZE,
    DERIVE,
    DROP,
    NORMALIZE,
    UNDROP,
    Layers,
    Sample,
    Steps,
    Workspace,
)
from fastnn.kernels.arguments import Solver as SolverArguments
from fastnn.kernels.dropout import drop, undrop
from fastnn.kernels.losses import LOSSES
from fastnn.kernels.normalization import NORMALIZATIONS, track
from fastnn.kernels.outputs import OUTPUTS
from fastnn.kernels.products.choice import product_for_this_machine
from fastnn.network import Architecture, Network

NO_SETTINGS = np.empty(0)
UNKNOWN = -1  # an address that `with_forward` finds


def prediction_layers(network: Network, architecture: Architecture) -> Layers:
    """Layers as they predict: nothing is dropped, and batches have their running moments.

    Raises
    ------
    ValueError
        If the network is not of this architecture. Kernels check no bounds: it is seen here or not
        at all.
    """
    _check_fit(network, architecture)
    dtype, table = network.params.dtype, network.table.copy()
    for layer, activation in zip(table, architecture.activations, strict=False):
        layer[ACTIVATE] = ACTIVATIONS[activation].forward.address(dtype)
        if architecture.normalization:
            kind = NORMALIZATIONS[architecture.normalization]
            layer[NORMALIZE] = kind.prediction.address(dtype)
    table[-1, ACTIVATE] = OUTPUTS[architecture.output].address(dtype)
    blocks = architecture.blocks or (network.units[-1],)
    return Layers(
        table=table,
        n_weights=network.n_weights,
        blocks=np.array([0, *accumulate(blocks)]),
        dropout=np.zeros(len(table)),
        seed=0,
        product=product_for_this_machine().address(dtype),
        running=network.running,
        forward=0,
        gradient=0,
        hidden_forward=UNKNOWN if architecture.normalization else 0,
        hidden_backward=0,
        loss=0,
        loss_settings=NO_SETTINGS,
    )


def _check_fit(network: Network, architecture: Architecture) -> None:
    n_hidden, n_outputs = len(network.units) - 2, network.units[-1]
    for name in architecture.activations:
        if name not in ACTIVATIONS:  # set after the fit
            raise ValueError(f"activation={name!r} does not exist: use one of {[*ACTIVATIONS]}.")
    if len(architecture.activations) != n_hidden:
        raise ValueError(
            f"The network has {n_hidden} hidden layers and {len(architecture.activations)} "
            "activations."
        )
    if n_hidden and bool(network.scales) != (architecture.normalization is not None):
        raise ValueError(
            f"normalization={architecture.normalization!r} does not go with the fitted network: "
            "set it back, or fit anew."
        )
    if architecture.blocks and sum(architecture.blocks) != n_outputs:
        raise ValueError(
            f"The network has {n_outputs} outputs, and the targets have "
            f"{sum(architecture.blocks)} classes in all."
        )


def training_layers(
    network: Network,
    architecture: Architecture,
    loss: str,
    loss_settings: Sequence[float] = (),
    seed: int = 0,
) -> Layers:
    """Layers as they are trained, with a loss and the way back.

    Parameters
    ----------
    network : Network
    architecture : Architecture
    loss : str
        Name of the loss' kernel.
    loss_settings : sequence of float
        What that kernel reads.
    seed : int
        Of the dropout.
    """
    layers = prediction_layers(network, architecture)
    dtype = network.params.dtype
    for layer, activation in zip(layers.table, architecture.activations, strict=False):
        layer[DERIVE] = ACTIVATIONS[activation].backward.address(dtype)
        if architecture.normalization:
            kind = NORMALIZATIONS[architecture.normalization]
            layer[NORMALIZE] = kind.training.address(dtype)
            layer[DENORMALIZE] = kind.backward.address(dtype)
    for layer, share in zip(layers.table, architecture.dropout, strict=False):
        if share > 0:
            layer[DROP], layer[UNDROP] = drop.address(dtype), undrop.address(dtype)
    layers.dropout[: len(architecture.dropout)] = architecture.dropout
    return layers._replace(
        seed=seed,
        hidden_forward=UNKNOWN if any(architecture.dropout) else layers.hidden_forward,
        loss=LOSSES[loss].kernel.address(dtype),
        loss_settings=np.array(loss_settings, dtype=np.float64),
    )


def kind_of(sample: Sample, params: np.ndarray) -> tuple:
    """Tell what decides on the types of all that kernels are called with."""
    indices = [array.dtype for array in (sample.columns, sample.starts) if array is not None]
    return sample.values.dtype, *indices, params.dtype


def with_forward(layers: Layers, sample: Sample, params: np.ndarray, work: Workspace) -> Layers:
    """Add the address of the way forward, which is compiled for the kind of data."""
    kind = kind_of(sample, params)
    _declare_hidden(kind, layers, params, work)
    if layers.hidden_forward == UNKNOWN:
        ahead, back = (0, 0, 0, 0, 0, layers, params, work), (work.memory, params)
        layers = layers._replace(
            hidden_forward=address_of(hidden.hidden_forward, kind, *ahead),
            hidden_backward=address_of(hidden.hidden_backward, kind, *ahead, *back),
        )
    rows = np.empty(0, np.int64)
    address = address_of(backprop.forward, kind, 0, sample, rows, 0, 0, layers, params, work)
    return layers._replace(forward=address)


def with_gradient(layers: Layers, sample: Sample, params: np.ndarray, work: Workspace) -> Layers:
    """Add the addresses of the way forward and of the way back."""
    layers, rows = with_forward(layers, sample, params, work), np.empty(0, np.int64)
    arguments = (0, sample, rows, 0, 0, layers, params, work, params)
    kind = kind_of(sample, params)
    return layers._replace(gradient=address_of(backprop.loss_gradient, kind, *arguments))


_declared: set[tuple] = set()


def _declare_hidden(kind: tuple, layers: Layers, params: np.ndarray, work: Workspace) -> None:
    """Tell what the kernels of hidden layers take, also where a network calls none of them."""
    if kind not in _declared:
        declare(0, 0, 0, 0, 0, layers, params, work)
        declare(0, 0, 0, 0, 0, layers, params, work, work.memory, params)
        _declared.add(kind)


def keeps_slopes(architecture: Architecture) -> bool:
    """Whether a hidden layer's derivative needs memory of its own."""
    return any(ACTIVATIONS[name].keeps_slope for name in architecture.activations)


def keeps_moments(architecture: Architecture) -> bool:
    """Whether layers are normalized by the moments of a shard, which predictions lack."""
    kind = architecture.normalization
    return kind is not None and NORMALIZATIONS[kind].keeps_moments


# ----------------------------------------------------------------------------------- training


def training(problem: Problem, work: Workspace) -> tuple[Layers, Steps]:
    """Give what the kernels of a step are called with; those not compiled yet are compiled."""
    network, architecture = problem.network, problem.architecture
    loss = problem.loss, problem.loss_settings
    layers = training_layers(network, architecture, *loss, problem.seed)
    params, dtype, sample = network.params, network.params.dtype, problem.data.sample
    layers = with_gradient(layers, sample, params, work)
    shard = (0, 1, 0, sample, problem.rows, 0, layers, params, work)
    clips = problem.max_norm is not None
    return layers, Steps(
        shard_gradient=address_of(epoch.shard_gradient, kind_of(sample, params), *shard),
        track=track.address(dtype) if keeps_moments(architecture) else 0,
        combine=updates.combine_block.address(dtype),
        clipped_update=updates.clipped_update.address(dtype) if clips else 0,
        step=updates.step_block.address(dtype),
        alpha=float(problem.alpha),
        max_norm=math.inf if problem.max_norm is None else float(problem.max_norm),
    )


def solver_arguments(solver: SolverState) -> SolverArguments:
    """Give what an optimizer's kernels are called with."""
    dtype = solver.state.dtype
    update = updates.update_of(solver.name, with_amsgrad=len(solver.state) > 2)
    return SolverArguments(
        prepare=update.rates.address(dtype),
        update=update.update.address(dtype),
        state=solver.state,
        progress=solver.progress,
        hyper=np.array([0.0, *solver.hyper.values()]),  # the learning rate first
        rates=np.zeros(5),
        weight_decay=float(solver.weight_decay),
    )


def shard_loop(
    problem: Problem, several: bool, layers: Layers, steps: Steps, work: Workspace
) -> int:
    """Give the address of the loop over shards, for one thread or several."""
    params, sample = problem.network.params, problem.data.sample
    arguments = (1, 0, sample, problem.rows, 0, layers, params, steps.shard_gradient, work)
    return address_of(epoch.SHARD_LOOPS[several], kind_of(sample, params), *arguments)


def block_loop(
    several: bool, params: np.ndarray, solver: SolverArguments, steps: Steps, work: Workspace
) -> int:
    """Give the address of the loop over blocks of parameters, for one thread or several."""
    arguments = (0, 0.0, 0.0, 0, params, solver, steps, work)
    return address_of(epoch.BLOCK_LOOPS[several], params.dtype, *arguments)


def flops(problem: Problem, n_rows: int) -> float:
    """Floating-point operations of a step: forward, and twice that backward."""
    return 6.0 * problem.network.n_weights * n_rows
