"""Quotation marks that nothing closes, which take the rows after them for one long cell.

Readers of CSV go on to the next quotation mark, however many rows that takes, and what they find
may have as many fields as the header: rows would be lost in silence.
"""

import csv
from collections.abc import Iterable

import numpy as np

from fastnn.tables.layout import reading

QUOTE, ENDS = ord('"'), b'\r\n"'


class Quotes:
    """Tells whether all quotation marks of a file stand where they open or close a field.

    Parameters
    ----------
    separator : str
        Between fields.

    Attributes
    ----------
    are_doubtful : bool
        Whether one stood elsewhere, as that of 5" does; `unclosed` finds out more.
    """

    def __init__(self, separator: str) -> None:
        self._beside = np.zeros(256, dtype=bool)
        self._beside[list(ENDS + separator.encode())] = True
        self._is_open = self._is_last_closing = False
        self._last = ENDS[0]
        self.are_doubtful = False

    def add(self, part: bytes) -> None:
        """Look at the next bytes of the file; none are its end."""
        if not part:
            self.are_doubtful |= self._is_open
        elif not self.are_doubtful and (QUOTE in part or self._is_last_closing):
            self._look(np.frombuffer(part, np.uint8))
        self._last = part[-1] if part else ENDS[0]

    def _look(self, part: np.ndarray) -> None:
        places = np.flatnonzero(part == QUOTE)
        opening, closing = places[self._is_open :: 2], places[1 - self._is_open :: 2]
        before = np.where(opening > 0, part[opening - 1], self._last)
        after = part[np.minimum(closing + 1, len(part) - 1)][closing + 1 < len(part)]
        if self._is_last_closing:  # the last byte of the part before
            after = np.append(after, part[0])
        self.are_doubtful = not (self._beside[before].all() and self._beside[after].all())
        self._is_open ^= bool(len(places) % 2)
        self._is_last_closing = bool(part[-1] == QUOTE) and not self._is_open


def unclosed(lines: Iterable[str], separator: str) -> tuple[int, int] | None:
    """Find a quotation mark that takes several lines, and closes where no field ends.

    Returns
    -------
    first, last : int
        The lines that it takes; None if there is none.
    """
    with reading(lines, separator, strict=True) as reader:
        while True:
            before = reader.line_num
            try:
                next(reader)
            except StopIteration:
                return None
            except csv.Error:  # also at the end of the file
                if reader.line_num > before + 1:
                    return before + 1, reader.line_num
                if reader.line_num == before:  # the end has been told
                    return None
