"""One thread or several: which is faster at present is found by trying both.

A step that takes 0.1 ms on two threads can take 16 ms when another process wants one of the cores:
the thread that has its core waits, spinning, for the one that does not. No rule about sizes sees
that, and the bits do not depend on the number of threads, so a fit may try again at any time.
"""

TRIAL_SECONDS = 2e-3  # of one try: a few steps
CALL_SECONDS = 2e-2  # of a call otherwise: a fit notices within so much that its pace has changed
TRIAL_SHARE = 0.01  # of the time of a fit that goes into trying the slower way again
SLOWER = 1.5  # a pace so much below the best one known is reason to try again


class Pace:
    """Seconds that a unit of work takes on one thread and on several.

    Attributes
    ----------
    seconds : dict of bool to float
        By whether the work ran on several threads: seconds a unit, of the last calls.
    """

    def __init__(self) -> None:
        self.seconds: dict[bool, float] = {}
        self._untried = 0.0  # seconds worked since the slower way was last tried
        self._trial = 0.0  # seconds that trying it took
        self._again = False
        self._warm = False

    def choose(self) -> tuple[bool, float]:
        """Tell whether to use several threads next, and for how many units of work."""
        for several in (True, False):
            if several not in self.seconds:
                return several, self._units(several, TRIAL_SECONDS)
        faster = self.seconds[True] < self.seconds[False]
        if self._again or self._untried * TRIAL_SHARE > self._trial:
            return not faster, self._units(not faster, TRIAL_SECONDS)
        return faster, self._units(faster, CALL_SECONDS)

    def _units(self, several: bool, seconds: float) -> float:
        known = self.seconds.get(several, max(self.seconds.values(), default=0.0))
        return seconds / known if known else 1.0

    def note(self, several: bool, units: float, seconds: float) -> None:
        """Learn from a call how long its work took."""
        if not self._warm:  # the first call starts the threads
            self._warm = True
            return
        pace, known = seconds / units, self.seconds.get(several)
        tried = len(self.seconds) == 2 and several != (self.seconds[True] < self.seconds[False])
        self._again = not tried and known is not None and pace > SLOWER * known
        self._untried = 0.0 if tried else self._untried + seconds
        if tried:
            self._trial = seconds
        self.seconds[several] = pace
