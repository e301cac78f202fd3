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
from tables import small_table

from fastnn import TabularClassifier, TabularRegressor, __version__
from fastnn.tabular import base

N = 60
X, y, target = small_table(N)


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
