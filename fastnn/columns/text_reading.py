"""How the cells of one column are read: as numbers, dates, texts or categories.

Files hold texts, or types that their writer chose; a `Reading` takes either, and `Missing` says
which cells count as missing.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastnn.columns import text_dates
from fastnn.columns.input_error import InputError, shown
from fastnn.columns.text_numbers import NumberFormat, plain_matrix
from fastnn.columns.values import text_of

MAX_NUMBER = 1e100  # columns are scaled, and squares of much larger numbers overflow
MISSING_WORDS = (
    *("NA", "null", "?", "-", "NaN", "-NaN", "N/A", "#N/A", "#N/A!", "<NA>", "(null)", "\\N"),
    *("none", "nil", "missing", "unknown", "undefined", "--", "---", ".", "..", "*"),
    *("NaT", "n.a.", "N/D", "not available", "#NV", "\u2013", "\u2014"),  # and two dashes
    *("#N/A N/A", "#NA", "1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND"),  # of programs in C
    *("#VALUE!", "#DIV/0!", "#REF!", "#NAME?", "#NUM!", "#NULL!"),  # errors of spreadsheets
)
TRUTHS = (("False", "True"), ("FALSE", "TRUE"), ("false", "true"))


@dataclass(frozen=True)
class Missing:
    """Which cells are missing, beside the empty and the blank ones.

    Attributes
    ----------
    words : tuple of str
        Texts that stand for a missing value; capitals and blanks around them do not count.
    everywhere : bool
        Whether they are missing among texts too, or only among numbers and dates.
    """

    words: tuple[str, ...] = MISSING_WORDS
    everywhere: bool = False

    def __post_init__(self) -> None:
        lowered = pa.array([word.strip().lower() for word in self.words], pa.string())
        named = pa.array([float(w) for w in self.words if _is_number(w)], pa.float64())
        object.__setattr__(self, "_lowered", lowered)
        object.__setattr__(self, "_numbers", named)

    def are_words(self, cells: pa.Array) -> pa.Array:
        """Tell which trimmed cells are among the words."""
        return pc.is_in(pc.utf8_lower(cells), value_set=self._lowered)  # type: ignore[attr-defined]

    def without(self, cells: pa.Array, are_texts: bool) -> pa.Array:
        """Make missing cells null; the others are trimmed, unless they are texts."""
        trimmed = pc.utf8_trim_whitespace(cells)
        gaps = pc.equal(trimmed, "")
        if self.everywhere or not are_texts:
            gaps = pc.or_(gaps, self.are_words(trimmed))
        return pc.if_else(gaps, None, cells if are_texts else trimmed)

    def without_numbers(self, numbers: pa.Array) -> pa.Array:
        """Make null those numbers that a user names as missing, as -999."""
        named = self._numbers  # type: ignore[attr-defined]
        gaps = pc.or_(pc.is_nan(numbers), pc.is_in(numbers, value_set=named))
        return pc.if_else(gaps, None, numbers)


@dataclass(frozen=True)
class Reading:
    """How the cells of one column are read.

    Attributes
    ----------
    name : str
        Of the column.
    kind : {'number', 'date', 'text', 'category', 'left out'}
        What it is. A 'text' is a category unless its texts hardly ever come again; a 'category' is
        one because a person said so.
    reason : str
        Why it is left out, or is a text where most cells are numbers or dates; what else is to be
        known of numbers and dates.
    number : NumberFormat
        Of a column of numbers.
    date : str
        Format of a column of dates, as of `strptime`.
    zone : {'', 'with', 'without'}
        Whether all dates have a time zone, or none; '' where some may have one.
    truths : tuple of str
        How False and True are written in a column of texts.
    has_one_truth : bool
        Whether False and True in other capitals mean the same, as training had but one form.
    """

    name: str
    kind: str
    reason: str = ""
    number: NumberFormat = field(default_factory=NumberFormat)
    date: str = text_dates.ISO
    zone: str = ""
    truths: tuple[str, str] = ("False", "True")
    has_one_truth: bool = False

    @property
    def type(self) -> pa.DataType:
        """Arrow's type of what is read."""
        return TYPES[self.kind]

    def read(self, cells: pa.Array, missing: Missing, first_row: int = 0) -> pa.Array:
        """Read cells of any type.

        Parameters
        ----------
        cells : array
            As a file or a frame holds them.
        missing : Missing
            What counts as missing.
        first_row : int, default=0
            Rows of the file before them.

        Returns
        -------
        values : array of `type`
            Null where a value is missing.

        Raises
        ------
        InputError
            If a cell is not what the column is, or a number is infinite or too large.
        """
        if pa.types.is_dictionary(cells.type):
            return self._read_dictionary(cells, missing, first_row)
        values, wrong = _READERS[self.kind](self, cells, missing)
        if wrong is not None and pc.any(wrong).as_py():
            row = int(np.argmax(pc.fill_null(wrong, False).to_numpy(zero_copy_only=False)))
            cell = cells[row].as_py()
            raise InputError(
                f"column {shown(self.name)} holds {shown(cell)} in row {first_row + row + 1}, "
                f"where {self._needed(cell)}."
            )
        return values

    def _read_dictionary(self, cells: pa.Array, missing: Missing, first_row: int) -> pa.Array:
        """Read each different cell once, unless one of them is wrong."""
        try:
            values = self.read(cells.dictionary, missing)
        except InputError:  # the row is to be told, and perhaps no row has that cell
            return self.read(cells.dictionary_decode(), missing, first_row)
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        return pc.cast(values.take(cells.indices), self.type)

    def check_mark(self, cells: pa.Array, first_row: int = 0) -> None:
        """Refuse numbers like 1,234 that have decimals or thousands.

        Raises
        ------
        InputError
            If a cell is such.
        """
        if self.kind != "number" or not is_text(cells.type):
            return
        doubtful = pc.match_substring_regex(cells, r"^\D*[1-9]\d{0,2}[.,]\d{3}\D*$")
        if pc.any(doubtful).as_py():
            row = doubtful.index(True).as_py()
            raise InputError(
                f"column {shown(self.name)} holds {shown(cells[row].as_py())} in row "
                f"{first_row + row + 1}, of which --decimal has to tell whether it has decimals or "
                "thousands."
            )

    def _needed(self, cell: object) -> str:
        if self.kind == "date":
            zone = f", {self.zone} a time zone," if self.zone else ""
            return f"a date as {self.date}{zone} is needed"
        mark = f", with {self.number.decimal!r} for decimals (--decimal)"
        told = mark if isinstance(cell, str) and re.search(r"\d[.,]|[.,]\d", cell) else ""
        what = f"finite number of size {MAX_NUMBER:g} at most" if _is_large(cell) else "number"
        affix = self.number.affix
        beside = (
            f" with {affix!r}" if affix == "%" else f", alone or beside {affix!r}," * bool(affix)
        )
        return f"a {what}{beside} is needed{told}"


TYPES = {
    "number": pa.float64(),
    "date": pa.timestamp("us"),
    "text": pa.string(),
    "category": pa.dictionary(pa.int32(), pa.string()),
}


def is_text(type: pa.DataType) -> bool:
    """Whether cells of this type are texts."""
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(type) for test in tests)


def is_number(type: pa.DataType) -> bool:
    """Whether cells of this type are numbers."""
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_duration)
    return any(test(type) for test in tests)


def is_date(type: pa.DataType) -> bool:
    """Whether cells of this type are dates."""
    return pa.types.is_date(type) or pa.types.is_timestamp(type)


def has_zone(type: pa.DataType) -> bool:
    """Whether dates of this type have a time zone."""
    return pa.types.is_timestamp(type) and type.tz is not None


def to_numbers(cells: pa.Array) -> pa.Array:
    """Cast numbers of any type; durations are in days."""
    if pa.types.is_duration(cells.type):
        microseconds = pc.cast(pc.cast(cells, pa.duration("us"), safe=False), pa.int64())
        return pc.divide(pc.cast(microseconds, pa.float64(), safe=False), 86_400e6)
    return pc.cast(cells, pa.float64(), safe=False)


def to_texts(cells: pa.Array, truths: tuple[str, str] = ("False", "True")) -> pa.Array:
    """Write cells of any type as texts: a whole number without a point, a date as ISO has it."""
    if pa.types.is_string_view(cells.type):  # which pyarrow before 19 casts to nothing
        return pa.array(cells.to_pylist(), pa.string())
    if is_text(cells.type):
        return pc.cast(cells, pa.string())
    if pa.types.is_boolean(cells.type):
        return pc.if_else(cells, truths[1], truths[0])
    if pa.types.is_decimal(cells.type):
        digits = pa.array([None if c is None else f"{c:f}" for c in cells.to_pylist()], pa.string())
        return pc.replace_substring_regex(digits, r"\.0*$|(\.\d*[1-9])0+$", r"\1")
    if pa.types.is_time(cells.type):  # as ISO has them: without a fraction of nothing
        return pc.replace_substring_regex(pc.cast(cells, pa.string()), r"\.0+$|(\.\d*?)0+$", r"\1")
    if pa.types.is_floating(cells.type):
        if not pa.types.is_float32(cells.type):
            cells = pc.cast(cells, pa.float64(), safe=False)
        cells = pc.if_else(pc.is_nan(cells), None, cells)
        whole = pc.and_(pc.equal(cells, pc.round(cells)), pc.less(pc.abs(cells), 2.0**53))
        digits = pc.cast(pc.cast(pc.if_else(whole, cells, 0), pa.int64()), pa.string())
        return pc.if_else(whole, digits, pc.cast(cells, pa.string()))  # 1e10 is 10000000000
    try:
        return pc.cast(cells, pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # bytes that are no UTF-8, lists
        return pa.array([None if c is None else text_of(c) for c in cells.to_pylist()], pa.string())


Read = tuple[pa.Array, pa.Array | None]  # values, and which cells are wrong


def _read_number(reading: Reading, cells: pa.Array, missing: Missing) -> Read:
    wrong = None
    if is_number(cells.type) or pa.types.is_boolean(cells.type):
        numbers = to_numbers(cells)
    elif is_text(cells.type):
        texts = missing.without(pc.cast(cells, pa.string()), are_texts=False)
        numbers, wrong = reading.number.read(texts)
    else:
        return pa.nulls(len(cells), pa.float64()), pc.is_valid(cells)
    numbers = missing.without_numbers(numbers)
    large = pc.greater(pc.abs(numbers), MAX_NUMBER)
    return numbers, large if wrong is None else pc.or_kleene(large, wrong)


def _read_date(reading: Reading, cells: pa.Array, missing: Missing) -> Read:
    if is_date(cells.type):
        times = pc.cast(pc.cast(cells, pa.timestamp("us"), safe=False), TYPES["date"])
        is_wrong = reading.zone == ("without" if has_zone(cells.type) else "with")
        return times, pc.is_valid(cells) if is_wrong else None
    if is_number(cells.type) and reading.date != text_dates.ISO:  # as 20240131 is
        cells = to_texts(cells)
    if not is_text(cells.type):
        return pa.nulls(len(cells), TYPES["date"]), pc.is_valid(cells)
    texts = missing.without(pc.cast(cells, pa.string()), are_texts=False)
    times = text_dates.read(texts, reading.date)
    wrong = pc.and_(pc.is_valid(texts), pc.is_null(times))
    if reading.zone:
        zoned = text_dates.have_zone(texts)
        others = zoned if reading.zone == "without" else pc.invert(zoned)
        wrong = pc.or_(wrong, pc.fill_null(others, False))
    return times, wrong


def _read_text(reading: Reading, cells: pa.Array, missing: Missing) -> Read:
    texts = missing.without(to_texts(cells, reading.truths), are_texts=True)
    return _in_one_form(texts, reading.truths) if reading.has_one_truth else texts, None


def _in_one_form(texts: pa.Array, truths: tuple[str, str]) -> pa.Array:
    """Write False and True as training had them: TRUE of a spreadsheet is True of a program."""
    for i, own in enumerate(truths):
        others = pa.array({pair[i] for pair in TRUTHS} - {own}, pa.string())
        is_other = pc.is_in(texts, value_set=others)
        if pc.any(is_other).as_py():
            texts = pc.if_else(is_other, own, texts)
    return texts


def _read_category(reading: Reading, cells: pa.Array, missing: Missing) -> Read:
    return pc.dictionary_encode(_read_text(reading, cells, missing)[0]), None


_READERS: dict[str, Callable[[Reading, pa.Array, Missing], Read]] = {
    "number": _read_number,
    "date": _read_date,
    "text": _read_text,
    "category": _read_category,
}


def _is_number(word: str) -> bool:
    try:
        return np.isfinite(float(word))
    except ValueError:
        return False


def _is_large(cell: object) -> bool:
    """Whether a cell is a number that is refused for its size."""
    try:
        return not abs(float(str(cell))) <= MAX_NUMBER
    except ValueError:
        return False


def read_chunks(reading: Reading, column: pa.ChunkedArray, missing: Missing) -> pa.ChunkedArray:
    """Read all chunks of a column."""
    row, chunks = 0, []
    for chunk in column.chunks:
        cells = to_texts(chunk) if pa.types.is_string_view(chunk.type) else chunk
        chunks.append(reading.read(cells, missing, row))
        row += len(chunk)
    return pa.chunked_array(chunks, reading.type)


def read_plain(
    readings: Sequence[Reading], columns: Sequence[pa.Array], missing: Missing
) -> list[pa.Array] | None:
    """Read columns at once, if all hold nothing but plain numbers."""
    plain = NumberFormat()
    if not all(reading.kind == "number" and reading.number == plain for reading in readings):
        return None
    read = plain_matrix(columns)
    if read is None or missing.everywhere or not len(read[0]):
        return None
    numbers, n = read[1], len(columns[0])
    if pc.max(pc.abs(numbers)).as_py() > MAX_NUMBER:
        return None
    return [numbers.slice(i * n, n) for i in range(len(columns))]
