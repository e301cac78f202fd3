"""The loop over epochs: which rows each call of a stepper is for."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest

from fastnn.kernels.arguments import LOSS, ROWS
from fastnn.training.clock import Clock
from fastnn.training.history import History
from fastnn.training.loop import Training
from fastnn.training.order import ShuffledRows
from fastnn.training.schedules import Schedule
from fastnn.training.settings import SolverSettings
from fastnn.training.solvers import Solver

N_ROWS = 22


class Calls:
    """A stepper that only notes what it was asked for, and has the losses that it is given."""

    def __init__(self, solver, batch_size, losses=None, epochs_at_once=0):
        self.solver, self.batch_size, self.epochs_at_once = solver, batch_size, epochs_at_once
        self.asked, self.rates = [], []
        self.losses = iter(losses or itertools.repeat(1.0))

    def steps(self, start, stop, learning_rate):
        self.asked.append((start, stop))
        self.rates.append(learning_rate)
        self.solver.progress[ROWS], self.solver.progress[LOSS] = stop, next(self.losses)

    def epochs(self, begin, learning_rates):
        self.asked.append(len(learning_rates))
        self.rates += learning_rates
        self.last = np.array([next(self.losses) for _ in learning_rates])
        for epoch in range(len(learning_rates)):
            begin(epoch)
        self.solver.progress[ROWS] = N_ROWS

    def epoch_losses(self, n):
        return self.last[:n]


def settings_of(**parameters):
    defaults = {"fades": False, "verbose": False, "early_stopping": False, "restore_best": False}
    return SimpleNamespace(**{**defaults, "tol": 0.0, "n_iter_no_change": math.inf, **parameters})


def solver_of(name, hyper, schedule):
    return Solver(SolverSettings(name, hyper, 2, schedule), 3, np.dtype(float))


NETWORK = SimpleNamespace(params=np.zeros(3), running=np.zeros(0))
ADAM = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (1, [(0, 22)]),
        (2, [(0, 12), (12, 22)]),
        (3, [(0, 8), (8, 16), (16, 22)]),
        (50, [(0, 4), (4, 8), (8, 12), (12, 16), (16, 20), (20, 22)]),
    ],
)
def test_pieces_of_an_epoch_are_of_whole_mini_batches(pieces, expected):
    schedule = Schedule("cosine", 0.1, 1, pieces=pieces)
    solver = solver_of("adam", ADAM, schedule)
    calls, order = Calls(solver, 4), ShuffledRows(np.arange(N_ROWS), None)
    settings = settings_of(max_iter=1)
    Training(NETWORK, calls, order, solver, settings, False, History(), Clock(None)).run()
    assert calls.asked == expected


def trained(losses, epochs_at_once, schedule=None, max_time=None, watcher=None, **parameters):
    """Train by some losses; returns the stepper, the history, and the next order of rows."""
    schedule = Schedule("constant", 0.1, 40) if schedule is None else schedule
    is_sgd = schedule.name in ("adaptive", "invscaling")
    solver = solver_of("sgd", {}, schedule) if is_sgd else solver_of("adam", ADAM, schedule)
    calls = Calls(solver, 4, losses, epochs_at_once)
    order = ShuffledRows(np.arange(N_ROWS), np.random.RandomState(0))
    history, settings = History(), settings_of(**{"max_iter": 40, **parameters})
    clock = Clock(max_time)
    training = Training(
        NETWORK, calls, order, solver, settings, False, history, clock, watcher=watcher
    )
    training.run()
    order.begin(history.n_iter)
    return calls, history, order.rows.tolist()


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("n_iter_no_change", [1, 3, math.inf])
@pytest.mark.parametrize("name", ["constant", "cosine", "adaptive", "invscaling"])
def test_epochs_at_once_end_where_single_ones_do(name, n_iter_no_change, seed):
    random = np.random.default_rng(seed)
    losses = (100 / np.arange(1, 41) + random.choice([0, 5], 40) * random.random(40)).tolist()
    how = {"schedule": Schedule(name, 0.1, 40, warmup=2), "tol": 0.02}
    how["n_iter_no_change"] = n_iter_no_change
    single, expected, order = trained(losses, 0, **how)
    several, history, its_order = trained(losses, 7, **how)
    assert len(several.asked) < 0.8 * len(single.asked)
    assert several.rates == single.rates
    assert (history, its_order) == (expected, order)


class Watches:
    """What a user's callbacks are behind."""

    def begin_epoch(self):
        """An epoch begins."""

    def end_epoch(self, gradient_norms):
        return False


@pytest.mark.parametrize(
    "watched",
    [
        {"watcher": Watches()},
        {"verbose": True},
        {"restore_best": True},
        {"fades": True},
        {"max_time": 900},
        {"schedule": Schedule(lambda epoch: 0.1, 0.1, 40)},
        {"schedule": Schedule("cosine", 0.1, 40, pieces=2)},
    ],
    ids=lambda watched: next(iter(watched)),
)
def test_watched_epochs_are_taken_one_by_one(watched, monkeypatch):
    monkeypatch.setattr(Calls, "regularize", lambda self, share: None, raising=False)
    for free in ({}, {"max_time": 900}):
        assert trained(None, 7, **free)[0].asked == [7, 7, 7, 7, 7, 5]
    monkeypatch.setattr("fastnn.training.clock.LONG_CALL", 1000)
    calls, history, _ = trained(None, 7, **watched)
    assert history.n_iter == 40
    assert all(start < stop <= N_ROWS for start, stop in calls.asked)
