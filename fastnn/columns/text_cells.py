"""The record of how the cells of a table's columns are read.

What each column is has been decided once, from all cells of the training rows
(`fastnn.columns.text_tally`); a `CellReader` holds that decision, is a step of the model, and reads
the cells of every later file by it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator, TransformerMixin

from fastnn.columns.input_error import InputError, listed, shown
from fastnn.columns.text_numbers import NumberFormat
from fastnn.columns.text_reading import Missing, Reading, read_chunks, read_plain

AT_ONCE = 64  # columns that are read together


class CellReader(TransformerMixin, BaseEstimator):
    """Read the cells of tables by what was decided in training.

    Parameters
    ----------
    record : str
        The decision, as JSON; `CellReader.of` writes it.

    Attributes
    ----------
    readings : list of Reading
        How each column is read, those that are left out too.
    missing : Missing
        What counts as missing.
    target : Reading
        How the target was read.
    target_missing : Missing
        Which of its cells are missing.
    usual_decimal : str
        The decimal mark of the training file where its cells did not tell.
    """

    __module__ = "fastnn.tables"  # by which saved models name it

    def __init__(self, record: str = "{}") -> None:
        self.record = record

    @classmethod
    def of(
        cls,
        readings: Iterable[Reading],
        missing: Missing,
        target: Reading,
        target_missing: Missing,
        usual_decimal: str = ".",
    ) -> "CellReader":
        """Make a reader of a decision."""
        record = {
            "usual_decimal": usual_decimal,
            "missing": asdict(missing),
            "target": _changed(target),
            "target_missing": asdict(target_missing),
            "columns": [_changed(reading) for reading in readings],
        }
        return cls(json.dumps(record, ensure_ascii=False))

    def noting(self, **facts: Any) -> "CellReader":
        """Make a reader that also keeps facts about the training, as JSON holds them."""
        held = json.loads(self.record)
        return CellReader(json.dumps({**held, "training": facts}, ensure_ascii=False))

    @property
    def training(self) -> dict[str, Any]:
        """Facts about the training."""
        return json.loads(self.record).get("training", {})

    def with_decimal(self, mark: str) -> "CellReader":
        """Make a reader for a file with another decimal mark."""
        changed = [
            replace(reading, number=replace(reading.number, decimal=mark))
            for reading in (*self.readings, self.target)
        ]
        rest = changed[-1], self.target_missing, self.usual_decimal
        return self.of(changed[:-1], self.missing, *rest).noting(**self.training)

    def without(self, reasons: Mapping[str, str]) -> "CellReader":
        """Make a reader that leaves out more columns, each for its reason."""
        readings = [
            Reading(reading.name, "left out", reasons[reading.name])
            if reading.name in reasons
            else reading
            for reading in self.readings
        ]
        rest = self.target, self.target_missing, self.usual_decimal
        return self.of(readings, self.missing, *rest)

    def read(
        self, batch: pa.RecordBatch, places: Sequence[int], first_row: int = 0
    ) -> pa.RecordBatch:
        """Read a part of a file, whose columns are called by their places.

        Parameters
        ----------
        batch : pyarrow.RecordBatch
            Cells as the file holds them.
        places : sequence of int
            Places in the file of the columns that are not left out, in their order.
        first_row : int, default=0
            Rows of the file before it.
        """
        missing = self.missing
        kept = [reading for reading in self.readings if reading.kind != "left out"]
        cells = [batch.column(str(place)) for place in places]
        values: list[pa.Array] = []
        for begin in range(0, len(kept), AT_ONCE):
            some = kept[begin : begin + AT_ONCE], cells[begin : begin + AT_ONCE]
            values += read_plain(*some, missing) or [
                reading.read(column, missing, first_row)
                for reading, column in zip(*some, strict=True)
            ]
        return pa.RecordBatch.from_arrays(values, [reading.name for reading in kept])

    def check_marks(
        self, batch: pa.RecordBatch, places: Sequence[int], usual: str, first_row: int = 0
    ) -> None:
        """Refuse numbers like 1,234 in a file whose usual decimal mark is not that of training.

        Parameters
        ----------
        batch, places, first_row
            As of `read`.
        usual : str
            The decimal mark of the file where its cells do not tell.

        Raises
        ------
        InputError
            If a cell is one number by the file's mark and another by the model's.
        """
        if usual != self.usual_decimal:
            kept = [reading for reading in self.readings if reading.kind != "left out"]
            for reading, place in zip(kept, places, strict=True):
                reading.check_mark(batch.column(str(place)), first_row)

    @property
    def names(self) -> list[str]:
        """Columns that are not left out."""
        return [reading.name for reading in self.readings if reading.kind != "left out"]

    def fit(self, X: Any = None, y: Any = None) -> "CellReader":
        """Learn nothing, as all is in the record."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def readings(self) -> list[Reading]:
        """How each column is read."""
        return _parsed(self.record)[0]

    @property
    def missing(self) -> Missing:
        """What counts as missing."""
        return _parsed(self.record)[1]

    @property
    def target(self) -> Reading:
        """How the target was read."""
        return _parsed(self.record)[2]

    @property
    def target_missing(self) -> Missing:
        """What counts as missing in the target."""
        return _parsed(self.record)[3]

    @property
    def usual_decimal(self) -> str:
        """The decimal mark of the training file where its cells did not tell."""
        return _parsed(self.record)[4]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns that are not left out."""
        return np.array(self.names, dtype=object)

    def transform(self, X: Any) -> pa.Table:
        """Read a table.

        Parameters
        ----------
        X : table of pandas, polars or pyarrow
            Texts as a file holds them, or columns of other types.

        Returns
        -------
        table : pyarrow.Table
            Numbers as float64, dates as timestamps, texts and categories as strings.

        Raises
        ------
        InputError
            If a column is missing, or holds a cell that is not what the column is.
        """
        table = X if isinstance(X, pa.Table) else pa.table(X)
        missing = self.missing
        kept = [reading for reading in self.readings if reading.kind != "left out"]
        places = places_of(table.column_names, self.names)
        columns = {
            reading.name: read_chunks(reading, table.column(place), missing)
            for reading, place in zip(kept, places, strict=True)
        }
        return pa.table(columns)


def places_of(names: Sequence[str], needed: Sequence[str]) -> list[int]:
    """Find columns by name.

    Raises
    ------
    InputError
        If one is missing, or stands twice.
    """
    found: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        found.setdefault(name, []).append(place)
    for name in needed:
        if name not in found:
            has = f"the columns are {listed(names)}" if len(names) != 1 else _one(names[0])
            raise InputError(f"there is no column {shown(name)}; {has}.")
        if len(found[name]) > 1:
            first, second = (place + 1 for place in found[name][:2])
            raise InputError(
                f"column {shown(name)} stands twice, as columns {first} and {second}: rename one."
            )
    return [found[name][0] for name in needed]


def _one(name: str) -> str:
    """Tell of the only column; a sign that is not looked for may part many."""
    return f"the only column is {shown(name)} (--separator says what parts columns)"


def _changed(reading: Reading) -> dict[str, Any]:
    """Fields that are not what they are by default: records of 100000 columns stay small."""
    plain = Reading(reading.name, reading.kind)
    held = {k: v for k, v in vars(reading).items() if v != getattr(plain, k)}
    if "number" in held:
        held["number"] = asdict(reading.number)
    return {"name": reading.name, "kind": reading.kind, **held}


@lru_cache(maxsize=4)
def _parsed(record: str) -> tuple[list[Reading], Missing, Reading, Missing, str]:
    held = json.loads(record)
    readings = [_reading(column) for column in held["columns"]]
    missing, of_target = _missing(held["missing"]), _missing(held["target_missing"])
    return readings, missing, _reading(held["target"]), of_target, held["usual_decimal"]


def _missing(held: dict[str, Any]) -> Missing:
    return Missing(tuple(held["words"]), held["everywhere"])


def _reading(held: dict[str, Any]) -> Reading:
    number = NumberFormat(**held.get("number", {}))
    truths = tuple(held.get("truths", ("False", "True")))
    return Reading(**{**held, "number": number, "truths": truths})
