"""Interrupts that wait: an import or a compilation cut in two would leave Numba in pieces."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Let an interrupt act at the end of what stands within."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    received: list[Any] = []
    signal.signal(signal.SIGINT, lambda *arguments: received.append(arguments))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if received:
            before(*received[0])


def load_numba() -> None:
    """Import Numba and what needs it, which takes 0.3 s, whole or not at all."""
    if "fastnn.planning" not in sys.modules or "fastnn.prediction" not in sys.modules:
        with held_back():
            import fastnn.planning
            import fastnn.prediction  # noqa: F401
