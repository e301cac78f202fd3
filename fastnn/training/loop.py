"""Training: the loop over epochs. Decisions stand here, arithmetic in the kernels."""

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fastnn.engine.base import Stepper
from fastnn.kernels.arguments import LOSS, ROWS
from fastnn.network import Network
from fastnn.training.clock import Clock, TimeIsOverError
from fastnn.training.history import History
from fastnn.training.order import Order
from fastnn.training.schedules import fading
from fastnn.training.settings import Settings
from fastnn.training.solvers import Solver

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)


class DivergenceError(ValueError):
    """Weights are no longer finite."""

    def __init__(self) -> None:
        super().__init__(NOT_FINITE)


def diverged(how: str) -> tuple[str, type[Warning]]:
    """Tell that training has diverged, and left weights that are finite all the same."""
    return (
        f"Training diverged: {how}. Scale the input data and the targets, or lower the learning "
        "rate.",
        ConvergenceWarning,
    )


class Watcher(Protocol):
    """Is told of each epoch, for a user's callbacks."""

    def begin_epoch(self) -> None:
        """Note that an epoch begins."""

    def end_epoch(self, gradient_norms: Callable[[], list[float]]) -> bool:
        """Note that it has ended; returns whether training is to stop."""


class Training:
    """One fit by mini-batches, until the loss or score no longer improves.

    Parameters
    ----------
    network : Network
        Is trained in place.
    stepper : Stepper
        Takes the steps.
    order : Order
        Of the rows that train, which the stepper goes through.
    solver : Solver
        What the stepper's optimizer remembers, and its learning rate.
    settings : Settings
        When to stop, among others.
    one_epoch : bool
        Whether it is a `partial_fit`, which ends without a warning.
    history : History
        Is added to.
    clock : Clock
        Ends it.
    judge : callable or None
        Called after each epoch with the history, to which it adds losses and scores of validation
        rows and of training rows that are to be scored; returns what early stopping goes by, the
        greater the better, None without validation rows. None where there is nothing to judge.
    watcher : Watcher or None
        Is told of each epoch, and may ask to stop.
    """

    def __init__(
        self,
        network: Network,
        stepper: Stepper,
        order: Order,
        solver: Solver,
        settings: Settings,
        one_epoch: bool,
        history: History,
        clock: Clock,
        judge: Callable[[History], float | None] | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        self.network, self.stepper, self.order = network, stepper, order
        self.solver, self.settings, self.one_epoch = solver, settings, one_epoch
        self.history, self.clock = history, clock
        self.judge, self.watcher = judge, watcher
        self.best: tuple[np.ndarray, np.ndarray] | None = None  # params and running moments
        self.is_watched = _is_watched(solver, settings) or one_epoch or bool(judge or watcher)
        self.at_once = 1  # epochs whose steps are taken before the first of them is recorded

    def run(self) -> None:
        """Train, until a rule, a callback, the clock or the user says to stop.

        Raises
        ------
        KeyboardInterrupt
            Of a `partial_fit`, whose loop is its user's; a fit ends with a warning.
        """
        history, solver = self.history, self.solver
        marks = history.mark(), solver.mark()
        self.clock.waits = solver.progress[ROWS] == self.order.size  # for a record cut short before
        try:
            while history.n_iter < self.settings.max_iter:
                marks = history.mark(), solver.mark()
                self.at_once = self._unwatched_epochs()
                if self.at_once == 1:
                    self._epoch()
                else:
                    self._epochs()
                stops = self._record()
                self.clock.waits = False
                if stops or self.one_epoch:
                    break
                self.clock.check()
            else:
                history.warning = (
                    f"Stochastic Optimizer: Maximum iterations ({self.settings.max_iter}) "
                    "reached and the optimization hasn't converged yet.",
                    ConvergenceWarning,
                )
        except DivergenceError:
            if not self.settings.restore_best or self.best is None:
                raise
            self._take_back(marks)
        except (KeyboardInterrupt, TimeIsOverError) as stop:
            if self.one_epoch and isinstance(stop, KeyboardInterrupt):
                raise  # for the loop of its user to end, too
            if solver.progress[ROWS] == self.order.size:  # in the midst of an epoch's record
                self._take_back(marks)
                if self.at_once > 1:  # there is no going back to the end of the first
                    self._record()
            history.warning = self.clock.warning(stop)
        else:
            if not math.isfinite(history.loss or 0):
                history.warning = diverged(f"the last loss is {history.loss}")

    def _take_back(self, marks: tuple) -> None:
        """Forget the epoch whose record is not whole."""
        self.history.rewind(marks[0])
        self.solver.rewind(marks[1])

    def _unwatched_epochs(self) -> int:
        """How many epochs pass before anyone looks or anything is decided; one at least."""
        settings, history = self.settings, self.history
        if self.is_watched or self.solver.progress[ROWS] != 0 or not self.clock.has_time():
            return 1
        before_plateau = settings.n_iter_no_change + 1 - history.no_improvement_count
        before_end = settings.max_iter - history.n_iter
        return max(1, int(min(self.stepper.epochs_at_once, before_end, before_plateau)))

    def _epochs(self) -> None:
        """Take the steps of several whole epochs."""
        n_iter, n_rows = self.history.n_iter, self.order.size
        rates = self.solver.rates_of(self.at_once, self.history.rows_seen, n_rows)
        self.stepper.epochs(lambda epoch: self.order.begin(n_iter + epoch), rates)

    def _epoch(self) -> None:
        """Take one step for each mini-batch that is left of the epoch."""
        progress, n = self.solver.progress, self.order.size
        if self.watcher:
            self.watcher.begin_epoch()
        self.order.begin(self.history.n_iter)
        self.solver.epoch_begins()
        if self.settings.fades:
            self.stepper.regularize(fading(self.history.n_iter, self.settings.max_iter))
        while (start := int(progress[ROWS])) < n:
            # Some at least, so that fits cut short come to an end.
            pieces, batch = self.solver.schedule.pieces, self.stepper.batch_size
            stop = -(-n * (start * pieces // n + 1) // pieces)
            stop = min(n, -(-stop // batch) * batch)  # a piece is of whole mini-batches
            self.stepper.steps(start, stop, self.solver.rate_within(start / n))
            if progress[ROWS] < n:
                self.clock.check()

    def _record(self) -> bool:
        """Note what has come of the steps; returns whether to stop."""
        stops = False
        if self.at_once == 1:
            stops = self._record_epoch(self.solver.progress[LOSS])
        else:
            for loss in self.stepper.epoch_losses(self.at_once):
                self.solver.epoch_begins()  # once more, for its learning rate
                stops = self._record_epoch(loss)
        self.solver.epoch_is_recorded()
        return stops

    def _record_epoch(self, sum_of_losses: np.float64) -> bool:
        """Note what an epoch has brought; returns whether to stop."""
        history, settings, n = self.history, self.settings, self.order.size
        history.loss = sum_of_losses / n
        history.n_iter += 1
        history.rows_seen += n
        history.loss_curve.append(history.loss)
        history.learning_rates.append(self.solver.base_rate)
        if settings.verbose:
            print(f"Iteration {history.n_iter}, loss = {history.loss:.8f}")
        _stop_if_diverged(self.network, history.loss)
        score = None if self.judge is None else self.judge(history)
        if settings.early_stopping and score is not None:
            if settings.verbose:
                print(f"Validation score: {score:f}")
            is_best = history.record_score(score, settings.tol)
        else:
            is_best = history.record_loss(history.loss, settings.tol)
            if score is not None:
                is_best = history.note_score(score)
        if settings.restore_best and is_best:
            self.best = self.copies()
        self.solver.epoch_ends(history.rows_seen)
        stops = _stops(self.solver, settings, history)
        if self.watcher:
            stops = self.watcher.end_epoch(self._gradient_norms) or stops
        return stops

    def copies(self) -> tuple[np.ndarray, np.ndarray]:
        """Copy the parameters and the running moments."""
        return self.network.params.copy(), self.network.running.copy()

    def finish(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Put the best weights in place; returns the last ones, None where nothing changed.

        Where no epoch has a score that is a number, the last weights stay, if they are finite.

        Raises
        ------
        DivergenceError
            If the weights are not finite.
        """
        last, network = None, self.network
        if self.settings.restore_best and self.best is not None:
            if not network.is_finite():
                self.history.warning = diverged("the weights are those of the best epoch before")
            last = self.copies()
            network.params[:], network.running[:] = self.best
        if not network.is_finite():
            raise DivergenceError
        return last

    def _gradient_norms(self) -> list[float]:
        return self.network.layer_norms(self.stepper.last_gradient())


def _is_watched(solver: Solver, settings: Settings) -> bool:
    """Whether something beside the rates of a schedule is looked at or changed at each epoch."""
    looks = settings.verbose or settings.restore_best or settings.fades
    return looks or solver.schedule.pieces > 1 or callable(solver.schedule.name)


def _stop_if_diverged(network: Network, loss: float) -> None:
    """Raise at once: weights that are not finite never come back."""
    if not math.isfinite(loss) and not network.is_finite():
        raise DivergenceError


def _stops(solver: Solver, settings: Settings, history: History) -> bool:
    """Whether too many epochs have gone by without improvement, and the solver agrees."""
    if history.no_improvement_count <= settings.n_iter_no_change:
        return False
    what = (
        "Validation score did not improve"
        if settings.early_stopping
        else "Training loss did not improve"
    )
    stop, answer = solver.on_plateau()
    epochs = f"tol={settings.tol:f} for {settings.n_iter_no_change:d} consecutive epochs."
    if settings.verbose:
        print(f"{what} more than {epochs} {answer}")
    if not stop:
        history.no_improvement_count = 0
    return stop
