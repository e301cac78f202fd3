"""Pilot: how long an epoch of a network takes here, measured before limited time is shared out."""

import time
from dataclasses import replace
from typing import cast

import numpy as np

from fastnn.compiling import time_spent
from fastnn.tabular.data import TrainingData
from fastnn.tabular.folds import Folds
from fastnn.tabular.members import Recipe, train
from fastnn.tabular.networks import NetworkSettings

PILOT_ROWS = 512


def epoch_seconds(
    recipes: list[Recipe], data: TrainingData, folds: Folds
) -> tuple[dict[int, float], float]:
    """Time an epoch of each network on one thread.

    Returns
    -------
    seconds : dict of int to float
        By the member's seed.
    compiling : float
        Seconds that the compiler took meanwhile.
    """
    before, seconds = time_spent.seconds(), {}
    rows, held_out = folds.train[0][:PILOT_ROWS], folds.test[0][:PILOT_ROWS]
    share = folds.train[0].size / max(rows.size, 1)
    for recipe in recipes:
        if isinstance(recipe.settings, NetworkSettings):
            times = [_time(recipe, data, rows, held_out, n) for n in (1, 1, 4)]
            seconds[recipe.seed] = max(times[2] - min(times[:2]), 1e-6) / 3 * share
    return seconds, time_spent.seconds() - before


def _time(
    recipe: Recipe, data: TrainingData, rows: np.ndarray, held_out: np.ndarray, n_epochs: int
) -> float:
    settings = replace(cast(NetworkSettings, recipe.settings), n_epochs=n_epochs)
    began, compiled = time.perf_counter(), time_spent.seconds()
    train(replace(recipe, settings=settings), data, rows, held_out, 0, None, 1)
    return time.perf_counter() - began - (time_spent.seconds() - compiled)
