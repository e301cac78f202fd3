"""Networks that fail between machines: cables that are cut, and schedulers that die."""

import contextlib
import signal
import socket
import subprocess
import sys
import threading

import pytest
from distributed import Client
from on_clusters import (
    AtEnd,
    assert_same_bits,
    collections,
    on_one_machine,
    parameters,
    plant,
    wait_for,
)

from fastnn.dask import DaskMLPClassifier, WorkersLostError, fit, workers

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def expected():
    return on_one_machine()


# ------------------------------------------------------------------------------ between workers


@pytest.mark.parametrize("rank", [0, 2])
def test_a_cable_is_cut_for_a_while(client, expected, monkeypatch, rank):
    """Nothing comes, and nothing ends the connection: silence alone tells."""
    monkeypatch.setattr(fit, "SILENCE", 1.0)
    victim = sorted(client.nthreads())[rank]
    client.run(plant, "dask.connections:Connection:send", 6, "mute", workers=[victim])
    ours = DaskMLPClassifier(**parameters()).fit(*collections())
    assert victim in client.nthreads()
    assert_same_bits(ours, expected)


@pytest.mark.parametrize("n_bytes", [0, 30_000])
def test_a_cable_is_cut_for_good(client, monkeypatch, n_bytes):
    """Nobody comes through to the first worker, from the start or from a step on."""
    expected = on_one_machine(max_iter=2)  # in each epoch it is tried again, for seconds
    monkeypatch.setattr(fit, "SILENCE", 1.0)
    victim = min(client.nthreads())
    client.run(hurry)
    client.run(cut_after, n_bytes, workers=[victim])
    try:
        ours = DaskMLPClassifier(**parameters(max_iter=2)).fit(*collections())
    finally:
        client.run(mend)
    assert_same_bits(ours, expected)


def hurry():
    """Wait for others for no more than a second."""
    from fastnn.dask import member

    member.MEETING = 1.0


def cut_after(n_bytes):
    """Let the next doors of this worker be reached by a relay, which drops all after some bytes."""
    from fastnn.dask import connections

    init = connections.Door.__init__
    undo.append(lambda: setattr(connections.Door, "__init__", init))

    def planted(door, *arguments):
        init(door, *arguments)
        relay = Relay(door.host, door.port, n_bytes)
        undo.append(relay.listener.close)
        door.port = relay.port

    connections.Door.__init__ = planted


def mend():
    from fastnn.dask import member

    member.MEETING = 20.0
    while undo:
        undo.pop()()


undo = []


class Relay:
    """Passes on what comes, until so many bytes have gone to the door; then nothing, either way."""

    def __init__(self, host, port, left):
        self.to, self.left = (host, port), left
        self.listener = socket.create_server((host, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                inner, _ = self.listener.accept()
                outer = socket.create_connection(self.to)
                for pair in ((inner, outer), (outer, inner)):
                    threading.Thread(target=self.pass_on, args=pair, daemon=True).start()

    def pass_on(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.left -= len(data)
                if self.left > 0:
                    target.sendall(data)


# ------------------------------------------------------------------------------- the scheduler


@contextlib.contextmanager
def process(*command):
    """Run a part of a cluster, and end it."""
    started = subprocess.Popen(
        [sys.executable, "-m", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def scheduler(port):
    where = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    return process("distributed.cli.dask_scheduler", *where)


def worker(address):
    how = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"]
    return process("distributed.cli.dask_worker", address, *how)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_a_scheduler_is_killed_and_comes_again(expected):
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    ours = DaskMLPClassifier(**parameters())
    with scheduler(port) as first, worker(address), Client(address, timeout=60) as client:
        wait_for(lambda: len(client.nthreads()) == 1)
        ours.set_callbacks(AtEnd("epoch", 2, lambda: first.send_signal(signal.SIGKILL)))
        with pytest.raises(WorkersLostError, match=r"cannot go on.*resume") as caught:
            ours.fit(*collections())
    checkpoint = caught.value.checkpoint
    assert not hasattr(ours, "coefs_")
    assert checkpoint.n_iter_ == 2
    with scheduler(port), worker(address), Client(address, timeout=60) as client:
        wait_for(lambda: len(client.nthreads()) == 1)
        assert_same_bits(checkpoint.resume(*collections()), expected)


def test_a_scheduler_restarts_at_once(expected):
    """The client finds it again, and new workers: nothing of the fit is left there."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(scheduler(port))
        stack.enter_context(worker(address))
        client = stack.enter_context(Client(address, timeout=60))
        wait_for(lambda: len(client.nthreads()) == 1)

        def restart():
            first.kill()
            first.wait()
            stack.enter_context(scheduler(port))
            stack.enter_context(worker(address))

        ours = DaskMLPClassifier(**parameters())
        ours.set_callbacks(AtEnd("epoch", 2, restart))
        with pytest.raises(WorkersLostError, match=r"cannot go on.*resume") as caught:
            ours.fit(*collections())
        wait_for(lambda: len(workers.workers_of(client)) == 1)
        assert_same_bits(caught.value.checkpoint.resume(*collections()), expected)


# ----------------------------------------------------------------------------------- the machines


def test_workers_of_another_kind_are_told(client, expected):
    other = min(client.nthreads())
    client.run(pretend, "another processor", workers=[other])
    try:
        with pytest.warns(UserWarning, match="workers differ.*another processor"):
            ours = DaskMLPClassifier(**parameters()).fit(*collections())
    finally:
        client.run(pretend, None, workers=[other])
    assert_same_bits(ours, expected)


def pretend(what):
    """Have this worker say that it is another machine."""
    from fastnn.dask import machines, member

    member.machine = machines.machine if what is None else lambda: what
