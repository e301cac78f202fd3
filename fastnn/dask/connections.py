"""Connections between the members of a fit: who is let in, and numbers of a known count.

A member that connects speaks first and proves that it has the fit's token, with a number of its own
in it; then the other one does so, and sends another number, which the first proves to have read:

    --> hello, A, HMAC(token, 1 A hello)
    <-- B, HMAC(token, 2 A B hello)
    --> HMAC(token, 3 B A hello)

Who cannot say the first line gets no answer, and who repeats what it has overheard fails at the
third. `hello` tells the generation and the rank. The token itself is never sent.
"""

import contextlib
import hmac
import secrets
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable

import numpy as np

NONCE, PROOF = 32, 32
HELLO = struct.Struct("<qq")  # generation and rank
FRAME = struct.Struct("<qq")  # number of the step, and bytes that follow
HANDSHAKE = 5.0  # seconds
LOOKS = 1.0  # seconds from one look to the next whether a door is to be closed
MOST_STRANGERS = 32  # connections whose handshake is under way


class PeerLostError(Exception):
    """A connection has ended, or nothing came on it for too long."""

    def __init__(self, rank: int, reason: object) -> None:
        super().__init__(f"The connection with member {rank} was lost: {reason}")
        self.rank = rank


class Connection:
    """A connection with another member, on which arrays come and go.

    Parameters
    ----------
    sock : socket
    rank : int
        The other member's.
    silence : float
        Seconds without a byte after which it counts as lost.
    """

    def __init__(self, sock: socket.socket, rank: int, silence: float) -> None:
        self.socket, self.rank = sock, rank
        self.n_bytes = self.n_messages = 0
        sock.settimeout(silence)

    def send(self, step: int, arrays: list[np.ndarray]) -> None:
        """Send arrays, of which the other one knows the shapes."""
        size = sum(array.nbytes for array in arrays)
        try:
            self.socket.sendall(FRAME.pack(step, size))
            for array in arrays:
                if array.size:
                    self.socket.sendall(array.data.cast("B"))
        except OSError as error:
            raise PeerLostError(self.rank, error) from error
        self.n_bytes += size + FRAME.size
        self.n_messages += 1

    def receive(self, step: int, arrays: list[np.ndarray]) -> None:
        """Wait for arrays, and write them to these."""
        size = sum(array.nbytes for array in arrays)
        try:
            said = FRAME.unpack(_exactly(self.socket, FRAME.size))
            if said != (step, size):
                raise ConnectionError(f"step and bytes are {said} and not {(step, size)}")
            for array in arrays:
                if array.size:
                    _fill(self.socket, array.data.cast("B"))
        except OSError as error:
            raise PeerLostError(self.rank, error) from error

    def close(self) -> None:
        """End it, also for a thread that waits for something to come."""
        _close(self.socket)


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = bytearray(size)
    _fill(sock, memoryview(data))
    return bytes(data)


def _fill(sock: socket.socket, view: memoryview) -> None:
    while view:
        n = sock.recv_into(view)
        if n == 0:
            raise ConnectionError("the other side has closed it")
        view = view[n:]


def _close(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        sock.close()


def _proof(token: bytes, line: bytes, *said: bytes) -> bytes:
    return hmac.digest(token, line + b"".join(said), "sha256")


class Door:
    """Listens for the members that connect with this one.

    Parameters
    ----------
    host : str
        Address by which the scheduler knows the worker.
    token : bytes
        Of the fit.
    context : SSLContext or None
        Where the cluster uses TLS.
    is_wanted : callable
        Says, each second, whether the fit goes on.
    closed : callable
        Is called when it does not.
    """

    def __init__(
        self,
        host: str,
        token: bytes,
        context: ssl.SSLContext | None,
        is_wanted: Callable[[], bool],
        closed: Callable[[], None],
    ) -> None:
        self.token, self.context = token, context
        self._is_wanted, self._closed = is_wanted, closed
        family = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0][0]
        self._socket = socket.create_server((host, 0), family=family)
        self._socket.settimeout(LOOKS)
        self.host, self.port = host, self._socket.getsockname()[1]
        self._came: dict[tuple[int, int], socket.socket] = {}
        self._changed = threading.Condition()
        self._strangers = threading.BoundedSemaphore(MOST_STRANGERS)
        threading.Thread(target=self._work, name="fastnn-door", daemon=True).start()

    def _work(self) -> None:
        try:
            while self._is_wanted():
                with contextlib.suppress(TimeoutError):
                    sock, _ = self._socket.accept()
                    if self._strangers.acquire(blocking=False):
                        threading.Thread(target=self._let_in, args=(sock,), daemon=True).start()
                    else:
                        _close(sock)
        except OSError:
            pass  # it was closed
        finally:
            self.close()
            self._closed()

    def _let_in(self, sock: socket.socket) -> None:
        try:
            sock.settimeout(HANDSHAKE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.context is not None:
                sock = self.context.wrap_socket(sock, server_side=True)
            hello = self._handshake(sock)
        except OSError:
            hello = None
        finally:
            self._strangers.release()
        if hello is None:
            _close(sock)
            return
        with self._changed:
            self._came[hello] = sock
            self._changed.notify_all()

    def _handshake(self, sock: socket.socket) -> tuple[int, int] | None:
        said = _exactly(sock, HELLO.size + NONCE + PROOF)
        hello, theirs = said[: HELLO.size], said[HELLO.size : -PROOF]
        if not hmac.compare_digest(said[-PROOF:], _proof(self.token, b"1", theirs, hello)):
            return None
        ours = secrets.token_bytes(NONCE)
        sock.sendall(ours + _proof(self.token, b"2", theirs, ours, hello))
        answer = _proof(self.token, b"3", ours, theirs, hello)
        if not hmac.compare_digest(_exactly(sock, PROOF), answer):
            return None
        return HELLO.unpack(hello)

    def wait_for(self, generation: int, rank: int, seconds: float) -> socket.socket:
        """Wait until a member of a generation has connected.

        Raises
        ------
        PeerLostError
            If it does not.
        """
        end = time.monotonic() + seconds
        with self._changed:
            while (generation, rank) not in self._came:
                if (left := end - time.monotonic()) <= 0 or not self._is_wanted():
                    raise PeerLostError(rank, f"it has not connected within {seconds:g} seconds")
                self._changed.wait(min(left, LOOKS))
            return self._came.pop((generation, rank))

    def forget(self, generation: int) -> None:
        """Close what has come of earlier generations."""
        with self._changed:
            for hello in [hello for hello in self._came if hello[0] < generation]:
                _close(self._came.pop(hello))

    def close(self) -> None:
        """Listen no longer."""
        _close(self._socket)
        with self._changed:
            while self._came:
                _close(self._came.popitem()[1])


def connect(
    address: tuple[str, int],
    token: bytes,
    context: ssl.SSLContext | None,
    generation: int,
    rank: int,
    seconds: float,
) -> socket.socket:
    """Connect with another member's door, as the member of this rank.

    Raises
    ------
    OSError
        If it is not there, or has not the token.
    """
    sock = socket.create_connection(address, timeout=seconds)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            sock = context.wrap_socket(sock)
        hello, ours = HELLO.pack(generation, rank), secrets.token_bytes(NONCE)
        sock.sendall(hello + ours + _proof(token, b"1", ours, hello))
        said = _exactly(sock, NONCE + PROOF)
        theirs = said[:NONCE]
        if not hmac.compare_digest(said[NONCE:], _proof(token, b"2", ours, theirs, hello)):
            raise ConnectionError("it has not the token of the fit")
        sock.sendall(_proof(token, b"3", theirs, ours, hello))
    except BaseException:
        _close(sock)
        raise
    return sock
