"""Budget: a limited time, for which an ensemble is chosen and among whose models it is shared out.

A network whose learning rate has not come down is worth little, so it gets as many epochs as it has
time for when it begins, and its schedule is laid out over these. Trees end when their time is over:
they have a share of all, of which what one forest does not need is left for the next ones, and at
last for networks.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from fastnn.compiling import time_spent
from fastnn.tabular.data import TrainingData
from fastnn.tabular.folds import Folds
from fastnn.tabular.members import Recipe, Settings, train
from fastnn.tabular.networks import NetworkSettings
from fastnn.tabular.recipes import Plan
from fastnn.tabular.trees import Boosting

TREES_SHARE = 1 / 3  # of the time at most, where networks take part too
SLACK = 0.92  # share of its time that a network's epochs are planned to take
BOOSTING_SETUP = 1e-7  # seconds for each cell before the first iteration, which nothing can end
CLOCK_TICK = 1e-3  # seconds, within which a clock may stand still: no job costs nothing
PILOT_ROWS, PILOT_STEPS = 1024, 6
LENGTHS = {"networks": "n_epochs", "boosting": "max_iter", "random_trees": "n_estimators"}


@dataclass
class Budget:
    """What each job may take.

    Attributes
    ----------
    deadline : float
        Of all, on the clock of `time.time`.
    n_workers : int
    recipes : list of Recipe
        Of each job, in the order in which they begin.
    costs : dict of Recipe to float
        Seconds for all of a member's training on the rows of a fold: as estimated, until one of
        its models has told.
    of_trees : float
        Seconds that are left for trees, of all workers together.
    """

    deadline: float
    n_workers: int
    recipes: list[Recipe]
    costs: dict[Recipe, float]
    of_trees: float

    def begin(self, place: int) -> tuple[Recipe, float]:
        """Say what a job that begins now is to do, and until when."""
        recipe, now = self.recipes[place], time.time()
        settings = recipe.settings
        if not isinstance(settings, NetworkSettings):
            n_forests = sum(not _is_network(other) for other in self.recipes[place:])
            return recipe, min(now + self.of_trees / n_forests, self.deadline)
        costs = [0.0, 0.0]  # of trees and of networks: this job, and what its worker does then
        for other in self.recipes[place :: self.n_workers]:
            costs[_is_network(other)] += self.costs[other]
        of_trees = min(costs[0], self.of_trees / self.n_workers)
        share = SLACK * (self.deadline - now - of_trees) / costs[1]
        n_epochs = int(np.clip(settings.n_epochs * share, 1, settings.n_epochs))
        return _with_length(recipe, n_epochs), self.deadline

    def end(self, place: int, did: Recipe, seconds: float) -> None:
        """Note how long a job took that did what `begin` had said."""
        recipe, seconds = self.recipes[place], max(seconds, CLOCK_TICK)
        self.costs[recipe] = seconds * _length(recipe) / _length(did)
        if not _is_network(recipe):
            self.of_trees = max(0.0, self.of_trees - seconds)


def share_out(
    smallest: Plan, larger: Iterator[Plan], data: TrainingData, deadline: float, n_workers: int
) -> tuple[Plan, Budget]:
    """Choose the ensemble that a limited time has room for.

    Parameters
    ----------
    smallest : Plan
    larger : iterator of Plan
        The one that was asked for comes last, before it those that take less time.
    data : TrainingData
    deadline : float
        On the clock of `time.time`; what is compiled meanwhile puts it off.
    n_workers : int

    Returns
    -------
    plan : Plan
    budget : Budget
        Of its jobs.
    """
    pilot, compiled = Pilot(data, smallest.folds), time_spent.seconds()

    def left() -> float:
        return max(0.0, deadline + time_spent.seconds() - compiled - time.time())

    plan = choose(smallest, larger, pilot.seconds, lambda: left() * n_workers)
    networks = list(filter(_is_network, plan.recipes))
    trees_end = TREES_SHARE * left() * n_workers / len(plan.folds)
    if networks and _setup_seconds(plan.recipes, data) > trees_end:
        plan = plan._replace(recipes=networks)
    pilot.warm_up(plan.recipes)
    costs = costs_of(plan, pilot.seconds)
    recipes, seconds = [recipe for recipe, _ in plan.jobs()], left()
    of_trees = seconds * n_workers * (TREES_SHARE if networks else 1.0)
    return plan, Budget(time.time() + seconds, n_workers, recipes, costs, of_trees)


def choose(
    smallest: Plan,
    larger: Iterable[Plan],
    seconds: Callable[[Recipe, int], float],
    left: Callable[[], float],
) -> Plan:
    """Choose the largest ensemble that has time for most of its training.

    Parameters
    ----------
    smallest : Plan
    larger : iterable of Plan
        In the order of their size. It is gone through no further than there is time for.
    seconds : callable
        For all of a member's training on so many rows.
    left : callable
        Seconds of all workers together.

    Returns
    -------
    chosen : Plan
        The smallest where there is time for no other.
    """
    chosen, *others = candidates(smallest)
    for plan in chain(others, chain.from_iterable(map(candidates, larger))):
        needed = plan.enough * len(plan.folds) * sum(costs_of(plan, seconds).values())
        if left() < needed:
            break
        chosen = plan
    return chosen


def candidates(plan: Plan) -> list[Plan]:
    """List the ensembles of a plan: with one of its networks, with two, ..."""
    networks = list(filter(_is_network, plan.recipes))
    return [
        plan._replace(recipes=[recipe for recipe in plan.recipes if recipe not in networks[n:]])
        for n in range(min(1, len(networks)), len(networks) + 1)
    ]


def costs_of(plan: Plan, seconds: Callable[[Recipe, int], float]) -> dict[Recipe, float]:
    """Estimate the seconds for each member's models of one fold.

    Of trees beside networks nothing is known but the share that they may have: few rows do not
    tell how long many take, nor after how many iterations boosting has learnt what it can.
    """
    n_rows = plan.folds.train[0].size
    networks = [recipe for recipe in plan.recipes if _is_network(recipe)] or plan.recipes
    costs = {recipe: seconds(recipe, n_rows) for recipe in networks}
    trees = [recipe for recipe in plan.recipes if recipe not in costs]
    of_trees = sum(costs.values()) * TREES_SHARE / (1 - TREES_SHARE)
    return costs | {recipe: of_trees / len(trees) for recipe in trees}


def _is_network(recipe: Recipe) -> bool:
    return isinstance(recipe.settings, NetworkSettings)


def _setup_seconds(recipes: list[Recipe], data: TrainingData) -> float:
    n_cells = data.cells.numbers.size + data.cells.codes.size
    return BOOSTING_SETUP * n_cells * sum(recipe.kind == "boosting" for recipe in recipes)


class Pilot:
    """How long members take here, measured on a few rows of the first fold.

    Parameters
    ----------
    data : TrainingData
    folds : Folds
    """

    def __init__(self, data: TrainingData, folds: Folds) -> None:
        self.data = data
        self.rows, self.held_out = folds.train[0][:PILOT_ROWS], folds.test[0][:PILOT_ROWS]
        self.known: dict[tuple, float] = {}  # seconds of an epoch, iteration or tree
        self.warm: set[str] = set()

    def seconds(self, recipe: Recipe, n_rows: int) -> float:
        """Give the seconds for all of a member's training on so many rows."""
        if (what := _what_decides(recipe.settings)) not in self.known:
            self.warm_up([recipe])
            few, more = (self._time(recipe, length) for length in (1, 1 + PILOT_STEPS))
            self.known[what] = max(more - few, more / 2) / PILOT_STEPS
        return self.known[what] * _length(recipe) * n_rows / max(self.rows.size, 1)

    def warm_up(self, recipes: list[Recipe]) -> None:
        """Compile and import what members need, so that no job waits for it."""
        for recipe in recipes:
            if recipe.kind not in self.warm:
                self._time(recipe, 1)
                self.warm.add(recipe.kind)

    def _time(self, recipe: Recipe, length: int) -> float:
        began, settings = time.perf_counter(), _with_length(recipe, length)
        train(settings, self.data, self.rows, self.held_out, 0, None, 1)
        return time.perf_counter() - began


def _what_decides(settings: Settings) -> tuple:
    """Say by what an epoch, iteration or tree takes its time."""
    if isinstance(settings, NetworkSettings):
        return settings.hidden, settings.activation, settings.n_frequencies, settings.dropout > 0
    if isinstance(settings, Boosting):
        return settings.max_leaf_nodes, settings.max_features, settings.encodes
    return settings.min_samples_leaf, settings.max_features


def _length(recipe: Recipe) -> int:
    length: int = getattr(recipe.settings, LENGTHS[recipe.kind])
    return length


def _with_length(recipe: Recipe, length: int) -> Recipe:
    """Give a member so many epochs, iterations or trees."""
    changes: dict[str, Any] = {LENGTHS[recipe.kind]: length}
    return replace(recipe, settings=replace(recipe.settings, **changes))
