"""Steps of the engine, whole and in halves: a gradient, and an update with it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastnn.engine.base import Problem
from fastnn.engine.cpu import CPU
from fastnn.engine.data import Data
from fastnn.kernels.arguments import LOSS, ROWS, STEPS
from fastnn.network import Architecture, Network
from fastnn.training.initialization import initialize

N_ROWS, BATCH, RATE = 500, 240, 0.01  # two shards, and a last mini-batch of one


def problem_of(max_norm):
    random = np.random.default_rng(0)
    network = Network.zeros((7, 9, 3), np.dtype(np.float64), normalized=True)
    initialize(network, "auto", ["relu", "relu"], np.random.RandomState(0))
    X, Y = random.standard_normal((N_ROWS, 7)), random.integers(0, 3, (N_ROWS, 1)).astype(float)
    what = {"loss": "log_loss", "alpha": 0.1, "max_norm": max_norm, "seed": 3}
    architecture = Architecture(("relu",), "softmax", (), "batch", (0.2,))
    return Problem(network, architecture, Data(X, Y), random.permutation(N_ROWS), **what)


def adam(problem):
    """An optimizer at the beginning."""
    return SimpleNamespace(
        name="adam",
        hyper={"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
        weight_decay=0.0,
        state=np.zeros((2, problem.network.params.size)),
        progress=np.zeros(4),
    )


@pytest.mark.parametrize("max_norm", [None, 0.1])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_gradient_and_an_update_are_a_step_to_the_bit(n_threads, max_norm, forced, monkeypatch):
    forced(n_threads)
    monkeypatch.setattr("fastnn.engine.threads.LEAST_FLOPS", 0)  # else this takes one thread
    results = []
    for in_halves in (False, True):
        problem = problem_of(max_norm)
        solver, rows = adam(problem), problem.rows
        stepper = CPU.stepper(problem, solver, BATCH)
        with CPU.running():
            while (start := int(solver.progress[ROWS])) < N_ROWS:
                if not in_halves:
                    stepper.steps(start, N_ROWS, RATE)
                    continue
                gradient = stepper.gradient(rows[start : start + BATCH])
                assert gradient.weight == min(BATCH, N_ROWS - start)
                stepper.update(gradient.vector.copy(), RATE)
                solver.progress[ROWS] = min(start + BATCH, N_ROWS)
        assert solver.progress[STEPS] == 3
        results.append([problem.network.params, problem.network.running, solver.state])
    for halves, whole in zip(*results, strict=True):
        assert_array_equal(halves, whole)


def trained(n_epochs, n_jobs, several):
    """Take the steps of epochs, some in one call or all one by one; returns all that they leave."""
    problem, random = replace(problem_of(0.1), n_jobs=n_jobs), np.random.RandomState(0)
    solver, losses, rates = adam(problem), [], iter([0.01, 0.02, 0.005, 0.01])
    stepper = CPU.stepper(problem, solver, BATCH)
    assert stepper.epochs_at_once > 4
    with CPU.running():
        for n in n_epochs:
            solver.progress[ROWS] = 0
            if several:
                stepper.epochs(
                    lambda _: random.shuffle(problem.rows), [next(rates) for _ in range(n)]
                )
                losses += stepper.epoch_losses(n).tolist()
                continue
            for _ in range(n):
                random.shuffle(problem.rows)
                rate, solver.progress[ROWS] = next(rates), 0
                while (start := int(solver.progress[ROWS])) < N_ROWS:
                    stepper.steps(start, N_ROWS, rate)
                losses.append(float(solver.progress[LOSS]))
    return problem.network.params, solver.state, solver.progress, losses, problem.rows


@pytest.mark.parametrize("n_jobs", [None, 1, 2])
@pytest.mark.parametrize("n_epochs", [[1, 1, 1, 1], [4], [3, 1], [1, 3]])
def test_epochs_in_one_call_are_those_one_by_one_to_the_bit(n_epochs, n_jobs):
    single, several = (trained(n_epochs, n_jobs, several) for several in (False, True))
    for ours, expected in zip(several, single, strict=True):
        assert_array_equal(ours, expected)


def test_one_epoch_at_a_time_until_it_is_known_whether_threads_pay(monkeypatch):
    monkeypatch.setattr("fastnn.engine.threads.LEAST_FLOPS", 0)
    monkeypatch.setattr("fastnn.engine.threads.available", lambda: 2)
    problem = problem_of(None)
    stepper = CPU.stepper(problem, adam(problem), BATCH)
    assert stepper.epochs_at_once == 0
    with pytest.raises(ValueError, match="1 to 0 epochs here, got 2"):
        stepper.epochs(lambda epoch: None, [0.1, 0.1])
    for several in (True, True, False):  # the first says nothing
        stepper.pace.note(several, 1, 1.0 - 0.5 * several)
    assert stepper.epochs_at_once > 4
    decided = replace(problem, n_jobs=2)
    assert CPU.stepper(decided, adam(decided), BATCH).epochs_at_once > 4


def test_what_does_not_fit_is_refused():
    problem = problem_of(None)
    stepper = CPU.stepper(problem, adam(problem), BATCH)
    for rows in (np.arange(BATCH + 1), np.array([0, N_ROWS]), np.array([-1])):
        with pytest.raises(ValueError, match=r"at most 240 rows|from 0 to 499"):
            stepper.gradient(rows)
    before = problem.network.params.copy()
    for gradient in (np.zeros(1), np.zeros(before.size + 1), np.zeros((1, before.size))):
        with pytest.raises(ValueError, match="The gradient has the shape"):
            stepper.update(gradient, RATE)
    assert_array_equal(problem.network.params, before)
