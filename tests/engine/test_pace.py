"""One thread or several: a clock that says how long each takes decides."""

import numpy as np
import pytest

from fastnn.engine.pace import Pace
from fastnn.kernels.tuning import CALL_SECONDS, TRIAL_SECONDS


def run(pace, seconds_of_unit, seconds):
    """Work for so long; returns the calls made, by whether several threads made them."""
    calls, worked = [], 0.0
    while worked < seconds:
        several, units = pace.choose()
        units = max(1.0, units)
        took = units * seconds_of_unit(several, worked)
        pace.note(several, units, took)
        calls.append((several, took))
        worked += took
    return calls


def share_of(several, calls):
    return sum(took for s, took in calls if s == several) / sum(took for _, took in calls)


@pytest.mark.parametrize(
    ("faster", "factor"), [(True, 1.3), (True, 4), (True, 64), (False, 1.3), (False, 100)]
)
def test_the_faster_is_found_and_the_other_hardly_costs(faster, factor):
    unit = {faster: 1e-4, not faster: factor * 1e-4}
    calls = run(Pace(), lambda several, worked: unit[several], 3.0)
    assert share_of(faster, calls) > 0.95
    assert max(took for _, took in calls) <= 1.01 * max(CALL_SECONDS, factor * 1e-4)


def test_both_are_tried_first_in_small_calls():
    calls = run(Pace(), lambda several, worked: 1e-4, 0.05)
    assert [several for several, _ in calls[:3]] == [True, True, False]  # the first starts threads
    assert max(took for _, took in calls[:3]) <= TRIAL_SECONDS


def test_another_process_comes_and_goes():
    def unit(several, worked):
        if not several:
            return 1e-4
        return 1e-3 if 1 < worked < 3 else 6e-5

    calls = run(Pace(), unit, 8.0)
    worked = np.cumsum([took for _, took in calls])
    during = [call for call, at in zip(calls, worked, strict=True) if 1.5 < at < 3]
    after = [call for call, at in zip(calls, worked, strict=True) if at > 5]
    assert share_of(False, during) > 0.9
    assert share_of(True, after) > 0.9


def test_a_slow_call_of_one_thread_is_no_reason_to_ask_for_a_second_one():
    pace = Pace()
    run(pace, lambda several, worked: 1e-2 if several else 1e-4, 0.1)
    several, units = pace.choose()
    assert not several
    pace.note(False, units, 20 * units * 1e-4)  # it has waited for its core
    assert pace.choose()[0] is False
