"""Dates and times as people write them.

A column has one format, chosen in training from all its cells: 05/06/2024 is a date of two formats,
and only another cell of the column, such as 31/06/2024, tells which.
"""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ISO = "ISO 8601"
DASHED = "%Y-%m-%d"  # of which ISO's dates are, and 2024-1-31
_ZONE = r"(?:Z|\s?(?:UTC|GMT|[+\-]\d{2}(?::?\d{2})?))"
_ISO_PATTERN = (
    rf"^\d{{4}}-\d{{2}}-\d{{2}}(?:[T ]\d{{2}}:\d{{2}}(?::\d{{2}}(?:\.\d{{1,9}})?)?{_ZONE}?)?$"
)
PARTS = {
    "%Y": r"\d{4}",
    "%y": r"\d{2}",
    "%m": r"\d{1,2}",
    "%d": r"\d{1,2}",
    "%b": r"[A-Za-z]{3,9}",  # Jan and January alike, as strptime has it
    "%B": r"[A-Za-z]{3,9}",
    "%a": r"[A-Za-z]{3,9}",
    "%A": r"[A-Za-z]{3,9}",
    "%H": r"\d{1,2}",
    "%M": r"\d{2}",
    "%S": r"\d{2}",
    "%p": r"[AaPp][Mm]",
    "%I": r"\d{1,2}",
}
_NUMBERED = (
    *(
        "%Y-%m-%d",
        "%Y/%m/%d",
        "%Y.%m.%d",
        "%d/%m/%Y",
        "%m/%d/%Y",
        "%d.%m.%Y",
        "%d-%m-%Y",
        "%m-%d-%Y",
    ),
    *("%d/%m/%y", "%m/%d/%y", "%d.%m.%y"),
)
_NAMED = (*("%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%b %d, %Y", "%a, %d %b %Y", "%a, %b %d, %Y"),)
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_MONTHS = ("%Y-%m", "%Y/%m", "%m/%Y", "%b %Y", "%b-%Y")
_CTIME = "%a %b %d %H:%M:%S %Y"
FORMATS = (ISO, *(day + time for day in _NUMBERED + _NAMED for time in _TIMES), *_MONTHS, _CTIME)
_YEAR_OF_MONTH = r"(?:1[89]|20)\d{2}"  # as 4711-02 is a number of something
# How all formats begin: most columns of texts have no such cell.
_BEGINNING = (
    r"^(?:\d{1,4}[-/.]\d{1,4}|\d{1,2}[ -][A-Za-z]{3}|[A-Za-z]{3,9}(?:,? (?:\d|[A-Za-z]{3})|-\d))"
)


def candidates(cells: pa.Array) -> dict[str, np.ndarray]:
    """Find the formats in which some cells are dates.

    Parameters
    ----------
    cells : string array
        Different cells of a column, trimmed.

    Returns
    -------
    found : dict of ndarray of bool
        Which cells are dates, by format.
    """
    found: dict[str, np.ndarray] = {}
    for format in _possible(cells):
        is_known = format.startswith(DASHED) and ISO in found and found[ISO].all()
        good = _looks(cells, format) if is_known else pc.is_valid(read(cells, format))
        flags = good.to_numpy(zero_copy_only=False)
        if flags.any():
            found[format] = flags
    return found


def _possible(cells: pa.Array) -> list[str]:
    """Find the formats that the first cells have the look of."""
    first = cells.slice(0, 100)
    if not pc.any(pc.match_substring_regex(first, _BEGINNING)).as_py():
        return []
    return [f for f in FORMATS if pc.any(_looks(first, f)).as_py()]


def unknown_part(format: str) -> str | None:
    """Find a part of a format, as %j, that is not read."""
    parts = re.findall(r"%.?", format)
    return next((part for part in parts if part not in PARTS), None) if parts else ""


def _looks(cells: pa.Array, format: str) -> pa.Array:
    return pc.match_substring_regex(cells, _pattern(format))


def read(cells: pa.Array, format: str) -> pa.Array:
    """Read cells as times of a format; null where a cell is none, or is null.

    Returns
    -------
    times : timestamp array
        In microseconds, of UTC where the cells tell their zone.
    """
    cells = pc.if_else(_looks(cells, format), cells, None)
    if format != ISO:
        return _strptime(cells, format)
    zoned = have_zone(cells)
    cells = pc.replace_substring_regex(cells, r"\s?(?:UTC|GMT)$", "Z")
    cells = pc.replace_substring_regex(cells, r"\s([+\-]\d{2}:?\d*)$", r"\1")
    cells = pc.replace_substring_regex(cells, r"(\.\d{6})\d+", r"\1")  # of a thousandth of a µs
    local = _cast(pc.if_else(zoned, None, cells), pa.timestamp("us"))
    universal = _cast(pc.if_else(zoned, cells, None), pa.timestamp("us", "UTC"))
    return pc.coalesce(local, pc.cast(universal, pa.timestamp("us")))


def have_zone(cells: pa.Array) -> pa.Array:
    """Tell which of ISO's dates name their time zone."""
    zoned = pc.match_substring_regex(cells, rf"{_ZONE}$")
    return pc.and_(zoned, pc.greater(pc.binary_length(cells), 10))  # -05 of a date is no zone


def _strptime(cells: pa.Array, format: str) -> pa.Array:
    """Parse; the C library's own strptime takes the 31st of June, so the parts are compared."""
    times = pc.strptime(cells, format, "us", error_is_null=True)
    if "%d" in format:
        day = re.escape(format).replace("%d", "D", 1)
        pattern = re.sub(r"%[A-Za-z]", lambda part: PARTS[part[0]], day)
        pattern = pattern.replace("D", r"(?P<day>\d{1,2})", 1)
        told = pc.struct_field(pc.extract_regex(cells, f"^{pattern}$"), "day")
        right = pc.equal(pc.cast(told, pa.int64()), pc.day(times))
        times = pc.if_else(right, times, None)
    return times


def _cast(cells: pa.Array, type: pa.DataType) -> pa.Array:
    """Cast; null where a cell is no time of the calendar, as the 31st of June."""
    try:
        return pc.cast(cells, type)
    except pa.ArrowInvalid:
        return pa.array([_cast_one(cell, type) for cell in cells], type)


def _cast_one(cell: pa.Scalar, type: pa.DataType) -> pa.Scalar | None:
    try:
        return cell.cast(type)
    except pa.ArrowInvalid:
        return None


def _pattern(format: str) -> str:
    if format == ISO:
        return _ISO_PATTERN
    parts = {**PARTS, "%Y": _YEAR_OF_MONTH} if format in _MONTHS else PARTS
    return "^" + re.sub(r"%[A-Za-z]", lambda part: parts[part[0]], re.escape(format)) + "$"
