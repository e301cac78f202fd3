"""Training of scikit-learn's trees on the rows of one fold, as members of an ensemble.

`fit_boosting` trains a ``HistGradientBoosting`` model and `fit_random_trees` an ``ExtraTrees`` one,
each on one thread, so that folds and members run side by side. Both give a :class:`Member`: the
trees as a `Forest`, what they predict for the rows held out, and how well, as training went on::

    table = Table(X, y, is_categorical, n_classes=3)
    member = fit_boosting(table, train, held_out, Boosting(max_iter=200), seed=0)
    predict(member.forest, X[held_out])  # member.held_out

Columns of categories hold codes 0, 1, ... and NaN. Boosting takes those with up to
`MAX_CATEGORIES` as they are. Others, and all for random trees, become numbers by the targets of
their training rows (`encode`), which go with the forest.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import ThreadpoolController

from fastnn.kernels.trees import Lookups, Trees
from fastnn.tabular.encoding import encode
from fastnn.tabular.forest import (
    ABSENT,
    LINKS,
    NO_LOOKUPS,
    Forest,
    add_trees,
    boosted,
    boosting_start,
    concatenate,
    constant,
    join,
    looked_up,
    over_columns,
    random_tree,
)
from fastnn.tabular.weights import row_losses

MAX_CATEGORIES = 255  # of a column that boosting takes as it is
MAX_ENCODED_CLASSES = 8  # the most frequent ones: each makes a column of numbers
LARGEST = float(np.finfo(np.float32).max)  # sum of a column that random trees can hold
CELLS_PER_STEP = 2_000_000  # of random trees before the next look at the clock: 1 s at the most

Score = Callable[[np.ndarray, np.ndarray, np.ndarray | None], float]
Stop = Callable[[], bool]  # whether to end with what there is; asked between iterations


def never() -> bool:
    """Let training go on."""
    return False


@dataclass(frozen=True)
class Table:
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


@dataclass(frozen=True)
class Boosting:
    """Settings of `fit_boosting`; names and meaning are those of `HistGradientBoosting`.

    Attributes
    ----------
    learning_rate, max_iter, max_leaf_nodes, min_samples_leaf, l2_regularization, max_features
        As there.
    patience : int
        Iterations after the best one before training ends.
    loss : {"squared_error", "absolute_error", "poisson", "gamma", "quantile"}
        Of numbers; classes have the log-loss.
    quantile : float or None
        With the loss of that name.
    encodes : bool
        Whether all categories become numbers by their targets.
    """

    learning_rate: float = 0.1
    max_iter: int = 200
    max_leaf_nodes: int = 31
    min_samples_leaf: int = 5
    l2_regularization: float = 0.0
    max_features: float = 0.5
    patience: int = 20
    loss: str = "squared_error"
    quantile: float | None = None
    encodes: bool = False


@dataclass(frozen=True)
class RandomTrees:
    """Settings of `fit_random_trees`; names and meaning are those of `ExtraTrees`.

    Attributes
    ----------
    n_estimators, min_samples_leaf, max_features
        As there.
    max_rows : int
        Where there are more, each tree has so many of them, drawn with replacement.
    """

    n_estimators: int = 20
    min_samples_leaf: int = 1
    max_features: float | str | None = 1.0
    max_rows: int = 20_000


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
class _Fold:
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


def _folds(
    table: Table, train: np.ndarray, held_out: np.ndarray, score: Score, scales: bool
) -> Iterator[_Fold]:
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
        yield _Fold(
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


class _Rows(NamedTuple):
    """X as trees of one fold see it: without categories that became numbers."""

    train: np.ndarray
    held_out: np.ndarray
    is_categorical: np.ndarray
    columns: np.ndarray  # where each column stands, in X with what is looked up behind
    lookups: Lookups


def _rows(fold: _Fold, encodes: bool, seed: int) -> _Rows:
    """Prepare X; `encodes` says whether all categories become numbers."""
    X, is_categorical = fold.table.X, fold.table.is_categorical
    codes = np.flatnonzero(is_categorical)
    if not encodes:
        codes = codes[[np.nanmax(X[:, j], initial=0) >= MAX_CATEGORIES for j in codes]]
    kept = np.setdiff1d(np.arange(X.shape[1]), codes)
    own, held_out = X[fold.train], X[fold.held_out]
    own[:, np.isnan(own).all(axis=0)] = 0.0  # scikit-learn takes no column without a number
    if not len(codes):
        return _Rows(own, held_out, is_categorical, kept, NO_LOOKUPS)
    numbers, lookups = encode(own, codes, _target_columns(fold), fold.weights, seed)
    columns = np.append(kept, X.shape[1] + np.arange(numbers.shape[1]))
    return _Rows(
        np.column_stack([own[:, kept], numbers]),
        np.ascontiguousarray(looked_up(lookups, held_out)[:, columns]),
        np.append(is_categorical[kept], np.zeros(numbers.shape[1], bool)),
        columns,
        lookups,
    )


def _target_columns(fold: _Fold) -> np.ndarray:
    """Give the targets as numbers to encode categories by: one, or one for each of some classes."""
    if not fold.table.n_classes:
        return fold.targets[:, None]
    counts = np.bincount(fold.targets)
    most = np.argsort(-counts, kind="stable")[: min(len(counts) - 1, MAX_ENCODED_CLASSES)]
    return (fold.targets[:, None] == np.sort(most)).astype(float)


# --------------------------------------------------------------------------------------- growing


class _Growth:
    """A forest while it grows, and what it says of the rows held out.

    Parameters
    ----------
    fold : _Fold
    rows : _Rows
    chooses : bool
        Whether the best of its states is kept, and not the last.
    """

    def __init__(self, fold: _Fold, rows: _Rows, chooses: bool) -> None:
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
        """Make a member of so many parts, the values of which are divided by `n`."""
        fold, start, trees = self.fold, self.start, join(self.parts[:n_parts])
        forest = start._replace(
            trees=trees._replace(values=trees.values * (fold.scale / n)),
            baseline=start.baseline * fold.scale + fold.shift,
        )
        forest = over_columns(forest, self.rows.columns, self.rows.lookups, fold.table.X.shape[1])
        return Member(forest, self.held_out, self.history, n_parts)


def _constant_member(fold: _Fold, link: str) -> Member:
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


def _side_by_side(members: list[Member]) -> Member:
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


# ------------------------------------------------------------------------------------- boosting


class _Watch:
    """Sees each iteration of boosting, and says when it ends."""

    def __init__(self, growth: _Growth, patience: int, deadline: float, stop: Stop) -> None:
        self.growth, self.patience, self.deadline, self.stop = growth, patience, deadline, stop
        self.answer = 0.0

    def __call__(
        self, model: Any, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> float:
        """Give scikit-learn a score that rises as long as training goes on."""
        growth, fold = self.growth, self.growth.fold
        if not model._predictors:
            growth.begin(boosting_start(model, fold.columns, fold.n_outputs))
            growth.look()
        else:
            growth.add(join([*boosted(model, model._predictors[-1], fold.columns)]))
            waited = len(growth.parts) - growth.best
            if waited >= self.patience or time.monotonic() >= self.deadline or self.stop():
                return self.answer
        self.answer += 1.0
        return self.answer


def fit_boosting(
    table: Table,
    train: np.ndarray,
    held_out: np.ndarray,
    settings: Boosting | None = None,
    seed: int = 0,
    deadline: float = math.inf,
    stop: Stop = never,
) -> Member:
    """Train boosted trees on one thread, and keep the iterations that held-out rows like best.

    Parameters
    ----------
    table : Table
    train, held_out : ndarray of int
        Rows. Where none are held out, all iterations are kept.
    settings : Boosting, default=None
    seed : int
        0 to 2**32 - 1.
    deadline : float
        On the clock of `time.monotonic`: the iteration under way then is the last, as with `stop`.
    stop : callable
        Is asked after each iteration.

    Returns
    -------
    member : Member
        With several targets, trees for each and the mean of the scores.
    """
    settings = settings or Boosting()
    loss = "log_loss" if table.n_classes else settings.loss
    link = "softmax" if table.n_classes else "exp" if loss in POWERS else "identity"
    quantile = 0.5 if settings.quantile is None else settings.quantile
    score, members = partial(_mean_loss, loss, quantile), []
    # OpenMP's limit is of this Python thread alone. Where all libraries are limited, all limits are
    # put back as they are here: BLAS' too, which networks of other threads may have set since.
    openmp = ThreadpoolController().select(user_api="openmp")
    with openmp.limit(limits=1):
        for fold in _folds(table, train, held_out, score, link == "identity"):
            if (fold.targets == fold.targets[0]).all():
                members.append(_constant_member(fold, link))
                continue
            growth = _Growth(fold, _rows(fold, settings.encodes, seed), chooses=True)
            watch = _Watch(growth, settings.patience, deadline, stop)
            model = _boosting_model(table, growth.rows, settings, watch, seed)
            model.fit(growth.rows.train, fold.targets, sample_weight=fold.weights)
            members.append(growth.member(growth.best))
    return _side_by_side(members)


def _boosting_model(table: Table, rows: _Rows, settings: Boosting, watch: _Watch, seed: int) -> Any:
    from sklearn import ensemble  # 200 ms, which predictions do without

    parameters: dict[str, Any] = {
        "learning_rate": settings.learning_rate,
        "max_iter": settings.max_iter,
        "max_leaf_nodes": settings.max_leaf_nodes,
        "min_samples_leaf": settings.min_samples_leaf,
        "l2_regularization": settings.l2_regularization,
        "max_features": settings.max_features,
        "categorical_features": rows.is_categorical if rows.is_categorical.any() else None,
        "random_state": seed,
        # Scikit-learn asks for a score after each iteration, and stops where it is no better than
        # the one before: so the watch sees each iteration, and can end the training.
        "scoring": watch,
        "early_stopping": True,
        "validation_fraction": None,
        "n_iter_no_change": 1,
        "tol": 0.0,
    }
    if table.n_classes:
        return ensemble.HistGradientBoostingClassifier(**parameters)
    return ensemble.HistGradientBoostingRegressor(
        loss=settings.loss, quantile=settings.quantile, **parameters
    )


# ---------------------------------------------------------------------------------- random trees


def fit_random_trees(
    table: Table,
    train: np.ndarray,
    held_out: np.ndarray,
    settings: RandomTrees | None = None,
    seed: int = 0,
    deadline: float = math.inf,
    stop: Stop = never,
) -> Member:
    """Train extremely randomized trees on one thread; parameters as in `fit_boosting`.

    A deadline, or `stop`, ends training after 2 million cells: 5 trees of 20000 rows of 20.
    """
    settings, members = settings or RandomTrees(), []
    loss = "log_loss" if table.n_classes else "squared_error"
    score = partial(_mean_loss, loss, 0.5)
    for fold in _folds(table, train, held_out, score, scales=True):
        if (fold.targets == fold.targets[0]).all():
            members.append(_constant_member(fold, "identity"))
            continue
        growth = _Growth(fold, _rows(fold, True, seed), chooses=False)
        members.append(_grow(growth, settings, seed, deadline, stop))
    return _side_by_side(members)


def _grow(growth: _Growth, settings: RandomTrees, seed: int, deadline: float, stop: Stop) -> Member:
    from sklearn import ensemble  # as above

    fold, X = growth.fold, growth.rows.train
    X, draws = np.clip(X, -LARGEST / len(X), LARGEST / len(X)), len(X) > settings.max_rows
    kind = ensemble.ExtraTreesClassifier if fold.table.n_classes else ensemble.ExtraTreesRegressor
    model = kind(
        max_features=settings.max_features,
        min_samples_leaf=settings.min_samples_leaf,
        bootstrap=draws,
        max_samples=settings.max_rows if draws else None,
        random_state=seed,
        warm_start=True,
    )
    growth.begin(constant(np.zeros(fold.n_outputs), X.shape[1], "identity"))
    step, n = max(1, CELLS_PER_STEP // (min(len(X), settings.max_rows) * X.shape[1])), 0
    while n < settings.n_estimators:
        before, n = n, min(n + step, settings.n_estimators)
        model.set_params(n_estimators=n).fit(X, fold.targets, sample_weight=fold.weights)
        trees = [random_tree(grown, fold.columns) for grown in model.estimators_[before:]]
        growth.add(join(trees), n)
        if time.monotonic() >= deadline or stop():
            break
    return growth.member(len(growth.parts), n)


# ---------------------------------------------------------------------------------------- scores

POWERS = ("poisson", "gamma")  # losses of boosting whose predictions are e^z


def _mean_loss(
    loss: str, quantile: float, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None
) -> float:
    """Mean loss of predictions of shape (n_samples, n_outputs)."""
    y = y.astype(np.intp) if loss == "log_loss" else y
    return float(np.average(row_losses(p, y, loss, (quantile,)), weights=weights))
