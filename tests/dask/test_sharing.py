"""Fits in one worker: how they share its threads."""

import contextlib
import os
import threading
from types import SimpleNamespace

import psutil
import pytest
from distributed import Client, LocalCluster
from on_clusters import X, collections, parameters
from sklearn.model_selection import ShuffleSplit

from fastnn.dask import DaskMLPClassifier, DaskTabularRegressor
from fastnn.dask.sharing import at_work, at_work_on, threads_of
from fastnn.engine import threads as engine_threads


def worker_of(address, n_threads):
    return SimpleNamespace(address=address, state=SimpleNamespace(nthreads=n_threads))


@pytest.mark.parametrize(("n_threads", "alone", "of_two", "of_three"), [(1, 1, 1, 1), (6, 6, 3, 2)])
def test_fits_in_one_worker_share_its_threads(n_threads, alone, of_two, of_three):
    ours, elsewhere = worker_of("tcp://a", n_threads), worker_of("tcp://b", n_threads)
    with at_work_on(ours):
        assert threads_of(ours) == alone
        with at_work_on(ours):
            assert threads_of(ours) == of_two
            assert threads_of(elsewhere) == alone
            with at_work_on(ours):
                assert threads_of(ours) == of_three
    assert at_work == []


def test_a_workers_threads_count_more_than_the_ceilings_of_its_process(monkeypatch):
    monkeypatch.setattr(engine_threads, "_ceiling", lambda: 1)  # as Dask's nanny leaves it
    assert engine_threads.asked_for(2, 10) == 1
    shares = [2]
    with engine_threads.granted(lambda: shares[-1]):
        assert engine_threads.available() == 2
        assert engine_threads.asked_for(2, 10) == 2
        shares.append(1)  # somebody else has come
        assert engine_threads.asked_for(2, 10) == 1
        with engine_threads.granted(lambda: 2):
            assert engine_threads.available() == 2
    assert engine_threads.available() == 1


@pytest.mark.parametrize("estimator", [DaskMLPClassifier, DaskTabularRegressor])
def test_a_fit_needs_a_client(estimator):
    with pytest.raises(ValueError, match="no Dask client"):
        estimator().fit(*collections())


# ---------------------------------------------------------------- in a worker that a nanny started


@pytest.fixture
def of_two_threads():
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=True, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        assert client.run(os.environ.get, "OMP_NUM_THREADS") == dict.fromkeys(
            client.nthreads(), "1"
        )
        client.run(count_threads)
        yield client


def count_threads():
    """Note how many threads the kernels' regions take, all those under way together."""
    from fastnn.engine import threads

    mine = psutil.Process()
    team, lock = threads.team, threading.Lock()
    noted.update(now=0, most=0, seconds={}, helpers=set())

    @contextlib.contextmanager
    def counted(n_threads):
        with lock:
            noted["now"] += n_threads
            noted["most"] = max(noted["most"], noted["now"])
        try:
            with team(n_threads) as given:
                yield given
        finally:
            with lock:
                noted["now"] -= n_threads
                of_helpers = [one for one in threading.enumerate() if one.name == "fastnn-helper"]
                noted["helpers"].update(one.native_id for one in of_helpers)
                noted["seconds"].update((one.id, one.user_time) for one in mine.threads())

    threads.team = counted


noted = {}


def most_threads(client):
    (most,) = client.run(most_here).values()
    return most


def most_here():
    return noted["most"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_network_takes_all_threads_of_its_worker(of_two_threads):
    DaskMLPClassifier(**parameters(hidden_layer_sizes=(256,), max_iter=30)).fit(*collections())
    assert most_threads(of_two_threads) == 2
    (seconds,) = of_two_threads.run(seconds_of_helpers).values()
    assert len(seconds) == 1
    assert seconds[0] > 0


def seconds_of_helpers():
    """Seconds of the processor that each helper took."""
    return [noted["seconds"][one] for one in noted["helpers"]]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_two_fits_never_take_four_threads(of_two_threads):
    models = [DaskMLPClassifier(**parameters(max_iter=20), client=of_two_threads) for _ in range(2)]
    given = collections()
    fits = [threading.Thread(target=model.fit, args=given) for model in models]
    for fit in fits:
        fit.start()
    for fit in fits:
        fit.join()
    assert models[0].loss_curve_ == models[1].loss_curve_
    assert 2 <= most_threads(of_two_threads) < 4


def test_a_model_that_is_alone_takes_all_threads_of_its_worker(of_two_threads):
    one_fold = ShuffleSplit(1, test_size=0.2, random_state=0)
    ours = DaskTabularRegressor(members="networks", effort="quick", cv=one_fold, random_state=0)
    ours.fit(X[:1000], X[:1000, 0])
    assert len(ours.members_) == 1
    assert most_threads(of_two_threads) == 2
