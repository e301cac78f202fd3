"""The loss of all rows together, and its gradient, part by part.

L-BFGS goes down along it, and `check_gradient` compares the two.
"""

import time

import numpy as np

from fastnn.compiling.runtime import Call
from fastnn.engine import bind, threads
from fastnn.engine.base import Check, Gradient, Objective, Problem, no_check
from fastnn.engine.calls import rows_at_once
from fastnn.engine.pace import Pace
from fastnn.engine.workspace import problem_workspace
from fastnn.kernels.epoch import full_gradient
from fastnn.kernels.sharing import ALONE
from fastnn.kernels.tuning import FULL_BATCH_SHARD_ROWS, TILE_ROWS


class CpuObjective(Objective):
    """Loss and gradient of all rows of a problem on this machine's processor.

    Parameters
    ----------
    problem : Problem
        What is minimized.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem, self.pace = problem, Pace()
        n_rows, at_once = problem.rows.size, rows_at_once(problem.network.units, passes=3)
        self.part_rows = min(n_rows, max(TILE_ROWS, at_once))
        adds = n_rows > self.part_rows
        self.work = problem_workspace(problem, self.part_rows, FULL_BATCH_SHARD_ROWS, adds)
        sample, dtypes = problem.data.sample, bind.dtypes_of(problem.network, problem.data.sample)
        layers = bind.training_layers(problem, dtypes)
        backward = bind.backward_pass(problem, dtypes)
        fixed = (sample, problem.rows, layers, backward, self.work)
        self.dtypes, self.full_gradient = dtypes, Call(full_gradient, dtypes, *fixed)
        self.loop, weights = bind.shard_loop(dtypes), sample.weights
        self.weight = float(weights[problem.rows].sum()) if weights.size else float(n_rows)

    def gradient(self, check: Check = no_check) -> Gradient:
        """Compute loss and gradient at the network's parameters."""
        problem, n_rows = self.problem, self.problem.rows.size
        flops, n_shards = bind.flops(problem, self.part_rows), self.work.losses.size
        n_parts = n_rows / self.part_rows
        n_threads = threads.worthwhile(flops, n_shards, problem.n_jobs, n_parts)
        with threads.team(n_threads) as team:
            for start in range(0, n_rows, self.part_rows):
                check()
                self._part(start, min(start + self.part_rows, n_rows), team)
        return Gradient(float(self.work.losses[0]), self.weight, self.last_gradient())

    def last_gradient(self) -> np.ndarray:
        """Give the last gradient again."""
        return self.work.gradients[0, : self.problem.network.params.size]

    def _part(self, start: int, stop: int, team: np.ndarray) -> None:
        params, began = self.problem.network.params, time.perf_counter()
        if team is ALONE or self.problem.n_jobs is not None:
            self.full_gradient(params, start, stop, team, self.loop)
            return
        several, _ = self.pace.choose()
        self.full_gradient(params, start, stop, team if several else ALONE, self.loop)
        self.pace.note(several, stop - start, time.perf_counter() - began)
