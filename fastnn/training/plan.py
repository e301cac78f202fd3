"""The plan of a fit: the network, what it is trained on, what judges it, and the rules.

All of it follows from an estimator's parameters and from what its user gives.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import _check_sample_weight

from fastnn.engine.bind import training_layers
from fastnn.engine.data import sample_of
from fastnn.estimators import parameters
from fastnn.estimators.fitted import adopt, network_of, twin_of
from fastnn.estimators.targets import Targets
from fastnn.network import Network
from fastnn.training.clock import Clock
from fastnn.training.history import History
from fastnn.training.initialization import initialize
from fastnn.training.loop import Rules, Task
from fastnn.training.solvers import Solver, settings_of, solver_for
from fastnn.training.validation import Judge, Rows

# ------------------------------------------------------------------------- what the user gives


@dataclass(frozen=True)
class Given:
    """What a user has given to a fit, checked and encoded."""

    X: Any
    y: Any
    targets: Targets
    sample_weight: np.ndarray | None  # as given
    weights: np.ndarray | None  # the same with the classes' weights, of the loss
    validation: "Given | None" = None

    def part(self, rows: np.ndarray | None) -> tuple[Any, Any, Any]:
        """X, y and the user's weights of some rows; None stands for all."""
        weights = self.sample_weight
        if rows is None:
            return self.X, self.y, weights
        return self.X[rows], self.y[rows], None if weights is None else weights[rows]


def given_data(
    estimator: Any,
    X: Any,
    y: Any,
    y_train: Any,
    sample_weight: Any,
    validation: Given | None = None,
) -> Given:
    """Encode X and y, which are checked, with the weights of their rows."""
    if sample_weight is not None:
        sample_weight = _check_sample_weight(sample_weight, X)
    targets = estimator._encode(y)
    weights = estimator._class_weights(y, y_train)
    if weights is None or sample_weight is not None:
        weights = sample_weight if weights is None else weights * sample_weight
    return Given(X, y, targets, sample_weight, weights, validation)


def validation_data(
    estimator: Any, y_train: Any, X: Any, y: Any, sample_weight: Any
) -> Given | None:
    """Check and encode the validation data, if there are any."""
    if X is None and y is None and sample_weight is None:
        return None
    if X is None or y is None:
        raise ValueError("X_val and y_val go together, and sample_weight_val with them.")
    try:
        X, y = estimator._check_input(X, y, reset=False)
    except ValueError as error:
        raise ValueError(f"X_val, y_val: {error}") from error
    if y.shape[1:] != y_train.shape[1:]:
        raise ValueError(
            f"y_val of shape {y.shape} does not go with y of shape {y_train.shape}: it needs "
            "the same targets."
        )
    return given_data(estimator, X, y, y_train, sample_weight)


# --------------------------------------------------------------------------------- the network


def initial_network(estimator: Any, units: list[int], data_dtype: np.dtype) -> Network:
    """Lay out a network of initial weights."""
    dtype = data_dtype if estimator.dtype == "auto" else np.dtype(estimator.dtype)
    network = Network.zeros(units, dtype, normalized=estimator.normalization is not None)
    names = parameters.activations(estimator, len(units) - 2)
    if isinstance(estimator.activation, str):  # scikit-learn's gain of the output is that of before
        last = estimator.activation
    else:
        last = names[-1] if names else "identity"
    initialize(network, estimator.weight_init, [*names, last], estimator._random_state)
    return network


def network_to_go_on_with(estimator: Any, given: Given) -> Network:
    """Copy the fitted network, so that a fit that fails leaves it whole."""
    network = network_of(estimator)
    n_features, n_outputs = given.X.shape[1], given.targets.n_outputs
    if network.units[-1] != n_outputs or network.units[0] != n_features:
        raise ValueError(
            f"The fitted network has {network.units[0]} inputs and {network.units[-1]} outputs, "
            f"and this data has {n_features} and {n_outputs}. Fit a new estimator, or set "
            "warm_start=False."
        )
    normalizes = estimator.normalization is not None and len(network.units) > 2
    if bool(network.scales) != normalizes:
        raise ValueError(
            f"normalization={estimator.normalization!r} does not go with the fitted network. Fit "
            "a new estimator, or set warm_start=False."
        )
    return network.copy()


# ------------------------------------------------------------------------ training and judging


def task_of(estimator: Any, network: Network, given: Given, rows: np.ndarray | None = None) -> Task:
    """Lay out what is trained on what; None stands for all rows."""
    architecture = estimator._architecture(len(network.coefs), trains=True)
    drops = any(architecture.dropout)
    seed = int(estimator._random_state.randint(2**62, dtype=np.int64)) if drops else 0
    return Task(
        network,
        architecture,
        training_layers(
            network, architecture, given.targets.loss, given.targets.loss_settings, seed
        ),
        _sample(given, network),
        np.arange(given.X.shape[0]) if rows is None else rows,
        estimator.alpha,
        estimator.max_grad_norm,
        estimator.n_jobs,
    )


def _sample(given: Given, network: Network) -> Any:
    """Bundle the data for the kernels."""
    Y = np.ascontiguousarray(given.targets.Y, dtype=network.params.dtype)
    Y = Y if Y.flags.writeable else Y.copy()  # to the compiler, read-only is another type
    weights = None if given.weights is None else given.weights.astype(np.float64)
    return sample_of(given.X, Y, weights)


def split(estimator: Any, targets: Targets, n_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw training and validation rows as `train_test_split` would split the data."""
    rows, validation_rows = train_test_split(
        np.arange(n_samples),
        random_state=estimator._random_state,
        test_size=estimator.validation_fraction,
        stratify=targets.strata,
    )
    if validation_rows.size < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of "
            "your dataset."
        )
    return rows, validation_rows


def judge_of(
    estimator: Any, task: Task, given: Given, validation_rows: np.ndarray | None, clock: Clock
) -> Judge | None:
    """Make what judges the network after each epoch; None where there is nothing to judge.

    Validation data that the user gives come before `validation_rows`, which do not train.
    """
    scores_itself = estimator.scoring not in (None, "loss")  # the user's scorer predicts by itself

    def part(of: Given, sample: Any, rows: np.ndarray) -> Rows:
        X, y, weights = of.part(None if rows.size == of.X.shape[0] else rows)
        X, y = (X, y) if scores_itself else (None, None)
        return Rows(sample, rows, of.targets, X, y, weights)

    validation = training = None
    if given.validation is not None:
        rows = np.arange(given.validation.X.shape[0])
        validation = part(given.validation, _sample(given.validation, task.network), rows)
    elif validation_rows is not None:
        validation = part(given, task.sample, validation_rows)
    if estimator.scoring is not None:
        training = part(given, task.sample, task.rows.copy())  # which training shuffles
    if validation is None and training is None:
        return None
    score = _score_of(estimator, task.network, clock)
    return Judge(task, validation, training, score, clock)


def _score_of(
    estimator: Any, network: Network, clock: Clock
) -> Callable[[np.ndarray, Rows], float] | None:
    if estimator.scoring == "loss":
        return None
    if estimator.scoring is None:
        return lambda outputs, part: estimator._output_score(
            outputs, part.targets, part.rows, part.sample_weight
        )
    twin = twin_of(estimator)
    twin.__dict__.pop("feature_names_in_", None)  # it is given arrays
    twin._clock = clock
    adopt(twin, network)
    scorer = check_scoring(twin, estimator.scoring)

    def score(outputs: np.ndarray, part: Rows) -> float:
        weights = {} if part.sample_weight is None else {"sample_weight": part.sample_weight}
        return float(scorer(twin, part.X, part.y, **weights))

    return score


# ----------------------------------------------------------------------- the rules, the solver


def rules_of(estimator: Any, n_samples: int, incremental: bool) -> Rules:
    """When to stop, and how to go through so many rows."""
    batch_size = min(200, n_samples)
    if estimator.batch_size != "auto":
        if estimator.batch_size > n_samples and estimator._is_stochastic():
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped",
                stacklevel=8,
            )
        batch_size = min(estimator.batch_size, n_samples)
    restore = estimator.restore_best_weights
    return Rules(
        batch_size=int(batch_size),
        max_iter=estimator.max_iter,
        tol=estimator.tol,
        n_iter_no_change=estimator.n_iter_no_change,
        shuffle=bool(estimator.shuffle),
        early_stopping=bool(estimator.early_stopping),
        restore_best=bool(estimator.early_stopping if restore is None else restore),
        one_epoch=incremental,
        verbose=bool(estimator.verbose),
    )


def solver_to_go_on_with(
    estimator: Any, network: Network, incremental: bool, resume: bool
) -> Solver:
    """Copy the solver of the last `partial_fit`, or of what is resumed, or make a new one."""
    last, params = getattr(estimator, "_optimizer", None), network.params
    if last is None or not (incremental or resume) or not last.fits(estimator, params):
        return solver_for(estimator, params.size, params.dtype)
    solver = last.copy()
    if resume:
        vars(solver).update(settings_of(estimator))  # max_iter may have grown
    return solver


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
        raise ValueError("The fit to resume has had another scoring: set it back.")
