"""Probabilities that are right as often as they say."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

from fastnn.tabular.calibration import calibrated, fit_calibration

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _the_same_numbers_for_each_test(monkeypatch):
    monkeypatch.setitem(globals(), "RNG", np.random.default_rng(0))


def draw(P):
    """Draw a class of each row."""
    return (P.cumsum(axis=1) > RNG.random((len(P), 1))).argmax(axis=1)


def drawn(n_rows, n_classes, power):
    """Probabilities, and classes that are drawn by this power of them."""
    logits = RNG.normal(scale=2, size=(n_rows, n_classes))
    return softmax(logits, axis=1), draw(softmax(power * logits, axis=1))


@pytest.mark.parametrize("n_classes", [2, 5, 100])
@pytest.mark.parametrize("power", [0.3, 1, 3])
def test_the_power_is_found(n_classes, power):
    P, y = drawn(20000, n_classes, power)
    calibration = fit_calibration(P, y)
    assert calibration.power == pytest.approx(power, rel=0.06)
    np.testing.assert_allclose(calibration.offsets, 0, atol=0.05 + 0.002 * n_classes)
    after = calibrated(P, calibration)
    np.testing.assert_allclose(after.sum(axis=1), 1)
    assert log_loss(y, after) < log_loss(y, P) + 1e-4


def test_the_offsets_are_found():
    logits = RNG.normal(scale=2, size=(50000, 3))
    P = softmax(logits, axis=1)
    y = draw(softmax(logits + np.array([0.5, 0, -0.5]), axis=1))
    np.testing.assert_allclose(fit_calibration(P, y).offsets, [0.5, 0, -0.5], atol=0.06)


@pytest.mark.parametrize("n_rows", [1, 2, 5, 20, 300])
@pytest.mark.parametrize("n_classes", [2, 7])
def test_power_and_offsets_never_raise_the_loss(n_rows, n_classes):
    for power in (0.1, 1, 10):
        P, y = drawn(n_rows, n_classes, power)
        weight = RNG.random(n_rows)
        after = calibrated(P, fit_calibration(P, y, weight)._replace(share=0))
        right = np.arange(n_rows), y
        assert weight @ np.log(after[right]) >= weight @ np.log(P[right]) - 1e-9


def test_no_class_is_impossible():
    P = np.tile([1.0, 0, 0], (50, 1))
    y = np.zeros(50, dtype=int)
    calibration = fit_calibration(P, y)
    after = calibrated(P, calibration)
    assert after.min() > 1e-6
    assert after[:, 1:].max() < 1e-3
    assert calibrated(P[:1].astype(np.float32), calibration).min() > 1e-6


def test_one_row_and_the_models_of_each_fold():
    P, y = drawn(500, 6, 0.5)
    calibration = fit_calibration(P, y)
    after = calibrated(P, calibration)
    np.testing.assert_allclose(calibrated(P[3], calibration), after[3])
    np.testing.assert_allclose(calibrated(np.stack([P, P[::-1]]), calibration)[1], after[::-1])


def test_weights_are_repeated_rows():
    P, y = drawn(3000, 3, 0.5)
    times = RNG.integers(0, 4, 3000)
    weighted = fit_calibration(P, y, times.astype(float))
    repeated = fit_calibration(np.repeat(P, times, axis=0), np.repeat(y, times))
    assert weighted.power == pytest.approx(repeated.power, rel=0.02)
    np.testing.assert_allclose(weighted.frequencies, repeated.frequencies, rtol=0.01)


@pytest.mark.parametrize("n_rows", [1, 2, 5])
def test_few_rows_change_little(n_rows):
    P = np.tile([0.8, 0.2], (n_rows, 1))
    right, wrong = np.zeros(n_rows, dtype=int), np.ones(n_rows, dtype=int)
    for y in (right, wrong):
        np.testing.assert_allclose(calibrated(P, fit_calibration(P, y)), P, atol=0.12)


def test_a_sure_ensemble_that_is_wrong_becomes_unsure():
    P = np.tile([1 - 1e-9, 1e-9], (1000, 1))
    y = np.arange(1000) % 2
    np.testing.assert_allclose(calibrated(P, fit_calibration(P, y)), 0.5, atol=0.1)
