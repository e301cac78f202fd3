r"""Numbers as people write them: 1234.5, 1.234,5, $1,234, 12,34,567, 12.5%, (300), 300-.

A column has one `NumberFormat`, chosen in training from all its cells and used for every later
file. It is chosen only where the cells leave no doubt: 1,234 and 1,5 in one column are not numbers
of one format, and neither are $5 and €5.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

CURRENCIES = (  # those that hold another's sign before it
    *("US$", "A$", "C$", "R$", "NZ$", "HK$", "S$", "NT$", "$", "€", "£", "¥", "₹", "₩", "₽", "₺"),
    *("₴", "₦", "₫", "₪", "₱", "฿", "zł", "kr", "Kč", "Ft", "Rs"),
    *("USD", "EUR", "GBP", "JPY", "CHF", "CNY", "INR", "KRW", "BRL", "CAD", "AUD", "NZD", "SEK"),
    *("NOK", "DKK", "PLN", "CZK", "HUF", "RON", "TRY", "RUB", "UAH", "ZAR", "MXN", "SGD", "HKD"),
)
# What parts thousands, beside a blank: narrow and no-break ones, apostrophes.
SPACES = "\u00a0\u2009\u202f'\u2019"
MINUS = "\u2212"
MOST_DIGITS = 15  # of a whole number; a longer one is rounded by 64 bits, so it is an identifier
FIRST_STAMP, LAST_STAMP = 190001, 21001231235959  # January 1900, and the last second of 2100

_SIGN = rf"[+\-{MINUS}]?"
SYMBOL = "(?:" + "|".join(map(re.escape, CURRENCIES)) + ")"


def _pattern(decimal: str, thousands: str) -> str:
    """Regular expression of a number, with groups of three digits, India's of two, or none."""
    of_india = r"|\d{1,2}(?:,\d{2})+,\d{3}" if thousands == "," else ""
    mark, group = "\\" + decimal, f"[{thousands} {SPACES}]"
    whole = rf"(?:\d{{1,3}}(?:{group}\d{{3}})+{of_india}|\d+)"
    number = rf"(?:{whole}(?:{mark}\d*)?|{mark}\d+)(?:[eE][+\-]?\d+)?"
    signed = rf"{_SIGN}\s?(?:{SYMBOL}\s?)?{_SIGN}{number}(?:\s?(?:%|{SYMBOL}))?"
    behind = rf"(?:{SYMBOL}\s?)?{number}[\-{MINUS}]"
    return rf"^(?:{signed}|{behind}|\((?:{SYMBOL}\s?)?{number}(?:\s?{SYMBOL})?\))$"


PATTERNS = {".": _pattern(".", ","), ",": _pattern(",", ".")}
_PLAIN = r"^[+\-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+\-]?\d+)?$"
_AFFIX = rf"(?P<affix>%|{SYMBOL})"


@dataclass(frozen=True)
class NumberFormat:
    """How a column's numbers are written.

    Attributes
    ----------
    decimal : str
        Decimal mark, '.' or ','. The other one parts thousands.
    affix : str
        Currency, '%' or another unit that stands beside the numbers, or '' for none. 12.5% is read
        as 12.5.
    """

    decimal: str = "."
    affix: str = ""

    def read(self, cells: pa.Array) -> tuple[pa.Array, pa.Array]:
        """Read cells, trimmed and null where a value is missing.

        Returns
        -------
        numbers : float64 array
            Null where a cell is null, or no number of this format.
        wrong : boolean array
            Which cells are no such number.
        """
        try:  # nearly all columns are plain, and Arrow reads those twenty times as fast
            if self == NumberFormat():
                return pc.cast(cells, pa.float64()), pa.nulls(len(cells), pa.bool_())
        except pa.ArrowInvalid:
            pass
        if self.affix and self.affix not in ("%", *CURRENCIES):
            return NumberFormat(self.decimal).read(self._without_unit(cells))
        good = pc.match_substring_regex(cells, PATTERNS[self.decimal])
        good = pc.and_(good, self._has_its_affix(cells))
        infinite = pc.match_substring_regex(cells, r"^[+\-]?inf(?:inity)?$", ignore_case=True)
        plain = pc.if_else(infinite, cells, self._plain(cells))
        readable = pc.or_(good, infinite)
        numbers = pc.cast(pc.if_else(readable, plain, None), pa.float64())
        return numbers, pc.invert(readable)

    def _has_its_affix(self, cells: pa.Array) -> pa.Array:
        """Tell cells without an affix, or with the column's own; every percentage has its sign."""
        found = pc.struct_field(pc.extract_regex(cells, _AFFIX), "affix")
        own = pc.fill_null(pc.equal(found, self.affix), False)
        return own if self.affix == "%" else pc.or_(own, pc.is_null(found))

    def _without_unit(self, cells: pa.Array) -> pa.Array:
        unit = re.escape(self.affix)
        return pc.replace_substring_regex(cells, rf"^{unit}\s?|\s?{unit}$", "")

    def _plain(self, cells: pa.Array) -> pa.Array:
        """Rewrite numbers as Arrow reads them."""
        thousands = "," if self.decimal == "." else "."
        cells = pc.replace_substring_regex(cells, r"^\((.*)\)$", r"-\1")
        cells = pc.replace_substring_regex(cells, rf"^(.*)[\-{MINUS}]$", r"-\1")
        cells = pc.replace_substring_regex(cells, rf"{_AFFIX}|[\s{thousands}{SPACES}]", "")
        cells = pc.replace_substring(cells, MINUS, "-")
        return pc.replace_substring(cells, ",", ".") if self.decimal == "," else cells


class NumberTally:
    """What is known of a column's cells as numbers, batch after batch.

    Attributes
    ----------
    readable : dict of int
        How many cells are numbers, with decimal points and with decimal commas.
    either : int
        How many cells are numbers in one or the other way.
    sure : dict of bool
        Whether a cell can only be a number with decimal points, and with decimal commas.
    codes : int
        How many cells are digits that no number keeps: leading zeros, more than 15 digits.
    affixes : Counter
        Currencies and percent signs.
    whole : bool
        Whether all were whole.
    stamps : dict of int
        How many are whole numbers that look like dates, by format.
    """

    def __init__(self) -> None:
        self.readable = {".": 0, ",": 0}
        self.sure = {".": False, ",": False}
        self.either = self.codes = 0
        self.affixes: Counter[str] = Counter()
        self.whole = True
        self.stamps: Counter[str] = Counter()

    def add_typed(self, numbers: np.ndarray) -> None:
        """Add numbers that are no texts; of them, NaN are missing."""
        numbers = numbers[~np.isnan(numbers)]
        self.either += len(numbers)
        for mark in self.readable:
            self.readable[mark] += len(numbers)
        self.whole = self.whole and bool(_are_whole(numbers).all())
        self.stamps += stamps(numbers, np.ones(len(numbers), dtype=int))

    def add(self, cells: pa.Array, counts: np.ndarray) -> np.ndarray:
        """Add other cells, each with how often it stands there; returns which are numbers."""
        fits = {mark: _flags(cells, pattern) for mark, pattern in PATTERNS.items()}
        for mark, other in ((".", ","), (",", ".")):
            self.readable[mark] += int(counts[fits[mark]].sum())
            self.sure[mark] |= bool((fits[mark] & ~fits[other]).any())
        either = fits["."] | fits[","]
        self.either += int(counts[either].sum())
        numbers = cells.filter(pa.array(either))
        self.codes += int(counts[either][_code_flags(numbers)].sum())
        for affix, n in zip(_affixes(numbers), counts[either], strict=True):
            if affix:
                self.affixes[affix] += int(n)
        self.whole = (
            self.whole and not pc.any(pc.match_substring_regex(numbers, r"[.,eE]|%")).as_py()
        )
        digits = _flags(numbers, r"^\d{6,14}$")
        plain = np.array(numbers.filter(pa.array(digits)).to_pylist(), dtype=float)
        self.stamps += stamps(plain, counts[either][digits])
        return either


def plain_matrix(columns: Sequence[pa.Array]) -> tuple[pa.Array, pa.Array] | None:
    """Read columns of texts at once, if all of their cells are numbers that Arrow reads.

    One call for a hundred columns takes as long as for one, where they have few rows.

    Returns
    -------
    cells, numbers : array
        Of all columns, one after the other; None if they are not such.
    """
    if not all(pa.types.is_string(column.type) and not column.null_count for column in columns):
        return None
    cells = pa.concat_arrays(columns)
    try:
        numbers = pc.cast(cells, pa.float64())
    except pa.ArrowInvalid:
        return None
    return None if pc.any(pc.is_nan(numbers)).as_py() else (cells, numbers)


def add_matrix(tallies: Sequence["NumberTally"], cells: pa.Array, numbers: pa.Array) -> None:
    """Add columns that `plain_matrix` has read to their tallies."""
    n = len(cells) // len(tallies)
    values = numbers.to_numpy().reshape(len(tallies), n)
    whole: np.ndarray = np.all(_are_whole(values), axis=1)
    dated = whole & (values.min(axis=1) >= FIRST_STAMP) & (values.max(axis=1) <= LAST_STAMP)
    for i in np.flatnonzero(dated).tolist():
        tallies[i].stamps += stamps(values[i], np.ones(n, dtype=int))
    codes = _code_flags(cells).reshape(len(tallies), n).sum(axis=1)
    unsure = np.array([not tally.sure["."] for tally in tallies])
    with_commas = np.full(len(tallies), n)
    if unsure.any() and pc.any(pc.match_substring(cells, ".")).as_py():
        with_commas = _flags(cells, PATTERNS[","]).reshape(len(tallies), n).sum(axis=1)
    for tally, is_whole, k, commas in zip(
        tallies, whole.tolist(), codes.tolist(), with_commas.tolist(), strict=True
    ):
        tally.readable["."] += n
        tally.either += n
        tally.codes += k
        tally.whole = tally.whole and is_whole
        if not tally.sure["."]:  # once it is, commas are out of the question
            tally.readable[","] += commas
            tally.sure["."] = commas < n


def stamps(numbers: np.ndarray, counts: np.ndarray) -> Counter[str]:
    """Count the numbers that look like dates, as 20240131 and 202401 do, by format."""
    found: Counter[str] = Counter()
    if not len(numbers) or numbers.max() < FIRST_STAMP or numbers.min() > LAST_STAMP:
        return found
    for format, unit in (("%Y%m", 1), ("%Y%m%d", 10**2), ("%Y%m%d%H%M%S", 10**8)):
        within = (numbers >= FIRST_STAMP * unit) & (numbers < (LAST_STAMP // 10**8 + 1) * unit)
        whole = np.where(within & _are_whole(numbers), numbers, 0).astype(np.int64)
        month, rest = whole // unit % 100, whole % unit
        good = (whole > 0) & (month >= 1) & (month <= 12)
        if unit > 1:
            day = rest // (unit // 100)
            good &= (day >= 1) & (day <= 31)
        if unit > 100:
            good &= (rest // 10**4 % 100 < 24) & (rest // 100 % 100 < 60) & (rest % 100 < 60)
        if good.any():
            found[format] = int(counts[good].sum())
    return found


def _are_whole(numbers: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return (numbers == np.rint(numbers)) & np.isfinite(numbers)


def _code_flags(cells: pa.Array) -> np.ndarray:
    """Tell digits that no number keeps: with a zero in front, or too many."""
    suspicious = pc.any(pc.starts_with(cells, "0")).as_py()
    if not suspicious and (pc.max(pc.binary_length(cells)).as_py() or 0) <= MOST_DIGITS:
        return np.zeros(len(cells), dtype=bool)
    return _flags(cells, rf"^(?:0\d+|[+\-]?\d{{{MOST_DIGITS + 1},}})$")


def _affixes(cells: pa.Array) -> list[str | None]:
    return pc.struct_field(pc.extract_regex(cells, _AFFIX), "affix").to_pylist()


def _flags(cells: pa.Array, pattern: str) -> np.ndarray:
    return pc.match_substring_regex(cells, pattern).to_numpy(zero_copy_only=False)
