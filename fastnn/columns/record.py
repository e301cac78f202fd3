"""What is kept of a table's columns, and what its cells become."""

from typing import Any, NamedTuple, TypedDict

import numpy as np

from fastnn.columns.dates import Clock
from fastnn.columns.kinds import KINDS, Column
from fastnn.columns.levels import Levels, list_levels
from fastnn.columns.texts import Texts, Unpacked

HOLDS = ("nothing", "number", "boolean", "text", "date", "time", "duration")


class Columns(TypedDict):
    """What the columns of the training rows were: plain arrays, lists and dicts.

    `names` are packed texts, none for an array. `kinds` and `holds` (uint8 of shape (n_features,))
    are places in `KINDS` and `HOLDS`, and `twins` (int64) places of the column that a duplicate
    repeats, -1 for others. `numbers`, `categories` and `dates` (int64) are places of the columns of
    these kinds; `levels` has an entry for each of the categories, `sizes` (int64) their numbers of
    levels, and `clocks` an entry for each of the dates. `warnings` are what a user is to be told.
    """

    names: Texts
    kinds: np.ndarray
    holds: np.ndarray
    twins: np.ndarray
    numbers: np.ndarray
    categories: np.ndarray
    dates: np.ndarray
    levels: list[Levels]
    sizes: np.ndarray
    clocks: list[Clock]
    warnings: list[str]


class Cells(NamedTuple):
    """A table as numbers and codes; not to be written to, as it may share memory with the input.

    Attributes
    ----------
    numbers : ndarray of float64 of shape (n, n_numbers), C-ordered
        The columns of numbers, then the numbers of each date; NaN where a cell is missing.
    codes : ndarray of int32 of shape (n, n_categories), C-ordered
        The columns of categories: places among their levels, and the number of levels where a cell
        is missing or unknown.
    """

    numbers: np.ndarray
    codes: np.ndarray


def name_of(columns: Columns, place: int) -> str:
    """Tell the name of a column, which for an array is ``x3`` for the fourth."""
    names = Unpacked(columns["names"])
    return names[place] if names else f"x{place}"


def without_names(state: dict[str, Any]) -> dict[str, Any]:
    """Leave out of an estimator's state the names that its columns have, too.

    A file would hold an array of 100000 objects as so many entries, which takes a minute to write.
    """
    names = state.get("feature_names_in_")
    if names is None or "columns_" not in state:  # within a fit they are known before the columns
        return state
    if list(names) != list(Unpacked(state["columns_"]["names"])):
        return state
    return {**state, "feature_names_in_": None}


def with_names(state: dict[str, Any]) -> dict[str, Any]:
    """Put them back."""
    if state.get("feature_names_in_", "") is not None:
        return state
    names = list(Unpacked(state["columns_"]["names"]))
    return {**state, "feature_names_in_": np.array(names, dtype=object)}


def number_names(columns: Columns) -> list[str]:
    """Name the columns of `Cells.numbers`; those of a date are as ``when_year_sin``."""
    names = [name_of(columns, place) for place in columns["numbers"].tolist()]
    for place, clock in zip(columns["dates"].tolist(), columns["clocks"], strict=True):
        names += [f"{name_of(columns, place)}_{feature}" for feature in clock["features"]]
    return names


def category_names(columns: Columns) -> list[str]:
    """Name the columns of `Cells.codes`."""
    return [name_of(columns, place) for place in columns["categories"].tolist()]


def describe(columns: Columns) -> list[Column]:
    """Tell what each column of the training rows was."""
    levels = dict(zip(columns["categories"].tolist(), columns["levels"], strict=True))
    clocks = dict(zip(columns["dates"].tolist(), columns["clocks"], strict=True))
    return [
        Column(
            name_of(columns, place),
            KINDS[columns["kinds"][place]],
            HOLDS[columns["holds"][place]],
            _reason(columns, place),
            list_levels(levels[place]) if place in levels else [],
            clocks[place]["features"] if place in clocks else [],
        )
        for place in range(len(columns["kinds"]))
    ]


def _reason(columns: Columns, place: int) -> str:
    match KINDS[columns["kinds"][place]]:
        case "empty":
            return "has no value"
        case "constant":
            return "has one value only"
        case "duplicate":
            return f"repeats column {name_of(columns, int(columns['twins'][place]))!r}"
        case "identifier":
            return "has texts that hardly ever come again"
    return ""
