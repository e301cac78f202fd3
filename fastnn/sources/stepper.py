"""Steps over the rows of a source: those of an engine, window by window."""

from collections.abc import Callable

import numpy as np

from fastnn.engine.base import Gradient, SolverState, Stepper
from fastnn.engine.data import Data
from fastnn.kernels.arguments import ROWS
from fastnn.sources.ahead import Ahead
from fastnn.sources.rows import DenseRows
from fastnn.sources.windows import Window, Windows


class WindowStepper(Stepper):
    """Takes steps in the windows of an epoch, as they come.

    Parameters
    ----------
    windows : Windows
        Gets the memory of windows back.
    ahead : Ahead of Window
        Gives them.
    solver : SolverState
        Is kept true step by step.
    batch_size : int
    stepper_of : callable
        Makes the engine's stepper for some data, and the order of its rows.
    """

    def __init__(
        self,
        windows: Windows,
        ahead: Ahead[Window],
        solver: SolverState,
        batch_size: int,
        stepper_of: Callable[[Data, np.ndarray], Stepper],
    ) -> None:
        self.windows, self.ahead, self.solver = windows, ahead, solver
        self.batch_size, self._stepper_of = batch_size, stepper_of
        self._window: Window | None = None
        self._steppers: list[tuple[Data, Stepper]] = []
        self._reached, self._share = 0, 1.0
        self._stepper: Stepper | None = None

    def steps(self, start: int, stop: int, learning_rate: float) -> None:
        """Go on from a row of the epoch, within its window."""
        window, stepper = self._at(start)
        stop = min(stop, window.stop) - window.start
        stepper.steps(start - window.start, stop, learning_rate)
        self._reached = int(self.solver.progress[ROWS])

    def _at(self, start: int) -> tuple[Window, Stepper]:
        """Wait for the window in which a row stands, unless it is there; and its stepper."""
        window = self._window
        # Rows that were trained on come again in the next epoch.
        while window is None or not max(window.start, self._reached) <= start < window.stop:
            if window is not None:
                self._window = self._stepper = None
                self.windows.give_back(window)
                del window  # or its rows would stay until the next ones are there
            window = self._window = next(self.ahead)
            self._reached = window.start
        if self._stepper is None:
            self._stepper = self._stepper_for(window)
        return window, self._stepper

    def _stepper_for(self, window: Window) -> Stepper:
        for data, known in self._steppers:
            if data is window.data:
                return known
        stepper = self._stepper_of(window.data, window.order)
        stepper.regularize(self._share)
        if isinstance(window.memory, DenseRows):  # which comes again
            self._steppers.append((window.data, stepper))
        return stepper

    def _current(self) -> Stepper:
        if self._stepper is None:
            raise ValueError("No window of rows has been read yet: take steps first.")
        return self._stepper

    def gradient(self, rows: np.ndarray) -> Gradient:
        """Give the gradient of a mini-batch of these rows of the window."""
        return self._current().gradient(rows)

    def update(self, gradient: np.ndarray, learning_rate: float) -> None:
        """Take the next step with a gradient of shape (n_parameters,)."""
        self._current().update(gradient, learning_rate)

    def regularize(self, share: float) -> None:
        """Take this share of the problem's dropout and weight decay from the next step on."""
        self._share = share
        for _, stepper in self._steppers:
            stepper.regularize(share)

    def last_gradient(self) -> np.ndarray:
        """Give the last mini-batch's gradient by all parameters."""
        return self._current().last_gradient()
