"""The first sheet of an Excel file, by openpyxl."""

import datetime
import weakref
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from fastnn.columns.input_error import InputError, shown

ROWS = 4096  # that are read at once


class SheetTable:
    """The first sheet of a file; what it has and does is that of `DelimitedTable`."""

    usual_decimal = "."
    notes: Sequence[str] = ()

    def __init__(self, path: Path, told: str) -> None:
        try:
            import openpyxl  # extra xlsx
        except ImportError as error:
            raise InputError(
                f"{told}: Excel files need openpyxl: install the extra with "
                "`pip install 'fastnn-mlp[xlsx]'`."
            ) from error
        self._told = told
        file = path.open("rb")  # openpyxl reads on from it, row by row, and would not close it
        weakref.finalize(self, file.close)
        try:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            self._sheet = book.worksheets[0]
            header = next(self._sheet.iter_rows(values_only=True), ())
        except Exception as error:  # a damaged file fails in as many ways as it can be damaged
            raise InputError(f"{told}: cannot be read: {shown(error)}") from error
        self.names = ["" if name is None else str(name) for name in header]
        while self.names and not self.names[-1]:
            self.names.pop()
        if not self.names:
            raise InputError(f"{told}: the table has no header.")

    def batches(self, places: Sequence[int] | None = None) -> Iterator[pa.RecordBatch]:
        """Read all rows, part by part; the columns are called by their places."""
        places = range(len(self.names)) if places is None else places
        rows = self._sheet.iter_rows(min_row=2, max_col=len(self.names), values_only=True)
        filled = (row for row in rows if any(cell is not None for cell in row))
        while part := list(islice(filled, ROWS)):
            columns = [_column([row[i] for row in part]) for i in places]
            yield pa.RecordBatch.from_arrays(columns, [str(i) for i in places])


def _column(cells: list[Any]) -> pa.Array:
    """Keep numbers and dates where a column has nothing else, and write the others as texts."""
    types = {type(cell) for cell in cells if cell is not None}
    if types <= {int, float}:
        return pa.array(cells, pa.float64())
    if types <= {datetime.datetime}:
        return pa.array(cells, pa.timestamp("us"))
    return pa.array([None if cell is None else _text(cell) for cell in cells], pa.string())


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
