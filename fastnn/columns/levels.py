"""Values of a category, and the codes of cells by them.

Levels are sorted, so that codes depend neither on the order of the rows nor on that of the types of
a library: texts by their characters, numbers by size, False before True. Two values are of one
level if they are equal as numbers or are written alike: 7 of a file that holds only digits is the
"7" of one that held texts as well.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from fastnn.columns import values as read
from fastnn.columns.texts import Texts, Unpacked, pack
from fastnn.columns.values import Values, text_of

MOST_WHOLE = 2**63 - 1024  # the largest int64 that is a float64, too


class Levels(TypedDict):
    """Values of a category: `holds` is ``text``, ``number`` or ``boolean``.

    `texts` are those of a text, and `numbers` (int64 where all are whole; False and True as 0 and
    1) those of the others; the other of the two is empty.
    """

    holds: str
    texts: Texts
    numbers: np.ndarray


def learn_levels(values: Values) -> tuple[Levels, np.ndarray]:
    """Find the levels of a category that has at least one value.

    Returns
    -------
    levels : Levels
        Its levels.
    codes : ndarray of int32 of shape (n,)
        Places of the cells in it; where they are missing, the number of levels.
    """
    if values.holds in ("number", "boolean"):
        return _learn_numbers(values)
    values = read.texts_of(values)
    occurs = np.bincount(values.cells + 1, minlength=len(values.texts) + 1)[1:] > 0
    order = sorted(np.flatnonzero(occurs).tolist(), key=values.texts.__getitem__)
    places = np.full(len(values.texts) + 1, len(order), np.int32)
    places[order] = np.arange(len(order))
    texts = pack(values.texts[place] for place in order)
    return {"holds": "text", "texts": texts, "numbers": np.empty(0)}, places[values.cells]


def _learn_numbers(values: Values) -> tuple[Levels, np.ndarray]:
    different, codes = np.unique(values.cells, return_inverse=True)
    if different.dtype.kind == "f":
        different = different[~np.isnan(different)].astype(np.float64)
    fits = different[0] >= -MOST_WHOLE and different[-1] <= MOST_WHOLE
    if fits and (different == different // 1).all():
        different = different.astype(np.int64)
    levels: Levels = {"holds": values.holds, "texts": pack([]), "numbers": different}
    return levels, codes.astype(np.int32)


def n_levels(levels: Levels) -> int:
    """Count the levels."""
    return len(levels["texts"]["ends"]) + len(levels["numbers"])


def list_levels(levels: Levels) -> list:
    """List the levels in the order of their codes: all are str, int, float or bool."""
    if levels["holds"] == "text":
        return list(Unpacked(levels["texts"]))
    if levels["holds"] == "boolean":
        return [bool(value) for value in levels["numbers"]]
    return levels["numbers"].tolist()


def codes_of(values: Values, levels: Levels) -> np.ndarray | None:
    """Find cells among levels; int32, the number of levels for a missing or unknown one.

    Returns None where the cells are of another kind than the levels: numbers where all levels are
    words, or words where they are numbers.
    """
    if values.holds == "nothing":
        return np.full(len(values.cells), n_levels(levels), np.int32)
    if levels["holds"] == "text":
        known: Sequence[str] = Unpacked(levels["texts"])
        if values.holds != "text" and not _looks_like(known, values.holds):
            return None
        return _look_up(read.texts_of(values), known)
    if values.holds in ("number", "boolean"):
        return _search(values.cells, levels["numbers"])
    if values.holds != "text" or not any(map(_is_number, values.texts)):
        return None
    return _numbered(values, [text_of(value) for value in list_levels(levels)])


def _look_up(values: Values, known: Sequence[str]) -> np.ndarray:
    k = len(known)
    if len(values.texts) * 16 > k:  # a dict pays
        return _numbered(values, known)
    places = np.full(len(values.texts) + 1, k, np.int32)  # the last is that of -1
    for i, text in enumerate(values.texts):
        place = bisect_left(known, text)
        if place < k and known[place] == text:
            places[i] = place
    return places[values.cells]


def _numbered(values: Values, known: Sequence[str]) -> np.ndarray:
    numbering = {text: place for place, text in enumerate(known)}
    places = [numbering.get(text, len(known)) for text in values.texts]
    return np.array([*places, len(known)], np.int32)[values.cells]


def _search(cells: np.ndarray, known: np.ndarray) -> np.ndarray:
    places = np.searchsorted(known, cells)
    found = known[np.minimum(places, len(known) - 1)] == cells
    return np.where(found, places, len(known)).astype(np.int32)


def _looks_like(known: Sequence[str], holds: str) -> bool:
    """Whether some level is written as a number (a date begins with one), or as True or False."""
    if holds == "boolean":
        return any(known[bisect_left(known, t) :][:1] == [t] for t in ("False", "True"))
    return any(
        bisect_left(known, first) < bisect_left(known, after) for first, after in ("0:", "-.")
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text in ("False", "True")
    return True
