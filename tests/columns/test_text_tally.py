"""What a column of texts is, by all of its cells."""

import datetime as dt
import shlex

import numpy as np
import pyarrow as pa
import pytest

from fastnn.columns import text_dates
from fastnn.columns.input_error import InputError
from fastnn.columns.text_reading import Missing
from fastnn.columns.text_tally import Tally, Wishes, add_batch, decide, decimal_of


def decided(cells, decimal=".", missing=None, parts=1, **wishes):
    tally = Tally("c", missing or Missing())
    for part in np.array_split(np.arange(len(cells)), parts):
        add_batch([tally], [pa.array([cells[i] for i in part], getattr(cells, "type", None))])
    return decide(tally, decimal, Wishes(**wishes))


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5", ""], "number"),
        (["1", "?", " "], "number"),
        (["1", "NA", "n/a", "-", "None", "#DIV/0!"], "number"),
        (["$1,234", "$5"], "number"),
        (["12.5%", "3%"], "number"),
        (["1", "2", "A"], "text"),
        (["01", "02"], "text"),
        (["12345678901234567", "5"], "text"),
        (["1.5", "1,5"], "text"),
        (["$5", "€5"], "text"),
        (["5%", "0.05"], "text"),
        (["TRUE", "FALSE"], "text"),
        (["NA", "null"], "text"),
        (["NA", ""], "text"),
        (["NA", "NA"], "left out"),
        (["12 May 2024", "1 June 2024"], "date"),
        (["5 kg", "6 kg"], "text"),
        (["2024-01-31", "2024-02-29", "?"], "date"),
        (["31/12/2024", "01/02/2024"], "date"),
        (["05/06/2024", "01/02/2024"], "text"),
        (["2024-01-31", "soon"], "text"),
        (["", " ", None], "left out"),
        ([None, None], "left out"),
    ],
    ids=str,
)
@pytest.mark.parametrize("parts", [1, 2])
def test_kinds(cells, kind, parts):
    assert decided(cells, parts=parts).kind == kind


def test_the_order_of_cells_decides_nothing():
    cells = ["1", "2", "x", "4", "", "?", "7,5", "$3"]
    for seed in range(5):
        shuffled = list(np.random.default_rng(seed).permutation(cells))
        assert decided(shuffled, parts=3).kind == "text"


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["01", "02"], "--kind c=number"),
        (["1", "2", "3", "x"], "3 of 4 cells are numbers, and 'x' is not"),
        (["05/06/2024", "01/02/2024"], "--kind 'c=date:%d/%m/%Y'"),
        (["2024-01-31", "2024-02-28", "soon"], "2 of 3 cells are dates, and 'soon' is not"),
        (["1.5", "1,5"], "written in several ways"),
        (["2024-01-31", "31/01/2024"], "its dates are written in several ways"),
        (["5 kg", "6.5 kg", "7kg"], "3 of 3 cells are numbers beside 'kg': --kind c=number"),
        (["#5", "#6"], "numbers beside '#'"),
        (["10:30", "23:59"], "2 of 2 cells are times of a day"),
        (["2024年1月5日", "2024年12月31日"], "2 of 2 cells look like dates: --kind c=date:FORMAT"),
        (["March 3rd, 2024", "May 1st, 2024"], "look like dates"),
        (["1.2K", "3M", "5K", "4M"], "4 of 4 cells are numbers with K, M or the like"),
        (["$1.2M", "$3M"], "numbers with K, M or the like"),
        (["5 kg", "300 g"], "2 of 2 cells are numbers beside several units, as 'kg'"),
        (["5", "300 g"], "2 of 2 cells are numbers beside 'g': --kind c=number"),
        (["2024Q1", "2024Q2"], "2 of 2 cells are quarters or weeks of years"),
        (["Q3 2024", "Q4 2024"], "quarters or weeks"),
        (["2024-W05", "2024-W06"], "quarters or weeks"),
        (["Jan-24", "Feb-24"], "2 of 2 cells look like dates"),
        (["20240131T103000", "20240201T000000"], "look like dates"),
        (["20240131", "20231201"], "--kind 'c=date:%Y%m%d' reads them as such"),
        (["20240131", "", "NA"], "--kind 'c=date:%Y%m%d'"),
        (pa.array([20240131, None, 19991231]), "--kind 'c=date:%Y%m%d'"),
        (pa.array([20240131.0, np.nan]), "--kind 'c=date:%Y%m%d'"),
        (["202401", "202312"], "--kind 'c=date:%Y%m' reads"),
        (["20240131103000", "20240201000000"], "--kind 'c=date:%Y%m%d%H%M%S' reads"),
        (pa.array([dt.time(10, 30), dt.time(11)]), "times of a day"),
    ],
    ids=str,
)
def test_what_is_mostly_something_else_is_told_with_the_way_out(cells, told):
    assert told in decided(cells).reason


@pytest.mark.parametrize(
    "cells",
    [
        *(["a", "b", "5"], ["Q1", "Q2"], ["A12", "B7"], ["1a", "2b"], ["1", "1a", "2", "2a"]),
        *(["31.12.", "01.01."], ["192.168.0.1", "10.0.0.1"], ["H1234", "W1201"], ["May", "Jun"]),
        *(["12 Main St", "3 Oak Av"], ["20240131", "20241301"], ["2024", "2023"], ["200000"]),
        *(["20240131.5", "20240131"], ["190001", "-202401"], ["20240131256000"]),
    ],
    ids=str,
)
def test_texts_of_nothing_else_need_no_word(cells):
    assert decided(cells).reason == ""


def test_numbers_that_are_dates_are_read_as_such_when_asked():
    cells = ["20240131", "20231201", ""]
    assert decided(cells).kind == "number"
    dates = decided(cells, kinds={"c": "date:%Y%m%d"})
    right = [dt.datetime(2024, 1, 31), dt.datetime(2023, 12, 1), None]
    for type in (pa.string(), pa.int64(), pa.float64()):
        given = pa.array([int(cell) if cell else None for cell in cells]).cast(type)
        assert dates.read(given, Missing()).to_pylist() == right


def test_iso_is_the_format_where_it_reads_all():
    assert decided(["2024-12-31", "2024-01-05"]).date == text_dates.ISO
    assert decided(["2024-12-31"] * 200 + ["2024-1-5"], parts=3).date == "%Y-%m-%d"
    assert decided(["2024-12-31 10:00", "2024-1-5 11:30"]).date == "%Y-%m-%d %H:%M"


ZONED, NAIVE = "2024-01-31T10:00:00Z", "2024-02-29 11:30:00"


@pytest.mark.parametrize("wishes", [{}, {"kinds": {"c": "date"}}])
def test_dates_without_a_zone_beside_others_are_told_and_taken_for_utc(wishes):
    reading = decided([ZONED, "2024-01-31T12:00+02:00", NAIVE, "", "NA"], parts=2, **wishes)
    told = "1 of 3 name no time zone and are taken for UTC, the others do"
    assert (reading.kind, reading.reason) == ("date", told)
    cells = pa.array([ZONED, "2024-01-31T10:00", "2024-01-31 09:00-01:00"])
    assert reading.read(cells, Missing()).to_pylist() == [dt.datetime(2024, 1, 31, 10)] * 3


@pytest.mark.parametrize(
    ("known", "other", "zone"),
    [
        ([ZONED, ZONED], NAIVE, "with"),
        ([ZONED, ZONED], "2024-02-29", "with"),
        ([NAIVE, "2024-01-31"], ZONED, "without"),
    ],
)
def test_zones_that_come_or_go_in_later_files_are_refused(known, other, zone):
    reading = decided(known)
    assert reading.reason == ""
    assert reading.read(pa.array([*known, "", None]), Missing()).null_count == 2
    with pytest.raises(InputError, match=rf"in row 2, .* as ISO 8601, {zone} a time zone, is need"):
        reading.read(pa.array([known[0], other]), Missing())
    typed = pa.array([None, dt.datetime(2024, 1, 1)], pa.timestamp("us"))
    zoned = typed.cast(pa.timestamp("us", "UTC"))
    wrong, right = (typed, zoned) if zone == "with" else (zoned, typed)
    assert reading.read(right, Missing())[1].as_py() == dt.datetime(2024, 1, 1)
    with pytest.raises(InputError, match=f"in row 2, .* {zone} a time zone"):
        reading.read(wrong, Missing())


def test_zones_of_typed_dates_are_those_of_their_type():
    days = [dt.datetime(2024, 1, k + 1) for k in range(3)]
    for zone in ("", "UTC"):
        reading = decided(pa.array(days, pa.timestamp("us", zone or None)))
        assert reading.zone == ("with" if zone else "without")


def test_a_name_with_a_quotation_mark_is_quoted_for_a_shell():
    tally = Tally("it's", Missing())
    add_batch([tally], [pa.array(["01", "02"])])
    words = shlex.split(decide(tally, ".", Wishes()).reason.partition(": ")[2])
    assert words[:2] == ["--kind", "it's=number"]


def test_many_texts_with_digits_are_no_units():
    assert decided([f"{i} x{'abcdefghij'[i % 10] * (i // 10 + 1)}" for i in range(60)]).reason == ""


def test_the_files_decimal_mark_reads_what_could_be_either():
    assert decided(["1,234", "5,678"], ".").number.decimal == "."
    assert decided(["1,234", "5,678"], ",").number.decimal == ","
    assert decided(["1,5"], ".").number.decimal == ","
    assert decided(["1.5"], ",").number.decimal == "."


def test_the_files_decimal_mark_is_that_of_a_cell_that_is_sure():
    def tally(*cells):
        counts = Tally("c", Missing())
        counts.add(pa.array(cells))
        return counts

    assert decimal_of([tally("1,234"), tally("0,5")], ".") == ","
    assert decimal_of([tally("1,234"), tally("0.5")], ",") == "."
    assert decimal_of([tally("1,234")], ",") == ","
    assert decimal_of([tally("0,5"), tally("0.5")], ".") == "."


def test_types_of_parquet():
    assert decided(pa.array([1, None])).kind == "number"
    assert decided(pa.array([1.5, np.nan])).kind == "number"
    assert decided(pa.array([np.nan, np.nan])).kind == "left out"
    assert decided(pa.array([True, False])).kind == "text"
    assert decided(pa.array([[1], [2]])).reason == "its cells are lists or records"
    assert decided(pa.array(["1", "2"]).dictionary_encode()).kind == "number"


@pytest.mark.parametrize(
    "word",
    [*("NaT", "n.a.", "N/D", "not available", "#NV", "\u2013", "\u2014"), "#N/A N/A", "-1.#IND"],
)
def test_words_for_missing_numbers_and_dates(word):
    assert decided(["1.5", word, "2"]).kind == "number"
    assert decided(["2024-01-31", word]).kind == "date"


@pytest.mark.parametrize("cells", [["\u0661\u0662", "\u0663"], ["\uff11\uff12", "\uff13"]])
def test_digits_of_other_scripts_are_told(cells):
    reading = decided(cells)
    assert reading.kind == "text"
    assert "2 of 2 cells are digits of another script" in reading.reason


@pytest.mark.parametrize(
    "cells",
    [
        *(["1_000", "12_345.5"], ["0x1f", "0XA0"], [' "1.5"', ' "-2" '], ["1.5,", "2.25;"]),
        *(["1\u00d710^3", "2.5 \u00d7 10^-4"], ["1 x 10\u207b\u00b3", "7*10^5"]),
    ],
)
def test_numbers_of_an_unusual_form_are_told(cells):
    assert "3 of 3 cells are numbers in an unusual form" in decided([*cells, "5"]).reason
    assert "unusual" not in decided(["1_2", "0x", '"a"', "10^3", *cells]).reason


DAY = pa.array([86_400_000_000], pa.timestamp("us"))


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ([[1.5], ["2", "3.5"]], "number"),
        ([["NA", "?"], [1.5]], "number"),
        ([[1.5], ["1,234.5"]], "number"),
        ([[1.5], ["x"]], "text"),
        ([["01"], [1.5]], "text"),
        ([DAY, ["2024-05-06"]], "date"),
        ([DAY, ["06/13/2024"]], "date"),
        ([DAY, ["NA", "?"]], "date"),
        ([DAY, ["x"]], "text"),
        ([DAY, [1.5], ["1"]], "text"),
    ],
)
def test_parts_of_other_types(parts, kind):
    for some in (parts, parts[::-1]):
        tally = Tally("c", Missing())
        for part in some:
            add_batch([tally], [pa.array(part)])
        assert decide(tally, ".", Wishes()).kind == kind


@pytest.mark.parametrize("type", [pa.int64(), pa.uint64(), pa.decimal128(20, 0)], ids=str)
def test_whole_numbers_that_a_number_rounds_are_texts(type):
    numbers = [1234567890123456789, 1234567890123456790]
    reading = decided(pa.array(numbers, type))
    assert reading.kind == "text"
    assert "--kind c=number" in reading.reason
    assert reading.read(pa.array(numbers, type), Missing()).to_pylist() == [str(n) for n in numbers]
    assert decided(pa.array([1, 2], type)).kind == "number"


def test_truth_values_of_one_form_are_read_in_any():
    capitals = decided(["TRUE", "FALSE", "maybe"])
    cells = ["true", "False", "TRUE", "maybe", None]
    assert capitals.read(pa.array(cells), Missing()).to_pylist() == [
        *("TRUE", "FALSE", "TRUE", "maybe", None)
    ]
    typed = decided(pa.array([True, False]))
    assert typed.read(pa.array(["TRUE", "false"]), Missing()).to_pylist() == ["True", "False"]
    both = decided(["TRUE", "true"])
    assert both.read(pa.array(["TRUE", "true"]), Missing()).to_pylist() == ["TRUE", "true"]


def test_wishes():
    assert decided(["1", "2"], kinds={"c": "category"}).kind == "category"
    assert decided(["01", "x"], kinds={"c": "number"}).kind == "number"
    kilograms = decided(["5 kg", "1,200 kg"], kinds={"c": "number"})
    assert kilograms.read(pa.array(["7 kg", "8"]), Missing()).to_pylist() == [7, 8]
    assert decided(["05/06/2024"], kinds={"c": "date:%m/%d/%Y"}).date == "%m/%d/%Y"
    assert decided(["1"], drop=["c"]).reason == "--drop"
    with pytest.raises(InputError, match="the kinds are"):
        decided(["1"], kinds={"c": "colour"})


def test_words_that_a_person_names_are_missing_everywhere():
    missing = Missing(("none", "-999"), everywhere=True)
    assert decided(["1", "NA"], missing=missing).kind == "text"
    assert decided(["1", "None"], missing=missing).kind == "number"
    reading = decided(["a", "None", "b"], missing=missing)
    assert reading.read(pa.array(["a", "None"]), missing).to_pylist() == ["a", None]
    numbers = decided(pa.array([1.0, -999.0]), missing=missing)
    assert numbers.read(pa.array([1.0, -999.0]), missing).to_pylist() == [1.0, None]
