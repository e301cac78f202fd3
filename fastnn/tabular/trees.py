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
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from fastnn.tabular.forest import (
    boosted,
    boosting_start,
    constant,
    join,
    random_tree,
)
from fastnn.tabular.growth import (
    Fold,
    Growth,
    Member,
    Rows,
    Table,
    constant_member,
    folds_of_targets,
    rows_of,
    side_by_side,
)
from fastnn.tabular.weights import row_losses

LARGEST = float(np.finfo(np.float32).max)  # sum of a column that random trees can hold
CELLS_PER_STEP = 2_000_000  # of random trees before the next look at the clock: 1 s at the most

Stop = Callable[[], bool]  # whether to end with what there is; asked between iterations


def never() -> bool:
    """Let training go on."""
    return False


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


# ------------------------------------------------------------------------------------- boosting


class _Watch:
    """Sees each iteration of boosting, and says when it ends."""

    def __init__(self, growth: Growth, patience: int, deadline: float, stop: Stop) -> None:
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
        for fold in folds_of_targets(table, train, held_out, score, link == "identity"):
            if (fold.targets == fold.targets[0]).all():
                members.append(constant_member(fold, link))
                continue
            growth = Growth(fold, rows_of(fold, settings.encodes, seed), chooses=True)
            watch = _Watch(growth, settings.patience, deadline, stop)
            model = _boosting_model(table, growth.rows, settings, watch, seed)
            model.fit(growth.rows.train, fold.targets, sample_weight=fold.weights)
            members.append(growth.member(growth.best))
    return side_by_side(members)


def _boosting_model(table: Table, rows: Rows, settings: Boosting, watch: _Watch, seed: int) -> Any:
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
    for fold in folds_of_targets(table, train, held_out, score, scales=True):
        if (fold.targets == fold.targets[0]).all():
            members.append(constant_member(fold, "identity"))
            continue
        growth = Growth(fold, rows_of(fold, True, seed), chooses=False)
        members.append(_grow(growth, settings, seed, deadline, stop))
    return side_by_side(members)


def _grow(growth: Growth, settings: RandomTrees, seed: int, deadline: float, stop: Stop) -> Member:
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
    prior, n_priors = _prior(fold)
    growth.begin(constant(prior, X.shape[1], "identity"))
    step, n = max(1, CELLS_PER_STEP // (min(len(X), settings.max_rows) * X.shape[1])), 0
    while n < settings.n_estimators:
        before, n = n, min(n + step, settings.n_estimators)
        model.set_params(n_estimators=n).fit(X, fold.targets, sample_weight=fold.weights)
        trees = [random_tree(grown, fold.columns) for grown in model.estimators_[before:]]
        growth.add(join(trees), n + n_priors)
        if time.monotonic() >= deadline or stop():
            break
    return growth.member(len(growth.parts), n + n_priors)


def _prior(fold: Fold) -> tuple[np.ndarray, int]:
    """Give what stands beside the trees, and the number of trees that it counts as.

    Leaves of one row say 0 of every other class. Where all trees agree and are wrong, the loss of
    that row alone would make their probabilities useless; so the classes' shares are one tree more.
    """
    if not fold.table.n_classes:
        return np.zeros(fold.n_outputs), 0
    n_rows = len(fold.targets)
    weights = np.ones(n_rows) if fold.weights is None else fold.weights / fold.weights.mean()
    counts = np.full(fold.n_outputs, 1 / fold.n_outputs)  # of a class that these rows lack, too
    counts[fold.columns] += np.bincount(fold.targets, weights)
    return counts / counts.sum(), 1


# ---------------------------------------------------------------------------------------- scores

POWERS = ("poisson", "gamma")  # losses of boosting whose predictions are e^z


def _mean_loss(
    loss: str, quantile: float, y: np.ndarray, p: np.ndarray, weights: np.ndarray | None
) -> float:
    """Mean loss of predictions of shape (n_samples, n_outputs)."""
    y = y.astype(np.intp) if loss == "log_loss" else y
    return float(np.average(row_losses(p, y, loss, (quantile,)), weights=weights))
