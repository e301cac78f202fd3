"""Teams: helpers of a thread, which share its loops (:mod:`fastnn.kernels.sharing`).

A helper is a thread of Python's. It waits in a queue, which costs nothing, until it is woken; then
it stays in machine code while it is asked for, and for `PATIENCE` looks after that. Who asks for
helpers never waits for them: a loop that none has come to is run alone.
"""

import threading
import weakref
from queue import SimpleQueue

import numpy as np

from fastnn import memory
from fastnn.compiling.runtime import Call, DTypes
from fastnn.kernels import sharing
from fastnn.kernels.tuning import PATIENCE
from fastnn.memory import ask

# What a thread takes itself, and its first products, by the two copies of OpenBLAS that NumPy and
# SciPy bring; without it they wait for ever.
FOR_A_THREAD = (8 << 20) + (64 << 20)


class _Helper:
    """A thread that helps those who publish loops in a piece of memory."""

    def __init__(self, words: np.ndarray, number: int) -> None:
        ask(FOR_A_THREAD, "for a thread")
        self.asleep = memory.zeros((1,), words.dtype)
        self.asleep[0] = 1
        fixed = words, number, self.asleep
        self.assist = Call(sharing.assist, DTypes(np.dtype(np.float64)), *fixed)
        self._asked: SimpleQueue[bool] = SimpleQueue()  # whether it is to go on
        threading.Thread(target=self._help, name="fastnn-helper", daemon=True).start()

    def _help(self) -> None:
        while self._asked.get():
            self.assist(PATIENCE)

    def wake(self) -> None:
        # The helper says in machine code that it sleeps, and not when it holds Python's lock again,
        # which the caller of this may keep until it needs help.
        if self.asleep[0]:
            self.asleep[0] = 0
            self._asked.put(True)

    def dismiss(self) -> None:
        self._asked.put(False)


class Team:
    """Helpers for one thread at a time.

    Attributes
    ----------
    words : ndarray of int64
        What kernels take to share their loops.
    """

    def __init__(self) -> None:
        self.words = memory.zeros((sharing.TEAM_SIZE,), np.dtype(np.int64))
        self.helpers: list[_Helper] = []
        weakref.finalize(self, _dismiss, self.words, self.helpers).atexit = False

    def gather(self, n: int) -> None:
        """Wake n helpers, and start those that are missing, as far as that is possible.

        Raises
        ------
        MemoryError, RuntimeError
            If there is not one, and none can be started.
        """
        try:
            while len(self.helpers) < n:
                self.helpers.append(_Helper(self.words, len(self.helpers)))
        except (MemoryError, RuntimeError):
            if not self.helpers:
                raise
        self.words[sharing.LIMIT] = n
        for helper in self.helpers[:n]:
            helper.wake()

    def release(self) -> None:
        """Let helpers go to sleep."""
        self.words[sharing.LIMIT] = 0


def _dismiss(words: np.ndarray, helpers: list[_Helper]) -> None:
    words[sharing.LIMIT] = 0
    for helper in helpers:
        helper.dismiss()
