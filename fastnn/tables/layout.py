"""Which sign parts the fields of a file, found in its first rows."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TextIO

from fastnn.columns.input_error import InputError

SEPARATORS = (",", ";", "\t", "|")
SAMPLE = 1 << 18  # characters in which the separator is looked for
ENOUGH = 1 << 20  # characters after which the header alone has to do
LONGEST_SAMPLE = 1 << 25  # characters that a header may have


class Layout(NamedTuple):
    """How a file's fields are parted.

    Attributes
    ----------
    separator : str
        Between fields.
    names : list of str
        The header's fields.
    trailing : bool
        Whether each row but the header ends with a separator.
    fits : bool
        Whether the first rows are as long as that.
    header_bytes, header_lines : int
        How much the header takes, in UTF-8.
    """

    separator: str
    names: list[str]
    trailing: bool
    fits: bool
    header_bytes: int
    header_lines: int


def find_layout(
    text: TextIO, told: str, usual: str, separator: str | None, expected: Sequence[str]
) -> Layout:
    """Find the layout of a file.

    Parameters
    ----------
    text : text file
        From its beginning.
    told : str
        Its name for messages.
    usual : str
        The separator where nothing speaks for another.
    separator : str or None
        The one that a person names.
    expected : sequence of str
        Columns that it should have, which tell separators apart.

    Raises
    ------
    InputError
        If there is no header.
    """
    sample, ended = _sample(text, separator or usual)
    line = re.match(r"sep=(.)\r?\n", sample)  # Excel's way to name the separator
    first = len(line[0]) if line else 0
    named = separator or (line[1] if line else None)
    signs = [named] if named else sorted(SEPARATORS, key=lambda sign: sign != usual)
    rows = {sign: _whole_rows(sample[first:], ended, sign) for sign in signs}
    best = max(signs, key=lambda sign: _score(rows[sign], expected))
    if not rows[best]:
        raise InputError(
            f"{told}: the table has no header."
            if ended
            else f"{told}: its header is longer than {LONGEST_SAMPLE >> 20} MB."
        )
    lines = io.StringIO(sample[first:], newline="")
    next(row for _, row in parsed(iter(lines.readline, ""), best) if row)
    before = sample[: first + lines.tell()]
    trailing = _is_trailing(rows[best])
    return Layout(
        best,
        rows[best][0],
        trailing,
        trailing or _are_alike(rows[best]),
        len(before.encode("utf-8", "surrogatepass")),
        len(before.splitlines()),
    )


def parsed(lines: Iterable[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    """Parse rows by Python's own reader.

    Yields
    ------
    line : int
        Where the row ends.
    row : list of str
        Its fields; an empty line has none.
    """
    with reading(lines, separator) as reader:
        for row in reader:
            yield reader.line_num, row


@contextmanager
def reading(lines: Iterable[str], separator: str, strict: bool = False) -> Iterator[Any]:
    """Open Python's own reader for cells of any length.

    Parameters
    ----------
    lines : iterable of str
        Of the file.
    separator : str
        Between fields.
    strict : bool, default=False
        Whether it refuses a quotation mark that closes where no field ends.
    """
    limit = csv.field_size_limit(1 << 30)
    try:
        yield csv.reader(lines, delimiter=separator, strict=strict)
    finally:
        csv.field_size_limit(limit)


def _sample(text: TextIO, separator: str) -> tuple[str, bool]:
    """Read as much as a header and a row take, and tell whether that is all."""
    sample, ended = "", False
    while not ended and len(sample) < LONGEST_SAMPLE:
        part = text.read(max(SAMPLE, len(sample)))
        sample, ended = sample + part, not part
        n = len(_whole_rows(sample, ended, separator)) if len(sample) >= SAMPLE else 0
        if n > (len(sample) < ENOUGH):
            break
    return sample, ended


def _whole_rows(sample: str, ended: bool, separator: str) -> list[list[str]]:
    """Parse the rows of a sample, without the last, which may go on; empty lines are left out."""
    rows = [row for _, row in parsed(io.StringIO(sample, newline=""), separator)]
    return [row for row in (rows if ended else rows[:-1]) if row]


def _are_alike(rows: list[list[str]]) -> bool:
    return all(len(row) == len(rows[0]) for row in rows)


def _is_trailing(rows: list[list[str]]) -> bool:
    n = len(rows[0])
    return len(rows) > 1 and all(len(row) == n + 1 and row[-1] == "" for row in rows[1:])


def _score(rows: list[list[str]], expected: Sequence[str]) -> tuple[bool, bool, int]:
    """How well a separator goes with some rows; the larger, the better."""
    if not rows:
        return (False, False, 0)
    header = rows[0]
    alike = _are_alike(rows) or _is_trailing(rows)
    has_expected = bool(expected) and set(expected) <= set(header)
    return (has_expected, len(header) > 1 and alike, len(header))
