"""A table to numbers and codes: learn what its columns are, and read other tables by that."""

from collections.abc import Iterator
from typing import Any, NamedTuple, TypedDict

import numpy as np

from fastnn.columns import values as read
from fastnn.columns.dates import Clock, learn_clock, write_features
from fastnn.columns.declared import declared_columns
from fastnn.columns.frames import ArrayTable, Table, open_table
from fastnn.columns.kinds import KINDS, Column, kind_of_texts, way_out_of_identifier
from fastnn.columns.levels import Levels, codes_of, learn_levels, list_levels, n_levels
from fastnn.columns.texts import Texts, Unpacked, pack
from fastnn.columns.values import Values

HOLDS = ("nothing", "number", "boolean", "text", "date", "time", "duration")
FINGERPRINT_ROWS = 1000


class Columns(TypedDict):
    """What the columns of the training rows were: plain arrays, lists and dicts.

    `names` are packed texts, none for an array. `kinds` and `holds` (uint8 of shape (n_features,))
    are places in `KINDS` and `HOLDS`, and `twins` (int64) places of the column that a duplicate
    repeats, -1 for others. `numbers`, `categories` and `dates` (int64) are places of the columns of
    these kinds; `levels` has an entry for each of the categories, `sizes` (int64) their numbers of
    levels, and `clocks` an entry for each of the dates. `warnings` are what a user is to be told.
    """

    names: Texts
    kinds: np.ndarray
    holds: np.ndarray
    twins: np.ndarray
    numbers: np.ndarray
    categories: np.ndarray
    dates: np.ndarray
    levels: list[Levels]
    sizes: np.ndarray
    clocks: list[Clock]
    warnings: list[str]


class Cells(NamedTuple):
    """A table as numbers and codes; not to be written to, as it may share memory with the input.

    Attributes
    ----------
    numbers : ndarray of float64 of shape (n, n_numbers), C-ordered
        The columns of numbers, then the numbers of each date; NaN where a cell is missing.
    codes : ndarray of int32 of shape (n, n_categories), C-ordered
        The columns of categories: places among their levels, and the number of levels where a cell
        is missing or unknown.
    """

    numbers: np.ndarray
    codes: np.ndarray


def name_of(columns: Columns, place: int) -> str:
    """Tell the name of a column, which for an array is ``x3`` for the fourth."""
    names = Unpacked(columns["names"])
    return names[place] if names else f"x{place}"


# ------------------------------------------------------------------------------------- fit


def fit_columns(
    X: Any, estimator: Any, categorical_features: Any = "from_dtype"
) -> tuple[Columns, Cells]:
    """Learn what the columns of the training rows are, and read the rows by it.

    Parameters
    ----------
    X : array-like, sparse matrix or data frame of shape (n, n_features)
        The training rows.
    estimator : estimator instance
        Whose `n_features_in_` and `feature_names_in_` are set.
    categorical_features : 'from_dtype', None or array-like of bool, int or str
        Columns that are categories whatever they hold.

    Returns
    -------
    columns : Columns
        What each column is.
    cells : Cells
        The training rows. They have no column at all where all are left out.

    Raises
    ------
    ValueError
        Where a column holds free text or infinite numbers, and where scikit-learn does.
    TypeError
        Where cells are no single values.
    """
    table = open_table(X, estimator, reset=True)
    learning = _Learning(table, declared_columns(table, categorical_features))
    for place in range(table.n_columns):
        learning.learn(place)
    columns = learning.columns()
    cells = Cells(_numbers(columns, table), _side_by_side(learning.codes, table.n_rows))
    return columns, cells


class _Learning:
    """The columns that have been learnt so far."""

    def __init__(self, table: Table, declared: np.ndarray) -> None:
        n = table.n_columns
        self.table, self.declared = table, declared
        self.kinds, self.holds = np.zeros(n, np.uint8), np.zeros(n, np.uint8)
        self.twins = np.full(n, -1)
        self.levels: list[Levels] = []
        self.clocks: list[Clock] = []
        self.codes: list[np.ndarray] = []
        self.warnings: list[str] = []
        self._seen: dict[tuple, list[int]] = {}

    def learn(self, place: int) -> None:
        """Decide what a column is, and keep what it takes to read it."""
        values = _read(self.table, place)
        kind = self._kind(values, place)
        if kind == "category":
            levels, codes = learn_levels(values)
            if self._is_new(place, ("category", levels["holds"], n_levels(levels)), codes):
                self.levels.append(levels)
                self.codes.append(codes)
            else:
                kind = "duplicate"
        elif kind in ("number", "date"):
            if not self._is_new(place, (kind, values.holds), values.cells):
                kind = "duplicate"
            elif kind == "date":
                is_time = values.holds == "time"
                self.clocks.append(learn_clock(values.cells, values.has_zone, is_time))
        self.kinds[place], self.holds[place] = KINDS.index(kind), HOLDS.index(values.holds)

    def _kind(self, values: Values, place: int) -> str:
        if values.holds == "nothing":
            return "empty"
        if values.holds in ("number", "duration", "boolean"):
            _check_finite(values.cells, self.table, place)
        if _is_constant(values):
            return "constant"
        if self.declared[place] or values.holds == "boolean":
            return "category"
        if values.holds != "text":
            return "date" if values.holds in ("date", "time") else "number"
        return self._kind_of_texts(values, _name(self.table, place))

    def _kind_of_texts(self, values: Values, name: str) -> str:
        kind = kind_of_texts(values.texts, int((values.cells >= 0).sum()))
        if kind == "text":
            raise ValueError(
                f"Column {name!r} holds free text, as {_first(values)}: make numbers of it first, "
                "as skrub.TextEncoder or skrub.StringEncoder do, or leave it out."
            )
        if kind == "identifier":
            self.warnings.append(
                f"Column {name!r} is left out, as nearly all of its texts are different, such as "
                f"{_first(values)}: {way_out_of_identifier(values.texts)}."
            )
        return kind

    def _is_new(self, place: int, key: tuple, cells: np.ndarray) -> bool:
        """Whether no earlier column has the same cells; a part of the rows finds the likely."""
        sample = cells[:: -(-len(cells) // FINGERPRINT_ROWS)]
        likely = self._seen.setdefault((*key, sample.astype(np.float64).tobytes()), [])
        for other in likely:
            if np.array_equal(self._cells(other), cells, equal_nan=True):
                self.twins[place] = other
                return False
        likely.append(place)
        return True

    def _cells(self, place: int) -> np.ndarray:
        values = _read(self.table, place)
        is_category = KINDS[self.kinds[place]] == "category"
        return learn_levels(values)[1] if is_category else values.cells

    def columns(self) -> Columns:
        """Put together what has been learnt."""
        places = {kind: np.flatnonzero(self.kinds == code) for code, kind in enumerate(KINDS)}
        return {
            "names": pack(self.table.names or []),
            "kinds": self.kinds,
            "holds": self.holds,
            "twins": self.twins,
            "numbers": places["number"],
            "categories": places["category"],
            "dates": places["date"],
            "levels": self.levels,
            "sizes": np.array([n_levels(levels) for levels in self.levels], np.int64),
            "clocks": self.clocks,
            "warnings": self.warnings,
        }


def _is_constant(values: Values) -> bool:
    """Whether all cells are one value, with no gap."""
    if values.holds == "text":
        return bool((values.cells == values.cells[0]).all())
    return bool((values.cells == values.cells[0]).all()) and not read.is_missing(values)[0]


# ------------------------------------------------------------------------------- transform


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
    if not _is_plain(columns, X):
        return _encode(columns, open_table(X, estimator, reset=False))
    if len(columns["numbers"]) == X.shape[1] and not np.isinf(X).any():
        numbers = np.ascontiguousarray(X, np.float64)
        return Cells(numbers, np.empty((len(X), 0), np.int32))
    return _encode(columns, ArrayTable(X))


def transform_parts(columns: Columns, X: Any, estimator: Any, n_rows: int) -> Iterator[Cells]:
    """Read a table as `transform` does, `n_rows` at a time: memory does not grow with it."""
    table = open_table(X, estimator, reset=False)
    for begin in range(0, table.n_rows, n_rows):
        yield _encode(columns, table.rows(begin, min(begin + n_rows, table.n_rows)))


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
    return Cells(_numbers(columns, table), _side_by_side(codes, table.n_rows))


def _side_by_side(codes: list[np.ndarray], n_rows: int) -> np.ndarray:
    out = np.empty((n_rows, len(codes)), np.int32)
    for i, column in enumerate(codes):
        out[:, i] = column
    return out


def _numbers(columns: Columns, table: Table) -> np.ndarray:
    """Read the columns of numbers, then those of dates."""
    places = columns["numbers"]
    widths = [len(clock["features"]) for clock in columns["clocks"]]
    out = np.empty((table.n_rows, len(places) + sum(widths)))
    if len(places) and not table.numbers(places, out[:, : len(places)]):
        for i, place in enumerate(places.tolist()):
            out[:, i] = _checked(_read(table, place), columns, table, place).cells
    for i in np.flatnonzero(np.isinf(out[:, : len(places)]).any(axis=0))[:1]:
        _check_finite(out[:, i], table, int(places[i]))
    begin = len(places)
    for place, clock, width in zip(
        columns["dates"].tolist(), columns["clocks"], widths, strict=True
    ):
        values = _checked(_read(table, place), columns, table, place)
        if values.holds == "nothing":
            out[:, begin : begin + width] = np.nan
        else:
            _check_zone(values, clock, table, place)
            write_features(values.cells, clock, out[:, begin : begin + width])
        begin += width
    return out


def _codes(columns: Columns, table: Table, i: int, place: int) -> np.ndarray:
    values = _read(table, place)
    codes = codes_of(values, columns["levels"][i])
    if codes is None:
        raise _of_another_kind(values, columns, table, place)
    return codes


# --------------------------------------------------------------------------- bad columns


def _read(table: Table, place: int) -> Values:
    try:
        return table.column(place)
    except read.UnreadableError as error:
        raise TypeError(
            f"A cell's argument must be a string, a number or a date, but column "
            f"{_name(table, place)!r} holds {error}: make a column of each of its parts, or leave "
            "it out."
        ) from None


def _checked(values: Values, columns: Columns, table: Table, place: int) -> Values:
    """Refuse cells of another kind than in training."""
    held = HOLDS[columns["holds"][place]]
    if values.holds in (held, "nothing") or (values.holds, held) == ("boolean", "number"):
        return values
    raise _of_another_kind(values, columns, table, place)


def _of_another_kind(values: Values, columns: Columns, table: Table, place: int) -> ValueError:
    held = HOLDS[columns["holds"][place]]
    return ValueError(
        f"Column {_name(table, place)!r} held {held}s in training and now holds {values.holds}s, "
        f"as {_first(values)}: {_way_out(held)}."
    )


def _way_out(held: str) -> str:
    if held in ("number", "date", "time", "duration"):
        return f"give it as {held}s, with None for cells that are none"
    return f"give it as {held}s, as in training"


def _first(values: Values) -> str:
    values = read.texts_of(values)
    return _short(values.texts[values.cells[values.cells >= 0][0]])


def _check_zone(values: Values, clock: Clock, table: Table, place: int) -> None:
    if values.has_zone == clock["has_zone"]:
        return
    had, has = ("a", "none") if clock["has_zone"] else ("no", "one")
    raise ValueError(
        f"Dates of column {_name(table, place)!r} had {had} time zone in training and now have "
        f"{has}: give them as in training."
    )


def _check_finite(cells: np.ndarray, table: Table, place: int) -> None:
    if cells.dtype.kind == "f" and np.isinf(cells).any():
        raise ValueError(
            f"Input X contains infinity in column {_name(table, place)!r}: replace it by NaN, "
            "which counts as missing, or by a finite number."
        )


def _name(table: Table, place: int) -> str:
    return f"x{place}" if table.names is None else table.names[place]


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


# ------------------------------------------------------------------------------- to be seen


def number_names(columns: Columns) -> list[str]:
    """Name the columns of `Cells.numbers`; those of a date are as ``when_year_sin``."""
    names = [name_of(columns, place) for place in columns["numbers"].tolist()]
    for place, clock in zip(columns["dates"].tolist(), columns["clocks"], strict=True):
        names += [f"{name_of(columns, place)}_{feature}" for feature in clock["features"]]
    return names


def category_names(columns: Columns) -> list[str]:
    """Name the columns of `Cells.codes`."""
    return [name_of(columns, place) for place in columns["categories"].tolist()]


def describe(columns: Columns) -> list[Column]:
    """Tell what each column of the training rows was."""
    levels = dict(zip(columns["categories"].tolist(), columns["levels"], strict=True))
    clocks = dict(zip(columns["dates"].tolist(), columns["clocks"], strict=True))
    return [
        Column(
            name_of(columns, place),
            KINDS[columns["kinds"][place]],
            HOLDS[columns["holds"][place]],
            _reason(columns, place),
            list_levels(levels[place]) if place in levels else [],
            clocks[place]["features"] if place in clocks else [],
        )
        for place in range(len(columns["kinds"]))
    ]


def _reason(columns: Columns, place: int) -> str:
    match KINDS[columns["kinds"][place]]:
        case "empty":
            return "has no value"
        case "constant":
            return "has one value only"
        case "duplicate":
            return f"repeats column {name_of(columns, int(columns['twins'][place]))!r}"
        case "identifier":
            return "has texts that hardly ever come again"
    return ""
