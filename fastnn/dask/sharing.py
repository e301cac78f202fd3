"""What tasks in one worker share, its threads, and whether anybody wants what they bring."""

import contextlib
from collections.abc import Iterator
from typing import Any

from fastnn.engine import threads

at_work: list[str] = []  # addresses of the workers in which a fit or a model is at work now


def threads_of(worker: Any) -> int:
    """Give the threads of a worker, divided among those that are at work there."""
    return max(1, worker.state.nthreads // max(1, at_work.count(worker.address)))


@contextlib.contextmanager
def at_work_on(worker: Any) -> Iterator[None]:
    """Count as one of those that are at work in a worker, and take no more than a share of it.

    The ceilings of the process do not count: Dask's nanny sets ``OMP_NUM_THREADS=1``, for it takes
    each of a worker's threads for a task of its own.
    """
    at_work.append(worker.address)
    try:
        with threads.granted(lambda: threads_of(worker)):
            yield
    finally:
        at_work.remove(worker.address)


def is_wanted(worker: Any, key: str) -> bool:
    """Whether the scheduler wants the result of a worker's task, done or not."""
    if worker.status.name not in ("running", "paused"):
        return False
    known = worker.state.tasks.get(key)
    return known is not None and known.state not in ("released", "forgotten", "cancelled")
