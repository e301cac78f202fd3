"""The clock of a fit: `max_time`."""

import time

from sklearn.exceptions import ConvergenceWarning

from fastnn.compiling import time_spent

LONG_CALL = 1.0  # seconds: calls take 0.2 at the most


class TimeIsOverError(Exception):
    """Ends a fit at the place where its time is over; no user sees it."""


class Clock:
    """Time since a fit began, without that of the compiler, which a machine needs only once.

    Parameters
    ----------
    max_time : float or None
        Seconds that the fit may take.
    """

    def __init__(self, max_time: float | None) -> None:
        self.max_time = max_time
        self.waits = False  # whether it lets what is under way come to an end
        self._began = _now()

    def check(self) -> None:
        """Raise `TimeIsOverError` where time is over."""
        if self.max_time is not None and not self.waits and _now() - self._began > self.max_time:
            raise TimeIsOverError

    def has_time(self) -> bool:
        """Whether there is more time left than any call of the kernels takes."""
        return self.max_time is None or _now() - self._began < self.max_time - LONG_CALL

    def warning(self, stop: BaseException, resumes: bool = True) -> tuple[str, type[Warning]]:
        """Tell why a fit ended early: its time was over, or its user did not want to wait."""
        if not isinstance(stop, TimeIsOverError):
            return "Training interrupted by user.", UserWarning
        told = (
            f"Maximum time ({self.max_time} s) reached and the optimization hasn't converged yet."
        )
        return told + " `resume` goes on from here." * resumes, ConvergenceWarning


def _now() -> float:
    return time.perf_counter() - time_spent.seconds()
