"""Any file of rows as a table that is read part by part."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from fastnn.columns.input_error import InputError
from fastnn.tables.delimited import DelimitedTable
from fastnn.tables.parquet import ParquetTable
from fastnn.tables.sheet import SheetTable
from fastnn.tables.source import STANDARD, kept, open_bytes

ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".parquet", ".pq", ".xlsx")


class Table(Protocol):
    """A file of rows.

    Attributes
    ----------
    names : list of str
        Of its columns.
    notes : sequence of str
        What was found out about it that a person may want otherwise.
    usual_decimal : str
        The decimal mark where its cells do not tell.
    """

    names: list[str]
    usual_decimal: str

    @property
    def notes(self) -> Sequence[str]:
        """What was found out."""

    def batches(self, places: Sequence[int] | None = None) -> Iterator[pa.RecordBatch]:
        """Read all rows, part by part; the columns are called by their places."""


@contextmanager
def open_table(
    path: Path,
    separator: str | None = None,
    encoding: str | None = None,
    expected: Sequence[str] = (),
) -> Iterator[Table]:
    """Open a file of rows; what it is, its first bytes tell.

    Parameters
    ----------
    path : Path
        A CSV, TSV, Parquet or Excel file, or ``-`` for standard input.
    separator, encoding : str, optional
        Of a CSV file; found by default.
    expected : sequence of str
        Columns that it should have, which tell separators apart.

    Raises
    ------
    InputError
        If there is no such file, or it is not such a table.
    """
    told = "standard input" if path == STANDARD else str(path)
    if path != STANDARD and not path.name.lower().endswith(ENDINGS):
        raise InputError(f"{told}: a table's name ends in {', '.join(ENDINGS[:-1])} or .xlsx.")
    with kept(path) as file, _naming(told):
        with open_bytes(file, told) as stream:
            first = stream.read(4)
        if first == b"PAR1" or path.suffix.lower() in (".parquet", ".pq"):
            yield ParquetTable(file, told)
        elif first == b"PK\x03\x04" or path.suffix.lower() == ".xlsx":
            yield SheetTable(file, told)
        else:
            yield DelimitedTable(file, told, separator, encoding, expected)


@contextmanager
def _naming(told: str) -> Iterator[None]:
    """Name the file in a message about what it holds."""
    try:
        yield
    except InputError as error:
        if told in str(error):
            raise
        raise InputError(f"{told}: {error}") from error
