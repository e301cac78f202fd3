"""Growth of a forest on the rows of one fold, tree after tree, seen by the rows held out."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fastnn.kernels.trees import Lookups, Trees
from fastnn.tabular.encoding import encode
from fastnn.tabular.forest import (
    ABSENT,
    LINKS,
    NO_LOOKUPS,
    Forest,
    add_trees,
    concatenate,
    constant,
    join,
    looked_up,
    over_columns,
)
from fastnn.tabular.sent import Sent

MAX_CATEGORIES = 255  # of a column that boosting takes as it is
MAX_ENCODED_CLASSES = 8  # the most frequent ones: each makes a column of numbers

Score = Callable[[np.ndarray, np.ndarray, np.ndarray | None], float]


@dataclass(frozen=True)
class Table(Sent):
    """What all folds and members share.

    Attributes
    ----------
    X : ndarray of float64 of shape (n_samples, n_features)
        Numbers and codes of categories; NaN is missing, nothing is infinite.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Codes of classes from 0 on, or numbers.
    is_categorical : ndarray of bool of shape (n_features,)
    n_classes : int
        0 for numbers.
    sample_weight : ndarray of shape (n_samples,), default=None
        Those of classes are in it.
    score : callable, default=None
        Of ``(y, prediction, sample_weight)`` for some rows, lower is better; the mean loss by
        default. It decides on the iterations of boosting.
    """

    X: np.ndarray
    y: np.ndarray
    is_categorical: np.ndarray
    n_classes: int = 0
    sample_weight: np.ndarray | None = None
    score: Score | None = None


class Member(NamedTuple):
    """One model of a fold.

    Attributes
    ----------
    forest : Forest
    held_out : ndarray of shape (n_held_out, n_outputs)
        Probabilities or values for the rows held out.
    history : list of float
        Score of the rows held out before the first iteration and after each, lower is better; with
        random trees after each look at the clock. Empty where no rows are held out.
    best_iteration : int
        Iterations that the forest has.
    """

    forest: Forest
    held_out: np.ndarray
    history: list[float]
    best_iteration: int


# ------------------------------------------------------------------------- the rows of one fold


@dataclass(frozen=True)
class Fold:
    """One target on the rows of one fold, as scikit-learn gets it."""

    table: Table
    train: np.ndarray
    held_out: np.ndarray
    targets: np.ndarray  # of the training rows: codes of the classes in `columns`, or numbers
    columns: np.ndarray  # outputs that those stand for
    n_outputs: int
    weights: np.ndarray | None  # of the training rows
    score: Callable[[np.ndarray], float]  # of predictions for the rows held out
    shift: float = 0.0  # a target is shift + scale * number
    scale: float = 1.0


def folds_of_targets(
    table: Table, train: np.ndarray, held_out: np.ndarray, score: Score, scales: bool
) -> Iterator[Fold]:
    """Go through the targets. Rows that weigh nothing do not train."""
    weights = table.sample_weight
    if weights is not None:
        train = train[weights[train] > 0]
    weight_of = (lambda rows: None) if weights is None else weights.__getitem__
    for y in table.y.reshape(len(table.y), -1).T:

        def score_of(prediction: np.ndarray, y: np.ndarray = y) -> float:
            return (table.score or score)(y[held_out], prediction, weight_of(held_out))

        targets, columns, n_outputs, shift, scale = y[train], np.zeros(1, int), 1, 0.0, 1.0
        if table.n_classes:
            columns, targets = np.unique(targets, return_inverse=True)
            n_outputs = table.n_classes
        elif scales:  # trees take numbers whose variance is 1e-16 for constant
            shift, scale = float(targets.mean()), float(targets.std()) or 1.0
            targets = (targets - shift) / scale
        yield Fold(
            table,
            train,
            held_out,
            targets,
            columns.astype(int),
            n_outputs,
            weight_of(train),
            score_of,
            shift,
            scale,
        )


class Rows(NamedTuple):
    """X as trees of one fold see it: without categories that became numbers."""

    train: np.ndarray
    held_out: np.ndarray
    is_categorical: np.ndarray
    columns: np.ndarray  # where each column stands, in X with what is looked up behind
    lookups: Lookups


def rows_of(fold: Fold, encodes: bool, seed: int) -> Rows:
    """Prepare X; `encodes` says whether all categories become numbers."""
    X, is_categorical = fold.table.X, fold.table.is_categorical
    codes = np.flatnonzero(is_categorical)
    if not encodes:
        codes = codes[[np.nanmax(X[:, j], initial=0) >= MAX_CATEGORIES for j in codes]]
    kept = np.setdiff1d(np.arange(X.shape[1]), codes)
    own, held_out = X[fold.train], X[fold.held_out]
    own[:, np.isnan(own).all(axis=0)] = 0.0  # scikit-learn takes no column without a number
    if not len(codes):
        return Rows(own, held_out, is_categorical, kept, NO_LOOKUPS)
    numbers, lookups = encode(own, codes, _target_columns(fold), fold.weights, seed)
    columns = np.append(kept, X.shape[1] + np.arange(numbers.shape[1]))
    return Rows(
        np.column_stack([own[:, kept], numbers]),
        np.ascontiguousarray(looked_up(lookups, held_out)[:, columns]),
        np.append(is_categorical[kept], np.zeros(numbers.shape[1], bool)),
        columns,
        lookups,
    )


def _target_columns(fold: Fold) -> np.ndarray:
    """Give the targets as numbers to encode categories by: one, or one for each of some classes."""
    if not fold.table.n_classes:
        return fold.targets[:, None]
    counts = np.bincount(fold.targets)
    most = np.argsort(-counts, kind="stable")[: min(len(counts) - 1, MAX_ENCODED_CLASSES)]
    return (fold.targets[:, None] == np.sort(most)).astype(float)


# --------------------------------------------------------------------------------------- growing


class Growth:
    """A forest while it grows, and what it says of the rows held out.

    Parameters
    ----------
    fold : Fold
    rows : Rows
    chooses : bool
        Whether the best of its states is kept, and not the last.
    """

    def __init__(self, fold: Fold, rows: Rows, chooses: bool) -> None:
        self.fold, self.rows, self.chooses = fold, rows, chooses
        self.parts: list[Trees] = []
        self.history: list[float] = []
        self.best = 0  # parts until the best score
        self.held_out = np.zeros((len(rows.held_out), fold.n_outputs))

    def begin(self, start: Forest) -> None:
        """Take a forest without trees to begin with."""
        self.start = start
        self._raw = np.tile(start.baseline, (len(self.rows.held_out), 1))

    def add(self, trees: Trees, n: int = 1) -> None:
        """Add some trees; outputs are sums over `n` from then on."""
        self.parts.append(trees)
        add_trees(trees, self.rows.held_out, self._raw)
        self.look(n)

    def look(self, n: int = 1) -> None:
        """Predict and score the rows held out."""
        fold, is_best = self.fold, True
        prediction = LINKS[self.start.link](self._raw / n) * fold.scale + fold.shift
        if len(prediction):
            self.history.append(fold.score(prediction))
            is_best = not self.chooses or self.history[-1] < min(
                self.history[:-1], default=math.inf
            )
        if is_best:
            self.best, self.held_out = len(self.parts), prediction

    def member(self, n_parts: int, n: int = 1) -> Member:
        """Make a member of so many parts, whose sums are divided by `n`."""
        fold, start, trees = self.fold, self.start, join(self.parts[:n_parts])
        forest = start._replace(
            trees=trees._replace(values=trees.values * (fold.scale / n)),
            baseline=start.baseline * (fold.scale / n) + fold.shift,
        )
        forest = over_columns(forest, self.rows.columns, self.rows.lookups, fold.table.X.shape[1])
        return Member(forest, self.held_out, self.history, n_parts)


def constant_member(fold: Fold, link: str) -> Member:
    """Make a member of a fold whose training rows all have the same target."""
    raw = np.full(fold.n_outputs, ABSENT if link == "softmax" else 0.0)
    if fold.table.n_classes:
        raw[fold.columns] = 0.0 if link == "softmax" else 1.0
    else:
        value = fold.targets[0] * fold.scale + fold.shift
        raw[:] = np.log(max(value, np.finfo(float).tiny)) if link == "exp" else value
    forest = constant(raw, fold.table.X.shape[1], link)
    held_out = np.tile(LINKS[link](raw), (len(fold.held_out), 1))
    return Member(forest, held_out, [fold.score(held_out)] if len(held_out) else [], 0)


def side_by_side(members: list[Member]) -> Member:
    """Make one member of those of several targets."""
    if len(members) == 1:
        return members[0]
    forest = concatenate([member.forest for member in members])
    longest = max(len(member.history) for member in members)
    histories = [
        np.pad(m.history, (0, longest - len(m.history)), "edge") for m in members if m.history
    ]
    return Member(
        forest._replace(baseline=forest.baseline.reshape(1, -1)),
        np.column_stack([member.held_out for member in members]),
        list(np.mean(histories, axis=0)) if histories else [],
        max(member.best_iteration for member in members),
    )
