"""Recipes: which members an ensemble has, by the effort that its user wants to spend.

The members and their settings were chosen by the tables in `benchmarks/NOTES.md`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from fastnn.tabular.data import EXPONENTIAL, Task
from fastnn.tabular.ensemble import Member
from fastnn.tabular.folds import Folds
from fastnn.tabular.members import KINDS, Recipe, Settings
from fastnn.tabular.networks import NetworkSettings
from fastnn.tabular.trees import Boosting, RandomTrees

EFFORTS = ("quick", "balanced", "thorough")
N_EPOCHS = {"quick": 28, "balanced": 36, "thorough": 64}
LONGEST, FEWEST = 64, 28  # epochs of small networks in a limited time; of any, if not the smallest
FOLDS, QUICK_FOLDS = 5, 2
FEW_ROWS = 2000  # up to which little effort has all folds, as they cost little
FULL_ROWS = 10_000  # up to which all epochs are worth their time
QUICK_TREES = 14  # random ones, on few folds
MANY_ROWS = 100_000  # from which two networks, and no random trees, are what time allows
RATE_OF_CLASSES, RATE_OF_POWERS, RATE_OF_NUMBERS = 0.04, 0.01, 0.2  # powers: e^z, as of poisson

Job = tuple[Recipe, int]  # a member, and the fold on whose rows it is trained


class Plan(NamedTuple):
    """Members to train, the folds that each is trained on, and how much of it has to be."""

    folds: Folds
    recipes: list[Recipe]
    enough: float = 1.0  # share of the training from which it is better than a smaller plan

    def jobs(self) -> list[Job]:
        """List the models in the order in which their training begins.

        Networks are spread evenly among trees, which wait for each other within Python.
        """
        of_kinds: tuple[list[Job], list[Job]] = [], []
        for recipe in self.recipes:
            jobs = of_kinds[recipe.kind != "networks"]
            jobs += [(recipe, fold) for fold in range(len(self.folds))]
        places = [(k / len(jobs), job) for jobs in of_kinds for k, job in enumerate(jobs)]
        return [job for _, job in sorted(places, key=lambda place: place[0])]


def kinds_of(members: Any) -> list[str]:
    """List the kinds of members that the parameter `members` names."""
    if isinstance(members, str):
        return list(KINDS) if members == "auto" else [members]
    kinds = list(members)
    if not kinds or not all(kind in KINDS for kind in kinds):
        raise ValueError(
            f"members={members!r} has to be 'auto', one of {list(KINDS)}, or a list of some of "
            "them."
        )
    return kinds


class Step(NamedTuple):
    """Some folds, an effort, and the epochs of a network."""

    n_folds: int
    effort: str
    n_epochs: int

    @property
    def enough(self) -> float:
        """Share of the epochs from which more folds or larger networks are better than fewer."""
        return min(1.0, FEWEST / self.n_epochs)


SMALL = tuple(Step(n_folds, "quick", LONGEST) for n_folds in (2, 3, FOLDS))
LESS = {
    "quick": tuple(Step(n_folds, "quick", N_EPOCHS["quick"]) for n_folds in (2, 3)),
    "balanced": SMALL,
    "thorough": (*SMALL, Step(FOLDS, "balanced", N_EPOCHS["balanced"])),
}


def steps(effort: str, n_rows: int, is_limited: bool) -> list[Step]:
    """List what is asked for, after what takes less time.

    Parameters
    ----------
    effort : {"quick", "balanced", "thorough"}
    n_rows : int
    is_limited : bool
        Whether the time is; otherwise there is one step.
    """
    is_least = effort == "quick" and n_rows > FEW_ROWS
    asked = Step(QUICK_FOLDS if is_least else FOLDS, effort, N_EPOCHS[effort])
    return [*LESS[effort], asked] if is_limited and not is_least else [asked]


def recipes(
    kinds: Sequence[str], step: Step, n_rows: int, task: Task, seeds: np.ndarray
) -> list[Recipe]:
    """List the members to train.

    Parameters
    ----------
    kinds : sequence of str
        Some of `KINDS`.
    step : Step
    n_rows : int
        Rows that train.
    task : Task
    seeds : ndarray of int
        One for each member, as many as there may be.
    """
    chosen: list[tuple[str, Settings]] = []
    if "boosting" in kinds:
        chosen += [("boosting", settings) for settings in _boosting(step.effort, task, kinds)]
    if "networks" in kinds:
        alone = len(kinds) == 1
        chosen += [("networks", settings) for settings in _networks(step, n_rows, task, alone)]
    if "random_trees" in kinds and grows_trees(task, n_rows):
        n_trees = QUICK_TREES if step.n_folds == QUICK_FOLDS else RandomTrees.n_estimators
        chosen.append(("random_trees", RandomTrees(n_trees)))
    return [
        Recipe(kind, settings, int(seed))
        for (kind, settings), seed in zip(chosen, seeds, strict=False)
    ]


def is_known(recipe: Recipe, past: Sequence[Member]) -> bool:
    """Whether another training would bring the same: boosting draws nothing by its seed."""
    settings = recipe.plain_settings()
    return recipe.kind == "boosting" and any(
        member["kind"] == recipe.kind and member["settings"] == settings for member in past
    )


BOOSTED = ("log_loss", "squared_error", "absolute_error", "poisson", "gamma", "quantile")
GROWN = ("log_loss", "squared_error", "huber", "log_cosh")
MOST_CLASSES_GROWN = 30  # a leaf of random trees holds a number for each
MOST_CLASSES_BOOSTED = 10  # where networks take part: an iteration grows a tree for each
MOST_TREES_OF_CLASSES = 1000  # of all iterations, where there are more classes


def grows_trees(task: Task, n_rows: int) -> bool:
    """Whether random trees know the loss, and are not too large: they grow with the rows."""
    return task.loss in GROWN and task.n_classes <= MOST_CLASSES_GROWN and n_rows <= MANY_ROWS


def _boosting(effort: str, task: Task, kinds: Sequence[str]) -> list[Boosting]:
    if task.loss not in BOOSTED or (task.loss == "quantile" and len(task.settings) > 1):
        return []
    loss: dict[str, Any] = (
        {} if task.n_classes else {"loss": task.loss, "quantile": (*task.settings, None)[0]}
    )
    if effort == "quick":
        if task.n_classes > MOST_CLASSES_BOOSTED and "networks" in kinds:
            return []
        # An iteration grows a tree for each of three classes and more.
        n_iter = max(10, 60 // task.n_classes) if task.n_classes > 2 else 25
        return [Boosting(learning_rate=0.3, max_iter=n_iter, max_leaf_nodes=15, **loss)]
    gentle = Boosting(**GENTLE, **loss)
    if effort == "thorough":
        return [Boosting(**loss), gentle, replace(gentle, encodes=True)]
    if task.n_classes <= 2:
        return [Boosting(**loss)] if "networks" in kinds else [Boosting(**loss), gentle]
    if task.n_classes <= MOST_CLASSES_BOOSTED or "networks" not in kinds:
        return [replace(gentle, learning_rate=0.1, max_iter=200, patience=20)]
    n_iter = max(10, MOST_TREES_OF_CLASSES // task.n_classes)
    return [replace(gentle, learning_rate=0.2, max_iter=n_iter, max_features=0.3, patience=10)]


# Smaller steps, smaller trees and half of the columns at each split.
GENTLE: dict[str, Any] = {
    "learning_rate": 0.05,
    "max_iter": 400,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "max_features": 0.5,
    "patience": 40,
}


def _networks(step: Step, n_rows: int, task: Task, alone: bool) -> list[NetworkSettings]:
    base = NetworkSettings(
        learning_rate=rate(task),
        n_epochs=epochs(step.n_epochs, n_rows),
        batch_size=batch_size(n_rows),
    )
    if step.effort == "quick":
        return [replace(base, hidden=(128, 128))]
    variants = THOROUGH if step.effort == "thorough" else BALANCED if alone else BALANCED[:2]
    return [replace(base, **variant) for variant in variants]


# What each network does otherwise: members that err differently gain more together.
BALANCED: tuple[dict[str, Any], ...] = (
    {"hidden": (256, 256)},
    {"hidden": (192, 192), "frequency_scale": 0.5, "label_smoothing": 0.0},
    {"hidden": (128, 128, 128), "activation": "silu"},
)
THOROUGH: tuple[dict[str, Any], ...] = (
    {},
    {"frequency_scale": 0.5, "label_smoothing": 0.0},
    {"hidden": (128, 128, 128), "activation": "silu"},
    {"frequency_scale": 0.5, "dropout": 0.3},
    {"hidden": (512,), "label_smoothing": 0.0},
    {"frequency_scale": 2.0, "n_frequencies": 32, "label_smoothing": 0.0},
)


def rate(task: Task) -> float:
    """Learning rate: a step of z multiplies what is e^z, of which few rows bear less."""
    if task.n_classes:
        return RATE_OF_CLASSES
    return RATE_OF_POWERS if task.loss in EXPONENTIAL else RATE_OF_NUMBERS


def epochs(most: int, n_rows: int) -> int:
    """Epochs of a network: with ten times the rows, each epoch is ten times as many steps."""
    share = min(1.0, (FULL_ROWS / n_rows) ** 0.25)
    return max(2, round(most * share))


def batch_size(n_rows: int) -> int:
    """Rows of a mini-batch: some 12 steps an epoch at least, large ones for many rows."""
    if n_rows > MANY_ROWS:
        return 512
    if n_rows > 20_000:
        return 256
    return 2 ** int(np.clip(np.log2(max(n_rows, 1) / 12), 2, 7))
