"""The estimators of a cluster: what they take, give, save and refuse."""

import pickle
import shutil
import subprocess

import dask.array as da
import dask.dataframe as dd
import joblib
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from distributed.security import Security
from on_clusters import WEIGHTS, X, Y, assert_same_bits, collections, on_one_machine, parameters
from sklearn.base import clone

from fastnn import MLPClassifier, MLPRegressor
from fastnn.callbacks import Checkpoint
from fastnn.dask import DaskMLPClassifier, DaskMLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


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


@pytest.fixture(scope="module")
def fitted(here):
    return DaskMLPClassifier(**parameters()).fit(*collections())


def test_predictions_are_lazy_and_of_the_right_kind(fitted):
    rows, _ = collections()
    local = fitted.to_local()
    assert type(local) is MLPClassifier
    for method in ("predict", "predict_proba"):
        lazy, expected = getattr(fitted, method)(rows), getattr(local, method)(X)
        assert isinstance(lazy, da.Array)
        assert (lazy.shape, lazy.dtype) == (expected.shape, expected.dtype)
        assert type(lazy._meta) is np.ndarray
        assert lazy.chunks[0] == rows.chunks[0]
        np.testing.assert_array_equal(lazy.compute(), expected)
        np.testing.assert_array_equal(getattr(fitted, method)(X), expected)
    assert fitted.score(rows, Y) == local.score(X, Y)


def test_frames_keep_their_index(here):
    names = [f"c{k}" for k in range(X.shape[1])]
    frame = pd.DataFrame(X, columns=names).assign(y=Y, w=WEIGHTS)
    frame.index += 100
    given = dd.from_pandas(frame, npartitions=3)
    ours = DaskMLPClassifier(**parameters()).fit(given[names], given["y"], given["w"])
    assert list(ours.feature_names_in_) == names
    labels, probabilities = ours.predict(given[names]), ours.predict_proba(given[names])
    assert list(probabilities.columns) == ["left", "middle", "right"]
    assert probabilities.dtypes.tolist() == [np.float32] * 3
    assert labels.compute().index.equals(frame.index)
    expected = ours.to_local().predict_proba(frame[names])
    np.testing.assert_array_equal(probabilities.compute(), expected)


def test_unknown_sizes_of_chunks(here, fitted):
    rows, y = collections()
    keep = da.ones(len(rows), chunks=rows.chunks[0], dtype=bool)
    ours = DaskMLPClassifier(**parameters()).fit(rows[keep], y[keep])
    assert_same_bits(ours, fitted)
    assert np.isnan(ours.predict(rows[keep]).shape[0])
    with pytest.raises(ValueError, match="unknown sizes: y has to be one of Dask's"):
        ours.fit(rows[keep], Y)


def test_validation_data_and_a_y_in_memory(here):
    rows, y = collections()
    ours = DaskMLPClassifier(**parameters()).fit(rows, Y, X_val=rows[:500], y_val=y[:500])
    assert len(ours.validation_scores_) == ours.n_iter_


def test_regression(here):
    rows, _ = collections()
    target = rows[:, 0] * rows[:, 1]
    ours = DaskMLPRegressor(**parameters()).fit(rows, target)
    assert type(ours.to_local()) is MLPRegressor
    assert ours.predict(rows).shape == (len(X),)
    two = DaskMLPRegressor(**parameters()).fit(rows, rows[:, :2])
    assert two.predict(rows).compute().shape == (len(X), 2)


def test_it_is_saved_without_its_client(here, fitted):
    fitted = clone(fitted).set_params(client=here).fit(*collections())
    loaded = pickle.loads(pickle.dumps(fitted))
    assert fitted.client is here
    assert loaded.client is None
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))


def test_parameters_and_clones(here):
    model = DaskMLPClassifier((5, 4), "tanh", client=here, memory=2_000_000, alpha=0.1)
    given = model.get_params()
    assert set(given) == {*MLPClassifier().get_params(), "client", "memory"}
    assert given["activation"] == "tanh"
    twin = clone(model)
    assert twin.client is here
    assert (twin.memory, twin.alpha, twin.hidden_layer_sizes) == (2_000_000, 0.1, (5, 4))
    with pytest.raises(TypeError, match="unexpected"):
        DaskMLPClassifier(alphas=1)


def test_a_checkpoint_goes_on_to_the_bit(here, fitted, tmp_path):
    path = tmp_path / "model.joblib"
    DaskMLPClassifier(**parameters(max_iter=2)).set_callbacks(Checkpoint(path)).fit(*collections())
    saved = joblib.load(path).set_params(max_iter=4)
    assert_same_bits(saved.resume(*collections()), fitted)


@pytest.mark.parametrize(
    ("parameters_", "given", "error", "message"),
    [
        ({}, (X, Y), TypeError, "Dask array or data frame, got ndarray"),
        ({}, collections()[:1], ValueError, "requires y"),
        ({"memory": 10}, collections(), ValueError, "memory has to be a number of bytes"),
        ({"client": 3}, collections(), TypeError, "client has to be a distributed.Client"),
        ({"solver": "lbfgs"}, collections(), ValueError, "lbfgs"),
        ({"alpha": -1}, collections(), ValueError, "alpha"),
        ({}, (collections()[0], Y[:10]), ValueError, "10 entries"),
        ({}, (collections()[0], collections()[1].rechunk(50)), ValueError, "chunks"),
    ],
)
def test_what_is_refused(here, parameters_, given, error, message):
    model = DaskMLPClassifier(**parameters_)
    with pytest.raises(error, match=message):
        model.fit(*given)
    assert not hasattr(model, "coefs_")


def test_bad_rows_are_named(here):
    rows, y = collections()
    bad = da.concatenate([rows[:1000], rows[1000:] * np.nan])
    with pytest.raises(ValueError, match=r"block 1: .*NaN"):
        DaskMLPClassifier(**parameters()).fit(bad, y)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate")
def test_connections_are_encrypted_where_the_clusters_are(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tests"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *made, *files], check=True, capture_output=True)
    roles = {
        f"tls_{role}_{what}": str(path)
        for role in ("scheduler", "worker", "client")
        for what, path in (("key", key), ("cert", certificate))
    }
    security = Security(tls_ca_file=str(certificate), require_encryption=True, **roles)
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            protocol="tls://",
            security=security,
            dashboard_address=":0",
        ) as cluster,
        Client(cluster, security=security) as client,
    ):
        ours = DaskMLPClassifier(**parameters())
        places = []
        ours.set_callbacks(Places(client, places)).fit(*collections())
        assert_same_bits(ours, on_one_machine())
        assert places == [True, True]


class Places:
    """Looks at the members' contexts during a fit."""

    def __init__(self, client, places):
        self.client, self.places = client, places

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if not self.places:
            self.places.extend(self.client.run(are_encrypted).values())

    def teardown(self, estimator, context):
        pass


def are_encrypted():
    import ssl

    from fastnn.dask import member

    (one,) = member.members.values()
    links = one.links.all()
    return bool(links) and all(isinstance(link.socket, ssl.SSLSocket) for link in links)
