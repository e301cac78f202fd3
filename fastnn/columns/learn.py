"""Learn what the columns of the training rows are."""

from typing import Any

import numpy as np

from fastnn.columns import values as read
from fastnn.columns.checks import check_finite, first, name_in, read_column
from fastnn.columns.dates import Clock, learn_clock
from fastnn.columns.declared import declared_columns
from fastnn.columns.encode import numbers_of, side_by_side
from fastnn.columns.frames import Table, open_table
from fastnn.columns.kinds import KINDS, kind_of_texts, way_out_of_identifier
from fastnn.columns.levels import Levels, learn_levels, n_levels
from fastnn.columns.record import HOLDS, Cells, Columns
from fastnn.columns.texts import pack
from fastnn.columns.values import Values


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
    cells = Cells(numbers_of(columns, table), side_by_side(learning.codes, table.n_rows))
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
        values = read_column(self.table, place)
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
                if values.has_zone is None:
                    self.warnings.append(
                        f"Column {name_in(self.table, place)!r} has dates with a time zone and "
                        "dates without one, which are taken for UTC."
                    )
                self.clocks.append(learn_clock(values.cells, values.has_zone, is_time))
        self.kinds[place], self.holds[place] = KINDS.index(kind), HOLDS.index(values.holds)

    def _kind(self, values: Values, place: int) -> str:
        if values.holds == "nothing":
            return "empty"
        if values.holds in ("number", "duration", "boolean"):
            check_finite(values.cells, self.table, place)
        if _is_constant(values):
            return "constant"
        if self.declared[place] or values.holds == "boolean":
            return "category"
        if values.holds != "text":
            return "date" if values.holds in ("date", "time") else "number"
        return self._kind_of_texts(values, name_in(self.table, place))

    def _kind_of_texts(self, values: Values, name: str) -> str:
        kind = kind_of_texts(values.texts, int((values.cells >= 0).sum()))
        if kind == "text":
            raise ValueError(
                f"Column {name!r} holds free text, as {first(values)}: make numbers of it first, "
                "as skrub.TextEncoder or skrub.StringEncoder do, or leave it out."
            )
        if kind == "identifier":
            self.warnings.append(
                f"Column {name!r} is left out, as nearly all of its texts are different, such as "
                f"{first(values)}: {way_out_of_identifier(values.texts)}."
            )
        return kind

    def _is_new(self, place: int, key: tuple, cells: np.ndarray) -> bool:
        """Whether no earlier column has the same cells; only the likely ones are read again."""
        likely = self._seen.setdefault((*key, _fingerprint(cells)), [])
        for other in likely:
            if np.array_equal(self._cells(other), cells, equal_nan=True):
                self.twins[place] = other
                return False
        likely.append(place)
        return True

    def _cells(self, place: int) -> np.ndarray:
        values = read_column(self.table, place)
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


def _fingerprint(cells: np.ndarray) -> int:
    """Give a number that equal cells share, and hardly any others: all rows go into it.

    Where a part of them did, columns of which the others alone tell, as counts of rare words, were
    all likely: time grew with the square of their number.
    """
    numbers = cells.astype(np.float64) + 0.0  # which makes -0.0 the other zero
    numbers[np.isnan(numbers)] = np.nan  # whatever its bits are
    return hash(numbers.tobytes())


def _is_constant(values: Values) -> bool:
    """Whether all cells are one value, with no gap."""
    if values.holds == "text":
        return bool((values.cells == values.cells[0]).all())
    return bool((values.cells == values.cells[0]).all()) and not read.is_missing(values)[0]
