"""Steps whose shards several machines share: the part of each, and the step by the sum of all."""

from typing import NamedTuple

import numpy as np

from fastnn.compiling.runtime import Call
from fastnn.engine import threads
from fastnn.engine.base import Problem, SolverState
from fastnn.engine.stepper import CpuStepper
from fastnn.engine.tree import Node, add_up, share_of
from fastnn.kernels import epoch
from fastnn.kernels.arguments import STEPS
from fastnn.kernels.tuning import MINI_BATCH_SHARD_ROWS


class Batch(NamedTuple):
    """A mini-batch under way.

    Attributes
    ----------
    rows : ndarray of int64
        Of the data.
    n_shards : int
        As many as its number of rows says.
    weight : float
        Of the rows together; where it is 0 they say nothing, and there is no step.
    """

    rows: np.ndarray
    n_shards: int
    weight: float


class ShardSteps:
    """Takes steps of which others compute some of the shards.

    The same bits come of it as of a `CpuStepper` whose problem adds by a tree.

    Parameters
    ----------
    problem : Problem
        Adds by a tree.
    solver : SolverState
        Is kept true step by step; rows of its `progress` are the caller's.
    batch_size : int
        Rows of a mini-batch.

    Attributes
    ----------
    losses : ndarray of shape (n_shards,)
        Of the last mini-batch's shards.
    moments : ndarray of shape (n_shards, n) or None
        What running moments are moved to, for each shard; None where there are none.
    """

    def __init__(self, problem: Problem, solver: SolverState, batch_size: int) -> None:
        self.problem, self.solver, self.batch_size = problem, solver, batch_size
        made = CpuStepper(problem, solver, batch_size)
        self.made, self.work, self.dtypes = made, made.work, made.dtypes
        work, network = made.work, problem.network
        self.losses, self.moments = work.losses, None
        if made.backward.track:
            size = work.moments_size * (len(network.table) - 1)
            self.moments = work.memory[:, work.moments : work.moments + size]
        self.some_shards = Call(
            epoch.some_shards, self.dtypes, made.sample, made.layers, made.backward, work
        )
        of_step = (made.layers, made.backward, work, made.params, made.optimizer)
        self.step_by_sum = Call(epoch.step_by_sum, self.dtypes, *of_step)

    def begin(
        self, rows: np.ndarray, rank: int, n_ranks: int, n_threads: int
    ) -> tuple[Batch, Node]:
        """Compute the shards of a mini-batch that belong to one of several machines.

        Their gradients, losses and moments are then in memory, each at its place.
        """
        n_shards = min(max(rows.size // MINI_BATCH_SHARD_ROWS, 1), self.losses.size)
        first, stop = share_of(n_shards, rank, n_ranks)
        step, weight = int(self.solver.progress[STEPS]) + 1, np.zeros(1)
        with threads.team(threads.asked_for(n_threads, stop - first)) as team:
            params, loop = self.made.params, self.made.loops[0]
            self.some_shards(params, rows, step, first, stop, team, loop, weight)
        return Batch(rows, n_shards, float(weight[0])), (first, stop)

    def sums(self, batch: Batch, share: Node) -> dict[Node, np.ndarray]:
        """Add up the gradients of a share of the shards, as far as the tree goes."""
        own = {(k, k + 1): self.room((k, k + 1)) for k in range(*share)}
        return add_up(batch.n_shards, *share, own)

    def room(self, node: Node) -> np.ndarray:
        """Give the memory in which the sum of a node belongs."""
        return self.work.gradients[node[0], : self.made.params.size]

    def finish(self, batch: Batch, learning_rate: float, n_threads: int) -> None:
        """Take the step, with the sum of all shards at its place; `losses` and `moments`, too."""
        self.made.optimizer.hyper[0] = learning_rate
        with threads.team(threads.asked_for(n_threads, self.work.squares.size)) as team:
            self.step_by_sum(batch.rows, batch.weight, team, self.made.loops[1])

    def regularize(self, share: float) -> None:
        """Take this share of the problem's dropout and weight decay from the next step on."""
        self.made.regularize(share)

    def last_gradient(self) -> np.ndarray:
        """Give the last mini-batch's gradient by all parameters."""
        return self.made.last_gradient()
