"""`categorical_features`: the same columns, and the same words, as HistGradientBoosting's."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from tables import learn

from fastnn.columns import describe

X = pd.DataFrame({"a": [1, 2, 3, 1], "b": [0.5, 2, 3, 4], "c": [1, 0, 0, 1]})


def declared(X, asked):
    columns, _, _ = learn(X, categorical_features=asked)
    return [column.kind == "category" for column in describe(columns)]


@pytest.mark.parametrize(
    "asked",
    [
        ["a", "c"],
        [0, 2],
        np.array([0, 2], np.uint8),
        [True, False, True],
        np.array(["a", "c"], object),
        [],
        "from_dtype",
        None,
    ],
    ids=lambda value: "",
)
def test_the_same_columns(asked):
    expected = HistGradientBoostingRegressor(categorical_features=asked)
    if isinstance(asked, np.ndarray) and asked.dtype.kind == "u":  # which it refuses
        expected.set_params(categorical_features=asked.astype(int))
    expected.fit(X, [0, 1, 2, 3])
    names = expected.is_categorical_
    assert declared(X, asked) == ([False] * 3 if names is None else names.tolist())


@pytest.mark.parametrize(
    ("data", "asked"),
    [
        (X, ["a", "z"]),
        (X, [0, 3]),
        (X, [-1]),
        (X, [True, False]),
        (X.to_numpy(), ["a"]),
        (X, [0.5]),
        (X, np.array(["a", 1], object)),
    ],
    ids=lambda value: "",
)
def test_the_same_words(data, asked):
    with pytest.raises(ValueError, match="categorical_features") as expected:
        HistGradientBoostingRegressor(categorical_features=asked).fit(data, [0, 1, 2, 3])
    start = str(expected.value).split(", got")[0].replace("has a item", "has an item")
    with pytest.raises(ValueError, match=re.escape(start)):
        learn(data, categorical_features=asked)


@pytest.mark.parametrize("asked", ["a", [[0, 1]]])
def test_what_is_no_list(asked):
    with pytest.raises(ValueError, match="must be 'from_dtype', None or a one-dimensional"):
        learn(X, categorical_features=asked)
