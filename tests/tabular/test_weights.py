"""Weights of members."""

import numpy as np
import pytest
from sklearn.metrics import log_loss, mean_pinball_loss, roc_auc_score

from fastnn.tabular.scoring import scorer_of_predictions
from fastnn.tabular.weights import ROW_LOSSES, weights_by_loss, weights_by_score

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _the_same_numbers_for_each_test(monkeypatch):
    monkeypatch.setitem(globals(), "RNG", np.random.default_rng(0))


N = 4000


def members(y, noise):
    """Predictions with independent errors."""
    return np.stack([y + RNG.normal(scale=scale, size=y.shape) for scale in noise])


def test_independent_errors_weigh_by_their_precision():
    y = RNG.normal(size=N)
    weights = weights_by_loss(members(y, [1, 1, 2]), y, "squared_error")
    np.testing.assert_allclose(weights, [4 / 9, 4 / 9, 1 / 9], atol=0.04)
    assert weights.sum() == pytest.approx(1)


def test_a_member_without_use_has_no_weight():
    y = RNG.normal(size=N)
    good = y + RNG.normal(scale=0.1, size=N)
    weights = weights_by_loss(np.stack([good, good + 3, np.zeros(N)]), y, "squared_error")
    assert weights[0] > 0.97
    assert weights[1:].max() < 0.02


def test_members_that_are_nan_or_endless_have_no_weight():
    y = RNG.normal(size=N)
    predictions = members(y, [1, 1, 1, 1])
    predictions[1] = np.nan
    predictions[3, 5] = 1e300
    with np.errstate(over="ignore"):
        weights = weights_by_loss(predictions, y, "squared_error")
    assert (weights > 0).tolist() == [True, False, True, False]


@pytest.mark.parametrize("loss", ROW_LOSSES)
def test_every_loss_prefers_the_better_member(loss):
    y = RNG.gamma(5, size=N)
    predictions = np.maximum(members(y, [0.3, 3]), 0.01)
    settings = {"quantile": (0.5,), "huber": (1.0,)}.get(loss, ())
    weights = weights_by_loss(predictions, y, loss, settings=settings)
    assert weights[0] > 0.9


def test_quantiles_choose_by_all_of_them():
    y = RNG.normal(size=N)
    z = 1.2816
    right = np.tile([-z, 0, z], (N, 1))
    weights = weights_by_loss(
        np.stack([right + 1, right, right - 2]), y, "quantile", settings=(0.1, 0.5, 0.9)
    )
    blend = np.tensordot(weights, np.stack([right + 1, right, right - 2]), 1)
    losses = [
        sum(mean_pinball_loss(y, A[:, k], alpha=q) for k, q in enumerate((0.1, 0.5, 0.9)))
        for A in (blend, right)
    ]
    assert losses[0] < 1.01 * losses[1]


def test_several_targets():
    y = RNG.normal(size=(N, 2))
    weights = weights_by_loss(members(y, [1, 1]), y, "squared_error")
    np.testing.assert_allclose(weights, 0.5, atol=0.05)


def classes_and_members(n_classes=4):
    y = RNG.integers(0, n_classes, N)
    logits = np.stack([np.eye(n_classes)[y] * 2 + RNG.normal(size=(N, n_classes)) for _ in "abc"])
    logits[2] = RNG.normal(size=(N, n_classes))
    P = np.exp(logits)
    return y, P / P.sum(axis=2, keepdims=True)


def test_log_loss_is_better_than_of_any_member():
    y, P = classes_and_members()
    weights = weights_by_loss(P, y, "log_loss")
    assert weights[2] < 0.1
    blend = np.tensordot(weights, P, 1)
    assert log_loss(y, blend) < min(log_loss(y, p) for p in P[:2])


def test_weighted_rows_decide():
    y = np.zeros(N)
    first = np.arange(N) < N / 4
    predictions = np.stack([np.where(first, 0.0, 1.0), np.where(first, 1.0, 0.0)])
    weights = weights_by_loss(predictions, y, "squared_error", sample_weight=np.where(first, 9, 1))
    np.testing.assert_allclose(weights, [0.75, 0.25], atol=0.02)
    repeated = np.repeat(predictions, 3, axis=1), np.repeat(y, 3)
    by_three = weights_by_loss(predictions, y, "squared_error", sample_weight=np.full(N, 3.0))
    np.testing.assert_allclose(weights_by_loss(*repeated, "squared_error"), by_three, atol=0.02)


@pytest.mark.parametrize("n_rows", [1, 5, 20])
def test_few_rows_share_the_weight_among_the_better_half(n_rows):
    y = RNG.normal(size=n_rows)
    weights = weights_by_loss(members(y, [1, 1, 1, 50, 50, 50]), y, "squared_error")
    assert np.count_nonzero(weights) >= 3 - (n_rows == 1)
    assert weights.max() < 0.6


@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc_ovr", "neg_log_loss", "f1_macro"])
def test_by_a_score(scoring):
    y, P = classes_and_members()
    names = np.array(["a", "b", "c", "d"])
    score = scorer_of_predictions(scoring, np.zeros((N, 1)), names[y], names)
    weights = weights_by_score(P, score, rounds=10)
    assert weights[2] < 0.2
    assert score(np.tensordot(weights, P, 1)) >= max(score(p) for p in P)


def test_a_scorer_of_two_classes_sees_weights_and_rows():
    y, P = classes_and_members(2)
    weight = RNG.random(N)
    score = scorer_of_predictions("roc_auc", None, y, np.arange(2), weight)
    assert score(P[0]) == pytest.approx(roc_auc_score(y, P[0][:, 1], sample_weight=weight))
    X = np.arange(N)
    score = scorer_of_predictions(lambda model, X, y: X[-1] + model.predict(X)[0], X, y)
    assert score(np.full(N, 0.5)) == N - 1 + 0.5
