"""`fastnn predict`: the rows of a file through a model, part by part."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.base import is_classifier

from fastnn.cli import options
from fastnn.cli.parts import parts
from fastnn.cli.unseen import Unseen
from fastnn.cli.voice import Voice, count
from fastnn.columns.input_error import InputError, shown
from fastnn.columns.text_cells import places_of
from fastnn.tables.answers import writing
from fastnn.tables.models import answering, load
from fastnn.tables.open import open_table
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
    keep = tuple(dict.fromkeys(keep))
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
        places_of(table.names, reader.names)
        labels = _labels(trained, proba, interval)
        if clash := set(keep) & set(labels):
            raise InputError(
                f"--keep {shown(clash.pop())}: the answers have a column of this name."
            )
        with answering(model):
            unseen = Unseen(trained, table)
        n = 0
        with writing(out, [*keep, *labels], safe_cells) as answers:
            for X, batch, _ in parts(trained, table, [*kept, *unseen.places], decimal is None):
                columns: list[Any] = [batch.column(str(place)) for place in kept]
                with answering(model):
                    columns += _answers(trained, X, proba, interval)
                    unseen.add(X, batch)
                answers.write(columns)
                n += len(batch)
        for note in (*table.notes, *unseen.notes()):
            voice.note(note)
    if out != STANDARD:
        voice.result(f"{count(n, 'prediction')}: {out}", predictions=n, out=str(out))
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
