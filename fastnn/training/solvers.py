"""The stochastic solvers: hyper-parameters, state beside the parameters, and learning rates.

The arithmetic of a step is a pair of kernels (`fastnn.kernels.updates`); what happens between
epochs is decided here and in `schedules`.
"""

from copy import copy
from typing import Any

import numpy as np

from fastnn import memory
from fastnn.kernels.arguments import ROWS, STEPS
from fastnn.training.schedules import Schedule, schedule_for

MIN_LEARNING_RATE = 1e-6  # at which "adaptive" stops


class Solver:
    """An optimiser between two epochs.

    Parameters
    ----------
    name : str
        Key of `fastnn.kernels.updates.SOLVERS`.
    size : int
        Number of parameters.
    n_states : int
        Vectors that the optimiser remembers.
    dtype : dtype
        float32 or float64.
    hyper : dict of str to float
        Hyper-parameters of its kernels, in their order.
    schedule : Schedule
        Learning rate of each epoch.
    power_t : float
        Exponent of "invscaling".
    weight_decay : float
        Share of the learning rate by which each step shrinks the weights.

    Attributes
    ----------
    epochs : int
        Epochs since the state was zero.
    base_rate : float
        Learning rate of the epoch, before corrections within its steps.
    state : ndarray of shape (n_states, size), padded with zeros to a cache line
        Velocity (sgd); first and second moment, and the largest second moment so far (adam and its
        kin); second moment (rmsprop); sum of squares (adagrad).
    progress : ndarray of shape (4,)
        Steps taken, what the kernels remember beside them, and how far the epoch has come.
    """

    def __init__(
        self,
        name: str,
        size: int,
        n_states: int,
        dtype: np.dtype,
        hyper: dict[str, float],
        schedule: Schedule,
        power_t: float = 0.5,
        weight_decay: float = 0.0,
    ) -> None:
        self.name = name
        self.hyper = hyper
        self.schedule = schedule
        self.power_t = power_t
        self.weight_decay = weight_decay
        self.epochs = 0
        self.base_rate = float(schedule.initial_rate)
        self.state = memory.zeros((n_states, memory.padded(size, dtype)), dtype)
        self.progress = np.zeros(4)

    @property
    def learning_rate(self) -> float:
        """Learning rate of the last step; Adam's includes the correction of its first steps."""
        steps = self.progress[STEPS]
        if self.name != "adam" or steps == 0:
            return self.base_rate
        beta_1, beta_2 = self.hyper["beta_1"], self.hyper["beta_2"]
        return float(self.base_rate * np.sqrt(1 - beta_2**steps) / (1 - beta_1**steps))

    def epoch_begins(self) -> None:
        """Set the epoch's learning rate, where that follows from the number of the epoch."""
        rate = self.schedule.rate(self.epochs)
        self.base_rate = self.base_rate if rate is None else rate

    def epoch_ends(self, rows_seen: int) -> None:
        """Set the next epoch's learning rate, where that follows from the rows seen."""
        self.epochs += 1
        if self._follows("invscaling"):
            self.base_rate = self.schedule.initial_rate / (rows_seen + 1) ** self.power_t

    def on_plateau(self) -> tuple[bool, str]:
        """Answer a loss that no longer improves: stop or go on, and what to tell the user."""
        if not self._follows("adaptive"):
            return True, "Stopping."
        if self.base_rate <= MIN_LEARNING_RATE:
            return True, "Learning rate too small. Stopping."
        self.base_rate /= 5.0
        return False, f"Setting learning rate to {self.base_rate:f}"

    def fits(self, estimator: Any, params: np.ndarray) -> bool:
        """Whether its state is that of the estimator's solver for these parameters.

        The user may have chosen another solver since, or weights of other shapes.
        """
        shape = (_update_of(estimator).n_states, memory.padded(params.size, params.dtype))
        has_shape = self.state.shape == shape and self.state.dtype == params.dtype
        return self.name == estimator.solver and has_shape

    def mark(self) -> tuple[int, float]:
        """Note where the schedule stands; `rewind` goes back to it."""
        return self.epochs, self.base_rate

    def rewind(self, mark: tuple[int, float]) -> None:
        """Take back what the schedule did after a mark."""
        self.epochs, self.base_rate = mark

    def epoch_is_recorded(self) -> None:
        """Note that the next step begins an epoch; until then an epoch is to be gone on with."""
        self.progress[ROWS] = 0

    def _follows(self, schedule: str) -> bool:
        return self.name == "sgd" and self.schedule.name == schedule

    def copy(self) -> "Solver":
        """Copy that goes on by itself."""
        twin = copy(self)
        twin.state, twin.progress = memory.copy_of(self.state), self.progress.copy()
        return twin


def solver_for(estimator: Any, size: int, dtype: np.dtype) -> Solver:
    """Make the solver that an estimator's parameters ask for, its state at zero."""
    n_states = _update_of(estimator).n_states
    return Solver(estimator.solver, size, n_states, dtype, **settings_of(estimator))


def settings_of(estimator: Any) -> dict[str, Any]:
    """Gather what an estimator's parameters say of its solver, beside the solver's name."""
    return {
        "hyper": {name: float(getattr(estimator, name)) for name in _update_of(estimator).hyper},
        "schedule": schedule_for(estimator),
        "power_t": estimator.power_t,
        "weight_decay": estimator.weight_decay if estimator.solver == "adamw" else 0.0,
    }


def _update_of(estimator: Any) -> Any:
    from fastnn.kernels.updates import update_of

    return update_of(estimator.solver, estimator.amsgrad)
