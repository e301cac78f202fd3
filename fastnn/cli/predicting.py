"""`fastnn predict`: the rows of a file through a model, part by part."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.base import is_classifier

from fastnn.cli import options
from fastnn.cli.scoring import parts
from fastnn.cli.voice import Voice
from fastnn.columns.text_cells import InputError, places_of, shown
from fastnn.tables.answers import writing
from fastnn.tables.models import load
from fastnn.tables.open import Table, open_table
from fastnn.tables.source import STANDARD


def run(
    model: Path,
    data: Path,
    out: Path,
    keep: tuple[str, ...],
    proba: bool,
    interval: float | None,
    safe_cells: bool,
    separator: str | None,
    decimal: str | None,
    encoding: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Predict as the options of `fastnn predict` say."""
    options.check_name(out, ".csv", ".parquet", ".pq")
    if as_json and out == STANDARD:
        raise InputError("--json: the answers go to standard output already; set --out to a file.")
    voice = Voice(quiet, as_json)
    trained = load(model)
    if decimal is not None:
        trained.steps[0] = ("cells", trained.steps[0][1].with_decimal(decimal))
    if interval is not None and not hasattr(trained.steps[-1][1], "predict_interval"):
        raise InputError("--interval: this model has none; an ensemble for numbers has.")
    reader = trained.steps[0][1]
    expected = [*reader.names, *keep]
    with open_table(data, options.separator(separator), encoding, expected) as table:
        kept = places_of(table.names, list(keep))
        labels = _labels(trained, proba, interval)
        if clash := set(keep) & set(labels):
            raise InputError(
                f"--keep {shown(clash.pop())}: the answers have a column of this name."
            )
        empty = _empty_in_training(reader, table)
        filled: set[str] = set()
        n = 0
        with writing(out, [*keep, *labels], safe_cells) as answers:
            for X, batch, _ in parts(trained, table, [*kept, *empty]):
                columns: list[Any] = [batch.column(str(place)) for place in kept]
                answers.write([*columns, *_answers(trained, X, proba, interval)])
                filled |= {empty[i] for i in empty if _has_values(batch.column(str(i)))}
                n += len(batch)
        for note in table.notes:
            voice.note(note)
    for name in sorted(filled):
        voice.note(f"column {shown(name)} was empty in training and is ignored.")
    if out != STANDARD:
        voice.result(f"{n} predictions: {out}", predictions=n, out=str(out))
    voice.end()


def _labels(model: Any, proba: bool, interval: float | None) -> list[str]:
    labels = ["prediction"]
    if proba and is_classifier(model):
        labels += [f"probability_{label}" for label in model.classes_]
    return labels if interval is None else [*labels, "lower", "upper"]


def _answers(
    model: Any, X: pa.RecordBatch, proba: bool, interval: float | None
) -> list[np.ndarray]:
    table, rest = pa.Table.from_batches([X]), model[1:]
    if proba and is_classifier(model):
        probabilities = rest.predict_proba(table)
        return [model.classes_[probabilities.argmax(axis=1)], *probabilities.T]
    if interval is None:
        return [rest.predict(table)]
    bounds = model.steps[-1][1].predict_interval(table, coverage=interval)
    return [rest.predict(table), *bounds.T]


def _empty_in_training(reader: Any, table: Table) -> dict[int, str]:
    """Columns of a file that had no value in training, by their places."""
    names = {r.name for r in reader.readings if r.reason == "it is empty"}
    return {i: name for i, name in enumerate(table.names) if name in names}


def _has_values(cells: pa.Array) -> bool:
    if pa.types.is_string(cells.type):
        return bool(np.any([bool(cell) for cell in cells.unique().to_pylist()]))
    return cells.null_count < len(cells)
