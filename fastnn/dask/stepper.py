"""Steps of a fit that the members of a team take, as the loop over epochs asks for them."""

import time

import numpy as np

from fastnn.compiling.interrupts import held_back
from fastnn.dask.job import State
from fastnn.dask.team import Team
from fastnn.engine.base import Gradient, Stepper
from fastnn.network import Network
from fastnn.training.solvers import Solver

SECONDS = 1.0  # of a command, about: what is done again when a worker is lost
GROWTH = 4  # of the rows of a command over the last one's, at most


class TeamStepper(Stepper):
    """Has the steps of a network taken by a team.

    Parameters
    ----------
    team : Team
    network : Network
        Its parameters and running moments are those after the last command.
    solver : Solver
        The same.
    batch_size : int
    epoch : int
        Number of the epoch in which the first step is.
    """

    def __init__(
        self, team: Team, network: Network, solver: Solver, batch_size: int, epoch: int
    ) -> None:
        self.team, self.network, self.solver = team, network, solver
        self.batch_size, self.epoch = batch_size, epoch - 1
        self._reached, self._share = np.inf, 1.0
        self._rows = batch_size  # of the next command
        self._gradient = np.zeros_like(network.params)

    def steps(self, start: int, stop: int, learning_rate: float) -> None:
        """Have the steps of about a second taken."""
        if start < self._reached:
            self.epoch += 1
        stop, began = min(stop, start + self._rows), time.perf_counter()
        network, solver = self.network, self.solver
        state = State(network.params, network.running, solver.state, solver.progress)
        reply = self.team.take(state, self.epoch, start, stop, learning_rate, self._share)
        assert reply.state is not None
        with held_back():  # an interrupt would leave the half of a state
            for ours, new in zip(state, reply.state, strict=True):
                ours[:] = new
        self._gradient, self._reached = reply.gradient, stop
        share = SECONDS / max(time.perf_counter() - began, SECONDS / 1e3)
        n_batches = min(GROWTH, share) * (stop - start) / self.batch_size
        self._rows = max(1, round(n_batches)) * self.batch_size

    def gradient(self, rows: np.ndarray) -> Gradient:
        """Give no gradient: rows are where the members are."""
        raise NotImplementedError

    def update(self, gradient: np.ndarray, learning_rate: float) -> None:
        """Take no gradient from elsewhere."""
        raise NotImplementedError

    def regularize(self, share: float) -> None:
        """Take this share of the problem's dropout and weight decay from the next step on."""
        self._share = share

    def last_gradient(self) -> np.ndarray:
        """Give the last mini-batch's gradient by all parameters."""
        return self._gradient
