"""Workers that are killed, come and go: the same bits as if nothing had happened."""

import os
import signal
import threading
from types import SimpleNamespace

import dask
import numpy as np
import pytest
from distributed import Client, LocalCluster
from on_clusters import (
    AtEnd,
    assert_same_bits,
    collections,
    on_one_machine,
    parameters,
    plant,
    wait_for,
)

from fastnn import make_source
from fastnn.dask import DaskMLPClassifier, WorkersLostError, workers

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such signal"),
]


MOMENTS = [  # place, how often it was reached, and whose worker by its rank
    ("dask.member:Member:_load", 1, 0),
    ("dask.member:Member:_meet", 1, 1),
    ("dask.member:Member:_take_steps", 2, 2),
    ("engine.shards:ShardSteps:begin", 1, 2),
    ("engine.shards:ShardSteps:sums", 11, 1),
    ("dask.connections:Connection:send", 3, 0),
    ("dask.connections:Connection:receive", 4, 1),
    ("engine.shards:ShardSteps:finish", 1, 0),
    ("engine.shards:ShardSteps:finish", 20, 1),
    ("sources.order:SeededRows:begin", 3, 0),
]


@pytest.fixture(scope="module")
def expected():
    return on_one_machine()


@pytest.mark.parametrize(("place", "count", "rank"), MOMENTS)
def test_a_worker_is_killed(client, expected, place, count, rank):
    victim = sorted(client.nthreads())[rank]
    client.run(plant, place, count, workers=[victim])
    ours = DaskMLPClassifier(**parameters()).fit(*collections())
    assert victim not in client.nthreads()
    assert_same_bits(ours, expected)


def test_a_connection_is_lost(client, expected):
    victim = sorted(client.nthreads())[1]
    client.run(plant, "dask.connections:Connection:send", 6, "lose", workers=[victim])
    ours = DaskMLPClassifier(**parameters()).fit(*collections())
    assert victim in client.nthreads()
    assert_same_bits(ours, expected)


def pid_of(client, address):
    return client.run(os.getpid, workers=[address])[address]


def test_a_worker_that_comes_takes_part_from_the_next_epoch_on(expected):
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        calls = []

        def grow():
            cluster.scale(2)
            wait_for(lambda: len(client.nthreads()) == 2)

        def look():
            calls.extend(client.run(members_here).values())

        ours = DaskMLPClassifier(**parameters())
        ours.set_callbacks(AtEnd("epoch", 1, grow), AtEnd("epoch", 3, look)).fit(*collections())
        assert calls == [1, 1]
        assert_same_bits(ours, expected)
        wait_for(lambda: set(client.run(members_here).values()) == {0})  # nothing stays behind


def members_here():
    from fastnn.dask import member

    return len(member.members)


def test_no_worker_is_left(impatient, monkeypatch, expected):
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        rows, y = collections()
        ours = DaskMLPClassifier(**parameters())
        ours.set_callbacks(AtEnd("epoch", 2, impatient(lambda: cluster.scale(0))))
        with pytest.raises(WorkersLostError, match="no worker for 1 seconds") as caught:
            ours.fit(rows, y)
        assert not hasattr(ours, "coefs_")
        checkpoint = caught.value.checkpoint
        assert checkpoint.n_iter_ == 2
        with dask.config.set(scheduler="threads"):  # there is nobody else
            local = checkpoint.to_local().resume(make_source(rows, y))
        assert_same_bits(local, expected)
        monkeypatch.undo()
        cluster.scale(1)
        wait_for(lambda: len(client.nthreads()) == 1)
        assert_same_bits(checkpoint.resume(rows, y), expected)


def test_ten_seconds_without_a_worker_in_a_row_are_too_many(monkeypatch):
    def present(at, *addresses):
        monkeypatch.setattr(workers, "time", SimpleNamespace(monotonic=lambda: at))
        monkeypatch.setattr(workers, "workers_of", lambda client: set(addresses))
        return attendance.present()

    attendance = workers.Attendance(None)
    assert present(0.0) == present(9.9) == set()
    assert present(9.95, "one") == {"one"}
    assert present(11.0) == present(20.9) == set()
    with pytest.raises(WorkersLostError, match="no worker for 10 seconds"):
        present(21.1)


def test_the_scheduler_is_gone(impatient):
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0")
    client = Client(cluster)
    ours = DaskMLPClassifier(**parameters(), client=client)
    ours.set_callbacks(AtEnd("epoch", 2, impatient(cluster.close)))
    with pytest.raises(WorkersLostError, match="no worker for 1 seconds") as caught:
        ours.fit(*collections())
    assert caught.value.checkpoint.n_iter_ == 2
    client.close()


def test_an_interrupt_ends_the_tasks_and_frees_memory(client):
    def interrupt():
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()

    ours = DaskMLPClassifier(**parameters(max_iter=100_000, tol=0.0, n_iter_no_change=10**6))
    ours.set_callbacks(AtEnd("epoch", 2, interrupt))
    with pytest.warns(UserWarning, match="interrupted by user"):
        ours.fit(*collections())
    assert 2 <= ours.n_iter_ < 100_000
    assert np.isfinite(ours.loss_)
    wait_for(lambda: set(client.run(members_here).values()) == {0})
    wait_for(lambda: not any(client.processing().values()))


def test_a_slow_worker_changes_nothing(client, expected):
    pid = pid_of(client, sorted(client.nthreads())[1])

    def stop_for_a_while():
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(2.0, os.kill, (pid, signal.SIGCONT)).start()

    ours = DaskMLPClassifier(**parameters())
    ours.set_callbacks(AtEnd("epoch", 1, stop_for_a_while)).fit(*collections())
    assert_same_bits(ours, expected)


def test_two_fits_at_once(client, expected):
    models = [DaskMLPClassifier(**parameters(), client=client) for _ in range(2)]
    given = collections()
    fits = [threading.Thread(target=model.fit, args=given) for model in models]
    for fit in fits:
        fit.start()
    for fit in fits:
        fit.join()
    for model in models:
        assert_same_bits(model, expected)
