"""A slower network than a machine has with itself: bytes that are passed on later, and no faster.

Each direction of a connection through the relay has a delay and a rate of its own, as two machines
have that are joined by nothing else. It stands in for `netem`, which few kernels bring along.
"""

import ctypes
import multiprocessing
import queue
import socket
import threading
import time
from multiprocessing.connection import Connection
from typing import Self

CHUNK = 1 << 16  # bytes that are passed on together
PR_SET_TIMERSLACK = 29  # prctl's: a sleep is else up to 50 us longer than asked for


class Relay:
    """A process that passes on what comes.

    Parameters
    ----------
    delay : float
        Seconds, one way.
    rate : float
        Bits a second, one way.
    """

    def __init__(self, delay: float, rate: float) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        given = theirs, delay, rate / 8
        self._process = context.Process(target=_serve, args=given, daemon=True)
        self._process.start()
        self.address: tuple[str, int] = ours.recv()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.join()


def door_to(address: tuple[str, int], relay: tuple[str, int]) -> tuple[str, int]:
    """Ask a relay for a port behind which one connection to this address is."""
    with socket.create_connection(relay) as asked:
        asked.sendall(f"{address[0]} {address[1]}\n".encode())
        return relay[0], int(asked.makefile().readline())


def _serve(told: Connection, delay: float, rate: float) -> None:
    asked = socket.create_server(("127.0.0.1", 0))
    told.send(asked.getsockname())
    while True:
        sock, _ = asked.accept()
        threading.Thread(target=_answer, args=(sock, delay, rate), daemon=True).start()


def _answer(asked: socket.socket, delay: float, rate: float) -> None:
    with asked, socket.create_server(("127.0.0.1", 0)) as door:
        host, port = asked.makefile().readline().split()
        asked.sendall(f"{door.getsockname()[1]}\n".encode())
        one, _ = door.accept()
    other = socket.create_connection((host, int(port)))
    for source, target in ((one, other), (other, one)):
        target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        late: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        threading.Thread(target=_read, args=(source, late, delay, rate), daemon=True).start()
        threading.Thread(target=_write, args=(target, late), daemon=True).start()


def _read(source: socket.socket, late: queue.SimpleQueue, delay: float, rate: float) -> None:
    """Note for each chunk when its last byte arrives."""
    is_free = 0.0
    data = b"-"
    while data:
        try:
            data = source.recv(CHUNK)
        except OSError:
            data = b""
        is_free = max(is_free, time.perf_counter()) + len(data) / rate
        late.put((is_free + delay, data))


def _write(target: socket.socket, late: queue.SimpleQueue) -> None:
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    while True:
        due, data = late.get()
        if (left := due - time.perf_counter()) > 0:
            time.sleep(left)
        try:
            if not data:
                target.shutdown(socket.SHUT_WR)
                return
            target.sendall(data)
        except OSError:
            return
