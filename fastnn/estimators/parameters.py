"""Parameters of the estimators: which values are valid, alone and together."""

from collections.abc import Iterable
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from fastnn.engine.bind import check_rounding
from fastnn.kernels.activations import ACTIVATIONS
from fastnn.kernels.updates import SOLVERS, update_of
from fastnn.training.initialization import WEIGHT_INITS
from fastnn.training.schedules import OF_SGD, SCHEDULES, Schedule
from fastnn.training.settings import Settings, SolverSettings

_FROM_0 = Interval(Real, 0, None, closed="left")
_ABOVE_0 = Interval(Real, 0, None, closed="neither")
_COUNT = Interval(Integral, 1, None, closed="left")
_SHARE = Interval(Real, 0, 1, closed="left")

CONSTRAINTS: dict[str, list] = {
    "hidden_layer_sizes": ["array-like", _COUNT],
    "activation": [StrOptions(set(ACTIVATIONS)), "array-like"],
    "solver": [StrOptions({*SOLVERS, "lbfgs"})],
    "alpha": [_FROM_0],
    "batch_size": [StrOptions({"auto"}), _COUNT],
    "learning_rate": [StrOptions({*SCHEDULES, *OF_SGD}), callable],
    "learning_rate_init": [_ABOVE_0],
    "power_t": [_FROM_0],
    "max_iter": [_COUNT],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [_FROM_0],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [_SHARE],
    "beta_1": [_SHARE],
    "beta_2": [_SHARE],
    "epsilon": [_ABOVE_0],
    "n_iter_no_change": [_COUNT, Options(Real, {np.inf})],
    "max_fun": [_COUNT],
    "weight_init": [StrOptions(set(WEIGHT_INITS)), _ABOVE_0],
    "weight_decay": [_FROM_0],
    "rho": [_SHARE],
    "amsgrad": ["boolean"],
    "max_grad_norm": [None, _ABOVE_0],
    "warmup": [Interval(Integral, 0, None, closed="left")],
    "step_size": [_COUNT],
    "decay": [Interval(Real, 0, 1, closed="right")],
    "dropout": [_SHARE, "array-like"],
    "normalization": [None, StrOptions({"batch", "layer"})],
    "scoring": [None, str, callable],
    "train_scores": [None, "boolean"],
    "restore_best_weights": [None, "boolean"],
    "max_time": [None, _ABOVE_0],
    "dtype": [StrOptions({"auto", "bfloat16", "float32", "float64"})],
    "n_jobs": [None, Integral],
}


def hidden_layer_sizes(estimator: Any) -> list[int]:
    """Units of each hidden layer; a number is a single layer."""
    sizes = estimator.hidden_layer_sizes
    sizes = list(sizes) if isinstance(sizes, Iterable) else [sizes]
    if not all(isinstance(size, Integral) for size in sizes):
        raise TypeError(f"hidden_layer_sizes must be whole numbers, got {sizes}.")
    if any(size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]


def activations(estimator: Any, n_hidden: int) -> tuple[str, ...]:
    """Name of each hidden layer's activation."""
    if isinstance(estimator.activation, str):
        return (estimator.activation,) * n_hidden
    names = tuple(estimator.activation)
    _check_one_a_layer("activation", names, n_hidden)
    valid = CONSTRAINTS["activation"][0]
    for name in names:
        if not valid.is_satisfied_by(name):
            raise ValueError(f"activation holds {name!r}: each has to be {valid}.")
    return tuple(str(name) for name in names)


def activations_of_gains(estimator: Any, n_hidden: int) -> list[str]:
    """Name the activation, for each layer, whose gain its initial weights have.

    scikit-learn's output layer has the gain of the hidden layers' activation.
    """
    names = activations(estimator, n_hidden)
    if isinstance(estimator.activation, str):
        return [*names, estimator.activation]
    return [*names, names[-1] if names else "identity"]


def dropout(estimator: Any, n_hidden: int) -> tuple[float, ...]:
    """Share of outputs that each hidden layer drops."""
    if np.ndim(estimator.dropout) == 0:
        return (float(estimator.dropout),) * n_hidden
    shares = tuple(estimator.dropout)
    _check_one_a_layer("dropout", shares, n_hidden)
    for share in shares:
        if not _SHARE.is_satisfied_by(share):
            raise ValueError(f"dropout holds {share!r}: each has to be a number in [0, 1).")
    return tuple(float(share) for share in shares)


def _check_one_a_layer(name: str, values: tuple, n_hidden: int) -> None:
    if len(values) != n_hidden:
        raise ValueError(
            f"{name} has {len(values)} entries and the network {n_hidden} hidden layers: give one "
            "for each, or a single one for all."
        )


def settings_of(estimator: Any) -> Settings:
    """Record how an estimator's parameters ask a network to be trained.

    Raises
    ------
    TypeError, ValueError
        If values make no sense, alone or together.
    """
    hidden = hidden_layer_sizes(estimator)
    check_together(estimator, len(hidden))
    restore, batch_size = estimator.restore_best_weights, estimator.batch_size
    return Settings(
        hidden=tuple(hidden),
        normalization=estimator.normalization,
        weight_init=estimator.weight_init,
        dtype=_dtype(estimator),
        solver=_solver_settings(estimator),
        alpha=estimator.alpha,
        max_grad_norm=estimator.max_grad_norm,
        batch_size=None if isinstance(batch_size, str) else int(batch_size),
        shuffle=bool(estimator.shuffle),
        max_iter=estimator.max_iter,
        max_fun=estimator.max_fun,
        max_time=estimator.max_time,
        tol=estimator.tol,
        n_iter_no_change=estimator.n_iter_no_change,
        early_stopping=bool(estimator.early_stopping),
        validation_fraction=estimator.validation_fraction,
        restore_best=bool(estimator.early_stopping if restore is None else restore),
        scores_training=_scores_training(estimator),
        verbose=bool(estimator.verbose),
        n_jobs=estimator.n_jobs,
    )


def _dtype(estimator: Any) -> np.dtype | None:
    """Give the dtype of the network's numbers; None for that of the data."""
    if estimator.dtype == "bfloat16":
        check_rounding()
        return np.dtype(np.float32)
    return None if estimator.dtype == "auto" else np.dtype(estimator.dtype)


def _scores_training(estimator: Any) -> bool | None:
    asked = estimator.train_scores
    if asked is None:
        return False if estimator.scoring is None else None
    return bool(asked)


def schedule_of(estimator: Any) -> Schedule:
    """Record which learning-rate schedule an estimator's parameters ask for."""
    return Schedule(
        estimator.learning_rate,
        estimator.learning_rate_init,
        estimator.max_iter,
        estimator.warmup,
        estimator.step_size,
        estimator.decay,
    )


def _solver_settings(estimator: Any) -> SolverSettings:
    schedule = schedule_of(estimator)
    if estimator.solver == "lbfgs":
        return SolverSettings("lbfgs", {}, 0, schedule)
    update = update_of(estimator.solver, estimator.amsgrad)
    return SolverSettings(
        name=estimator.solver,
        hyper={name: float(getattr(estimator, name)) for name in update.hyper},
        n_states=update.n_states,
        schedule=schedule,
        power_t=estimator.power_t,
        weight_decay=estimator.weight_decay if estimator.solver == "adamw" else 0.0,
    )


def check_together(estimator: Any, n_hidden: int) -> None:
    """Refuse values that make no sense together.

    Raises
    ------
    ValueError
        With the parameter, its value and the way out.
    """
    if estimator.amsgrad and estimator.solver not in ("adam", "adamw"):
        raise ValueError(
            f"amsgrad=True needs solver='adam' or 'adamw', got solver={estimator.solver!r}."
        )
    if estimator.warmup and estimator.learning_rate in OF_SGD:
        raise ValueError(
            f"warmup={estimator.warmup} does not go with learning_rate="
            f"{estimator.learning_rate!r}: use warmup=0 or another schedule."
        )
    if estimator.solver != "lbfgs" and estimator.warmup and estimator.warmup >= estimator.max_iter:
        raise ValueError(
            f"warmup={estimator.warmup} leaves none of max_iter={estimator.max_iter} epochs: use "
            "a smaller warmup."
        )
    if estimator.n_jobs == 0:
        raise ValueError("n_jobs=0 has no meaning: use None, or a number of threads from 1 on.")
    if estimator.solver == "lbfgs":
        _check_lbfgs(estimator, n_hidden)


def _check_lbfgs(estimator: Any, n_hidden: int) -> None:
    if estimator.dtype == "bfloat16":
        raise ValueError(
            "dtype='bfloat16' needs a stochastic solver: solver='lbfgs' computes in float64."
        )
    if any(dropout(estimator, n_hidden)):
        raise ValueError(
            f"dropout={estimator.dropout} needs a stochastic solver: solver='lbfgs' compares "
            "losses, which dropout changes at random."
        )
    if estimator.normalization == "batch":
        raise ValueError(
            "normalization='batch' needs a stochastic solver: use normalization='layer' with "
            "solver='lbfgs'."
        )
    if estimator.max_grad_norm is not None:
        raise ValueError(
            f"max_grad_norm={estimator.max_grad_norm} needs a stochastic solver: solver='lbfgs' "
            "chooses its steps itself."
        )


def check_in_interval(name: str, values: Any, low: float, high: float) -> list[float]:
    """Check that one number or several increasing ones lie strictly between two bounds."""
    numbers = [values] if isinstance(values, Real) else list(values)
    for number in numbers:
        if not Interval(Real, low, high, closed="neither").is_satisfied_by(number):
            raise ValueError(f"{name} has to lie between {low:g} and {high:g}, got {number!r}.")
    if not numbers or any(b <= a for a, b in pairwise(numbers)):
        raise ValueError(f"{name} has to be increasing numbers, got {values!r}.")
    return [float(number) for number in numbers]
