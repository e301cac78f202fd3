"""What a column is: each kind, and the texts at the borders between them."""

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import pytest
from tables import learn

from fastnn.columns import KINDS, LEFT_OUT, describe
from fastnn.columns.kinds import kind_of_texts, way_out_of_identifier
from fastnn.columns.learn import _Learning


def kinds(X, **options):
    columns, _, _ = learn(X, **options)
    return [column.kind for column in describe(columns)]


def kind_of(cells, **options):
    return kinds(pd.DataFrame({"column": cells}), **options)[0]


DAYS = [dt.date(2020, 1, 1) + dt.timedelta(days=31 * i) for i in range(30)]

CASES = {
    "numbers": ([1, 2, 3], "number"),
    "numbers with gaps": ([1.5, None, 3], "number"),
    "numbers among objects": (np.array([1, 2.5, None], object), "number"),
    "decimals": ([decimal.Decimal("1.5"), decimal.Decimal(2)], "number"),
    "durations": ([dt.timedelta(1), dt.timedelta(2)], "number"),
    "1e30": ([1e30, -1e30, 0], "number"),
    "one outlier": ([1e300, *range(20)], "number"),
    "one number and gaps": ([1, None, 1], "number"),
    "texts": (["a", "b", "a"], "category"),
    "one text and gaps": (["a", None, "a"], "category"),
    "booleans": ([True, False], "category"),
    "booleans with gaps": ([True, None, False], "category"),
    "texts and numbers": (np.array(["a", 1, 2.5], object), "category"),
    "other objects": ([(1, 2), (1, 3)], "category"),
    "dates": (DAYS, "date"),
    "times of a day": ([dt.time(1), dt.time(13, 30)], "date"),
    "moments with a zone": (pd.date_range("2020", periods=9, tz="Asia/Tokyo"), "date"),
    "periods": (pd.period_range("2020-01", periods=9, freq="M"), "date"),
    "nothing": ([None, np.nan, pd.NA, pd.NaT], "empty"),
    "one number": ([7, 7, 7], "constant"),
    "one text": (["a", "a"], "constant"),
    "one date": ([DAYS[0]] * 3, "constant"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_column_is(case):
    cells, kind = CASES[case]
    assert kind_of(cells) == kind


@pytest.mark.parametrize(
    "dtype", ["int64", "float64", "bool", "object", "str", "datetime64[ns]", "timedelta64[ns]"]
)
def test_categories_of_which_there_is_none(dtype):
    assert kind_of(pd.Categorical([None] * 3, categories=pd.Index([], dtype=dtype))) == "empty"


@pytest.mark.parametrize("declared", ["from_dtype", None], ids=str)
def test_categories_that_no_cell_has_do_not_count(declared):
    levels = [f"level {k}" for k in range(40)]
    none = pd.Categorical([None] * 40, categories=levels[:3])
    assert kind_of(none, categorical_features=declared) == "empty"
    few = pd.Categorical(["level 1", "level 30"] * 20, categories=levels)
    assert kind_of(few, categorical_features=declared) == "category"
    columns, cells, _ = learn(pd.DataFrame({"c": few}), categorical_features=declared)
    assert describe(columns)[0].levels == ["level 1", "level 30"]
    assert cells.codes[:3, 0].tolist() == [0, 1, 0]


def test_two_columns_of_the_same_cells():
    X = pd.DataFrame({"a": [1, 2.5, None], "b": ["x", None, "y"]})
    X["c"], X["d"], X["e"] = X["a"], X["b"], [1, 2.5, 3]
    columns, cells, _ = learn(X)
    assert [column.kind for column in describe(columns)] == [
        *("number", "category", "duplicate", "duplicate", "number")
    ]
    assert describe(columns)[3].reason == "repeats column 'b'"
    assert cells.numbers.shape == (3, 2)
    assert cells.codes.shape == (3, 1)


def test_columns_that_differ_in_one_row_are_no_duplicates():
    X = np.zeros((50_000, 2))
    X[::2] = 1
    X[31_337, 1] = 5
    assert kinds(X) == ["number", "number"]


def test_equal_cells_of_other_bits_are_duplicates():
    X = np.array([[0.0, -0.0], [np.nan, np.copysign(np.nan, -1)], [1, 1]])
    assert kinds(X) == ["number", "duplicate"]


def test_columns_that_differ_in_a_few_rows_are_not_compared_by_pairs(monkeypatch):
    read_again = []
    monkeypatch.setattr(_Learning, "_cells", lambda self, place: read_again.append(place))
    X = np.zeros((5000, 100))
    X[4 + 10 * np.arange(100), np.arange(100)] = 1  # counts of rare words
    assert set(kinds(X)) == {"number"}
    assert not read_again


def sentences(n):
    return [f"The customer called us {i} times about the broken thing" for i in range(n)]


def test_free_text_is_an_error_with_a_way_out():
    with pytest.raises(ValueError, match=r"Column 'column' holds free text, as 'The cust.*skrub"):
        kind_of(sentences(50))
    with pytest.raises(ValueError, match="free text"):
        kind_of(["我们昨天去了那个很大的超市买东西" + str(i) for i in range(50)])


@pytest.mark.parametrize(
    "texts",
    [
        sentences(5),  # too few to tell
        sentences(10) * 10,  # most come again
        [f"level {i % 30}" for i in range(60)],
    ],
)
def test_texts_that_come_again_are_categories(texts):
    assert kind_of(texts) == "category"


@pytest.mark.parametrize(
    "texts",
    [
        [f"ID{i:06}" for i in range(100)],
        [f"Jane Doe{i}" for i in range(100)],  # two words are a name
        [f"ID {i:06} A" for i in range(100)],
        [f"a{i:032x}" for i in range(100)],
    ],
)
def test_identifiers_are_left_out_with_a_warning(texts):
    columns, cells, _ = learn(pd.DataFrame({"id": texts, "x": range(100)}))
    assert [column.kind for column in describe(columns)] == ["identifier", "number"]
    assert cells.codes.shape == (100, 0)
    assert len(columns["warnings"]) == 1
    assert columns["warnings"][0].startswith("Column 'id' is left out")
    assert "categorical_features" in columns["warnings"][0]


def test_a_user_who_declares_an_identifier_or_free_text_is_heard():
    texts = [f"ID{i:06}" for i in range(100)]
    assert kind_of(texts, categorical_features=["column"]) == "category"
    assert kind_of(pd.Categorical(texts)) == "category"
    assert kind_of(sentences(50), categorical_features=[0]) == "category"


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        ([f"{i}.5" for i in range(50)], "numbers"),
        ([f"$1,2{i:02}" for i in range(50)], "numbers"),
        (["-5 %", "(7)", "1e3", "?"], "numbers"),
        ([str(day) for day in DAYS], "dates"),
        ([f"{i}.1.2020 12:00" for i in range(1, 29)], "dates"),
    ],
)
def test_the_way_out_of_numbers_and_dates_written_as_texts(texts, kind):
    assert f"make it a column of {kind}" in way_out_of_identifier(texts)


def test_names_of_kinds_end_with_those_left_out():
    assert set(LEFT_OUT) < set(KINDS)
    assert kind_of_texts(["a", "b"], 9) in KINDS
