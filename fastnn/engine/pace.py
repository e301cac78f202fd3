"""One thread or several: which is faster at present is found by trying both.

A step that takes 0.1 ms on two threads can take 16 ms when another process wants one of the cores:
the thread that has its core waits, spinning, for the one that does not. No rule about sizes sees
that, and the bits do not depend on the number of threads, so a fit may try again at any time.
"""

import math

from fastnn.kernels.tuning import CALL_SECONDS, RETRIAL_SLOWDOWN, TRIAL_SECONDS, TRIAL_SHARE


class Pace:
    """Seconds that a unit of work takes on one thread and on several.

    Attributes
    ----------
    seconds : dict of bool to float
        By whether the work ran on several threads: seconds a unit, a mean of the last calls.
    """

    def __init__(self) -> None:
        self.seconds: dict[bool, float] = {}
        self._last = {True: 0.0, False: 0.0}  # seconds of the last call
        self._untried = 0.0  # seconds worked since the slower way was last tried
        self._again = False
        self._warm = False

    def choose(self) -> tuple[bool, float]:
        """Tell whether to use several threads next, and for how many units of work."""
        for several in (True, False):
            if several not in self.seconds:
                return several, self._units(several, TRIAL_SECONDS)
        faster = self.faster()
        if self.is_settled():
            return faster, self._units(faster, CALL_SECONDS)
        return not faster, self._units(not faster, TRIAL_SECONDS)

    def is_settled(self) -> bool:
        """Whether both have been tried, and the slower one is not to be tried again next."""
        if len(self.seconds) < 2 or self._again:
            return False
        return self._untried * TRIAL_SHARE <= self._last[not self.faster()]

    def faster(self) -> bool:
        """Whether several threads are faster, when both have been tried."""
        return self.seconds[True] < self.seconds[False]

    def _units(self, several: bool, seconds: float) -> float:
        return seconds / self.seconds[several] if several in self.seconds else 1.0

    def note(self, several: bool, units: float, seconds: float) -> None:
        """Learn from a call how long its work took."""
        if not self._warm:  # the first call starts the threads
            self._warm = True
            return
        pace = seconds / units
        known = self.seconds.get(several, pace)
        is_trial = len(self.seconds) < 2 or several != self.faster()
        # One thread that waits for a core gains nothing from asking for a second one.
        self._again = several and not is_trial and pace > RETRIAL_SLOWDOWN * known
        self._untried = 0.0 if is_trial else self._untried + seconds
        self._last[several] = seconds
        self.seconds[several] = math.sqrt(known * pace)  # one call that had to wait is not all
