"""Is the gradient right? Back-propagation against central differences."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from fastnn.engine.base import Engine, Problem
from fastnn.estimators import fitted, parameters
from fastnn.estimators.classifier import MLPClassifier
from fastnn.estimators.fit import dataset_of
from fastnn.estimators.regressor import MLPRegressor
from fastnn.kernels.losses import LOSSES
from fastnn.network import Network
from fastnn.training import plan

# How a network is trained does not matter to its gradient, however odd it is together.
PLAIN = {
    "dropout": 0.0,
    "max_grad_norm": None,
    "warm_start": False,
    "solver": "adam",
    "amsgrad": False,
    "learning_rate": "constant",
    "warmup": 0,
    "n_jobs": None,
    "dtype": "auto",  # float64 in any case
}
STEP = 1e-5  # (machine epsilon)^(1/3): rounding and curvature weigh alike


def check_gradient(
    estimator: MLPClassifier | MLPRegressor,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    max_per_layer: int = 200,
) -> list[float]:
    """Compare back-propagation with central differences, (f(p + h) - f(p - h)) / 2 h.

    The network is the estimator's own where it is fitted, else one with initial weights. All rows
    are one mini-batch, in float64, and nothing is dropped. The estimator stays as it is.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted or not.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        A few rows: each parameter takes two passes over them.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their targets.

    sample_weight : array-like of shape (n_samples,), default=None
        Their weights.

    max_per_layer : int, default=200
        Number of parameters to compare in a layer; of more, that many are drawn.

    Returns
    -------
    errors : list of float
        Of each layer the largest ``|a - b| / max(|a|, |b|, s)``, where a and b are the two
        derivatives and s a thousandth of the largest one of the layer. About 1e-7 for smooth
        activations; where a ReLU's corner lies within the step, more.

    Raises
    ------
    TypeError
        If the estimator is none of the two.
    ValueError
        If `max_per_layer` is no whole number from 1 on.

    Examples
    --------
    >>> from fastnn import MLPRegressor, check_gradient
    >>> from sklearn.datasets import make_regression
    >>> X, y = make_regression(20, 3, random_state=0)
    >>> max(check_gradient(MLPRegressor(hidden_layer_sizes=(5,), activation="tanh"), X, y)) < 1e-4
    True
    """
    _check_arguments(estimator, max_per_layer)
    problem, output_factor = _problem_of(estimator, X, y, sample_weight)
    engine = estimator._engine
    with engine.running():
        function = _Loss(engine, problem, output_factor)
        exact = function.gradient()
        random = np.random.default_rng(0)
        errors = []
        for positions in _positions(problem.network):
            if positions.size > max_per_layer:
                positions = random.choice(positions, max_per_layer, replace=False)
            numeric = np.array([function.central_difference(at) for at in positions])
            errors.append(_largest_error(exact[positions], numeric))
    return errors


def _check_arguments(estimator: Any, max_per_layer: Any) -> None:
    if not isinstance(estimator, MLPClassifier | MLPRegressor):
        raise TypeError(
            "check_gradient takes fastnn's MLPClassifier or MLPRegressor, got "
            f"{estimator!r}. Give the step of a pipeline, or convert scikit-learn's network by "
            "fastnn.from_sklearn."
        )
    if not isinstance(max_per_layer, Integral) or max_per_layer < 1:
        raise ValueError(f"max_per_layer has to be a whole number from 1 on, got {max_per_layer}.")


def _problem_of(
    estimator: MLPClassifier | MLPRegressor, X: Any, y: Any, sample_weight: Any
) -> tuple[Problem, int]:
    """All rows as one mini-batch in float64, and the factor from the loss to its gradient."""
    twin, is_fitted = fitted.twin_of(estimator), hasattr(estimator, "coefs_")
    twin.set_params(**PLAIN)
    twin._validate_params()
    settings = parameters.settings_of(twin)
    X, y = twin._check_input(X, y, reset=not is_fitted)
    twin._learn_targets(y, keeps=is_fitted)
    dataset = dataset_of(twin, X, y, y, sample_weight)
    random_state = check_random_state(twin.random_state)
    twin.out_activation_ = dataset.targets.out_activation
    double, n_features, n_outputs = np.dtype(np.float64), X.shape[1], dataset.targets.n_outputs
    if is_fitted:
        network = fitted.network_of(twin)
        network = plan.network_to_go_on_with(network, settings, n_features, n_outputs)
    else:
        units = [n_features, *settings.hidden, n_outputs]
        gains = parameters.activations_of_gains(twin, len(settings.hidden))
        network = plan.initial_network(settings, units, double, gains, random_state)
    architecture = twin._architecture(len(network.coefs), trains=True)
    network = network.astype(double)
    problem = plan.problem_of(settings, network, architecture, dataset, random_state)
    return problem, n_outputs if LOSSES[dataset.targets.loss].is_mean else 1


class _Loss:
    """Loss of all rows of a problem as a function of the parameters.

    A loss that is a mean over outputs has a gradient that is the sum (`fastnn.kernels.losses`): it
    is multiplied by their number, the penalty is not.
    """

    def __init__(self, engine: Engine, problem: Problem, output_factor: int) -> None:
        self.problem, self.factor = problem, output_factor
        self.params = problem.network.params.copy()
        self.objective = engine.objective(problem)

    def __call__(self, params: np.ndarray) -> float:
        network = self.problem.network
        network.params[:] = params
        gradient = self.objective.gradient()
        squares = float((params[: network.n_weights] ** 2).sum())
        penalty = 0.5 * self.problem.alpha * squares / gradient.weight
        return self.factor * (gradient.loss - penalty) + penalty

    def gradient(self) -> np.ndarray:
        """Take the derivatives by back-propagation."""
        self(self.params)
        return self.objective.last_gradient().copy()

    def central_difference(self, at: int) -> float:
        """Take the derivative by one parameter, by moving it a little up and down."""
        up, down = self.params.copy(), self.params.copy()
        up[at] += STEP
        down[at] -= STEP
        return (self(up) - self(down)) / (up[at] - down[at])


def _positions(network: Network) -> list[np.ndarray]:
    """Where each layer's parameters stand in the vector of all."""
    places = Network(
        network.units, np.arange(network.params.size), network.running if network.scales else None
    )
    layers = []
    for l, (W, b) in enumerate(zip(places.coefs, places.intercepts, strict=True)):
        learned = places.scales[l : l + 1] + places.shifts[l : l + 1]
        layers.append(np.concatenate([part.ravel() for part in (W, b, *learned)]))
    return layers


def _largest_error(exact: np.ndarray, numeric: np.ndarray) -> float:
    sizes = np.maximum(np.abs(exact), np.abs(numeric))
    floor = max(1e-3 * sizes.max(), np.finfo(float).tiny)
    return float((np.abs(exact - numeric) / np.maximum(sizes, floor)).max())
