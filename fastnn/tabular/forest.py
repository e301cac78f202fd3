"""Forests: trees that scikit-learn has trained, as plain arrays that fastnn's kernels walk through.

=========================  ========================================================================
`from_boosting`            a fitted ``HistGradientBoosting``, up to one of its iterations
`from_random_trees`        a fitted ``ExtraTrees`` or ``RandomForest``
`constant`                 a model without trees
`concatenate`              models of several folds as one forest, which predicts their mean
`raw_outputs`, `predict`   outputs of each model; probabilities or values, the mean over the models
`to_dict`, `from_dict`     a forest as arrays, numbers and a text, to be saved, and back
=========================  ========================================================================

A forest says what scikit-learn's models say, missing and unseen categories included: raw outputs,
values and probabilities differ from theirs by a last bit or two (1e-12 is what the tests allow). It
holds no rows, no Python objects and nothing of scikit-learn's. A split takes 20 bytes and an entry
of a leaf 12, saved 17 and 9: 500 trees of 31 leaves are 0.4 MB, and 100 extremely randomized ones
of 4000 leaves, as 20 of each of five folds of 4000 rows of numbers, 10 MB.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastnn.compiling.runtime import Call, DTypes, address_of
from fastnn.engine import threads
from fastnn.engine.base import Check, no_check
from fastnn.kernels import trees as kernels
from fastnn.kernels.trees import (
    FEATURE_BITS,
    IS_SET,
    MISSING_LEFT,
    Lookups,
    Trees,
    look_up,
)
from fastnn.kernels.tuning import PREDICTION_PART_ROWS, TREE_ROWS, TREE_STEP_FLOPS

DTYPES = DTypes(np.dtype(np.float64))
Columns = Sequence[int] | np.ndarray
ABSENT = np.log(1e-3)  # log-odds of a class that no training row of a model has


class Forest(NamedTuple):
    """Models of one kind, made of trees; predicts their mean.

    Attributes
    ----------
    trees : Trees
        Of all models. Those of model m add to ``n_outputs`` columns from ``m * n_outputs`` on.
    lookups : Lookups
        Columns that rows get beside their own: numbers that stand for categories.
    baseline : ndarray of shape (n_models, n_outputs)
        What outputs begin with.
    n_features : int
        Columns of X.
    link : {"identity", "exp", "softmax"}
        From a model's raw outputs to values or probabilities.
    """

    trees: Trees
    lookups: Lookups
    baseline: np.ndarray
    n_features: int
    link: str


NO_LOOKUPS = Lookups(np.zeros(0, np.int32), np.zeros(1, np.int32), np.zeros(0))


def constant(outputs: np.ndarray, n_features: int, link: str) -> Forest:
    """Make a model without trees: raw outputs (n_outputs,) that are the same for all rows."""
    return Forest(join([]), NO_LOOKUPS, np.array(outputs, float).reshape(1, -1), n_features, link)


# --------------------------------------------------------------------------------- joining parts

_NONE = Trees(
    splits=np.zeros(0, np.int32),
    thresholds=np.zeros(0),
    children=np.zeros((0, 2), np.int32),
    sets=np.zeros(0, np.int32),
    roots=np.zeros(0, np.int32),
    columns=np.zeros(0, np.int32),
    values=np.zeros(0),
)


def join(parts: Sequence[Trees]) -> Trees:
    """Join trees into one list."""
    moved = [_NONE]
    n_splits = n_entries = n_words = 0
    for part in parts:
        moved.append(
            part._replace(
                thresholds=part.thresholds + n_words * (part.splits & IS_SET > 0),
                children=_moved(part.children, n_splits, n_entries),
                roots=_moved(part.roots, n_splits, n_entries),
            )
        )
        n_splits, n_entries = n_splits + part.splits.size, n_entries + part.values.size
        n_words += part.sets.size
    return Trees(*map(np.concatenate, zip(*moved, strict=True)))


def _moved(numbers: np.ndarray, by: int, by_complement: int) -> np.ndarray:
    """Add to numbers, and to those whose complement stands there."""
    return np.where(numbers >= 0, numbers + by, numbers - by_complement).astype(np.int32)


def concatenate(forests: Sequence[Forest]) -> Forest:
    """Make one forest of several that have the same columns, outputs and link."""
    first, n_lookups, n_outputs = forests[0], 0, 0
    parts, sizes = [], []
    for forest in forests:
        splits = forest.trees.splits
        of_lookup = splits >> FEATURE_BITS >= first.n_features
        splits = (splits + (n_lookups << FEATURE_BITS) * of_lookup).astype(np.int32)
        columns = _moved(forest.trees.columns, n_outputs, n_outputs)
        parts.append(forest.trees._replace(splits=splits, columns=columns))
        sizes.append(np.diff(forest.lookups.starts))
        n_lookups, n_outputs = n_lookups + len(sizes[-1]), n_outputs + forest.baseline.size
    lookups = Lookups(
        sources=np.concatenate([forest.lookups.sources for forest in forests]),
        starts=np.cumsum([0, *np.concatenate(sizes)]).astype(np.int32),
        tables=np.concatenate([forest.lookups.tables for forest in forests]),
    )
    baseline = np.concatenate([forest.baseline for forest in forests])
    return first._replace(trees=join(parts), lookups=lookups, baseline=baseline)


def over_columns(forest: Forest, columns: np.ndarray, lookups: Lookups, n_features: int) -> Forest:
    """Give a forest that was trained on some columns those of X with what is looked up behind.

    Parameters
    ----------
    forest : Forest
    columns : ndarray of int of shape (n_trained,)
        Where each column of the training stands.
    lookups : Lookups
    n_features : int
        Columns of X.
    """
    splits = forest.trees.splits
    flags = splits & ((1 << FEATURE_BITS) - 1)
    splits = (columns[splits >> FEATURE_BITS] << FEATURE_BITS | flags).astype(np.int32)
    trees = forest.trees._replace(splits=splits)
    return forest._replace(trees=trees, lookups=lookups, n_features=n_features)


# ------------------------------------------------------------------------ from scikit-learn's trees


def _tree(
    left: np.ndarray,
    right: np.ndarray,
    splits: np.ndarray,
    thresholds: np.ndarray,
    sets: Sequence[np.ndarray],
    nodes: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
) -> Trees:
    """Lay a tree down.

    Parameters
    ----------
    left, right : ndarray of shape (n_nodes,)
        A node's children. Node 0 is the root.
    splits, thresholds : ndarray of shape (n_nodes,)
        As in `Trees`, but a set is told by its place among `sets`.
    sets : sequence of ndarray of int32
        The words of each.
    nodes, columns, values : ndarray of shape (n_entries,)
        What is added to which output in leaf number `nodes`. Entries of a leaf stand together; a
        node without entries is a split.
    """
    is_last = np.append(nodes[1:] != nodes[:-1], True)
    is_split = np.ones(len(left), bool)
    is_split[nodes] = False
    place = np.cumsum(is_split) - 1
    place[nodes[::-1]] = ~np.arange(len(nodes))[::-1]  # the first entry of each leaf
    splits, thresholds = splits[is_split].astype(np.int32), thresholds[is_split].astype(np.float64)
    words = [np.array([len(words), *words], np.int32) for words in sets]
    starts, of_sets = np.cumsum([0, *map(len, words)]), splits & IS_SET > 0
    thresholds[of_sets] = starts[thresholds[of_sets].astype(np.intp)]
    return Trees(
        splits=splits,
        thresholds=thresholds,
        children=place[np.column_stack([left, right])[is_split]].astype(np.int32),
        sets=np.concatenate([_NONE.sets, *words]),
        roots=place[:1].astype(np.int32),
        columns=np.where(is_last, ~columns, columns).astype(np.int32),
        values=values.astype(np.float64),
    )


def from_boosting(
    model: Any, columns: Columns, n_outputs: int, n_iterations: int | None = None
) -> Forest:
    """Take over a fitted `HistGradientBoosting` model.

    Parameters
    ----------
    model : HistGradientBoostingClassifier or HistGradientBoostingRegressor
        Fitted to an array. Its categories are whole numbers from 0 on.
    columns : sequence of int
        Of the outputs that the model speaks of: of each of its classes in their order, or the one
        of a regressor.
    n_outputs : int
        A class without rows gets a probability of about 1/1000. With two classes or more those
        that the model knows have softmax outputs, of which the first of two is 0.
    n_iterations : int, default=None
        The first so many count; all by default.
    """
    iterations = model._predictors[:n_iterations]
    trees = join(
        [trees for predictors in iterations for trees in boosted(model, predictors, columns)]
    )
    return boosting_start(model, columns, n_outputs)._replace(trees=trees)


def boosting_start(model: Any, columns: Columns, n_outputs: int) -> Forest:
    """Make the forest that a `HistGradientBoosting` model is before its first iteration."""
    start, raw = model._baseline_prediction.ravel(), np.zeros(n_outputs)
    raw[list(columns)] = start if len(start) == len(columns) else [0, *start]
    link = "softmax" if hasattr(model, "classes_") else _LINKS.get(model.loss, "identity")
    if link == "softmax":
        is_absent = ~np.isin(np.arange(n_outputs), columns)
        raw[is_absent] = ABSENT + np.log(np.exp(raw[list(columns)]).sum())
    return constant(raw, model.n_features_in_, link)


_LINKS = {"poisson": "exp", "gamma": "exp"}


def boosted(model: Any, predictors: Sequence[Any], columns: Columns) -> Iterator[Trees]:
    """Take over the trees of one iteration of a `HistGradientBoosting` model."""
    features, categories = np.arange(model.n_features_in_), {}
    if model.is_categorical_ is not None:  # the model has them in front
        encoder = model._preprocessor.named_transformers_["encoder"]
        features = np.argsort(~model.is_categorical_, kind="stable")
        categories = dict(zip(features, encoder.categories_, strict=False))
    for column, predictor in zip(columns[-len(predictors) :], predictors, strict=True):
        nodes = predictor.nodes
        sets: list[np.ndarray] = []
        leaves = np.flatnonzero(nodes["is_leaf"])
        feature = features[nodes["feature_idx"]]
        missing_left, is_set = nodes["missing_go_to_left"] > 0, nodes["is_categorical"] > 0
        thresholds = nodes["num_threshold"].copy()
        for node in np.flatnonzero(is_set & (nodes["is_leaf"] == 0)):
            thresholds[node] = len(sets)
            left = _members(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]])
            sets.append(_words(left, categories[feature[node]], missing_left[node]))
        yield _tree(
            nodes["left"],
            nodes["right"],
            feature << FEATURE_BITS | IS_SET * is_set | MISSING_LEFT * missing_left,
            thresholds,
            sets,
            leaves,
            np.full(len(leaves), column),
            nodes["value"][leaves],
        )


def _members(words: np.ndarray) -> np.ndarray:
    """Say of each number whether it is in a set."""
    return np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little").astype(bool)


def _words(left: np.ndarray, categories: np.ndarray, missing_left: bool) -> np.ndarray:
    """Lay down which categories go left; ``left[k]`` says it of the k-th that the model knows."""
    known = categories[~np.isnan(categories)].astype(np.intp)
    members = np.full(32 * (known.max(initial=0) // 32 + 1), missing_left)
    members[known] = left[: len(known)]
    return np.packbits(members, bitorder="little").view("<u4").astype(np.uint32).view(np.int32)


def from_random_trees(model: Any, columns: Columns, n_outputs: int) -> Forest:
    """Take over a fitted `ExtraTrees` or `RandomForest` model.

    Parameters
    ----------
    model : ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier or its regressor
        Fitted to one target of classes, or to numbers.
    columns : sequence of int
        Of the outputs that the model speaks of: its classes or its targets, in their order.
    n_outputs : int
        A class without rows has the probability 0.
    """
    trees = join([random_tree(estimator, columns) for estimator in model.estimators_])
    trees = trees._replace(values=trees.values / len(model.estimators_))
    start = constant(np.zeros(n_outputs), model.n_features_in_, "identity")
    return start._replace(trees=trees)


def random_tree(estimator: Any, columns: Columns) -> Trees:
    """Take over one tree of an `ExtraTrees` or `RandomForest` model; the model is their mean."""
    nodes, is_classifier = estimator.tree_, hasattr(estimator, "classes_")
    values, is_leaf = (
        nodes.value[:, 0, :] if is_classifier else nodes.value[:, :, 0],
        nodes.children_left < 0,
    )
    is_entry = (values != 0) & is_leaf[:, None]
    is_entry[is_leaf & ~is_entry.any(axis=1), 0] = True
    leaves, entries = np.nonzero(is_entry)
    return _tree(
        nodes.children_left,
        nodes.children_right,
        nodes.feature << FEATURE_BITS | MISSING_LEFT * (nodes.missing_go_to_left > 0),
        _before_rounding(nodes.threshold),
        [],
        leaves,
        np.array(columns)[entries],
        values[is_entry],
    )


def _before_rounding(thresholds: np.ndarray) -> np.ndarray:
    """Give the largest number that is not above the threshold once it is rounded to float32.

    These models round X before they compare. Halfway between two float32 numbers, the one with an
    even last bit is taken.
    """
    below = thresholds.astype(np.float32)
    below = np.where(below > thresholds, np.nextafter(below, np.float32(-np.inf)), below)
    above = np.nextafter(below, np.float32(np.inf))
    middle = (below.astype(np.float64) + above) / 2
    return np.where(middle.astype(np.float32) == below, middle, np.nextafter(middle, -np.inf))


# ------------------------------------------------------------------------------------ predictions


def raw_outputs(
    forest: Forest, X: np.ndarray, n_jobs: int | None = None, check: Check = no_check
) -> np.ndarray:
    """Compute what the trees of each model add up to.

    Parameters
    ----------
    forest : Forest
    X : ndarray of float64 of shape (n_samples, n_features)
        Numbers and codes of categories; NaN is missing.
    n_jobs : int, default=None
        Threads; as many as pay by default. They change no bit.
    check : callable
        Is called now and then, and may raise.

    Returns
    -------
    outputs : ndarray of shape (n_samples, n_models, n_outputs)
    """
    out = np.tile(forest.baseline.ravel(), (len(X), 1))
    for start in range(0, len(X), PREDICTION_PART_ROWS):
        check()
        part = slice(start, start + PREDICTION_PART_ROWS)
        add_trees(forest.trees, looked_up(forest.lookups, X[part]), out[part], n_jobs)
    return out.reshape(len(X), *forest.baseline.shape)


def looked_up(lookups: Lookups, X: np.ndarray) -> np.ndarray:
    """Give the rows of X with what is looked up behind, in C order."""
    X = np.ascontiguousarray(X)
    if not lookups.sources.size:
        return X
    rows = np.empty((len(X), X.shape[1] + lookups.sources.size))
    Call(look_up, DTYPES, lookups)(X, rows)
    return rows


def add_trees(trees: Trees, X: np.ndarray, out: np.ndarray, n_jobs: int | None = 1) -> None:
    """Add what trees say of the rows of X, looked-up numbers included, to `out`."""
    n_blocks = -(-len(X) // TREE_ROWS)
    flops = float(TREE_STEP_FLOPS) * len(X) * trees.roots.size * _depth(trees)
    with threads.team(threads.worthwhile(flops, n_blocks, n_jobs)) as team:
        Call(kernels.add_trees, DTYPES, address_of(kernels.tree_loop, DTYPES), trees)(X, out, team)


def _depth(trees: Trees) -> float:
    """Estimate the splits on the way to a leaf."""
    return np.log2(1 + trees.splits.size / max(1, trees.roots.size))


def predict(
    forest: Forest, X: np.ndarray, n_jobs: int | None = None, check: Check = no_check
) -> np.ndarray:
    """Predict probabilities or values, the mean over the models: (n_samples, n_outputs)."""
    result = np.empty((len(X), forest.baseline.shape[1]))
    for start in range(0, len(X), PREDICTION_PART_ROWS):
        part = slice(start, start + PREDICTION_PART_ROWS)
        raw = raw_outputs(forest, X[part], n_jobs, check)
        result[part] = LINKS[forest.link](raw).mean(axis=1)
    return result


def _softmax(raw: np.ndarray) -> np.ndarray:
    powers = np.exp(raw - raw.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


LINKS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "identity": lambda raw: raw,
    "exp": np.exp,
    "softmax": _softmax,
}


# ---------------------------------------------------------------------------------------- saving


def to_dict(forest: Forest) -> dict[str, Any]:
    """Give a forest as arrays, a number and a text: what can be loaded without trust.

    Whole numbers take the bytes that they need: random trees are a fifth smaller.
    """
    own = {"baseline": forest.baseline, "n_features": forest.n_features, "link": forest.link}
    arrays = {**forest.trees._asdict(), **forest.lookups._asdict()}
    return {name: _small(array) for name, array in arrays.items()} | own


def _small(array: np.ndarray) -> np.ndarray:
    if array.dtype != np.int32:
        return array
    largest = max(array.max(initial=0), ~array.min(initial=0))
    return array.astype(np.min_scalar_type(~int(largest)))


def from_dict(saved: dict[str, Any]) -> Forest:
    """Make the forest of which `to_dict` was saved."""
    arrays = {
        name: saved[name].astype(np.float64 if saved[name].dtype == np.float64 else np.int32)
        for name in (*Trees._fields, *Lookups._fields)
    }
    trees = Trees(**{name: arrays[name] for name in Trees._fields})
    lookups = Lookups(**{name: arrays[name] for name in Lookups._fields})
    return Forest(trees, lookups, saved["baseline"], saved["n_features"], saved["link"])
