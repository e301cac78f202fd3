"""The members of a fit as its client sees them: who they are, what they are told, who is gone."""

import time
from collections.abc import Iterator
from itertools import count
from types import TracebackType
from typing import Any, NamedTuple, NoReturn, Self
from uuid import uuid4

from distributed import Client, Future

from fastnn.dask.errors import BlocksLostError, TeamIsLostError, WorkersLostError
from fastnn.dask.job import Command, Job, Place, Reply, State
from fastnn.dask.machines import warn_if_they_differ
from fastnn.dask.member import join, take
from fastnn.dask.results import GONE, Lost, asking, result_of
from fastnn.dask.workers import Attendance, workers_of

LOOKS = 0.5  # seconds from one look at who is there to the next
RESULT = 10.0  # seconds in which the result of a task that has ended has to come
MOST_LOSSES = 20  # members or connections, with no command done in between
BLAMES = 2  # connections lost with a worker that lives, until it is left out of an epoch


class Held(NamedTuple):
    """A worker's member: the task that makes it, whose result it lives by."""

    key: str
    made: Future
    place: Place | None = None


class Team:
    """Forms the workers of a cluster, and has them take steps.

    Parameters
    ----------
    client : Client
    job : Job
    """

    def __init__(self, client: Client, job: Job) -> None:
        self.client, self.job = client, job
        self.generation = -1
        self.why_lost = ""  # once nobody is there
        self._n_losses = 0
        self.sent = 0, 0  # bytes and messages of the first member
        self._name = f"fastnn-{uuid4().hex}"
        self._numbers = count()
        self._held: dict[str, Held] = {}  # by the address of the worker
        self._places: dict[str, Any] = {}  # of the generation's members, by rank
        self._blames: dict[str, int] = {}
        self._needs_state = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let all members end."""
        held, self._held, self._places = self._held, {}, {}
        for one in held.values():
            one.made.release()

    @property
    def members(self) -> list[str]:
        """Addresses of the workers, by rank."""
        return list(self._places)

    # ------------------------------------------------------------------------------- commands

    def take(
        self, state: State, epoch: int, start: int, stop: int, learning_rate: float, share: float
    ) -> Reply:
        """Have steps taken, by whoever is there; returns what the first member says.

        Raises
        ------
        TeamIsLostError
            If nobody is there for ten seconds.
        """
        if start == 0:
            self._see_who_came()
        while True:
            if not self._places:
                self._form()
            steps = (state if self._needs_state else None, epoch, start, stop, learning_rate, share)
            try:
                return self._take(*steps)
            except Lost as event:
                self._note(event)

    def _note(self, event: Lost) -> None:
        self._places = {}
        self._n_losses += 1
        if self._n_losses == MOST_LOSSES:
            self._give_up(f"workers were lost {MOST_LOSSES} times in a row, at last: {event}")

    def _give_up(self, why: str) -> NoReturn:
        self.why_lost = why
        raise TeamIsLostError

    def _take(self, state: State | None, *steps: Any) -> Reply:
        places = tuple(self._places.values())
        futures = {}
        for rank, address in enumerate(self._places):
            command = Command(self.generation, rank, places, state, *steps)
            key = self._held[address].key
            futures[address] = self._submit(take, address, "steps", key, command)
        replies = self._collect(futures)
        first, *others = replies.values()
        self._needs_state = any(other.digest != first.digest for other in others)
        self._blames.clear()
        self._n_losses = 0
        self.sent = first.sent
        return first

    def _collect(self, futures: dict[str, Future]) -> dict[str, Reply]:
        """Wait for the replies of all.

        Raises
        ------
        Lost
            If one is gone.
        """
        replies = {}
        for address, future in self._ended(futures):
            reply = replies[address] = result_of(future, RESULT)
            if reply.lost is not None:
                self._blame(self.members[reply.lost])
                raise Lost(f"{address}: {reply.reason}")
        return {address: replies[address] for address in futures}

    def _blame(self, address: str) -> None:
        self._blames[address] = self._blames.get(address, 0) + 1

    # -------------------------------------------------------------------------------- forming

    def _see_who_came(self) -> None:
        """Let workers in that have come, or were left out, at the beginning of an epoch."""
        self._blames.clear()
        if self._places and workers_of(self.client) - set(self._places):
            self._places = {}

    def _form(self) -> None:
        """Bring the workers that there are together as a new generation."""
        while True:
            addresses = self._wait_for_workers()
            for address in set(self._held) - addresses:
                self._held.pop(address).made.release()
            for address, one in list(self._held.items()):
                if one.made.status in GONE:
                    self._held.pop(address).made.release()
            try:
                for address in sorted(addresses - set(self._held)):
                    self._held[address] = self._join(address)
                for address, future in self._ended({a: self._held[a].made for a in addresses}):
                    if self._held[address].place is None:
                        place = result_of(future, RESULT)
                        self._held[address] = self._held[address]._replace(place=place)
            except BlocksLostError as error:
                self._give_up(str(error))
            except Lost as event:
                self._forget_the_lost()
                self._note(event)
                continue
            break
        self.generation += 1
        self._places = {address: self._held[address].place for address in sorted(addresses)}
        self._needs_state = True
        warn_if_they_differ({address: place.machine for address, place in self._places.items()})

    def _wait_for_workers(self) -> set[str]:
        attendance = Attendance(self.client)
        while True:
            try:
                addresses = attendance.present()
            except WorkersLostError as error:
                self._give_up(str(error))
            left_out = {a for a, blames in self._blames.items() if blames >= BLAMES}
            if found := addresses - left_out or addresses:
                return found
            time.sleep(LOOKS / 5)

    def _join(self, address: str) -> Held:
        future = self._submit(join, address, "member", self.job)
        return Held(str(future.key), future)

    def _forget_the_lost(self) -> None:
        for address, one in list(self._held.items()):
            if one.made.status != "finished":
                self._held.pop(address).made.release()

    # ---------------------------------------------------------------------------------- tasks

    def _submit(self, function: Any, address: str, what: str, *arguments: Any) -> Future:
        key = f"{self._name}-{what}-{next(self._numbers)}"
        where = {"workers": [address], "allow_other_workers": False}
        rest = {"key": key, "pure": False, "priority": 1000, **where}
        with asking(self.client):
            return self.client.submit(function, *arguments, **rest)

    def _ended(self, futures: dict[str, Future]) -> Iterator[tuple[str, Future]]:
        """Give each task when it has ended, and see meanwhile whether the workers are there.

        Raises
        ------
        Lost
            If one of them is not.
        """
        pending, pause, looked = dict(futures), 0.001, time.monotonic()
        while pending:
            ended = [address for address, of in pending.items() if of.status != "pending"]
            for address in ended:
                yield address, pending.pop(address)
            if ended or not pending:
                continue
            time.sleep(pause)
            pause = min(1.5 * pause, 0.02)
            if time.monotonic() > looked + LOOKS:
                if gone := set(futures) - workers_of(self.client):
                    raise Lost(f"{gone} are gone")
                looked = time.monotonic()
