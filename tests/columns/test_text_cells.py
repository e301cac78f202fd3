"""Cells read by the record of a model, from files and from frames."""

import datetime as dt
import re
from decimal import Decimal

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone

from fastnn.columns.input_error import InputError, shown
from fastnn.columns.text_cells import CellReader, places_of
from fastnn.columns.text_reading import Missing, NumberFormat, Reading

NUMBER, TEXT, DATE = (Reading("c", kind) for kind in ("number", "text", "date"))

PERCENT, EUROS = (Reading("c", "number", number=NumberFormat(".", sign)) for sign in "%€")


def read(reading, cells, missing=None):
    values = reading.read(pa.array(cells), missing or Missing()).to_pylist()
    assert len(values) == len(cells)
    return values


def test_texts_stay_exactly_as_they_are():
    cells = ["01", "1.0", "TRUE", " a ", "NA", "None", "12345678901234567890", "é\n", '"']
    assert read(TEXT, cells) == cells
    assert read(TEXT, ["", "  ", None]) == [None] * 3


@pytest.mark.parametrize(
    ("cells", "texts"),
    [
        ([1, 23, None], ["1", "23", None]),
        ([1.0, 2.5, None, 1e300], ["1", "2.5", None, "1e+300"]),
        ([20240131103000.0, -0.0, -7.0], ["20240131103000", "0", "-7"]),
        ([b"ab", b"\xff", "é".encode(), None], ["ab", "\\xff", "é", None]),
        ([dt.time(10, 30), dt.time(10, 30, 0, 250000)], ["10:30:00", "10:30:00.25"]),
        ([True, False, None], ["True", "False", None]),
        ([dt.date(2024, 1, 31), None], ["2024-01-31", None]),
        ([Decimal("1.50"), Decimal(100), None], ["1.5", "100", None]),
        ([Decimal("12345678901234567890.25"), Decimal(0)], ["12345678901234567890.25", "0"]),
    ],
    ids=str,
)
def test_other_types_are_written_as_texts(cells, texts):
    assert read(TEXT, cells) == texts


def test_truth_values_are_written_as_in_training():
    assert read(Reading("c", "text", truths=("FALSE", "TRUE")), [True, False]) == ["TRUE", "FALSE"]


def test_numbers_of_every_type():
    assert read(NUMBER, [" 1.5 ", "?", "", None]) == [1.5, None, None, None]
    assert read(NUMBER, [1, None]) == [1.0, None]
    assert read(NUMBER, [True, False]) == [1.0, 0.0]
    assert read(NUMBER, [dt.timedelta(days=1.5)]) == [1.5]
    assert read(Reading("c", "number", number=NumberFormat(",")), ["1.234,5"]) == [1234.5]


@pytest.mark.parametrize(
    ("reading", "cells", "told"),
    [
        (NUMBER, ["1", "many"], "column 'c' holds 'many' in row 2, where a number is needed."),
        (NUMBER, ["inf"], "'inf' in row 1, where a finite number of size 1e+100 at most"),
        (NUMBER, ["1e300"], "1e300"),
        (NUMBER, [1e300], "1e+300"),
        (NUMBER, [dt.date(2024, 1, 1)], "2024-01-01"),
        (DATE, ["2024-01-01", "2024-02-30"], "'2024-02-30' in row 2, where a date as ISO 8601"),
        (DATE, [5], "'5' in row 1"),
        (NUMBER, ["1,5"], "is needed, with '.' for decimals (--decimal)"),
        (PERCENT, ["5%", "0.05"], "'0.05' in row 2, where a number with '%' is needed"),
        (EUROS, ["5", "$7"], "'$7' in row 2, where a number, alone or beside '€', is needed"),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_refused_with_its_row(reading, cells, told):
    with pytest.raises(InputError, match=re.escape(told)):
        read(reading, cells)


def test_dictionaries_are_read_by_their_values():
    cells = pa.array(["1", "x", "1"]).dictionary_encode()
    with pytest.raises(InputError, match="row 2"):
        NUMBER.read(cells, Missing())
    assert NUMBER.read(cells.take([0, 2]), Missing()).to_pylist() == [1.0, 1.0]  # no row has x


def test_an_array_of_one_value_a_million_times_stays_small():
    cell = "x" * 1_000_000
    cells = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), pa.array([cell]))
    assert NUMBER.read(cells.slice(0, 0), Missing()).to_pylist() == []


@pytest.fixture
def reader():
    readings = [
        Reading("a", "number", number=NumberFormat(",")),
        Reading("b", "text"),
        Reading("gone", "left out", "it is empty"),
    ]
    return CellReader.of(readings, Missing(), Reading("y", "text"), Missing(("?",), True))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, pa.table])
def test_frames(reader, frame):
    table = reader.transform(frame({"b": ["01", "x"], "a": ["1,5", ""], "more": ["", ""]}))
    assert table.to_pydict() == {"a": [1.5, None], "b": ["01", "x"]}


def test_columns_that_are_missing_or_stand_twice(reader):
    with pytest.raises(InputError, match="no column 'b'; the only column is 'a'"):
        reader.transform(pa.table({"a": ["1"]}))
    twice = pa.Table.from_arrays([pa.array(["1"])] * 3, ["a", "b", "a"])
    with pytest.raises(InputError, match="column 'a' stands twice, as columns 1 and 3"):
        reader.transform(twice)
    assert places_of(["a", "b", "a"], ["b"]) == [1]


def test_the_record_is_all_that_a_reader_is(reader):
    assert clone(reader).readings == reader.readings
    assert reader.noting(rows=3).training == {"rows": 3}
    assert reader.target_missing == Missing(("?",), True)
    assert [r.kind for r in reader.without({"b": "--drop"}).readings] == [
        *("number", "left out", "left out")
    ]
    assert reader.with_decimal(".").readings[0].number.decimal == "."


def test_numbers_of_two_meanings_are_refused_where_marks_differ(reader):
    def check(cell, usual):
        batch = pa.RecordBatch.from_arrays([pa.array([cell]), pa.array(["x"])], ["0", "1"])
        reader.check_marks(batch, [0, 1], usual, first_row=4)

    with pytest.raises(InputError, match="'a' holds '1,234' in row 5, of which --decimal"):
        check("1,234", ",")
    for cell in ("1,234.5", "0,234", "1234", "1,23", "", "1,2345"):
        check(cell, ",")
    check("1,234", reader.usual_decimal)
    assert reader.with_decimal(".").usual_decimal == reader.usual_decimal == "."


def test_long_texts_are_shortened_in_messages():
    assert len(shown("x" * 10**6)) < 70
    assert shown("a\x00b\n") == r"'a\x00b\n'"
