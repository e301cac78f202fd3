"""Forests say what the models of scikit-learn say that they are made of."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from skops.io import dumps, loads

from fastnn.tabular.forest import (
    _before_rounding,
    _small,
    concatenate,
    constant,
    from_boosting,
    from_dict,
    from_random_trees,
    predict,
    raw_outputs,
    to_dict,
)

EXACT = {"rtol": 1e-12, "atol": 1e-12}
CATEGORICAL = [1, 4]


def table(n=400, seed=0):
    """Numbers, codes of 40 and 3 categories, gaps in all, and a number that follows from them."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, 6))
    X[:, 1], X[:, 4] = generator.integers(0, 40, n), generator.integers(0, 3, n)
    y = X[:, 0] + 2 * np.isin(X[:, 1], [3, 5, 9, 38]) + (X[:, 4] == 1)
    X[generator.random(X.shape) < 0.1] = np.nan
    return X, y


def new_rows():
    """Rows with categories that no model has seen, and numbers out of range."""
    X, _ = table(300, seed=1)
    X[:20, 1], X[20:30, 1], X[30:40, 4] = 39, 1000, 7
    X[40:43, 0] = np.inf, -np.inf, 1e30
    return X


def classes(y, n_classes):
    return np.digitize(y, np.quantile(y, np.linspace(0, 1, n_classes + 1)[1:-1]))


def without_39(X):
    return np.where(X == 39, 2.0, X)


def fitted(kind, X, y, **parameters):
    if "Hist" in kind.__name__:
        parameters = {"max_iter": 8, "categorical_features": CATEGORICAL} | parameters
    else:
        parameters = {"n_estimators": 5} | parameters
    return kind(random_state=0, **parameters).fit(X, y)


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_boosted_classes(n_classes, weighted):
    X, y = table()
    y, weights = classes(y, n_classes), np.arange(400) % 7 if weighted else None
    model = HistGradientBoostingClassifier(max_iter=8, categorical_features=CATEGORICAL)
    model.fit(without_39(X), y, sample_weight=weights)
    forest, rows = from_boosting(model, range(n_classes), n_classes), new_rows()
    raw = raw_outputs(forest, rows)[:, 0]
    assert_allclose(raw if n_classes > 2 else raw[:, 1], model.decision_function(rows), **EXACT)
    assert_allclose(predict(forest, rows), model.predict_proba(rows), **EXACT)


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "poisson", "gamma", "quantile"]
)
def test_boosted_numbers(loss):
    X, y = table()
    model = fitted(HistGradientBoostingRegressor, without_39(X), np.exp(y), loss=loss, quantile=0.3)
    forest, rows = from_boosting(model, [0], 1), new_rows()
    assert_allclose(predict(forest, rows)[:, 0], model.predict(rows), **EXACT)


def test_the_first_iterations_alone():
    X, y = table()
    model = fitted(HistGradientBoostingRegressor, X, y)
    stages = [*model.staged_predict(X)]
    for n in (1, 5):
        assert_allclose(predict(from_boosting(model, [0], 1, n), X)[:, 0], stages[n - 1], **EXACT)


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize(
    "kind",
    [ExtraTreesClassifier, RandomForestClassifier, ExtraTreesRegressor, RandomForestRegressor],
)
def test_random_trees(kind, gaps):
    X, y = table()
    X, rows = (X if gaps else np.nan_to_num(X)).astype(np.float64), new_rows()
    rows = rows[np.isfinite(rows[:, 0])]
    if "Classifier" in kind.__name__:
        model = fitted(kind, X, classes(y, 4), min_samples_leaf=3)
        forest, expected = from_random_trees(model, range(4), 4), model.predict_proba
    else:
        model = fitted(kind, X, np.column_stack([y, y**2]))
        forest, expected = from_random_trees(model, range(2), 2), model.predict
    assert_allclose(predict(forest, rows), expected(rows), **EXACT)


def test_thresholds_of_rounded_numbers():
    generator = np.random.default_rng(0)
    thresholds = np.concatenate(
        [generator.normal(size=500), generator.normal(size=500).astype(np.float32), [0.0, 1e-45]]
    )
    limits = _before_rounding(thresholds)
    assert (limits.astype(np.float32) <= thresholds).all()
    assert (np.nextafter(limits, np.inf).astype(np.float32) > thresholds).all()


@pytest.mark.parametrize("boosted", [True, False])
@pytest.mark.parametrize("known", [[1], [0, 3], [1, 2, 4]])
def test_classes_that_a_fold_lacks(known, boosted):
    X, y = table()
    y = np.array(known)[classes(y, len(known))] if len(known) > 1 else np.full(400, 1)
    kind = HistGradientBoostingClassifier if boosted else ExtraTreesClassifier
    make = from_boosting if boosted else from_random_trees
    model = fitted(kind, X, y)
    p = predict(make(model, known, 5), X)
    assert_allclose(p.sum(axis=1), 1)
    absent = np.setdiff1d(range(5), known)
    assert (p[:, absent] < 0.05).all()
    assert (p[:, absent] > 0).all() == boosted
    if len(known) > 1:  # of one class boosting says that it is unlikely
        own = p[:, known] / p[:, known].sum(axis=1, keepdims=True)
        assert_allclose(own, model.predict_proba(X), **EXACT)


def test_folds_predict_their_mean():
    X, y = table()
    models = [
        fitted(HistGradientBoostingClassifier, X[k::3], classes(y, 4)[k::3]) for k in range(3)
    ]
    forests = [from_boosting(model, range(4), 4) for model in models]
    forest, rows = concatenate([*forests, constant([0, 1, 2, 3], 6, "softmax")]), new_rows()
    assert raw_outputs(forest, rows).shape == (300, 4, 4)
    expected = [model.predict_proba(rows) for model in models]
    expected.append(np.tile(np.exp(range(4)) / np.exp(range(4)).sum(), (300, 1)))
    assert_allclose(predict(forest, rows), np.mean(expected, axis=0), **EXACT)


def test_bits_depend_on_no_threads(forced, monkeypatch):
    monkeypatch.setattr("fastnn.tabular.forest.PREDICTION_PART_ROWS", 1000)
    X, y = table(2500)
    forest = from_random_trees(fitted(ExtraTreesRegressor, X, y), [0], 1)
    forced(1)
    alone = predict(forest, X)
    forced(2)
    assert_array_equal(predict(forest, X), alone)
    assert_array_equal(np.concatenate([predict(forest, row[None]) for row in X[:20]]), alone[:20])


@pytest.mark.parametrize("library", [pickle, None])
def test_round_trip(library):
    X, y = table()
    forest = from_boosting(fitted(HistGradientBoostingClassifier, X, classes(y, 3)), range(3), 3)
    saved = to_dict(forest)
    saved = pickle.loads(pickle.dumps(saved)) if library else loads(dumps(saved))
    again = from_dict(saved)
    assert_array_equal(predict(again, X), predict(forest, X))
    pairs = zip((*forest.trees, *forest.lookups), (*again.trees, *again.lookups), strict=True)
    for own, other in pairs:
        assert_array_equal(own, other)
        assert own.dtype == other.dtype


@pytest.mark.parametrize(("highest", "dtype"), [(127, "int8"), (128, "int16"), (2**15, "int32")])
def test_saved_numbers_take_the_bytes_that_they_need(highest, dtype):
    assert _small(np.array([~highest, 0, highest], np.int32)).dtype == dtype
