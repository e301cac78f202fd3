"""Dates to numbers: a trend, and the cycles that a column's dates run through.

``days`` are those since the mean of the training rows. A cycle is the sine and cosine of ``2 pi
days / period``, with the days since 1970: a year (365.2425 days: within a day of the calendar), a
week and a day. A cycle is left out where the dates cannot tell of it: where they span less than
one, where all stand at the same place of it, and the week where they name months. The place in a
cycle is counted in whole microseconds, and sines and cosines are rounded to 9 decimals (a second of
a year is 2e-7), so that no tree splits by their last bits, which differ from machine to machine.

Dates are held as microseconds since 1970, of which 64 bits hold 292000 years either way; those with
a time zone as of UTC, so that the same moment is the same number, and so are those without one in a
column that has both. Times of a day are held as those
of 1 January 1970.
"""

from typing import TypedDict

import numpy as np

DAY = 86_400_000_000  # microseconds
MISSING = np.iinfo(np.int64).min  # NumPy's "not a time"
PERIODS = {"year": 365.2425, "week": 7.0, "day": 1.0}  # days
DECIMALS = 9


def period_of(cycle: str) -> int:
    """Microseconds of a cycle."""
    return round(PERIODS[cycle] * DAY)


class Clock(TypedDict):
    """How a column of dates becomes numbers.

    `origin` in microseconds since 1970; `features` of ``days``, ``year_sin``, ``year_cos`` and so
    on; `has_zone` tells whether the dates had a time zone, None where some had one.
    """

    origin: int
    features: list[str]
    has_zone: bool | None


def learn_clock(microseconds: np.ndarray, has_zone: bool | None, is_time: bool) -> Clock:
    """Find out which numbers tell of some dates.

    Parameters
    ----------
    microseconds : ndarray of int64 of shape (n,)
        Dates since 1970; at least one is not missing.
    has_zone : bool or None
        Whether they had a time zone; None where some had one and others none.
    is_time : bool
        Whether they are times of a day.
    """
    known = microseconds[microseconds != MISSING]
    first = int(known.min())
    origin = first + round(float(np.mean((known - first).astype(float))))
    cycles = ["day"] if is_time else [name for name in PERIODS if _tells(known, name)]
    parts = [f"{name}_{wave}" for name in cycles for wave in ("sin", "cos")]
    return {"origin": origin, "features": ["days", *parts], "has_zone": has_zone}


def _tells(known: np.ndarray, cycle: str) -> bool:
    if int(known.max()) - int(known.min()) < period_of(cycle):
        return False
    if cycle == "day":
        return _differ(known % DAY)
    days = known.view("M8[us]").astype("M8[D]")
    months = days.astype("M8[M]")
    are_months = not _differ(days - months) or not (_last_of(months) != days).any()
    if cycle == "week":
        return not are_months and _differ(days.astype(np.int64) % 7)
    return not are_months or _differ(months.astype(np.int64) % 12)


def _differ(values: np.ndarray) -> bool:
    return bool((values != values[0]).any())


def _last_of(months: np.ndarray) -> np.ndarray:
    return (months + 1).astype("M8[D]") - 1


def write_features(microseconds: np.ndarray, clock: Clock, out: np.ndarray) -> None:
    """Write the numbers of some dates; NaN for those that are missing.

    Parameters
    ----------
    microseconds : ndarray of int64 of shape (n,)
        Dates since 1970.
    clock : Clock
        What `learn_clock` has found.
    out : ndarray of float64 of shape (n, n_features)
        Where they go.
    """
    missing = microseconds == MISSING
    known = np.where(missing, clock["origin"], microseconds)
    for place, feature in enumerate(clock["features"]):
        if feature == "days":
            out[:, place] = (known - clock["origin"]) / DAY
        else:
            cycle, wave = feature.split("_")
            angle = known % period_of(cycle) * (2 * np.pi / period_of(cycle))
            out[:, place] = np.round(np.sin(angle) if wave == "sin" else np.cos(angle), DECIMALS)
    out[missing] = np.nan
