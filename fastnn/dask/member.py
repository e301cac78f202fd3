"""A member of a fit, on a worker: its rows, its parameters, and its part of each step."""

import threading
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
from distributed import get_worker, secede
from distributed.comm import get_address_host

from fastnn.dask.connections import Connection, Door, PeerLostError, connect
from fastnn.dask.exchange import Links, children_of, exchange, parent_of
from fastnn.dask.job import Command, Job, Place, Reply, State
from fastnn.dask.machines import machine
from fastnn.dask.sharing import at_work_on, is_wanted, threads_of
from fastnn.engine import threads
from fastnn.engine.base import Gradient, Stepper
from fastnn.engine.cpu import CPU
from fastnn.engine.data import Data
from fastnn.engine.shards import ShardSteps
from fastnn.kernels.arguments import LOSS, ROWS
from fastnn.sources.ahead import Ahead
from fastnn.sources.order import SeededRows, StreamedRows
from fastnn.sources.rows import encoded, gathered
from fastnn.sources.source import Source
from fastnn.sources.stepper import WindowStepper
from fastnn.sources.windows import Windows

MEETING = 20.0  # seconds within which the members of a generation have to find each other


class NotWantedError(Exception):
    """The fit is over, or the client has gone."""


class SharedStepper(Stepper):
    """Takes steps of which other members compute a part.

    Parameters
    ----------
    member : Member
        Has the connections with the others.
    data : Data
    order : ndarray of int64
        Rows in the order in which they train.
    """

    def __init__(self, member: "Member", data: Data, order: np.ndarray) -> None:
        problem = replace(member.problem, data=data, rows=order)
        self.member, self.order, self.batch_size = member, order, member.job.batch_size
        self.shards = ShardSteps(problem, member.solver, self.batch_size)

    def steps(self, start: int, stop: int, learning_rate: float) -> None:
        """Take the step of one mini-batch."""
        progress, links, shards = self.member.solver.progress, self.member.links, self.shards
        rows = self.order[start : min(start + self.batch_size, stop)]
        if progress[ROWS] == 0:
            progress[LOSS] = 0
        n_threads = threads_of(self.member.worker)
        batch, share = shards.begin(rows, links.rank, links.n_ranks, n_threads)
        if batch.weight != 0:
            exchange(links, shards, batch, share)
            shards.finish(batch, learning_rate, n_threads)
        progress[ROWS] += rows.size

    def gradient(self, rows: np.ndarray) -> Gradient:
        """Give no gradient: it is none of one member's."""
        raise NotImplementedError

    def update(self, gradient: np.ndarray, learning_rate: float) -> None:
        """Take no gradient from elsewhere."""
        raise NotImplementedError

    def regularize(self, share: float) -> None:
        """Take this share of the problem's dropout and weight decay from the next step on."""
        self.shards.regularize(share)

    def last_gradient(self) -> np.ndarray:
        """Give the last mini-batch's gradient by all parameters."""
        return self.shards.last_gradient()


class Member:
    """What a worker has of a fit.

    Parameters
    ----------
    job : Job
    worker : Worker
        Dask's.
    key : str
        Of the task that makes this: it lives as long as the scheduler wants that task's result.
    """

    def __init__(self, job: Job, worker: Any, key: str) -> None:
        self.job, self.worker, self.key = job, worker, key
        self.solver = job.solver.copy()
        self.problem = replace(job.problem, network=job.problem.network.copy())
        self.generation, self.links = -1, Links(0, 1, None, [])
        self._is_made = self._is_over = False
        self._epoch = -1
        self._one_command = threading.Lock()
        self._ahead: Ahead | None = None
        is_tls = worker.address.startswith("tls://")
        security = worker.security
        listens = security.get_listen_args("worker")["ssl_context"] if is_tls else None
        self.context = security.get_connection_args("worker")["ssl_context"] if is_tls else None
        self.door = Door(host_of(worker), job.token, listens, self.is_wanted, self.end)
        try:
            self._load()
        except BaseException:
            self.end()
            raise
        self._is_made = True

    # ------------------------------------------------------------------------------- its life

    def is_wanted(self) -> bool:
        """Whether the fit goes on."""
        return not self._is_over and is_wanted(self.worker, self.key)

    def check(self) -> None:
        """Raise where the fit is over."""
        if not self.is_wanted():
            raise NotWantedError

    def end(self) -> None:
        """Close all connections and free all memory."""
        self._is_over = True
        self.door.close()
        self.links.close()
        if members.get(self.key) is self:
            del members[self.key]
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.close()

    # ------------------------------------------------------------------------------- its rows

    def _load(self) -> None:
        """Read the rows that are kept, or prepare to read windows of them."""
        job = self.job
        blocks = job.source.blocks.within(self.worker, self.check)  # type: ignore[attr-defined]
        self.source = Source(blocks, job.source.memory)
        if not job.is_kept:
            self.order: Any = StreamedRows(job.layout.n_rows)
            self._stepper_of(job.like.data(self.problem.network.params.dtype), np.arange(0))
            return
        layout, n_rows = job.layout, int(job.layout.starts[-1])
        parts = (part for _, _, part in encoded(self.source, job.encode, layout.starts))
        dataset = gathered(parts, n_rows, keeps_y=False)
        rows = np.flatnonzero(~layout.held_out.mask(0, n_rows))
        self.order = SeededRows(rows, layout.seed)
        data = dataset.data(self.problem.network.params.dtype)
        self.stepper: Stepper = self._stepper_of(data, rows)

    def _stepper_of(self, data: Data, order: np.ndarray) -> SharedStepper:
        with CPU.running(), threads.granted(lambda: self.worker.state.nthreads):
            return SharedStepper(self, data, order)

    def _read_from(self, epoch: int, start: int) -> None:
        """Read windows anew from a row of an epoch on."""
        if self._ahead is not None:
            self._ahead.close()
        job, dtype = self.job, self.problem.network.params.dtype
        windows = Windows(self.source, job.encode, job.layout, job.like, dtype)
        self._ahead = Ahead(windows.make(epoch, start), depth=1, stop=windows.stop)
        rest = windows, self._ahead, self.solver, job.batch_size, self._stepper_of
        self.stepper = WindowStepper(*rest)

    # --------------------------------------------------------------------------- its commands

    def take(self, command: Command) -> Reply:
        """Take the steps of a command, together with the others."""
        if command.generation > self.generation:
            self.links.close()  # so that the last command of the generation before ends
        with self._one_command:
            try:
                if command.generation < self.generation:
                    return Reply(command.rank, "another generation has been formed since")
                if command.generation != self.generation:
                    self._meet(command)
                with at_work_on(self.worker), CPU.running():
                    self._take_steps(command)
            except PeerLostError as error:
                self.links.close()
                return Reply(error.rank, str(error))
            params, network = self.problem.network.params, self.problem.network
            state = gradient = None
            if command.rank == 0:
                state = State(params, network.running, self.solver.state, self.solver.progress)
                state = State(*(array.copy() for array in state))
                gradient = self.stepper.last_gradient().copy()
            return Reply(None, "", zlib.crc32(params.data), state, gradient, self.links.sent())

    def _meet(self, command: Command) -> None:
        """Connect with the members of a new generation."""
        rank, places = command.rank, command.places
        self.generation, self.links = command.generation, Links(rank, len(places), None, [])
        self.door.forget(command.generation)
        silence, links = self.job.silence, self.links
        if rank:
            up = parent_of(rank)
            where = places[up].host, places[up].port
            try:
                sock = connect(
                    where, self.job.token, self.context, command.generation, rank, MEETING
                )
            except OSError as error:
                raise PeerLostError(up, error) from error
            links.parent = Connection(sock, up, silence)
        for child in children_of(rank, len(places)):
            sock = self.door.wait_for(command.generation, child, MEETING)
            links.children.append(Connection(sock, child, silence))
        if not self.job.is_kept:
            self._read_from(command.epoch, command.start)

    def _take_steps(self, command: Command) -> None:
        network, solver = self.problem.network, self.solver
        if command.state is not None:
            now = State(network.params, network.running, solver.state, solver.progress)
            for ours, given in zip(now, command.state, strict=True):
                ours[:] = given
        solver.progress[ROWS] = command.start
        if command.epoch != self._epoch:
            self.order.begin(command.epoch)
            self._epoch = command.epoch
        self.stepper.regularize(command.share)
        while (start := int(solver.progress[ROWS])) < command.stop:
            self.check()
            self.stepper.steps(start, command.stop, command.learning_rate)


members: dict[str, Member] = {}  # of this process, by the keys of their tasks


def host_of(worker: Any) -> str:
    """Give the address by which the scheduler knows a worker, without its port."""
    host = get_address_host(worker.address)
    return host if not worker.address.startswith("inproc://") else "127.0.0.1"


# ----------------------------------------------------------------------------- tasks of Dask


def join(job: Job) -> Place:
    """Make a member, which lives as long as the result of this."""
    worker = get_worker()
    key = str(worker.get_current_task())
    secede()  # blocks may be computed by the worker's own threads meanwhile
    member = Member(job, worker, key)
    members[key] = member
    return Place(member.door.host, member.door.port, machine())


def take(key: str, command: Command) -> Reply:
    """Have a member take steps."""
    secede()  # or the commands of two fits could wait for each other
    member = members.get(key)
    if member is None:
        return Reply(command.rank, "its rows are no longer there")
    try:
        return member.take(command)
    except NotWantedError:
        return Reply(command.rank, "its worker is about to end")
