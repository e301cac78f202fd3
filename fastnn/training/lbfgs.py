"""L-BFGS: training on all rows at once, by SciPy's search and the engine's gradient."""

from collections.abc import Callable

import numpy as np
import scipy.optimize
from scipy.optimize import OptimizeResult
from sklearn.exceptions import ConvergenceWarning

from fastnn.engine.base import Objective
from fastnn.network import Network
from fastnn.training.clock import Clock, TimeIsOverError
from fastnn.training.history import History
from fastnn.training.loop import DivergenceError, Watcher, diverged
from fastnn.training.settings import Settings


class Minimization:
    """Training by L-BFGS-B on all rows at once (Byrd, Lu, Nocedal and Zhu, 1995; SciPy's).

    Parameters
    ----------
    network : Network
        Is trained in place; in float64, whatever the data.
    objective : Objective
        Its loss.
    settings : Settings
        `tol` is the largest element of the projected gradient at which to stop, and `max_fun` the
        largest number of evaluations.
    history : History
        Is added to.
    clock : Clock
        Ends it.
    judge : callable or None
        As for `fastnn.training.loop.Training`; here it only records.
    watcher : Watcher or None
        Is told of each iteration, and may ask to stop.
    """

    def __init__(
        self,
        network: Network,
        objective: Objective,
        settings: Settings,
        history: History,
        clock: Clock,
        judge: Callable[[History], float | None] | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        self.network, self.objective, self.settings = network, objective, settings
        self.history, self.clock, self.judge, self.watcher = history, clock, judge, watcher
        self.last = network.params.copy()  # by iteration, not by evaluation
        self.best: np.ndarray | None = None
        self.error: StopIteration | None = None  # of a user's callback or scorer

    def run(self) -> None:
        """Train, until the search, a callback, the clock or the user says to stop.

        Raises
        ------
        DivergenceError
            If the weights are not finite.
        """
        history, settings = self.history, self.settings
        options = {"maxfun": settings.max_fun, "maxiter": settings.max_iter, "gtol": settings.tol}
        if self.watcher:
            self.watcher.begin_epoch()
        try:
            result = scipy.optimize.minimize(
                self._loss,
                self.last.copy(),
                method="L-BFGS-B",
                jac=self._gradient,
                callback=self._keep,
                options=options,
            )
        except (KeyboardInterrupt, TimeIsOverError) as stop:
            self.network.params[:] = self.last if self.best is None else self.best
            history.warning = self.clock.warning(stop, resumes=False)
            return
        if self.error is not None:
            raise self.error
        self.network.params[:] = result.x if self.best is None else self.best
        history.loss = np.float64(result.fun)
        history.n_iter = min(result.nit, settings.max_iter)
        if not self.network.is_finite():
            raise DivergenceError
        if not np.isfinite(result.fun):
            history.warning = diverged(f"the last loss is {result.fun}")
        elif result.status != 0:
            history.warning = _not_converged(result, settings.max_iter), ConvergenceWarning

    def _loss(self, params: np.ndarray) -> float:
        self.network.params[:] = params
        return self.objective.gradient(self.clock.check).loss

    def _gradient(self, params: np.ndarray) -> np.ndarray:
        """Give the gradient where SciPy has just asked for the loss: it asks for both in turn.

        Given by one function, they would be remembered in copies that are compared twice.
        """
        return self.objective.last_gradient()

    def _keep(self, intermediate_result: OptimizeResult) -> None:
        """Note what an iteration has brought; SciPy stops at a StopIteration, and tells nobody."""
        try:
            stops = self._iteration(intermediate_result)
        except StopIteration as error:
            self.error = error
            raise
        if stops:
            raise StopIteration

    def _iteration(self, result: OptimizeResult) -> bool:
        """Note what an iteration has brought; returns whether to stop."""
        history, mark = self.history, self.history.mark()
        try:
            self._record(result.x, result.fun)
        except BaseException:  # an interrupt leaves no half of a record
            history.rewind(mark)
            raise
        if self.watcher and self.watcher.end_epoch(self._gradient_norms):
            return True
        if self.watcher and history.n_iter < self.settings.max_iter:
            self.watcher.begin_epoch()
        return False

    def _record(self, params: np.ndarray, loss: float) -> None:
        history = self.history
        history.loss = np.float64(loss)
        history.n_iter += 1
        history.loss_curve.append(history.loss)
        if self.settings.verbose:
            print(f"Iteration {history.n_iter}, loss = {history.loss:.8f}")
        self.network.params[:] = params
        score = None if self.judge is None else self.judge(history)
        if score is not None and history.note_score(score) and self.settings.restore_best:
            self.best = params.copy()
        self.last[:] = params

    def _gradient_norms(self) -> list[float]:
        return self.network.layer_norms(self.objective.last_gradient())


def _not_converged(result: OptimizeResult, max_iter: int) -> str:
    """Say what scikit-learn says of a search that has not converged."""
    n_iter = min(result.nit, max_iter)
    told = (
        f"lbfgs failed to converge after {n_iter} iteration(s) (status={result.status}):\n"
        f"{result.message}\n"
    )
    if n_iter == max_iter:
        told += (
            f"\nIncrease the number of iterations to improve the convergence (max_iter={max_iter})."
        )
    return told + (
        "\nYou might also want to scale the data as shown in:\n"
        "    https://scikit-learn.org/stable/modules/preprocessing.html"
    )
