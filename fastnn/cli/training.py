"""`fastnn train`: decide what the columns of a file are, fit a model, score and save it."""

import time
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from sklearn.pipeline import Pipeline

from fastnn._version import __version__
from fastnn.cli import options
from fastnn.cli.scoring import SCORES, score_file
from fastnn.cli.voice import Voice
from fastnn.columns import Column, describe
from fastnn.columns.text_cells import CellReader, InputError, shown
from fastnn.columns.text_tally import Wishes
from fastnn.estimators.classifier import MLPClassifier
from fastnn.estimators.regressor import MLPRegressor
from fastnn.progress import EpochProgress
from fastnn.tables.encoder import TableEncoder
from fastnn.tables.models import save
from fastnn.tables.open import open_table
from fastnn.tables.training_rows import (
    Decision,
    Request,
    TrainingRows,
    free_texts,
    read_rows,
    survey,
)

FEW_ROWS = 500  # below, early stopping would judge by too few


def run(
    data: Path,
    target: str,
    out: Path,
    task: str,
    hidden: str,
    max_iter: int,
    seconds: float | None,
    held_out: float,
    test: Path | None,
    seed: int,
    kinds: tuple[str, ...],
    drop: tuple[str, ...],
    weights: str | None,
    groups: str | None,
    missing: tuple[str, ...],
    separator: str | None,
    decimal: str | None,
    encoding: str | None,
    columns: bool,
    report: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train a model as the options of `fastnn train` say."""
    voice = Voice(quiet, as_json)
    options.check_name(out, ".skops")
    pages: Any = None if report is None else _pages(report)
    units = options.units(hidden)
    wishes = Wishes(decimal, options.kinds(kinds), drop)
    request = Request(target, task, weights, groups, wishes, options.missing(missing))
    expected = [name for name in (target, weights, groups, *drop) if name is not None]
    with open_table(data, options.separator(separator), encoding, expected) as table:
        decision = survey(table, request)
        rows = read_rows(table, decision, request)
    reader = decision.reader.without(free_texts(rows, decision.reader))
    rows = replace(rows, X=rows.X.select(reader.names))
    is_classification = decision.task == "classification"
    if is_classification:
        _check_classes(rows.y, target)
    train, judged = _split(rows, decision.task, held_out, seed, whole=test is not None)
    encoder = TableEncoder()
    X_train = _encoded(encoder, rows.X.take(pa.array(train)))
    _tell(voice, decision, request, rows, reader, encoder, columns)
    clock = [] if pages is None else [pages.EpochClock()]
    network = (MLPClassifier if is_classification else MLPRegressor)(
        hidden_layer_sizes=units,
        max_iter=max_iter,
        early_stopping=len(train) >= FEW_ROWS,
        random_state=seed,
        max_time=seconds,
    ).set_callbacks(*([] if quiet else [EpochProgress()]), *clock)
    last = network if is_classification else _scaled(network)
    began = time.perf_counter()
    _fit(last, X_train, rows.y[train], None if rows.weights is None else rows.weights[train])
    took = time.perf_counter() - began
    _without_callbacks(last)
    model = Pipeline([("cells", reader), ("columns", encoder), ("network", last)])
    name, score = SCORES[decision.task]
    if test is None:
        X_test = rows.X.take(pa.array(judged))
        value = score(rows.y[judged], model.predict(X_test))
        on, n = "held-out rows", len(judged)
    else:
        result = score_file(model, test, options.separator(separator), encoding)
        value, on, n = result.scores[name], f"rows of {test}", result.n_rows
    facts = {
        "task": decision.task,
        "target": target,
        "rows": len(rows.y),
        "score": {"name": name, "value": float(value), "on": on, "rows": int(n)},
        "fastnn": __version__,
    }
    model.steps[0] = ("cells", reader.noting(**facts))
    save(model, out)
    voice.result(f"{name} on {n} {on}: {value:.4f}", **facts)
    voice.result(f"model: {out}", model=str(out))
    if report is not None:
        frame = rows.X.to_pandas()
        frame.index = rows.numbers - 1
        training = pages.Training(
            data, target, frame, frame.iloc[judged], rows.y[judged], model, took, clock[0]
        )
        pages.write(training, report)
        voice.result(f"report: {report}", report=str(report))
    voice.end()


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


def _check_classes(y: np.ndarray, target: str) -> None:
    labels = np.unique(y)
    if labels.size < 2:
        raise InputError(f"the target {shown(target)} is {shown(labels[0])} in every row.")
    if labels.size == len(y):
        raise InputError(
            f"the target {shown(target)} is another one in every row, which are no classes: set "
            "--task regression if they are numbers."
        )


def _split(
    rows: TrainingRows, task: str, held_out: float, seed: int, whole: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Hold rows out, of each class alike where every class has enough; groups are not torn."""
    n = len(rows.y)
    if whole:
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


def _encoded(encoder: TableEncoder, X: pa.Table) -> Any:
    try:
        return encoder.fit(X).transform(X)
    except (ValueError, TypeError) as error:
        raise InputError(str(error)) from error


def _scaled(network: MLPRegressor) -> Any:
    """Wrap a regressor so that its target is standardized."""
    from sklearn.compose import TransformedTargetRegressor  # 100 ms that classifiers do not need
    from sklearn.preprocessing import StandardScaler

    return TransformedTargetRegressor(network, transformer=StandardScaler())


def _fit(model: Any, X: Any, y: np.ndarray, weights: np.ndarray | None) -> None:
    """Fit, to the last epoch if need be; an interrupt goes on to the caller."""
    weighted = {} if weights is None else {"sample_weight": weights}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("error", "Training interrupted by user")
        try:
            model.fit(X, y, **weighted)
        except UserWarning:
            raise KeyboardInterrupt from None
        except (ValueError, MemoryError) as error:  # such as a class of which there is one row
            raise InputError(str(error)) from error


def _without_callbacks(last: Any) -> None:
    """Take the progress bar off, so that the saved model holds the network alone."""
    for network in (last, getattr(last, "regressor", None), getattr(last, "regressor_", None)):
        if isinstance(network, MLPClassifier | MLPRegressor):
            network.set_callbacks()


# ------------------------------------------------------------------------------------- what is told


def _tell(
    voice: Voice,
    decision: Decision,
    request: Request,
    rows: TrainingRows,
    reader: CellReader,
    encoder: TableEncoder,
    columns: bool,
) -> None:
    """Tell what was read, and how."""
    described = kinds_of(reader, describe(encoder.columns_))
    n_without = decision.n_rows - len(rows.y)
    left = f", {n_without} left out as they have no {shown(request.target)}" if n_without else ""
    voice.note(
        f"{decision.task} of {request.target!r}: {len(rows.y)} rows{left}, {len(described)} columns"
    )
    for kind, plural in (("number", "numbers"), ("category", "categories"), ("date", "dates")):
        n = sum(column.kind == kind for column in described)
        if n:
            voice.note(f"  {plural}: {n}")
    out = [c for c in described if c.kind not in ("number", "category", "date")]
    if out:
        shown_ones = ", ".join(f"{shown(c.name)} {c.reason}" for c in out[:10])
        more = f", and {len(out) - 10} more (--columns)" if len(out) > 10 else ""
        voice.note(f"  left out: {len(out)} ({shown_ones}{more})")
    words = request.missing.words
    where = "" if request.missing.everywhere else " among numbers and dates"
    listed = ", ".join(words[:4]) + (" and the like" if len(words) > 4 else "")
    voice.note(f"  missing: empty cells, {listed}{where} (--missing)")
    for note in decision.notes:
        voice.note(f"  {note}")
    counts = Counter(column.kind for column in described)
    table = [column_facts(reader, column) for column in described]
    voice.facts.update(
        columns=table if columns else dict(counts),
        rows_without_target=n_without,
        notes=decision.notes,
    )
    if columns and not voice.as_json:
        for line in column_lines(table):
            voice.result(line)


def kinds_of(reader: CellReader, described: list[Column]) -> list[Column]:
    """Put what was decided on texts and on what they became together, in the file's order."""
    by_name = {column.name: column for column in described}
    out = []
    for reading in reader.readings:
        column = by_name.get(reading.name)
        out.append(column or Column(reading.name, "left out", "", reading.reason, [], []))
    return out


def column_facts(reader: CellReader, column: Column) -> dict[str, Any]:
    """Tell how a column is read, as plain values."""
    reading = next(r for r in reader.readings if r.name == column.name)
    how = {
        "number": f"decimals with {reading.number.decimal!r}"
        + f", {reading.number.affix}" * bool(reading.number.affix),
        "date": reading.date,
    }.get(reading.kind, "as it is written")
    facts: dict[str, Any] = {"name": column.name, "kind": column.kind, "read": how}
    if column.levels:
        facts["values"] = len(column.levels)
    if column.reason or reading.reason:
        facts["reason"] = column.reason or reading.reason
    return facts


def column_lines(table: list[dict[str, Any]]) -> list[str]:
    """Lay columns out as lines."""
    width = min(40, max(len(shown(facts["name"])) for facts in table))
    lines = []
    for facts in table:
        told = facts.get("reason") or facts["read"]
        values = f", {facts['values']} values" if "values" in facts else ""
        lines.append(f"{shown(facts['name']):<{width}}  {facts['kind']:<10}  {told}{values}")
    return lines
