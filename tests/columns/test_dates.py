"""Dates as numbers: the trend, the cycles, and which of them a column has."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from tables import learn

from fastnn.columns import describe, number_names, transform
from fastnn.columns.dates import DAY, MISSING, learn_clock, write_features


def pa_types(X):
    return pa.Table.from_pandas(X).to_pandas(types_mapper=pd.ArrowDtype)


def features(dates):
    columns, _, _ = learn(pd.DataFrame({"when": dates}))
    return [feature.removesuffix("_sin") for feature in describe(columns)[0].features][::2]


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (pd.date_range("2020-01-01", periods=500), ["days", "year_cos", "week_cos"]),
        (pd.date_range("2020-01-01", periods=300), ["days", "week_cos"]),
        (pd.date_range("2020-01-01", periods=5), ["days"]),
        (pd.date_range("2020-01-01", periods=100, freq="7D"), ["days", "year_cos"]),
        (pd.date_range("2020-01-01", periods=30, freq="MS"), ["days", "year_cos"]),
        (pd.date_range("2020-01-01", periods=30, freq="YS"), ["days"]),
        (pd.date_range("2020-01-01", periods=90, freq="h"), ["days", "day_cos"]),
        (pd.date_range("2020-01-01", periods=20, freq="h"), ["days"]),
    ],
)
def test_a_cycle_is_there_where_dates_tell_of_it(dates, expected):
    assert features(dates) == expected


def test_month_ends_name_months():
    ends = pd.date_range("2020-01-01", periods=30, freq="MS") - pd.Timedelta(days=1)
    assert features(ends) == ["days", "year_cos"]


def test_the_formulas():
    dates = np.array(["2019-03-01T06:00", "2021-07-04T18:30", "NaT"], "M8[us]").view(np.int64)
    clock = learn_clock(dates, has_zone=False, is_time=False)
    out = np.empty((3, len(clock["features"])))
    write_features(dates, clock, out)
    days = dates[:2] / DAY
    expected = {"days": days - days.mean()}
    for name, period in (("year", 365.2425), ("week", 7), ("day", 1)):
        expected[f"{name}_sin"] = np.sin(2 * np.pi * days / period)
        expected[f"{name}_cos"] = np.cos(2 * np.pi * days / period)
    assert clock["features"] == list(expected)
    assert dates[2] == MISSING
    np.testing.assert_allclose(out[:2], np.column_stack(list(expected.values())), atol=1e-9)
    assert np.isnan(out[2]).all()


def test_moments_are_those_of_utc_whatever_the_zone():
    moments = pd.date_range("2020-01-01", periods=200, freq="13h", tz="UTC")
    columns, cells, owner = learn(pd.DataFrame({"when": moments}))
    there = transform(columns, pd.DataFrame({"when": moments.tz_convert("Asia/Tokyo")}), owner)
    np.testing.assert_array_equal(there.numbers, cells.numbers)


@pytest.mark.parametrize("library", [pl.from_pandas, pa.Table.from_pandas, pa_types])
def test_zones_of_each_library(library):
    moments = pd.date_range("2020-01-01", periods=200, freq="13h", tz="Europe/Berlin")
    X = pd.DataFrame({"when": moments.as_unit("us")})
    X.loc[3] = pd.NaT
    columns, cells, owner = learn(X)
    np.testing.assert_array_equal(transform(columns, library(X), owner).numbers, cells.numbers)
    np.testing.assert_array_equal(learn(library(X))[1].numbers, cells.numbers)


@pytest.mark.parametrize("zones", [(None, "UTC"), ("UTC", None)])
def test_a_zone_that_comes_or_goes(zones):
    frames = [pd.DataFrame({"when": pd.date_range("2020", periods=5, tz=zone)}) for zone in zones]
    columns, _, owner = learn(frames[0])
    with pytest.raises(ValueError, match=r"column 'when' had .* time zone in training and now"):
        transform(columns, frames[1], owner)


MOMENTS = [dt.datetime(2020, 1, k + 1, 5 * k % 24) for k in range(9)]
ZONED = [moment.replace(tzinfo=dt.UTC) for moment in MOMENTS]
MIXED = [*ZONED[:4], *MOMENTS[4:8], None]


def objects(cells):
    return pd.DataFrame({"when": pd.Series(cells, dtype=object)})


def test_dates_without_a_zone_beside_others_are_told_and_taken_for_utc():
    columns, cells, owner = learn(objects(MIXED))
    assert columns["warnings"] == [
        "Column 'when' has dates with a time zone and dates without one, which are taken for UTC."
    ]
    for rows in (MOMENTS, ZONED, [*MOMENTS[:4], *ZONED[4:]]):  # they have been told of
        assert_array_equal(transform(columns, objects(rows), owner).numbers[:8], cells.numbers[:8])
    assert learn(objects(ZONED))[0]["warnings"] == []
    assert learn(objects([*MOMENTS, None, pd.NaT]))[0]["warnings"] == []


@pytest.mark.parametrize(("known", "told"), [(MOMENTS, "had no"), (ZONED, "had a")])
def test_zones_that_some_dates_only_have_in_new_rows_are_refused(known, told):
    columns, _, owner = learn(objects(known))
    with pytest.raises(ValueError, match=rf"'when' {told} time zone .* now some have"):
        transform(columns, objects(MIXED), owner)


def test_units_and_the_far_past_and_future():
    days = np.array(["0001-01-01", "2020-02-29", "9999-12-31"], "M8[D]")
    _, by_days, _ = learn(days[:, None])
    _, by_seconds, _ = learn(days.astype("M8[s]")[:, None])
    np.testing.assert_array_equal(by_days.numbers, by_seconds.numbers)
    assert np.ptp(by_days.numbers[:, 0]) == 3_652_058


def test_names_of_the_numbers():
    X = pd.DataFrame({"when": pd.date_range("2020", periods=20), "size": np.arange(20) ** 2})
    columns, cells, _ = learn(X)
    assert number_names(columns) == ["size", "when_days", "when_week_sin", "when_week_cos"]
    np.testing.assert_array_equal(cells.numbers[:, 0], X["size"])
    np.testing.assert_array_equal(np.diff(cells.numbers[:, 1]), 1)
