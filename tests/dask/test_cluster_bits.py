"""The same bytes for any number of workers and threads, and as on one machine."""

import pytest
from distributed import Client, LocalCluster
from on_clusters import assert_same_bits, collections, on_one_machine, parameters, wait_for

from fastnn.dask import DaskMLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

KINDS = {
    "plain": {},
    "kept-apart": {"early_stopping": True, "normalization": "batch", "dropout": 0.1},
    "windows": {"memory": 1_000_000, "solver": "sgd", "max_grad_norm": 0.5},
}


def fits(weighs=False):
    given = collections(weighs)
    return [DaskMLPClassifier(**parameters(**more)).fit(*given) for more in KINDS.values()]


@pytest.fixture(scope="module")
def expected():
    return [on_one_machine(**more) for more in KINDS.values()]


def test_any_number_of_workers_gives_the_bits_of_one_machine(expected):
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=True, dashboard_address=":0"
    ) as cluster:
        for n_workers in (1, 2, 5):  # three have all other tests
            cluster.scale(n_workers)
            with Client(cluster) as client:
                wait_for(lambda n=n_workers, c=client: len(c.nthreads()) == n)
                for ours, one in zip(fits(), expected, strict=True):
                    assert_same_bits(ours, one)


def test_weights_of_rows(client):
    ours = DaskMLPClassifier(**parameters()).fit(*collections(weighs=True))
    assert_same_bits(ours, on_one_machine(weighs=True))
