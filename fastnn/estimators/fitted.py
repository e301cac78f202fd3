"""What a fit leaves on an estimator, and what the next fit takes up from there."""

from numbers import Integral
from typing import Any

import numpy as np

from fastnn.estimators.parameters import schedule_of
from fastnn.network import NORMALIZED, PARTS, Network
from fastnn.training.history import History
from fastnn.training.plan import scores_training
from fastnn.training.settings import Settings
from fastnn.training.solvers import PlainSolver, Solver

RECORDS = (  # what a fit leaves beside its weights, and not each kind of fit
    "loss_",
    "loss_curve_",
    "best_loss_",
    "validation_loss_curve_",
    "validation_scores_",
    "best_validation_score_",
    "train_scores_",
    "learning_rates_",
    "_no_improvement_count",
    "_solver_state",
    "_resumption",
)
PRIVATE = (  # attributes of a fitted model, beside those that end with an underscore
    "_solver_state",
    "_resumption",
    "_no_improvement_count",
    "_label_binarizer",
    "_random_state",
    "_gradient_norms",
)


# NumPy's generators, and the last position that each has in its buffer.
LAST_POSITIONS = {"MT19937": 624, "PCG64": 0, "PCG64DXSM": 0, "Philox": 4, "SFC64": 0}


# -------------------------------------------------------------------------------- the record


def forget(estimator: Any, settings: Settings) -> None:
    """Drop the record of an earlier fit."""
    _drop(estimator, (*RECORDS, *NORMALIZED))
    estimator.n_iter_ = estimator.t_ = 0
    if settings.solver.is_stochastic:
        judges = settings.early_stopping
        estimator.loss_curve_ = []
        estimator._no_improvement_count = 0
        estimator.best_loss_ = None if judges else np.inf
        estimator.validation_scores_ = [] if judges else None
        estimator.best_validation_score_ = -np.inf if judges else None


def forget_record(estimator: Any) -> None:
    """Drop what an earlier fit by mini-batches has left, and one by lbfgs does not."""
    _drop(estimator, RECORDS)


def history_of(estimator: Any, resume: bool) -> History:
    """Take up the record of the last fit.

    Raises
    ------
    ValueError
        If it tells of more epochs than there can have been: `resume` draws the orders of all.
    """
    past = estimator.__dict__.get  # an lbfgs fit, or weights set by hand, leave no record
    n_iter, curve = past("n_iter_", 0), past("loss_curve_") or []
    most = max(len(curve), estimator.max_iter)
    if resume and not (isinstance(n_iter, Integral) and 0 <= int(n_iter) <= most):
        raise ValueError(
            f"n_iter_={n_iter!r} is no number of epochs that the fit to resume can have had, as "
            f"loss_curve_ has {len(curve)} entries: fit anew."
        )
    return History(
        n_iter=int(n_iter) if resume else 0,
        rows_seen=past("t_", 0),
        loss_curve=list(curve),
        best_loss=past("best_loss_"),
        validation_losses=list(past("validation_loss_curve_") or []),
        validation_scores=list(past("validation_scores_") or []),
        best_validation_score=past("best_validation_score_"),
        train_scores=list(past("train_scores_") or []),
        learning_rates=list(past("learning_rates_") or []),
        no_improvement_count=past("_no_improvement_count", 0),
    )


def keep(
    estimator: Any, settings: Settings, history: History, network: Network, judged: bool = True
) -> None:
    """Make what a fit has brought the estimator's attributes.

    Scores are among them where the fit was `judged`; after lbfgs without they are not even None.
    """
    estimator.n_iter_ = history.n_iter
    estimator.loss_curve_ = history.loss_curve
    if history.loss is not None:
        estimator.loss_ = history.loss
    if judged:
        validates = settings.early_stopping or history.validation_losses
        estimator.validation_loss_curve_ = history.validation_losses if validates else None
        estimator.validation_scores_ = history.validation_scores if validates else None
        estimator.best_validation_score_ = history.best_validation_score
        scores = scores_training(settings, validates=bool(validates))
        estimator.train_scores_ = history.train_scores if scores else None
    adopt(estimator, network)


def keep_state(
    estimator: Any, history: History, solver: PlainSolver, resumption: dict[str, Any] | None
) -> None:
    """Keep what a fit by mini-batches goes on from.

    Parameters
    ----------
    solver : PlainSolver
        Plain state of the solver.
    resumption : dict or None
        `random_state`, its state before the fit drew its validation split and the first order of
        rows; `params` and `running`, the last ones, where the model has the best ones. None after
        a `partial_fit`, which nothing resumes.
    """
    estimator.t_ = history.rows_seen
    estimator.best_loss_ = history.best_loss
    estimator.learning_rates_ = history.learning_rates
    estimator._no_improvement_count = history.no_improvement_count
    estimator._solver_state = solver
    _drop(estimator, ("_resumption",))
    if resumption is not None:
        estimator._resumption = resumption


def solver_of(estimator: Any) -> Solver | None:
    """Make the solver of the last fit as it was at its end, where there is one."""
    state = estimator.__dict__.get("_solver_state")
    return None if state is None else Solver.from_plain_state(state, schedule_of(estimator))


def set_solver_state(estimator: Any, solver: PlainSolver | None) -> None:
    """Let the next `partial_fit` go on with a solver of this state; None for a new one."""
    _drop(estimator, ("_solver_state",))
    if solver is not None:
        estimator._solver_state = solver


def resumption_of(estimator: Any) -> dict[str, Any] | None:
    """Give what `resume` needs beyond a fitted model's attributes, as `keep_state` left it.

    Raises
    ------
    ValueError
        If that is something else.
    """
    resumption = estimator.__dict__.get("_resumption")
    if not (resumption is None or (isinstance(resumption, dict) and "random_state" in resumption)):
        raise ValueError("What the last fit has left for resume is damaged: fit anew.")
    return resumption


def random_state_from(state: dict[str, Any]) -> np.random.RandomState:
    """Make the random state that `get_state(legacy=False)` told of.

    Raises
    ------
    ValueError
        If that is no such state. NumPy reads at the positions that it holds, unchecked.
    """
    try:
        name, inner = state["bit_generator"], state["state"]
        position = inner["pos"] if name == "MT19937" else state.get("buffer_pos", 0)
        if name not in LAST_POSITIONS or not 0 <= position <= LAST_POSITIONS[name]:
            raise ValueError(f"{name} at {position}")
        random_state = np.random.RandomState(getattr(np.random, name)(0))
        random_state.set_state(state)
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as reason:
        raise ValueError(
            f"The random state of the fit to resume is damaged ({type(reason).__name__}: "
            f"{reason}): fit anew."
        ) from reason
    return random_state


def _drop(estimator: Any, names: tuple[str, ...]) -> None:
    for name in names:
        estimator.__dict__.pop(name, None)


# ------------------------------------------------------------------------------- the weights


def adopt(estimator: Any, network: Network) -> None:
    """Make a network's weights the estimator's, all at once: other threads may predict with it."""
    parts = {"coefs_": network.coefs, "intercepts_": network.intercepts}
    if network.scales:
        normalized = (network.scales, network.shifts, network.means, network.variances)
        parts.update(zip(NORMALIZED, normalized, strict=True))
    lists = {name: list(arrays) for name, arrays in parts.items()}  # a user may replace a matrix
    vars(estimator).update(lists, _own_network=network, n_parameters_=int(network.params.size))


def network_of(estimator: Any) -> Network:
    """Network of `coefs_` and `intercepts_`, also where a user has set them by hand.

    Raises
    ------
    ValueError
        If they are no weights of a network.
    """
    attributes = vars(estimator).copy()  # all of one fit: another thread may end one meanwhile
    network = attributes.get("_own_network")
    is_normalized = any(name in attributes for name in NORMALIZED)
    names = PARTS if is_normalized else PARTS[:2]
    parts = [attributes.get(name) for name in names]
    if network is not None and network.holds(*parts):
        return network
    return Network.from_arrays(*parts)


# -------------------------------------------------------------------------------- the copies


def twin_of(estimator: Any) -> Any:
    """Another estimator of the same parameters and attributes, for now."""
    twin = object.__new__(type(estimator))
    twin.__dict__.update(estimator.__dict__)
    return twin


def fitted_attributes(estimator: Any) -> dict[str, Any]:
    """Attributes that belong to a fitted model, rather than to its user or its callbacks."""
    attributes = vars(estimator).items()
    return {name: value for name, value in attributes if name.endswith("_") or name in PRIVATE}
