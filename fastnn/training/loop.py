"""Training: the loop over epochs. Decisions stand here, arithmetic in the kernels."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fastnn.callbacks import EpochTasks, layer_norm
from fastnn.compiling.language import Call, address_of
from fastnn.engine import threads
from fastnn.engine.bind import keeps_slopes, kind_of, with_gradient
from fastnn.engine.pace import Pace
from fastnn.engine.workspace import training_workspace
from fastnn.kernels import epoch, updates
from fastnn.kernels.arguments import LOSS, ROWS, Layers, Sample, Steps, Workspace
from fastnn.kernels.arguments import Solver as SolverArguments
from fastnn.kernels.normalization import NORMALIZATIONS, track
from fastnn.network import Architecture, Network
from fastnn.training.clock import MAX_FLOPS_PER_CALL, Clock, TimeIsOverError, rows_at_once
from fastnn.training.history import History
from fastnn.training.solvers import Solver

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)


class DivergenceError(ValueError):
    """Weights are no longer finite."""

    def __init__(self) -> None:
        super().__init__(NOT_FINITE)


@dataclass(frozen=True)
class Task:
    """What is trained on what: a network, its data, and the rows that train it.

    Attributes
    ----------
    network : Network
        Its parameters change in place.
    architecture : Architecture
        What its layers compute.
    layers : Layers
        The network as the kernels see it.
    sample : Sample
        The data.
    rows : ndarray of int64
        Rows of the sample to train on. Training by mini-batches shuffles them.
    alpha : float
        Strength of the penalty on squared weights.
    max_norm : float or None
        Largest norm of a gradient.
    n_jobs : int or None
        Threads that the user asks for.
    """

    network: Network
    architecture: Architecture
    layers: Layers
    sample: Sample
    rows: np.ndarray
    alpha: float
    max_norm: float | None = None
    n_jobs: int | None = None

    @property
    def keeps_moments(self) -> bool:
        """Whether layers are normalized by the moments of a shard, which predictions lack."""
        kind = self.architecture.normalization
        return kind is not None and NORMALIZATIONS[kind].keeps_moments

    def workspace(
        self, batch_rows: int, rows_per_shard: int = epoch.ROWS_PER_SHARD, adds: bool = False
    ) -> Workspace:
        """Memory for mini-batches of this many rows."""
        params = self.network.params
        return training_workspace(
            self.network.units,
            params.size,
            batch_rows,
            rows_per_shard,
            updates.BLOCK,
            params.dtype,
            sparse=self.sample.columns is not None,
            slopes=keeps_slopes(self.architecture),
            normalized=self.architecture.normalization is not None,
            whole_shards=self.keeps_moments,
            adds=adds,
        )

    def prepared(self, work: Workspace) -> tuple[Layers, Steps]:
        """Give what the kernels of a step are called with; those not compiled yet are compiled."""
        params, dtype = self.network.params, self.network.params.dtype
        layers = with_gradient(self.layers, self.sample, params, work)
        data = kind_of(self.sample, params)
        shard = (0, 1, 0, self.sample, self.rows, 0, layers, params, work)
        return layers, Steps(
            shard_gradient=address_of(epoch.shard_gradient, data, *shard),
            track=track.address(dtype) if self.keeps_moments else 0,
            combine=updates.combine_block.address(dtype),
            clipped_update=0 if self.max_norm is None else updates.clipped_update.address(dtype),
            step=updates.step_block.address(dtype),
            alpha=float(self.alpha),
            max_norm=math.inf if self.max_norm is None else float(self.max_norm),
        )

    def shard_loop(self, several: bool, layers: Layers, steps: Steps, work: Workspace) -> int:
        """Address of the loop over shards, for one thread or several."""
        params, data = self.network.params, kind_of(self.sample, self.network.params)
        arguments = (1, 0, self.sample, self.rows, 0, layers, params, steps.shard_gradient, work)
        return address_of(epoch.SHARD_LOOPS[several], data, *arguments)

    def flops(self, n_rows: int) -> float:
        """Floating-point operations of a step: forward, and twice that backward."""
        return 6.0 * self.network.n_weights * n_rows

    def threads(self, n_rows: int, n_shards: int, n_steps: float = 1) -> int:
        """Threads that pay for some steps."""
        return threads.worthwhile(self.flops(n_rows), n_shards, self.n_jobs, n_steps)


@dataclass(frozen=True)
class Rules:
    """When to stop, and how to go through the data. Parameters of the estimators."""

    batch_size: int
    max_iter: int
    tol: float
    n_iter_no_change: float
    shuffle: bool
    early_stopping: bool
    restore_best: bool
    one_epoch: bool  # of partial_fit, which ends without a warning
    verbose: bool


class Training:
    """One fit by mini-batches, until the loss or score no longer improves.

    Parameters
    ----------
    task : Task
        What is trained on what.
    solver : Solver
        Takes the steps.
    rules : Rules
        When to stop.
    history : History
        Is added to.
    random_state : RandomState
        Draws the order of rows.
    clock : Clock
        Ends it.
    judge : callable or None
        Called after each epoch with the history, to which it adds losses and scores of validation
        rows and of training rows that are to be scored; returns what early stopping goes by, the
        greater the better, None without validation rows. None where there is nothing to judge.
    tasks : EpochTasks or None
        Is told of each epoch, and may ask to stop.
    """

    def __init__(
        self,
        task: Task,
        solver: Solver,
        rules: Rules,
        history: History,
        random_state: np.random.RandomState,
        clock: Clock,
        judge: Callable[[History], float | None] | None = None,
        tasks: EpochTasks | None = None,
    ) -> None:
        self.task = task
        self.solver = solver
        self.rules = rules
        self.history = history
        self.random_state = random_state
        self.clock = clock
        self.judge = judge
        self.tasks = tasks
        self.best: tuple[np.ndarray, np.ndarray] | None = None  # params and running moments
        self.initial: tuple[np.ndarray, np.ndarray] | None = None  # where no epoch is the best
        self.order = task.rows
        self.pace = Pace()
        self.work = task.workspace(rules.batch_size)
        self.layers, self.steps = task.prepared(self.work)
        self.arguments = self._solver_arguments()
        self.rows_per_call = self._rows_per_call()
        flops = task.flops(rules.batch_size)
        self.is_small = task.n_jobs is None and flops < threads.LEAST_FLOPS  # whatever else runs
        fixed = (task.sample, self.order, rules.batch_size, self.layers, task.network.params)
        self.train_steps = Call(
            epoch.train_steps,
            kind_of(task.sample, task.network.params),
            *(*fixed, self.arguments, self.steps, self.work),
        )
        self.loops: dict[bool, tuple[int, int]] = {}  # addresses, by whether on several threads

    def skip(self, n_epochs: int) -> None:
        """Bring the order of rows to where it is after so many epochs."""
        if self.rules.shuffle:
            for _ in range(n_epochs):
                self._shuffle()

    def run(self) -> None:
        """Train, until a rule, a callback, the clock or the user says to stop."""
        history, solver = self.history, self.solver
        marks = history.mark(), solver.mark()
        self.clock.waits = solver.progress[ROWS] == self.order.size  # for a record cut short before
        try:
            while history.n_iter < self.rules.max_iter:
                marks = history.mark(), solver.mark()
                self._epoch()
                stops = self._record()
                self.clock.waits = False
                if stops or self.rules.one_epoch:
                    break
                self.clock.check()
            else:
                history.warning = (
                    f"Stochastic Optimizer: Maximum iterations ({self.rules.max_iter}) reached and "
                    "the optimization hasn't converged yet.",
                    ConvergenceWarning,
                )
        except (KeyboardInterrupt, TimeIsOverError) as stop:
            if solver.progress[ROWS] == self.order.size:  # in the midst of an epoch's record
                history.rewind(marks[0])
                solver.rewind(marks[1])
            history.warning = self.clock.warning(stop)

    def _epoch(self) -> None:
        """Take one step for each mini-batch that is left of the epoch."""
        progress, n = self.solver.progress, self.order.size
        if self.tasks:
            self.tasks.begin_epoch()
        if self.rules.shuffle:
            self._shuffle()
        self.solver.epoch_begins()
        self.arguments.hyper[0] = self.solver.base_rate
        while (start := int(progress[ROWS])) < n:
            self._some_steps(start)  # some at least, so that fits cut short come to an end
            if progress[ROWS] < n:
                self.clock.check()

    def _shuffle(self) -> None:
        """Draw the next order of rows from the last, in place.

        The same exchanges of places give scikit-learn's order, which is that of the last epoch
        indexed by a shuffled range.
        """
        self.random_state.shuffle(self.order)

    def _some_steps(self, start: int) -> None:
        """Go on from a row of the epoch, as far as a call of the kernels may go."""
        batch, call = self.rules.batch_size, self.rows_per_call
        n_threads = 1
        if not self.is_small:
            n_steps = min(call, self.order.size - start) / batch
            n_threads = self.task.threads(batch, self.work.losses.size, n_steps)
        if n_threads == 1:
            self._call_kernels(start, call, False)
            return
        with threads.team(n_threads) as team:
            if team is None or self.task.n_jobs is not None:
                self._call_kernels(start, call, team is not None)
                return
            several, rows = self.pace.choose()
            call = min(call, max(1, round(rows / batch)) * batch)
            self.pace.note(several, *self._call_kernels(start, call, several))

    def _call_kernels(self, start: int, n_rows: int, several: bool) -> tuple[int, float]:
        """Take the steps of some rows; returns how many these were, and the seconds it took."""
        stop = min(start + n_rows, self.order.size)
        if several not in self.loops:
            self.loops[several] = self._loops(several)
        began = time.perf_counter()
        self.train_steps(start, stop, *self.loops[several])
        return stop - start, time.perf_counter() - began

    def _loops(self, several: bool) -> tuple[int, int]:
        task, params = self.task, self.task.network.params
        shards = task.shard_loop(several, self.layers, self.steps, self.work)
        arguments = (0, 0.0, 0.0, 0, params, self.arguments, self.steps, self.work)
        blocks = address_of(epoch.BLOCK_LOOPS[several], params.dtype, *arguments)
        return shards, blocks

    def _rows_per_call(self) -> int:
        network, batch = self.task.network, self.rules.batch_size
        update = 30 * network.params.size + 1e5  # and a step's overhead
        n_rows = rows_at_once(network.units, passes=3)
        return batch * max(1, int(1 / (batch / n_rows + update / MAX_FLOPS_PER_CALL)))

    def _record(self) -> bool:
        """Note what an epoch has brought; returns whether to stop."""
        history, rules, n = self.history, self.rules, self.order.size
        history.loss = np.float64(self.solver.progress[LOSS] / n)  # the type scikit-learn records
        history.n_iter += 1
        history.rows_seen += n
        history.loss_curve.append(history.loss)
        history.learning_rates.append(self.solver.base_rate)
        if rules.verbose:
            print(f"Iteration {history.n_iter}, loss = {history.loss:.8f}")
        score = None if self.judge is None else self.judge(history)
        if rules.early_stopping and score is not None:
            if rules.verbose:
                print(f"Validation score: {score:f}")
            is_best = history.record_score(score, rules.tol)
        else:
            is_best = history.record_loss(history.loss, rules.tol)
            if score is not None:
                is_best = history.note_score(score)
            _stop_if_diverged(self.task.network, history.loss)
        if rules.restore_best and is_best:
            self.best = self.copies()
        self.solver.epoch_ends(history.rows_seen)
        stops = _stops(self.solver, rules, history)
        if self.tasks:
            norms = partial(gradient_norms, self.task.network, self.work)
            stops = self.tasks.end_epoch(norms) or stops
        self.solver.epoch_is_recorded()
        return stops

    def copies(self) -> tuple[np.ndarray, np.ndarray]:
        """Copy the parameters and the running moments."""
        return self.task.network.params.copy(), self.task.network.running.copy()

    def finish(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Put the best weights in place; returns the last ones, None where nothing changed.

        Where no epoch has a score that is a number, the last weights stay, if they are finite.

        Raises
        ------
        DivergenceError
            If the weights are not finite.
        """
        last, network = None, self.task.network
        is_finite = network.is_finite()
        best = self.initial if self.best is None and not is_finite else self.best
        if self.rules.restore_best and best is not None:
            last = self.copies()
            network.params[:], network.running[:] = best
            is_finite = network.is_finite()
        if not is_finite:
            raise DivergenceError
        return last

    def _solver_arguments(self) -> SolverArguments:
        solver, dtype = self.solver, self.task.network.params.dtype
        update = updates.update_of(solver.name, with_amsgrad=len(solver.state) > 2)
        return SolverArguments(
            prepare=update.rates.address(dtype),
            update=update.update.address(dtype),
            state=solver.state,
            progress=solver.progress,
            hyper=np.array([solver.base_rate, *solver.hyper.values()]),
            rates=np.zeros(5),
            weight_decay=float(solver.weight_decay),
        )


def gradient_norms(network: Network, work: Workspace) -> list[float]:
    """Norm of each layer's last gradient, weights and biases together."""
    gradient = Network(network.units, work.gradients[0])
    return list(map(layer_norm, gradient.coefs, gradient.intercepts))


def _stop_if_diverged(network: Network, loss: float) -> None:
    """Raise at once: weights that are not finite never come back."""
    if not math.isfinite(loss) and not network.is_finite():
        raise DivergenceError


def _stops(solver: Solver, rules: Rules, history: History) -> bool:
    """Whether too many epochs have gone by without improvement, and the solver agrees."""
    if history.no_improvement_count <= rules.n_iter_no_change:
        return False
    what = (
        "Validation score did not improve"
        if rules.early_stopping
        else "Training loss did not improve"
    )
    stop, answer = solver.on_plateau()
    epochs = f"tol={rules.tol:f} for {rules.n_iter_no_change:d} consecutive epochs."
    if rules.verbose:
        print(f"{what} more than {epochs} {answer}")
    if not stop:
        history.no_improvement_count = 0
    return stop
