"""Later tables by what the columns were: other kinds, records on disk, memory."""

import io
import pickle
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from tables import learn

from fastnn.columns import Cells, transform, transform_parts


def frame(n=2000):
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": random.normal(40, 20, n),
            "job": random.choice(["baker", "smith", "Ärztin"], n),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 999, n), "D"),
            "left": random.random(n) < 0.5,
            "spent": pd.to_timedelta(random.integers(0, 999, n), "h"),
        }
    )


BY_NAME = {
    "age": ([True, None], "x", "texts, as 'x'"),
    "since": ([None, None], 5, "numbers, as '5'"),
    "spent": ([None, None], 5, "numbers, as '5'"),
    "left": ([1, 0], "yes", "texts, as 'yes'"),
    "job": (["?", None], 1.5, "numbers, as '1.5'"),
}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_column_of_another_kind(name):
    right, wrong, told = BY_NAME[name]
    columns, _, owner = learn(frame())
    X = frame().iloc[:2]
    transform(columns, X.assign(**{name: right}), owner)
    with pytest.raises(ValueError, match=f"Column '{name}' held .* now holds {told}"):
        transform(columns, X.assign(**{name: [None, wrong]}), owner)
    with pytest.raises(ValueError, match=f"Column '{name}' held"):
        next(transform_parts(columns, X.assign(**{name: [wrong, wrong]}), owner, 1))


def test_what_is_left_out_is_not_looked_at():
    X = pd.DataFrame({"x": [1, 2], "none": [None, None], "one": [3, 3], "again": [1, 2]})
    columns, _, owner = learn(X)
    new = pd.DataFrame({"x": [5], "none": ["later"], "one": [np.inf], "again": ["text"]})
    with pytest.warns(UserWarning, match="empty in training .* now: 'none'\\.$"):
        np.testing.assert_array_equal(transform(columns, new, owner).numbers, [[5]])
    array_columns, _, array_owner = learn(np.array([[1, 3.0], [2, 3]]))
    found = transform(array_columns, np.array([[4, np.inf]]), array_owner)
    np.testing.assert_array_equal(found.numbers, [[4]])


def test_all_is_left_out():
    columns, cells, owner = learn(np.ones((5, 2)))
    assert cells.numbers.shape == cells.codes.shape == (5, 0)
    assert transform(columns, np.zeros((1, 2)), owner).numbers.shape == (1, 0)


def assert_plain(value):
    """No type that skops or a reader without our classes would stumble over."""
    if isinstance(value, dict):
        assert all(type(key) is str for key in value)
        for part in value.values():
            assert_plain(part)
    elif isinstance(value, list):
        for part in value:
            assert_plain(part)
    elif type(value) is np.ndarray:
        assert value.dtype.kind in "iuf"
    else:
        assert type(value) in (str, int, float, bool)


def test_a_record_is_plain_and_comes_back():
    X = frame(20_000)
    columns, cells, owner = learn(X)
    assert_plain(columns)
    written = skops.io.dumps(columns)
    assert skops.io.get_untrusted_types(data=written) == []
    for again in (skops.io.loads(written), pickle.loads(pickle.dumps(columns))):
        found = transform(again, X, owner)
        np.testing.assert_array_equal(found.numbers, cells.numbers)
        np.testing.assert_array_equal(found.codes, cells.codes)
    assert len(written) < 30_000  # none of the rows


def test_a_record_of_many_columns_and_levels_is_small():
    texts = np.array([f"level {i}" for i in range(5000)] * 2, object)
    columns, _, _ = learn(pd.DataFrame({"text": texts, "x": np.arange(10_000)}))
    assert len(skops.io.dumps(columns)) < 200_000
    wide, _, _ = learn(np.random.default_rng(0).normal(size=(3, 20_000)))
    file = io.BytesIO(skops.io.dumps(wide))
    assert file.getbuffer().nbytes < 1_000_000


def peak(run):
    """Bytes that were taken for a while, by NumPy and Python."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_stays_in_proportion():
    random = np.random.default_rng(0)
    X = random.normal(size=(100_000, 20))
    texts = np.array(["a", "b", "c"])[random.integers(0, 3, (100_000, 2))]
    forms = {
        "array": X,
        "float32": X.astype(np.float32),
        "pandas": pd.DataFrame(X, columns=[f"x{i}" for i in range(20)]),
        "polars": pl.DataFrame(X),
        "mixed": pd.DataFrame(X, columns=[f"x{i}" for i in range(20)]).assign(
            a=texts[:, 0], b=texts[:, 1]
        ),
    }
    for name, form in forms.items():
        columns, _, owner = learn(form)
        assert peak(lambda form=form: learn(form)) < 2.2 * X.nbytes, name
        assert peak(lambda: transform(columns, form, owner)) < 1.5 * X.nbytes, name  # noqa: B023

        def read():
            for cells in transform_parts(columns, form, owner, 1000):  # noqa: B023
                assert isinstance(cells, Cells)

        assert peak(read) < 0.2 * X.nbytes, name


def test_one_outlier_among_numbers_stays_itself():
    X = np.array([[1.5, 2**53], [1e300, 1], [-1e-300, 2]])
    _, cells, _ = learn(X)
    np.testing.assert_array_equal(cells.numbers, X)
