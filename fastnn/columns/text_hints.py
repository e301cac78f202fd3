"""What cells look like that are neither numbers nor dates as they are read, so that it can be told.

A column of 12 kg and 15 kg, of 1.2K and 3M, of 10:30 and 11:45, or of dates of a rare format is a
category of texts unless a person says more: what it looks like, and the way out, stand beside it.
"""

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastnn.columns.text_numbers import MINUS, SPACES, SYMBOL

MOST_UNITS = 20  # beyond, what stands beside the numbers is no unit
MOST_MIXED = 5  # likewise, in a column of several units

_NUMBER = rf"[+\-{MINUS}]?\d[\d., {SPACES}]*"
_NO_UNIT = r"\d\s+\-.,:/()\[\]"
_AFTER = rf"(?P<after>[^{_NO_UNIT}]\D{{0,9}})"
_BEFORE = rf"(?P<before>[^{_NO_UNIT}\pL]|\pL{{1,9}} )"  # letters alone are a code, as in Q1 and A12
_WITH_UNIT = rf"^(?:{_BEFORE}{_NUMBER}|{_NUMBER}{_AFTER})$"
# Several units: letters behind a blank, or more than one, as 1a and 2b are codes.
_MEASURED = rf"^{_NUMBER}(?:\s[^{_NO_UNIT}]|[^{_NO_UNIT}]{{2}})[^\d\s]{{0,8}}$"
_MAGNITUDE = r"(?:[kmbt]|mn|bn|mio|mrd|thousand|million|billion)"
_SHORTENED = rf"(?i)^[+\-{MINUS}]?(?:{SYMBOL}\s?)?{_NUMBER}{_MAGNITUDE}(?:\s?{SYMBOL})?$"
_TIME = r"^\d{1,3}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s?[AaPp][Mm])?$"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_DATES = (
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}",
    r"\d{1,2}[-/.]\d{1,2}[-/.](?:\d{2}|\d{4})",
    rf"{_DAY}[- ]{_MONTH},?[- ]\d{{2,4}}",
    rf"{_MONTH}[- ]{_DAY},? \d{{2,4}}",
    rf"{_MONTH}[- ,/']{{1,2}}(?:\d{{2}}|\d{{4}})",
    rf"\d{{1,2}}[- ]{_MONTH}",
    r"\d{8}T\d{4,6}Z?",
    r"\d{4}年\d{1,2}月\d{1,2}日",
)
_DATE = rf"(?i)^(?:\w+,? )?(?:{'|'.join(_DATES)})(?:[T ].*)?$"
_PART = r"(?:Q[1-4]|H[12]|W\d{2})"  # a quarter, half or week of a year
_PERIOD = (
    rf"(?i)^(?:(?:19|20)\d{{2}}[-/ ]?{_PART}|{_PART}(?:[-/ ]?(?:19|20)\d{{2}}|[-/ ]?'\d{{2}}))$"
)
# Behind a blank quotation marks are letters like others, as is a second separator; 1_000 and 0x1F
# are of programs.
_UNUSUAL = (
    rf'^(?:\s*"\s*{_NUMBER}"\s*|{_NUMBER}[,;|]|'
    r"[+\-]?\d{1,3}(?:_\d{3})+(?:\.\d+)?|0[xX][0-9A-Fa-f]+|"
    rf"{_NUMBER}[x*\x{{D7}}\x{{B7}}]\s?10\^?[+\-{MINUS}\x{{207B}}]?"
    r"[\d\x{B2}\x{B3}\x{B9}\x{2070}-\x{2079}]+)$"
)
_OTHER_DIGITS = rf"^[+\-{MINUS}]?[\p{{Nd}}.,\x{{66B}}\x{{66C}} {SPACES}]+$"


class HintTally:
    """Counts of the cells of a column that are no number and no date.

    Attributes
    ----------
    units : Counter
        What stands beside numbers, and how often.
    measured, shortened : int
        How many cells are numbers beside any unit, and beside K, M and the like.
    times, dates, periods, digits, unusual : int
        How many cells look like times of a day, like dates, like quarters or weeks of a year, like
        numbers of another script, and like such as 1_000, 0x1F, 1x10^3 or, behind a blank, "1.5".
    """

    def __init__(self) -> None:
        self.units: Counter[str] = Counter()
        self.measured = self.shortened = 0
        self.times = self.dates = self.periods = self.digits = self.unusual = 0

    def add(self, cells: pa.Array, counts: np.ndarray) -> None:
        """Add other cells, each with how often it stands there."""
        if not pc.any(pc.match_substring_regex(cells, r"\p{Nd}")).as_py():
            return
        if len(self.units) <= MOST_UNITS:
            self._add_units(cells, counts)
        self.measured += _count(cells, counts, _MEASURED)
        self.shortened += _count(cells, counts, _SHORTENED)
        self.times += _count(cells, counts, _TIME)
        self.dates += _count(cells, counts, _DATE)
        self.periods += _count(cells, counts, _PERIOD)
        self.unusual += _count(cells, counts, _UNUSUAL)
        others = pc.match_substring_regex(pc.replace_substring_regex(cells, "[0-9]", ""), r"\p{Nd}")
        self.digits += _count(cells.filter(others), counts[np.asarray(others)], _OTHER_DIGITS)

    def _add_units(self, cells: pa.Array, counts: np.ndarray) -> None:
        found = pc.extract_regex(cells, _WITH_UNIT)
        before, after = (pc.struct_field(found, part) for part in ("before", "after"))
        units = pc.utf8_trim_whitespace(pc.if_else(pc.equal(before, ""), after, before))
        coded = pc.dictionary_encode(units)
        known = np.asarray(coded.indices.is_valid())
        codes = coded.indices.drop_null().to_numpy()
        sums = np.bincount(codes, weights=counts[known], minlength=len(coded.dictionary))
        for unit, n in zip(coded.dictionary.to_pylist(), sums, strict=True):
            self.units[unit] += int(n)
            if len(self.units) > MOST_UNITS:
                return

    def likeliest(self, n: int, numbers: int = 0, dates: int = 0) -> tuple[str, int, str] | None:
        """Find what more than half of `n` cells look like.

        Parameters
        ----------
        n : int
            Cells of the column.
        numbers, dates : int
            How many others are numbers, and dates.

        Returns
        -------
        what : {'unit', 'units', 'shortened', 'times', 'dates', 'periods', 'digits', 'unusual'}
            None if they look like nothing.
        count : int
            How many do, numbers and dates as they are read among them.
        unit : str
            What stands beside numbers.
        """
        unit, most = next(iter(self.units.most_common(1)), ("", 0))
        is_mixed = 1 < len(self.units) <= MOST_MIXED
        beside = numbers if self.measured or not unit.isalpha() else 0  # 1 and 1a are codes
        found = [  # the first of those that are as many
            ("unusual", self.unusual, "", numbers),
            ("unit", most, unit, beside),
            ("shortened", self.shortened, "", numbers),
            ("units", self.measured * is_mixed, unit, numbers),
            ("times", self.times, "", 0),
            ("dates", self.dates, "", dates),
            ("periods", self.periods, "", 0),
            ("digits", self.digits, "", numbers),
        ]
        what, count, unit, more = max(found, key=lambda hint: hint[1])
        return (what, count + more, unit) if count and 2 * (count + more) > n else None


def _count(cells: pa.Array, counts: np.ndarray, pattern: str) -> int:
    flags = pc.match_substring_regex(cells, pattern).to_numpy(zero_copy_only=False)
    return int(counts[flags].sum())
