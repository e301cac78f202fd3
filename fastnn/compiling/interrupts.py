"""Interrupts that wait: an import or a compilation cut in two would leave Numba in pieces."""

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from fastnn.compiling import time_spent
from fastnn.compiling.lock import lock
from fastnn.memory import ask

FOR_IMPORTS = 256 << 20  # Numba and LLVM take 190 MB, and a part of them would be left by an error


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


def whole_module(name: str) -> Any:
    """Import Numba, or what needs it, whole or not at all; clocks do not count it."""
    if name not in sys.modules:
        ask(FOR_IMPORTS, "to import the compiler")
    with late_imports():
        return import_module(name)


@contextlib.contextmanager
def late_imports() -> Iterator[None]:
    """Let neither an interrupt nor a fork come between imports that stand within."""
    began = time.perf_counter()
    with lock, held_back():
        yield
    time_spent.add(time.perf_counter() - began)
