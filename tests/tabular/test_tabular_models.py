"""A fitted ensemble like every other model: saved, routed, asked about one row or many."""

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastnn import TabularClassifier, TabularRegressor, __version__
from fastnn.tabular import base

draw = np.random.default_rng(0)
N = 60
X = pd.DataFrame(draw.normal(size=(N, 3)), columns=["a", "b", "c"])
X["kind"] = np.where(draw.random(N) < 0.5, "red", "green")
X["when"] = pd.date_range("2024-01-01", periods=N, freq="13D")
y = np.where(X["a"] + X["b"] > 0, "yes", "no")
target = X["a"].to_numpy() - X["b"].to_numpy() + (X["kind"] == "red")


def classifier(**parameters):
    return TabularClassifier(**{"effort": "quick", "cv": 2, "random_state": 0, **parameters})


def regressor(**parameters):
    return TabularRegressor(**{"effort": "quick", "cv": 2, "random_state": 0, **parameters})


@pytest.fixture(scope="module")
def fitted():
    return classifier().fit(X, y)


@pytest.fixture(scope="module")
def fitted_numbers():
    return regressor().fit(X, target)


# ----------------------------------------------------------------------------------------- saving


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_predicts_the_same(fitted, fitted_numbers, copied):
    assert_array_equal(copied(fitted).predict_proba(X), fitted.predict_proba(X))
    assert_array_equal(
        copied(fitted_numbers).predict_interval(X), fitted_numbers.predict_interval(X)
    )


def test_skops_asks_for_trust_in_the_estimator_alone(fitted, fitted_numbers):
    for model in (fitted, fitted_numbers):
        saved = skops.io.dumps(model)
        types = skops.io.get_untrusted_types(data=saved)
        assert set(types) <= {"fastnn.TabularClassifier", "fastnn.TabularRegressor"}
        loaded = skops.io.loads(saved, trusted=types)
        assert_array_equal(loaded.predict(X), model.predict(X))


def arrays_of(value):
    """All arrays within a state."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from arrays_of(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from arrays_of(part)


def test_a_saved_model_holds_no_row_that_trained(fitted_numbers):
    known = {float(number) for number in X[["a", "b", "c"]].to_numpy().ravel()}
    known |= {float(np.float32(number)) for number in known} | set(target)
    for array in arrays_of(fitted_numbers.__getstate__()):
        if array.dtype.kind == "f" and array.size >= N:
            assert np.isin(array, list(known)).sum() <= N / 10


def test_a_model_of_a_later_format_is_refused(fitted, monkeypatch):
    monkeypatch.setattr(base, "STATE_FORMAT", 99)
    saved = pickle.dumps(fitted)
    monkeypatch.undo()
    with pytest.raises(ValueError, match=f"saved by fastnn {__version__}.*Upgrade fastnn"):
        pickle.loads(saved)


def test_a_clone_is_not_fitted(fitted):
    copied = clone(fitted)
    assert copied.get_params() == fitted.get_params()
    assert not hasattr(copied, "members_")


def test_a_model_of_5000_rows_is_small():
    rows, labels = make_classification(5000, random_state=0)
    model = TabularClassifier(members="random_trees").fit(rows, labels)  # the largest of all kinds
    assert len(pickle.dumps(model)) < 12e6


# ------------------------------------------------------------------------------------- in its place


def test_metadata_reaches_the_fit():
    groups, weights = np.repeat(np.arange(12), 5), np.linspace(1, 2, N)
    with config_context(enable_metadata_routing=True):
        model = regressor().set_fit_request(sample_weight=True, groups=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, model)
        numbers = X[["a", "b", "c"]].to_numpy()
        pipeline.fit(numbers, target, sample_weight=weights, groups=groups)
        for test in pipeline[-1]._folds_["test"]:
            assert not set(groups[test]) & set(np.delete(groups, test))
        found = cross_validate(
            model.set_score_request(sample_weight=True),
            numbers,
            target,
            cv=GroupKFold(2),
            params={"sample_weight": weights, "groups": groups},
            error_score="raise",
        )
    assert np.isfinite(found["test_score"]).all()


def test_columns_of_new_frames_may_be_of_another_library(fitted):
    assert_array_equal(fitted.predict_proba(pl.from_pandas(X)), fitted.predict_proba(X))
    assert_array_equal(fitted.feature_names_in_, X.columns)
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(X[["b", "a", "c", "kind", "when"]])


def test_categories_of_pandas_may_stand_in_another_order(fitted):
    expected = fitted.predict_proba(X)
    for levels in (["red", "green"], ["blue", "green", "red"]):
        rows = X.assign(kind=pd.Categorical(X["kind"], categories=levels))
        assert_array_equal(fitted.predict_proba(rows), expected)


# ------------------------------------------------------------------------------------ predictions


def test_the_parts_of_a_prediction_do_not_show(fitted, fitted_numbers, monkeypatch):
    many = pd.concat([X] * 3, ignore_index=True)
    asked = [
        (fitted, "predict_proba"),
        (fitted, "predict_set"),
        (fitted_numbers, "predict"),
        (fitted_numbers, "predict_interval"),
    ]
    expected = [getattr(model, method)(many) for model, method in asked]
    monkeypatch.setattr(base, "PART_ROWS", 50)
    for (model, method), whole in zip(asked, expected, strict=True):
        assert_allclose(getattr(model, method)(many), whole, atol=1e-3)  # intervals' own exactness


@pytest.mark.parametrize("n", [1, 2, 20, 32, 33])
def test_a_row_is_predicted_the_same_alone(fitted_numbers, n):
    alone = np.concatenate([fitted_numbers.predict(X[i : i + 1]) for i in range(n)])
    tolerance = 1e-9 if n <= 32 else 1e-5
    assert_allclose(fitted_numbers.predict(X[:n]), alone, atol=tolerance)


def test_what_is_kept_goes_together(fitted, fitted_numbers):
    for model, (low, high) in ((fitted, (0, 1)), (fitted_numbers, (target.min(), target.max()))):
        assert sum(member["weight"] for member in model.members_) == pytest.approx(1)
        assert np.isfinite(model.oof_prediction_).all()
        assert model.oof_prediction_.min() >= low
        assert model.oof_prediction_.max() <= high
        for member in model.members_:
            assert len(member["histories"]) == len(member["states"]) == 2
    right = fitted.classes_[fitted.oof_prediction_.argmax(axis=1)] == y
    assert fitted.validation_score_ == pytest.approx(right.mean())


# ----------------------------------------------------------------------------------- importance


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_importance_of_columns_on_rows_held_out(fitted, fitted_numbers, library):
    rows = X if library == "pandas" else pl.from_pandas(X)
    for model, y_true, unit in ((fitted, y, 0.05), (fitted_numbers, target, 0.3)):
        found = model.permutation_importance(rows, y_true, n_repeats=3, random_state=0)
        assert found.importances.shape == (5, 3)
        assert found.importances_mean[:2].min() > unit > abs(found.importances_mean[2])
        again = model.permutation_importance(rows, y_true, n_repeats=3, random_state=0)
        assert_array_equal(again.importances, found.importances)


def test_importance_is_the_fall_of_a_score(fitted):
    by_loss = fitted.permutation_importance(X, y, np.ones(N), scoring="neg_log_loss")
    assert by_loss.importances_mean[0] > 0.1
    few = fitted.permutation_importance(X, y, max_samples=0.5, n_repeats=2)
    assert few.importances.shape == (5, 2)


def test_columns_that_are_left_out_have_no_importance():
    rows = X.assign(one=1.0, again=X["a"])
    found = regressor().fit(rows, target).permutation_importance(rows, target, n_repeats=2)
    assert_array_equal(found.importances[5:], 0)
    nothing = regressor(members="boosting").fit(rows[["one"]], target)
    assert_array_equal(nothing.permutation_importance(rows[["one"]], target).importances, 0)


def test_importance_is_of_the_rows_of_fit(fitted):
    for rows, labels in ((X[::-1], y), (X, y[::-1]), (X[:50], y[:50])):
        with pytest.raises(ValueError, match="rows of fit"):
            fitted.permutation_importance(rows, labels)


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
