"""Files of rows whose fields are parted by commas, tabs or the like.

Arrow reads them, block after block, every cell as text. A row of another length than the header is
refused, so that nothing is shifted.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from fastnn.columns.input_error import InputError, shown
from fastnn.tables.layout import find_layout, parsed
from fastnn.tables.paced import Paced
from fastnn.tables.quotes import Quotes, unclosed
from fastnn.tables.source import Utf8, open_bytes

BLOCK = 1 << 23  # bytes that Arrow reads at once; a row has to fit in
WIDE = 5000  # columns from which blocks are larger, as each column of a block takes its time


class DelimitedTable:
    """A file of rows of texts.

    Parameters
    ----------
    path : Path
        Of the file.
    told : str
        Its name for messages.
    separator, encoding : str or None
        What parts fields, and how characters are written; None finds it.
    expected : sequence of str
        Columns that it should have, which tell separators apart.

    Attributes
    ----------
    names : list of str
        Of its columns.
    usual_decimal : str
        The decimal mark where cells do not tell.

    Raises
    ------
    InputError
        If there is no header.
    """

    def __init__(
        self,
        path: Path,
        told: str,
        separator: str | None = None,
        encoding: str | None = None,
        expected: Sequence[str] = (),
    ) -> None:
        self._path, self._told = path, told
        self._separator, self._encoding = separator, encoding
        self._are_quotes_checked = False
        self._usual = "\t" if ".tsv" in Path(told).suffixes else ","
        with self._utf8() as raw:
            with _text(raw) as text:
                self._layout = find_layout(text, told, self._usual, separator, expected)
            self._found_encoding = raw.encoding
        self.names = self._layout.names
        self.usual_decimal = "," if self._layout.separator == ";" else "."
        if not self._layout.fits:
            raise self._refusal("its rows have several lengths")

    @property
    def notes(self) -> list[str]:
        """What was found, and by which option it is set otherwise."""
        separator, encoding = self._layout.separator, self._found_encoding
        told = []
        if self._separator is None and separator != self._usual:
            told.append(f"{self._told}: fields are parted by {separator!r} (--separator)")
        if self._encoding is None and encoding not in ("utf-8", "ascii"):
            told.append(f"{self._told}: characters are read as {encoding} (--encoding)")
        return told

    def batches(self, places: Sequence[int] | None = None) -> Iterator[pa.RecordBatch]:
        """Read all rows, part by part, from the first.

        Parameters
        ----------
        places : sequence of int, optional
            Places of the columns that are read; all by default.

        Yields
        ------
        batch : pyarrow.RecordBatch
            Texts; the columns are called by their places.

        Raises
        ------
        InputError
            If a row has another number of fields.
        """
        names = [str(place) for place in range(len(self.names) + self._layout.trailing)]
        wanted = names[: len(self.names)] if places is None else [names[i] for i in places]
        n_rows, quotes = 0, Quotes(self._layout.separator)
        with self._utf8() as raw:
            raw.watch = quotes.add
            _skip(raw, self._layout.header_bytes)
            read = [*wanted, *names[len(self.names) :]]
            for batch in self._arrow_batches(raw, names, read or names[:1]):
                if self._layout.trailing:
                    self._check_trailing(batch.column(batch.num_columns - 1), n_rows)
                n_rows += len(batch)
                self._check_quotes(quotes)
                yield batch.select(wanted)
            self._check_quotes(quotes)
            self._found_encoding = raw.encoding

    def _check_quotes(self, quotes: Quotes) -> None:
        """Refuse a quotation mark that takes rows into its cell; once, as that reads all lines."""
        if not quotes.are_doubtful or self._are_quotes_checked:
            return
        with self._utf8() as raw, _text(raw) as text:
            found = unclosed(text, self._layout.separator)
        if found:
            raise InputError(
                f"{self._told}: a quotation mark of line {found[0]} is not closed there, and would "
                f"take the rows up to line {found[1]} into one cell."
            )
        self._are_quotes_checked = True

    @contextmanager
    def _utf8(self) -> Iterator[Utf8]:
        with open_bytes(self._path, self._told) as file:
            yield Utf8(self._told, file, self._encoding)

    def _arrow_batches(
        self, raw: Utf8, names: list[str], read: list[str]
    ) -> Iterator[pa.RecordBatch]:
        block = BLOCK if len(names) < WIDE else 8 * BLOCK
        file = Paced(raw, block)
        if len(names) > 1:
            file.skip_empty_lines()
        if not file.peek(1):  # of which Arrow says that it is an empty file
            return
        try:
            reader = pyarrow.csv.open_csv(
                pa.PythonFile(file, mode="r"),
                pyarrow.csv.ReadOptions(column_names=names, block_size=block),
                pyarrow.csv.ParseOptions(
                    delimiter=self._layout.separator,
                    newlines_in_values=True,
                    ignore_empty_lines=len(names) > 1,  # of one column, an empty line is a gap
                ),
                pyarrow.csv.ConvertOptions(
                    column_types=dict.fromkeys(read, pa.string()),
                    include_columns=read,
                    strings_can_be_null=False,
                ),
            )
            yield from file.following(iter(reader))
        except pa.ArrowInvalid as error:
            raise self._refusal(error) from error
        finally:
            file.end()

    def _refusal(self, error: object) -> InputError:
        """Say which row is wrong; the rows are counted once more, as Arrow does not tell."""
        if "straddling" in str(error):
            return InputError(
                f"{self._told}: a row is longer than {BLOCK >> 20} MB: is a quotation mark open?"
            )
        n_fields, number, before = len(self.names) + self._layout.trailing, 0, 0
        with self._utf8() as raw, _text(raw) as text:
            _skip(raw, self._layout.header_bytes)
            for line, row in parsed(text, self._layout.separator):
                number += bool(row)
                if row and len(row) != n_fields:
                    lines = before + 1, line
                    return self._refused_row(
                        number, row, [n + self._layout.header_lines for n in lines]
                    )
                before = line
        return InputError(f"{self._told}: cannot be read: {shown(error)}")

    def _refused_row(
        self, number: int, row: Sequence[str], lines: Sequence[int] = ()
    ) -> InputError:
        has, where = len(row), ""
        if lines:
            first, last = lines
            where = f" (line {first})" if first == last else f" (lines {first} to {last})"
        if has == 1 and not row[0].strip("\x00\x1a"):
            return InputError(
                f"{self._told}: row {number}{where} is nothing but NUL characters, as of a file "
                "that was cut short or padded: remove them."
            )
        why = f"fields are parted by {self._layout.separator!r}, and --separator names another sign"
        if lines and first < last:
            why = f"is a quotation mark of line {first} not closed?"
        return InputError(
            f"{self._told}: row {number}{where} has {has} field{'s' * (has != 1)} and the header "
            f"{len(self.names)}: {why.rstrip('.')}{'' if why.endswith('?') else '.'}"
        )

    def _check_trailing(self, last: pa.Array, n_rows: int) -> None:
        for i, cell in enumerate(last.to_pylist()):
            if cell:
                row = [""] * len(self.names) + [cell]
                raise self._refused_row(n_rows + i + 1, row)


@contextmanager
def _text(raw: Utf8) -> Iterator[io.TextIOWrapper]:
    text = io.TextIOWrapper(io.BufferedReader(raw), "utf-8", "surrogatepass", newline="")
    try:
        yield text
    finally:
        text.detach().detach()  # `raw` goes on


def _skip(raw: Utf8, n: int) -> None:
    """Read what comes before the first row."""
    while n:
        n -= len(raw.read(min(n, BLOCK)) or b"")
