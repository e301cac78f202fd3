"""The first sheet of an Excel file, by openpyxl.

What it would read wrongly in silence is refused: merged cells, of which only the first has a value,
and formulas that no program has calculated.
"""

import datetime
import re
import warnings
import weakref
import zipfile
from collections.abc import Iterator, Sequence
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import pyarrow as pa

from fastnn.columns.input_error import InputError, shown
from fastnn.columns.text_numbers import MOST_DIGITS
from fastnn.tables import source

ROWS = 4096  # that are read at once
MOST_ROWS = 1 << 20  # of a sheet; a row may call itself any other
MOST_BYTES = 1 << 24  # of texts that are passed on at once
LONGEST_CELL = 1 << 15  # bytes of a formula and what stands around it

_MERGED = rb'<(?:\w+:)?mergeCell\s[^>]*\bref="(\w+:\w+)"'
_NO_VALUE = rb"(?:<(?:\w+:)?v\s*(?:/>|></(?:\w+:)?v>))?"
_FORMULA = rb"<(?:\w+:)?f\b[^>]*(?:/>|>[^<]*</(?:\w+:)?f>)"
# An empty text is a value: its cell says that it is a text.
_UNCALCULATED = (
    rb'<(?:\w+:)?c(?![^>]*\bt="str")\s[^>]*\br="(\w+)"[^>]*>'
    rb"\s*" + _FORMULA + rb"\s*" + _NO_VALUE + rb"\s*</(?:\w+:)?c>"
)
_REFUSED = (
    (_MERGED, "cells {} are merged, of which the first alone has a value: unmerge and fill them."),
    (
        _UNCALCULATED,
        "cell {} has a formula that nothing has calculated: open the file in a spreadsheet "
        "program and save it.",
    ),
)


class SheetTable:
    """The first sheet of a file; what it has and does is that of `DelimitedTable`."""

    usual_decimal = "."

    def __init__(self, path: Path, told: str) -> None:
        try:
            import openpyxl  # extra xlsx
        except ImportError as error:
            raise InputError(
                f"{told}: Excel files need openpyxl: install the extra with "
                "`pip install 'fastnn-mlp[xlsx]'`."
            ) from error
        self._told = told
        self._most = max(source.MOST_EXPANDED, source.MOST_RATIO * path.stat().st_size)
        file = path.open("rb")  # openpyxl reads on from it, row by row, and would not close it
        weakref.finalize(self, file.close)
        try:
            with zipfile.ZipFile(file) as archive:
                self._check_size(sum(entry.file_size for entry in archive.infolist()))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what is no cell, as of its styles
                book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            self._sheet = book.worksheets[0]
            self._sheet.reset_dimensions()  # which some programs write wrongly
            with zipfile.ZipFile(file) as archive, archive.open(self._sheet._worksheet_path) as xml:
                _refuse_some(xml)
            header, self._first_row = self._find_header()
        except InputError:
            raise
        except Exception as error:  # a damaged file fails in as many ways as it can be damaged
            raise InputError(f"{told}: cannot be read: {shown(error)}") from error
        self.names = ["" if name is None else _text(name) for name in header]
        n = len(book.worksheets)
        self.notes: Sequence[str] = [
            f"{told}: of {n} sheets the first is read, {shown(self._sheet.title)}"
        ] * (n > 1)

    def _find_header(self) -> tuple[tuple, int]:
        """Find the first row that is not blank, and the number of the next one."""
        rows = self._sheet.iter_rows(max_row=MOST_ROWS, values_only=True)
        for number, row in enumerate(rows, 1):
            if filled := _length(row):
                return row[:filled], number + 1
        raise InputError(f"the first sheet, {shown(self._sheet.title)}, has no header.")

    def _check_size(self, n_bytes: int) -> None:
        """Refuse a file that expands without bound, as a gzip file is refused."""
        if n_bytes > self._most:
            raise InputError(
                f"{self._told}: expands to {n_bytes >> 20} MB or more, over {source.MOST_RATIO} "
                "times its size: save it as CSV, if you trust it."
            )

    def batches(self, places: Sequence[int] | None = None) -> Iterator[pa.RecordBatch]:
        """Read all rows, part by part; the columns are called by their places."""
        places = range(len(self.names)) if places is None else places
        rows, n_bytes = self._rows(), 0
        try:
            while part := _next(rows):
                for some, size in _parts(part):
                    n_bytes += size
                    self._check_size(n_bytes)
                    columns = [_column([row[i] for row in some]) for i in places]
                    yield pa.RecordBatch.from_arrays(columns, [str(i) for i in places])
        except InputError:
            raise
        except Exception as error:
            raise InputError(f"{self._told}: cannot be read: {shown(error)}") from error

    def _rows(self) -> Iterator[tuple]:
        """Read the rows below the header, but for blank ones at the end."""
        n, n_blank = len(self.names), 0
        begin = self._first_row
        rows = self._sheet.iter_rows(min_row=begin, max_row=MOST_ROWS + 1, values_only=True)
        for number, row in enumerate(rows, begin):
            if number > MOST_ROWS:
                raise InputError(f"{self._told}: the sheet has more than {MOST_ROWS} rows.")
            length = _length(row)
            if length > n:
                raise InputError(
                    f"{self._told}: row {number - begin + 1} (line {number} of the sheet) has a "
                    f"value in column {length}, and the header has {n} names."
                )
            if not length:
                n_blank += 1
                continue
            yield from repeat((None,) * n, n_blank)
            n_blank = 0
            yield (*row[:n], *repeat(None, n - len(row)))


def _refuse_some(xml: Any) -> None:
    """Look for what openpyxl passes over in the text of a sheet."""
    before = b""
    while part := xml.read(source.AT_ONCE):
        text = before + part
        for pattern, told in _REFUSED:
            if found := re.search(pattern, text):
                raise InputError(told.format(found[1].decode()))
        before = text[-LONGEST_CELL:]


def _length(row: tuple) -> int:
    """Tell how many cells a row has without the empty ones at its end."""
    n = len(row)
    while n and row[n - 1] in (None, ""):
        n -= 1
    return n


def _next(rows: Iterator[tuple]) -> list[tuple]:
    """Read some rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of dates that are none, which are errors as #VALUE! is
        return list(islice(rows, ROWS))


def _parts(rows: list[tuple]) -> Iterator[tuple[list[tuple], int]]:
    """Split rows whose texts take much memory, of which a file may keep one for all."""
    some: list[tuple] = []
    n_bytes = 0
    for row in rows:
        size = sum(len(cell) for cell in row if isinstance(cell, str))
        if some and n_bytes + size > MOST_BYTES:
            yield some, n_bytes
            some, n_bytes = [], 0
        some.append(row)
        n_bytes += size
    yield some, n_bytes


def _column(cells: list[Any]) -> pa.Array:
    """Keep numbers and dates where a column has nothing else, and write the others as texts."""
    types = {type(cell) for cell in cells if cell is not None}
    if not types:
        return pa.nulls(len(cells))
    if types <= {int, float} and not any(map(_is_long, cells)):
        return pa.array(cells, pa.float64())
    if types <= {datetime.datetime}:
        return pa.array(cells, pa.timestamp("us"))
    if types <= {datetime.timedelta}:
        return pa.array(cells, pa.duration("us"))
    return pa.array([None if cell is None else _text(cell) for cell in cells], pa.string())


def _is_long(cell: Any) -> bool:
    return type(cell) is int and abs(cell) >= 10**MOST_DIGITS


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
