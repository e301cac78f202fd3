"""The rows of a training file: decide what its columns are, then read them by that."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastnn.columns.input_error import InputError, shown
from fastnn.columns.kinds import kind_of_texts
from fastnn.columns.text_cells import CellReader, places_of
from fastnn.columns.text_reading import Missing, Reading
from fastnn.columns.text_tally import (
    Tally,
    Wishes,
    add_batch,
    decide,
    decimal_of,
    kind_option,
)
from fastnn.tables.open import Table

MAX_CODED_CLASSES = 20  # a target of whole numbers with more different values than this is a number
MOST_CELLS = 3 << 22  # that are learnt from; training takes some 50 bytes for each
MOST_CLASSES = 100_000  # different texts of a target that are counted
LONGEST_CLASS = 200  # characters; each row's label takes as much memory as the longest
_DECIMALS = re.compile(r"[+-]?\d*[.,]\d+|-\d+")  # 1, 2 and 2024 are good names
GOOD_NUMBER = 0.05  # share of rows by which a word for missing values is a class of its own


@dataclass(frozen=True)
class Request:
    """What a person wants to be learnt.

    Attributes
    ----------
    target : str
        Column to learn.
    task : {'auto', 'classification', 'regression'}
        What it is.
    weights, groups : str or None
        Columns with the rows' weights, and with what keeps rows together.
    wishes : Wishes
        What they said of other columns.
    missing : Missing
        What counts as missing.
    """

    target: str
    task: str = "auto"
    weights: str | None = None
    groups: str | None = None
    wishes: Wishes = field(default_factory=Wishes)
    missing: Missing = field(default_factory=Missing)


@dataclass(frozen=True)
class Decision:
    """What is learnt from a file.

    Attributes
    ----------
    task : {'classification', 'regression'}
        What the target is.
    reader : CellReader
        How columns are read; a part of the model.
    n_rows : int
        Rows of the file.
    notes : list of str
        What a person may want to know or to change.
    """

    task: str
    reader: CellReader
    n_rows: int
    notes: list[str]


@dataclass(frozen=True)
class TrainingRows:
    """Rows that have a target.

    Attributes
    ----------
    X : pyarrow.Table
        Their columns.
    y : ndarray of shape (n,)
        Their targets: texts, or numbers.
    weights, groups : ndarray of shape (n,) or None
        Their weights; what keeps them together.
    numbers : ndarray of int64 of shape (n,)
        Which rows of the file they are, from 1.
    n_without : int
        Rows of the file that have no target.
    """

    X: pa.Table
    y: np.ndarray
    weights: np.ndarray | None
    groups: np.ndarray | None
    numbers: np.ndarray
    n_without: int


def survey(table: Table, request: Request) -> Decision:
    """Look at all cells of a file, and decide how its columns are read.

    Raises
    ------
    InputError
        If the file has no rows, or columns that are asked for are not there.
    """
    roles = [request.target, *filter(None, (request.weights, request.groups))]
    wished = request.wishes.kinds or {}
    for name in (*roles, *request.wishes.drop, *wished):
        if name not in table.names:
            places_of(table.names, [name])
    if request.target in wished:
        raise InputError(f"column {shown(request.target)} is the target: --task says what it is.")
    if len(set(roles)) < len(roles):
        raise InputError("--target, --weights and --groups have to name a column each.")
    if clash := set(roles) & set(request.wishes.drop):
        raise InputError(f"column {shown(clash.pop())} is needed: --drop cannot leave it out.")
    kept = [n for n in table.names if n and n not in request.wishes.drop]
    places_of(table.names, kept)
    features = [i for i, name in enumerate(table.names) if name not in roles]
    if not features:
        raise InputError(
            f"{shown(request.target)} is the only column: there is nothing to learn it from."
        )
    tallies = [Tally(name, request.missing) for name in table.names]
    counts: Counter[str] | None = Counter()
    place = table.names.index(request.target)
    n_rows = 0
    for batch in table.batches():
        n_rows += len(batch)
        add_batch(tallies, batch.columns)
        counts = _counted(counts, batch.column(place))
    if not n_rows:
        raise InputError("the table has no rows.")
    decimal = request.wishes.decimal or decimal_of(tallies, table.usual_decimal)
    readings = [decide(tallies[i], decimal, request.wishes) for i in features]
    task, target, missing = _decide_target(tallies[place], counts, decimal, request)
    notes = [*table.notes, *_notes_of_names(table.names), *_notes(readings, decimal, request)]
    if task == "classification" and request.task == "auto":
        notes += _notes_of_classes(tallies[place], decimal)
    reader = CellReader.of(readings, request.missing, target, missing, table.usual_decimal)
    return Decision(task, reader, n_rows, notes)


def _counted(counts: Counter[str] | None, cells: pa.Array) -> Counter[str] | None:
    """Count a target's texts, as long as they may be classes."""
    if counts is None or pa.types.is_nested(cells.type):
        return None
    values = Reading("", "text").read(cells, Missing(()))
    for pair in pc.value_counts(values.drop_null()).to_pylist():
        counts[pair["values"][: LONGEST_CLASS + 1]] += pair["counts"]
    return counts if len(counts) <= MOST_CLASSES else None


def _decide_target(
    tally: Tally, counts: Counter[str] | None, decimal: str, request: Request
) -> tuple[str, Reading, Missing]:
    """Decide what the target is, how it is read, and which of its cells are missing."""
    name, missing = request.target, request.missing
    reading = decide(tally, decimal, Wishes())
    is_number = reading.kind == "number"
    few = counts is not None and len(_classes(counts, missing)) <= MAX_CODED_CLASSES
    task = request.task
    if task == "auto":
        is_measured = is_number and not (few and tally.numbers.whole)
        task = "regression" if is_measured else "classification"
    if task == "regression":
        if not is_number:
            reading = decide(tally, decimal, Wishes(kinds={name: "number"}))
        return task, reading, missing
    if is_number and not tally.numbers.whole:
        raise InputError(
            f"column {shown(name)} holds {_first_part(counts)}, and classes are texts or whole "
            "numbers: set --task regression."
        )
    if not missing.everywhere and counts is not None:
        missing = Missing(tuple(_words_that_are_missing(counts, missing)), everywhere=True)
    return task, replace(reading, kind="text", reason=""), missing


def _first_part(counts: Counter[str] | None) -> str:
    return next((text for text in counts or () if not text.lstrip("-").isdigit()), "numbers")


def _classes(counts: Counter[str], missing: Missing) -> dict[str, int]:
    words = {word.lower() for word in missing.words}
    return {text: n for text, n in counts.items() if text.strip().lower() not in words}


def _words_that_are_missing(counts: Counter[str], missing: Missing) -> Iterator[str]:
    """Take words as missing unless the target has them in good number, as a class has."""
    classes = _classes(counts, missing)
    least = min(min(classes.values(), default=0), GOOD_NUMBER * sum(counts.values()))
    for text, n in counts.items():
        if text not in classes and n < least:
            yield text


def _notes_of_names(names: Sequence[str]) -> list[str]:
    """Tell that the header looks like a row, as half of it and more are numbers with decimals."""
    numbers = [name for name in names if _DECIMALS.fullmatch(name.strip())]
    if 2 * len(numbers) < len(names):
        return []
    some = " and ".join(map(shown, numbers[:2]))
    return [f"columns are called {some}: if that is a row, write a line of names above it"]


def _notes_of_classes(tally: Tally, decimal: str) -> list[str]:
    """Tell that a target of classes is mostly something else; codes are classes."""
    reading = decide(tally, decimal, Wishes())
    are_codes = tally.numbers.codes and tally.numbers.either == tally.n_left
    reason = reading.reason if reading.kind == "text" and not are_codes else ""
    reason = reason.replace(kind_option(tally.name, "number"), "--task regression")
    if reading.kind == "date":
        reason = (
            "its cells are dates: written as numbers, as days from one on, they can be measured"
        )
    return [f"the target {shown(tally.name)} is taken for classes: {reason}"] * bool(reason)


def _notes(readings: Sequence[Reading], decimal: str, request: Request) -> list[str]:
    notes = []
    if decimal == "," and request.wishes.decimal is None:
        notes.append("decimals are written with commas (--decimal)")
    kinds = {"text": "text", "number": "numbers", "date": "dates"}
    for reading in readings:
        if reading.kind in kinds and reading.reason:
            kind = kinds[reading.kind]
            notes.append(f"column {shown(reading.name)} is read as {kind}: {reading.reason}")
    return notes


def share_of_rows(decision: Decision) -> float:
    """Tell which share of a file's rows is learnt from, so that memory stays bounded."""
    return min(1.0, MOST_CELLS / (decision.n_rows * max(1, len(decision.reader.names))))


def read_rows(
    table: Table, decision: Decision, request: Request, share: float = 1.0, seed: int = 0
) -> TrainingRows:
    """Read the rows of a file that have a target.

    Parameters
    ----------
    table : Table
        An open file.
    decision : Decision
        How it is read.
    request : Request
        What is wanted.
    share : float, default=1.0
        Of the rows that are kept, drawn at random.
    seed : int, default=0
        Draws them.

    Raises
    ------
    InputError
        If a cell cannot be read, or fewer than two rows or no columns are left.
    """
    places = _places_of_features(table, decision.reader, request)
    aside = _places_aside(table, request)
    random = np.random.default_rng(seed)
    features, numbers = [], []
    held: dict[str, list[pa.Array]] = {role: [] for role in aside}
    n = n_without = 0
    for batch in table.batches([*places, *aside.values()]):
        values = _read_aside(batch, aside, decision, request, n)
        has = pc.is_valid(values["y"])
        n_without += len(batch) - (pc.sum(has).as_py() or 0)
        kept = pc.and_(has, pa.array(random.random(len(batch)) < share)) if share < 1 else has
        features.append(decision.reader.read(batch, places, n).filter(kept))
        for role, column in values.items():
            held[role].append(column.filter(kept))
        numbers.append(np.flatnonzero(kept.to_numpy(zero_copy_only=False)) + n + 1)
        n += len(batch)
    arrays = {role: _to_numpy(columns) for role, columns in held.items()}
    return TrainingRows(
        pa.Table.from_batches(features),
        _targets(arrays["y"], decision, request),
        arrays.get("weights"),
        arrays.get("groups"),
        np.concatenate(numbers),
        n_without,
    )


def _places_of_features(table: Table, reader: CellReader, request: Request) -> list[int]:
    """Find the columns that are learnt from."""
    places = places_of(table.names, reader.names)
    if not places:
        why = [f"{shown(r.name)}, {r.reason}" for r in reader.readings if r.kind == "left out"]
        raise InputError(
            f"every column but {shown(request.target)} is left out, so there is nothing to learn "
            f"it from: {'; '.join(why[:3])}."
        )
    return places


def _places_aside(table: Table, request: Request) -> dict[str, int]:
    """Find the columns that are read beside them, by what they are for."""
    roles = (("y", request.target), ("weights", request.weights), ("groups", request.groups))
    return {role: table.names.index(name) for role, name in roles if name is not None}


def _read_aside(
    batch: pa.RecordBatch, aside: dict[str, int], decision: Decision, request: Request, n: int
) -> dict[str, pa.Array]:
    """Read targets, weights and groups of a part of the file, before which are `n` rows."""
    reader = decision.reader
    cells = {role: batch.column(str(place)) for role, place in aside.items()}
    values = {"y": reader.target.read(cells["y"], reader.target_missing, n)}
    if decision.task == "classification":
        _check_lengths(values["y"], request.target, n)
    has = pc.is_valid(values["y"])
    if request.weights is not None:
        values["weights"] = weights = Reading(request.weights, "number").read(
            cells["weights"], request.missing, n
        )
        wrong = pc.fill_null(pc.less(weights, 0), True)
        told = "weights are numbers of at least 0"
        _refuse(pc.and_(wrong, has), cells["weights"], request.weights, told, n)
    if request.groups is not None:
        values["groups"] = groups = Reading(request.groups, "text").read(
            cells["groups"], Missing(()), n
        )
        told = "each row needs a group: write one of its own for a row that has none"
        _refuse(pc.and_(pc.is_null(groups), has), cells["groups"], request.groups, told, n)
    return values


def _targets(y: np.ndarray, decision: Decision, request: Request) -> np.ndarray:
    """Make numbers or texts of the targets."""
    if len(y) < 2:
        n = f"{len(y)} value{'s' * (len(y) != 1)}"
        raise InputError(f"column {shown(request.target)} has {n}; at least 2 are needed.")
    return y if decision.task == "regression" else y.astype(str)


def free_texts(rows: TrainingRows, reader: CellReader) -> dict[str, str]:
    """Find columns of sentences, of which a category has nothing to learn; with the reason."""
    found = {}
    for reading in reader.readings:
        if reading.kind == "text":
            counted = pc.value_counts(rows.X.column(reading.name).drop_null())
            n = pc.sum(counted.field("counts")).as_py() or 0
            if n and kind_of_texts(counted.field("values").to_pylist(), n) == "text":
                found[reading.name] = "has sentences, of which hardly two are alike"
    return found


def _to_numpy(parts: list[pa.Array]) -> np.ndarray:
    return np.concatenate([part.to_numpy(zero_copy_only=False) for part in parts])


def _check_lengths(y: pa.Array, name: str, n: int) -> None:
    long = pc.greater(pc.utf8_length(y), LONGEST_CLASS)
    if pc.any(long).as_py():
        row = int(np.argmax(pc.fill_null(long, False).to_numpy(zero_copy_only=False)))
        raise InputError(
            f"column {shown(name)} holds a text of {pc.utf8_length(y[row]).as_py()} characters in "
            f"row {n + row + 1}, and the name of a class has {LONGEST_CLASS} at most."
        )


def _refuse(wrong: pa.Array, cells: pa.Array, name: str, told: str, n: int) -> None:
    """Tell the first of the cells that are wrong, if there is one."""
    if pc.any(wrong).as_py():
        row = int(np.argmax(wrong.to_numpy(zero_copy_only=False)))
        held = "nothing" if cells[row].as_py() in ("", None) else shown(str(cells[row].as_py()))
        raise InputError(f"column {shown(name)} holds {held} in row {n + row + 1}, and {told}.")
