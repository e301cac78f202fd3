"""Steps that several share: the same bits as those of one that adds by the tree."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastnn import memory
from fastnn.engine.base import Problem
from fastnn.engine.cpu import CPU
from fastnn.engine.data import Data
from fastnn.engine.shards import ShardSteps
from fastnn.engine.tree import add_up
from fastnn.kernels.arguments import ROWS
from fastnn.network import Architecture, Network
from fastnn.training.initialization import initialize

N_ROWS, BATCH, RATE = 1730, 850, 0.01  # eight shards, and a last mini-batch of one


def problem_of(by_tree=True, weighs=False):
    random = np.random.default_rng(0)
    network = Network.zeros((7, 9, 3), np.dtype(np.float32), normalized=True)
    initialize(network, "auto", ["relu", "relu"], np.random.RandomState(0))
    X = random.standard_normal((N_ROWS, 7)).astype(np.float32)
    Y = random.integers(0, 3, (N_ROWS, 1)).astype(np.float32)
    data = Data(X, Y, random.random(N_ROWS) if weighs else None)
    what = {"loss": "log_loss", "alpha": 0.1, "max_norm": 0.1, "seed": 3, "by_tree": by_tree}
    architecture = Architecture(("relu",), "softmax", (), "batch", (0.2,))
    return Problem(network, architecture, data, random.permutation(N_ROWS), **what)


def adam(problem):
    """An optimizer at the beginning."""
    size = problem.network.params.size
    return SimpleNamespace(
        name="adam",
        hyper={"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
        weight_decay=0.0,
        state=memory.zeros((2, memory.padded(size, np.float32)), np.float32),
        progress=np.zeros(4),
    )


def alone(problem):
    solver = adam(problem)
    stepper = CPU.stepper(problem, solver, BATCH)
    while (start := int(solver.progress[ROWS])) < N_ROWS:
        stepper.steps(start, N_ROWS, RATE)
    return problem, solver


def together(problems, n_threads):
    """Take the same steps in one process, each problem with its share of the shards."""
    solvers = [adam(problem) for problem in problems]
    members = [ShardSteps(*both, BATCH) for both in zip(problems, solvers, strict=True)]
    for start in range(0, N_ROWS, BATCH):
        rows = problems[0].rows[start : start + BATCH]
        shares, sums = [], {}
        for rank, member in enumerate(members):
            batch, share = member.begin(rows, rank, len(members), n_threads)
            sums |= member.sums(batch, share)
            shares.append((member, slice(*share)))
        n = batch.n_shards
        total = add_up(n, 0, n, {node: vector.copy() for node, vector in sums.items()})[0, n]
        losses = np.concatenate([member.losses[share] for member, share in shares])
        moments = np.concatenate([member.moments[share] for member, share in shares])
        for member in members:
            member.losses[:n], member.moments[:n] = losses, moments
            member.solver.progress[ROWS] += rows.size
            member.room((0, n))[:] = total
            member.finish(batch, RATE, n_threads)
    return zip(problems, solvers, strict=True)


HASHES_OVERFLOW = np.errstate(over="ignore")  # the dropout's hash is meant to, where Python runs it


@HASHES_OVERFLOW
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("n_members", [1, 2, 3, 5, 11])
def test_steps_of_any_number_of_members_are_those_of_one(n_members, n_threads):
    expected, expected_solver = alone(problem_of(weighs=True))
    problems = [problem_of(weighs=True) for _ in range(n_members)]
    for problem, solver in together(problems, n_threads):
        assert_array_equal(problem.network.params, expected.network.params)
        assert_array_equal(problem.network.running, expected.network.running)
        assert_array_equal(solver.state, expected_solver.state)
        assert_array_equal(solver.progress, expected_solver.progress)


@HASHES_OVERFLOW
def test_a_tree_adds_in_another_order():
    by_tree, in_turn = (alone(problem_of(by_tree))[0].network.params for by_tree in (True, False))
    assert not np.array_equal(by_tree, in_turn)
    np.testing.assert_allclose(by_tree, in_turn, rtol=1e-3, atol=1e-4)
