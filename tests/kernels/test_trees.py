"""Rows on their way down trees, compiled and as plain Python, against a walk node by node."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastnn.compiling.runtime import Call, DTypes, address_of
from fastnn.engine import threads
from fastnn.kernels.sharing import ALONE
from fastnn.kernels.trees import (
    FEATURE_BITS,
    IS_SET,
    MISSING_LEFT,
    Lookups,
    Trees,
    add_trees,
    look_up,
    tree_loop,
)

DTYPES = DTypes(np.dtype(np.float64))


def code(feature, flags=0):
    return feature << FEATURE_BITS | flags


# Tree 0: x0 <= 0.5, missing left; then x1 in {1, 33}, missing right, or x1 in {}, missing left.
# Tree 1: x2 <= inf, missing right. Tree 2: a leaf.
TREES = Trees(
    splits=np.array(
        [
            code(0, MISSING_LEFT),
            code(1, IS_SET),
            code(1, IS_SET | MISSING_LEFT),
            code(2),
        ],
        np.int32,
    ),
    thresholds=np.array([0.5, 0.0, 3.0, np.inf]),
    children=np.array([[1, 2], [~0, ~2], [~3, ~4], [~5, ~6]], np.int32),
    sets=np.array([2, 1 << 1, 1 << 1, 1, 0], np.int32),
    roots=np.array([0, 3, ~7], np.int32),
    columns=np.array([0, ~1, ~0, ~1, ~0, ~1, ~1, ~0], np.int32),
    values=np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]),
)
ROWS = np.array(  # and the outputs
    [
        (0.5, 1.0, 0.0, 129.0, 34.0),
        (0.5, 33.0, np.inf, 129.0, 34.0),
        (0.5, 2.0, np.nan, 132.0, 64.0),
        (np.nan, np.nan, -np.inf, 132.0, 32.0),
        (0.5, 64.0, 0.0, 132.0, 32.0),  # a category that no word of the set has
        (0.5, -1.0, 0.0, 132.0, 32.0),
        (0.6, 1e300, 0.0, 128.0, 40.0),
        (0.6, np.nan, 0.0, 128.0, 40.0),
        (np.inf, 31.0, 0.0, 144.0, 32.0),
        (-np.inf, 33.9, 0.0, 129.0, 34.0),
    ]
)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("n_rows", [1, 7, 10, 1030])
def test_rows_reach_their_leaves(n_rows, several):
    rows = np.tile(ROWS, (103, 1))[:n_rows]
    X, expected = rows[:, :3].copy(), rows[:, 3:]
    compiled, written = np.full((2, n_rows, 2), 0.25)
    loop = address_of(tree_loop, DTYPES)
    with threads.team(1 + several) as team:
        Call(add_trees, DTYPES, loop, TREES)(X, compiled, team)
    add_trees(loop, TREES, X, written, ALONE)
    assert_array_equal(compiled, expected + 0.25)
    assert_array_equal(written, compiled)


@pytest.mark.parametrize("caller", ["compiled", "written"])
def test_categories_are_looked_up(caller):
    lookups = Lookups(
        np.array([1, 0], np.int32),
        np.array([0, 3, 4], np.int32),
        np.array([10.0, 20.0, 30.0, 40.0]),
    )
    X = np.array([[0.0, 0.0], [1.0, 1.9], [np.nan, 2.0], [5.0, -1.0], [np.inf, np.nan]])
    out = np.empty((5, 4))
    look = Call(look_up, DTYPES) if caller == "compiled" else look_up
    look(lookups, X, out)
    assert_array_equal(out[:, :2], X)
    assert_array_equal(out[:, 2], [10, 20, 30, 30, 30])
    assert_array_equal(out[:, 3], 40)
