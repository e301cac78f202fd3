"""The lock around compiling and late imports, which no fork cuts through.

A child of a fork has no other threads: what one of them was doing stays half done there, and its
locks stay taken. Python's locks of imports and Numba's of the compiler are such. So a fork waits,
as for `logging`'s lock, until no thread is within this one. Locks of others that are taken at any
time, as LLVM's is by finalizers, it takes after it.
"""

import logging  # noqa: F401  it registers its lock first: a fork takes the last one first, ours
import os
import threading
from typing import Any

lock = threading.RLock()
_others: list[Any] = []


def hold_over_forks(other: Any) -> None:
    """Let forks wait for another lock, too; who holds that one asks for none of ours."""
    with lock:
        _others.append(other)


def _before_fork() -> None:
    lock.acquire()
    for other in _others:  # those of now: one may have come while this thread waited
        other.acquire()


def _after_fork() -> None:
    for other in _others:
        other.release()
    lock.release()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )
