"""The loop over epochs: which rows each call of a stepper is for."""

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


class Calls:
    """A stepper that only notes what it was asked for."""

    def __init__(self, solver, batch_size):
        self.solver, self.batch_size, self.asked = solver, batch_size, []

    def steps(self, start, stop, learning_rate):
        self.asked.append((start, stop))
        self.solver.progress[ROWS], self.solver.progress[LOSS] = stop, 1.0


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
    hyper = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
    solver = Solver(SolverSettings("adam", hyper, 2, schedule), 3, np.dtype(float))
    settings = SimpleNamespace(
        max_iter=1, fades=False, verbose=False, early_stopping=False, restore_best=False,
        tol=0.0, n_iter_no_change=math.inf,
    )  # fmt: skip
    network = SimpleNamespace(params=np.zeros(3), running=np.zeros(0))
    calls = Calls(solver, 4)
    order = ShuffledRows(np.arange(22), None)
    Training(network, calls, order, solver, settings, False, History(), Clock(None)).run()
    assert calls.asked == expected
