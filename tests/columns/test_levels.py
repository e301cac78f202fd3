"""Categories as codes: their order, unknown ones, and values of other types."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from tables import learn

from fastnn.columns import category_names, describe, transform


def codes(train, new, **options):
    """Codes of new cells, and the levels, of a column."""
    columns, _, owner = learn(pd.DataFrame({"c": train}), **options)
    found = transform(columns, pd.DataFrame({"c": new}), owner).codes[:, 0]
    return found.tolist(), describe(columns)[0].levels


def test_levels_are_sorted_and_unknown_ones_are_missing():
    assert codes(["b", "a", None, "b"], ["a", "b", "c", None]) == ([0, 1, 2, 2], ["a", "b"])
    assert codes([True, False], [False, True, None]) == ([0, 1, 2], [False, True])


def test_numbers_that_are_declared():
    found = codes([10, 9, 2], [9, 10.0, 3, np.nan], categorical_features=["c"])
    assert found == ([1, 2, 3, 3], [2, 9, 10])
    assert codes([0.5, -1], [0.5], categorical_features=["c"]) == ([1], [-1.0, 0.5])


def test_large_integers_are_kept_apart():
    large = np.array([2**62, 2**62 + 1, 2**62 + 2])
    assert codes(large, large[::-1], categorical_features=[0]) == ([2, 1, 0], large.tolist())
    unsigned = large.astype(np.uint64) + 2**63
    _, cells, _ = learn(unsigned[:, None], categorical_features=[0])
    assert cells.codes[:, 0].tolist() == [0, 1, 2]


def test_values_that_are_written_alike_are_of_one_level():
    assert codes(["a", "7"], [7, 7.0]) == ([0, 0], ["7", "a"])
    assert codes([1, 2], ["1", "2.0", "x", "2"], categorical_features=["c"])[0] == [0, 2, 2, 1]
    assert codes([True, False], ["True", "False"])[0] == [1, 0]
    assert codes([True, False], [1, 0])[0] == [1, 0]
    mixed = np.array(["a", 1, True, None], object)
    assert codes(mixed, np.array([True, 1.0, "a"], object)) == ([1, 0, 2], ["1", "True", "a"])


@pytest.mark.parametrize(
    ("train", "new", "told"),
    [
        (["a", "b"], [1.5, 2], "held texts in training and now holds numbers, as '1.5'"),
        (["a", "b"], [True, False], "held texts in training and now holds booleans, as 'True'"),
        ([True, False], ["yes"], "held booleans in training and now holds texts, as 'yes'"),
        (["a", "b"], pd.to_datetime(["2020-01-01"]), "now holds dates, as '2020-01-01T00:00:00'"),
    ],
)
def test_words_where_numbers_were_and_numbers_where_words_were(train, new, told):
    with pytest.raises(ValueError, match=told):
        codes(train, new)


def test_all_missing_is_of_every_kind():
    for train in (["a", "b"], [True, False], [1, 2], pd.to_datetime(["2020-01-01", "2021-01-01"])):
        columns, _, owner = learn(pd.DataFrame({"c": train}))
        for nothing in ([None], [np.nan], [pd.NaT], [pd.NA]):
            cells = transform(columns, pd.DataFrame({"c": nothing}), owner)
            assert np.isnan(cells.numbers).all()
            assert (cells.codes == columns["sizes"]).all()


def test_neither_the_order_of_categories_nor_unused_ones_matter():
    texts = ["b", "a", None, "b", "c"]
    expected, levels = codes(texts, texts)
    for order in (["a", "b", "c"], ["z", "c", "b", "a", "y"]):
        dtype = pd.CategoricalDtype(order)
        assert codes(pd.Series(texts, dtype=dtype), pd.Series(texts, dtype=dtype)) == (
            expected,
            levels,
        )
        frame = pl.DataFrame({"c": pl.Series(texts, dtype=pl.Enum(order))})
        columns, cells, _ = learn(frame)
        assert cells.codes[:, 0].tolist() == expected
        assert describe(columns)[0].levels == levels


def test_categories_of_numbers_and_dates():
    for values in ([3, 1, None], [0.5, 1.5, None], [True, False, None]):
        columns, cells, _ = learn(pd.DataFrame({"c": pd.Categorical(values)}))
        levels = describe(columns)[0].levels
        assert levels == sorted(levels)
        assert [levels[code] for code in cells.codes[:2, 0]] == values[:2]
        assert cells.codes[2, 0] == 2
    dates = pd.Categorical(pd.to_datetime(["2021-01-01", "2020-01-01"]))
    assert codes(dates, dates) == ([1, 0], ["2020-01-01T00:00:00", "2021-01-01T00:00:00"])


def test_dictionaries_of_pyarrow_with_gaps():
    """narwhals 2.29 gives the last value for a gap."""
    texts = pa.array(["x", None, "y"]).dictionary_encode()
    numbers = pa.array([5, None, 7]).dictionary_encode()
    null = pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array(["x", None]))
    for frame in (
        pa.table({"t": texts, "n": numbers, "o": null}),
        pa.table({"t": texts, "n": numbers, "o": null}).to_pandas(types_mapper=pd.ArrowDtype),
    ):
        columns, cells, _ = learn(frame)
        assert [column.levels for column in describe(columns)] == [["x", "y"], [5, 7], ["x"]][
            : len(columns["kinds"])
        ]
        assert cells.codes.tolist() == [[0, 0, 0], [2, 2, 1], [1, 1, 1]]
        assert category_names(columns) == ["t", "n", "o"]


def test_categorical_features_none_leaves_numbers_numbers():
    X = pd.DataFrame({"n": pd.Categorical([3, 1, None]), "t": pd.Categorical(["a", "b", None])})
    columns, _, _ = learn(X, categorical_features=None)
    assert [column.kind for column in describe(columns)] == ["number", "category"]


def test_many_levels():
    random = np.random.default_rng(0)
    texts = np.array([f"level {i}" for i in range(100_000)], object)[
        random.integers(0, 100_000, 150_000)
    ]
    columns, cells, owner = learn(texts[:, None])
    levels = describe(columns)[0].levels
    assert [levels[code] for code in cells.codes[:500, 0]] == texts[:500].tolist()
    few = transform(columns, np.array([[texts[5]], ["?"]], object), owner)
    assert few.codes[:, 0].tolist() == [cells.codes[5, 0], len(levels)]
    kept = columns["levels"][0]["texts"]
    assert kept["utf8"].nbytes + kept["ends"].nbytes < 30 * len(levels)


def test_texts_that_are_hard_to_write():
    texts = ["", " ", "a\0", "\ud800", "ä", "a" * 1_000_000]
    columns, cells, owner = learn(np.array([[text] for text in texts], object))
    assert describe(columns)[0].levels == sorted(texts)
    again = transform(columns, np.array([[text] for text in texts], object), owner)
    assert again.codes.tolist() == cells.codes.tolist()
