"""Learning rates: which epochs they span, and that steps are taken with them."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from fastnn import MLPClassifier, MLPRegressor
from fastnn.kernels.updates import SOLVERS
from fastnn.training.schedules import OF_SGD, SCHEDULES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
random = np.random.default_rng(0)
X = random.standard_normal((50, 4))
y = X[:, 0] + X[:, 1] ** 2
RATE = 0.02


def network(**parameters):
    common = {"max_iter": 6, "learning_rate_init": RATE, "random_state": 0, "tol": 0}
    return MLPRegressor(hidden_layer_sizes=(5,), **{**common, **parameters})


def params_of(model):
    return np.concatenate([w.ravel() for w in model.coefs_ + model.intercepts_])


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_each_epoch_has_the_steps_of_its_rate(schedule, solver):
    options = {"solver": solver, "warmup": 2, "step_size": 2}
    scheduled = network(learning_rate=schedule, **options).fit(X, y)
    rates = scheduled.learning_rates_
    by_hand = network(learning_rate=rates.__getitem__, **{**options, "warmup": 0}).fit(X, y)
    assert len(set(rates)) > 1
    assert_array_equal(params_of(by_hand), params_of(scheduled))


@pytest.mark.parametrize("schedule", [name for name in SCHEDULES if name != "constant"])
def test_schedules_differ_visibly_within_40_epochs(schedule):
    constant, scheduled = (
        network(learning_rate=name, max_iter=40, n_iter_no_change=40).fit(X, y)
        for name in ("constant", schedule)
    )
    rates = np.array(scheduled.learning_rates_)
    assert rates.max() == pytest.approx(RATE, rel=1e-3)  # the peak is learning_rate_init
    assert rates.min() < RATE / 5
    assert not np.allclose(scheduled.loss_curve_, constant.loss_curve_, rtol=1e-2)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("max_iter", [1, 2, 3, 4, 7])
def test_beyond_its_end_a_schedule_stays_at_its_end(schedule, max_iter):
    model = network(learning_rate=schedule, max_iter=max_iter, step_size=100)
    for _ in range(max_iter + 4):
        model.partial_fit(X, y)
    rates = np.array(model.learning_rates_)
    assert (np.diff(rates[max_iter - 1 :]) <= 0).all()
    assert (rates >= 0).all()
    assert (rates <= RATE * (1 + 1e-12)).all()


def test_max_iter_may_grow_before_resuming():
    """The schedule is then that of all epochs."""
    short = network(learning_rate="cosine", max_iter=4).fit(X, y).set_params(max_iter=8)
    rates = short.resume(X, y).learning_rates_
    expected = [RATE * (1 + math.cos(math.pi * e / 4)) / 2 for e in range(4)]
    expected += [RATE * (1 + math.cos(math.pi * e / 8)) / 2 for e in range(4, 8)]
    assert_allclose(rates, expected)


def test_a_warm_start_begins_the_schedule_anew():
    model = network(learning_rate="cosine", warm_start=True, max_iter=3).fit(X, y).fit(X, y)
    assert model.learning_rates_[:3] == model.learning_rates_[3:]


def test_a_function_of_the_epoch_warms_up_too():
    model = network(learning_rate=lambda epoch: 0.1 / (epoch + 1), warmup=3).fit(X, y)
    share = np.minimum(1, np.arange(1, 7) / 4)
    assert_allclose(model.learning_rates_, 0.1 / np.arange(1, 7) * share)


def test_a_function_may_give_a_rate_of_any_kind_of_number():
    for kind in (int, np.float32, np.float64):
        model = network(learning_rate=lambda epoch, kind=kind: kind(1), solver="adam").fit(X, y)
        assert model.learning_rates_ == [1.0] * 6


@pytest.mark.parametrize("wrong", [None, "0.1", -0.1, math.nan, math.inf, [0.1], 1j])
def test_a_function_that_gives_no_rate(wrong):
    with pytest.raises(ValueError, match=r"learning_rate\(epoch\) has to give .* for epoch 0"):
        network(learning_rate=lambda epoch: wrong).fit(X, y)


def test_a_rate_of_zero_changes_nothing():
    start = network(solver="sgd", learning_rate=lambda epoch: 0.0, max_iter=1).fit(X, y)
    for solver in SOLVERS:
        model = network(solver=solver, learning_rate=lambda epoch: 0.0).fit(X, y)
        assert_array_equal(params_of(model), params_of(start))


@pytest.mark.parametrize("schedule", OF_SGD)
@pytest.mark.parametrize("solver", [name for name in SOLVERS if name != "sgd"])
def test_the_schedules_of_sgd_act_on_sgd_alone(schedule, solver):
    options = {"solver": solver, "n_iter_no_change": 1, "tol": 1.0, "max_iter": 8}
    plain, scheduled = (
        network(learning_rate=name, **options).fit(X, y) for name in ("constant", schedule)
    )
    assert_array_equal(params_of(plain), params_of(scheduled))
    assert scheduled.learning_rates_ == [RATE] * scheduled.n_iter_


def test_invscaling_and_adaptive_are_recorded():
    inverse = network(solver="sgd", learning_rate="invscaling", max_iter=4).fit(X, y)
    assert_allclose(
        inverse.learning_rates_, [RATE, *(RATE / (50 * e + 1) ** 0.5 for e in (1, 2, 3))]
    )
    options = {"solver": "sgd", "n_iter_no_change": 1, "tol": 1e9, "max_iter": 7}
    adaptive = network(learning_rate="adaptive", **options).fit(X, y)
    assert_allclose(adaptive.learning_rates_, RATE / 5.0 ** np.array([0, 0, 0, 1, 1, 2, 2]))


@pytest.mark.parametrize("schedule", [*SCHEDULES, *OF_SGD, len])
def test_schedules_are_kept_by_clone(schedule):
    model = network(learning_rate=schedule, step_size=3, decay=0.3)
    assert clone(model).get_params() == model.get_params()


def test_early_stopping_goes_along():
    labels = (y > 0).astype(int)
    model = MLPClassifier((5,), learning_rate="one_cycle", early_stopping=True, max_iter=30)
    model.set_params(random_state=0, n_iter_no_change=2, tol=0.1).fit(X, labels)
    assert len(model.learning_rates_) == model.n_iter_ < 30


def test_a_users_function_is_followed_as_long_as_it_is_a_parameter():
    model = MLPRegressor(
        hidden_layer_sizes=(3,), learning_rate=lambda epoch: 0.1 / (epoch + 1), random_state=0
    )
    for _ in range(2):
        model.partial_fit(X, y)
    model.set_params(learning_rate="constant", learning_rate_init=1e-9).partial_fit(X, y)
    assert_allclose(model.learning_rates_, [0.1, 0.05, 0.05])
