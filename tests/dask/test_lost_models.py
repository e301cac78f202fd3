"""Workers that are lost while the models of an ensemble train: the same bits, or a clear error."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from distributed import Client, LocalCluster
from numpy.testing import assert_array_equal
from on_clusters import AtEnd, plant, wait_for
from sklearn.model_selection import ShuffleSplit

from fastnn import TabularClassifier
from fastnn.dask import DaskTabularClassifier, WorkersLostError, crew
from fastnn.dask.results import Lost

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such signal")

X = np.random.default_rng(0).standard_normal((500, 5))
Y = X[:, 0] * X[:, 1] > 0
QUICK = {"effort": "quick", "cv": 2, "random_state": 0}
MOMENTS = [  # place, and how often the first worker to die has reached it
    ("dask.crew::train_here", 1),
    ("dask.crew:Unwanted:is_set", 2),  # asked in each epoch and for each tree
    ("dask.crew:Unwanted:is_set", 9),
    ("dask.crew::machine", 1),  # a model is trained, and nobody has it
]


@pytest.fixture(scope="module")
def expected():
    return TabularClassifier(**QUICK).fit(X, Y)


def assert_same_ensemble(ours, others):
    assert_array_equal(ours.oof_prediction_, others.oof_prediction_)
    assert_array_equal(ours.to_local().predict_proba(X), others.predict_proba(X))


def sent_by(monkeypatch):
    """Note the futures of rows that are sent."""
    sent, scatter = [], Client.scatter

    def watched(client, *arguments, **keywords):
        futures = scatter(client, *arguments, **keywords)
        sent.extend(futures)
        return futures

    monkeypatch.setattr(Client, "scatter", watched)
    return sent


@pytest.mark.parametrize(("place", "count"), MOMENTS)
def test_a_worker_is_killed(client, expected, tmp_path, place, count):
    before = set(client.nthreads())
    client.run(plant, place, count, once=tmp_path / "killed")
    try:
        ours = DaskTabularClassifier(**QUICK).fit(X, Y)
    finally:
        client.run(plant, place, 0)
    assert len(before & set(client.nthreads())) == 2
    assert_same_ensemble(ours, expected)


def test_a_slow_worker_changes_nothing(client, expected):
    pids = client.run(os.getpid)

    def stop_for_a_while():
        os.kill(min(pids.values()), signal.SIGSTOP)
        threading.Timer(2.0, os.kill, (min(pids.values()), signal.SIGCONT)).start()

    ours = DaskTabularClassifier(**QUICK)
    ours.set_callbacks(AtEnd("model", 1, stop_for_a_while))
    assert_same_ensemble(ours.fit(X, Y), expected)
    assert set(client.nthreads()) == set(pids)


def test_a_worker_is_cut_off(expected):
    """Its line to the scheduler breaks, and what it was about is begun again elsewhere."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        first = min(client.nthreads())
        ours = DaskTabularClassifier(**QUICK)
        ours.set_callbacks(AtEnd("model", 1, lambda: client.run(cut, workers=[first])))
        assert_same_ensemble(ours.fit(X, Y), expected)
        wait_for(lambda: first not in client.nthreads())


def cut(dask_worker):
    dask_worker.loop.call_later(0.05, dask_worker.batched_stream.comm.abort)


def test_rows_that_are_lost_are_sent_again(client, expected, monkeypatch):
    sent = sent_by(monkeypatch)
    ours = DaskTabularClassifier(**QUICK)
    ours.set_callbacks(AtEnd("model", 1, lambda: client.cancel(sent)))
    assert_same_ensemble(ours.fit(X, Y), expected)
    assert len(sent) == 2


def test_the_rows_are_sent_once(client, expected, monkeypatch):
    sent = sent_by(monkeypatch)
    assert_same_ensemble(DaskTabularClassifier(**QUICK).fit(X, Y), expected)
    assert len(sent) == 1


def test_no_worker_is_left(impatient, monkeypatch, expected):
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        ours = DaskTabularClassifier(**QUICK)
        ours.set_callbacks(AtEnd("model", 1, impatient(lambda: cluster.scale(0))))
        with pytest.raises(WorkersLostError, match=r"no worker for 1 seconds.*fit again"):
            ours.fit(X, Y)
        assert not hasattr(ours, "members_")
        with pytest.raises(WorkersLostError, match="no worker for 1 seconds"):
            ours.fit(X, Y)
        monkeypatch.undo()
        cluster.scale(1)
        wait_for(lambda: len(client.nthreads()) == 1)
        assert_same_ensemble(ours.set_callbacks().fit(X, Y), expected)


def test_the_scheduler_is_gone(impatient):
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0")
    client = Client(cluster)
    ours = DaskTabularClassifier(**QUICK, client=client)
    ours.set_callbacks(AtEnd("model", 1, impatient(cluster.close)))
    with pytest.raises(WorkersLostError, match="no worker for 1 seconds"):
        ours.fit(X, Y)
    assert not hasattr(ours, "members_")
    client.close()


def test_models_that_are_lost_again_and_again_end_the_fit(client, monkeypatch):
    def lost(future, seconds):
        raise Lost("its worker was killed")

    monkeypatch.setattr(crew, "result_of", lost)
    ours = DaskTabularClassifier(**QUICK)
    with pytest.raises(WorkersLostError, match=r"models were lost.*was killed.*fit again"):
        ours.fit(X, Y)
    assert not hasattr(ours, "members_")


def test_workers_of_another_kind_are_told(client, expected):
    other = min(client.nthreads())
    client.run(pretend, "another processor", workers=[other])
    try:
        with pytest.warns(UserWarning, match="workers differ.*another processor"):
            ours = DaskTabularClassifier(**QUICK).fit(X, Y)
    finally:
        client.run(pretend, None, workers=[other])
    assert_same_ensemble(ours, expected)


def pretend(what):
    """Have this worker say that it is another machine."""
    from fastnn.dask import machines

    crew.machine = machines.machine if what is None else lambda: what


def test_an_interrupt_ends_the_models_and_frees_memory():
    one_fold = ShuffleSplit(1, test_size=0.5, random_state=0)  # so that each model is a member
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        client.run(stall)

        def interrupt():
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()

        ours = DaskTabularClassifier(**QUICK).set_params(cv=one_fold)
        ours.set_callbacks(AtEnd("model", 1, interrupt))
        with pytest.warns(UserWarning, match="interrupted by user"):
            ours.fit(X, Y)
        assert len(ours.members_) == 1
        assert ours.predict(X).shape == (len(X),)
        wait_for(lambda: not any(client.processing().values()))
        wait_for(lambda: set(client.run(kept_here).values()) == {(0, 0)})


def stall():
    """Have all models but the first take for ever, until they are asked to end."""
    from fastnn.tabular import fit

    train = fit.train

    def stalled(*arguments):
        *_, stopping, is_first = arguments
        while not is_first and not stopping.is_set():
            time.sleep(0.02)
        return train(*arguments)

    fit.train = stalled


def kept_here(dask_worker):
    from fastnn.dask.sharing import at_work

    return len(dask_worker.data), len(at_work)
