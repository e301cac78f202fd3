"""What a file has that training had not, gathered part by part and told once at the end."""

from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fastnn.columns import describe
from fastnn.columns.input_error import shown
from fastnn.columns.text_cells import CellReader
from fastnn.tables.open import Table

MOST_TOLD = 10  # columns


class Unseen:
    """Values of columns that were empty in training, and values of categories that it had not.

    Parameters
    ----------
    model : Pipeline
        A model of `fastnn train`.
    table : Table
        The file.

    Attributes
    ----------
    places : list of int
        Places in the file of the columns that were empty.
    """

    def __init__(self, model: Any, table: Table) -> None:
        reader: CellReader = model.steps[0][1]
        learnt = describe(model.steps[1][1].columns_)
        empty = {r.name for r in reader.readings if r.reason == "it is empty"}
        empty |= {column.name for column in learnt if column.kind == "empty"}
        self._empty = {i: name for i, name in enumerate(table.names) if name in empty}
        self.places = list(self._empty)
        self._missing = reader.missing
        self._levels = {
            column.name: pa.array([str(level) for level in column.levels], pa.string())
            for column in learnt
            if column.kind == "category" and column.holds == "text"
        }
        self._filled: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def add(self, X: pa.RecordBatch, batch: pa.RecordBatch) -> None:
        """Add a part of the file: as the model takes it, and its cells by their places."""
        for place, name in self._empty.items():
            if name not in self._filled and _has_values(batch.column(str(place)), self._missing):
                self._filled.add(name)
        for name, levels in self._levels.items():
            cells = X.column(name)
            known = pc.or_(pc.is_null(cells), pc.is_in(cells, value_set=levels))
            if not pc.all(known).as_py():
                others = cells.filter(pc.invert(known))
                self._counts[name] += len(others)
                self._examples.setdefault(name, others[0].as_py())

    def notes(self) -> list[str]:
        """Tell of each column in a sentence."""
        told = [f"column {shown(n)} was empty in training and is ignored." for n in self._filled]
        for name, n in self._counts.items():
            cells = f"{n} cell{'s have values' if n > 1 else ' has a value'}"
            told.append(
                f"column {shown(name)}: {cells} that training had not, as "
                f"{shown(self._examples[name])}, and count{'s' * (n == 1)} as missing."
            )
        told.sort()
        more = len(told) - MOST_TOLD
        return told if more <= 0 else [*told[:MOST_TOLD], f"and so do {more} more columns."]


def _has_values(cells: pa.Array, missing: Any) -> bool:
    if not pa.types.is_string(cells.type):
        return cells.null_count < len(cells)
    return pc.any(pc.is_valid(missing.without(cells, are_texts=False))).as_py() or False
