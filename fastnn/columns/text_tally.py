"""What the cells of a column have in common, counted batch after batch, and what it is by that."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastnn.columns import text_dates
from fastnn.columns.text_cells import (
    AT_ONCE,
    InputError,
    Missing,
    Reading,
    is_date,
    is_number,
    is_text,
    shown,
    to_numbers,
)
from fastnn.columns.text_numbers import NumberFormat, NumberTally, add_matrix, plain_matrix

LONGEST_NUMBER = 100  # bytes; a longer cell is no number or date, whatever it looks like
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
        self.truths: tuple[str, str] | None = None
        self.stranger: str | None = None
        self.code: str | None = None

    def add(self, cells: pa.Array) -> None:
        """Add a batch of cells."""
        self.rows += len(cells)
        if pa.types.is_dictionary(cells.type):
            self._add_dictionary(cells)
        elif is_text(cells.type):
            self._add_texts(pc.cast(cells, pa.string()))
        elif not pa.types.is_null(cells.type):
            self._add_typed(cells, cells.null_count)

    def _add_typed(self, cells: pa.Array, nulls: int) -> None:
        self.types[str(cells.type)] = cells.type
        self.values += len(cells) - nulls
        if is_number(cells.type):
            numbers = to_numbers(cells)
            self.values -= pc.sum(pc.is_nan(numbers)).as_py() or 0
            values = numbers.to_numpy(zero_copy_only=False)
            with np.errstate(invalid="ignore"):
                whole = (values == np.rint(values)) & np.isfinite(values)
                self.numbers.whole &= bool(np.all(whole | np.isnan(values)))

    def _add_dictionary(self, cells: pa.Array) -> None:
        indices = cells.indices.drop_null().to_numpy()
        counts = np.bincount(indices, minlength=len(cells.dictionary))
        if is_text(cells.dictionary.type):
            occurring = np.flatnonzero(counts)
            texts = pc.cast(cells.dictionary.take(pa.array(occurring)), pa.string())
            self._add_different(texts, counts[occurring])
        else:
            self._add_typed(cells.dictionary_decode(), cells.null_count)

    def _add_texts(self, cells: pa.Array) -> None:
        counted = pc.value_counts(cells.drop_null())
        self._add_different(counted.field("values"), counted.field("counts").to_numpy())

    def _add_different(self, cells: pa.Array, counts: np.ndarray) -> None:
        """Add different texts, each with how often it stands there."""
        trimmed = pc.utf8_trim_whitespace(cells)
        filled = pc.not_equal(trimmed, "").to_numpy(zero_copy_only=False)
        self.values += int(counts[filled].sum())
        words = self._missing.are_words(trimmed).to_numpy(zero_copy_only=False)
        self.words += int(counts[words].sum())
        if self.truths is None:
            self.truths = _truths(trimmed)
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
        if self.stranger is None and not known.all():
            self.stranger = trimmed[int(np.argmin(known))].as_py()

    def _add_dates(self, cells: pa.Array, counts: np.ndarray) -> np.ndarray:
        some = np.zeros(len(cells), dtype=bool)
        for format, good in text_dates.candidates(cells).items():
            self.dates[format] += int(counts[good].sum())
            some |= good
        return some

    @property
    def n_left(self) -> int:
        """How many cells are neither empty nor stand for a missing number."""
        return self.values - self.words


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


def _truths(cells: pa.Array) -> tuple[str, str] | None:
    """How False and True are written, as FALSE and TRUE are."""
    for pair in (("False", "True"), ("FALSE", "TRUE"), ("false", "true")):
        if pc.any(pc.is_in(cells, value_set=pa.array(pair))).as_py():
            return pair
    return None


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
    if not tally.values:
        return Reading(tally.name, "left out", "it is empty")
    reading = _decide(tally, decimal)
    return replace(reading, truths=tally.truths or reading.truths)


def _wished(tally: Tally, decimal: str, wish: str) -> Reading:
    kind, _, format = wish.partition(":")
    if kind == "date":
        likeliest = [f for f, _ in tally.dates.most_common(1)]
        return Reading(tally.name, "date", date=format or (likeliest or [text_dates.ISO])[0])
    if kind == "number":
        return Reading(
            tally.name, "number", number=_format(tally, decimal) or NumberFormat(decimal)
        )
    if kind == "category":
        return Reading(tally.name, "category", truths=tally.truths or ("False", "True"))
    raise InputError(
        f"--kind {shown(tally.name + '=' + wish)}: the kinds are number, category, date and "
        "date:FORMAT."
    )


def _decide(tally: Tally, decimal: str) -> Reading:
    name = tally.name
    if tally.types:
        return _by_type(tally)
    n, numbers = tally.n_left, tally.numbers
    if numbers.either == n and n:
        format = _format(tally, decimal)
        if numbers.codes:
            why = "digits with zeros in front, or too many for a number"
            return Reading(name, "text", f"{why}: --kind {name}=number reads them as numbers")
        if format is None:
            why = "its numbers are written in several ways"
            return Reading(name, "text", f"{why}: write them alike, or --kind {name}=number")
        return Reading(name, "number", number=format)
    formats = [f for f, count in tally.dates.items() if count == n]
    if len(formats) == 1:
        return Reading(name, "date", date=formats[0])
    if formats:
        two = " or ".join(sorted(formats)[:2])
        why = f"its dates are of {two}"
        return Reading(name, "text", f"{why}: --kind '{name}=date:{sorted(formats)[0]}' chooses")
    most = max(numbers.either, *tally.dates.values(), 0)
    if n and most > MOSTLY * n:
        what = "numbers" if most == numbers.either else "dates"
        return Reading(name, "text", f"{most} of {n} cells are {what}, {_stranger(tally)}")
    return Reading(name, "text")


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


def _by_type(tally: Tally) -> Reading:
    types = list(tally.types.values())
    for kind, is_one in (("number", is_number), ("date", is_date)):
        if all(map(is_one, types)):
            return Reading(tally.name, kind)
    if any(pa.types.is_nested(type) for type in types):
        return Reading(tally.name, "left out", "its cells are lists")
    return Reading(tally.name, "text")
