"""L-BFGS: training on all rows at once, by SciPy's search and the kernels' gradient."""

import time
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import scipy.optimize
from scipy.optimize import OptimizeResult
from sklearn.utils.optimize import _check_optimize_result

from fastnn import threads
from fastnn.callbacks import EpochTasks
from fastnn.history import History
from fastnn.kernels import epoch
from fastnn.pace import Pace
from fastnn.training import DivergenceError, Rules, Task, gradient_norms, time_is_over


class _TimeIsOverError(Exception):
    """Ends SciPy's search."""


def minimize(
    task: Task,
    rules: Rules,
    max_fun: int,
    history: History,
    judge: Callable[[History], float | None] | None = None,
    tasks: EpochTasks | None = None,
) -> Callable[[], None]:
    """Train by L-BFGS-B on all rows at once (Byrd, Lu, Nocedal and Zhu, 1995; SciPy's).

    Parameters
    ----------
    task : Task
        What is trained on what; its network in float64, whatever the data.
    rules : Rules
        `tol` is the largest element of the projected gradient at which to stop.
    max_fun : int
        Limit of evaluations of the loss.
    history : History
        Is added to.
    judge : callable or None
        As for `Training`; here it only records.
    tasks : EpochTasks or None
        Is told of each iteration, and may ask to stop.

    Returns
    -------
    warn : callable
        Gives the warnings that are due, once the weights are safe.
    """
    work, last = task.workspace(task.rows.size), task.network.params.copy()
    best: np.ndarray | None = None
    layers, steps = task.prepared(work)
    n_shards, began, pace = work.losses.size, time.perf_counter(), Pace()

    def loss_and_gradient(params: np.ndarray) -> tuple[float, np.ndarray]:
        if rules.max_time is not None and time.perf_counter() - began > rules.max_time:
            raise _TimeIsOverError
        with threads.team(task.threads(task.rows.size, n_shards)) as team:
            several, since = team is not None, time.perf_counter()
            if team is not None and task.n_jobs is None:
                several, _ = pace.choose()
                threads.use(team if several else 1)
            loss = epoch.full_gradient(task.sample, task.rows, layers, params, steps, work, team)
            if team is not None:
                pace.note(several, 1, time.perf_counter() - since)
        return loss, work.gradients[0].copy()

    def keep(intermediate_result: OptimizeResult) -> None:
        nonlocal best
        last[:], history.loss = intermediate_result.x, np.float64(intermediate_result.fun)
        history.n_iter += 1
        history.loss_curve.append(history.loss)
        if rules.verbose:
            print(f"Iteration {history.n_iter}, loss = {history.loss:.8f}")
        task.network.params[:] = last
        score = None if judge is None else judge(history)
        if score is not None and history.note_score(score) and rules.restore_best:
            best = last.copy()
        if tasks and tasks.end_epoch(partial(gradient_norms, task.network, work)):
            raise StopIteration
        if tasks and history.n_iter < rules.max_iter:
            tasks.begin_epoch()

    if tasks:
        tasks.begin_epoch()
    try:
        result = scipy.optimize.minimize(
            loss_and_gradient,
            last.copy(),
            method="L-BFGS-B",
            jac=True,
            callback=keep,
            options={"maxfun": max_fun, "maxiter": rules.max_iter, "gtol": rules.tol},
        )
    except (KeyboardInterrupt, _TimeIsOverError) as stop:
        task.network.params[:] = last if best is None else best
        told: tuple[str, type[Warning]] = ("Training interrupted by user.", UserWarning)
        if isinstance(stop, _TimeIsOverError):
            told = time_is_over(rules)
        return lambda: warnings.warn(*told, stacklevel=4)
    task.network.params[:] = result.x if best is None else best
    history.loss = np.float64(result.fun)
    history.n_iter = min(result.nit, rules.max_iter)
    if not task.network.is_finite():
        raise DivergenceError
    return lambda: _check_optimize_result("lbfgs", result, rules.max_iter)
