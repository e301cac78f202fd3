"""Forests as an ONNX graph: their trees are one operator, what is beside them a few.

The operator is TreeEnsembleRegressor of ai.onnx.ml 3, which ONNX Runtime has for double numbers;
its successor, TreeEnsemble, has no leaves of several outputs. It knows no sets either, so that a
set becomes a chain of comparisons with each of its categories. It adds up in double and gives
float32, of which a target of 1e6 with a deviation of 1 would not leave enough: the mean of a tree's
leaves is therefore added outside.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from onnx import TensorProto
from onnx.helper import make_tensor

from fastnn.convert.onnx_graph import Graph
from fastnn.kernels.trees import FEATURE_BITS, IS_SET, MISSING_LEFT, Lookups, Trees
from fastnn.tabular.forest import Forest


def predictions(g: Graph, forest: Forest, X: str) -> str:
    """Predict by each model of a forest.

    Parameters
    ----------
    g : Graph
        Of double precision.
    forest : Forest
    X : str
        Name of the rows, (n_samples, n_features) of double; NaN is missing.

    Returns
    -------
    prediction : str
        Name of probabilities or values, (n_samples, n_models, n_outputs) of double.
    """
    n_models, n_outputs = forest.baseline.shape
    raw = _raw_outputs(g, forest, X)
    raw = g("Reshape", raw, g.constant([-1, n_models, n_outputs], TensorProto.INT64))
    return LINKS[forest.link](g, raw)


LINKS = {
    "identity": lambda g, raw: raw,
    "exp": lambda g, raw: g("Exp", raw),
    "softmax": lambda g, raw: g("Softmax", raw, axis=2),
}


def _raw_outputs(g: Graph, forest: Forest, X: str) -> str:
    """Add up what the leaves hold: (n_samples, n_models * n_outputs)."""
    baseline = forest.baseline.reshape(1, -1)
    if not forest.trees.roots.size:
        zeros = g("Mul", g("Cast", g("IsNaN", g.columns(X, 0, 1)), to=TensorProto.DOUBLE), 0.0)
        return g("Add", zeros, baseline)
    rows = _looked_up(g, forest.lookups, X)
    lists, means = _attributes(forest.trees, forest.baseline.size)
    settings: dict[str, Any] = lists
    for name in ("nodes_values", "target_weights"):
        values = settings.pop(name)
        settings[f"{name}_as_tensor"] = make_tensor(name, TensorProto.DOUBLE, [len(values)], values)
    sums = g(
        "TreeEnsembleRegressor",
        rows,
        op_domain="ai.onnx.ml",
        op_version=3,
        n_targets=forest.baseline.size,
        **settings,
    )
    return g("Add", g("Cast", sums, to=TensorProto.DOUBLE), baseline + means)


def _looked_up(g: Graph, lookups: Lookups, X: str) -> str:
    """Put behind X the numbers that stand for categories."""
    if not lookups.sources.size:
        return X
    last = np.diff(lookups.starts) - 1
    codes = g("Gather", X, g.constant(lookups.sources, TensorProto.INT64), axis=1)
    known = g("And", g("GreaterOrEqual", codes, 0.0), g("Less", codes, last[None]))
    codes = g("Floor", g("Where", known, codes, last[None]))
    places = g("Cast", g("Add", codes, lookups.starts[None, :-1]), to=TensorProto.INT64)
    return g("Concat", X, g("Gather", lookups.tables, places), axis=1)


class _Node(NamedTuple):
    """A node of the operator: a comparison, or a leaf."""

    mode: str
    feature: int = 0
    value: float = 0.0
    yes: int = 0  # the node to go to; in the tree's own count
    no: int = 0
    missing_is_yes: int = 0


LEAF = _Node("LEAF")
NEVER = -0.5  # no category


def _nodes(trees: Trees, root: int) -> tuple[list[_Node], dict[int, int]]:
    """Give the nodes of a tree, and which of them each split and each leaf begins with."""
    places: dict[int, int] = {}
    order, found, n = [], [int(root)], 0
    while found:
        at = found.pop()
        order.append(at)
        places[at] = n
        n += 1 if at < 0 else len(_values(trees, at))
        if at >= 0:
            found += map(int, trees.children[at])
    nodes: list[_Node] = []
    for at in order:
        nodes += [LEAF] if at < 0 else _comparisons(trees, at, places)
    return nodes, places


def _comparisons(trees: Trees, at: int, places: dict[int, int]) -> Iterator[_Node]:
    """Give a split's comparison, or one for each category of its set."""
    code, first = int(trees.splits[at]), places[at]
    left, right = (places[int(child)] for child in trees.children[at])
    feature, missing_left, values = code >> FEATURE_BITS, code & MISSING_LEFT, _values(trees, at)
    if not code & IS_SET:
        yield _Node("BRANCH_LEQ", feature, values[0], left, right, missing_left)
        return
    yes, no = (right, left) if missing_left else (left, right)
    for k, value in enumerate(values, start=1):
        yield _Node("BRANCH_EQ", feature, value, yes, first + k if k < len(values) else no)


def _values(trees: Trees, at: int) -> list[float]:
    """Give a split's threshold, or the categories of its set that go where missing ones do not."""
    threshold, code = trees.thresholds[at], trees.splits[at]
    if not code & IS_SET:
        return [float(threshold)]
    start = int(threshold) + 1
    words = trees.sets[start : start + trees.sets[start - 1]].astype("<i4")
    bits = np.unpackbits(words.view(np.uint8), bitorder="little")
    return np.flatnonzero(bits != code & MISSING_LEFT).astype(float).tolist() or [NEVER]


def _attributes(trees: Trees, n_columns: int) -> tuple[dict[str, list], np.ndarray]:
    """Give the attributes of the operator, a list for each, and what is to be added outside."""
    nodes: list[tuple] = []
    entries: list[tuple] = []
    means = np.zeros(n_columns)
    for t, root in enumerate(trees.roots):
        own, places = _nodes(trees, root)
        nodes += ((t, k, *node) for k, node in enumerate(own))
        leaves = [~at for at in places if at < 0]
        at = np.concatenate([_entries(trees, leaf) for leaf in leaves])
        columns = np.where(trees.columns[at] < 0, ~trees.columns[at], trees.columns[at])
        mean = _means(columns, trees.values[at], len(leaves), n_columns)
        means += mean
        is_last = trees.columns[at] < 0
        at_nodes = np.array([places[~leaf] for leaf in leaves])[np.cumsum(is_last) - is_last]
        rest = trees.values[at] - mean[columns]
        triples = zip(at_nodes.tolist(), columns.tolist(), rest.tolist(), strict=True)
        entries += ((t, *entry) for entry in triples)
    lists = [*map(list, zip(*nodes, strict=True)), *map(list, zip(*entries, strict=True))]
    return dict(zip(ATTRIBUTES, lists, strict=True)), means


def _entries(trees: Trees, leaf: int) -> np.ndarray:
    """Positions of the entries of a leaf."""
    last = leaf
    while trees.columns[last] >= 0:
        last += 1
    return np.arange(leaf, last + 1)


def _means(columns: np.ndarray, values: np.ndarray, n_leaves: int, n_columns: int) -> np.ndarray:
    """Mean of a tree's leaves for the outputs that all of them add to; 0 for others."""
    counts = np.bincount(columns, minlength=n_columns)
    totals = np.bincount(columns, values, minlength=n_columns)
    return np.where(counts == n_leaves, totals / n_leaves, 0.0)


ATTRIBUTES = (
    "nodes_treeids",
    "nodes_nodeids",
    "nodes_modes",
    "nodes_featureids",
    "nodes_values",
    "nodes_truenodeids",
    "nodes_falsenodeids",
    "nodes_missing_value_tracks_true",
    "target_treeids",
    "target_nodeids",
    "target_ids",
    "target_weights",
)
