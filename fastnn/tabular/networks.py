"""Networks as members: one network trained on some rows, its best epoch chosen on others.

The network is RealMLP's (Holzmueller et al., arXiv:2407.04491): numbers embedded by learnt waves, a
scale for each input, three hidden layers of units that bend, initial weights by the data, and
dropout and weight decay that fade. The learning rate falls along half a cosine: RealMLP's four
waves need twice as many epochs to be as good. Layers are parametrized as Z = A W / sqrt(m), which
for adamw is no more than a learning rate of W that is divided by sqrt(m) (`segments_of`).
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, cast

import numpy as np

from fastnn import memory
from fastnn.embedding import Embedding
from fastnn.engine.base import Problem, Segment
from fastnn.engine.cpu import CPU
from fastnn.engine.data import Data
from fastnn.network import Architecture, Network
from fastnn.training.clock import Clock
from fastnn.training.dataset import Targets
from fastnn.training.history import History
from fastnn.training.initialization import initialize_from_data
from fastnn.training.loop import Training
from fastnn.training.order import ShuffledRows
from fastnn.training.schedules import Schedule
from fastnn.training.settings import Settings, SolverSettings
from fastnn.training.solvers import Solver
from fastnn.training.validation import Judge, JudgedRows, Score

N_RATES = 256  # of a fit's learning rates, at least, however few its epochs are
LEAST_GAP = 1e-6  # between constant quantiles, in deviations of the target
MAX_INITIAL_ROWS = 2000  # by which weights are drawn: deviations to 1/60, in 1/100 of the time


@dataclass(frozen=True)
class NetworkSettings:
    """Hyperparameters of a member.

    Attributes
    ----------
    hidden : tuple of int
        Units of each hidden layer.
    activation : str
    learning_rate : float
    n_epochs : int
    batch_size : int
    dropout : float
    label_smoothing : float
        Of classes.
    weight_decay : float
    n_frequencies, n_waves, table_width : int
        As in `Embedding`.
    embedding_factor, scale_factor, first_factor, bend_factor, bias_factor : float
        What the learning rate is multiplied by for what the embedding learns but its scale, for
        that, for the weights of the first layer, for bends and for biases.
    beta_2 : float
        Of adamw.
    frequency_scale : float
        Standard deviation of the frequencies at the beginning.
    """

    hidden: tuple[int, ...] = (256, 256, 256)
    activation: str = "mish"
    learning_rate: float = 0.04
    n_epochs: int = 32
    batch_size: int = 128
    dropout: float = 0.15
    label_smoothing: float = 0.1
    weight_decay: float = 0.02
    n_frequencies: int = 16
    n_waves: int = 3
    table_width: int = 8
    embedding_factor: float = 0.1
    scale_factor: float = 6.0
    first_factor: float = 1.0
    bend_factor: float = 0.1
    bias_factor: float = 0.1
    beta_2: float = 0.95
    frequency_scale: float = 0.1


@dataclass(frozen=True)
class TrainedNetwork:
    """A member's network, trained on the rows of one fold.

    Attributes
    ----------
    network : Network
        Of the best epoch.
    architecture : Architecture
    outputs : ndarray of shape (n_held_out, n_outputs)
        Its outputs for the rows that chose the epoch.
    history : History
    """

    network: Network
    architecture: Architecture
    outputs: np.ndarray
    history: History


class NetworkRows(NamedTuple):
    """All rows of a table as networks take them.

    Attributes
    ----------
    columns : (int, int, tuple of int)
        Numbers, plain columns and levels of each category, as `Embedding` has them.
    X : ndarray of shape (n_samples, n_columns), float32
        As `fastnn.tabular.scaling` leaves them.
    targets : Targets
        Scaled.
    weights : ndarray of shape (n_samples,) or None
    """

    columns: tuple[int, int, tuple[int, ...]]
    X: np.ndarray
    targets: Targets
    weights: np.ndarray | None


def train_network(
    settings: NetworkSettings,
    all_rows: NetworkRows,
    rows: np.ndarray,
    held_out: np.ndarray,
    seed: int,
    clock: Clock,
    score: Score | None,
    n_jobs: int,
) -> TrainedNetwork:
    """Train a network on some rows, and choose its epoch by others.

    Parameters
    ----------
    settings : NetworkSettings
    all_rows : NetworkRows
    rows, held_out : ndarray of int64
        Which rows train, and which choose the epoch.
    seed : int
    clock : Clock
        Ends the training; the best epoch so far stays.
    score : callable or None
        Of the outputs for held-out rows, the greater the better; None for the loss.
    n_jobs : int
        Threads. They change no bit.

    Raises
    ------
    DivergenceError
        If its weights do not stay finite.
    """
    random_state, targets = np.random.RandomState(seed), all_rows.targets
    architecture, network = _untrained(settings, all_rows.columns, targets)
    Y = np.require(targets.Y, np.float32, ["C", "A"])
    problem = Problem(
        *(network, architecture, Data(all_rows.X, Y, all_rows.weights), rows.copy()),
        *(targets.loss, targets.loss_settings),
        seed=int(random_state.randint(2**62, dtype=np.int64)),
        n_jobs=n_jobs,
        segments=segments_of(settings, network),
    )
    wanted = _training_settings(settings, n_jobs)
    solver = Solver(wanted.solver, network.params.size, network.params.dtype)
    with CPU.running():
        predictor = CPU.predictor(network, architecture, n_jobs)
        drawn_by = rows
        if rows.size > MAX_INITIAL_ROWS:
            drawn_by = random_state.choice(rows, MAX_INITIAL_ROWS, replace=False)
        scale = settings.frequency_scale
        initialize_from_data(network, predictor, problem.data, drawn_by, scale, random_state)
        stepper = CPU.stepper(problem, solver, min(settings.batch_size, rows.size))
        history = History()
        judged = JudgedRows(problem.data, held_out, targets, None, None, None)
        judge = Judge(predictor, judged, None, score, clock)
        order = ShuffledRows(problem.rows, random_state if wanted.shuffle else None)
        training = Training(network, stepper, order, solver, wanted, False, history, clock, judge)
        training.run()
        training.finish()
        clock.waits = True  # for what is left to do
        outputs = predictor.outputs(problem.data, held_out)
        constant = constant_outputs(targets, rows, all_rows.weights)
        same = np.tile(constant, (len(outputs), 1))
        if not judge.score_of(outputs, judged) >= judge.score_of(same, judged):
            make_constant(network, targets.out_activation, constant)
            outputs = predictor.outputs(problem.data, held_out)
    return TrainedNetwork(network, architecture, outputs, history)


def constant_outputs(targets: Targets, rows: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Give outputs that say the same of every row: shares of classes, or the middle of numbers."""
    Y, counts = targets.Y[rows], np.ones(len(rows)) if weights is None else weights[rows]
    if targets.out_activation == "softmax":
        shares = np.bincount(Y[:, 0], counts, targets.n_outputs) / counts.sum()
        shares += 1 / len(rows)  # of a class that these rows lack, too
        return (shares / shares.sum()).astype(np.float32)
    levels = (0.5,) if targets.loss == "absolute_error" else targets.loss_settings
    if "quantile" in targets.loss or targets.loss == "absolute_error":
        return np.quantile(Y, levels, axis=0).astype(np.float32).reshape(targets.n_outputs)
    return np.average(Y, axis=0, weights=counts).astype(np.float32)


def make_constant(network: Network, out_activation: str, outputs: np.ndarray) -> None:
    """Let a network say the same of every row, for want of time or of anything to learn."""
    raw = outputs.astype(np.float64)
    if out_activation in ("softmax", "exp"):
        raw = np.log(raw)
    elif out_activation == "increasing":  # each gap is log(1 + e^z)
        raw[1:] = np.log(np.expm1(np.maximum(np.diff(raw), LEAST_GAP)))
    network.coefs[-1][:] = 0
    network.intercepts[-1][:] = raw


def _untrained(
    settings: NetworkSettings, columns: tuple[int, int, tuple[int, ...]], targets: Targets
) -> tuple[Architecture, Network]:
    sizes = settings.n_frequencies, settings.n_waves, settings.table_width
    embedding = Embedding(*columns, *sizes)
    activations = (settings.activation,) * len(settings.hidden)
    architecture = Architecture(
        activations,
        targets.out_activation,
        dropout=(settings.dropout,) * len(activations),
        embedding=embedding,
    )
    units = [embedding.n_outputs, *settings.hidden, targets.n_outputs]
    return architecture, Network.zeros(units, np.dtype(np.float32), embedding=embedding)


# ------------------------------------------------------------------------------ its saved form


def to_dict(trained: TrainedNetwork) -> dict[str, Any]:
    """Give a trained network as arrays, lists, numbers and texts, which any version can read."""
    architecture = trained.architecture
    sizes = asdict(cast(Embedding, architecture.embedding))
    return {
        "params": trained.network.params,
        "units": list(trained.network.units),
        "activations": list(architecture.activations),
        "output": architecture.output,
        "embedding": {**sizes, "levels": list(sizes["levels"])},
    }


def from_dict(saved: dict[str, Any]) -> tuple[Network, Architecture]:
    """Make the network of which `to_dict` was saved, and what it computes.

    Raises
    ------
    ValueError
        If its parts do not go together.
    """
    sizes = saved["embedding"]
    embedding = Embedding(**{**sizes, "levels": tuple(sizes["levels"])})
    units, params = saved["units"], saved["params"]
    expected = Network.zeros(units, params.dtype, embedding=embedding)
    if params.shape != expected.params.shape or units[0] != embedding.n_outputs:
        raise ValueError(
            f"A network of {units} units and this embedding has {expected.params.size} parameters, "
            f"got {params.size}: the model is damaged."
        )
    network = Network(units, memory.copy_of(params, params.dtype), embedding=embedding)
    activations = tuple(saved["activations"])
    return network, Architecture(activations, saved["output"], embedding=embedding)


# -------------------------------------------------------------------------------- its learning


def segments_of(settings: NetworkSettings, network: Network) -> tuple[Segment, ...]:
    """Give the learning rates of all parameters, and what of them decays: all but biases.

    The decay follows the rate of a part, not the division by sqrt(m): as W / sqrt(m) it would be
    the same.
    """
    s, decay = settings, settings.weight_decay
    segments = []

    def add(stop: int, factor: float, share: float) -> None:
        segments.append(Segment(stop, factor, decay * share))

    for l, W in enumerate(network.coefs):
        factor = s.first_factor if l == 0 else 1.0
        stop = (segments[-1].stop if segments else 0) + W.size
        add(stop, factor / math.sqrt(len(W)), factor)
    add(segments[-1].stop + sum(b.size for b in network.intercepts), s.bias_factor, 0.0)
    add(network.embedding_start, s.bend_factor, s.bend_factor)
    factors = dict.fromkeys(network.embedded, (s.embedding_factor, s.embedding_factor))
    factors["phases"] = s.embedding_factor / (2 * math.pi), 0.0  # counted in turns, not radians
    factors["shift"] = s.embedding_factor, 0.0
    factors["tables"] = 1.0, 1.0
    factors["scale"] = s.scale_factor, s.scale_factor
    for name, part in network.embedded.items():
        add(segments[-1].stop + part.size, *factors[name])
    return tuple(segments)


def _training_settings(settings: NetworkSettings, n_jobs: int) -> Settings:
    n_epochs = settings.n_epochs
    pieces = -(-N_RATES // n_epochs)
    schedule = Schedule("cosine", settings.learning_rate, n_epochs, pieces=pieces)
    hyper = {"beta_1": 0.9, "beta_2": settings.beta_2, "epsilon": 1e-8}
    what: dict[str, Any] = {
        "hidden": settings.hidden,
        "normalization": None,
        "weight_init": "auto",
        "dtype": np.dtype(np.float32),
        "solver": SolverSettings("adamw", hyper, 2, schedule),
        "alpha": 0.0,
        "max_grad_norm": None,
        "batch_size": settings.batch_size,
        "shuffle": True,
        "max_iter": n_epochs,
        "max_fun": 0,
        "max_time": None,
        "tol": 0.0,
        "n_iter_no_change": math.inf,
        "early_stopping": True,
        "validation_fraction": 0.0,
        "restore_best": True,
        "scores_training": False,
        "verbose": False,
        "n_jobs": n_jobs,
        "fades": True,
    }
    return Settings(**what)
