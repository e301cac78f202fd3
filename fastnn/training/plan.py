"""The plan of a fit: the network, what is minimized, the solver, and what judges the network.

All of it follows from what was asked for and from the data.
"""

import numpy as np
from sklearn.model_selection import train_test_split

from fastnn.engine.base import Problem
from fastnn.engine.data import Data
from fastnn.network import Architecture, Network
from fastnn.training.dataset import Dataset, Targets
from fastnn.training.history import History
from fastnn.training.initialization import initialize
from fastnn.training.settings import Settings
from fastnn.training.solvers import Solver
from fastnn.training.validation import Judge, JudgedRows

# --------------------------------------------------------------------------------- the network


def initial_network(
    settings: Settings,
    units: list[int],
    data_dtype: np.dtype,
    gains: list[str],
    random_state: np.random.RandomState,
) -> Network:
    """Lay out a network of initial weights.

    Each layer's have the gain of the activation that `gains` names for it.
    """
    dtype = data_dtype if settings.dtype is None else settings.dtype
    network = Network.zeros(units, dtype, normalized=settings.normalization is not None)
    initialize(network, settings.weight_init, gains, random_state)
    return network


def network_to_go_on_with(
    network: Network, settings: Settings, n_features: int, n_outputs: int
) -> Network:
    """Copy the fitted network, so that a fit that fails leaves it whole."""
    if network.units[-1] != n_outputs or network.units[0] != n_features:
        raise ValueError(
            f"The fitted network has {network.units[0]} inputs (coefs_[0]) and "
            f"{network.units[-1]} outputs (coefs_[-1]), and this data has {n_features} and "
            f"{n_outputs}. Fit a new estimator, or set warm_start=False."
        )
    normalizes = settings.normalization is not None and len(network.units) > 2
    if bool(network.scales) != normalizes:
        raise ValueError(
            f"normalization={settings.normalization!r} does not go with the fitted network. Fit "
            "a new estimator, or set warm_start=False."
        )
    return network.copy()


# --------------------------------------------------------------------------------- the problem


def problem_of(
    settings: Settings,
    network: Network,
    architecture: Architecture,
    dataset: Dataset,
    random_state: np.random.RandomState,
    rows: np.ndarray | None = None,
) -> Problem:
    """Lay out what is minimized; None stands for all rows."""
    drops = any(architecture.dropout)
    rows = np.arange(dataset.X.shape[0]) if rows is None else rows
    dataset.check_weights(rows, "training")
    return Problem(
        network,
        architecture,
        dataset.data(network.params.dtype),
        rows,
        dataset.targets.loss,
        dataset.targets.loss_settings,
        settings.alpha,
        settings.max_grad_norm,
        seed=int(random_state.randint(2**62, dtype=np.int64)) if drops else 0,
        n_jobs=settings.n_jobs,
    )


def split(
    settings: Settings, targets: Targets, n_samples: int, random_state: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Draw training and validation rows as `train_test_split` would split the data.

    Raises
    ------
    ValueError
        If there are too few rows, of a class or in all.
    """
    try:
        rows, validation_rows = train_test_split(
            np.arange(n_samples),
            random_state=random_state,
            test_size=settings.validation_fraction,
            stratify=targets.strata,
        )
    except ValueError as error:
        raise ValueError(
            f"{str(error).rstrip('.')}. early_stopping=True sets validation_fraction="
            f"{settings.validation_fraction} of {n_samples} rows aside: give X_val and y_val, more "
            "rows, or early_stopping=False."
        ) from error
    if validation_rows.size < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of "
            "your dataset."
        )
    return rows, validation_rows


def batch_size(settings: Settings, n_rows: int) -> int:
    """Rows of a mini-batch; more than there are make no sense."""
    return min(200 if settings.batch_size is None else settings.batch_size, n_rows)


# ----------------------------------------------------------------------------------- the judge


def judged_rows(
    settings: Settings,
    problem: Problem,
    dataset: Dataset,
    validation: Dataset | None,
    validation_rows: np.ndarray | None,
    asks_for_rows: bool,
) -> tuple[JudgedRows | None, JudgedRows | None]:
    """Choose the validation rows and the training rows that are judged after each epoch.

    Validation data that the user gives come before `validation_rows`, which do not train. A user's
    scorer asks for the rows as they were given.
    """

    def part(of: Dataset, data: Data, rows: np.ndarray) -> JudgedRows:
        X, y, weights = of.part(None if rows.size == of.X.shape[0] else rows)
        X, y = (X, y) if asks_for_rows else (None, None)
        return JudgedRows(data, rows, of.targets, X, y, weights)

    judged = training = None
    if validation is not None:
        rows = np.arange(validation.X.shape[0])
        validation.check_weights(rows, "validation")
        judged = part(validation, validation.data(problem.network.params.dtype), rows)
    elif validation_rows is not None:
        dataset.check_weights(validation_rows, "validation")
        judged = part(dataset, problem.data, validation_rows)
    if scores_training(settings, validates=judged is not None):
        training = part(dataset, problem.data, problem.rows.copy())  # which training shuffles
    return judged, training


def scores_training(settings: Settings, validates: bool) -> bool:
    """Whether training rows are scored: where that is not said, if there are no others."""
    return not validates if settings.scores_training is None else settings.scores_training


def check_same_judging(history: History, judge: Judge | None) -> None:
    """Refuse to resume a fit with other validation data, or another scorer, than it has had.

    Raises
    ------
    ValueError
        If its curves would no longer have one entry for each epoch.
    """
    if history.n_iter == 0:
        return
    validates = judge is not None and judge.validation is not None
    if validates != bool(history.validation_losses):
        had, has = ("no ", "") if validates else ("", "none")
        raise ValueError(
            f"The fit to resume has had {had}validation data, and here there is {has}: give resume "
            "the X_val and y_val of fit, and leave early_stopping as it was."
        )
    if (judge is not None and judge.training is not None) != bool(history.train_scores):
        raise ValueError(
            "The fit to resume has had another scoring or other train_scores: set them back."
        )


# ---------------------------------------------------------------------------------- the solver


def solver_to_go_on_with(
    settings: Settings, past: Solver | None, network: Network, resume: bool
) -> Solver:
    """Take up the solver of the last `partial_fit`, or of what is resumed, or make a new one.

    Parameters
    ----------
    past : Solver or None
        None where there is none to take up.
    """
    params = network.params
    if past is None or not past.fits(settings.solver, params):
        return Solver(settings.solver, params.size, params.dtype)
    if resume:
        past.take_settings(settings.solver)  # max_iter may have grown
    return past
