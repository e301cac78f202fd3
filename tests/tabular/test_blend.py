"""Members put together: their powers, weights and losses, by the rows that were held out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastnn import TabularRegressor
from fastnn.tabular.blend import blended, out_of_fold
from fastnn.tabular.data import Task
from fastnn.tabular.folds import Folds
from fastnn.tabular.scoring import Scoring


def regressor(**parameters):
    return TabularRegressor(**{"effort": "quick", "cv": 2, "random_state": 0, **parameters})


def test_powers_are_of_new_members_and_weights_and_losses_of_all():
    n = 400
    draw = np.random.default_rng(0)
    p = draw.random(n)
    Y = (draw.random(n) < p).astype(np.int64)[:, None]
    halves = np.array_split(np.arange(n), 2)
    folds = Folds(halves[::-1], halves, n)
    timid = np.stack([1 - p, p], axis=1) ** 0.5
    timid /= timid.sum(axis=1, keepdims=True)
    noise = np.full((n, 2), 0.5)
    members = [
        {"oof": timid, "power": 1.0, "weight": 0.0, "loss": np.nan},
        {"oof": noise, "power": 1.3, "weight": 1.0, "loss": 9.0},  # of a fit before
    ]
    scoring = Scoring(None, Task(2, 2, "log_loss"), None, lambda Y: Y[:, 0], np.arange(2))
    new, old = blended(members, folds, Y, None, scoring)
    assert new["power"] == pytest.approx(2, rel=0.3)
    assert old["power"] == 1.3
    assert_array_equal(old["oof"], noise)
    assert new["weight"] + old["weight"] == pytest.approx(1)
    assert new["weight"] > 0.9
    assert old["loss"] == pytest.approx(np.log(2))
    assert new["loss"] < old["loss"]
    together = new["weight"] * new["oof"] + old["weight"] * old["oof"]
    assert_allclose(out_of_fold([new, old]), together)
    assert [member["power"] for member in members] == [1.0, 1.3]  # those that were given


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "quantile"])
def test_held_out_losses_of_all_kinds_are_in_units_of_the_target(loss):
    random = np.random.default_rng(0)
    X = random.normal(size=(120, 3))
    y = 1000 * (X[:, 0] + 0.3 * random.normal(size=120))
    model = regressor(loss=loss).fit(X, y)
    for member in model.members_:
        best = np.mean([min(history) for history in member["histories"]])
        assert best == pytest.approx(member["loss"], rel=0.1)


def test_huber_delta_is_in_deviations_of_the_target_for_weights_too():
    random = np.random.default_rng(0)
    X = random.normal(size=(120, 3))
    y = X[:, 0] + 0.3 * random.standard_t(2, size=120)
    fits = [
        regressor(loss="huber").fit(X, size * y)
        for size in (1, 1024)  # a power of 2, which rounds nothing
    ]
    first, second = ([member["weight"] for member in model.members_] for model in fits)
    assert first == pytest.approx(second, abs=0.02)
    assert fits[1].validation_loss_ == pytest.approx(1024**2 * fits[0].validation_loss_, rel=1e-3)


def test_huber_delta_is_in_deviations_where_rows_held_out_have_no_score():
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = X[:, 0] - X[:, 1]

    def of_all_rows(estimator, X, y):
        if len(y) < 60:
            raise ValueError("There are too few rows for this score.")
        return -float(np.mean((estimator.predict(X) - y) ** 2))

    small, large = (
        regressor(loss="huber", members="networks", scoring=of_all_rows).fit(X, size * y)
        for size in (1.0, 1000.0)
    )
    losses = [model.members_[0]["histories"][0][0] for model in (small, large)]
    assert_allclose(losses[1], 1e6 * losses[0], rtol=1e-3)
