"""A model carried over to scikit-learn."""

from copy import deepcopy
from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.base import BaseEstimator, is_classifier
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from fastnn.estimators.fitted import network_of, solver_of
from fastnn.kernels.arguments import STEPS
from fastnn.network import Network
from fastnn.training.solvers import Solver

# What each side keeps for itself: buffers, and what is made anew below.
OWN = (
    *("_own_network", "_optimizer", "_solver_state", "_resumption", "_gradient_norms"),
    *("_best_coefs", "_best_intercepts", "coefs_", "intercepts_"),
    *("n_parameters_", "learning_rates_", "validation_loss_curve_", "train_scores_"),
)


def to_sklearn(estimator: Any) -> BaseEstimator:
    """Carry a model over to scikit-learn; see `MLPClassifier.to_sklearn`."""
    is_class = is_classifier(estimator)
    family = neural_network.MLPClassifier if is_class else neural_network.MLPRegressor
    parameters = estimator.get_params(deep=False)
    names = family().get_params()
    _check_for_sklearn(estimator, {k: v for k, v in parameters.items() if k not in names})
    model = family(**{name: parameters[name] for name in names})
    model._validate_params()
    copy_record(estimator, model)
    if hasattr(estimator, "coefs_"):
        network = network_of(estimator)
        model.coefs_ = [W.copy() for W in network.coefs]
        model.intercepts_ = [b.copy() for b in network.intercepts]
        # The same lists, as early stopping leaves them: a warm start goes on to the same weights.
        model._best_coefs, model._best_intercepts = model.coefs_, model.intercepts_
        solver = solver_of(estimator)
        if solver is not None and solver.name == model.solver and solver.name in ("sgd", "adam"):
            model._optimizer = _solver_to_sklearn(solver, network.units)
    return model


def _check_for_sklearn(estimator: Any, ours: dict[str, Any]) -> None:
    """Refuse a model that uses what scikit-learn's network does not have."""
    if isinstance(getattr(estimator, "classes_", None), list):
        raise ValueError(
            f"scikit-learn's network has one target of classes, and this one "
            f"{len(estimator.classes_)}: fit one for each target."
        )
    defaults = type(estimator)().get_params()
    for name, value in ours.items():
        if name not in ("dtype", "n_jobs", "max_time") and not _equal(value, defaults[name]):
            raise ValueError(
                f"scikit-learn's network has no {name}: a model with {name}={value!r} cannot be "
                "carried over."
            )


def _equal(value: Any, default: Any) -> bool:
    return value is default or (np.ndim(value) == 0 and value == default)


def copy_record(source: BaseEstimator, target: BaseEstimator) -> None:
    """Copy every fitted attribute that both sides have in the same form."""
    parameters = source.get_params(deep=False)
    for name, value in vars(source).items():
        if name not in parameters and name not in OWN and not name.startswith("_skl"):
            setattr(target, name, deepcopy(value))


def _solver_to_sklearn(solver: Solver, units: tuple[int, ...]) -> Any:
    rate, hyper = solver.schedule.initial_rate, solver.hyper

    def arrays(vector: np.ndarray) -> list[np.ndarray]:
        network = Network(units, vector.copy())
        return network.coefs + network.intercepts

    if solver.name == "adam":
        adam = AdamOptimizer([], rate, hyper["beta_1"], hyper["beta_2"], hyper["epsilon"])
        adam.ms, adam.vs = arrays(solver.state[0]), arrays(solver.state[1])
        adam.t, adam.learning_rate = int(solver.progress[STEPS]), solver.learning_rate
        return adam
    schedule, nesterov = solver.schedule.name, bool(hyper["nesterovs_momentum"])
    sgd = SGDOptimizer([], rate, schedule, hyper["momentum"], nesterov, solver.power_t)
    sgd.velocities, sgd.learning_rate = arrays(solver.state[0]), solver.learning_rate
    return sgd
