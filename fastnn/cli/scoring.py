"""Scores of a model on the rows of a file that has the target."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn import metrics
from sklearn.pipeline import Pipeline

from fastnn.cli.parts import parts
from fastnn.cli.unseen import Unseen
from fastnn.columns.input_error import InputError, shown
from fastnn.columns.text_cells import CellReader, places_of
from fastnn.tables.open import open_table
from fastnn.tables.training_rows import LONGEST_CLASS

SCORES: dict[str, tuple[str, Callable[[np.ndarray, np.ndarray], float]]] = {
    "classification": ("accuracy", lambda y, answers: float(np.mean(y == answers))),
    "regression": ("R2", metrics.r2_score),
}


@dataclass(frozen=True)
class FileScore:
    """How well a model predicts a file.

    Attributes
    ----------
    scores : dict of float
        By name.
    n_rows, n_without : int
        Rows that have the target, and that have none.
    notes : list of str
        What was found, and what training had not.
    """

    scores: dict[str, float]
    n_rows: int
    n_without: int
    notes: list[str]


def check_columns(
    reader: CellReader, path: Path, separator: str | None, encoding: str | None
) -> None:
    """Check that a file has what scoring needs, before a training takes its time.

    Parameters
    ----------
    reader : CellReader
        Of the model to be.
    path : Path
        Of the file.
    separator, encoding : str or None
        Of a CSV file; None finds it.

    Raises
    ------
    InputError
        If there is no such file, or it lacks a column.
    """
    needed = [*reader.names, reader.target.name]
    with open_table(path, separator, encoding, needed) as table:
        places_of(table.names, needed)


def score_file(
    model: Pipeline,
    path: Path,
    separator: str | None,
    encoding: str | None,
    marks_may_differ: bool = True,
) -> FileScore:
    """Score a model on a file.

    Parameters
    ----------
    model : Pipeline
        A model of `fastnn train`.
    path : Path
        Of the file.
    separator, encoding : str or None
        Of a CSV file; None finds it.
    marks_may_differ : bool, default=True
        Whether the file may have another decimal mark than training, as nobody named it.

    Raises
    ------
    InputError
        If the file lacks a column, or has no row with a target.
    """
    reader = model.steps[0][1]
    expected = [*reader.names, reader.target.name]
    ys, answers, proba, n = [], [], [], 0
    task = "classification" if hasattr(model, "classes_") else "regression"
    with open_table(path, separator, encoding, expected) as table:
        at = places_of(table.names, [reader.target.name])
        unseen = Unseen(model, table)
        for X, batch, first in parts(model, table, [*at, *unseen.places], marks_may_differ):
            unseen.add(X, batch)
            if marks_may_differ and table.usual_decimal != reader.usual_decimal:
                reader.target.check_mark(batch.column(str(at[0])), first)
            y = reader.target.read(batch.column(str(at[0])), reader.target_missing, first)
            has = pc.is_valid(y)
            n += len(batch)
            X = pa.Table.from_batches([X.filter(has)])
            if task == "classification":  # each label is to take as much memory as the longest
                y = pc.utf8_slice_codeunits(y, 0, LONGEST_CLASS + 1)
            if len(X):
                ys.append(y.filter(has).to_numpy(zero_copy_only=False))
                answers.append(model[1:].predict(X))
                if task == "classification":
                    proba.append(model[1:].predict_proba(X))
        notes = [*table.notes, *unseen.notes()]
    if not ys:
        raise InputError(f"{path}: no row has a target.")
    y, answer = np.concatenate(ys), np.concatenate(answers)
    if task == "classification":
        y = y.astype(str)
        notes += _notes_of_strangers(y, model.classes_)
        scores = _of_classes(y, answer, np.concatenate(proba), model.classes_)
    else:
        scores = {
            "R2": metrics.r2_score(y, answer) if len(y) > 1 else float("nan"),
            "mean absolute error": metrics.mean_absolute_error(y, answer),
            "root mean squared error": metrics.root_mean_squared_error(y, answer),
        }
    return FileScore({k: float(v) for k, v in scores.items()}, len(y), n - len(y), notes)


def _notes_of_strangers(y: np.ndarray, classes: np.ndarray) -> list[str]:
    """Tell that rows have classes that the model never answers with."""
    strange = y[~np.isin(y, classes)]
    if not len(strange):
        return []
    have = "row has a class" if len(strange) == 1 else "rows have classes"
    return [f"{len(strange)} {have} that training had not, as {shown(str(strange[0]))}."]


def _of_classes(
    y: np.ndarray, answer: np.ndarray, proba: np.ndarray, classes: np.ndarray
) -> dict[str, float]:
    recalls = [float((answer[y == label] == label).mean()) for label in np.unique(y)]
    codes = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    right = proba[np.arange(len(y)), codes] * (classes[codes] == y)
    tiny = np.finfo(proba.dtype).eps
    return {
        "accuracy": float((y == answer).mean()),
        "balanced accuracy": float(np.mean(recalls)),
        "log loss": float(-np.log(np.maximum(right, tiny)).mean()),
    }
