"""Warnings name the line of the user, wherever the estimator is called from."""

import concurrent.futures.thread
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastnn import MLPClassifier, MLPRegressor, MLPTransformer
from fastnn.callbacks import TimeLimit
from fastnn.warn import warn_user

X = np.random.default_rng(0).standard_normal((40, 3))
y = (X[:, 0] > 0).astype(int)
COLUMN = y[:, np.newaxis]


def network(**parameters):
    return MLPClassifier(**{"hidden_layer_sizes": (3,), "max_iter": 2, **parameters})


def regressor(**parameters):
    return MLPRegressor(**{"hidden_layer_sizes": (3,), "max_iter": 2, **parameters})


def fitted(solver="adam"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return network(solver=solver).fit(X, y)


# A call, and what it warns of.
CALLS = {
    "fit": (lambda: network().fit(X, y), "Maximum iterations"),
    "fit of numbers": (
        lambda: regressor().fit(X, X[:, 0]),
        "Maximum iterations",
    ),
    "fit for a time": (lambda: network(max_time=1e-9).fit(X, y), "Maximum time"),
    "fit with a batch": (
        lambda: network(batch_size=1000, max_iter=500, tol=10.0).fit(X, y),
        "larger than sample size",
    ),
    "fit, lbfgs": (lambda: network(solver="lbfgs").fit(X, y), "lbfgs failed to converge"),
    "fit, lbfgs, for a time": (
        lambda: network(solver="lbfgs", max_time=1e-9).fit(X, y),
        "Maximum time",
    ),
    "fit with a callback": (
        lambda: network().set_callbacks(TimeLimit(1e9)).fit(X, y),
        "Maximum iterations",
    ),
    "fit with a column": (
        lambda: network(max_iter=500, tol=10.0).fit(X, COLUMN),
        "A column-vector y was passed",
    ),
    "resume": (lambda: fitted().set_params(max_iter=3).resume(X, y), "Maximum iterations"),
    "resume, lbfgs": (
        lambda: fitted("lbfgs").set_params(max_iter=10_000).resume(X, y),
        "starts anew from them",
    ),
    "partial_fit": (
        lambda: network(batch_size=1000).partial_fit(X, y, classes=[0, 1]),
        "larger than sample size",
    ),
    "partial_fit with a column": (
        lambda: regressor().partial_fit(X, X[:, :1]),
        "A column-vector y was passed",
    ),
    "a pipeline": (
        lambda: make_pipeline(StandardScaler(), network()).fit(X, y),
        "Maximum iterations",
    ),
    "a pipeline, lbfgs": (
        lambda: make_pipeline(StandardScaler(), network(solver="lbfgs")).fit(X, y),
        "lbfgs failed to converge",
    ),
    "a pipeline with a batch": (
        lambda: make_pipeline(network(batch_size=1000, max_iter=500, tol=10.0)).fit(X, y),
        "larger than sample size",
    ),
    "a search": (
        lambda: GridSearchCV(network(), {"alpha": [0.1, 0.2]}, n_jobs=1, cv=2).fit(X, y),
        "Maximum iterations",
    ),
    "cross-validation": (lambda: cross_val_score(network(), X, y, cv=2), "Maximum iterations"),
    "several targets": (
        lambda: MultiOutputClassifier(network()).fit(X, np.column_stack([y, y])),
        "Maximum iterations",
    ),
    "several targets, partial_fit": (
        lambda: MultiOutputClassifier(network(batch_size=1000)).partial_fit(
            X, np.column_stack([y, y]), [[0, 1], [0, 1]]
        ),
        "larger than sample size",
    ),
    "a transformer": (
        lambda: make_pipeline(MLPTransformer(network())).fit_transform(X, y),
        "Maximum iterations",
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_warning_names_the_line_of_the_user(call):
    act, message = CALLS[call]
    with pytest.warns(match=message) as told:
        act()
    assert {warning.filename for warning in told} == {__file__}
    assert {warning.lineno for warning in told} <= lines_of(act)


def lines_of(function):
    return {line for _, _, line in function.__code__.co_lines()}


def test_the_model_is_whole_where_a_warning_is_an_error():
    model = network()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning):
            model.fit(X, y)
    assert model.n_iter_ == 2
    assert model.predict(X).shape == y.shape


def test_a_category():
    with pytest.warns(DataConversionWarning, match="told") as told:
        warn_user("told", DataConversionWarning)
    assert [warning.filename for warning in told] == [__file__]


def test_a_thread_without_a_line_of_the_user():
    with pytest.warns(match="told") as told, ThreadPoolExecutor() as threads:
        threads.submit(warn_user, "told")
    assert [warning.filename for warning in told] == [concurrent.futures.thread.__file__]


def test_a_batch_size_that_is_cut_is_told_before_the_training():
    model = MLPClassifier((3,), batch_size=99, max_iter=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="larger than sample size"):
            model.fit(X, y)
    assert not hasattr(model, "coefs_")
