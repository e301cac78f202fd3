"""Budget: a limited time, shared out among the members of an ensemble.

Trees come first, since nobody knows when their training ends by itself: each of their models may
take an equal part of what is left for trees. Networks share the rest. A network whose learning
rate has not come down is worth little, so it gets as many epochs as it has time for when it
begins, and its schedule is laid out over these.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from fastnn.compiling import time_spent
from fastnn.tabular.data import TrainingData
from fastnn.tabular.folds import Folds
from fastnn.tabular.members import Recipe, train
from fastnn.tabular.networks import NetworkSettings
from fastnn.tabular.trees import Boosting

TREES_SHARE = 0.4  # of the time at most, where networks take part too
ENOUGH_EPOCHS = 0.5  # share of its epochs from which a member is better than a smaller one
SLACK = 0.92  # share of its time that a network's epochs are planned to take
BOOSTING_SETUP = 1e-7  # seconds for each cell before the first iteration, which nothing can end
PILOT_ROWS = 1024

Job = tuple[Recipe, int]  # a member, and the fold on whose rows it is trained


@dataclass(frozen=True)
class Budget:
    """What each job may take.

    Attributes
    ----------
    deadline : float
        Of all, on the clock of `time.time`.
    trees_end : float
        By when trees are to be done.
    n_workers : int
    costs : tuple of float
        Of each job: seconds for all epochs of a network, 0 for trees, which come first.
    """

    deadline: float
    trees_end: float
    n_workers: int
    costs: tuple[float, ...]

    def begin(self, place: int, recipe: Recipe) -> tuple[Recipe, float]:
        """Say what a job that begins now is to do, and until when."""
        now, settings = time.time(), recipe.settings
        chain = self.costs[place :: self.n_workers]  # this job, and what its worker does then
        if not isinstance(settings, NetworkSettings):
            return recipe, now + max(0.0, self.trees_end - now) / chain.count(0.0)
        share = SLACK * (self.deadline - now) / sum(chain)
        n_epochs = int(np.clip(settings.n_epochs * share, 1, settings.n_epochs))
        return replace(recipe, settings=replace(settings, n_epochs=n_epochs)), self.deadline


def share_out(
    by_effort: list[list[Recipe]],
    data: TrainingData,
    folds: Folds,
    deadline: float,
    n_workers: int,
) -> tuple[list[Job], Budget]:
    """Choose the members that a limited time has room for.

    Parameters
    ----------
    by_effort : list of list of Recipe
        For each effort up to the one that was asked for, the least first.
    data : TrainingData
    folds : Folds
    deadline : float
        On the clock of `time.time`; what is compiled meanwhile puts it off.
    n_workers : int

    Returns
    -------
    jobs : list of Job
        In the order in which they are to begin.
    budget : Budget
    """
    pilot, compiled = Pilot(data, folds), time_spent.seconds()

    def left() -> float:
        return max(0.0, deadline + time_spent.seconds() - compiled - time.time())

    pilot.warm_up(by_effort[-1])
    chosen = choose(by_effort, pilot.seconds, lambda: left() * n_workers / len(folds))
    networks = [recipe for recipe in chosen if _is_network(recipe)]
    trees = [recipe for recipe in chosen if not _is_network(recipe)]
    share = TREES_SHARE if networks else 1.0
    if networks and _setup_seconds(trees, data) > share * left() * n_workers / len(folds):
        trees = []
    trees.sort(key=lambda recipe: recipe.kind != "random_trees")  # the quickest first
    jobs = [(recipe, fold) for recipe in trees + networks for fold in range(len(folds))]
    costs = [pilot.seconds(recipe) if _is_network(recipe) else 0.0 for recipe, _ in jobs]
    seconds, now = left(), time.time()
    return jobs, Budget(now + seconds, now + share * seconds, n_workers, tuple(costs))


def choose(
    by_effort: list[list[Recipe]],
    seconds: Callable[[Recipe], float],
    left: Callable[[], float],
) -> list[Recipe]:
    """Choose the largest ensemble whose networks have time for most of their epochs.

    Parameters
    ----------
    by_effort : list of list of Recipe
    seconds : callable
        For all epochs of a network on the rows of a fold.
    left : callable
        Seconds for each fold.

    Returns
    -------
    chosen : list of Recipe
        Those of the least effort where there is time for no more.
    """
    most = max(map(_n_epochs, by_effort[-1]))
    candidates = [[_with_epochs(recipe, most) for recipe in by_effort[0]]]
    for recipes in by_effort[1:]:
        networks = list(filter(_is_network, recipes))
        for n in range(1, len(networks) + 1):
            candidates.append([recipe for recipe in recipes if recipe not in networks[n:]])
    chosen = candidates[0]
    for candidate in candidates:
        networks = list(filter(_is_network, candidate))
        share = 1.0 if len(networks) == len(candidate) else 1 - TREES_SHARE
        if share * left() < ENOUGH_EPOCHS * sum(map(seconds, networks)):
            break
        chosen = candidate
    return chosen


def _is_network(recipe: Recipe) -> bool:
    return isinstance(recipe.settings, NetworkSettings)


def _with_epochs(recipe: Recipe, n_epochs: int) -> Recipe:
    """Give a network other epochs; trees stay as they are."""
    if not isinstance(recipe.settings, NetworkSettings):
        return recipe
    return replace(recipe, settings=replace(recipe.settings, n_epochs=n_epochs))


def _n_epochs(recipe: Recipe) -> int:
    return recipe.settings.n_epochs if isinstance(recipe.settings, NetworkSettings) else 0


def _setup_seconds(recipes: list[Recipe], data: TrainingData) -> float:
    n_cells = data.cells.numbers.size + data.cells.codes.size
    return BOOSTING_SETUP * n_cells * sum(recipe.kind == "boosting" for recipe in recipes)


class Pilot:
    """How long networks take here, measured on a few rows of the first fold.

    Parameters
    ----------
    data : TrainingData
    folds : Folds
    """

    def __init__(self, data: TrainingData, folds: Folds) -> None:
        self.data, rows = data, folds.train[0]
        self.rows, self.held_out = rows[:PILOT_ROWS], folds.test[0][:PILOT_ROWS]
        self.share = rows.size / max(self.rows.size, 1)
        self.known: dict[tuple, float] = {}  # seconds of an epoch, by what decides on them

    def warm_up(self, recipes: list[Recipe]) -> None:
        """Let trees compile what they need, so that no job waits for it."""
        for recipe in recipes:
            if isinstance(recipe.settings, Boosting):
                self._train(replace(recipe, settings=replace(recipe.settings, max_iter=1)))
                return

    def seconds(self, recipe: Recipe) -> float:
        """Give the seconds for all epochs of a network on the rows of a fold."""
        s = cast(NetworkSettings, recipe.settings)
        key = s.hidden, s.activation, s.n_frequencies, s.dropout > 0
        if key not in self.known:
            few, more = (self._time(_with_epochs(recipe, n)) for n in (1, 3))
            self.known[key] = max(more - few, 1e-6) / 2 * self.share
        return self.known[key] * s.n_epochs

    def _time(self, recipe: Recipe) -> float:
        began, compiled = time.perf_counter(), time_spent.seconds()
        self._train(recipe)
        return time.perf_counter() - began - (time_spent.seconds() - compiled)

    def _train(self, recipe: Recipe) -> None:
        train(recipe, self.data, self.rows, self.held_out, 0, None, 1)
