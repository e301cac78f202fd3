"""Every input that people have: frames of three libraries, arrays, lists and sparse matrices."""

import datetime as dt
import decimal
import os

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import LIBRARIES, Owner, head, learn

from fastnn.columns import describe, transform, transform_parts

# ------------------------------------------------------------------------- the same cells

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
FLOATS = st.floats(-1e30, 1e30, allow_nan=False)
DATES = st.dates(dt.date(1700, 1, 1), dt.date(2200, 1, 1))
MOMENTS = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1))
KINDS_OF_CELLS = {
    "float": FLOATS,
    "int": st.integers(-(2**53), 2**53),
    "bool": st.booleans(),
    "text": TEXTS,
    "date": DATES,
    "moment": MOMENTS,
    "time": st.times(),
    "duration": st.timedeltas(dt.timedelta(-9999), dt.timedelta(9999)),
    "decimal": st.decimals(-1000, 1000, places=2),
    "nothing": st.none(),
}


@st.composite
def tables(draw):
    """Columns of cells with gaps, each of one kind."""
    n = draw(st.integers(1, 12))
    names = draw(st.lists(st.sampled_from(sorted(KINDS_OF_CELLS)), min_size=1, max_size=5))
    return {
        f"{name} {i}": draw(st.lists(st.none() | KINDS_OF_CELLS[name], min_size=n, max_size=n))
        for i, name in enumerate(names)
    }


def assert_same(cells, others):
    np.testing.assert_array_equal(cells.numbers, others.numbers)
    np.testing.assert_array_equal(cells.codes, others.codes)


@settings(max_examples=80, deadline=None)
@given(tables(), tables(), st.sampled_from(sorted(LIBRARIES)), st.sampled_from(sorted(LIBRARIES)))
def test_the_same_cells_in_another_library(cells, more, one, another):
    columns, expected, owner = learn(LIBRARIES[one](cells))
    others, found, _ = learn(LIBRARIES[another](cells))
    assert_same(expected, found)
    assert describe(columns) == describe(others)
    assert_same(transform(columns, LIBRARIES[another](cells), owner), expected)
    parts = list(transform_parts(columns, LIBRARIES[another](cells), owner, 5))
    assert_same(type(expected)(*map(np.concatenate, zip(*parts, strict=True))), expected)


@pytest.mark.filterwarnings("ignore:Columns that were empty in training")
@settings(max_examples=40, deadline=None)
@given(tables(), st.sampled_from(sorted(LIBRARIES)), st.data())
def test_other_rows_of_another_library(cells, another, data):
    """Unknown categories, gaps where there were none and the other way round."""
    columns, _, owner = learn(LIBRARIES["pandas_python"](cells))
    new = {
        name: data.draw(
            st.lists(st.none() | KINDS_OF_CELLS[name.split()[0]], min_size=3, max_size=3)
        )
        for name in cells
    }
    expected = transform(columns, LIBRARIES["pandas_python"](new), owner)
    assert_same(transform(columns, LIBRARIES[another](new), owner), expected)


def mixed(n=40):
    random = np.random.default_rng(0)
    day = dt.datetime(2020, 1, 31, 12)
    return {
        "size": random.normal(size=n).tolist(),
        "rooms": [None if i % 7 == 0 else int(i) for i in range(n)],
        "town": [["Rome", "Oslo", None][i % 3] for i in range(n)],
        "garden": [[True, None, False][i % 3] for i in range(n)],
        "built": [day + dt.timedelta(hours=700 * i) for i in range(n)],
        "price": [decimal.Decimal(f"{i}.50") for i in range(n)],
        "empty": [None] * n,
        "key": [f"{i:05}" for i in range(n)],
        "one": [1] * n,
    }


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_mixed_frame(library):
    X = LIBRARIES[library](mixed())
    columns, cells, owner = learn(X)
    assert [column.kind for column in describe(columns)] == [
        *("number", "number", "category", "category", "date", "number"),
        *("empty", "identifier", "constant"),
    ]
    assert cells.numbers.shape == (40, 3 + 7)
    assert cells.codes.tolist()[:3] == [[1, 1], [0, 2], [2, 0]]
    assert owner.n_features_in_ == 9
    assert owner.feature_names_in_.tolist() == list(mixed())
    assert_same(transform(columns, head(X, 1), owner), type(cells)(*(a[:1] for a in cells)))


def test_types_that_one_library_has():
    frames = {
        "period": pd.DataFrame({"c": pd.period_range("2020-01", periods=3, freq="M")}),
        "interval": pd.DataFrame({"c": pd.cut([1.0, 5, 9], 3)}),
        "sparse": pd.DataFrame({"c": pd.arrays.SparseArray([0, 0, 1.5])}),
        "Int128": pl.DataFrame({"c": pl.Series([1, None, 2**70], dtype=pl.Int128)}),
        "Object": pl.DataFrame({"c": pl.Series([1, "a", None], dtype=pl.Object)}),
        "binary": pl.DataFrame({"c": [b"x", b"\xff", None]}),
        "view": pa.table({"c": pa.array(["x", None, "y"], pa.string_view())}),
        "half": pa.table({"c": pa.array([np.float16(1.5), None, np.float16(2)])}),
        "decimal256": pa.table(
            {"c": pa.array([decimal.Decimal("1.5"), None], pa.decimal256(40, 2))}
        ),
        "time32": pa.table({"c": pa.array([1, 2, None], pa.time32("s"))}),
        "nanoseconds": pa.table({"c": pa.array([1, 2**60, None], pa.timestamp("ns"))}),
    }
    found = {}
    for name, frame in frames.items():
        columns, cells, owner = learn(frame)
        assert_same(transform(columns, frame, owner), cells)
        found[name] = describe(columns)[0].kind, describe(columns)[0].holds
    assert found == {
        "period": ("date", "date"),
        "interval": ("category", "text"),
        "sparse": ("number", "number"),
        "Int128": ("number", "number"),
        "Object": ("category", "text"),
        "binary": ("category", "text"),
        "view": ("category", "text"),
        "half": ("number", "number"),
        "decimal256": ("number", "number"),
        "time32": ("date", "time"),
        "nanoseconds": ("date", "date"),
    }


def test_a_batch_of_pyarrow_is_a_table_with_names():
    batch = pa.record_batch({"a": [1.5, None, 2], "b": ["x", "y", None]})
    columns, cells, owner = learn(batch)
    assert owner.feature_names_in_.tolist() == ["a", "b"]
    assert [column.kind for column in describe(columns)] == ["number", "category"]
    assert_same(transform(columns, batch, owner), cells)
    with pytest.raises(ValueError, match="feature names should match"):
        transform(columns, batch.select(["b", "a"]), owner)


# ------------------------------------------------------------------------------ arrays


@pytest.mark.parametrize("dtype", [*"bBhHiIlLqQefdg", ">f8", ">i2", ">u4"])
def test_arrays_of_numbers(dtype):
    X = (np.arange(24).reshape(8, 3) ** 2 % 100).astype(dtype)
    columns, cells, owner = learn(X)
    np.testing.assert_array_equal(cells.numbers, X.astype(float))
    assert cells.numbers.flags.c_contiguous
    for same in (np.asfortranarray(X), X.astype(object), X.tolist(), X[::-1][::-1]):
        assert_same(transform(columns, same, owner), cells)
        assert_same(learn(same)[1], cells)
    X.flags.writeable = False
    assert_same(transform(columns, X, owner), cells)


def test_plain_arrays_are_not_copied():
    X = np.random.default_rng(0).normal(size=(20, 3))
    columns, _, owner = learn(X)
    assert np.shares_memory(transform(columns, X, owner).numbers, X)


def test_masked_arrays():
    mask = np.eye(4, dtype=bool)
    for values in (np.arange(16.0), np.arange(16), np.arange(16).astype("U2")):
        X = np.ma.masked_array(values.reshape(4, 4), mask)
        _, cells, _ = learn(X)
        if values.dtype.kind == "U":
            assert (cells.codes[mask] == 3).all()
        else:
            np.testing.assert_array_equal(cells.numbers, np.where(mask, np.nan, X.data))


@pytest.mark.parametrize(
    "dtype", ["U3", "S3", object, np.dtypes.StringDType(), np.dtypes.StringDType(na_object=None)]
)
def test_arrays_of_texts(dtype):
    X = np.array([["a", "x"], ["b", "y"], ["b", "x"]], dtype=dtype)
    columns, cells, owner = learn(X)
    assert cells.codes.tolist() == [[0, 0], [1, 1], [1, 0]]
    assert_same(transform(columns, X.astype(object), owner), cells)


def test_lists_keep_numbers_beside_texts():
    rows = [[0.5, "a", None, True], [1.5, "b", 3, False], [2.5, "a", 4, True]]
    columns, cells, _ = learn(rows)
    assert [column.holds for column in describe(columns)] == ["number", "text", "number", "boolean"]
    np.testing.assert_array_equal(cells.numbers, [[0.5, np.nan], [1.5, 3], [2.5, 4]])
    assert cells.codes.tolist() == [[0, 1], [1, 0], [0, 1]]


def test_arrays_of_dates_and_durations():
    days = np.arange(0, 900, 30).astype("M8[D]")[:, None]
    assert describe(learn(days)[0])[0].kind == "date"
    columns, cells, _ = learn(np.array([[0], [36], ["NaT"]], "m8[h]"))
    assert describe(columns)[0].holds == "duration"
    np.testing.assert_array_equal(cells.numbers, [[0], [1.5], [np.nan]])


# ------------------------------------------------------------------------------ sparse


@pytest.mark.parametrize(
    "form",
    [
        *(sp.csr_array, sp.csc_array, sp.coo_array, sp.lil_array, sp.dok_array, sp.dia_array),
        *(sp.bsr_array, sp.csr_matrix, sp.csc_matrix, sp.coo_matrix, sp.lil_matrix),
    ],
)
def test_sparse(form):
    dense = np.eye(3000, 20, 2) * 7 + np.eye(3000, 20, -2990)
    dense[7, 9] = np.nan
    X = form(dense)
    columns, cells, owner = learn(X)
    assert_same(cells, learn(dense)[1])
    assert_same(transform(columns, X, owner), cells)
    parts = list(transform_parts(columns, X, owner, 700))
    assert_same(type(cells)(*map(np.concatenate, zip(*parts, strict=True))), cells)
    dense[9, 5] = np.inf
    with pytest.raises(ValueError, match="infinity in column 'x5'"):
        transform(columns, form(dense), owner)


def test_sparse_columns_that_are_empty_take_no_memory():
    places = np.arange(0, 20_000, 200)
    X = sp.csr_array((np.ones(100), (np.arange(100), places)), (1000, 20_000))
    columns, cells, _ = learn(X)
    assert columns["numbers"].tolist() == places.tolist()
    np.testing.assert_array_equal(cells.numbers[:100], np.eye(100))


def test_more_numbers_than_half_of_memory(monkeypatch):
    X = sp.csr_array(sp.hstack([sp.eye_array(400, 400)] * 2))
    columns, _, owner = learn(X)
    monkeypatch.setattr(os, "sysconf", lambda name: 1000)  # a page, and number of pages
    with pytest.raises(ValueError, match=r"400 rows and 400 columns .* 0.0 GB"):
        transform(columns, X, owner)
    assert transform(columns, X[:5], owner).numbers.shape == (5, 400)


# ------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("X", "error", "told"),
    [
        (np.zeros(3), ValueError, "Expected 2D array, got 1D array instead"),
        (np.zeros((2, 2, 2)), ValueError, "Found array with dim 3"),
        (np.zeros((0, 2)), ValueError, r"0 sample\(s\) \(shape=\(0, 2\)\) while a minimum of 1"),
        (np.zeros((2, 0)), ValueError, r"0 feature\(s\) \(shape=\(2, 0\)\) while a minimum of 1"),
        (pd.DataFrame({"a": []}), ValueError, r"0 sample\(s\) \(shape=\(0, 1\)\) while a minimum"),
        (pl.DataFrame({"a": []}), ValueError, r"0 sample\(s\) \(shape=\(0, 1\)\) while a minimum"),
        (pd.DataFrame(index=[0]), ValueError, r"0 feature\(s\) \(shape=\(1, 0\)\) while a minimum"),
        (np.ones((3, 2)) * 1j, ValueError, "Complex data not supported"),
        (pd.DataFrame({"a": [1j]}), TypeError, "'a' holds a complex"),
        (pd.DataFrame({"a": [[1], [2]]}), TypeError, "column 'a' holds a list"),
        (pd.DataFrame({"a": [{}, {}]}), TypeError, "column 'a' holds a dict"),
        (pl.DataFrame({"a": [[1], [2]]}), TypeError, "column 'a' holds a List"),
        (pa.table({"a": [{"x": 1}]}), TypeError, "column 'a' holds a Struct"),
        (np.array([[{"x": 1}]], object), TypeError, "argument must be a string, a number"),
        (pl.LazyFrame({"a": [1]}), TypeError, r"X is a LazyFrame.*collect\(\)"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), ValueError, "Column 'a' stands twice"),
        (pa.table([[1], [2]], names=["a", "a"]), ValueError, "Column 'a' stands twice"),
        (pd.DataFrame([[1, 2]], columns=["a", 1]), TypeError, "Feature names are only supported"),
        ([[1, np.inf], [2, 3]], ValueError, "infinity in column 'x1'"),
        (pd.DataFrame({"a": [1, -np.inf]}), ValueError, "infinity in column 'a'"),
        (np.array([[10**400], [1]], object), ValueError, "infinity in column 'x0'"),
    ],
    ids=lambda value: "",
)
def test_what_cannot_be_read(X, error, told):
    with pytest.raises(error, match=told):
        learn(X)


def test_features_are_compared_in_the_words_of_scikit_learn():
    X = pd.DataFrame({"a": [1.0, 2], "b": [2.0, 5]})
    columns, _, owner = learn(X)
    for other in (X[["b", "a"]], X[["a"]], X.rename(columns={"b": "c"}), X.assign(c=1)):
        with pytest.raises(ValueError, match="The feature names should match"):
            transform(columns, other, owner)
    with pytest.warns(UserWarning, match="X does not have valid feature names, but Owner was"):
        transform(columns, X.to_numpy(), owner)
    columns, _, owner = learn(X.to_numpy())
    with pytest.warns(UserWarning, match="X has feature names, but Owner was fitted without"):
        transform(columns, X, owner)
    with pytest.raises(ValueError, match="X has 1 features, but Owner is expecting 2 features"):
        transform(columns, X.to_numpy()[:, :1], owner)


def test_names_that_are_no_texts():
    X = pd.DataFrame([[1, "a"], [3, "b"]], columns=[10, 20])
    columns, _, owner = learn(X)
    assert not hasattr(owner, "feature_names_in_")
    assert [column.name for column in describe(columns)] == ["10", "20"]
    assert isinstance(owner, Owner)
