"""Columns that cannot be read, told by name, value and way out."""

import numpy as np

from fastnn.columns import values as read
from fastnn.columns.dates import Clock
from fastnn.columns.frames import Table
from fastnn.columns.record import HOLDS, Columns
from fastnn.columns.values import Values


def read_column(table: Table, place: int) -> Values:
    """Read a column, or tell what its cells are."""
    try:
        return table.column(place)
    except read.UnreadableError as error:
        raise TypeError(
            "A cell's argument must be a string, a number or a date; column "
            f"{name_in(table, place)!r} holds {error}: make a column of each of its parts, or "
            "leave it out."
        ) from None


def check_kind(values: Values, columns: Columns, table: Table, place: int) -> Values:
    """Refuse cells of another kind than in training."""
    held = HOLDS[columns["holds"][place]]
    if values.holds in (held, "nothing") or (values.holds, held) == ("boolean", "number"):
        return values
    raise another_kind(values, columns, table, place)


def another_kind(values: Values, columns: Columns, table: Table, place: int) -> ValueError:
    """Make the error of a column that is of another kind than in training."""
    held = HOLDS[columns["holds"][place]]
    return ValueError(
        f"Column {name_in(table, place)!r} held {held}s in training and now holds {values.holds}s, "
        f"as {first(values)}: {_way_out(held)}."
    )


def _way_out(held: str) -> str:
    if held in ("number", "date", "time", "duration"):
        return f"give it as {held}s, with None for cells that are none"
    return f"give it as {held}s, as in training"


def first(values: Values) -> str:
    """Quote the first cell that is not missing."""
    values = read.texts_of(values)
    return _short(values.texts[values.cells[values.cells >= 0][0]])


def check_zone(values: Values, clock: Clock, table: Table, place: int) -> None:
    """Refuse dates with a time zone where there was none, or the other way round."""
    if clock["has_zone"] in (None, values.has_zone):
        return
    had, has = ("a", "none") if clock["has_zone"] else ("no", "one")
    some = "some " if values.has_zone is None else ""
    raise ValueError(
        f"Dates of column {name_in(table, place)!r} had {had} time zone in training and now {some}"
        f"have {has}: give them as in training."
    )


def check_finite(cells: np.ndarray, table: Table, place: int) -> None:
    """Refuse infinite numbers."""
    if cells.dtype.kind == "f" and np.isinf(cells).any():
        raise ValueError(
            f"Input X contains infinity in column {name_in(table, place)!r}: replace it by NaN, "
            "which counts as missing, or by a finite number."
        )


def name_in(table: Table, place: int) -> str:
    """Tell the name of a column, which for an array is ``x3`` for the fourth."""
    return f"x{place}" if table.names is None else table.names[place]


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
