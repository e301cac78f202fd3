"""L-BFGS: training on all rows at once, by SciPy's search and the kernels' gradient."""

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import scipy.optimize
from scipy.optimize import OptimizeResult
from sklearn.utils.optimize import _check_optimize_result

from fastnn.callbacks import EpochTasks
from fastnn.training.clock import Clock, TimeIsOverError
from fastnn.training.history import History
from fastnn.training.loop import DivergenceError, Rules, Task, gradient_norms
from fastnn.training.objective import Objective


def minimize(
    task: Task,
    rules: Rules,
    max_fun: int,
    history: History,
    clock: Clock,
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
    clock : Clock
        Ends it.
    judge : callable or None
        As for `Training`; here it only records.
    tasks : EpochTasks or None
        Is told of each iteration, and may ask to stop.

    Returns
    -------
    warn : callable
        Gives the warnings that are due, once the weights are safe.
    """
    objective, network = Objective(task, clock), task.network
    last, best = network.params.copy(), None

    def loss_and_gradient(params: np.ndarray) -> tuple[float, np.ndarray]:
        return objective(params), objective.gradient.copy()

    def record(params: np.ndarray, loss: float) -> None:
        nonlocal best
        history.loss = np.float64(loss)
        history.n_iter += 1
        history.loss_curve.append(history.loss)
        if rules.verbose:
            print(f"Iteration {history.n_iter}, loss = {history.loss:.8f}")
        network.params[:] = params
        score = None if judge is None else judge(history)
        if score is not None and history.note_score(score) and rules.restore_best:
            best = params.copy()
        last[:] = params

    def keep(intermediate_result: OptimizeResult) -> None:
        mark = history.mark()
        try:
            record(intermediate_result.x, intermediate_result.fun)
        except BaseException:  # an interrupt leaves no half of a record
            history.rewind(mark)
            raise
        if tasks and tasks.end_epoch(partial(gradient_norms, network, objective.work)):
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
    except (KeyboardInterrupt, TimeIsOverError) as stop:
        network.params[:] = last if best is None else best
        told = clock.warning(stop, resumes=False)
        return lambda: warnings.warn(*told, stacklevel=6)
    network.params[:] = result.x if best is None else best
    history.loss = np.float64(result.fun)
    history.n_iter = min(result.nit, rules.max_iter)
    if not network.is_finite():
        raise DivergenceError
    return lambda: _check_optimize_result("lbfgs", result, rules.max_iter)
