"""What was asked for: an estimator's parameters, checked, in the types that training takes."""

from dataclasses import dataclass

import numpy as np

from fastnn.training.schedules import Schedule


@dataclass(frozen=True)
class SolverSettings:
    """The optimizer and its learning rate.

    Attributes
    ----------
    name : str
        Key of `fastnn.kernels.updates.SOLVERS`, or "lbfgs".
    hyper : dict of str to float
        Hyper-parameters of its kernels, in their order, the learning rate left out.
    n_states : int
        Vectors that it remembers.
    schedule : Schedule
        Learning rate of each epoch.
    power_t : float
        Exponent of "invscaling".
    weight_decay : float
        Share of the learning rate by which each step shrinks the weights.
    """

    name: str
    hyper: dict[str, float]
    n_states: int
    schedule: Schedule
    power_t: float = 0.5
    weight_decay: float = 0.0

    @property
    def is_stochastic(self) -> bool:
        """Whether it goes by mini-batches."""
        return self.name != "lbfgs"


@dataclass(frozen=True)
class Settings:
    """How a network is to be trained. What its layers compute is its `Architecture`.

    Attributes
    ----------
    hidden : tuple of int
        Units of each hidden layer.
    normalization : {"batch", "layer"} or None
        Of the hidden layers.
    weight_init : str or float
        Key of `fastnn.training.initialization.WEIGHT_INITS`, or a standard deviation.
    dtype : dtype or None
        Of the network; None for that of the data.
    solver : SolverSettings
        Optimizer and learning rate.
    alpha : float
        Strength of the penalty on squared weights.
    max_grad_norm : float or None
        Largest norm of a mini-batch's gradient.
    batch_size : int or None
        Rows of a mini-batch; None for 200, or all where there are fewer.
    shuffle : bool
        Whether each epoch has an order of its own.
    max_iter, max_fun : int
        Largest number of epochs or iterations, and of evaluations by lbfgs.
    max_time : float or None
        Seconds.
    tol, n_iter_no_change : float
        By how much the loss or score has to improve, within more than how many epochs.
    early_stopping : bool
        Whether the score of validation rows decides.
    validation_fraction : float
        Share of rows that are set aside for it.
    restore_best : bool
        Whether the best epoch's weights are kept.
    scores_training : bool or None
        Whether training rows are scored, too; None where there are no validation rows.
    verbose : bool
        Whether each epoch is printed.
    n_jobs : int or None
        Threads; None for as many as pay.
    fades : bool
        Whether dropout and weight decay fade over the second half of the epochs.
    """

    hidden: tuple[int, ...]
    normalization: str | None
    weight_init: str | float
    dtype: np.dtype | None
    solver: SolverSettings
    alpha: float
    max_grad_norm: float | None
    batch_size: int | None
    shuffle: bool
    max_iter: int
    max_fun: int
    max_time: float | None
    tol: float
    n_iter_no_change: float
    early_stopping: bool
    validation_fraction: float
    restore_best: bool
    scores_training: bool | None
    verbose: bool
    n_jobs: int | None
    fades: bool = False
