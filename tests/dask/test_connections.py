"""Connections between members: who is let in, and what comes when the other side is gone."""

import socket
import threading
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from on_clusters import wait_for

from fastnn.dask import connections
from fastnn.dask.connections import Connection, Door, PeerLostError, connect

TOKEN = bytes(range(32))


opened_by_tests = []


@pytest.fixture
def door():
    wanted = [True]
    opened = Door("127.0.0.1", TOKEN, None, lambda: wanted[0], lambda: None)
    yield opened
    wanted[0] = False
    opened.close()
    while opened_by_tests:
        opened_by_tests.pop().close()


def pair(door, silence=5.0):
    theirs = connect((door.host, door.port), TOKEN, None, 3, 1, 5.0)
    both = Connection(door.wait_for(3, 1, 5.0), 1, silence), Connection(theirs, 0, silence)
    opened_by_tests.extend(both)
    return both


def test_arrays_go_both_ways(door):
    ours, theirs = pair(door)
    given = [np.arange(1000.0), np.empty(0), np.arange(6, dtype=np.float32).reshape(2, 3)]
    taken = [np.zeros_like(array) for array in given]
    for sender, receiver in ((ours, theirs), (theirs, ours)):
        sender.send(7, given)
        receiver.receive(7, taken)
        for a, b in zip(taken, given, strict=True):
            assert_array_equal(a, b)
    assert (ours.n_messages, ours.n_bytes) == (1, 8000 + 24 + 16)


@pytest.mark.parametrize("step", [6, 8])
def test_what_is_not_expected_is_refused(door, step):
    ours, theirs = pair(door)
    theirs.send(step, [np.zeros(3)])
    with pytest.raises(PeerLostError, match="step and bytes"):
        ours.receive(7, [np.zeros(3)])
    theirs.send(7, [np.zeros(4)])
    with pytest.raises(PeerLostError):
        ours.receive(7, [np.zeros(3)])


def test_a_side_that_ends_is_noticed_at_once(door):
    ours, theirs = pair(door, silence=60.0)
    threading.Timer(0.1, theirs.close).start()
    with pytest.raises(PeerLostError, match="member 1"):
        ours.receive(1, [np.zeros(3)])
    threading.Timer(0.1, ours.close).start()
    with pytest.raises(PeerLostError):
        ours.receive(1, [np.zeros(3)])


def test_silence_has_an_end(door):
    ours, _ = pair(door, silence=0.2)
    with pytest.raises(PeerLostError, match="timed out"):
        ours.receive(1, [np.zeros(3)])


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n\r\n", bytes(80), bytes(10_000)])
def test_a_stranger_is_told_nothing(door, said, monkeypatch):
    monkeypatch.setattr(connections, "HANDSHAKE", 0.3)
    with socket.create_connection((door.host, door.port), timeout=5) as stranger:
        stranger.sendall(said)
        try:
            answer = stranger.recv(1)
        except ConnectionResetError:
            answer = b""
        assert answer == b""
    assert len(pair(door)) == 2  # the others come in all the same


def test_another_token_does_not_open(door):
    with pytest.raises(OSError, match="closed"):
        connect((door.host, door.port), bytes(32), None, 0, 1, 5.0)


def test_what_was_overheard_does_not_open(door):
    heard = []

    def relay(listener):
        inner, _ = listener.accept()
        outer = socket.create_connection((door.host, door.port))
        with inner, outer:
            for source, target, size in (
                (inner, outer, 80),
                (outer, inner, 64),
                (inner, outer, 32),
            ):
                data = source.recv(size, socket.MSG_WAITALL)
                heard.append(data)
                target.sendall(data)
            time.sleep(0.2)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=relay, args=(listener,))
        thread.start()
        connect(listener.getsockname(), TOKEN, None, 3, 1, 5.0).close()
        thread.join()
    door.wait_for(3, 1, 5.0).close()
    with socket.create_connection((door.host, door.port), timeout=5) as stranger:
        stranger.sendall(heard[0])
        assert len(stranger.recv(64, socket.MSG_WAITALL)) == 64
        stranger.sendall(heard[2])
        assert stranger.recv(1) == b""
    with pytest.raises(PeerLostError, match=r"within 0\.3 seconds"):
        door.wait_for(3, 1, 0.3)


def test_a_door_that_has_not_the_token_is_left():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            inner, _ = listener.accept()
            with inner:
                inner.recv(80, socket.MSG_WAITALL)
                inner.sendall(bytes(64))

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ConnectionError, match="token"):
            connect(listener.getsockname(), TOKEN, None, 0, 1, 5.0)
        thread.join()


def test_a_door_closes_when_the_fit_is_over(monkeypatch):
    monkeypatch.setattr(connections, "LOOKS", 0.1)
    ended = []
    door = Door("127.0.0.1", TOKEN, None, lambda: False, lambda: ended.append(True))
    wait_for(lambda: ended)
    with pytest.raises(OSError, match=r"refused|closed"):
        connect((door.host, door.port), TOKEN, None, 0, 1, 1.0)
