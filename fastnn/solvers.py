"""The stochastic solvers: hyper-parameters, state beside the parameters, and learning rates.

The arithmetic of a step is a kernel (`fastnn.kernels.updates`); what happens between epochs is
decided here.
"""

from typing import Any

import numpy as np

from fastnn.kernels.arguments import Solver

STOCHASTIC_SOLVERS = ("sgd", "adam")


class SGD:
    """Stochastic gradient descent with momentum, and its three learning-rate schedules.

    Parameters
    ----------
    size : int
        Number of parameters.
    dtype : dtype
        float32 or float64.
    learning_rate_init : float
        Learning rate of the first epoch.
    schedule : {"constant", "invscaling", "adaptive"}
        How the learning rate goes on.
    power_t : float
        Exponent of "invscaling".
    momentum : float
        Share of the last step that the next one keeps.
    nesterov : bool
        Whether the gradient counts as if taken after the momentum's part of the step.

    Attributes
    ----------
    learning_rate : float
        Current learning rate.
    velocity : ndarray of shape (size,)
        The last step.
    steps : int
        Mini-batches seen.
    """

    def __init__(
        self,
        size: int,
        dtype: np.dtype,
        learning_rate_init: float,
        schedule: str = "constant",
        power_t: float = 0.5,
        momentum: float = 0.9,
        nesterov: bool = True,
    ) -> None:
        self.learning_rate_init = learning_rate_init
        self.learning_rate = float(learning_rate_init)
        self.schedule = schedule
        self.power_t = power_t
        self.momentum = momentum
        self.nesterov = nesterov
        self.velocity = np.zeros(size, dtype)
        self.steps = 0

    def epoch_ends(self, rows_seen: int) -> None:
        """Set the learning rate of the next epoch."""
        if self.schedule == "invscaling":
            self.learning_rate = self.learning_rate_init / (rows_seen + 1) ** self.power_t

    def on_plateau(self) -> tuple[bool, str]:
        """Answer a loss that no longer improves: stop or go on, and what to tell the user."""
        if self.schedule != "adaptive":
            return True, "Stopping."
        if self.learning_rate <= 1e-6:
            return True, "Learning rate too small. Stopping."
        self.learning_rate /= 5.0
        return False, f"Setting learning rate to {self.learning_rate:f}"

    def arguments(self, code: int) -> Solver:
        """Bundle for the kernels."""
        return Solver(
            code=code,
            first=self.velocity,
            second=self.velocity[:0],
            learning_rate=float(self.learning_rate),
            beta_1=0.0,
            beta_2=0.0,
            epsilon=0.0,
            momentum=float(self.momentum),
            nesterov=bool(self.nesterov),
        )


class Adam:
    """Adam (Kingma and Ba, arXiv:1412.6980).

    Parameters
    ----------
    size : int
        Number of parameters.
    dtype : dtype
        float32 or float64.
    learning_rate_init : float
        Learning rate before the correction of the first steps' bias.
    beta_1, beta_2 : float
        Decay of the mean of gradients and of squared gradients.
    epsilon : float
        Keeps the division away from zero.

    Attributes
    ----------
    first_moment, second_moment : ndarray of shape (size,)
        Means of gradients and of squared gradients.
    steps : int
        Mini-batches seen.
    """

    def __init__(
        self,
        size: int,
        dtype: np.dtype,
        learning_rate_init: float,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        self.learning_rate_init = learning_rate_init
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.first_moment = np.zeros(size, dtype)
        self.second_moment = np.zeros(size, dtype)
        self.steps = 0

    @property
    def learning_rate(self) -> float:
        """Learning rate of the last step, the bias of the first steps corrected."""
        if self.steps == 0:
            return float(self.learning_rate_init)
        correction = np.sqrt(1 - self.beta_2**self.steps) / (1 - self.beta_1**self.steps)
        return float(self.learning_rate_init * correction)

    def epoch_ends(self, rows_seen: int) -> None:
        """Keep the learning rate: Adam has no schedule between epochs."""

    def on_plateau(self) -> tuple[bool, str]:
        """Answer a loss that no longer improves: stop, and tell the user so."""
        return True, "Stopping."

    def arguments(self, code: int) -> Solver:
        """Bundle for the kernels."""
        return Solver(
            code=code,
            first=self.first_moment,
            second=self.second_moment,
            learning_rate=float(self.learning_rate_init),
            beta_1=float(self.beta_1),
            beta_2=float(self.beta_2),
            epsilon=float(self.epsilon),
            momentum=0.0,
            nesterov=False,
        )


def solver_for(estimator: Any, size: int, dtype: np.dtype) -> SGD | Adam:
    """Make the solver that an estimator's parameters ask for, its state at zero."""
    if estimator.solver == "sgd":
        return SGD(
            size,
            dtype,
            estimator.learning_rate_init,
            estimator.learning_rate,
            estimator.power_t,
            estimator.momentum,
            estimator.nesterovs_momentum,
        )
    return Adam(
        size,
        dtype,
        estimator.learning_rate_init,
        estimator.beta_1,
        estimator.beta_2,
        estimator.epsilon,
    )
