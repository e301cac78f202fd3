"""The objective: the loss of all rows together, and its gradient, as functions of the parameters.

L-BFGS goes down along it, and `check_gradient` compares the two.
"""

import time

import numpy as np

from fastnn.compiling.language import Call
from fastnn.engine import threads
from fastnn.engine.bind import kind_of
from fastnn.engine.pace import Pace
from fastnn.engine.workspace import TILE_ROWS
from fastnn.kernels.epoch import full_gradient
from fastnn.training.clock import Clock, rows_at_once
from fastnn.training.loop import Task

ROWS_PER_SHARD = TILE_ROWS // 2  # smaller ones cost more gradients to add, larger ones idle threads


class Objective:
    """Loss and gradient of all rows of a task, which the kernels take part by part.

    Parameters
    ----------
    task : Task
        The rows, and the network whose shape the parameters have.
    clock : Clock
        Is looked at between two parts.

    Attributes
    ----------
    gradient : ndarray of shape (n_parameters,)
        Of the last call; the next one writes over it.
    """

    def __init__(self, task: Task, clock: Clock) -> None:
        self.task, self.clock, self.pace = task, clock, Pace()
        n_rows, at_once = task.rows.size, rows_at_once(task.network.units, passes=3)
        self.part_rows = min(n_rows, max(TILE_ROWS, at_once))
        self.work = task.workspace(self.part_rows, ROWS_PER_SHARD, adds=n_rows > self.part_rows)
        self.layers, self.steps = task.prepared(self.work)
        kind = kind_of(task.sample, task.network.params)
        fixed = (task.sample, task.rows, self.layers, self.steps, self.work)
        self.full_gradient = Call(full_gradient, kind, *fixed)
        self.gradient = self.work.gradients[0, : task.network.params.size]

    def __call__(self, params: np.ndarray) -> float:
        """Compute the loss, and leave its gradient in `gradient`."""
        n_rows = self.task.rows.size
        n_parts, n_shards = n_rows / self.part_rows, self.work.losses.size
        n_threads = self.task.threads(self.part_rows, n_shards, n_parts)
        with threads.team(n_threads) as team:
            for start in range(0, n_rows, self.part_rows):
                self.clock.check()
                self._part(start, min(start + self.part_rows, n_rows), params, team)
        return float(self.work.losses[0])

    def _part(self, start: int, stop: int, params: np.ndarray, team: int | None) -> None:
        several, began = team is not None, time.perf_counter()
        if team is not None and self.task.n_jobs is None:
            several, _ = self.pace.choose()
        loop = self.task.shard_loop(several, self.layers, self.steps, self.work)
        self.full_gradient(params, start, stop, loop)
        if team is not None:
            self.pace.note(several, stop - start, time.perf_counter() - began)
