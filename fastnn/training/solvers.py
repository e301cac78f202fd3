"""The stochastic solvers: hyper-parameters, state beside the parameters, and learning rates.

The arithmetic of a step is a pair of kernels (`fastnn.kernels.updates`); what happens between
epochs is decided here and in `schedules`.
"""

from copy import copy
from dataclasses import replace
from numbers import Real
from typing import Any, TypedDict

import numpy as np

from fastnn import memory
from fastnn.kernels.arguments import N_PROGRESS, ROWS, STEPS
from fastnn.kernels.updates import SOLVERS
from fastnn.training.schedules import OF_SGD, SCHEDULES, Schedule
from fastnn.training.settings import SolverSettings

MIN_LEARNING_RATE = 1e-6  # at which "adaptive" stops
OF_A_SCHEDULE = ("initial_rate", "n_epochs", "warmup", "step_size", "decay")  # its numbers
USERS_OWN = "callable"  # stands for a user's function in a saved schedule


class PlainSolver(TypedDict):
    """A solver as arrays, numbers and texts: the form in which an estimator keeps it."""

    name: str
    hyper: dict[str, float]
    schedule: dict[str, Any]  # fields of `Schedule`; USERS_OWN for the name of a user's function
    power_t: float
    weight_decay: float
    epochs: int
    base_rate: float
    state: np.ndarray
    progress: np.ndarray


class Solver:
    """An optimiser between two epochs.

    Parameters
    ----------
    settings : SolverSettings
        Which one, and its learning rate.
    size : int
        Number of parameters.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    name, hyper, schedule, power_t, weight_decay
        As in `settings`.
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

    def __init__(self, settings: SolverSettings, size: int, dtype: np.dtype) -> None:
        self.take_settings(settings)
        self.epochs = 0
        self.base_rate = float(settings.schedule.initial_rate)
        shape = (settings.n_states, memory.padded(size, dtype))
        self.state = memory.zeros(shape, dtype)
        self.progress = np.zeros(N_PROGRESS)

    def take_settings(self, settings: SolverSettings) -> None:
        """Go on by these settings, such as a schedule over more epochs."""
        self.name, self.hyper = settings.name, settings.hyper
        self.schedule, self.power_t = settings.schedule, settings.power_t
        self.weight_decay = settings.weight_decay

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

    def rates_of(self, n_epochs: int, rows_seen: int, n_rows: int) -> list[float]:
        """Learning rates of the next epochs of so many rows, as far as no plateau changes them."""
        ahead, rates = copy(self), []  # which shares what a schedule does not touch
        for epoch in range(1, n_epochs + 1):
            ahead.epoch_begins()
            rates.append(ahead.base_rate)
            ahead.epoch_ends(rows_seen + epoch * n_rows)
        return rates

    def rate_within(self, share: float) -> float:
        """Learning rate when this share of the epoch is done."""
        if self.schedule.pieces == 1:
            return self.base_rate
        rate = self.schedule.rate(self.epochs + share)
        return self.base_rate if rate is None else rate

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

    def fits(self, settings: SolverSettings, params: np.ndarray) -> bool:
        """Whether its state is that of such an optimiser for these parameters.

        The user may have chosen another one since, or weights of other shapes.
        """
        shape = (settings.n_states, memory.padded(params.size, params.dtype))
        has_shape = self.state.shape == shape and self.state.dtype == params.dtype
        return self.name == settings.name and has_shape

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

    # ------------------------------------------------------------------------- its saved form

    def plain_state(self) -> PlainSolver:
        """Give all that it is as arrays, numbers and texts, which any version can read.

        A user's own schedule is not among them: it is a parameter of the estimator. Nor are the
        pieces of an epoch, which only the networks of tables have, and these are not resumed.
        """
        is_users = callable(self.schedule.name)
        schedule = {name: value for name, value in vars(self.schedule).items() if name != "pieces"}
        return {
            "name": self.name,
            "hyper": dict(self.hyper),
            "schedule": schedule | ({"name": USERS_OWN} if is_users else {}),
            "power_t": self.power_t,
            "weight_decay": self.weight_decay,
            "epochs": self.epochs,
            "base_rate": self.base_rate,
            "state": self.state,
            "progress": self.progress,
        }

    @classmethod
    def from_plain_state(cls, plain: PlainSolver, users_own: Schedule) -> "Solver":
        """Make the solver that had this state.

        A user's own schedule is the estimator's, `users_own`; where that is none of a user any
        more, the rate stays what it was.

        Raises
        ------
        ValueError
            If it is no such state: kernels go by what it holds.
        """
        solver = cls.__new__(cls)
        try:
            schedule = Schedule(**plain["schedule"])
            if schedule.name == USERS_OWN:
                kept = replace(schedule, name="constant", initial_rate=plain["base_rate"], warmup=0)
                schedule = users_own if callable(users_own.name) else kept
            solver.name, solver.hyper, solver.schedule = plain["name"], plain["hyper"], schedule
            solver.power_t, solver.weight_decay = plain["power_t"], plain["weight_decay"]
            solver.epochs, solver.base_rate = plain["epochs"], plain["base_rate"]
            solver.state, solver.progress = memory.copy_of(plain["state"]), plain["progress"].copy()
            solver._check()
        except (AttributeError, LookupError, TypeError, ValueError) as reason:
            raise ValueError(
                "The state of the solver that the last fit has left is damaged "
                f"({type(reason).__name__}: {reason}): fit anew."
            ) from reason
        solver.hyper = dict(solver.hyper)
        return solver

    def _check(self) -> None:
        """Refuse what no solver can be, or the kernels would read beyond its memory."""
        if list(self.hyper) != list(SOLVERS[self.name].hyper):
            raise ValueError(f"hyper-parameters {list(self.hyper)} are not those of {self.name}")
        numbers = [*self.hyper.values(), self.base_rate, self.power_t, self.weight_decay]
        numbers += [getattr(self.schedule, name) for name in OF_A_SCHEDULE]
        if not all(isinstance(number, Real) for number in (*numbers, self.epochs)):
            raise TypeError("numbers are of another type")
        name = self.schedule.name
        if not callable(name) and name not in (*SCHEDULES, *OF_SGD):
            raise ValueError(f"learning_rate={name!r}")
        if self.schedule.warmup < 0:
            raise ValueError(f"warmup={self.schedule.warmup}")
        if self.state.ndim != 2 or self.state.dtype.char not in "fd":
            raise ValueError(f"state of shape {self.state.shape} and dtype {self.state.dtype}")
        if self.progress.shape != (N_PROGRESS,) or self.progress.dtype != np.float64:
            raise ValueError(f"progress {self.progress!r:.80}")
        counts = self.progress[[STEPS, ROWS]]
        if not (np.isfinite(counts) & (counts >= 0)).all():
            raise ValueError(f"progress {self.progress}")
