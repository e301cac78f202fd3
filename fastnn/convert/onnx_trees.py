"""Forests as an ONNX graph: their trees are one operator, what is beside them a few.

The operator is TreeEnsembleRegressor of ai.onnx.ml 3, which ONNX Runtime has for double numbers;
its successor, TreeEnsemble, has no leaves of several outputs. It knows no sets either, so that a
set becomes a chain of comparisons with each of its categories. It adds up in double and gives
float32: the result is as near as that.
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
    """Predict as `fastnn.tabular.forest.predict`.

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
        Name of probabilities or values, (n_samples, n_outputs) of double.
    """
    n_models, n_outputs = forest.baseline.shape
    raw = g("Add", _sums(g, forest, X), forest.baseline.reshape(1, -1))
    raw = g("Reshape", raw, g.constant([-1, n_models, n_outputs], TensorProto.INT64))
    each = LINKS[forest.link](g, raw)
    total = g("ReduceSum", each, g.constant([1], TensorProto.INT64), keepdims=0)
    return g("Div", total, float(n_models))


LINKS = {
    "identity": lambda g, raw: raw,
    "exp": lambda g, raw: g("Exp", raw),
    "softmax": lambda g, raw: g("Softmax", raw, axis=2),
}


def _sums(g: Graph, forest: Forest, X: str) -> str:
    """Add up what the leaves hold: (n_samples, n_models * n_outputs)."""
    if not forest.trees.roots.size:
        first = g.columns(X, 0, 1)
        return g("Mul", g("Sub", 1.0, g("Cast", g("IsNaN", first), to=TensorProto.DOUBLE)), 0.0)
    rows = _looked_up(g, forest.lookups, X)
    settings: dict[str, Any] = _attributes(forest.trees)
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
    return g("Cast", sums, to=TensorProto.DOUBLE)


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


def _attributes(trees: Trees) -> dict[str, list]:
    """Give the attributes of the operator, which has a list for each."""
    nodes: list[tuple] = []
    entries: list[tuple] = []
    for t, root in enumerate(trees.roots):
        own, places = _nodes(trees, root)
        nodes += ((t, k, *node) for k, node in enumerate(own))
        for at in (~at for at in places if at < 0):
            node = places[~at]
            while trees.columns[at] >= 0:
                entries.append((t, node, int(trees.columns[at]), float(trees.values[at])))
                at += 1
            entries.append((t, node, int(~trees.columns[at]), float(trees.values[at])))
    lists = [*map(list, zip(*nodes, strict=True)), *map(list, zip(*entries, strict=True))]
    return dict(zip(ATTRIBUTES, lists, strict=True))


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
