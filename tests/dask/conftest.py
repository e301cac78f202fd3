"""Clusters of processes on this machine, and a limit for each test: no hang, ever."""

import multiprocessing
import multiprocessing.forkserver
import signal
import sys

import dask
import pytest
from distributed import Client, LocalCluster
from on_clusters import wait_for

from fastnn.dask import workers

LIMIT = 240  # seconds, on a machine that is busy with other tests
IMPORTED = ["distributed", "dask.dataframe", "fastnn.dask.crew", "fastnn.dask.member"]


@pytest.fixture(autouse=True)
def limit():
    """Fail a test that hangs, where it stands."""

    def stop(number, frame):
        raise TimeoutError(f"The test has run for {LIMIT} seconds.")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session", autouse=True)
def forked_workers():
    """Fork workers from a process that has imported all: each takes seconds less to begin."""
    if sys.platform == "win32":  # which has no fork
        yield
        return
    threads = dask.config.get("distributed.nanny.pre-spawn-environ")  # libraries read it once
    with pytest.MonkeyPatch.context() as patch:
        for name, value in threads.items():
            patch.setenv(name, str(value))
        multiprocessing.set_forkserver_preload(IMPORTED)
        multiprocessing.forkserver.ensure_running()
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        yield


@pytest.fixture
def impatient(monkeypatch):
    """Have a fit give up a second after a fault, and not ten: a scheduler may be slow before it."""

    def after(fault):
        def begin():
            monkeypatch.setattr(workers, "PATIENCE", 1.0)
            fault()

        return begin

    return after


@pytest.fixture(scope="session")
def cluster():
    """Start three workers, each a process of one thread with a nanny."""
    with LocalCluster(
        n_workers=3, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as started:
        yield started


@pytest.fixture
def client(cluster):
    """Connect with three workers that live, and leave nothing behind."""
    with Client(cluster) as connected:
        wait_for(lambda: len(connected.nthreads()) == 3)
        yield connected
