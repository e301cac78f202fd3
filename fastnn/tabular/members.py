"""Members: what takes part in an ensemble, and how one of them is trained on the rows of a fold.

A member is a network or a forest of trees with its own settings, trained once for each fold. The
list of members for an effort is in `recipes`; `benchmarks/NOTES.md` has the figures that chose it.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias, TypedDict, cast

import numpy as np

from fastnn.tabular import forest, networks
from fastnn.tabular.data import TrainingData
from fastnn.tabular.growth import Score
from fastnn.tabular.networks import NetworkRows, NetworkSettings, train_network
from fastnn.tabular.trees import Boosting, RandomTrees, fit_boosting, fit_random_trees
from fastnn.training.clock import Clock, TimeIsOverError
from fastnn.training.loop import DivergenceError
from fastnn.training.validation import JudgedRows

KINDS = ("networks", "boosting", "random_trees")
Settings: TypeAlias = NetworkSettings | Boosting | RandomTrees


@dataclass(frozen=True)
class Recipe:
    """A member before it is trained.

    Attributes
    ----------
    kind : {"networks", "boosting", "random_trees"}
    settings : NetworkSettings, Boosting or RandomTrees
    seed : int
        Of the member; that of a fold follows from it.
    """

    kind: str
    settings: Settings
    seed: int

    def plain_settings(self) -> dict[str, Any]:
        """Give the settings as numbers, texts and lists."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self.settings).items()
        }


class FoldModel(TypedDict):
    """A member trained on the rows of one fold: plain arrays, numbers, lists and texts.

    `state` is what predicts; `held_out` (n_held_out, n_outputs) what it predicts for the rows held
    out; `history` their loss, epoch by epoch or iteration by iteration.
    """

    state: dict[str, Any]
    held_out: np.ndarray
    history: list[float]


def train(
    recipe: Recipe,
    data: TrainingData,
    rows: np.ndarray,
    held_out: np.ndarray,
    fold: int,
    deadline: float | None,
    n_jobs: int,
    stopping: threading.Event | None = None,
    is_first: bool = False,
) -> FoldModel | None:
    """Train a member on the rows of a fold.

    Parameters
    ----------
    recipe : Recipe
    data : TrainingData
    rows, held_out : ndarray of int64
        Which rows train it, and which choose its epoch or iteration.
    fold : int
        Number of the fold.
    deadline : float or None
        Time, as `time.time` tells it, when what there is has to do.
    n_jobs : int
        Threads of a network. They change no bit.
    stopping : threading.Event, default=None
        Ends it, too; set where an interrupt ends it.
    is_first : bool, default=False
        Whether it is trained where there is no time, too: as little as can be.

    Returns
    -------
    model : FoldModel or None
        None where there was no time to begin, and for a network that diverges.

    Raises
    ------
    KeyboardInterrupt
        If one comes before there is a model.
    """

    def is_stopped() -> bool:
        return stopping is not None and stopping.is_set()

    def is_over() -> bool:
        return is_stopped() or (deadline is not None and time.time() > deadline)

    if is_stopped() if is_first else is_over():
        return None
    seed = int(np.random.SeedSequence([recipe.seed, fold]).generate_state(1)[0])
    settings = recipe.settings
    if isinstance(settings, NetworkSettings):
        clock = _Clock(is_over)
        model = _network(settings, data, rows, held_out, seed, clock, n_jobs)
        if clock.was_interrupted:
            if model is None or stopping is None:
                raise KeyboardInterrupt
            stopping.set()
        return model
    if isinstance(settings, Boosting):
        grown = fit_boosting(data.table, rows, held_out, settings, seed, stop=is_over)
    else:
        grown = fit_random_trees(data.table, rows, held_out, settings, seed, stop=is_over)
    state = forest.to_dict(grown.forest)
    return FoldModel(state=state, held_out=grown.held_out, history=grown.history)


class _Clock(Clock):
    """A clock that is over when somebody says so, and remembers an interrupt."""

    def __init__(self, is_over: Callable[[], bool]) -> None:
        super().__init__(None)
        self.is_over, self.was_interrupted = is_over, False

    def check(self) -> None:
        """Raise `TimeIsOverError` where time is over."""
        if not self.waits and self.is_over():
            raise TimeIsOverError

    def warning(self, stop: BaseException, resumes: bool = True) -> tuple[str, type[Warning]]:
        """Note what has ended the training."""
        self.was_interrupted = not isinstance(stop, TimeIsOverError)
        return super().warning(stop, resumes)


def _network(
    settings: NetworkSettings,
    data: TrainingData,
    rows: np.ndarray,
    held_out: np.ndarray,
    seed: int,
    clock: _Clock,
    n_jobs: int,
) -> FoldModel | None:
    scale, given = data.target_scale, data.score

    def predicted(outputs: np.ndarray) -> np.ndarray:
        return outputs.astype(np.float64) if scale is None else scale.back(outputs)

    def score(outputs: np.ndarray, judged: JudgedRows) -> float:
        return -cast(Score, given)(data.Y[judged.rows], predicted(outputs), judged.sample_weight)

    try:
        trained = train_network(
            settings,
            NetworkRows(
                data.network_columns,
                data.network_rows,
                data.network_targets(settings.label_smoothing),
                data.weights,
            ),
            rows,
            held_out,
            seed,
            clock,
            None if given is None else score,
            n_jobs,
        )
    except DivergenceError:
        return None
    if clock.was_interrupted and not trained.history.validation_scores:
        return None
    factor = 1.0 if scale is None or given else scale.loss_in_units(data.task.loss)
    return FoldModel(
        state=networks.to_dict(trained),
        held_out=predicted(trained.outputs),
        history=[-factor * float(value) for value in trained.history.validation_scores],
    )
