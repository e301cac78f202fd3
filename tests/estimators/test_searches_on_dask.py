"""Searches whose candidates and folds are spread over the workers of a cluster, by joblib."""

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV

from fastnn import MLPClassifier

distributed = pytest.importorskip("dask.distributed", reason="the oldest versions lack Dask")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.default_rng(0)
X = RNG.standard_normal((600, 8))
Y = X[:, :3].argmax(axis=1)
LISTED = {"alpha": [1e-4, 1e-2], "learning_rate_init": [1e-3, 1e-2]}


def grid():
    return GridSearchCV(MLPClassifier((9,), max_iter=5, random_state=0), LISTED, cv=2)


def halving():
    model = MLPClassifier((9,), max_iter=5, random_state=0)
    return HalvingRandomSearchCV(
        model, LISTED, n_candidates=4, min_resources=150, factor=2, cv=2, random_state=0
    )


@pytest.fixture(scope="module")
def cluster():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as some,
        distributed.Client(some),
    ):
        yield some


@pytest.mark.parametrize("search", [grid, halving])
def test_a_search_finds_the_same_wherever_candidates_train(search, cluster, monkeypatch):
    sent, scatter = [], distributed.Client.scatter

    def watched(client, data, *arguments, **keywords):
        sent.extend(data if isinstance(data, list) else [data])
        return scatter(client, data, *arguments, **keywords)

    monkeypatch.setattr(distributed.Client, "scatter", watched)
    with parallel_config("dask", scatter=[X, Y]):
        ours = search().fit(X, Y)
    assert sum(data is X for data in sent) == 1  # once, for all candidates, folds and rounds
    here = search().fit(X, Y)
    for name in ("mean_test_score", "std_test_score", "split0_test_score"):
        np.testing.assert_array_equal(ours.cv_results_[name], here.cv_results_[name])
    assert ours.best_params_ == here.best_params_
    np.testing.assert_array_equal(ours.predict_proba(X), here.predict_proba(X))


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")
def test_ray_spreads_a_search():
    ray = pytest.importorskip("ray", reason="Ray is too large for the libraries of the tests")
    register = pytest.importorskip("ray.util.joblib").register_ray
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        register()
        with parallel_config("ray", n_jobs=-1):
            ours = grid().fit(X, Y)
    finally:
        ray.shutdown()
    here = grid().fit(X, Y)
    np.testing.assert_array_equal(ours.predict_proba(X), here.predict_proba(X))
