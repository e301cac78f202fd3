"""Many texts as two arrays: their bytes one after the other, and where each ends.

A list of 100000 texts takes skops seconds to write, and an array of NumPy's texts gives each as
much memory as the longest; this has neither trouble.
"""

from collections.abc import Iterable, Sequence
from typing import TypedDict, overload

import numpy as np


class Texts(TypedDict):
    """Texts one after the other in UTF-8; the i-th is ``utf8[ends[i - 1]:ends[i]]``."""

    utf8: np.ndarray
    ends: np.ndarray


def pack(texts: Iterable[str]) -> Texts:
    """Put texts into two arrays."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    return {
        "utf8": np.frombuffer(b"".join(encoded), np.uint8),
        "ends": np.cumsum([len(text) for text in encoded], dtype=np.int64),
    }


class Unpacked(Sequence[str]):
    """A sequence of packed texts, each decoded when it is asked for."""

    def __init__(self, texts: Texts) -> None:
        self._utf8, self._ends = texts["utf8"], texts["ends"]

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, i: int) -> str: ...
    @overload
    def __getitem__(self, i: slice) -> list[str]: ...
    def __getitem__(self, i: int | slice) -> str | list[str]:
        if isinstance(i, slice):
            return [self[place] for place in range(*i.indices(len(self)))]
        place = range(len(self))[i]
        begin = self._ends[place - 1] if place else 0
        return self._utf8[begin : self._ends[place]].tobytes().decode("utf-8", "surrogatepass")
