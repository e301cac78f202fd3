"""What a task of Dask's has brought, or that it is gone with its worker."""

import contextlib
from collections.abc import Iterator
from typing import Any

from distributed import Client, Future

GONE = ("lost", "cancelled")  # states of a Dask task that nobody computes
KILLED = ("KilledWorker", "CommClosedError", "FutureCancelledError", "FuturesCancelledError")


class Lost(Exception):  # noqa: N818  it is no error but an event
    """A task is gone with its worker, or a connection of it with another one."""


@contextlib.contextmanager
def asking(client: Client) -> Iterator[None]:
    """Ask something of the cluster.

    Raises
    ------
    Lost
        If a connection has ended, or took too long.
    """
    try:
        yield
    except OSError as error:  # Dask's own, of connections and of time, are such
        raise Lost(str(error)) from error
    except Exception as error:
        if client.status == "running":
            raise
        raise Lost("the client is no longer connected") from error


def result_of(future: Future, seconds: float) -> Any:
    """Give what a task that has ended has brought.

    Raises
    ------
    Lost
        If it is gone with its worker, or does not come within so many seconds.
    Exception
        What the task itself has raised.
    """
    if future.status in GONE:
        raise Lost(f"the task {future.key} is {future.status}")
    try:
        return future.result(timeout=seconds)
    except Exception as error:
        is_dasks = isinstance(error, TimeoutError) or type(error).__name__ in KILLED
        if is_dasks or future.status != "error":
            raise Lost(str(error)) from error
        raise
