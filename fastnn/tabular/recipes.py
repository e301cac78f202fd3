"""Recipes: which members an ensemble has, by the effort that its user wants to spend.

The members and their settings were chosen by the tables in `benchmarks/NOTES.md`.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fastnn.tabular.data import Task
from fastnn.tabular.members import Recipe, Settings
from fastnn.tabular.networks import NetworkSettings
from fastnn.tabular.trees import Boosting, RandomTrees

EFFORTS = ("quick", "balanced", "thorough")
N_NETWORKS = {"quick": 1, "balanced": 2, "thorough": 6}
N_EPOCHS = {"quick": 16, "balanced": 64, "thorough": 96}
FULL_ROWS = 10_000  # up to which all epochs are worth their time
FEW_ROWS = 2_000  # below which steps, not rows, are what a network needs
RATES = {True: 0.04, False: 0.2}  # learning rates, by whether there are classes


def recipes(
    kinds: Sequence[str], effort: str, n_rows: int, task: Task, seeds: np.ndarray
) -> list[Recipe]:
    """List the members to train.

    Parameters
    ----------
    kinds : sequence of str
        Some of `KINDS`.
    effort : {"quick", "balanced", "thorough"}
    n_rows : int
        Rows that train.
    task : Task
    seeds : ndarray of int
        One for each member, as many as there may be.
    """
    chosen: list[tuple[str, Settings]] = []
    if "boosting" in kinds and task.loss in BOOSTED:
        chosen += [("boosting", settings) for settings in _boosting(effort, task)]
    if "networks" in kinds:
        chosen += [("networks", settings) for settings in _networks(effort, n_rows, task)]
    if "random_trees" in kinds and task.loss in GROWN and task.n_classes <= MOST_CLASSES_GROWN:
        chosen.append(("random_trees", RandomTrees()))
    return [
        Recipe(kind, settings, int(seed))
        for (kind, settings), seed in zip(chosen, seeds, strict=False)
    ]


BOOSTED = ("log_loss", "squared_error", "absolute_error", "poisson", "gamma", "quantile")
GROWN = ("log_loss", "squared_error", "huber", "log_cosh")
MOST_CLASSES_GROWN = 30  # a leaf holds a number for each


def _boosting(effort: str, task: Task) -> list[Boosting]:
    base = Boosting()
    if task.loss != "log_loss":
        base = replace(base, loss=task.loss, quantile=(*task.settings, None)[0])
    if task.loss == "quantile" and len(task.settings) != 1:
        return []
    if effort == "quick":
        return [replace(base, max_iter=60)]
    return [base]


def _networks(effort: str, n_rows: int, task: Task) -> list[NetworkSettings]:
    base = NetworkSettings(
        learning_rate=RATES[task.n_classes > 0],
        n_epochs=epochs(effort, n_rows),
        batch_size=batch_size(n_rows),
    )
    if effort == "quick":
        base = replace(base, hidden=(128, 128, 128))
    return [replace(base, **VARIANTS[k]) for k in range(N_NETWORKS[effort])]


# What the second network and others do otherwise: members that err differently gain more together.
VARIANTS: tuple[dict, ...] = (
    {},
    {"dropout": 0.3, "hidden": (256, 256)},
    {"n_frequencies": 32, "dropout": 0.05},
    {"hidden": (512,), "weight_decay": 0.1},
    {"hidden": (128, 128, 128, 128)},
    {"activation": "silu", "n_waves": 7},
)


def epochs(effort: str, n_rows: int) -> int:
    """Epochs of a network: with ten times the rows, each epoch is ten times as many steps."""
    share = min(1.0, (FULL_ROWS / n_rows) ** 0.25)
    return max(2, round(N_EPOCHS[effort] * share))


def batch_size(n_rows: int) -> int:
    """Rows of a mini-batch: at least some 16 steps an epoch, and few large steps for many rows."""
    if n_rows > 100_000:
        return 512
    return 256 if n_rows > FEW_ROWS else 2 ** int(np.clip(np.log2(max(n_rows, 1) / 12), 4, 7))
