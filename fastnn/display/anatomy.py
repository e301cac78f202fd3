"""What runs through a network for given rows: outputs forward, derivatives backward.

Every number comes from the library's own training and prediction, so that no picture can drift
from what the kernels do.
"""

import copy
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from fastnn.convert.from_sklearn import PAIRS, from_sklearn
from fastnn.estimators.classifier import MLPClassifier
from fastnn.estimators.fitted import set_solver_state
from fastnn.estimators.regressor import MLPRegressor

# One step with these, whatever the model was trained with, takes the gradient off the weights.
PLAIN_STEP = {
    "solver": "sgd",
    "learning_rate": "constant",
    "learning_rate_init": 1.0,
    "momentum": 0.0,
    "nesterovs_momentum": False,
    "alpha": 0.0,
    "batch_size": "auto",
    "shuffle": False,
    "random_state": 0,  # so that nobody's random numbers move on
    "early_stopping": False,
    "verbose": False,
    "dtype": "auto",
    "dropout": 0.0,
    "class_weight": None,  # of a row alone, a weight says nothing
    "scoring": None,
    "train_scores": None,
    "max_grad_norm": None,
    "warmup": 0,
    "max_time": None,
}


class Gradient(NamedTuple):
    """Derivative of some rows' mean loss by each layer's weights and biases, and that loss."""

    loss: float
    coefs: list[np.ndarray]
    intercepts: list[np.ndarray]


def open_up(estimator: Any, X: Any = None, y: Any = None) -> tuple[Any, Any, Any]:
    """Find the network in a pipeline or a search, with X and y as they reach it.

    Parameters
    ----------
    estimator : estimator instance
        A fitted `MLPClassifier` or `MLPRegressor`, fastnn's or scikit-learn's, or a pipeline that
        ends in one, a `TransformedTargetRegressor` or a search.
    X : array-like of shape (n_samples, n_features), default=None
        Rows as `estimator` takes them.
    y : array-like, default=None
        Their targets.

    Returns
    -------
    network : MLPClassifier or MLPRegressor
    X : ndarray of shape (n_samples, n_features) or None
        float64.
    y : ndarray or None

    Raises
    ------
    TypeError
        If there is no network in `estimator`.
    """
    if hasattr(estimator, "best_estimator_"):
        return open_up(estimator.best_estimator_, X, y)
    if isinstance(estimator, Pipeline):
        check_is_fitted(estimator)
        if X is not None and len(estimator) > 1:
            X = estimator[:-1].transform(_table(X))
        return open_up(estimator[-1], X, y)
    if isinstance(estimator, TransformedTargetRegressor):
        check_is_fitted(estimator)
        if y is not None:
            y = estimator.transformer_.transform(np.reshape(y, (len(y), -1)))
            y = y[:, 0] if y.shape[1] == 1 else y
        return open_up(estimator.regressor_, X, y)
    if type(estimator) in PAIRS:
        estimator = from_sklearn(estimator)
    if not isinstance(estimator, MLPClassifier | MLPRegressor):
        raise TypeError(
            "A display draws an MLPClassifier or an MLPRegressor, alone, or as the last step of a "
            f"Pipeline, or found by a search; got {type(estimator).__name__}."
        )
    check_is_fitted(estimator)
    return estimator, None if X is None else _checked_rows(estimator, X), y


def one_row(X: Any) -> Any:
    """Make a single row a table of one.

    Raises
    ------
    ValueError
        If there are several.
    """
    X = _table(X)
    if X.shape[0] != 1:
        raise ValueError(f"X has to be one row, got {X.shape[0]}: take one, such as X[:1].")
    return X


def one_target(y: Any) -> np.ndarray:
    """Make the target of a row the y of a table of one."""
    y = y.to_numpy() if hasattr(y, "to_numpy") else np.asarray(y)
    return y.reshape(1) if y.size == 1 else y.reshape(1, -1)


def _table(X: Any) -> Any:
    if np.ndim(X) == 1 and hasattr(X, "to_frame"):  # a row of a DataFrame, of mixed kinds
        return X.to_frame().T.infer_objects()
    if hasattr(X, "shape") and len(X.shape) == 2:
        return X
    return np.atleast_2d(np.asarray(X))


def _checked_rows(network: Any, X: Any) -> np.ndarray:
    X = X.toarray() if sparse.issparse(X) else _table(X)
    X = np.asarray(X, dtype=np.float64)
    if X.shape[1] != network.coefs_[0].shape[0]:
        raise ValueError(
            f"X has {X.shape[1]} features, and the network takes {network.coefs_[0].shape[0]}."
        )
    return X


# ----------------------------------------------------------------------------------- forward


def layer_outputs(network: Any, X: np.ndarray) -> list[np.ndarray]:
    """Compute what each layer puts out for rows, the input first and the outputs last."""
    network = _probe(network)
    n_hidden = len(network.coefs_) - 1
    hidden = [network.hidden_activations(X, layer) for layer in range(n_hidden)]
    return [X, *hidden, outputs(network, X)]


def outputs(network: Any, X: np.ndarray) -> np.ndarray:
    """Compute the outputs of the network, of shape (n_samples, n_outputs)."""
    network = _probe(network)
    if not is_classifier(network):
        return network.predict(X).reshape(len(X), -1)
    probabilities = network.predict_proba(X)
    if isinstance(probabilities, list):  # of several targets
        return np.hstack(probabilities)
    return probabilities[:, 1:] if network.n_outputs_ == 1 else probabilities


def _probe(network: Any) -> Any:
    """Copy that takes rows without the names of their columns, and tells no callback."""
    copied = copy.copy(network)
    for name in list(vars(copied)):
        if name == "feature_names_in_" or "callback" in name:
            delattr(copied, name)
    return copied


# ---------------------------------------------------------------------------------- backward


def gradient(network: Any, X: np.ndarray, y: Any) -> Gradient:
    """Take the gradient off the weights: what a plain step of gradient descent takes away.

    Raises
    ------
    ValueError
        If the network normalizes over a mini-batch, which one row is not.
    """
    if getattr(network, "normalization", None) == "batch":
        raise ValueError(
            "A network with normalization='batch' has no gradient for a row alone: draw it "
            "without y."
        )
    stepped = _probe(network)
    parameters = stepped.get_params(deep=False)
    stepped.set_params(**{name: PLAIN_STEP[name] for name in PLAIN_STEP if name in parameters})
    set_solver_state(stepped, None)  # the last fit's has a momentum
    stepped.coefs_ = [W.astype(np.float64) for W in network.coefs_]
    stepped.intercepts_ = [b.astype(np.float64) for b in network.intercepts_]
    before = stepped.coefs_, stepped.intercepts_
    stepped.partial_fit(X, y)
    coefs, intercepts = (
        [old - new for old, new in zip(*pair, strict=True)]
        for pair in zip(before, (stepped.coefs_, stepped.intercepts_), strict=True)
    )
    return Gradient(float(stepped.loss_), coefs, intercepts)


# -------------------------------------------------------------------------------- activations


def activation_and_derivative(activation: str, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values f(z) and f'(z) of a hidden layer's activation, as a network computes them.

    The network has a unit for each z, which is its bias; its output is the sum of all units, and
    the derivative of its loss by that sum is 1. So the gradient by the biases is f'(z).
    """
    z = np.asarray(z, dtype=np.float64)
    X = np.zeros((1, 1))
    network = MLPRegressor(hidden_layer_sizes=(z.size,), activation=activation, random_state=0)
    network.partial_fit(X, [0.0])
    network.coefs_ = [np.zeros((1, z.size)), np.ones((z.size, 1))]
    network.intercepts_ = [z.ravel().copy(), np.zeros(1)]
    values = layer_outputs(network, X)[1][0]
    slopes = gradient(network, X, [values.sum() - 1.0]).intercepts[0]
    return values.reshape(z.shape), slopes.reshape(z.shape)
