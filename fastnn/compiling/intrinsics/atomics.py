"""Words that several threads read and write at once, and how a thread waits for another.

Each operation is a whole to every other thread. What a thread has written before it changes a word
is seen by whoever reads the new word.
"""

import time

import numpy as np


def load(words: np.ndarray, at: int) -> int:
    """Read a word."""
    return int(words[at])


def store(words: np.ndarray, at: int, value: int) -> None:
    """Write a word."""
    words[at] = value


def add(words: np.ndarray, at: int, value: int) -> int:
    """Add to a word; returns what it was before."""
    before = int(words[at])
    words[at] = before + value
    return before


def swap(words: np.ndarray, at: int, expected: int, value: int) -> bool:
    """Write a word if it is what is expected; returns whether it was."""
    if words[at] != expected:
        return False
    words[at] = value
    return True


def pause() -> None:
    """Wait for some ten nanoseconds; a core that has two threads works on the other one."""


def give_way() -> None:
    """Let another thread have the core, if one wants it."""
    time.sleep(0)
