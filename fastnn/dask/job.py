"""What travels between the client and the members of a fit, by Dask."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from fastnn.engine.base import Problem
from fastnn.sources.rows import Encode
from fastnn.sources.source import Source
from fastnn.sources.windows import Layout
from fastnn.training.dataset import Dataset
from fastnn.training.solvers import Solver


@dataclass(frozen=True)
class Job:
    """What a member needs to know of a fit, once.

    Attributes
    ----------
    token : bytes
        Of the fit, for its connections.
    problem : Problem
        Without rows.
    solver : Solver
        The rules; its state comes with a command.
    batch_size : int
        Rows of a mini-batch.
    source : Source
        Reads blocks that are in the cluster.
    encode : callable
        Checks and encodes the part of a block.
    layout : Layout
        What the order of rows follows from.
    is_kept : bool
        Whether a member keeps all rows; else it has a window of them at a time.
    like : Dataset
        Some rows.
    silence : float
        Seconds after which a connection on which nothing comes is given up.
    """

    token: bytes = field(repr=False)  # Dask logs the arguments of tasks that fail
    problem: Problem
    solver: Solver
    batch_size: int
    source: Source
    encode: Encode
    layout: Layout
    is_kept: bool
    like: Dataset
    silence: float


class Place(NamedTuple):
    """Where a member is found, and what its machine is."""

    host: str
    port: int
    machine: str


class State(NamedTuple):
    """All that steps change."""

    params: np.ndarray
    running: np.ndarray
    solver: np.ndarray
    progress: np.ndarray


class Command(NamedTuple):
    """Steps to take.

    Attributes
    ----------
    generation : int
        Of the members.
    rank : int
        Of the member that is told.
    places : tuple of Place
        Of all members, by rank.
    state : State or None
        Where to begin; None for where the last command has ended.
    epoch : int
        Number of the epoch, from 0.
    start, stop : int
        Rows of the epoch.
    learning_rate : float
    share : float
        Of the dropout and weight decay.
    """

    generation: int
    rank: int
    places: tuple[Place, ...]
    state: State | None
    epoch: int
    start: int
    stop: int
    learning_rate: float
    share: float


class Reply(NamedTuple):
    """What a command has brought.

    Attributes
    ----------
    lost : int or None
        Rank of the member with which the connection was lost; then there is nothing else but the
        reason.
    reason : str
    digest : int
        Of the parameters, the same for all members.
    state : State or None
        Of the first member alone.
    gradient : ndarray or None
        The last mini-batch's; of the first member alone.
    sent : tuple of int
        Bytes and messages that the member has sent to others.
    """

    lost: int | None
    reason: str = ""
    digest: int = 0
    state: State | None = None
    gradient: Any = None
    sent: tuple[int, int] = (0, 0)
