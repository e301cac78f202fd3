"""The workers of a cluster as those who train the models of an ensemble, one on each thread.

What all models need, rows above all, is sent once, to all workers. A model whose worker is lost is
trained again by another one: it follows from its seed, so nothing else changes. joblib's backend
for Dask does less: it sends the rows to one worker, and nobody sends them again where it is lost.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterable
from typing import Any
from uuid import uuid4

from distributed import Client, Future, get_worker

from fastnn.dask.errors import WorkersLostError
from fastnn.dask.machines import machine, warn_if_they_differ
from fastnn.dask.results import GONE, Lost, asking, result_of
from fastnn.dask.sharing import at_work_on, is_wanted
from fastnn.dask.workers import Attendance, threads_by_worker

LOOKS = 0.5  # seconds from one look at who is there to the next
RESULT = 600.0  # seconds in which a model that is trained has to come
MOST_LOSSES = 5  # with no model trained in between


class ClusterCrew:
    """Trains models on the workers of a cluster.

    Parameters
    ----------
    client : Client
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self._attendance = Attendance(client)
        self._sent: Future | None = None  # what all models need
        self._futures: dict[int, Future] = {}  # of the models under way, by their places
        self._machines: dict[str, str] = {}  # what trains, by the address of the worker
        self._n_losses = 0

    def size(self) -> int:
        """Count the threads of all workers."""
        self._wait_for_workers()
        return max(1, sum(threads_by_worker(self.client).values()))

    def models(
        self, train: Callable[..., Any], jobs: list[Any], common: tuple[Any, ...]
    ) -> Generator[Any, None, None]:
        """Yield what ``train(place, job, *common)`` returns for each job, as they end.

        Raises
        ------
        WorkersLostError
            If there is no worker for ten seconds, or models are lost again and again.
        """
        left = dict(enumerate(jobs))
        try:
            while left:
                self._wait_for_workers()
                try:
                    self._hand_out(train, left, common)
                    ended = {
                        place: result_of(self._futures[place], RESULT) for place in self._ended()
                    }
                except Lost as event:
                    self._note(event)
                    continue
                for place, (model, address, kind) in ended.items():
                    self._machines[address] = kind
                    self._futures.pop(place).release()
                    del left[place]
                    self._n_losses = 0
                    yield model
            warn_if_they_differ(self._machines)
        finally:
            self._forget(self._futures)
            if self._sent is not None:
                self._sent.release()

    def _wait_for_workers(self) -> None:
        while True:
            try:
                if self._attendance.present():
                    return
            except WorkersLostError as error:
                raise WorkersLostError(_told(str(error))) from error
            time.sleep(LOOKS / 5)

    def _hand_out(
        self, train: Callable[..., Any], left: dict[int, Any], common: tuple[Any, ...]
    ) -> None:
        """Send what all models need to all workers, and have them train those that nobody has."""
        with asking(self.client):
            if self._sent is None:
                (self._sent,) = self.client.scatter([common], broadcast=True, hash=False)
            for place in sorted(left.keys() - self._futures.keys()):  # the longest first
                rest: dict[str, Any] = {"key": f"fastnn-model-{place}-{uuid4().hex}", "pure": False}
                given = train_here, train, place, left[place], self._sent
                self._futures[place] = self.client.submit(*given, **rest)

    def _ended(self) -> list[int]:
        """Wait for some to end; gives none where it is time to look who is there.

        Raises
        ------
        Lost
            If what all of them need is gone.
        """
        pause, end = 0.001, time.monotonic() + LOOKS
        while time.monotonic() < end:
            if ended := [place for place, of in self._futures.items() if of.status != "pending"]:
                return ended
            if self._are_rows_gone():
                raise Lost("the rows are gone")
            time.sleep(pause)
            pause = min(1.5 * pause, 0.02)
        return []

    def _are_rows_gone(self) -> bool:
        return self._sent is None or self._sent.status in GONE

    def _note(self, event: Lost) -> None:
        """Forget what is gone, so that it is handed out again."""
        self._n_losses += 1
        if self._n_losses == MOST_LOSSES:
            raise WorkersLostError(_told(f"models were lost, at last: {event}")) from event
        if self._are_rows_gone():
            self._sent = None
            self._forget(self._futures)
        self._forget(place for place, of in self._futures.items() if of.status in (*GONE, "error"))

    def _forget(self, places: Iterable[int]) -> None:
        for place in list(places):
            self._futures.pop(place).release()


def _told(why: str) -> str:
    return (
        f"The fit cannot go on: {why}. Nothing of it is kept: fit again, where there are workers."
    )


# ----------------------------------------------------------------------------- tasks of Dask


class Unwanted(threading.Event):
    """Is set when the scheduler no longer wants a task: the fit was ended, or its client is gone.

    Parameters
    ----------
    worker : Worker
    key : str
        Of the task.
    """

    def __init__(self, worker: Any, key: str) -> None:
        super().__init__()
        self.worker, self.key = worker, key

    def is_set(self) -> bool:
        """Whether it is so."""
        return super().is_set() or not is_wanted(self.worker, self.key)


def train_here(
    train: Callable[..., Any], place: int, job: Any, common: tuple[Any, ...]
) -> tuple[Any, str, str]:
    """Train a model in this worker, on its share of the worker's threads; tell where that was."""
    worker = get_worker()
    with at_work_on(worker):
        result = train(place, job, *common, Unwanted(worker, str(worker.get_current_task())))
    return result, worker.address, machine()
