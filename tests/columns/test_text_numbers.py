"""Numbers as people write them, each form as its own number."""

import numpy as np
import pyarrow as pa
import pytest

from fastnn.columns.text_numbers import NumberFormat, NumberTally, add_matrix, plain_matrix


def read(texts, format):
    numbers, wrong = format.read(pa.array(texts, pa.string()))
    assert [bool(w) for w in wrong.to_pylist()] == [n is None for n in numbers.to_pylist()]
    return numbers.to_pylist()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        ("-1.5", -1.5),
        ("+.5", 0.5),
        ("7.", 7),
        ("1e5", 1e5),
        ("-2.5E-3", -2.5e-3),
        ("1,234", 1234),
        ("1,234,567.8", 1234567.8),
        ("1 234", 1234),
        ("1\u00a0234.5", 1234.5),
        ("1'234", 1234),
        ("(300)", -300),
        ("\u22123", -3),
        ("inf", np.inf),
        ("1,23", None),
        ("12,34,567", 1234567),
        ("1,23,456.5", 123456.5),
        ("300-", -300),
        ("2.5\u2212", -2.5),
        ("12,34", None),
        ("123,45,678", None),
        ("-3-", None),
        ("1.2.3", None),
        ("x", None),
        ("0x10", None),
        ("1_000", None),
        ("1 2", None),
        ("-", None),
        (".", None),
        ("5 kg", None),
        ("$5", None),
    ],
)
def test_with_points(text, number):
    assert read([text], NumberFormat(".")) == [number]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,5", 1.5),
        ("-0,123", -0.123),
        ("1.234,56", 1234.56),
        ("1.234", 1234),
        ("12", 12),
        ("1.5", None),
        ("18138.077", None),
        ("12.34.567", None),
        ("1,234,567", None),
    ],
)
def test_with_commas(text, number):
    assert read([text], NumberFormat(",")) == [number]


@pytest.mark.parametrize(
    ("text", "affix", "number"),
    [
        ("$1,234", "$", 1234),
        ("-$5.5", "$", -5.5),
        ("$-5.5", "$", -5.5),
        ("($5)", "$", -5),
        ("5 USD", "USD", 5),
        ("EUR 5", "EUR", 5),
        ("5", "$", 5),
        ("€5", "$", None),
        ("R$ 5,000.5", "R$", 5000.5),
        ("US$5", "US$", 5),
        ("$5", "US$", None),
        ("5 zł", "zł", 5),
        ("(5) kr", "kr", None),
        ("12 kg", "kg", 12),
        ("12kg", "kg", 12),
        ("12", "kg", 12),
        ("12 g", "kg", None),
        ("12.5%", "%", 12.5),
        ("3 %", "%", 3),
        ("3", "%", None),
        ("12.5%", "", None),
    ],
)
def test_currencies_and_percentages(text, affix, number):
    assert read([text], NumberFormat(".", affix)) == [number]


def test_missing_cells_stay_missing():
    numbers, wrong = NumberFormat(",").read(pa.array(["1,5", None]))
    assert numbers.to_pylist() == [1.5, None]
    assert not any(wrong.to_pylist())


def tally(*texts):
    counts = NumberTally()
    cells = pa.array(texts)
    counts.add(cells, np.ones(len(cells), dtype=np.int64))
    return counts


def test_what_can_only_be_read_by_one_mark_is_sure():
    assert tally("1.5").sure == {".": True, ",": False}
    assert tally("0,5").sure == {".": False, ",": True}
    assert tally("1,234", "1.234", "7").sure == {".": False, ",": False}
    assert tally("1,5", "1.5").readable == {".": 1, ",": 1}


def test_codes_and_whole_numbers():
    assert tally("01234", "5").codes == 1
    assert tally("1234567890123456", "5").codes == 1
    assert tally("0", "0.5", "10").codes == 0
    assert tally("1", "2").whole
    assert not tally("1", "2.5").whole


def test_plain_numbers_are_tallied_alike():
    columns = [["1", "-2.5", "1e5", "007", ".5"], ["1", "2", "3", "4", "1.234"]]
    quick = [NumberTally(), NumberTally()]
    add_matrix(quick, *plain_matrix([pa.array(column) for column in columns]))
    for column, counts in zip(columns, quick, strict=True):
        slow = tally(*column)
        assert vars(counts) == vars(slow)


def test_only_plain_numbers_are_read_together():
    assert plain_matrix([pa.array(["1"]), pa.array(["x"])]) is None
    assert plain_matrix([pa.array(["1"]), pa.array(["nan"])]) is None
    assert plain_matrix([pa.array(["1"]), pa.array([1])]) is None
