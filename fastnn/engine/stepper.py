"""Steps over mini-batches, as calls of one kernel (`fastnn.kernels.epoch.train_steps`)."""

import time
from collections.abc import Callable

import numpy as np

from fastnn.compiling.runtime import Call
from fastnn.engine import bind, threads
from fastnn.engine.base import Gradient, Problem, SolverState, Stepper
from fastnn.engine.calls import rows_at_once
from fastnn.engine.pace import Pace
from fastnn.engine.workspace import problem_workspace
from fastnn.kernels import epoch
from fastnn.kernels.arguments import STEPS, Epochs
from fastnn.kernels.sharing import ALONE
from fastnn.kernels.tuning import (
    MAX_FLOPS_PER_CALL,
    MINI_BATCH_SHARD_ROWS,
    STEP_FLOPS,
    UPDATE_FLOPS,
)


class CpuStepper(Stepper):
    """Takes steps on this machine's processor.

    Parameters
    ----------
    problem : Problem
        What is minimized.
    solver : SolverState
        Is kept true step by step.
    batch_size : int
        Rows of a mini-batch.
    """

    def __init__(self, problem: Problem, solver: SolverState, batch_size: int) -> None:
        self.problem, self.solver, self.batch_size = problem, solver, batch_size
        self.pace = Pace()
        self.work = problem_workspace(problem, batch_size, MINI_BATCH_SHARD_ROWS)
        self.rows_per_call = self._rows_per_call()
        self._at_once = self.rows_per_call // max(1, problem.rows.size)
        self.flops = bind.flops(problem, batch_size)
        self.is_small = problem.n_jobs is None and self.flops < threads.LEAST_FLOPS
        self.is_decided = problem.n_jobs is not None or self.is_small or threads.available() == 1
        self.sample, self.params = problem.data.sample, problem.network.params
        self.dtypes = bind.dtypes_of(problem.network, self.sample)
        self.layers = bind.training_layers(problem, self.dtypes)
        self.backward = bind.backward_pass(problem, self.dtypes)
        self.optimizer = bind.optimizer(problem, solver, self.dtypes)
        self.full = self.layers.dropout.copy(), self.optimizer.decays.copy()
        clips = problem.max_norm is not None
        self.loops = bind.shard_loop(self.dtypes), bind.block_loop(clips, self.dtypes)
        self.one, self.take_one = self._calls_of(problem.rows[None])
        self.many, self.take_many = self.one, self.take_one

    def _calls_of(self, orders: np.ndarray) -> tuple[Epochs, Call]:
        """Prepare calls for as many epochs as there are orders."""
        epochs = Epochs(orders, rates=np.empty(len(orders)), losses=np.empty(len(orders)))
        fixed = (self.sample, self.batch_size, self.layers, self.params, self.optimizer)
        call = Call(epoch.train_steps, self.dtypes, *fixed, self.backward, self.work, epochs)
        return epochs, call

    def steps(self, start: int, stop: int, learning_rate: float) -> None:
        """Go on from a row of the epoch, as far as a call of the kernels may go."""
        if not 0 <= start < stop <= self.problem.rows.size:
            raise ValueError(f"There are no rows {start} to {stop} of {self.problem.rows.size}.")
        self.one.rates[0] = learning_rate
        batch, n_rows = self.batch_size, min(self.rows_per_call, stop - start)
        with threads.team(self._n_threads(n_rows)) as team:
            several = team is not ALONE
            if several and self.problem.n_jobs is None:
                several, rows = self.pace.choose()
                n_rows = min(n_rows, max(1, round(rows / batch)) * batch)
            self._take(self.take_one, 1, start, start + n_rows, team, several)

    def _n_threads(self, n_rows: int) -> int:
        if self.is_small:  # one thread takes the steps, whatever else runs
            return 1
        n_shards, n_jobs = self.work.losses.size, self.problem.n_jobs
        return threads.worthwhile(self.flops, n_shards, n_jobs, n_rows / self.batch_size)

    def _take(
        self, call: Call, n: int, start: int, stop: int, team: np.ndarray, several: bool
    ) -> None:
        """Take the steps of these rows of n epochs."""
        began = time.perf_counter()
        call(n, start, stop, team if several else ALONE, *self.loops)
        if team is not ALONE and self.problem.n_jobs is None:
            self.pace.note(several, n * (stop - start), time.perf_counter() - began)

    @property
    def epochs_at_once(self) -> int:
        """Epochs that a call of the kernels takes; 0 while numbers of threads are tried."""
        return self._at_once if self.is_decided or self.pace.is_settled() else 0

    def epochs(self, begin: Callable[[int], None], learning_rates: list[float]) -> None:
        """Take the steps of whole epochs in one call of the kernels."""
        n, rows = len(learning_rates), self.problem.rows
        if not 0 < n <= self.epochs_at_once:
            raise ValueError(f"A call takes 1 to {self.epochs_at_once} epochs here, got {n}.")
        if n > len(self.many.orders):
            self.many, self.take_many = self._calls_of(np.empty((n, rows.size), np.int64))
        self.many.rates[:n] = learning_rates
        for i in range(n):
            begin(i)
            self.many.orders[i] = rows
        with threads.team(self._n_threads(n * rows.size)) as team:
            several = team is not ALONE and (self.problem.n_jobs is not None or self.pace.faster())
            self._take(self.take_many, n, 0, rows.size, team, several)

    def epoch_losses(self, n: int) -> np.ndarray:
        """Give the sums of losses of the first n epochs of the last call."""
        return self.many.losses[:n]

    def _rows_per_call(self) -> int:
        network, batch = self.problem.network, self.batch_size
        update = UPDATE_FLOPS * network.params.size + STEP_FLOPS
        n_rows = rows_at_once(network.units, passes=3)
        return batch * max(1, int(1 / (batch / n_rows + update / MAX_FLOPS_PER_CALL)))

    def gradient(self, rows: np.ndarray) -> Gradient:
        """Give the gradient of a mini-batch of these rows of the data, as the next step's."""
        self._check_rows(rows)
        fixed = (self.sample, self.layers, self.backward, self.work)
        n_threads = 1
        if not self.is_small:
            flops, n_jobs = bind.flops(self.problem, rows.size), self.problem.n_jobs
            n_threads = threads.worthwhile(flops, self.work.losses.size, n_jobs)
        step, said = int(self.solver.progress[STEPS]) + 1, np.empty(2)
        with threads.team(n_threads) as team:
            batch_gradient = Call(epoch.batch_gradient, self.dtypes, *fixed)
            batch_gradient(self.params, rows, step, team, self.loops[0], said)
        loss, weight = said.tolist()
        return Gradient(loss, weight, self.work.gradients[0, : self.params.size])

    def _check_rows(self, rows: np.ndarray) -> None:
        """Refuse rows that the workspace has no room for, or that there are not."""
        n_rows = self.problem.data.X.shape[0]
        if rows.size > self.batch_size:
            raise ValueError(
                f"A mini-batch has at most {self.batch_size} rows here, got {rows.size}: ask for "
                "a stepper of a larger batch_size."
            )
        if rows.size and not 0 <= rows.min() <= rows.max() < n_rows:
            raise ValueError(f"rows have to be from 0 to {n_rows - 1}, as many as the data has.")

    def update(self, gradient: np.ndarray, learning_rate: float) -> None:
        """Take the next step with a gradient of shape (n_parameters,)."""
        if gradient.shape != self.params.shape:
            raise ValueError(
                f"The gradient has the shape {gradient.shape}, and the parameters "
                f"{self.params.shape}."
            )
        self.optimizer.hyper[0] = learning_rate
        self.work.gradients[0, : self.params.size] = gradient
        Call(epoch.apply_gradient, self.dtypes, self.params, self.optimizer, self.work)()

    def regularize(self, share: float) -> None:
        """Take this share of the problem's dropout and weight decay from the next step on."""
        self.layers.dropout[:] = share * self.full[0]
        self.optimizer.decays[:] = share * self.full[1]

    def last_gradient(self) -> np.ndarray:
        """Give the last mini-batch's gradient by all parameters."""
        return self.work.gradients[0]
