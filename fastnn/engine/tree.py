"""The tree by which the gradients of a mini-batch's shards are added, wherever they are computed.

At depth d the n shards are shared among 2^d nodes as evenly as can be: node i has those from
ceil(n i / 2^d) on. The sum of a node is that of its left half plus that of its right half. So the
order of all additions follows from n alone, and whoever has some of the shards adds up whole nodes
and passes on their sums: one for each of 2, 4, 8, ... machines, and a few where their number is
another. Up to three shards this is their order in turn.

`fastnn.kernels.updates.combine_block_by_tree` is the same for all shards in one memory.
"""

from collections.abc import Iterator

import numpy as np

Node = tuple[int, int]  # its first shard, and the one after its last


def share_of(n_shards: int, rank: int, n_ranks: int) -> Node:
    """Shards of one of several machines: whole nodes where these are 2, 4, 8 and so on."""
    return _cut(n_shards, n_ranks, rank), _cut(n_shards, n_ranks, rank + 1)


def nodes_of(n_shards: int, first: int, stop: int) -> list[Node]:
    """Give the largest nodes that make up the shards from `first` to `stop`, in their order."""
    return list(_nodes(n_shards, first, stop, 1, 0))


def _nodes(n_shards: int, first: int, stop: int, n_nodes: int, i: int) -> Iterator[Node]:
    left, right = _cut(n_shards, n_nodes, i), _cut(n_shards, n_nodes, i + 1)
    if first <= left < right <= stop:
        yield left, right
    elif max(first, left) < min(stop, right):
        for half in (2 * i, 2 * i + 1):
            yield from _nodes(n_shards, first, stop, 2 * n_nodes, half)


def _cut(n_shards: int, n_nodes: int, i: int) -> int:
    return -(-n_shards * i // n_nodes)


def add_up(
    n_shards: int, first: int, stop: int, sums: dict[Node, np.ndarray]
) -> dict[Node, np.ndarray]:
    """Add the sums of smaller nodes up to those of `nodes_of` these shards.

    Parameters
    ----------
    n_shards : int
        Of the mini-batch.
    first, stop : int
        The shards whose sums there are.
    sums : dict of Node to ndarray
        Vectors; those of left halves are written over.
    """
    return {node: _sum(n_shards, node, 1, 0, sums) for node in nodes_of(n_shards, first, stop)}


def _sum(
    n_shards: int, node: Node, n_nodes: int, i: int, sums: dict[Node, np.ndarray]
) -> np.ndarray:
    """Sum of a node, looked for from node i of its depth on downwards."""
    left, right = _cut(n_shards, n_nodes, i), _cut(n_shards, n_nodes, i + 1)
    middle = _cut(n_shards, 2 * n_nodes, 2 * i + 1)
    if (left, right) == node and node in sums:
        return sums[node]
    if (left, right) != node or middle in node:
        half = 2 * i + (node[0] >= middle)
        return _sum(n_shards, node, 2 * n_nodes, half, sums)
    total = _sum(n_shards, (left, middle), 2 * n_nodes, 2 * i, sums)
    total += _sum(n_shards, (middle, right), 2 * n_nodes, 2 * i + 1, sums)
    return total
