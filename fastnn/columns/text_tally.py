"""What the cells of a column have in common, counted batch after batch, and what it is by that."""

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastnn.columns import text_dates
from fastnn.columns.input_error import InputError, shown
from fastnn.columns.text_cells import AT_ONCE
from fastnn.columns.text_hints import HintTally
from fastnn.columns.text_numbers import (
    MOST_DIGITS,
    NumberFormat,
    NumberTally,
    add_matrix,
    plain_matrix,
)
from fastnn.columns.text_reading import (
    TRUTHS,
    Missing,
    Reading,
    has_zone,
    is_date,
    is_number,
    is_text,
    to_numbers,
)

LONGEST_NUMBER = 100  # bytes; a longer cell is no number or date, whatever it looks like
AS_HOURS = "are times of a day: written as hours they are numbers"
MOSTLY = 0.5  # a text of which more cells are numbers or dates is told


class Tally:
    """Counts of one column's cells.

    Attributes
    ----------
    types : set of str
        Arrow's types that its cells had, texts left out.
    rows, values, words : int
        How many cells there were, how many of them not empty, and how many of those stand for
        missing numbers.
    numbers : NumberTally
        Its cells as numbers.
    dates : Counter
        How many cells are dates, by format.
    dated : int
        How many are dates of any format.
    texts, typed_dates : int
        How many cells that are not empty are texts, and how many dates came as such: of a sheet,
        one part may hold numbers and the next texts.
    zoned : int
        How many dates have a time zone.
    hints : HintTally
        What the others look like.
    stranger : str or None
        The first cell that is neither.
    """

    def __init__(self, name: str, missing: Missing) -> None:
        self.name = name
        self._missing = missing
        self.types: dict[str, pa.DataType] = {}
        self.rows = self.values = self.words = 0
        self.numbers = NumberTally()
        self.dates: Counter[str] = Counter()
        self.dated = 0
        self.texts = self.typed_dates = self.zoned = 0
        self.hints = HintTally()
        self._words: set[str] = set()
        self.truths: set[tuple[str, str]] = set()
        self.stranger: str | None = None

    def add(self, cells: pa.Array) -> None:
        """Add a batch of cells."""
        self.rows += len(cells)
        if pa.types.is_dictionary(cells.type):
            self._add_dictionary(cells)
        elif is_text(cells.type):
            self._add_texts(pc.cast(cells, pa.string()))
        elif not pa.types.is_null(cells.type):
            self._add_typed(cells)

    def _add_type(self, type: pa.DataType, n_values: int) -> None:
        self.types[str(type)] = type
        self.values += n_values

    def _add_typed(self, cells: pa.Array) -> None:
        self._add_type(cells.type, len(cells) - cells.null_count)
        if is_number(cells.type):
            numbers = to_numbers(cells)
            self.numbers.codes += _n_too_long(cells, numbers)
            self.values -= pc.sum(pc.is_nan(numbers)).as_py() or 0
            self.numbers.add_typed(numbers.to_numpy(zero_copy_only=False))
        elif is_date(cells.type):
            self.typed_dates += len(cells) - cells.null_count
            self.zoned += (len(cells) - cells.null_count) * has_zone(cells.type)

    def _add_dictionary(self, cells: pa.Array) -> None:
        indices = cells.indices.drop_null().to_numpy()
        counts = np.bincount(indices, minlength=len(cells.dictionary))
        if is_text(cells.dictionary.type):
            occurring = np.flatnonzero(counts)
            texts = pc.cast(cells.dictionary.take(pa.array(occurring)), pa.string())
            self._add_different(texts, counts[occurring])
        elif is_number(cells.dictionary.type):
            self._add_typed(cells.dictionary_decode())
        else:
            self._add_type(cells.dictionary.type, len(indices))

    def _add_texts(self, cells: pa.Array) -> None:
        counted = pc.value_counts(cells.drop_null())
        self._add_different(counted.field("values"), counted.field("counts").to_numpy())

    def _add_different(self, cells: pa.Array, counts: np.ndarray) -> None:
        """Add different texts, each with how often it stands there."""
        trimmed = pc.utf8_trim_whitespace(cells)
        filled = pc.not_equal(trimmed, "").to_numpy(zero_copy_only=False)
        n_filled = int(counts[filled].sum())
        self.values += n_filled
        self.texts += n_filled
        words = self._missing.are_words(trimmed).to_numpy(zero_copy_only=False)
        self.words += int(counts[words].sum())
        if len(self._words) < 2 and words.any():
            self._words |= set(trimmed.filter(pa.array(words)).to_pylist())
        if len(self.truths) < len(TRUTHS):
            self.truths |= _truths(trimmed)
        left = filled & ~words
        short = pc.less_equal(pc.binary_length(trimmed), LONGEST_NUMBER)
        looked_at = left & short.to_numpy(zero_copy_only=False)
        trimmed, counts_left = trimmed.filter(pa.array(left)), counts[left]
        known = np.zeros(len(trimmed), dtype=bool)
        within = looked_at[left]
        candidates = trimmed.filter(pa.array(within))
        if len(candidates):
            numbers = self.numbers.add(candidates, counts_left[within])
            dates = self._add_dates(candidates, counts_left[within])
            known[within] = numbers | dates
            self.dated += int(counts_left[within][dates].sum())
            others = pa.array(~known[within])
            self.hints.add(candidates.filter(others), counts_left[within][~known[within]])
        if self.stranger is None and not known.all():
            self.stranger = trimmed[int(np.argmin(known))].as_py()

    def _add_dates(self, cells: pa.Array, counts: np.ndarray) -> np.ndarray:
        some = np.zeros(len(cells), dtype=bool)
        for format, good in text_dates.candidates(cells).items():
            self.dates[format] += int(counts[good].sum())
            some |= good
            if format == text_dates.ISO:
                zoned = text_dates.have_zone(cells).to_numpy(zero_copy_only=False)
                self.zoned += int(counts[good & zoned].sum())
        return some

    @property
    def n_left(self) -> int:
        """How many cells are neither empty nor stand for a missing number."""
        return self.values - self.words

    @property
    def is_empty(self) -> bool:
        """Whether no cell has a value, or all have the same word for a missing one."""
        return not self.values or (self.words == self.rows and len(self._words) == 1)


def add_batch(tallies: Sequence[Tally], columns: Sequence[pa.Array]) -> None:
    """Add a batch of cells to the tally of each column; most hold nothing but plain numbers."""
    for begin in range(0, len(tallies), AT_ONCE):
        some, cells = tallies[begin : begin + AT_ONCE], columns[begin : begin + AT_ONCE]
        if not _add_plain(some, cells):
            for tally, column in zip(some, cells, strict=True):
                if not _add_plain([tally], [column]):
                    tally.add(column)


def _add_plain(tallies: Sequence[Tally], columns: Sequence[pa.Array]) -> bool:
    read = plain_matrix(columns) if len(columns[0]) else None
    if read is None:
        return False
    add_matrix([tally.numbers for tally in tallies], *read)
    for tally in tallies:
        tally.rows += len(columns[0])
        tally.values += len(columns[0])
    return True


def _n_too_long(cells: pa.Array, numbers: pa.Array) -> int:
    """Count whole numbers with more digits than a number keeps, by their type."""
    type = cells.type
    if not pa.types.is_integer(type) and not (pa.types.is_decimal(type) and type.scale == 0):
        return 0
    return pc.sum(pc.greater_equal(pc.abs(numbers), 10.0**MOST_DIGITS)).as_py() or 0


def _truths(cells: pa.Array) -> set[tuple[str, str]]:
    """How False and True are written, as FALSE and TRUE are."""
    return {p for p in TRUTHS if pc.any(pc.is_in(cells, value_set=pa.array(p))).as_py()}


@dataclass(frozen=True)
class Wishes:
    """What a person said about columns.

    Attributes
    ----------
    decimal : str or None
        Decimal mark of the file.
    kinds : dict of str
        'number', 'category', 'date' or 'date:FORMAT', by column.
    drop : sequence of str
        Columns to leave out.
    """

    decimal: str | None = None
    kinds: dict[str, str] | None = None
    drop: Sequence[str] = ()


def decimal_of(tallies: Iterable[Tally], usual: str) -> str:
    """Find a file's decimal mark: what some cell can only be read by, or what is usual."""
    tallies = list(tallies)
    sure = {mark: sum(t.numbers.sure[mark] for t in tallies) for mark in ".,"}
    if bool(sure["."]) != bool(sure[","]):
        return "." if sure["."] else ","
    return usual


def decide(tally: Tally, decimal: str, wishes: Wishes) -> Reading:
    """Decide how a column is read.

    Parameters
    ----------
    tally : Tally
        Of all its cells.
    decimal : str
        The file's decimal mark, for cells that could be read with either.
    wishes : Wishes
        What a person said.

    Raises
    ------
    InputError
        If a person asks for a kind that there is not.
    """
    wish = (wishes.kinds or {}).get(tally.name)
    if tally.name in wishes.drop:
        return Reading(tally.name, "left out", "--drop")
    if wish is not None:
        return _wished(tally, decimal, wish)
    if tally.name == "":
        return Reading("", "left out", "it has no name")
    if tally.is_empty:
        return Reading(tally.name, "left out", "it is empty")
    return _with_truths(_decide(tally, decimal), tally)


def _with_truths(reading: Reading, tally: Tally) -> Reading:
    """Keep how False and True are written, and whether that is all the same."""
    if reading.kind not in ("text", "category"):
        return reading
    own = next((pair for pair in TRUTHS if pair in tally.truths), reading.truths)
    return replace(reading, truths=own, has_one_truth=len(tally.truths) < 2)


def _wished(tally: Tally, decimal: str, wish: str) -> Reading:
    kind, _, format = wish.partition(":")
    if kind == "date":
        likeliest = [f for f, _ in tally.dates.most_common(1)]
        return _dates(tally, format or (likeliest or [text_dates.ISO])[0])
    if kind == "number":
        return Reading(tally.name, "number", number=_likeliest_format(tally, decimal))
    if kind == "category":
        return _with_truths(Reading(tally.name, "category"), tally)
    raise InputError(
        f"--kind {shown(tally.name + '=' + wish)}: the kinds are number, category, date and "
        "date:FORMAT."
    )


def _decide(tally: Tally, decimal: str) -> Reading:
    name = tally.name
    if tally.types and not tally.texts:
        return _by_type(tally)
    n, numbers = tally.n_left, tally.numbers
    if numbers.either == n and n:
        format = _format(tally, decimal)
        if numbers.codes:
            return Reading(name, "text", _codes(name))
        if format is None:
            why = "its numbers are written in several ways"
            return Reading(name, "text", f"{why}: write them alike")
        return Reading(name, "number", _stamps(tally), number=format)
    formats = [f for f, count in tally.dates.items() if count + tally.typed_dates == n]
    if n and tally.typed_dates == n:
        formats = [text_dates.ISO]
    if text_dates.ISO in formats:  # of which 2024-01-31 is, as it is of %Y-%m-%d
        formats = [text_dates.ISO]
    if len(formats) == 1:
        return _dates(tally, formats[0])
    if formats:
        two = " or ".join(sorted(formats)[:2])
        why = f"its dates are of {two}"
        way_out = kind_option(name, f"date:{sorted(formats)[0]}")
        return Reading(name, "text", f"{why}: {way_out} chooses")
    return Reading(name, "text", _what_most_are(tally))


def _dates(tally: Tally, format: str) -> Reading:
    """Read dates, those without a time zone as of UTC where others have one."""
    n = tally.typed_dates + tally.dates[format]
    if not n or format != text_dates.ISO:  # others name none
        return Reading(tally.name, "date", date=format)
    if 0 < tally.zoned < n:
        why = f"{n - tally.zoned} of {n} name no time zone and are taken for UTC, the others do"
        return Reading(tally.name, "date", why, date=format)
    return Reading(tally.name, "date", date=format, zone="with" if tally.zoned else "without")


def _codes(name: str) -> str:
    why = "digits with zeros in front, or too many for a number"
    return f"{why}: {kind_option(name, 'number')} reads them as numbers"


def _stamps(tally: Tally) -> str:
    """Tell that all numbers look like dates, as 20240131 does, and what to do."""
    for format, count in tally.numbers.stamps.items():
        if count == tally.n_left:
            way_out = f"{kind_option(tally.name, f'date:{format}')} reads them as such"
            return f"its numbers look like dates: {way_out}"
    return ""


def _what_most_are(tally: Tally) -> str:
    """Tell that most cells of a text are numbers or dates, or look like them, and what to do."""
    n, most = tally.n_left, max(tally.numbers.either, tally.dated)
    if n and most > MOSTLY * n:
        what = "numbers" if most == tally.numbers.either else "dates"
        if most == n:
            return f"its {what} are written in several ways: write them alike"
        return f"{most} of {n} cells are {what}, {_stranger(tally)}"
    hint = tally.hints.likeliest(n, tally.numbers.either, tally.dated)
    if hint is None:
        return ""
    what, count, unit = hint
    told = {
        "unit": f"are numbers beside {shown(unit)}: {kind_option(tally.name, 'number')} reads them",
        "units": f"are numbers beside several units, as {shown(unit)}: write them in one",
        "shortened": "are numbers with K, M or the like: write them out, as 1200 for 1.2K",
        "times": AS_HOURS,
        "dates": f"look like dates: {kind_option(tally.name, 'date:FORMAT')} reads them, as with "
        "%d/%m/%Y",
        "periods": "are quarters or weeks of years: written as dates, as 2024-01-31, they have an "
        "order",
        "digits": "are digits of another script: write them with 0 to 9",
        "unusual": "are numbers in an unusual form: write them as 1234.5, and no blank before a "
        "quotation mark",
    }
    return f"{count} of {n} cells {told[what]}"


def kind_option(name: str, kind: str) -> str:
    """Spell the option as a shell takes it."""
    told = shown(name)[1:-1]
    plain = told.isidentifier() and "%" not in kind
    if plain or "'" in told:
        return f"--kind {shlex.quote(f'{told}={kind}')}"
    return f"--kind '{told}={kind}'"


def _stranger(tally: Tally) -> str:
    if tally.stranger is None:
        return "the others are not"
    other = shown(tally.stranger)
    return f"and {other} is not: --missing {other} counts it as missing"


def _format(tally: Tally, decimal: str) -> NumberFormat | None:
    """Choose the format that reads all numbers, if there is one."""
    numbers = tally.numbers
    for mark in (decimal, "," if decimal == "." else "."):
        if numbers.readable[mark] == numbers.either and len(numbers.affixes) <= 1:
            affix = next(iter(numbers.affixes), "")
            if affix == "%" and numbers.affixes[affix] < numbers.either:
                return None
            return NumberFormat(mark, affix)
    return None


def _likeliest_format(tally: Tally, decimal: str) -> NumberFormat:
    """Choose a format for a column that a person calls numbers."""
    hint = tally.hints.likeliest(tally.n_left)
    if hint is not None and hint[0] == "unit":
        return NumberFormat(decimal, hint[2])
    return _format(tally, decimal) or NumberFormat(decimal)


def _by_type(tally: Tally) -> Reading:
    types = list(tally.types.values())
    if tally.numbers.codes and all(map(is_number, types)):
        return Reading(tally.name, "text", _codes(tally.name))
    if all(map(is_number, types)):
        return Reading(tally.name, "number", _stamps(tally))
    if all(map(is_date, types)):
        return _dates(tally, text_dates.ISO)
    if all(map(pa.types.is_time, types)):
        return Reading(tally.name, "text", f"its cells {AS_HOURS}")
    if any(pa.types.is_nested(type) for type in types):
        return Reading(tally.name, "left out", "its cells are lists or records")
    return Reading(tally.name, "text")
