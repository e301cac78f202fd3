"""What training asks of an engine, and estimators of it: a seam without an address in sight.

An engine runs networks: on this machine's processor (`fastnn.engine.cpu`), or elsewhere. It gives
three things, each for one network:

=========  ========================================================================================
Stepper    a step for each mini-batch of some rows, or its two halves apart: the gradient of rows,
           and an update with a gradient, wherever that comes from
Objective  the loss of all rows together and its gradient, for solvers that take them at once
Predictor  outputs of a layer, and the loss of each row
=========  ========================================================================================

No call is long, since neither a clock nor an interrupt is heard within one: a stepper returns
early, and whoever gives a `check` has it called in between.
"""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from fastnn.engine.data import Data
from fastnn.network import Architecture, Network

Check = Callable[[], None]  # is called between two calls of kernels, and may raise


def no_check() -> None:
    """Let everything go on."""


class Segment(NamedTuple):
    """Consecutive parameters that learn at a rate of their own."""

    stop: int  # in the flat vector; they begin where the segment before stops
    factor: float = 1.0  # of the learning rate
    decay: float = 0.0  # share of the learning rate by which a step shrinks them


@dataclass(frozen=True)
class Problem:
    """What is minimized: a network's loss on some rows, with the penalty of large weights.

    Attributes
    ----------
    network : Network
        Its parameters change in place.
    architecture : Architecture
        What its layers compute.
    data : Data
        Rows with targets and weights.
    rows : ndarray of int64
        Which of these rows train, in their order. Training shuffles them in place.
    loss : str
        Key of `fastnn.kernels.losses.LOSSES`.
    loss_settings : tuple of float
        What that loss reads.
    alpha : float
        Strength of the penalty on squared weights.
    max_norm : float or None
        Largest norm of a mini-batch's gradient.
    seed : int
        Of the dropout.
    n_jobs : int or None
        Threads that the user asks for.
    segments : tuple of Segment
        Which parameters learn and decay at what rate; empty where all learn at one, and the weights
        decay as the solver says.
    by_tree : bool
        Whether the gradients of a mini-batch's shards are added by a tree over them
        (`fastnn.engine.tree`), as several machines do, rather than in turn.
    """

    network: Network
    architecture: Architecture
    data: Data
    rows: np.ndarray
    loss: str
    loss_settings: tuple[float, ...] = ()
    alpha: float = 0.0
    max_norm: float | None = None
    seed: int = 0
    n_jobs: int | None = None
    segments: tuple[Segment, ...] = ()
    by_tree: bool = False


class SolverState(Protocol):
    """An optimizer's hyper-parameters and what it remembers: `fastnn.training.solvers.Solver`."""

    name: str
    hyper: dict[str, float]
    weight_decay: float
    state: np.ndarray
    progress: np.ndarray


class Gradient(NamedTuple):
    """Of the mean loss of some rows, and of the penalty, by all parameters."""

    loss: float
    weight: float  # of the rows together; where it is 0 they say nothing, and no step is taken
    vector: np.ndarray  # (n_parameters,); the next gradient writes over it


class Stepper(ABC):
    """Takes the steps of a training by mini-batches.

    Attributes
    ----------
    batch_size : int
        Rows of each mini-batch but an epoch's last.
    """

    batch_size: int

    @property
    def epochs_at_once(self) -> int:
        """Epochs that a short call may take the steps of now; 0: of one at the most."""
        return 0

    @abstractmethod
    def steps(self, start: int, stop: int, learning_rate: float) -> None:
        """Take a step for each mini-batch of the problem's rows from `start` on.

        It goes as far as a short call may, at least one step and at most to `stop`, and keeps
        `progress` of the solver true: steps, rows of the epoch, and the sum of their losses, to
        which it adds: the problem's rows may be a part of an epoch's.
        """

    def epochs(self, begin: Callable[[int], None], learning_rates: list[float]) -> None:
        """Take the steps of whole epochs, as many as there are rates, at most `epochs_at_once`.

        `begin` brings about the order of the problem's rows for each, counted from 0 and called in
        turn before the first step. No epoch is under way before, and the last one is, all its rows
        done, afterwards: until then `progress` says that nothing was done.
        """
        raise NotImplementedError(f"{type(self).__name__} takes one epoch at a time.")

    def epoch_losses(self, n: int) -> np.ndarray:
        """Give the sums of losses of the n epochs that the last call of `epochs` was for."""
        raise NotImplementedError(f"{type(self).__name__} takes one epoch at a time.")

    @abstractmethod
    def gradient(self, rows: np.ndarray) -> Gradient:
        """Give the gradient of a mini-batch of these rows of the data, as the next step's.

        Raises
        ------
        ValueError
            If they are more than the batch size, or not all rows of the data.
        """

    @abstractmethod
    def update(self, gradient: np.ndarray, learning_rate: float) -> None:
        """Take the next step with a gradient of shape (n_parameters,).

        Epochs are not counted: rows and losses of `progress` are the caller's.

        Raises
        ------
        ValueError
            If it has another shape.
        """

    @abstractmethod
    def regularize(self, share: float) -> None:
        """Take this share of the problem's dropout and weight decay from the next step on."""

    @abstractmethod
    def last_gradient(self) -> np.ndarray:
        """Give the last mini-batch's gradient by all parameters."""


class Objective(ABC):
    """The loss of all rows of a problem, with the penalty, as a function of the parameters."""

    @abstractmethod
    def gradient(self, check: Check = no_check) -> Gradient:
        """Compute loss and gradient at the network's parameters."""

    @abstractmethod
    def last_gradient(self) -> np.ndarray:
        """Give the last gradient again."""


class Predictor(ABC):
    """Passes rows through a network as it predicts: nothing is dropped."""

    @abstractmethod
    def outputs(
        self, data: Data, rows: np.ndarray, layer: int = -1, check: Check = no_check
    ) -> np.ndarray:
        """Compute a layer's outputs for these rows of the data, of shape (n_rows, units).

        Layers are counted from the first hidden one.
        """

    @abstractmethod
    def row_losses(
        self,
        loss: str,
        loss_settings: tuple[float, ...],
        outputs: np.ndarray,
        data: Data,
        rows: np.ndarray,
        check: Check = no_check,
    ) -> np.ndarray:
        """Compute the loss of each of these rows from its outputs; weights do not count."""


class OutputsAtOnce(Protocol):
    """Predicts rows without the overhead of a `Predictor`."""

    def __call__(
        self, network: Network, X: np.ndarray, activation: Any, output: str, blocks: tuple[int, ...]
    ) -> np.ndarray | None:
        """Compute the outputs, with one activation for all hidden layers or a tuple of theirs.

        X is of floats. None where there is no such way, as for many rows, or for a number that is
        not finite.
        """


def no_outputs_at_once(
    network: Network, X: np.ndarray, activation: Any, output: str, blocks: tuple[int, ...]
) -> None:
    """Leave them to the `Predictor`."""


@dataclass(frozen=True)
class Engine:
    """Where networks run: what makes each of the three, and a shorter way for most predictions.

    Attributes
    ----------
    stepper : callable
        Prepares the steps of a training, by a problem, a solver's state and a batch size.
    objective : callable
        Prepares the loss of all rows of a problem.
    predictor : callable
        Prepares the predictions of a network, by its architecture and a number of threads.
        ValueError where the network is not of that architecture.
    outputs_at_once : callable
        Predicts rows that one call has the time for.
    running : callable
        Gives the context in which fits and predictions run.
    """

    stepper: Callable[[Problem, SolverState, int], Stepper]
    objective: Callable[[Problem], Objective]
    predictor: Callable[[Network, Architecture, int | None], Predictor]
    outputs_at_once: OutputsAtOnce = no_outputs_at_once
    running: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
