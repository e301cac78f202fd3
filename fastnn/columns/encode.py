"""Read a table by what its columns were in training: numbers and codes."""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from fastnn.columns.checks import (
    another_kind,
    check_finite,
    check_kind,
    check_zone,
    name_in,
    read_column,
)
from fastnn.columns.dates import write_features
from fastnn.columns.frames import ArrayTable, Table, open_table
from fastnn.columns.kinds import KINDS
from fastnn.columns.levels import codes_of
from fastnn.columns.record import HOLDS, Cells, Columns
from fastnn.columns.values import UnreadableError
from fastnn.warn import untold, warn_user

MOST_OF_MEMORY = 0.5
MOST_TOLD = 10  # columns that a warning names


def transform(columns: Columns, X: Any, estimator: Any) -> Cells:
    """Read a table by what the columns were in training.

    Parameters
    ----------
    columns : Columns
        What `fit_columns` has learnt.
    X : array-like, sparse matrix or data frame of shape (n, n_features)
        Rows with the same columns.
    estimator : estimator instance
        With whose features those of X are compared.

    Raises
    ------
    ValueError
        Where columns are others than in training or of another kind, or hold infinite numbers.
    """
    return _encode(columns, _open(columns, X, estimator))


def transform_parts(columns: Columns, X: Any, estimator: Any, n_rows: int) -> Iterator[Cells]:
    """Read a table as `transform` does, `n_rows` at a time: memory does not grow with it."""
    table = _open(columns, X, estimator)
    parts: Iterable[Table] = [table]
    if table.n_rows > n_rows:
        begins = range(0, table.n_rows, n_rows)
        parts = (table.rows(begin, min(begin + n_rows, table.n_rows)) for begin in begins)
    return (_encode(columns, part) for part in parts)


def _open(columns: Columns, X: Any, estimator: Any) -> Table:
    plain = _is_plain(columns, X)
    table = ArrayTable(X) if plain else open_table(X, estimator, reset=False)
    _tell_of_filled(columns, table)
    return table


def _tell_of_filled(columns: Columns, table: Table) -> None:
    """Warn of columns that were empty in training, so that nothing has been learnt from them."""
    empty = np.flatnonzero(columns["kinds"] == KINDS.index("empty")).tolist()
    filled = untold([repr(name_in(table, place)) for place in empty if _has_values(table, place)])
    if filled:
        more = f" and {len(filled) - MOST_TOLD} more" if len(filled) > MOST_TOLD else ""
        warn_user(
            "Columns that were empty in training are ignored, and these have values now: "
            f"{', '.join(filled[:MOST_TOLD])}{more}."
        )


def _has_values(table: Table, place: int) -> bool:
    try:
        return table.column(place).holds != "nothing"
    except UnreadableError:  # whatever it holds, nobody wants to read it
        return True


def _is_plain(columns: Columns, X: Any) -> bool:
    """Whether X is such an array that scikit-learn's checks, which take 90 us, would pass it."""
    return (
        type(X) is np.ndarray
        and X.ndim == 2
        and X.dtype.char in "fd"
        and X.shape[1] == len(columns["kinds"])
        and len(X) > 0
        and not len(columns["names"]["ends"])
    )


def _encode(columns: Columns, table: Table) -> Cells:
    codes = [
        _codes(columns, table, i, place) for i, place in enumerate(columns["categories"].tolist())
    ]
    return Cells(numbers_of(columns, table), side_by_side(codes, table.n_rows))


def side_by_side(codes: list[np.ndarray], n_rows: int) -> np.ndarray:
    """Put the codes of categories into the columns of one array."""
    out = np.empty((n_rows, len(codes)), np.int32)
    for i, column in enumerate(codes):
        out[:, i] = column
    return out


def numbers_of(columns: Columns, table: Table) -> np.ndarray:
    """Read the columns of numbers, then those of dates, as `Cells` has them."""
    n_numbers = len(columns["numbers"])
    if n_numbers == table.n_columns and _is_as_wanted(table):
        return table.X  # type: ignore[attr-defined]
    n_features = [len(clock["features"]) for clock in columns["clocks"]]
    out = _empty(table.n_rows, n_numbers + sum(n_features))
    _write_numbers(columns, table, out[:, :n_numbers])
    begins = n_numbers + np.cumsum([0, *n_features])
    for i, place in enumerate(columns["dates"].tolist()):
        _write_dates(columns, table, i, place, out[:, begins[i] : begins[i + 1]])
    return out


def _is_as_wanted(table: Table) -> bool:
    """Whether a table is an array that needs no copy."""
    return (
        type(table) is ArrayTable
        and table.X.dtype == np.float64
        and table.X.flags.c_contiguous
        and not np.isinf(table.X).any()
    )


def _empty(n_rows: int, n_columns: int) -> np.ndarray:
    """Allocate numbers; a sparse matrix may ask for more of them than the machine can hold."""
    size = 8 * n_rows * n_columns
    if size > MOST_OF_MEMORY * _memory():
        raise ValueError(
            f"X has {n_rows} rows and {n_columns} columns that tell rows apart, which as numbers "
            f"take {size / 1e9:.1f} GB, more than half of this machine's memory: give fewer rows, "
            "or fewer columns, as sklearn.decomposition.TruncatedSVD makes them."
        )
    return np.empty((n_rows, n_columns))


def _memory() -> float:
    """Bytes of the machine, where it tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return np.inf


def _write_numbers(columns: Columns, table: Table, out: np.ndarray) -> None:
    places = columns["numbers"]
    are_numbers = bool((columns["holds"][places] == HOLDS.index("number")).all())
    if not (len(places) and are_numbers and table.numbers(places, out)):
        for i, place in enumerate(places.tolist()):
            out[:, i] = check_kind(read_column(table, place), columns, table, place).cells
    for i in np.flatnonzero(np.isinf(out).any(axis=0))[:1]:
        check_finite(out[:, i], table, int(places[i]))


def _write_dates(columns: Columns, table: Table, i: int, place: int, out: np.ndarray) -> None:
    values = check_kind(read_column(table, place), columns, table, place)
    if values.holds == "nothing":
        out[:] = np.nan
    else:
        check_zone(values, columns["clocks"][i], table, place)
        write_features(values.cells, columns["clocks"][i], out)


def _codes(columns: Columns, table: Table, i: int, place: int) -> np.ndarray:
    values = read_column(table, place)
    codes = codes_of(values, columns["levels"][i])
    if codes is None:
        raise another_kind(values, columns, table, place)
    return codes
