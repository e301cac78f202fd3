"""The clock of a fit: `max_time`, and how long a kernel may run before it is looked at.

Neither the clock nor an interrupt reaches into a kernel, so no call of one is long.
"""

import time
from itertools import pairwise

from sklearn.exceptions import ConvergenceWarning

from fastnn.compiling import time_spent

MAX_FLOPS_PER_CALL = 2e9  # 0.02 to 0.2 s
UNIT_FLOPS = 200  # in whose time the slowest activations of a number are done: 4 ns
FEATURE_FLOPS = 500  # in whose time a number is gathered from far away, as in Fortran order: 10 ns


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


def rows_at_once(units: tuple[int, ...], passes: int) -> int:
    """Rows that a call of the kernels may take in, so many times forward or backward."""
    products = sum(2 * m * n for m, n in pairwise(units))
    work = passes * (products + UNIT_FLOPS * sum(units[1:])) + FEATURE_FLOPS * units[0]
    return max(1, int(MAX_FLOPS_PER_CALL / work))
