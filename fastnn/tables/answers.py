"""Files of predictions, written part by part."""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import pyarrow as pa

from fastnn import files
from fastnn.columns.input_error import InputError
from fastnn.columns.text_reading import to_texts
from fastnn.tables.source import STANDARD

_NEEDS_QUOTES = re.compile(r'[,"\r\n]|^\s|\s$|^$')
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Column = Any  # an ndarray or an array of Arrow


class Writer(Protocol):
    """What writes rows to a file that is open."""

    def write(self, columns: Sequence[Column]) -> None:
        """Write some rows, column by column."""


@contextmanager
def writing(path: Path, names: Sequence[str], safe: bool = False) -> Iterator[Writer]:
    """Open a file of rows, which takes its place when all has gone well.

    Parameters
    ----------
    path : Path
        A name that ends in .csv, .parquet or .pq, or ``-`` for standard output.
    names : sequence of str
        Of the columns.
    safe : bool, default=False
        Whether texts that spreadsheets take for formulas get an apostrophe in front.

    Raises
    ------
    InputError
        If no file can be written there.
    """
    try:
        if path == STANDARD:
            sys.stdout.flush()
            with CsvWriter(sys.stdout.buffer, names, safe) as writer:
                yield writer
            sys.stdout.buffer.flush()
            return
        with files.replacing(path) as temporary:
            if path.suffix.lower() != ".csv":
                with ParquetWriter(temporary, names) as writer:
                    yield writer
            else:
                with open(temporary, "wb") as file, CsvWriter(file, names, safe) as writer:
                    yield writer
    except BrokenPipeError:
        raise
    except OSError as error:
        text = " ".join(str(error).split())
        raise InputError(f"{path}: cannot be written: {text}") from error


class CsvWriter:
    """Writes rows as CSV; what a spreadsheet may take for a formula is written as it is.

    Parameters
    ----------
    file : binary file
        Where they go.
    names : sequence of str
        The header.
    safe : bool
        Whether texts that begin like formulas get an apostrophe in front.
    """

    def __init__(self, file: IO[bytes], names: Sequence[str], safe: bool) -> None:
        self._file, self._safe = file, safe
        self._header: list[list[str]] | None = [[self._text(name)] for name in names]

    def __enter__(self) -> "CsvWriter":
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self._write_header()

    def write(self, columns: Sequence[Column]) -> None:
        """Write some rows, column by column."""
        self._write_header()
        self._write_rows([self._cells(column) for column in columns])

    def _write_header(self) -> None:
        """Write the header before the first rows, so that a file that is refused has no output."""
        if self._header is not None:
            self._write_rows(self._header)
            self._header = None

    def _write_rows(self, columns: list[list[str]]) -> None:
        rows = (",".join(row) + "\n" for row in zip(*columns, strict=True))
        self._file.write("".join(rows).encode("utf-8", "surrogatepass"))

    def _cells(self, column: Column) -> list[str]:
        if isinstance(column, np.ndarray) and column.dtype.kind in "fiu":
            return [str(value) for value in column]
        values = column.tolist() if isinstance(column, np.ndarray) else to_texts(column).to_pylist()
        return ["" if value is None else self._text(str(value)) for value in values]

    def _text(self, text: str) -> str:
        if self._safe and text.startswith(_STARTS_A_FORMULA) and not _is_number(text):
            text = "'" + text
        return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text


class ParquetWriter:
    """Writes rows as Parquet.

    Parameters
    ----------
    path : Path
        Where they go.
    names : sequence of str
        Of the columns.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._path, self._names = path, list(names)
        self._writer: Any = None

    def __enter__(self) -> "ParquetWriter":
        return self

    def __exit__(self, *error: object) -> None:
        if self._writer is None and error[0] is None:
            self.write([pa.nulls(0, pa.string()) for _ in self._names])
        if self._writer is not None:
            self._writer.close()

    def write(self, columns: Sequence[Column]) -> None:
        """Write some rows, column by column."""
        import pyarrow.parquet  # 40 ms

        arrays = [_decoded(pa.array(column)) for column in columns]
        batch = pa.RecordBatch.from_arrays(arrays, self._names)
        if self._writer is None:
            self._writer = pyarrow.parquet.ParquetWriter(self._path, batch.schema)
        self._writer.write_batch(batch)


def _decoded(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
