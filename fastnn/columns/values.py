"""The cells of one column as NumPy arrays, whatever library and type they came in.

What a cell holds is decided by the value, not by the type of its column: numbers among Python
objects are numbers, and a column of nothing but gaps holds ``nothing``, so that the same cells give
the same values whatever they were kept in.
"""

import datetime as dt
import math
import numbers
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from fastnn.columns.dates import DAY, MISSING

MISSING_TYPES = ("NoneType", "NAType", "NaTType")  # the two of pandas need no import this way
MAY_BE_MISSING = (float, np.floating, Decimal, np.datetime64, np.timedelta64)


class UnreadableError(TypeError):
    """Cells that are no single values; the message says what they are."""


class Values(NamedTuple):
    """The cells of one column.

    Attributes
    ----------
    holds : str
        ``number``, ``boolean``, ``text``, ``date``, ``time``, ``duration`` or ``nothing``.
    cells : ndarray of shape (n,)
        Numbers, booleans as 0 and 1 and durations in days are of any real type, missing ones NaN;
        dates and times are int64 in microseconds since 1970; texts are int32 places in `texts`, -1
        where missing; `nothing` is float64 NaN.
    texts : sequence of str
        The different texts.
    has_zone : bool or None
        Whether dates had a time zone; None where some had one and others none.
    """

    holds: str
    cells: np.ndarray
    texts: Sequence[str] = ()
    has_zone: bool | None = False


def of_array(cells: np.ndarray, has_zone: bool = False) -> Values:
    """Read the cells of an array of any type that has a column's values.

    Parameters
    ----------
    cells : ndarray of shape (n,)
        The cells.
    has_zone : bool, default=False
        Whether they are dates as of UTC that had a time zone.

    Raises
    ------
    UnreadableError
        If they are objects that are no single value, as lists are, or complex.
    """
    kind = cells.dtype.kind
    if kind in "iuf":
        return _or_nothing(Values("number", cells))
    if kind == "b":
        return Values("boolean", cells.astype(np.float64))
    if kind == "M":
        return of_dates(cells, has_zone)
    if kind == "m":
        return _or_nothing(Values("duration", cells.astype("m8[us]") / np.timedelta64(DAY, "us")))
    if kind == "c":
        raise UnreadableError("a complex")
    return of_objects(cells if kind == "O" else cells.astype(object))


def of_dates(cells: np.ndarray, has_zone: bool | None = False) -> Values:
    """Read an array of NumPy's dates, as of UTC where they had a time zone."""
    microseconds = cells.astype("M8[us]").view(np.int64)
    return _or_nothing(Values("date", microseconds, has_zone=has_zone))


def is_missing(values: Values) -> np.ndarray:
    """Tell which cells are missing; a boolean for each."""
    if values.holds == "text":
        return values.cells < 0
    if values.holds in ("date", "time"):
        return values.cells == MISSING
    return np.isnan(values.cells)


def _or_nothing(values: Values) -> Values:
    """Forget what cells hold of which all are missing."""
    if not is_missing(values).all():
        return values
    return Values("nothing", np.full(len(values.cells), np.nan))


# ------------------------------------------------------------------------------ Python objects


def of_objects(cells: np.ndarray) -> Values:
    """Read Python objects: by what all of them are, or as texts where they are of several kinds."""
    types = {t for t in set(map(type, cells)) if t.__name__ not in MISSING_TYPES}
    for t in types:
        if t.__hash__ is None or _held_by(t) == "complex":
            raise UnreadableError(f"a {t.__name__}")
    held = {_held_by(t) for t in types}
    if held == {"text", "number"} and all(issubclass(t, (str, *MAY_BE_MISSING)) for t in types):
        codes, different = _numbered(cells)
        if all(isinstance(value, str) or _stands_for_missing(value) for value in different):
            return _texts(codes, different)
    elif held - {"number"} and any(issubclass(t, MAY_BE_MISSING) for t in types):
        cells = _without_missing(cells)
        held = {_held_by(t) for t in set(map(type, cells)) if t is not type(None)}
    if held == {"boolean", "number"}:
        held = {"number"}
    return _READERS[held.pop() if len(held) == 1 else "mixture"](cells) if held else _nothing(cells)


def of_codes(codes: np.ndarray, texts: Sequence[Any]) -> Values:
    """Read texts that another library has numbered; int codes, those below 0 of missing cells."""
    if not len(texts) or codes.max(initial=-1) < 0:
        return _nothing(codes)
    return Values("text", codes.astype(np.int32, copy=False), texts)


def _of_texts(cells: np.ndarray) -> Values:
    return _texts(*_numbered(cells))


def _numbered(cells: Iterable[Any]) -> tuple[np.ndarray, list]:
    """Give each different value a number, in the order in which they come."""
    places: defaultdict[Any, int] = defaultdict(count().__next__)
    return np.fromiter(map(places.__getitem__, cells), np.int32), list(places)


def _texts(codes: np.ndarray, different: list) -> Values:
    """Make a column of texts of numbered values, those that are no texts being missing."""
    known = [isinstance(value, str) for value in different]
    if not all(known):
        codes = np.where(known, np.cumsum(known) - 1, -1).astype(np.int32)[codes]
    return of_codes(codes, [str(value) for value in different if isinstance(value, str)])


def text_of(value: Any) -> str:
    """Write a value as text: a whole number without a point, a date as ISO has it."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, numbers.Real | Decimal):
        return str(math.floor(value)) if value == value // 1 else repr(float(value))
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value)


def texts_of(values: Values) -> Values:
    """Make texts of cells that are something else."""
    if values.holds in ("text", "nothing"):
        return values
    different, codes = np.unique(values.cells, return_inverse=True)
    codes = codes.astype(np.int32)
    codes[is_missing(values)] = -1
    if values.holds in ("date", "time"):
        texts = [str(moment).removesuffix(".000000") for moment in different.view("M8[us]")]
    else:
        known = different[: len(different) - bool(np.isnan(different[-1:]).any())]
        texts = [text_of(bool(v) if values.holds == "boolean" else v) for v in known.tolist()]
    return Values("text", codes, texts)


def _nothing(cells: np.ndarray) -> Values:
    return Values("nothing", np.full(len(cells), np.nan))


def _without_missing(cells: np.ndarray) -> np.ndarray:
    """Put None in the place of each object that stands for a missing one."""
    missing = np.fromiter((_stands_for_missing(value) for value in cells), bool, len(cells))
    filled = cells.copy()
    filled[missing] = None
    return filled


def _stands_for_missing(value: Any) -> bool:
    return type(value).__name__ in MISSING_TYPES or (
        isinstance(value, MAY_BE_MISSING) and bool(value != value)
    )


def _held_by(t: type) -> str:
    for held, types in _TYPES.items():
        if issubclass(t, types):
            return held
    return "mixture"


# In this order: a bool is an int, and a datetime a date.
_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool, np.bool_),
    "duration": (dt.timedelta, np.timedelta64),  # which is a number to Python, too
    "number": (numbers.Real, Decimal),
    "complex": (numbers.Complex,),
    "text": (str,),
    "date": (dt.date, np.datetime64),
    "time": (dt.time,),
}


def _numbers(cells: np.ndarray) -> Values:
    try:
        numbers = cells.astype(np.float64)  # None becomes NaN
    except (TypeError, ValueError, OverflowError):
        numbers = np.fromiter(map(_number, cells), np.float64, len(cells))
    return _or_nothing(Values("number", numbers))


def _number(value: Any) -> float:
    if type(value).__name__ in MISSING_TYPES:
        return np.nan
    try:
        return float(value)
    except OverflowError:  # a whole number beyond 1.8e308
        return np.inf
    except ValueError:  # a signalling NaN of Decimal
        return np.nan


def _booleans(cells: np.ndarray) -> Values:
    return _numbers(cells)._replace(holds="boolean")


def _durations(cells: np.ndarray) -> Values:
    return of_array(np.array([_plain(value) for value in cells], "m8[us]"))


def _dates(cells: np.ndarray) -> Values:
    known = (value for value in cells if _plain(value) is not None)
    zones = {getattr(value, "tzinfo", None) is not None for value in known}
    has_zone = None if len(zones) == 2 else True in zones
    return of_dates(np.array([_as_of_utc(value) for value in cells], "M8[us]"), has_zone)


def _times(cells: np.ndarray) -> Values:
    first = dt.date(1970, 1, 1)
    moments = [
        v if v is None else dt.datetime.combine(first, v.replace(tzinfo=None)) for v in cells
    ]
    return of_dates(np.array([_plain(v) for v in moments], "M8[us]"))._replace(holds="time")


def _mixture(cells: np.ndarray) -> Values:
    return _texts(*_numbered(None if _stands_for_missing(v) else text_of(v) for v in cells))


def _plain(value: Any) -> Any:
    return None if type(value).__name__ in MISSING_TYPES else value


def _as_of_utc(value: Any) -> Any:
    if getattr(value, "tzinfo", None) is not None and _plain(value) is not None:
        return value.astimezone(dt.UTC).replace(tzinfo=None)
    return _plain(value)


_READERS: dict[str, Callable[[np.ndarray], Values]] = {
    "number": _numbers,
    "boolean": _booleans,
    "duration": _durations,
    "date": _dates,
    "time": _times,
    "text": _of_texts,
    "mixture": _mixture,
}
