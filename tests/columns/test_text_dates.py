"""Dates as people write them, and those that no calendar has."""

import datetime as dt

import pyarrow as pa
import pytest

from fastnn.columns import text_dates


def moment(*parts):
    return dt.datetime(*parts)


@pytest.mark.parametrize(
    ("text", "format", "right"),
    [
        ("2024-02-29", text_dates.ISO, moment(2024, 2, 29)),
        ("2024-02-29 10:30", text_dates.ISO, moment(2024, 2, 29, 10, 30)),
        ("2024-02-29T10:30:05.25", text_dates.ISO, moment(2024, 2, 29, 10, 30, 5, 250000)),
        ("2024-02-29T10:30:05Z", text_dates.ISO, moment(2024, 2, 29, 10, 30, 5)),
        ("2024-02-29T10:30:05+02:00", text_dates.ISO, moment(2024, 2, 29, 8, 30, 5)),
        ("2024-02-29 10:30:05 +0200", text_dates.ISO, moment(2024, 2, 29, 8, 30, 5)),
        ("2024-02-29 10:30:05+02", text_dates.ISO, moment(2024, 2, 29, 8, 30, 5)),
        ("2024-02-29 10:30:05 UTC", text_dates.ISO, moment(2024, 2, 29, 10, 30, 5)),
        ("2024-02-29 10:30:05.123456789", text_dates.ISO, moment(2024, 2, 29, 10, 30, 5, 123456)),
        ("2024-2-9", "%Y-%m-%d", moment(2024, 2, 9)),
        ("Jan 2024", "%b %Y", moment(2024, 1, 1)),
        ("January-2024", "%b-%Y", moment(2024, 1, 1)),
        ("31/12/2024", "%d/%m/%Y", moment(2024, 12, 31)),
        ("12/31/2024", "%m/%d/%Y", moment(2024, 12, 31)),
        ("1.2.2024", "%d.%m.%Y", moment(2024, 2, 1)),
        ("05-Jan-2024", "%d-%b-%Y", moment(2024, 1, 5)),
        ("Jan 5, 2024", "%b %d, %Y", moment(2024, 1, 5)),
        ("05-Jan-24", "%d-%b-%y", moment(2024, 1, 5)),
        ("31.12.24", "%d.%m.%y", moment(2024, 12, 31)),
        ("1 May 2024", "%d %b %Y", moment(2024, 5, 1)),
        ("1 March 2024", "%d %b %Y", moment(2024, 3, 1)),
        ("Friday, March 1, 2024", "%a, %b %d, %Y", moment(2024, 3, 1)),
        ("Fri Mar 01 10:30:05 2024", "%a %b %d %H:%M:%S %Y", moment(2024, 3, 1, 10, 30, 5)),
        ("2024-03", "%Y-%m", moment(2024, 3, 1)),
        ("12/31/2024 11:59 PM", "%m/%d/%Y %I:%M %p", moment(2024, 12, 31, 23, 59)),
    ],
)
def test_formats(text, format, right):
    assert text_dates.read(pa.array([text]), format).to_pylist() == [right]
    assert format in text_dates.candidates(pa.array([text]))


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ("2024-02-30", text_dates.ISO),
        ("2024-13-01", text_dates.ISO),
        ("31/06/2024", "%d/%m/%Y"),
        ("31/12/2024", "%m/%d/%Y"),
        ("2024", text_dates.ISO),
        ("20240229", text_dates.ISO),
        ("hello", "%d.%m.%Y"),
        ("4711-02", "%Y-%m"),
        ("31/12/24", "%d/%m/%Y"),
    ],
)
def test_what_is_no_date(text, format):
    assert text_dates.read(pa.array([text]), format).to_pylist() == [None]


def test_full_and_short_names_of_months_are_one_format():
    cells = pa.array(["1 May 2024", "2 June 2024", "3 Jul 2024"])
    assert [format for format, good in text_dates.candidates(cells).items() if good.all()] == [
        "%d %b %Y"
    ]


def test_parts_that_are_not_read():
    assert text_dates.unknown_part("%d/%m/%Y") is None
    assert text_dates.unknown_part("%d %Q") == "%Q"
    assert text_dates.unknown_part("%d %") == "%"
    assert text_dates.unknown_part("day") == ""


def test_a_day_beyond_twelve_tells_the_format():
    both = text_dates.candidates(pa.array(["05/06/2024", "31/05/2024"]))
    assert both["%d/%m/%Y"].all()
    assert not both["%m/%d/%Y"].all()
