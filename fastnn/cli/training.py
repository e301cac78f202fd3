"""`fastnn train`: decide what the columns of a file are, fit a model, score and save it."""

import warnings
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from sklearn.pipeline import Pipeline

from fastnn._version import __version__
from fastnn.cli import options
from fastnn.cli.described import column_facts, column_lines, columns_of, count_lines, counted
from fastnn.cli.learners import Settings, fit_ensemble, fit_network, timed
from fastnn.cli.scoring import SCORES, check_columns, score_file
from fastnn.cli.voice import Voice, count
from fastnn.columns import fit_columns
from fastnn.columns.input_error import InputError, shown
from fastnn.columns.text_cells import CellReader
from fastnn.columns.text_tally import Wishes
from fastnn.tables.encoder import TableEncoder
from fastnn.tables.models import save
from fastnn.tables.open import open_table
from fastnn.tables.training_rows import (
    Decision,
    Request,
    TrainingRows,
    free_texts,
    read_rows,
    share_of_rows,
    survey,
)

HELD_OUT = 0.2  # of the rows, to score a plain network on


@dataclass(frozen=True)
class Asked:
    """What the options of `fastnn train` say, by their names."""

    data: Path
    target: str
    out: Path
    task: str
    model: str | None
    hidden: str | None
    max_iter: int | None
    seconds: float | None
    held_out: float | None
    test: Path | None
    seed: int
    kinds: tuple[str, ...]
    drop: tuple[str, ...]
    weights: str | None
    groups: str | None
    missing: tuple[str, ...]
    separator: str | None
    decimal: str | None
    encoding: str | None
    columns: bool
    report: Path | None
    quiet: bool
    as_json: bool

    @property
    def is_plain(self) -> bool:
        """Whether a plain network is wanted, in place of an ensemble."""
        return options.is_plain_network(self.model, self.hidden, self.max_iter)

    @property
    def share_held_out(self) -> float | None:
        """Share of the rows to score on; an ensemble scores by its own folds."""
        is_scored = not self.is_plain or self.test is not None
        return HELD_OUT if self.held_out is None and not is_scored else self.held_out

    @property
    def request(self) -> Request:
        """What the columns are to be, and to be used for."""
        wishes = Wishes(self.decimal, options.kinds(self.kinds), self.drop)
        missing = options.missing(self.missing)
        return Request(self.target, self.task, self.weights, self.groups, wishes, missing)


def run(**given: Any) -> None:
    """Train a model as the options of `fastnn train` say."""
    asked = Asked(**given)
    voice = Voice(asked.quiet, asked.as_json)
    options.check_name(asked.out, ".skops")
    pages: Any = None if asked.report is None else _pages(asked.report)
    units = options.units(asked.hidden or "100")
    decision, rows, reader = _read(asked)
    separator = options.separator(asked.separator)
    if asked.test is not None:
        check_columns(reader, asked.test, separator, asked.encoding)
    facts_of_columns = _tell(voice, decision, asked.request, rows, reader, asked.columns)
    train, judged = _split(rows, decision.task, asked.share_held_out, asked.seed)
    settings = Settings(
        decision.task, units, asked.max_iter or 200, asked.seconds, asked.seed, asked.quiet
    )
    clock = [] if pages is None else [pages.EpochClock()]
    if asked.is_plain:
        trained, took = timed(fit_network, reader, rows, train, settings, clock)
    else:
        trained, took = timed(fit_ensemble, reader, rows, train, settings)
    score = _score(trained, rows, judged, asked.test, separator, asked.encoding)
    facts = {
        "task": decision.task,
        "target": asked.target,
        "rows": len(train),
        "score": score,
        "fastnn": __version__,
    }
    trained.steps[0] = ("cells", reader.noting(**facts))
    save(trained, asked.out)
    told = f"{score['name']} on {score['rows']} {score['on']}: {score['value']:.4f}"
    voice.result(told, **facts)
    voice.result(f"model: {asked.out}", model=str(asked.out))
    if asked.report is not None:
        epochs = clock[0] if asked.is_plain else None
        shown_rows = _shown_rows(trained, rows, judged)
        about = trained, facts_of_columns, took, epochs
        pages.write(pages.Training(asked.data, asked.target, *shown_rows, *about), asked.report)
        voice.result(f"report: {asked.report}", report=str(asked.report))
    voice.end()


def _read(asked: Asked) -> tuple[Decision, TrainingRows, CellReader]:
    """Decide what the columns are, and read the rows to train on by it."""
    request = asked.request
    named = (asked.target, asked.weights, asked.groups, *asked.drop)
    expected = [name for name in named if name is not None]
    with open_table(
        asked.data, options.separator(asked.separator), asked.encoding, expected
    ) as table:
        decision = survey(table, request)
        rows = read_rows(table, decision, request, share_of_rows(decision), asked.seed)
    reader = decision.reader.without(free_texts(rows, decision.reader))
    rows = replace(rows, X=rows.X.select(reader.names))
    if decision.task == "classification":
        _check_classes(rows, asked.target)
    return decision, rows, reader


def _shown_rows(model: Pipeline, rows: TrainingRows, judged: np.ndarray) -> tuple[Any, ...]:
    """Give the rows that a report shows: all, those that are judged, their targets and answers."""
    judged, answers, probabilities = _judged(model, rows, judged)
    frame = rows.X.to_pandas()
    frame.index = rows.numbers - 1
    return frame, frame.iloc[judged], rows.y[judged], answers, probabilities


def _score(
    model: Pipeline,
    rows: TrainingRows,
    judged: np.ndarray,
    test: Path | None,
    separator: str | None,
    encoding: str | None,
) -> dict[str, Any]:
    """Score a model on another file, on the rows held out, or by the folds of the ensemble."""
    name, score = SCORES["classification" if hasattr(model, "classes_") else "regression"]
    if test is not None:
        result = score_file(model, test, separator, encoding)
        value, n = result.scores[name], result.n_rows
        on = f"row{'s' * (n != 1)} of {test}"
    elif judged.size:
        answers = model[1:].predict(rows.X.take(pa.array(judged)))  # whose cells are read already
        value, on, n = score(rows.y[judged], answers), "held-out rows", judged.size
    else:  # each row by the members that it did not train
        value, on, n = model.steps[-1][1].validation_score_, "held-out rows", len(rows.y)
        on = "rows, each of them once among the held-out rows"
    return {"name": name, "value": float(value), "on": on, "rows": int(n)}


def _judged(
    model: Pipeline, rows: TrainingRows, judged: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Predict the rows held out; of an ensemble without such, all rows by its folds."""
    learner = model.steps[-1][1]
    if judged.size or not hasattr(learner, "oof_prediction_"):
        if not judged.size:  # scored on another file
            judged = np.arange(len(rows.y))
        X = rows.X.take(pa.array(judged))
        rest = model[1:]  # as the cells are read already
        proba = rest.predict_proba(X) if hasattr(model, "classes_") else None
        return judged, rest.predict(X), proba
    known = np.isfinite(learner.oof_prediction_.reshape(len(rows.y), -1)).all(axis=1)
    judged, oof = np.flatnonzero(known), learner.oof_prediction_[known]
    if not hasattr(model, "classes_"):
        return judged, oof.ravel(), None
    return judged, model.classes_[oof.argmax(axis=1)], oof


def _pages(report: Path) -> Any:
    """Import what writes reports: what is missing is told before the training, not after it."""
    options.check_name(report, ".html")
    try:
        from fastnn.report import page as pages  # extra cli, as jinja2; 300 ms
    except ImportError as error:
        raise InputError(
            f"--report needs {error.name}: install the extra with `pip install 'fastnn-mlp[cli]'`."
        ) from error
    return pages


def _check_classes(rows: TrainingRows, target: str) -> None:
    labels, n = np.unique(rows.y), rows.n_without
    if labels.size < 2:
        has = f" that has one; {n} have none" if n else ""
        raise InputError(f"the target {shown(target)} is {shown(labels[0])} in every row{has}.")
    if labels.size == len(rows.y):
        raise InputError(
            f"the target {shown(target)} is another one in every row, which are no classes: set "
            "--task regression if they are numbers."
        )


def _split(
    rows: TrainingRows, task: str, held_out: float | None, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Hold rows out, of each class alike where every class has enough; groups are not torn."""
    n = len(rows.y)
    if held_out is None:
        return np.arange(n), np.arange(0)
    n_test = round(held_out * n)
    n_least = min(n_test, n - n_test)
    if n_least < 2:
        raise InputError(
            f"--held-out {held_out} of {n} rows: training and scoring need 2 rows each."
        )
    if rows.groups is not None:
        splitter = GroupShuffleSplit(1, test_size=held_out, random_state=seed)
        try:
            train, test = next(splitter.split(rows.y, groups=rows.groups))
        except ValueError as error:
            raise InputError(f"--groups: {error}") from error
        return train, test
    strata = None
    if task == "classification":
        counts = Counter(rows.y.tolist())
        if min(counts.values()) > 1 and n_least >= len(counts):
            strata = rows.y
    train, test = train_test_split(
        np.arange(n), test_size=n_test, random_state=seed, stratify=strata
    )
    return train, test


def _tell(
    voice: Voice,
    decision: Decision,
    request: Request,
    rows: TrainingRows,
    reader: CellReader,
    columns: bool,
) -> list[dict[str, Any]]:
    """Tell what was read, and how; returns the facts of each column."""
    described = columns_of(reader, _learnt(rows))
    n_without = rows.n_without
    have_none = "it has" if n_without == 1 else "they have"
    left = f", {n_without} left out as {have_none} no {shown(request.target)}" if n_without else ""
    if len(rows.y) < decision.n_rows - n_without:
        left += f", a sample of {decision.n_rows}, as more take more memory"
    task, target = decision.task, request.target
    n_rows, width = count(len(rows.y), "row"), count(len(described), "column")
    voice.note(f"{task} of {target!r}: {n_rows}{left}, {width}")
    for line in count_lines(described):
        voice.note(line)
    voice.note(f"  missing: {_missing(request)} (--missing)")
    for note in decision.notes:
        voice.note(f"  {note}")
    facts = column_facts(reader, described)
    voice.facts.update(
        columns=facts if columns else counted(described),
        rows_without_target=n_without,
        notes=decision.notes,
    )
    if columns and not voice.as_json:
        for line in column_lines(facts):
            voice.result(line)
    if counted(described)["left out"] == len(described):
        raise InputError(
            f"every column but {shown(target)} is left out, so there is nothing to learn it from; "
            "--kind COLUMN=KIND says what a column is."
        )
    return facts


def _missing(request: Request) -> str:
    words = [word for word in request.missing.words if word.strip()]
    where = "" if request.missing.everywhere else " among numbers and dates"
    more = " and the like" if len(words) > 4 else ""
    return ", ".join(["empty cells", *words[:4]]) + (more + where if words else "")


def _learnt(rows: TrainingRows) -> Any:
    """Learn what the columns are, as the model will."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is left out is told with the reason
            return fit_columns(rows.X, TableEncoder())[0]
    except (ValueError, TypeError) as error:
        raise InputError(str(error)) from error
