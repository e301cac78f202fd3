"""Decision trees: rows go down each tree, and the leaf that one reaches adds to its outputs.

A split sends a row left where ``x <= threshold``, or where the category x is in the split's set; a
missing x goes where the split says. All splits of all trees stand in one list, all leaves in
another, so that a tree is nothing but the split or the leaf that it begins with::

    roots[t] = s         split s:  children[s] = (left, right), each a split s' >= 0 or a leaf ~e
                         leaf ~e:  values[e], values[e + 1], ... are added to the outputs
                                   columns[e], columns[e + 1], ..., ~columns[last]

Eight rows go down a tree together: a step waits for memory and for the one before it, and eight
rows wait at the same time. 650 trees (500 of 31 leaves, 150 of 1000) take 11 us a row on one core
for one row at a time, 6 for four and 2 for eight, each without a branch that depends on x.
"""

from typing import Annotated, NamedTuple

import numpy as np

from fastnn.compiling.language import bundle, interface, jit
from fastnn.kernels.arguments import Array
from fastnn.kernels.sharing import prange, share
from fastnn.kernels.tuning import TREE_ROWS

MISSING_LEFT, IS_SET = 1, 2  # the flags of a split, in the lowest of its bits
FEATURE_BITS = 2  # by which its feature is shifted


@bundle
class Trees(NamedTuple):
    """Trees as splits, leaves and roots."""

    splits: Annotated[Array, "readonly int32[::1]"]  # (n_splits,): feature and flags
    # (n_splits,): where the flag `IS_SET` is set, the position in `sets` of the split's set
    thresholds: Annotated[Array, "readonly float64[::1]"]
    children: Annotated[Array, "readonly int32[:, ::1]"]  # (n_splits, 2)
    # Sets of categories one behind the other: a number of words, then the words. Category c goes
    # left where bit c % 32 of word c // 32 is set; one that has no bit is missing.
    sets: Annotated[Array, "readonly int32[::1]"]
    roots: Annotated[Array, "readonly int32[::1]"]  # (n_trees,)
    columns: Annotated[Array, "readonly int32[::1]"]  # (n_entries,): ~column ends a leaf
    values: Annotated[Array, "readonly float64[::1]"]  # (n_entries,)


@bundle
class Lookups(NamedTuple):
    """Numbers that stand for categories: columns that rows get beside their own.

    Column k is ``tables[starts[k] + c]`` for category c of column ``sources[k]`` of the rows, and
    ``tables[starts[k + 1] - 1]`` where that is missing or not in the table.
    """

    sources: Annotated[Array, "readonly int32[::1]"]  # (n_lookups,)
    starts: Annotated[Array, "readonly int32[::1]"]  # (n_lookups + 1,)
    tables: Annotated[Array, "readonly float64[::1]"]


@jit
def _goes_right(trees, split, code, x):
    """Whether a split sends x to the right; 1 or 0."""
    missing = np.uint32(code & MISSING_LEFT == 0)
    if code & IS_SET:
        at = int(trees.thresholds[split])
        if x >= 0 and x < 32 * trees.sets[at]:
            word = trees.sets[at + 1 + (int(x) >> 5)]
            return np.uint32((word >> (int(x) & 31)) & 1 == 0)
        return missing
    return np.uint32(x > trees.thresholds[split]) | (np.uint32(x != x) & missing)


@jit
def _step(trees, X, i, at):
    """Go from a split to its child; a leaf stays where it is.

    Numbers without a sign, as the compiler need not ask whether they count from the end: a third
    of the time.
    """
    split = np.uint32(max(at, 0))
    code = trees.splits[split]
    right = _goes_right(trees, split, code, X[i, np.uint32(code) >> FEATURE_BITS])
    return trees.children[split, right] if at >= 0 else at


@jit
def _add_leaf(trees, leaf, i, out):
    """Add what a leaf holds to row i of the outputs."""
    at = ~leaf
    while trees.columns[at] >= 0:
        out[i, trees.columns[at]] += trees.values[at]
        at += 1
    out[i, ~trees.columns[at]] += trees.values[at]


@jit
def _add_tree(trees, root, X, start, stop, out):
    """Add a tree to the outputs of the rows from start to stop."""
    i = start
    while i + 8 <= stop:
        a = b = c = d = e = f = g = h = root
        while a & b & c & d & e & f & g & h >= 0:  # until the signs say that all are leaves
            a, b = _step(trees, X, i, a), _step(trees, X, i + 1, b)
            c, d = _step(trees, X, i + 2, c), _step(trees, X, i + 3, d)
            e, f = _step(trees, X, i + 4, e), _step(trees, X, i + 5, f)
            g, h = _step(trees, X, i + 6, g), _step(trees, X, i + 7, h)
        for leaf in (a, b, c, d, e, f, g, h):
            _add_leaf(trees, leaf, i, out)
            i += 1
    while i < stop:
        at = root
        while at >= 0:
            at = _step(trees, X, i, at)
        _add_leaf(trees, at, i, out)
        i += 1


@interface("int64[::1], Trees, readonly float64[:, ::1], float64[:, ::1]")
def tree_loop(team, trees, X, out):
    """Add trees to the outputs, some rows at a time."""
    for block in prange(team, (X.shape[0] + TREE_ROWS - 1) // TREE_ROWS):
        start = block * TREE_ROWS
        stop = min(start + TREE_ROWS, X.shape[0])
        for t in range(trees.roots.size):
            _add_tree(trees, trees.roots[t], X, start, stop, out)


@interface("address, Trees, readonly float64[:, ::1], float64[:, ::1], int64[::1]")
def add_trees(loop, trees, X, out, team):
    """Add trees to the outputs; `loop` is the address of `tree_loop`."""
    share(team, loop, trees, X, out)


@interface("Lookups, readonly float64[:, ::1], float64[:, ::1]")
def look_up(lookups, X, out):
    """Write the rows of X to `out`, each with its looked-up numbers behind it."""
    n_columns = X.shape[1]
    for i in range(X.shape[0]):
        for j in range(n_columns):
            out[i, j] = X[i, j]
        for k in range(lookups.sources.size):
            x, start = X[i, lookups.sources[k]], lookups.starts[k]
            last = lookups.starts[k + 1] - 1
            known = x >= 0 and x < last - start
            out[i, n_columns + k] = lookups.tables[start + int(x) if known else last]
