"""Models carried over: from scikit-learn and back, and to ONNX."""

from copy import deepcopy
from functools import cache
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils.validation import check_is_fitted

from fastnn.classifier import MLPClassifier
from fastnn.kernels.arguments import STEPS
from fastnn.network import Network
from fastnn.record import adopt, network_of
from fastnn.regressor import MLPRegressor
from fastnn.solvers import Solver, solver_for

# What each side keeps for itself: buffers, and what is made anew below.
OWN = (
    *("_own_network", "_optimizer", "_resumption", "_gradient_norms"),
    *("_best_coefs", "_best_intercepts", "coefs_", "intercepts_"),
    *("n_parameters_", "learning_rates_", "validation_loss_curve_", "train_scores_"),
)


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
    if type(model) not in pairs():
        raise TypeError(
            "from_sklearn takes scikit-learn's MLPClassifier or MLPRegressor, got "
            f"{type(model).__module__}.{type(model).__qualname__}. For a pipeline, convert the "
            "step that holds the network."
        )
    estimator = pairs()[type(model)](**model.get_params(deep=False))
    _copy_record(model, estimator)
    if hasattr(model, "coefs_"):
        network = Network.from_arrays(model.coefs_, model.intercepts_)
        adopt(estimator, network)
        if hasattr(model, "_optimizer"):
            estimator._optimizer = _solver_from_sklearn(model._optimizer, estimator, network)
    return estimator


@cache
def pairs() -> dict[type, type]:
    """Pair scikit-learn's networks with ours; they are not imported with this file, in 25 ms."""
    from sklearn.neural_network import MLPClassifier as Classifier
    from sklearn.neural_network import MLPRegressor as Regressor

    return {Classifier: MLPClassifier, Regressor: MLPRegressor}


def to_sklearn(estimator: MLPClassifier | MLPRegressor) -> BaseEstimator:
    """Carry a model over to scikit-learn; see `MLPClassifier.to_sklearn`."""
    family = next(theirs for theirs, ours in pairs().items() if isinstance(estimator, ours))
    parameters = estimator.get_params(deep=False)
    names = family().get_params()
    _check_for_sklearn(estimator, {k: v for k, v in parameters.items() if k not in names})
    model = family(**{name: parameters[name] for name in names})
    model._validate_params()
    _copy_record(estimator, model)
    if hasattr(estimator, "coefs_"):
        model.coefs_ = [W.copy() for W in estimator.coefs_]
        model.intercepts_ = [b.copy() for b in estimator.intercepts_]
        # The same lists, as early stopping leaves them: a warm start goes on to the same weights.
        model._best_coefs, model._best_intercepts = model.coefs_, model.intercepts_
        if hasattr(estimator, "_optimizer"):
            model._optimizer = _solver_to_sklearn(estimator)
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


def _copy_record(source: BaseEstimator, target: BaseEstimator) -> None:
    """Copy every fitted attribute that both sides have in the same form."""
    parameters = source.get_params(deep=False)
    for name, value in vars(source).items():
        if name not in parameters and name not in OWN and not name.startswith("_skl"):
            setattr(target, name, deepcopy(value))


def _solver_from_sklearn(optimizer: Any, estimator: Any, network: Network) -> Solver:
    from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

    solver = solver_for(estimator, network.params.size, network.params.dtype)
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


def _solver_to_sklearn(estimator: Any) -> Any:
    from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

    solver, units = estimator._optimizer, network_of(estimator).units
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


def to_onnx(model: BaseEstimator, X_sample: Any, **options: Any) -> Any:
    """Convert a fitted estimator, or a pipeline that holds one, to ONNX.

    Parameters
    ----------
    model : estimator
        An `MLPClassifier` or `MLPRegressor`, or a scikit-learn model that contains them.
    X_sample : array-like of shape (n_samples, n_features)
        A few rows, from which names and dtypes of the inputs are read. Give float32 rows for a
        graph in single precision.
    **options : dict
        Passed on to :func:`skl2onnx.to_onnx`.

    Returns
    -------
    onnx_model : onnx.ModelProto
        A classifier's outputs are the labels and an array of probabilities.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.
    NotFittedError
        If the model is not fitted.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnn
    >>> X, y = [[0.0], [1.0]], [0, 1]
    >>> model = fastnn.MLPClassifier(solver="lbfgs", random_state=0).fit(X, y)
    >>> onnx_model = fastnn.to_onnx(model, np.array(X, dtype=np.float32))
    >>> [output.name for output in onnx_model.graph.output]
    ['label', 'probabilities']
    """
    try:
        import skl2onnx
    except ImportError as error:
        raise ImportError(
            "to_onnx needs skl2onnx: install the extra with `fastnn-mlp[onnx]`."
        ) from error
    from fastnn import onnx_graph

    check_is_fitted(model)
    onnx_graph.register()
    if is_classifier(model):
        options.setdefault("options", {id(model): {"zipmap": False}})
    return skl2onnx.to_onnx(model, X_sample, **options)
