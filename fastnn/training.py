"""Training: the loop over epochs, and L-BFGS. Decisions stand here, arithmetic in the kernels."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import scipy.optimize
from scipy.optimize import OptimizeResult
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.fixes import _get_additional_lbfgs_options_dict
from sklearn.utils.optimize import _check_optimize_result

from fastnn import threads
from fastnn.callbacks import EpochTasks
from fastnn.kernels.arguments import Layers, Sample, Workspace
from fastnn.kernels.epoch import ROWS_PER_SHARD, full_gradient, train_steps
from fastnn.kernels.updates import BLOCK, SOLVERS
from fastnn.network import Network
from fastnn.solvers import SGD, Adam
from fastnn.workspace import training_workspace

# Kernels cannot be interrupted: a call does no more work than this, about a tenth of a second.
MAX_FLOPS_PER_CALL = 5e9

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
    layers : Layers
        The network as the kernels see it.
    sample : Sample
        The data.
    rows : ndarray of int64
        Rows of the sample to train on.
    alpha : float
        Strength of the penalty on squared weights.
    """

    network: Network
    layers: Layers
    sample: Sample
    rows: np.ndarray
    alpha: float

    def workspace(self, batch_rows: int) -> Workspace:
        """Memory for mini-batches of this many rows."""
        network, is_sparse = self.network, self.sample.columns is not None
        params = network.params
        return training_workspace(
            network.units, params.size, batch_rows, ROWS_PER_SHARD, BLOCK, params.dtype, is_sparse
        )

    def flops(self, n_rows: int) -> float:
        """Floating-point operations of a step: forward, and twice that backward."""
        return 6.0 * self.network.n_weights * n_rows


@dataclass(frozen=True)
class Rules:
    """When to stop, and how to go through the data. Parameters of the estimators."""

    batch_size: int
    max_iter: int
    tol: float
    n_iter_no_change: float
    shuffle: bool
    early_stopping: bool
    verbose: bool


@dataclass
class History:
    """What training has recorded so far, over earlier fits too where they go on (warm start)."""

    n_iter: int = 0
    rows_seen: int = 0
    loss: float | None = None
    loss_curve: list[float] = field(default_factory=list)
    best_loss: float | None = None
    validation_scores: list[float] = field(default_factory=list)
    best_validation_score: float | None = None
    no_improvement_count: int = 0
    warning: tuple[str, type[Warning]] | None = None

    def record_loss(self, loss: float, tol: float) -> None:
        """Note an epoch's loss where the loss decides on stopping."""
        best = math.inf if self.best_loss is None else self.best_loss
        self.no_improvement_count = self.no_improvement_count + 1 if loss > best - tol else 0
        self.best_loss = loss if loss < best else best

    def record_score(self, score: float, tol: float) -> bool:
        """Note an epoch's validation score where that decides; returns whether it is the best."""
        best = -math.inf if self.best_validation_score is None else self.best_validation_score
        self.validation_scores.append(score)
        self.no_improvement_count = self.no_improvement_count + 1 if score < best + tol else 0
        self.best_validation_score = score if score > best else best
        return score > best


def train(
    task: Task,
    solver: SGD | Adam,
    solver_name: str,
    rules: Rules,
    history: History,
    random_state: np.random.RandomState,
    score: Callable[[], float] | None,
    best: np.ndarray | None,
    tasks: EpochTasks | None,
    one_epoch: bool = False,
) -> None:
    """Train by mini-batches until the loss or score no longer improves.

    Parameters
    ----------
    task : Task
        What is trained on what.
    solver : SGD or Adam
        Takes the steps.
    solver_name : {"sgd", "adam"}
        Name of the solver's kernel.
    rules : Rules
        When to stop.
    history : History
        Is added to.
    random_state : RandomState
        Draws the order of rows.
    score : callable or None
        Gives the validation score; None where the training loss decides.
    best : ndarray of shape (n_parameters,) or None
        Best parameters so far; None where they are the present ones.
    tasks : EpochTasks or None
        Is told of each epoch, and may ask to stop.
    one_epoch : bool, default=False
        Whether to stop after one epoch, without a warning, as `partial_fit` does.

    Raises
    ------
    DivergenceError
        If the weights are no longer finite.
    """
    params, work, order = task.network.params, task.workspace(rules.batch_size), task.rows
    history.n_iter = 0
    try:
        while history.n_iter < rules.max_iter:
            if tasks:
                tasks.begin_epoch()
            if rules.shuffle:
                order = order[_permutation(order.size, random_state)]
            history.loss = _epoch(task, solver, SOLVERS[solver_name], order, rules, work)
            history.n_iter += 1
            history.rows_seen += order.size
            history.loss_curve.append(history.loss)
            _tell(rules, f"Iteration {history.n_iter}, loss = {history.loss:.8f}")
            if score is None:
                history.record_loss(history.loss, rules.tol)
                _stop_if_diverged(task.network, history.loss)
            elif history.record_score(_scored(score, rules), rules.tol):
                best = params.copy()
            solver.epoch_ends(history.rows_seen)
            stop_asked = tasks.end_epoch(history) if tasks else False
            if _stops(solver, rules, history) or stop_asked or one_epoch:
                break
        else:
            history.warning = (
                f"Stochastic Optimizer: Maximum iterations ({rules.max_iter}) reached and the "
                "optimization hasn't converged yet.",
                ConvergenceWarning,
            )
    except KeyboardInterrupt:
        history.warning = "Training interrupted by user.", UserWarning
    if score is not None and best is not None:
        params[:] = best
    if not task.network.is_finite():
        raise DivergenceError


def _epoch(
    task: Task, solver: SGD | Adam, code: int, order: np.ndarray, rules: Rules, work: Workspace
) -> float:
    """Take one step for each mini-batch of `order`; returns the mean loss of its rows."""
    batch, flops = rules.batch_size, task.flops(rules.batch_size)
    rows_per_call = batch * max(1, int(MAX_FLOPS_PER_CALL / flops))
    loss, n_shards = 0.0, work.losses.size
    for start in range(0, order.size, rows_per_call):
        rows = order[start : start + rows_per_call]
        with threads.team(threads.worthwhile(flops, n_shards)) as team:
            part, solver.steps = train_steps(
                task.sample,
                rows,
                batch,
                solver.steps,
                task.layers,
                task.network.params,
                solver.arguments(code),
                float(task.alpha),
                work,
                team,
            )
        loss += part
    return np.float64(loss / order.size)  # the type that scikit-learn records


def _permutation(n: int, random_state: np.random.RandomState) -> np.ndarray:
    """Draw what `sklearn.utils.shuffle` would draw."""
    order = np.arange(n)
    random_state.shuffle(order)
    return order


def _tell(rules: Rules, line: str) -> None:
    if rules.verbose:
        print(line)


def _scored(score: Callable[[], float], rules: Rules) -> float:
    value = score()
    _tell(rules, f"Validation score: {value:f}")
    return value


def _stop_if_diverged(network: Network, loss: float) -> None:
    """Raise at once: weights that are not finite never come back."""
    if not math.isfinite(loss) and not network.is_finite():
        raise DivergenceError


def _stops(solver: SGD | Adam, rules: Rules, history: History) -> bool:
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
    _tell(rules, f"{what} more than {epochs} {answer}")
    if not stop:
        history.no_improvement_count = 0
    return stop


def minimize(
    task: Task,
    max_iter: int,
    max_fun: int,
    tol: float,
    verbose: bool,
    history: History,
    tasks: EpochTasks | None,
) -> Callable[[], None]:
    """Train by L-BFGS-B on all rows at once (Byrd, Lu, Nocedal and Zhu, 1995; SciPy's).

    Parameters
    ----------
    task : Task
        What is trained on what; its network in float64, whatever the data.
    max_iter, max_fun : int
        Limits of iterations and of evaluations of the loss.
    tol : float
        Largest element of the projected gradient at which to stop.
    verbose : bool
        Whether SciPy prints.
    history : History
        Is added to.
    tasks : EpochTasks or None
        Is told of each iteration, and may ask to stop.

    Returns
    -------
    warn : callable
        Gives the warnings that are due, once the weights are safe.
    """
    work, last = task.workspace(task.rows.size), task.network.params.copy()
    n_shards, flops = work.losses.size, task.flops(task.rows.size)

    def loss_and_gradient(params: np.ndarray) -> tuple[float, np.ndarray]:
        with threads.team(threads.worthwhile(flops, n_shards)) as team:
            loss = full_gradient(
                task.sample, task.rows, task.layers, params, float(task.alpha), work, team
            )
        return loss, work.gradients[0].copy()

    def keep(intermediate_result: OptimizeResult) -> None:
        last[:], history.loss = intermediate_result.x, np.float64(intermediate_result.fun)
        history.n_iter += 1
        if tasks and tasks.end_epoch(history):
            raise StopIteration
        if tasks and history.n_iter < max_iter:
            tasks.begin_epoch()

    history.n_iter = 0
    if tasks:
        tasks.begin_epoch()
    try:
        result = scipy.optimize.minimize(
            loss_and_gradient,
            task.network.params,
            method="L-BFGS-B",
            jac=True,
            callback=keep,
            options={
                "maxfun": max_fun,
                "maxiter": max_iter,
                "gtol": tol,
                **_get_additional_lbfgs_options_dict("iprint", 1 if verbose else -1),
            },
        )
    except KeyboardInterrupt:
        task.network.params[:] = last
        return lambda: warnings.warn("Training interrupted by user.", stacklevel=4)
    task.network.params[:], history.loss = result.x, np.float64(result.fun)
    history.n_iter = min(result.nit, max_iter)
    if not task.network.is_finite():
        raise DivergenceError
    return lambda: _check_optimize_result("lbfgs", result, max_iter)
