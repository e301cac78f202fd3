"""Clusters of processes on this machine, and a limit for each test: no hang, ever."""

import signal

import pytest
from distributed import Client, LocalCluster
from on_clusters import wait_for

LIMIT = 240  # seconds, on a machine that is busy with other tests


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
