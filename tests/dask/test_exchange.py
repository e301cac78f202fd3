"""The tree over the members: who sends to whom."""

import pytest

from fastnn.dask.exchange import children_of, parent_of


@pytest.mark.parametrize("n_ranks", range(1, 18))
def test_each_member_but_the_first_has_one_parent(n_ranks):
    for rank in range(n_ranks):
        for child in children_of(rank, n_ranks):
            assert parent_of(child) == rank
    heard = [child for rank in range(n_ranks) for child in children_of(rank, n_ranks)]
    assert sorted(heard) == list(range(1, n_ranks))


def test_eight_members():
    assert [children_of(rank, 8) for rank in range(8)] == [
        [1, 2, 4],
        [],
        [3],
        [],
        [5, 6],
        [],
        [7],
        [],
    ]
