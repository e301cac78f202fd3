"""A model carried over from scikit-learn."""

from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.base import BaseEstimator
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from fastnn.estimators.classifier import MLPClassifier
from fastnn.estimators.fitted import adopt, set_solver_state
from fastnn.estimators.parameters import settings_of
from fastnn.estimators.regressor import MLPRegressor
from fastnn.estimators.to_sklearn import copy_record
from fastnn.kernels.arguments import STEPS
from fastnn.network import Network
from fastnn.training.solvers import Solver

# scikit-learn's networks and ours. Their import takes 5 ms, 1 % of that of fastnn.
PAIRS = {
    neural_network.MLPClassifier: MLPClassifier,
    neural_network.MLPRegressor: MLPRegressor,
}


def from_sklearn(model: BaseEstimator) -> MLPClassifier | MLPRegressor:
    """Carry a scikit-learn model over to fastnn.

    Parameters
    ----------
    model : sklearn.neural_network.MLPClassifier or sklearn.neural_network.MLPRegressor
        Fitted or not. It stays as it is.

    Returns
    -------
    estimator : MLPClassifier or MLPRegressor
        With the same parameters and, where the model is fitted, the same weights, solver state and
        training record, so that it predicts and goes on training alike.

    Raises
    ------
    TypeError
        If the model is neither of the two.

    See Also
    --------
    MLPClassifier.to_sklearn : The way back.

    Examples
    --------
    >>> import fastnn
    >>> from sklearn.neural_network import MLPClassifier
    >>> model = MLPClassifier(solver="lbfgs", random_state=0).fit([[0.0], [1.0]], [0, 1])
    >>> fastnn.from_sklearn(model).predict([[1.0]])
    array([1])
    """
    if type(model) not in PAIRS:
        raise TypeError(
            "from_sklearn takes scikit-learn's MLPClassifier or MLPRegressor, got "
            f"{type(model).__module__}.{type(model).__qualname__}. For a pipeline, convert the "
            "step that holds the network."
        )
    estimator = PAIRS[type(model)](**model.get_params(deep=False))
    copy_record(model, estimator)
    if hasattr(model, "coefs_"):
        network = Network.from_arrays(model.coefs_, model.intercepts_)
        adopt(estimator, network)
        if hasattr(model, "_optimizer") and model.solver != "lbfgs":  # which has none of its own
            solver = _solver_from_sklearn(model._optimizer, estimator, network)
            set_solver_state(estimator, solver.plain_state())
    return estimator


def _solver_from_sklearn(optimizer: Any, estimator: Any, network: Network) -> Solver:
    settings = settings_of(estimator).solver
    solver = Solver(settings, network.params.size, network.params.dtype)
    if isinstance(optimizer, AdamOptimizer) and solver.name == "adam":
        _fill(solver.state[0], optimizer.ms)
        _fill(solver.state[1], optimizer.vs)
        solver.progress[STEPS] = optimizer.t
    elif isinstance(optimizer, SGDOptimizer) and solver.name == "sgd":
        _fill(solver.state[0], optimizer.velocities)
        solver.base_rate = optimizer.learning_rate
    return solver


def _fill(vector: np.ndarray, arrays: list[np.ndarray]) -> None:
    numbers = np.concatenate([array.ravel() for array in arrays])
    vector[: numbers.size] = numbers
