"""From a network and what is asked of it to the bundles that the kernels are called with.

Each bundle is built whole, in one place. Kernels are compiled at the first use of each: a network
of ReLUs never waits for a tanh.
"""

import math
from itertools import accumulate, pairwise

import numpy as np

from fastnn import memory
from fastnn.compiling.intrinsics import pairs
from fastnn.compiling.language import Kernel
from fastnn.compiling.runtime import DTypes, address_of
from fastnn.engine.base import Problem, Segment, SolverState
from fastnn.kernels import backprop, embeddings, epoch, hidden, updates
from fastnn.kernels.activations import ACTIVATIONS
from fastnn.kernels.arguments import (
    ACTIVATE,
    BEND,
    DENORMALIZE,
    DERIVE,
    DROP,
    N_FUNCTIONS,
    N_PROGRESS,
    NORMALIZE,
    UNBEND,
    UNDROP,
    Backward,
    Layers,
    Optimizer,
    Sample,
)
from fastnn.kernels.dropout import drop, undrop
from fastnn.kernels.losses import LOSSES
from fastnn.kernels.normalization import NORMALIZATIONS, track
from fastnn.kernels.outputs import OUTPUT_ACTIVATIONS
from fastnn.kernels.products.choice import (
    calls_no_library,
    product_for_predictions,
    product_for_this_machine,
    product_of_rounded,
)
from fastnn.kernels.tuning import MAX_FEW_FLOPS
from fastnn.network import Architecture, Network

NO_TABLE = np.zeros(0, np.int64)  # of an embedding


def dtypes_of(network: Network, sample: Sample) -> DTypes:
    """Give the dtypes of all that kernels are called with for a network and its data."""
    columns = starts = None
    if sample.columns is not None and sample.starts is not None:
        columns, starts = sample.columns.dtype, sample.starts.dtype
    return DTypes(network.params.dtype, sample.values.dtype, columns, starts)


def prediction_layers(network: Network, architecture: Architecture, dtypes: DTypes) -> Layers:
    """Layers as they predict: nothing is dropped, and batches have their running moments."""
    functions = _functions(network, architecture, dtypes)
    if architecture.normalization:
        normalization = NORMALIZATIONS[architecture.normalization]
        functions[:-1, NORMALIZE] = address_of(normalization.prediction, dtypes)
    no_dropout, product = np.zeros(len(functions)), product_for_predictions()
    return _layers(network, architecture, functions, no_dropout, 0, product, dtypes)


def training_layers(problem: Problem, dtypes: DTypes) -> Layers:
    """Layers as they are trained: they drop, and batches have moments of their own."""
    network, architecture = problem.network, problem.architecture
    functions = _functions(network, architecture, dtypes)
    if architecture.normalization:
        normalization = NORMALIZATIONS[architecture.normalization]
        functions[:-1, NORMALIZE] = address_of(normalization.training, dtypes)
    dropout = np.zeros(len(functions))
    dropout[: len(architecture.dropout)] = architecture.dropout
    if dropout.any():
        functions[dropout > 0, DROP] = address_of(drop, dtypes)
    product = _training_product(network, architecture)
    return _layers(network, architecture, functions, dropout, problem.seed, product, dtypes)


def _training_product(network: Network, architecture: Architecture) -> Kernel:
    """Choose the product of a network that is trained.

    Raises
    ------
    ValueError
        If it is to round to bfloat16, and the processor or the network has another dtype only.
    """
    if not architecture.rounds:
        return product_for_this_machine()
    check_rounding()
    dtype = network.params.dtype
    if dtype != np.float32:
        raise ValueError(
            f"dtype='bfloat16' trains networks of float32, and the fitted one is of {dtype}: "
            "fit a new estimator, or set warm_start=False."
        )
    return product_of_rounded()


def check_rounding() -> None:
    """See to it that this processor multiplies bfloat16: LLVM would end the process.

    Raises
    ------
    ValueError
        If it has no instruction for it.
    """
    if not pairs.are_multiplied():
        raise ValueError(
            "dtype='bfloat16' needs a processor with AVX512_BF16, and this one has none: use "
            "dtype='float32'."
        )


def _functions(network: Network, architecture: Architecture, dtypes: DTypes) -> np.ndarray:
    """Make `Layers.functions`, with the activation of each layer."""
    check_fit(network, architecture)
    functions = np.zeros((len(network.table), N_FUNCTIONS), np.int64)
    for layer, name in zip(functions[:-1], architecture.activations, strict=True):
        layer[ACTIVATE] = address_of(ACTIVATIONS[name].function, dtypes)
        if architecture.bends:
            layer[BEND] = address_of(hidden.bend, dtypes)
    functions[-1, ACTIVATE] = address_of(OUTPUT_ACTIVATIONS[architecture.output], dtypes)
    return functions


def _layers(
    network: Network,
    architecture: Architecture,
    functions: np.ndarray,
    dropout: np.ndarray,
    seed: int,
    product: Kernel,
    dtypes: DTypes,
) -> Layers:
    is_plain = architecture.normalization is None and not (dropout.any() or architecture.bends)
    embedding = architecture.embedding
    return Layers(
        table=network.table,
        functions=functions,
        n_weights=network.n_weights,
        blocks=block_bounds(network, architecture),
        dropout=dropout,
        seed=seed,
        product=address_of(product, dtypes),
        running=network.running,
        forward=address_of(backprop.forward, dtypes),
        hidden_forward=0 if is_plain else address_of(hidden.hidden_forward, dtypes),
        embed=0 if embedding is None else address_of(embeddings.embed, dtypes),
        embedding=NO_TABLE if embedding is None else embedding.table(network.embedding_start),
    )


def multiplies_on_one_thread(network: Network, n_rows: int) -> bool:
    """Whether BLAS starts no threads for so many rows, for want of work or as it is not called."""
    product, itemsize = product_for_predictions(), network.params.itemsize
    return all(
        2 * n_rows * m * n <= MAX_FEW_FLOPS or calls_no_library(product, n_rows, m, n, itemsize)
        for m, n in pairwise(network.units)
    )


def block_bounds(network: Network, architecture: Architecture) -> np.ndarray:
    """Where the outputs of each target's classes begin and end."""
    return np.array([0, *accumulate(architecture.blocks or (network.units[-1],))])


def check_fit(network: Network, architecture: Architecture) -> None:
    """See to it that a network is of an architecture: kernels check no bounds.

    Raises
    ------
    ValueError
        If it is not.
    """
    n_hidden, n_outputs = len(network.units) - 2, network.units[-1]
    if architecture.output not in [*OUTPUT_ACTIVATIONS]:  # set after the fit, as are the others
        raise ValueError(
            f"out_activation_={architecture.output!r} does not exist: it is one of "
            f"{[*OUTPUT_ACTIVATIONS]}."
        )
    for name in architecture.activations:
        if name not in ACTIVATIONS:
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
    if network.embedding != architecture.embedding:
        raise ValueError("The network and its architecture have other embeddings.")
    if architecture.bends and not all(map(stores_slope, architecture.activations)):
        raise ValueError(
            f"Layers that bend need activations that store their slope, not "
            f"{architecture.activations}."
        )
    blocks = architecture.blocks
    if blocks and (sum(blocks) != n_outputs or min(blocks) < 1):
        raise ValueError(
            f"The network has {n_outputs} outputs, and the targets have "
            f"{sum(blocks)} classes in all, one each at least."
        )


def backward_pass(problem: Problem, dtypes: DTypes) -> Backward:
    """Bundle a problem's loss with the way back to its gradient."""
    network, architecture = problem.network, problem.architecture
    has_more = architecture.normalization is not None or architecture.bends
    is_plain = not has_more and not any(architecture.dropout)
    embedding = architecture.embedding
    combine = updates.combine_block_by_tree if problem.by_tree else updates.combine_block
    return Backward(
        functions=_derivatives(network, architecture, dtypes),
        shard_gradient=address_of(epoch.shard_gradient, dtypes),
        loss_gradient=address_of(backprop.loss_gradient, dtypes),
        hidden_backward=0 if is_plain else address_of(hidden.hidden_backward, dtypes),
        embed=0 if embedding is None else address_of(embeddings.embed_backward, dtypes),
        loss=address_of(LOSSES[problem.loss].kernel, dtypes),
        loss_settings=np.array(problem.loss_settings, np.float64),
        track=address_of(track, dtypes) if keeps_moments(architecture) else 0,
        running=network.running,
        combine=address_of(combine, dtypes),
        alpha=float(problem.alpha),
    )


def _derivatives(network: Network, architecture: Architecture, dtypes: DTypes) -> np.ndarray:
    """Make `Backward.functions`: what leads back through each hidden layer."""
    check_fit(network, architecture)
    functions = np.zeros((len(network.table) - 1, N_FUNCTIONS), np.int64)
    for layer, name in zip(functions, architecture.activations, strict=True):
        layer[DERIVE] = address_of(ACTIVATIONS[name].derivative, dtypes)
        if architecture.bends:
            layer[UNBEND] = address_of(hidden.unbend, dtypes)
    if architecture.normalization:
        normalization = NORMALIZATIONS[architecture.normalization]
        functions[:, DENORMALIZE] = address_of(normalization.backward, dtypes)
    for layer, share in zip(functions, architecture.dropout, strict=False):
        if share > 0:
            layer[UNDROP] = address_of(undrop, dtypes)
    return functions


def optimizer(problem: Problem, solver: SolverState, dtypes: DTypes) -> Optimizer:
    """Bundle a solver's kernels with its state; its learning rate, hyper[0], comes later.

    Raises
    ------
    ValueError
        If its state is not of the problem's parameters: kernels check no bounds.
    """
    update = updates.update_of(solver.name, with_amsgrad=len(solver.state) > 2)
    network, max_norm = problem.network, problem.max_norm
    needed = update.n_states, memory.padded(network.params.size, dtypes.T)
    sizes = solver.state.shape, solver.progress.shape, len(solver.hyper)
    if sizes != (needed, (N_PROGRESS,), len(update.hyper)):
        raise ValueError(
            f"The solver's state, progress and hyper-parameters have the sizes {sizes}, and need "
            f"{needed}, {(N_PROGRESS,)} and {len(update.hyper)}."
        )
    segments = problem.segments or weights_and_rest(network, solver.weight_decay)
    starts = np.array([0, *(segment.stop for segment in segments)])
    return Optimizer(
        prepare=address_of(update.rates, dtypes),
        update=address_of(update.update, dtypes),
        step=address_of(updates.step_block, dtypes),
        state=solver.state,
        progress=solver.progress,
        hyper=np.array([0.0, *solver.hyper.values()]),
        rates=np.zeros(updates.N_RATES),
        starts=starts,
        segment_rates=np.zeros((len(segments), updates.N_RATES)),
        factors=np.array([segment.factor for segment in segments]),
        decays=np.array([segment.decay for segment in segments]),
        max_norm=math.inf if max_norm is None else float(max_norm),
    )


def weights_and_rest(network: Network, weight_decay: float) -> tuple[Segment, ...]:
    """Segments of a plain network: one for all, or two where weights alone decay."""
    size, n_weights = network.params.size, network.n_weights
    if weight_decay == 0:
        return (Segment(size),)
    return Segment(n_weights, decay=float(weight_decay)), Segment(size)


def shard_loop(dtypes: DTypes) -> int:
    """Address of the loop over shards."""
    return address_of(epoch.shard_loop, dtypes)


def block_loop(clips: bool, dtypes: DTypes) -> int:
    """Address of the loop over blocks of parameters; one that clips has one thread."""
    return address_of(epoch.update_clipped if clips else epoch.block_loop, dtypes)


def keeps_moments(architecture: Architecture) -> bool:
    """Whether layers are normalized by the moments of a shard, which predictions lack."""
    name = architecture.normalization
    return name is not None and NORMALIZATIONS[name].keeps_moments


def stores_slopes(architecture: Architecture) -> bool:
    """Whether a hidden layer's derivative needs memory of its own."""
    return any(map(stores_slope, architecture.activations))


def stores_slope(activation: str) -> bool:
    """Whether an activation leaves its derivative in memory of its own."""
    return ACTIVATIONS[activation].stores_slope


def flops(problem: Problem, n_rows: int) -> float:
    """Floating-point operations of a step: forward, and twice that backward."""
    return 6.0 * problem.network.n_weights * n_rows
