"""Intervals and sets hold what is true as often as was asked."""

import numpy as np
import pytest

from fastnn.tabular.conformal import Spread, class_scores, class_set, fit_spread, interval

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _the_same_numbers_for_each_test(monkeypatch):
    monkeypatch.setitem(globals(), "RNG", np.random.default_rng(0))


def exact(predictions, gaps, folds, coverage, spread):
    """Sort all ends, as the paper has it."""
    n = len(gaps)
    k = int(np.ceil(coverage * (n + 1) - 1e-9)) - 1
    ends = []
    for centre, scale in zip(predictions.T, spread.T, strict=True):
        low = np.sort(scale[folds] * gaps - centre[folds])
        high = np.sort(scale[folds] * gaps + centre[folds])
        ends.append((-low[k], high[k]))
    return np.array(ends)


@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.95])
@pytest.mark.parametrize("n_folds", [1, 5])
def test_ends_are_those_of_the_paper(coverage, n_folds):
    gaps = RNG.exponential(size=203)
    folds = RNG.permutation(203) % n_folds
    predictions = RNG.normal(scale=0.5, size=(n_folds, 40))
    spread = Spread(np.array([-1.0, 0, 1]), RNG.uniform(0.5, 2, size=(n_folds, 3)))
    found = interval(predictions, gaps, folds, coverage, spread=spread)
    wanted = exact(predictions, gaps, folds, coverage, spread.of(predictions))
    assert (found[:, 0] <= wanted[:, 0] + 1e-9).all()
    assert (found[:, 1] >= wanted[:, 1] - 1e-9).all()
    np.testing.assert_allclose(found, wanted, atol=3e-3)


def test_too_few_gaps_and_just_enough():
    gaps, folds = np.arange(9.0), np.arange(9) % 3
    predictions = np.zeros((3, 2))
    np.testing.assert_array_equal(interval(predictions, gaps, folds, 0.9), [[-8, 8]] * 2)
    wide = interval(predictions, gaps[:8], folds[:8], 0.9)
    np.testing.assert_array_equal(wide, [[-np.inf, np.inf]] * 2)


def test_weights_are_repeated_gaps():
    gaps, times = RNG.exponential(size=400), RNG.integers(0, 3, 400)
    folds = np.arange(400) % 5
    predictions = RNG.normal(size=(5, 10))
    weighted = interval(predictions, gaps, folds, 0.8, sample_weight=times.astype(float))
    repeated = interval(predictions, gaps.repeat(times), folds.repeat(times), 0.8)
    np.testing.assert_allclose(weighted, repeated, atol=0.05)


def linear_folds(X, y, X_new, n_folds=5):
    """Least squares of each fold: predictions of new rows, gaps and folds."""
    folds = np.arange(len(y)) % n_folds
    coefficients = [np.linalg.lstsq(X[folds != k], y[folds != k])[0] for k in range(n_folds)]
    oof = np.array([X[i] @ coefficients[k] for i, k in enumerate(folds)])
    return np.stack([X_new @ c for c in coefficients]), np.abs(y - oof), folds


@pytest.mark.parametrize("n_rows", [20, 100, 1000])
@pytest.mark.parametrize("noise", ["normal", "heavy", "uneven"])
def test_coverage_of_intervals(n_rows, noise):
    covered = []
    for _ in range(40_000 // (n_rows + 500)):
        X = RNG.normal(size=(n_rows + 500, 3))
        draw = {
            "normal": RNG.normal(size=len(X)),
            "heavy": RNG.standard_t(2, size=len(X)),
            "uneven": RNG.normal(size=len(X)) * np.exp(X[:, 0]),
        }[noise]
        y = X @ [1.0, 2, 3] + draw
        new = slice(n_rows, None)
        ends = interval(*linear_folds(X[:n_rows], y[:n_rows], X[new]), 0.9)
        covered.append(np.mean((ends[:, 0] <= y[new]) & (y[new] <= ends[:, 1])))
    assert 0.885 < np.mean(covered) < (0.955 if n_rows == 20 else 0.92)


@pytest.mark.parametrize("n_rows", [60, 1000])
def test_a_spread_narrows_intervals_where_predictions_are_good(n_rows):
    covered, widths = [], []
    for _ in range(30_000 // (n_rows + 1000)):
        X = np.column_stack([np.ones(n_rows + 1000), RNG.uniform(size=n_rows + 1000)])
        y = X @ [1.0, 2] + RNG.normal(size=len(X)) * (0.1 + X[:, 1])
        new = slice(n_rows, None)
        predictions, gaps, folds = linear_folds(X[:n_rows], y[:n_rows], X[new])
        oof = np.array([X[i] @ [1, 2] for i in range(n_rows)])
        spread, scaled = fit_spread(oof, gaps, folds, 5)
        for ends in (
            interval(predictions, gaps, folds, 0.9),
            interval(predictions, scaled, folds, 0.9, spread=spread),
        ):
            covered.append(np.mean((ends[:, 0] <= y[new]) & (y[new] <= ends[:, 1])))
            calm = X[new, 1] < 0.2
            widths.append((np.ptp(ends, axis=1).mean(), np.ptp(ends[calm], axis=1).mean()))
    assert 0.885 < np.mean(covered[::2]) < 0.93
    assert 0.885 < np.mean(covered[1::2]) < 0.93
    plain, adaptive = np.mean(widths[::2], axis=0), np.mean(widths[1::2], axis=0)
    assert adaptive[0] < plain[0]
    assert adaptive[1] < (0.87 if n_rows == 60 else 0.6) * plain[1]


def test_a_spread_is_flat_where_it_does_not_help():
    predictions = RNG.normal(size=500)
    gaps = np.where((predictions < 0) & (RNG.random(500) < 0.7), 0.0, 5.0)  # or nothing
    folds = np.arange(500) % 5
    for given in (np.zeros(500), predictions):
        spread, scaled = fit_spread(given, gaps, folds, 5, RNG.random(500))
        np.testing.assert_array_equal(scaled, gaps)
        np.testing.assert_array_equal(spread.of(RNG.normal(size=(5, 3))), 1)
    spread, scaled = fit_spread(predictions, gaps, np.zeros(500, dtype=int), 1)
    np.testing.assert_array_equal(scaled, gaps)


def test_a_spread_of_gaps_that_are_all_0():
    spread, scaled = fit_spread(np.arange(20.0), np.zeros(20), np.arange(20) % 2, 2)
    np.testing.assert_array_equal(scaled, 0)
    assert (spread.of(np.zeros((2, 3))) > 0).all()


def drawn(n_rows, n_classes, sharpness):
    logits = RNG.normal(scale=sharpness, size=(n_rows, n_classes))
    P = np.exp(logits)
    P /= P.sum(axis=1, keepdims=True)
    return P, (P.cumsum(axis=1) > RNG.random((n_rows, 1))).argmax(axis=1)


@pytest.mark.parametrize("n_rows", [30, 300, 3000])
@pytest.mark.parametrize("sharpness", [0.5, 2, 10])
@pytest.mark.parametrize("n_classes", [2, 10])
def test_coverage_of_sets(n_rows, sharpness, n_classes):
    covered, first, sizes = [], [], []
    folds = np.arange(n_rows) % 5
    for _ in range(20_000 // (n_rows + 300)):
        P, y = drawn(n_rows + 300, n_classes, sharpness)
        scores = class_scores(P[:n_rows], y[:n_rows])
        sets = class_set(np.tile(P[n_rows:], (5, 1, 1)), scores, folds, 0.9)
        new = np.arange(300)
        covered.append(sets[new, y[n_rows:]].mean())
        first.append(np.mean(P[n_rows:].argmax(axis=1) == y[n_rows:]))
        sizes.append(sets.sum(axis=1))
    assert np.min(sizes) >= 1
    assert np.mean(covered) > 0.885
    if np.mean(first) > 0.93 and n_rows > 100:
        assert np.mean(sizes) < 1.01
    elif n_rows > 100:
        assert np.mean(covered) < 0.92


def test_folds_that_disagree_add_no_class_where_the_likeliest_is_enough():
    P = np.array([[[0.6, 0.4]], [[0.4, 0.6]], [[0.6, 0.4]]])
    scores = np.r_[np.full(95, 2.0), np.full(5, 0.1)]
    sets = class_set(P, scores, np.arange(100) % 3, 0.9)
    np.testing.assert_array_equal(sets, [[True, False]])


def test_the_likeliest_class_can_be_told():
    P, y = drawn(200, 3, 1)
    folds = np.arange(200) % 2
    known = np.stack([P, P]), class_scores(P, y), folds, 0.1
    first, last = (class_set(*known, likeliest=rank) for rank in P.argsort(axis=1).T[[2, 0]])
    np.testing.assert_array_equal(first, class_set(*known))
    assert last[np.arange(200), P.argmin(axis=1)].all()


def test_few_rows_give_every_class():
    P, y = drawn(5, 3, 1)
    sets = class_set(P[None], class_scores(P, y), np.zeros(5, dtype=int), 0.9)
    assert sets.all()


def test_sets_by_weighted_rows():
    P, y = drawn(400, 5, 1)
    times = RNG.integers(0, 3, 400)
    scores, folds, new = class_scores(P, y), np.arange(400) % 2, np.stack([P, P[::-1]])
    weighted = class_set(new, scores, folds, 0.8, sample_weight=times.astype(float))
    repeated = class_set(new, scores.repeat(times), folds.repeat(times), 0.8)
    assert np.mean(weighted != repeated) < 0.01


def test_parts_of_many_rows_fit_together(monkeypatch):
    predictions, gaps, folds = RNG.normal(size=(3, 50)), RNG.random(99), np.arange(99) % 3
    P, y = drawn(99, 4, 1)
    new = np.stack([P, P[::-1], P])
    whole = interval(predictions, gaps, folds, 0.9), class_set(new, class_scores(P, y), folds, 0.9)
    monkeypatch.setattr("fastnn.tabular.conformal.NUMBERS_AT_ONCE", 7)
    np.testing.assert_array_equal(interval(predictions, gaps, folds, 0.9), whole[0])
    np.testing.assert_array_equal(class_set(new, class_scores(P, y), folds, 0.9), whole[1])
