"""What cells look like that are neither numbers nor dates as they are read, so that it can be told.

A column of 12 kg and 15 kg, of 10:30 and 11:45, or of dates of a rare format is a category of texts
unless a person says more: what it looks like, and the way out, stand beside it.
"""

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastnn.columns.text_numbers import MINUS, SPACES

MOST_UNITS = 20  # beyond, what stands beside the numbers is no unit

_NUMBER = rf"[+\-{MINUS}]?\d[\d., {SPACES}]*"
_NO_UNIT = r"\d\s+\-.,:/()\[\]"
_AFTER = rf"(?P<after>[^{_NO_UNIT}]\D{{0,9}})"
_BEFORE = rf"(?P<before>[^{_NO_UNIT}\pL]|\pL{{1,9}} )"  # letters alone are a code, as in Q1 and A12
_WITH_UNIT = rf"^(?:{_BEFORE}{_NUMBER}|{_NUMBER}{_AFTER})$"
_TIME = r"^\d{1,3}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s?[AaPp][Mm])?$"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_DATES = (
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}",
    r"\d{1,2}[-/.]\d{1,2}[-/.](?:\d{2}|\d{4})",
    rf"{_DAY}[- ]{_MONTH},?[- ]\d{{2,4}}",
    rf"{_MONTH}[- ]{_DAY},? \d{{2,4}}",
    r"\d{4}年\d{1,2}月\d{1,2}日",
)
_DATE = rf"(?i)^(?:\w+,? )?(?:{'|'.join(_DATES)})(?:[T ].*)?$"
_OTHER_DIGITS = rf"^[+\-{MINUS}]?[\p{{Nd}}.,\x{{66B}}\x{{66C}} {SPACES}]+$"


class HintTally:
    """Counts of the cells of a column that are no number and no date.

    Attributes
    ----------
    units : Counter
        What stands beside numbers, and how often.
    times, dates, digits : int
        How many cells look like times of a day, like dates, and like numbers of another script.
    """

    def __init__(self) -> None:
        self.units: Counter[str] = Counter()
        self.times = self.dates = self.digits = 0

    def add(self, cells: pa.Array, counts: np.ndarray) -> None:
        """Add other cells, each with how often it stands there."""
        if not pc.any(pc.match_substring_regex(cells, r"\p{Nd}")).as_py():
            return
        if len(self.units) <= MOST_UNITS:
            self._add_units(cells, counts)
        self.times += _count(cells, counts, _TIME)
        self.dates += _count(cells, counts, _DATE)
        self.digits += _count(cells, counts, _OTHER_DIGITS)

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

    def likeliest(self, n: int) -> tuple[str, int, str] | None:
        """Find what more than half of `n` cells look like.

        Returns
        -------
        what : {'unit', 'times', 'dates', 'digits'}
            None if they look like nothing.
        count : int
            How many do.
        unit : str
            What stands beside numbers.
        """
        unit, most = next(iter(self.units.most_common(1)), ("", 0))
        found = [("unit", most, unit), ("times", self.times, ""), ("dates", self.dates, "")]
        found.append(("digits", self.digits, ""))
        best = max(found, key=lambda hint: hint[1])
        return best if 2 * best[1] > n else None


def _count(cells: pa.Array, counts: np.ndarray, pattern: str) -> int:
    flags = pc.match_substring_regex(cells, pattern).to_numpy(zero_copy_only=False)
    return int(counts[flags].sum())
