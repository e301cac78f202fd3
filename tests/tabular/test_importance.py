"""Importance of columns: what the score of rows held out loses with each of them."""

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from tables import small_table

from fastnn import TabularClassifier, TabularRegressor

N = 60
X, y, target = small_table(N)


def regressor(**parameters):
    return TabularRegressor(effort="quick", cv=2, random_state=0, **parameters)


@pytest.fixture(scope="module")
def fitted():
    return TabularClassifier(effort="quick", cv=2, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def fitted_numbers():
    return regressor().fit(X, target)


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
