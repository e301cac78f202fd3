"""The ensembles of a cluster: the bits of one machine, and what they take and refuse."""

import pickle

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from fastnn import TabularClassifier, TabularRegressor, make_source
from fastnn.dask import DaskTabularClassifier, DaskTabularRegressor

RNG = np.random.default_rng(0)
N = 300
X = RNG.standard_normal((N, 4))
Y = np.array(["left", "middle", "right"])[X[:, :3].argmax(axis=1)]
TARGET = X[:, 0] - X[:, 1]
WEIGHTS = RNG.random(N)
GROUPS = np.arange(N) // 3
CHUNKS = (100, 80, 20, 100)
QUICK = {"effort": "quick", "cv": 2, "random_state": 0}
FRAME = pd.DataFrame(X, columns=[*"abcd"]).assign(
    b=pd.cut(X[:, 1], 3, labels=["low", "middle", "high"]),
    c=np.where(X[:, 2] > 0, "yes", "no"),
    d=X[:, 3] > 0,
    when=pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(N), "h"),
)
FRAME.index += 100


@pytest.fixture(scope="module")
def here():
    """Connect with one worker in this process, which is quick."""
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def lazy(values):
    return da.from_array(values, chunks=(CHUNKS, *((n,) for n in values.shape[1:])))


def lazy_frame(frame):
    return dd.from_pandas(frame, npartitions=3)


def assert_same_ensemble(ours, others):
    assert_array_equal(ours.oof_prediction_, others.oof_prediction_)
    for one, other in zip(ours.members_, others.members_, strict=True):
        assert one["weight"] == other["weight"]
        assert one["histories"] == other["histories"]


@pytest.fixture(scope="module")
def fitted(here):
    return DaskTabularClassifier(**QUICK).fit(lazy(X), lazy(Y))


@pytest.fixture(scope="module")
def alone():
    return TabularClassifier(**QUICK, n_jobs=1).fit(X, Y)


@pytest.fixture(scope="module")
def regression(here):
    return DaskTabularRegressor(**QUICK, members="boosting").fit(lazy(X), lazy(TARGET))


# ------------------------------------------------------------------------------------------ fits


def test_the_bits_are_those_of_one_machine(fitted, alone):
    assert type(fitted.to_local()) is TabularClassifier
    assert_same_ensemble(fitted, alone)
    assert_array_equal(fitted.to_local().predict_proba(X), alone.predict_proba(X))


def test_weights_and_groups(here):
    given = {"sample_weight": WEIGHTS, "groups": GROUPS}
    ours = DaskTabularClassifier(**QUICK, members="boosting")
    ours.fit(lazy(X), lazy(Y), **{name: lazy(of) for name, of in given.items()})
    plain = TabularClassifier(**QUICK, members="boosting").fit(X, Y, **given)
    assert_same_ensemble(ours, plain)
    in_memory = clone(ours).fit(lazy(X), Y, **given)
    assert_same_ensemble(in_memory, plain)


def test_frames_of_any_columns(here):
    ours = DaskTabularClassifier(**QUICK, members="boosting")
    ours.fit(lazy_frame(FRAME), lazy_frame(pd.Series(Y, FRAME.index)))
    plain = TabularClassifier(**QUICK, members="boosting").fit(FRAME, Y)
    assert_same_ensemble(ours, plain)
    assert list(ours.feature_names_in_) == list(FRAME.columns)


def test_rows_in_memory_and_sources_train_on_the_cluster_too(here, alone):
    assert_same_ensemble(DaskTabularClassifier(**QUICK).fit(X, Y), alone)
    source = make_source(X, Y, block_rows=50)
    assert_same_ensemble(DaskTabularClassifier(**QUICK).fit(source), alone)


def test_unknown_sizes_of_chunks(here, alone):
    rows, y = lazy(X), lazy(Y)
    keep = rows[:, 0] < np.inf
    ours = DaskTabularClassifier(**QUICK).fit(rows[keep], y[keep])
    assert_same_ensemble(ours, alone)
    with pytest.raises(ValueError, match="unknown sizes: y has to be one of Dask's"):
        ours.fit(rows[keep], Y)
    assert_same_ensemble(ours, alone)


def test_chunks_without_rows_and_columns_in_several(here, alone):
    rows = da.concatenate([lazy(X)[:0], lazy(X)]).rechunk({1: 2})
    ours = DaskTabularClassifier(**QUICK).fit(rows, da.concatenate([lazy(Y)[:0], lazy(Y)]))
    assert_same_ensemble(ours, alone)
    assert_array_equal(ours.predict(rows).compute(), alone.predict(X))


def test_sparse_chunks(here):
    zeros = np.where(np.abs(X) < 1, 0.0, X)
    rows = lazy(zeros).map_blocks(sparse.csr_matrix)
    ours = DaskTabularClassifier(**QUICK, members="boosting").fit(rows, lazy(Y))
    plain = TabularClassifier(**QUICK, members="boosting").fit(sparse.csr_matrix(zeros), Y)
    assert_same_ensemble(ours, plain)
    keep = lazy(X)[:, 0] < np.inf
    assert_same_ensemble(clone(ours).fit(rows[keep], lazy(Y)[keep]), plain)


def test_more_rows_than_memory_are_a_sample(here, monkeypatch):
    many = np.tile(X, (20, 1))
    many[:, 0] += np.arange(len(many)) * 1e-9
    y = many[:, 0] > 0
    rows, memory = da.from_array(many, chunks=(700, 4)), 1_000_000  # of 200 bytes a row
    ours = DaskTabularClassifier(**QUICK, members="boosting", memory=memory)
    ours.fit(rows, da.from_array(y, chunks=700))
    assert len(ours.oof_prediction_) == 5000
    source = make_source(many, y, memory=memory)
    plain = TabularClassifier(**QUICK, members="boosting").fit(source)
    assert_same_ensemble(ours, plain)


def test_several_targets_and_quantiles(here):
    two = np.stack([TARGET, X[:, 2]], axis=1)
    ours = DaskTabularRegressor(**QUICK, members="random_trees").fit(lazy(X), lazy(two))
    plain = TabularRegressor(**QUICK, members="random_trees").fit(X, two)
    assert_same_ensemble(ours, plain)
    for method in ("predict", "predict_interval"):
        found, expected = getattr(ours, method)(lazy(X)), getattr(plain, method)(X)
        assert found.shape == expected.shape
        assert_array_equal(found.compute(), expected)
    frame = lazy_frame(pd.DataFrame(X))
    assert ours.predict(frame).compute().shape == (N, 2)
    with pytest.raises(ValueError, match="which no data frame holds"):
        ours.predict_interval(frame)
    quantiles = DaskTabularRegressor(
        **QUICK, members="networks", loss="quantile", quantile=[0.1, 0.9]
    ).fit(lazy(X), lazy(TARGET))
    assert quantiles.predict(lazy(X)).compute().shape == (N, 2)
    with pytest.raises(ValueError, match="use another loss"):
        quantiles.predict_interval(lazy(X))


# ----------------------------------------------------------------------------------- predictions


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_set"])
def test_predictions_of_arrays_are_lazy_and_of_the_right_kind(fitted, alone, method):
    found = getattr(fitted, method)(lazy(X))
    blocks = np.split(X, np.cumsum(CHUNKS)[:-1])
    expected = np.concatenate([getattr(alone, method)(block) for block in blocks])
    assert isinstance(found, da.Array)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert found.chunks[0] == CHUNKS
    assert type(found._meta) is np.ndarray
    assert_array_equal(found.compute(), expected)
    assert_array_equal(getattr(fitted, method)(X), getattr(alone, method)(X))


def test_intervals_are_lazy(regression):
    local = regression.to_local()
    found = regression.predict_interval(lazy(X), coverage=0.8)
    assert (found.shape, found.dtype) == ((N, 2), np.float64)
    assert_array_equal(found.compute(), local.predict_interval(X, 0.8))
    assert_array_equal(regression.predict_interval(X, 0.8), local.predict_interval(X, 0.8))
    frame = regression.predict_interval(lazy_frame(pd.DataFrame(X)), 0.8)
    assert list(frame.columns) == ["lower", "upper"]
    assert_array_equal(frame.compute().to_numpy(), found.compute())
    assert regression.predict(lazy(X)).shape == (N,)


@pytest.mark.parametrize(
    "labels",
    [
        Y,
        pd.Categorical(Y),
        (X[:, 0] > 0),
        np.where(X[:, 0] > 0, 7, 3).astype(np.int8),
    ],
    ids=["texts", "categories", "booleans", "small-integers"],
)
def test_predictions_of_frames_have_their_index_and_the_types_of_labels(here, labels):
    given = lazy_frame(FRAME.assign(y=labels))
    names = list(FRAME.columns)
    ours = DaskTabularClassifier(**QUICK, members="boosting").fit(given[names], given["y"])
    local = ours.to_local()
    for method in ("predict", "predict_proba", "predict_set"):
        found, expected = getattr(ours, method)(given[names]), getattr(local, method)(FRAME)
        brought = found.compute()
        assert brought.index.equals(FRAME.index)
        assert_array_equal(brought.to_numpy(), expected)
        if method == "predict":
            assert brought.dtype == found.dtype
        else:
            assert list(found.columns) == list(local.classes_)
            assert (brought.dtypes == found.dtypes).all()
            assert (brought.dtypes == expected.dtype).all()


def test_partitions_without_rows(fitted):
    frame = lazy_frame(pd.DataFrame(X))
    some = frame[frame[0] > 10]
    for method, n_columns in (("predict", 0), ("predict_proba", 3), ("predict_set", 3)):
        found = getattr(fitted, method)(some)
        brought = found.compute()
        assert brought.shape == ((0, n_columns) if n_columns else (0,))


def test_scores(fitted, alone, regression):
    assert fitted.score(lazy(X), lazy(Y)) == fitted.score(lazy(X), Y) == alone.score(X, Y)
    assert fitted.score(lazy(X), lazy(Y), lazy(WEIGHTS)) == alone.score(X, Y, WEIGHTS)
    assert fitted.score(X, Y) == alone.score(X, Y)
    assert fitted.score(make_source(X, Y)) == alone.score(X, Y)
    assert regression.score(lazy(X), lazy(TARGET)) == regression.to_local().score(X, TARGET)


# ------------------------------------------------------------------------ parameters, and the like


def test_it_is_saved_without_its_client(here, fitted):
    ours = clone(fitted).set_params(client=here, members="boosting").fit(lazy(X), lazy(Y))
    loaded = pickle.loads(pickle.dumps(ours))
    assert ours.client is here
    assert loaded.client is None
    assert_array_equal(loaded.predict_proba(X), ours.predict_proba(X))


def test_parameters_and_clones(here):
    model = DaskTabularRegressor(loss="huber", client=here, memory=2_000_000)
    assert set(model.get_params()) == {*TabularRegressor().get_params(), "client", "memory"}
    twin = clone(model)
    assert twin.client is here
    assert (twin.memory, twin.loss, twin.effort) == (2_000_000, "huber", "balanced")
    with pytest.raises(TypeError, match="unexpected"):
        DaskTabularRegressor(losses="huber")
    assert repr(twin.to_local()) == "TabularRegressor(loss='huber')"


@pytest.mark.parametrize(
    ("parameters", "given", "error", "message"),
    [
        ({}, (lazy(X),), ValueError, "requires y"),
        ({"memory": 10}, (lazy(X), lazy(Y)), ValueError, "memory has to be a number of bytes"),
        ({"client": 3}, (lazy(X), lazy(Y)), TypeError, "client has to be a distributed.Client"),
        ({"effort": "none"}, (lazy(X), lazy(Y)), ValueError, "effort"),
        ({}, (lazy(X), Y[:10]), ValueError, "y has 10 entries"),
        ({}, (lazy(X), lazy(Y).rechunk(50)), ValueError, "rechunk"),
        ({}, (lazy(X), lazy(Y), WEIGHTS[:9]), ValueError, "sample_weight has 9 entries"),
        ({}, (X, lazy(Y)), TypeError, "y is one of Dask's collections, and X is in memory"),
        ({}, (lazy(X[:, 0]), lazy(Y)), ValueError, "has to be a table, and has 1 dimension"),
        ({}, (lazy(X)[:0], lazy(Y)[:0]), ValueError, "0 rows"),
        ({}, (lazy(X), lazy(np.full(N, "one"))), ValueError, "y has one class, 'one'"),
        ({}, (lazy(X * np.inf), lazy(Y)), ValueError, "inf"),
    ],
)
def test_what_is_refused(here, parameters, given, error, message):
    model = DaskTabularClassifier(**QUICK).set_params(**parameters)
    with pytest.raises(error, match=message):
        model.fit(*given)
    assert not hasattr(model, "members_")


def test_what_is_refused_of_predictions(fitted, here):
    with pytest.raises(NotFittedError):
        DaskTabularClassifier().predict(lazy(X))
    with pytest.raises(ValueError, match="score requires y"):
        fitted.score(lazy(X))
    with pytest.raises(ValueError, match="coverage=2"):
        fitted.predict_set(lazy(X), coverage=2)
    with pytest.raises(ValueError, match="features"):
        fitted.predict(lazy(X)[:, :2]).compute()
