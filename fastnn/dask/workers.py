"""Who is there: the workers of a cluster, and how long there were none."""

import time

from distributed import Client

from fastnn.dask.errors import WorkersLostError

PATIENCE = 10.0  # seconds without a worker after which a fit fails
ANSWER = 3.0  # seconds in which the scheduler has to say who is there


def threads_by_worker(client: Client) -> dict[str, int]:
    """Threads of the workers that there are, by address; none where the scheduler is silent."""
    scheduler = client.scheduler
    if scheduler is None or client.status != "running":
        return {}
    try:
        return dict(client.sync(scheduler.ncores, callback_timeout=ANSWER))
    except Exception:  # Dask's own are many, and all say that it is not there
        return {}


def workers_of(client: Client) -> set[str]:
    """Addresses of the workers that there are."""
    return set(threads_by_worker(client))


class Attendance:
    """Notes since when nobody is there.

    Parameters
    ----------
    client : Client
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self._end: float | None = None

    def present(self) -> set[str]:
        """Addresses of the workers that there are.

        Raises
        ------
        WorkersLostError
            If there were none for ten seconds.
        """
        addresses = workers_of(self.client)
        now = time.monotonic()
        self._end = None if addresses else self._end or now + PATIENCE
        if self._end is not None and now > self._end:
            raise WorkersLostError(f"there was no worker for {PATIENCE:g} seconds")
        return addresses
