"""The sum of shards by a tree: the same for whoever adds which of them."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastnn.engine.tree import add_up, nodes_of, share_of
from fastnn.kernels.updates import combine_block, combine_block_by_tree


def gradients_of(n_shards):
    """Vectors whose sum depends on the order."""
    random = np.random.default_rng(n_shards)
    scale = 10.0 ** random.integers(-3, 4, (n_shards, 1))
    return (random.standard_normal((n_shards, 50)) * scale).astype(np.float32)


def leaves(gradients, first, stop):
    return {(k, k + 1): gradients[k].copy() for k in range(first, stop)}


@pytest.mark.parametrize("n_shards", [1, 2, 3, 4, 5, 7, 8, 13, 40, 64])
def test_shares_of_any_number_of_machines_give_the_sum_of_one(n_shards):
    gradients = gradients_of(n_shards)
    whole = add_up(n_shards, 0, n_shards, leaves(gradients, 0, n_shards))[0, n_shards]
    np.testing.assert_allclose(whole, gradients.sum(axis=0), rtol=1e-4, atol=1e-2)
    for n_ranks in range(1, 9):
        sums, reached = {}, 0
        for rank in range(n_ranks):
            first, stop = share_of(n_shards, rank, n_ranks)
            assert first == reached
            sums |= add_up(n_shards, first, stop, leaves(gradients, first, stop))
            reached = stop
        assert reached == n_shards
        assert_array_equal(add_up(n_shards, 0, n_shards, sums)[0, n_shards], whole)


@pytest.mark.parametrize("n_shards", [1, 2, 3, 4, 9, 40])
def test_kernels_add_by_the_same_tree(n_shards):
    gradients, rest = gradients_of(n_shards), (0.0, 1.0, np.zeros(1))
    whole = add_up(n_shards, 0, n_shards, leaves(gradients, 0, n_shards))[0, n_shards]
    in_turn, params = gradients.copy(), np.zeros(50, np.float32)
    combine_block_by_tree(0, n_shards, 0, params, gradients, *rest)
    assert_array_equal(gradients[0], whole)
    combine_block(0, n_shards, 0, params, in_turn, *rest)
    assert np.array_equal(in_turn[0], whole) == (n_shards <= 3)


@pytest.mark.parametrize("n_ranks", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("n_shards", [16, 40, 41, 64])
def test_a_share_is_one_node_where_the_machines_are_a_power_of_two(n_shards, n_ranks):
    for rank in range(n_ranks):
        share = share_of(n_shards, rank, n_ranks)
        assert nodes_of(n_shards, *share) == [share]


def test_a_share_is_few_nodes_otherwise():
    shares = [share_of(40, rank, 3) for rank in range(3)]
    assert [stop - first for first, stop in shares] == [14, 13, 13]
    assert max(len(nodes_of(40, *share)) for share in shares) == 4
