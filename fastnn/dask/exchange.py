"""Up a tree over the members go sums of shards, and down comes the sum of all.

Member r sends to the one whose number is r without its lowest bit, after it has heard of those that
send to it: 1, 2, 4, ... numbers further. So 8 members take three rounds up and three down. What is
sent up are the largest nodes of the shards' own tree that the members below have whole; of 2, 4, 8,
... members that is one vector.
"""

from dataclasses import dataclass

import numpy as np

from fastnn.dask.connections import Connection
from fastnn.engine.shards import Batch, ShardSteps
from fastnn.engine.tree import Node, add_up, nodes_of, share_of
from fastnn.kernels.arguments import STEPS


def parent_of(rank: int) -> int:
    """Whom a member sends to; the first one to nobody."""
    return rank & (rank - 1)


def children_of(rank: int, n_ranks: int) -> list[int]:
    """Who sends to a member, in the order in which they are heard."""
    strides = (1 << k for k in range(n_ranks.bit_length()))
    lowest = rank & -rank or n_ranks
    return [rank + s for s in strides if s < lowest and rank + s < n_ranks]


@dataclass
class Links:
    """The connections of a member."""

    rank: int
    n_ranks: int
    parent: Connection | None
    children: list[Connection]

    def all(self) -> list[Connection]:
        """Give each of them."""
        return [*self.children, *([] if self.parent is None else [self.parent])]

    def close(self) -> None:
        """End them."""
        for connection in self.all():
            connection.close()

    def sent(self) -> tuple[int, int]:
        """Count bytes and messages."""
        both = self.all()
        return sum(link.n_bytes for link in both), sum(link.n_messages for link in both)


def exchange(links: Links, steps: ShardSteps, batch: Batch, share: Node) -> np.ndarray:
    """Add up the gradients of all members' shards.

    Losses and moments of all shards are then in memory, too.

    Raises
    ------
    PeerLostError
        If a member is gone.
    """
    n, step = batch.n_shards, int(steps.solver.progress[STEPS])
    first, stop = share
    sums = steps.sums(batch, share)
    for child in links.children:
        theirs = stop, _last(child.rank, links.n_ranks, n)
        received = {node: steps.room(node) for node in nodes_of(n, *theirs)}
        _receive(child, step, [*received.values()], steps, *theirs)
        stop = theirs[1]
        sums = add_up(n, first, stop, sums | received)
    total = steps.room((0, n))
    if links.parent is not None:
        _send(links.parent, step, [*sums.values()], steps, first, stop)
        _receive(links.parent, step, [total], steps, 0, n)
    for child in reversed(links.children):  # those first that have more to pass on
        _send(child, step, [total], steps, 0, n)
    return total


def _last(child: int, n_ranks: int, n_shards: int) -> int:
    """Shard after the last one that a child has heard of."""
    stop = min(child + (child & -child), n_ranks)
    return share_of(n_shards, stop - 1, n_ranks)[1]


def _send(
    to: Connection, step: int, vectors: list[np.ndarray], steps: ShardSteps, first: int, stop: int
) -> None:
    said = [*vectors, steps.losses[first:stop]]
    if steps.moments is not None:
        said.append(np.ascontiguousarray(steps.moments[first:stop]))
    to.send(step, said)


def _receive(
    of: Connection, step: int, vectors: list[np.ndarray], steps: ShardSteps, first: int, stop: int
) -> None:
    if steps.moments is None:
        of.receive(step, [*vectors, steps.losses[first:stop]])
        return
    moments = np.empty_like(steps.moments[first:stop], order="C")
    of.receive(step, [*vectors, steps.losses[first:stop], moments])
    steps.moments[first:stop] = moments
