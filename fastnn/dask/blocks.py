"""Blocks that lie in a cluster: chunks of Dask's collections, computed once for a fit."""

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import dask
import numpy as np
from distributed import Client, Future, get_client

from fastnn.dask.errors import BlocksLostError
from fastnn.dask.workers import Attendance
from fastnn.sources.blocks import Blocks, Part
from fastnn.sources.dask_blocks import chunks_of, part_of

LOOKS = 1.0  # seconds of a wait for a block, after which it is asked whether to go on
LONGEST = 600.0  # seconds for a block that is there to come to the client


class ClusterBlocks(Blocks):
    """A block for each chunk of rows of an array, or partition of a frame.

    They are computed when this is made, stay in the cluster as long as this lives, and are computed
    again when a worker is lost that had them. On its way to a worker this is the keys of them.

    Parameters
    ----------
    client : Client
    X : dask.array.Array or dask.dataframe.DataFrame
    y, weights : Dask collection, array-like or None
        Of as many chunks, or in memory where the sizes of chunks are known.
    """

    def __init__(self, client: Client, X: Any, y: Any, weights: Any) -> None:
        sizes = sizes_of(X)
        known = not any(math.isnan(size) for size in sizes)
        self.n_rows = [int(size) for size in sizes] if known else None
        self.names = list(X.columns) if hasattr(X, "columns") else None
        self.has_target, self.has_weights = y is not None, weights is not None
        parts = [chunks_of("X", X, sizes)]
        parts += [chunks_of("y", y, sizes)] if y is not None else []
        parts += [chunks_of("sample_weight", weights, sizes)] if weights is not None else []
        chunks = [chunk for column in parts for chunk in column]
        futures = client.compute(
            [
                dask.delayed(of, traverse=False) if isinstance(of, np.ndarray) else of
                for of in chunks
            ]
        )
        n = len(sizes)
        columns = [futures[start : start + n] for start in range(0, len(futures), n)]
        self.X = columns.pop(0)
        self.y = columns.pop(0) if y is not None else None
        self.weights = columns.pop(0) if weights is not None else None
        self.client: Any = client
        self.worker: Any = None
        self.check: Callable[[], Any] = Attendance(client).present

    def __getstate__(self) -> dict[str, Any]:
        state = {**vars(self), "client": None, "worker": None, "check": None}
        for name in ("X", "y", "weights"):
            if state[name] is not None:
                state[name] = [getattr(of, "key", of) for of in state[name]]  # or a key already
        return state

    def within(self, worker: Any, check: Callable[[], None]) -> "ClusterBlocks":
        """Make the same of keys, on a worker.

        Parameters
        ----------
        worker : Worker
            Dask's.
        check : callable
            Is called while a block is waited for, and may raise.
        """
        twin = copy.copy(self)
        twin.worker, twin.client, twin.check = worker, get_client(), check
        return twin

    def read(self, numbers: Iterable[int] | None, features: bool) -> Iterator[tuple[int, Part]]:
        """Bring blocks to this process, one after the other."""
        for number in range(len(self.X)) if numbers is None else numbers:
            asked = [self.X if features else None, self.y, self.weights]
            X: Any
            X, y, weights = (None if of is None else self._get(number, of) for of in asked)
            is_frame = self.names is not None and hasattr(X, "columns")
            yield int(number), part_of(X[self.names] if is_frame else X, y, weights)

    def _get(self, number: int, column: list[Any]) -> Any:
        """Wait for what a future, or on a worker a key, stands for."""
        future = column[number]
        if self.worker is not None:
            future = self._brought(Future(future, self.client), workers=[self.worker.address])
        future = settled(future, self.check, self._brought, self.where(number))
        if self.worker is not None and future.status == "finished":
            return self.worker.data[future.key]
        return future.result(timeout=LONGEST)

    def _brought(self, future: Any, **where: Any) -> Any:
        return bring_again(self.client, future, **where)


def settled(future: Any, check: Callable[[], Any], brought: Callable[[Any], Any], what: str) -> Any:
    """Wait until what a future stands for is there, or has failed.

    Parameters
    ----------
    future : Future
    check : callable
        Is called each second meanwhile, and may raise.
    brought : callable
        Asks for it again where it was lost with its worker, and so tells whether it comes again.
    what : str
        What it is, for a message.

    Raises
    ------
    BlocksLostError
        If it was lost, and Dask does not know how it was made.
    """
    pause, looked = 0.001, time.monotonic()
    while future.status in ("pending", "lost"):
        if future.status == "lost":
            future = brought(future)
        time.sleep(pause)
        pause = min(1.5 * pause, 0.02)
        if time.monotonic() > looked + LOOKS:
            check()
            looked = time.monotonic()
    if future.status == "cancelled":
        raise BlocksLostError(
            f"{what} of the data was lost with the worker that had it, and Dask cannot compute it "
            "again: have Dask read the data from where it lies, rather than scatter it"
        )
    return future


def bring_again(client: Any, future: Any, **where: Any) -> Any:
    """Have a block brought to a worker, and so computed again where it was lost."""
    return client.submit(_same, future, key=f"fastnn-block-{uuid4().hex}", **where)


def gathered(client: Client, lazy: Iterable[Any]) -> Iterator[Any]:
    """Have the workers compute what is lazy, all at once, and bring it here one by one.

    Raises
    ------
    WorkersLostError
        If there is no worker for ten seconds.
    """
    check = Attendance(client).present
    check()
    futures = client.compute([*lazy])
    for number in range(len(futures)):
        future, futures[number] = futures[number], None
        again = partial(bring_again, client)
        yield settled(future, check, again, f"block {number}").result(timeout=LONGEST)


def _same(part: Any) -> Any:
    """Be brought to where this task runs."""
    return part


def sizes_of(X: Any) -> tuple[float, ...]:
    """Rows of each chunk; NaN where they are not known."""
    if hasattr(X, "chunks"):
        return tuple(X.chunks[0])
    return (math.nan,) * X.npartitions
