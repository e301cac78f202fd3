"""Trees that are trained on one fold: what they predict, when they end, and hard data."""

import contextlib
import math
import threading
import time

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import log_loss
from threadpoolctl import ThreadpoolController, threadpool_info

from fastnn.engine.cpu import CPU
from fastnn.tabular.encoding import encode
from fastnn.tabular.forest import concatenate, predict, to_dict
from fastnn.tabular.growth import Table
from fastnn.tabular.trees import Boosting, RandomTrees, fit_boosting, fit_random_trees

FITS = [
    (fit_boosting, Boosting(max_iter=12)),
    (fit_boosting, Boosting(max_iter=12, encodes=True)),
    (fit_random_trees, RandomTrees(n_estimators=8, min_samples_leaf=4)),
]
NONE = np.array([], int)


def data(n=300, seed=0, n_codes=30):
    """Numbers, codes of categories, gaps, and a number that follows from them."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, 5))
    X[:, 1], X[:, 3] = generator.integers(0, n_codes, n), generator.integers(0, 3, n)
    y = X[:, 0] + 2 * (X[:, 1] % 3 == 0) + (X[:, 3] == 1)
    X[generator.random(X.shape) < 0.05] = np.nan
    return X, y


IS_CATEGORICAL = np.array([False, True, False, True, False])


def table_of(X, y, n_classes=0, **more):
    return Table(X, y, IS_CATEGORICAL, n_classes, **more)


def classes(y, n_classes):
    return np.digitize(y, np.quantile(y, np.linspace(0, 1, n_classes + 1)[1:-1]))


def folds(n):
    rows = np.arange(n)
    return rows[rows % 5 > 0], rows[rows % 5 == 0]


@pytest.mark.parametrize(("fit", "settings"), FITS)
@pytest.mark.parametrize("n_classes", [0, 2, 12])
def test_held_out_rows_are_predicted_by_the_forest(fit, settings, n_classes):
    X, y = data()
    y = classes(y, n_classes) if n_classes else y
    train, held_out = folds(300)
    member = fit(table_of(X, y, n_classes), train, held_out, settings, seed=3)
    prediction = predict(member.forest, X[held_out])
    assert_allclose(prediction, member.held_out, rtol=1e-12, atol=1e-12)
    assert member.held_out.shape == (60, n_classes or 1)
    if fit is fit_boosting:
        assert member.best_iteration == np.argmin(member.history)
    if n_classes:
        loss = log_loss(y[held_out], prediction, labels=range(n_classes))
        assert loss < log_loss(y[held_out], np.full_like(prediction, 1 / n_classes))
        assert_allclose(prediction.sum(axis=1), 1)
        best = min(member.history) if fit is fit_boosting else member.history[-1]
        assert_allclose(best, loss)
    else:
        assert np.mean((prediction[:, 0] - y[held_out]) ** 2) < 0.8 * y.var()


@pytest.mark.parametrize(("fit", "settings"), FITS)
def test_seeds_decide_on_all_bits(fit, settings):
    X, y = data()
    train, held_out = folds(300)
    settings = type(settings)(**{**vars(settings), "max_features": 0.5})
    first, again, other = (
        to_dict(fit(table_of(X, y), train, held_out, settings, seed).forest) for seed in (1, 1, 2)
    )
    for name, array in first.items():
        assert_array_equal(array, again[name])
    assert not np.array_equal(first["thresholds"], other["thresholds"])


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "quantile", "poisson", "gamma"]
)
def test_losses(loss):
    X, y = data()
    y, (train, held_out) = np.exp(y), folds(300)
    settings = Boosting(loss=loss, quantile=0.9, max_iter=60)
    member = fit_boosting(table_of(X, y), train, held_out, settings)
    assert min(member.history) < 0.97 * member.history[0] or loss == "gamma"
    if loss == "quantile":
        assert 0.7 < np.mean(y[held_out] <= member.held_out[:, 0]) < 1
    if loss in ("poisson", "gamma"):
        assert (member.held_out > 0).all()


@pytest.mark.parametrize(("fit", "settings"), FITS)
@pytest.mark.parametrize("scale", [2.0**-100, 2.0**100])
def test_numbers_of_any_scale(fit, settings, scale):
    X, y = data()
    train, held_out = folds(300)
    plain = fit(table_of(X, y), train, held_out, settings)
    scaled = fit(table_of(X, scale * y), train, held_out, settings)
    assert_allclose(scaled.held_out / scale, plain.held_out)


@pytest.mark.parametrize(("fit", "settings"), FITS)
def test_several_targets(fit, settings):
    X, y = data()
    train, held_out = folds(300)
    member = fit(table_of(X, np.column_stack([y, -y, y**2])), train, held_out, settings)
    assert_allclose(predict(member.forest, X[held_out]), member.held_out, rtol=1e-12, atol=1e-12)
    alone = fit(table_of(X, y**2), train, held_out, settings)
    assert_array_equal(member.held_out[:, 2], alone.held_out[:, 0])
    both = concatenate([member.forest, member.forest])
    assert_allclose(predict(both, X[held_out]), member.held_out, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("fit", "settings"), FITS)
def test_weights(fit, settings):
    X, y = data()
    train, held_out = folds(300)
    weights = np.where(np.arange(300) % 2, 1.0, 0.0)
    weighted = fit(table_of(X, y, sample_weight=weights), train, held_out, settings)
    half = fit(table_of(X, y), train[weights[train] > 0], held_out, settings)
    if settings == Boosting(max_iter=12):  # its best iteration is chosen by other rows
        weighted = fit(table_of(X, y, sample_weight=weights), train, NONE, settings)
        half = fit(table_of(X, y), train[weights[train] > 0], NONE, settings)
    assert_allclose(predict(weighted.forest, X), predict(half.forest, X))
    heavy = fit(table_of(X, y, sample_weight=np.where(y > 1, 50.0, 1.0)), train, NONE, settings)
    assert predict(heavy.forest, X).mean() > predict(half.forest, X).mean() + 0.1


@pytest.mark.parametrize(("fit", "settings"), FITS)
@pytest.mark.parametrize("n_classes", [0, 2, 3, 100])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_rows(fit, settings, n_classes, n):
    X, y = data()
    y = np.arange(300) % n_classes if n_classes else y
    for held_out in (NONE, np.arange(10, 20)):
        member = fit(table_of(X, y, n_classes), np.arange(n), held_out, settings)
        prediction = predict(member.forest, X)
        assert prediction.shape == (300, n_classes or 1)
        assert np.isfinite(prediction).all()
        assert member.held_out.shape == (len(held_out), n_classes or 1)
        assert len(member.history) > 0 or not len(held_out)


@pytest.mark.parametrize(("fit", "settings"), FITS)
@pytest.mark.parametrize("n_classes", [0, 3])
def test_hard_columns(fit, settings, n_classes):
    n = 200
    generator = np.random.default_rng(0)
    X = np.column_stack(
        [
            np.full(n, np.nan),
            np.full(n, 7.0),
            generator.normal(size=n) * 1e30,
            generator.normal(size=n) * 1e300,
            np.arange(n) * 500.0,  # an identifier
            np.full(n, np.nan),  # an empty category
            np.r_[1e12, generator.normal(size=n - 1)],
            generator.normal(size=n) * 1e-300,
        ]
    )
    is_categorical = np.isin(np.arange(8), [4, 5])
    y = X[:, 2] / 1e30
    y = classes(y, n_classes) if n_classes else y
    train, held_out = folds(n)
    member = fit(Table(X, y, is_categorical, n_classes), train, held_out, settings)
    assert_allclose(predict(member.forest, X[held_out]), member.held_out, rtol=1e-12, atol=1e-12)
    assert member.history[-1] < (np.log(3) if n_classes else 1.0)
    unseen = np.full((3, 8), np.nan)
    unseen[1], unseen[2] = 1e6, -1e300
    assert np.isfinite(predict(member.forest, unseen)).all()


def test_many_categories():
    X, y = data(2000, n_codes=400)
    train, held_out = folds(2000)
    member = fit_boosting(table_of(X, y), train, held_out)
    assert member.forest.lookups.sources.tolist() == [1]
    assert member.forest.lookups.tables.size < 420
    assert min(member.history) < 0.5 * member.history[0]


@pytest.mark.parametrize(("fit", "settings"), [(fit_boosting, Boosting()), FITS[2]])
@pytest.mark.parametrize("reason", ["deadline", "stop"])
def test_training_ends_early(fit, settings, reason, monkeypatch):
    monkeypatch.setattr("fastnn.tabular.trees.CELLS_PER_STEP", 240)
    X, y = data()
    train, held_out = folds(300)
    reasons = {"deadline": {"deadline": time.monotonic()}, "stop": {"stop": lambda: True}}
    member = fit(table_of(X, y), train, held_out, settings, **reasons[reason])
    assert member.best_iteration == 1
    assert_allclose(predict(member.forest, X[held_out]), member.held_out, rtol=1e-12, atol=1e-12)
    assert member.forest.trees.roots.size == 1


def test_what_stop_raises_comes_out():
    def stop():
        raise KeyboardInterrupt

    X, y = data()
    with pytest.raises(KeyboardInterrupt):
        fit_boosting(table_of(X, y), *folds(300), stop=stop)


def test_patience():
    X, y = data()
    y = np.random.default_rng(0).permutation(y)
    settings = Boosting(learning_rate=1.0, patience=4)
    member = fit_boosting(table_of(X, y), *folds(300), settings)
    assert len(member.history) == member.best_iteration + 5
    assert member.forest.trees.roots.size == member.best_iteration


def test_the_given_score_decides():
    X, y = data()
    train, held_out = folds(300)
    seen = []

    def score(y, prediction, sample_weight):
        seen.append((y, prediction.shape, sample_weight))
        return -float(len(seen)) if len(seen) < 4 else 0.0

    weights = np.ones(300)
    table = table_of(X, y, sample_weight=weights, score=score)
    member = fit_boosting(table, train, held_out, Boosting(max_iter=8))
    assert member.best_iteration == 2
    assert_array_equal(seen[0][0], y[held_out])
    assert seen[0][1] == (60, 1)
    assert_array_equal(seen[0][2], weights[held_out])


def test_one_thread_of_openmp_and_the_others_are_left_alone():
    X, y = data()
    inside = []

    def stop():
        inside.append(openmp_threads())
        return False

    def train():
        fit_boosting(table_of(X, y), *folds(300), Boosting(max_iter=2), stop=stop)

    before = openmp_threads()
    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert set(map(tuple, inside)) == {(1,) * len(before)}
    assert openmp_threads() == before


def openmp_threads():
    return threads_of("openmp")


def threads_of(user_api):
    return [info["num_threads"] for info in threadpool_info() if info["user_api"] == user_api]


@pytest.mark.parametrize("begins_first", ["trees", "network"])
def test_the_limit_of_blas_is_left_to_networks_that_begin_or_end_meanwhile(begins_first):
    """As in another thread, where the network went on with other bits, or the limit stayed at 1."""
    X, y = data()
    network = contextlib.ExitStack()

    def stop():
        if begins_first == "network":
            network.close()
        else:
            network.enter_context(CPU.running())
        return True

    with ThreadpoolController().limit(limits=2, user_api="blas"), network:
        before = threads_of("blas")
        if begins_first == "network":
            network.enter_context(CPU.running())
        fit_boosting(table_of(X, y), *folds(300), Boosting(max_iter=2), stop=stop)
        assert threads_of("blas") == (before if begins_first == "network" else [1] * len(before))
        network.close()
        assert threads_of("blas") == before


def test_encoding():
    X = np.array([[0.0], [0.0], [1.0], [np.nan]] * 25)
    targets = np.tile([1.0, 3.0, 5.0, 7.0], 25)[:, None]
    numbers, lookups = encode(X, np.array([0]), targets, None, seed=0)
    expected = [(25 * 4 + 10 * 4) / 60, (25 * 5 + 40) / 35, (25 * 7 + 40) / 35]
    assert_allclose(lookups.tables, expected)
    assert lookups.starts.tolist() == [0, 3]
    assert numbers.shape == (100, 1)
    for row, code in ((0, 0), (2, 1), (3, 2)):  # near, and without the row's own target
        assert 0 < abs(numbers[row, 0] - expected[code]) < 0.3
    twice, _ = encode(X, np.array([0]), targets, np.full(100, 2.0), seed=0)
    assert_allclose(twice, numbers)


@pytest.mark.parametrize("n_classes", [0, 3])
def test_many_rows_are_drawn_for_each_random_tree(n_classes):
    X, y = data()
    y, rows = classes(y, n_classes) if n_classes else y, np.arange(300)
    table = table_of(X, y, n_classes)
    few = fit_random_trees(table, rows, NONE, RandomTrees(max_rows=30)).forest
    all_rows = fit_random_trees(table, rows, NONE, RandomTrees(max_rows=300)).forest
    assert few.trees.splits.size < 20 * 30 < all_rows.trees.splits.size
    targets = np.eye(n_classes)[y] if n_classes else y[:, None]
    gap, of_all = (np.abs(predict(forest, X) - targets).mean() for forest in (few, all_rows))
    assert of_all < gap / 2
    assert gap < 0.8 * np.abs(targets.mean(axis=0) - targets).mean()


def test_shares_of_classes_are_one_tree_more_of_random_trees():
    X, y = data()
    X, y = X[:, [0, 2, 4]], classes(y, 3)
    weights = np.where(y == 2, 3.0, 1.0)
    table = Table(X, y, np.zeros(3, bool), 4, weights)  # the last class has no row
    train, held_out = folds(300)
    member = fit_random_trees(table, train, held_out, RandomTrees(7), seed=3)
    trees = ExtraTreesClassifier(7, max_features=1.0, random_state=3)
    trees.fit(X[train], y[train], sample_weight=weights[train])
    counts = np.bincount(y[train], weights[train], 4) * len(train) / weights[train].sum() + 1 / 4
    of_trees = np.column_stack([trees.predict_proba(X[held_out]), np.zeros(60)])
    assert (of_trees[:, :3].min(axis=1) == 0).any()
    expected = (7 * of_trees + counts / counts.sum()) / 8
    assert_allclose(member.held_out, expected, atol=1e-12)
    assert_allclose(predict(member.forest, X[held_out]), expected, atol=1e-12)


def test_deadline_of_many_rows_is_looked_at_after_each_tree():
    X, y = data(600)
    table = table_of(X, y)
    member = fit_random_trees(table, *folds(600), RandomTrees(3), deadline=math.inf)
    assert member.best_iteration == 1
    assert len(member.history) == 1
