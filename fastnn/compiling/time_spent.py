"""Time that compiling and importing the compiler took, which a machine needs only once.

A fit's clock does not count it.
"""

import threading


class _Spent(threading.local):
    seconds = 0.0


_spent = _Spent()


def seconds() -> float:
    """Seconds that this thread has spent so far."""
    return _spent.seconds


def add(more: float) -> None:
    """Count what has just passed."""
    _spent.seconds += more
