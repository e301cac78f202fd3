"""The clock of a fit: `max_time`, and how long a kernel may run before it is looked at.

Neither the clock nor an interrupt reaches into a kernel, so no call of one is long.
"""

import contextlib
import time
from collections.abc import Iterator

from sklearn.exceptions import ConvergenceWarning

MAX_FLOPS_PER_CALL = 2e9  # 0.02 to 0.2 s


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
        self._began = _now()

    def check(self) -> None:
        """Raise `TimeIsOverError` where time is over."""
        if self.max_time is not None and _now() - self._began > self.max_time:
            raise TimeIsOverError

    def warning(self, stop: BaseException) -> tuple[str, type[Warning]]:
        """Tell why a fit ended early: its time was over, or its user did not want to wait."""
        if not isinstance(stop, TimeIsOverError):
            return "Training interrupted by user.", UserWarning
        return (
            f"Maximum time ({self.max_time} s) reached and the optimization hasn't converged yet. "
            "`resume` goes on from here.",
            ConvergenceWarning,
        )


_seconds_stopped = 0.0  # of this process


def _now() -> float:
    return time.perf_counter() - _seconds_stopped


@contextlib.contextmanager
def stopped() -> Iterator[None]:
    """Stop all clocks of this process, as while a kernel is compiled."""
    global _seconds_stopped
    began = time.perf_counter()
    try:
        yield
    finally:
        _seconds_stopped += time.perf_counter() - began
