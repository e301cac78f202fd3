"""The new parameters: at their defaults nothing changes, and what makes no sense is refused."""

import inspect
import re

import numpy as np
import pytest
import sklearn.neural_network
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from fastnn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
NETWORKS = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}
random = np.random.default_rng(0)
X = random.standard_normal((40, 3))
y = (X[:, 0] > 0).astype(int)


def theirs(name):
    return getattr(sklearn.neural_network, name)


# ------------------------------------------------------------------------------------- defaults


@pytest.mark.parametrize("name", NETWORKS)
def test_scikit_learns_parameters_stand_first_with_their_defaults(name):
    ours = list(inspect.signature(NETWORKS[name]).parameters.values())
    before = list(inspect.signature(theirs(name)).parameters.values())
    for parameter, expected in zip(ours, before, strict=False):
        assert (parameter.name, parameter.default) == (expected.name, expected.default)
    for parameter in ours[len(before) :]:
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_new_parameters_written_out_give_scikit_learns_numbers(name, solver):
    known = theirs(name)().get_params()
    new = {k: v for k, v in NETWORKS[name]().get_params().items() if k not in known}
    assert len(new) > 15
    common = {"hidden_layer_sizes": (6, 5), "solver": solver, "max_iter": 8, "random_state": 0}
    ours = NETWORKS[name](**common, **new).fit(X, y)
    expected = theirs(name)(**common).fit(X, y)
    parts = zip(ours.coefs_ + ours.intercepts_, expected.coefs_ + expected.intercepts_, strict=True)
    for a, b in parts:
        assert_allclose(a, b, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_are_kept_as_they_are_given(name):
    given = {
        "activation": ["relu", "tanh"],
        "dropout": np.array([0.1, 0.2]),
        "learning_rate": abs,
        "scoring": len,
        "weight_init": 0.1,
        "max_time": 3,
    }
    model = NETWORKS[name](**given)
    for key, value in given.items():
        assert getattr(model, key) is value
    assert repr(clone(model).get_params()) == repr(model.get_params())


@pytest.mark.parametrize("name", NETWORKS)
def test_each_parameter_is_checked_and_told_of(name):
    Network = NETWORKS[name]
    parameters = set(inspect.signature(Network).parameters)
    assert set(Network._parameter_constraints) == parameters
    documented = set(re.findall(r"^    (\w+) : ", Network.__doc__, re.MULTILINE))
    assert parameters <= documented


# ------------------------------------------------------------------------------------- nonsense

ALONE = [  # parameter, value: each alone makes no sense
    *[("activation", value) for value in ("swish", 3, None)],
    *[("solver", value) for value in ("newton", None)],
    *[("weight_init", value) for value in ("xavier", 0, -0.1, np.nan, np.inf, None)],
    *[("weight_decay", value) for value in (-1e-3, np.nan, np.inf, "x", None)],
    *[("rho", value) for value in (-0.1, 1, np.nan, None)],
    *[("amsgrad", value) for value in ("yes", None, 2)],
    *[("max_grad_norm", value) for value in (0, -1, np.nan, "x")],
    *[("learning_rate", value) for value in ("linear", None, 0.1)],
    *[("warmup", value) for value in (-1, 0.5, "x", None)],
    *[("step_size", value) for value in (0, 0.5, None)],
    *[("decay", value) for value in (0, 1.5, np.nan, None)],
    *[("dropout", value) for value in (1, 1.0, -0.1, np.nan, "x", None)],
    *[("normalization", value) for value in ("group", True)],
    *[("scoring", value) for value in (3, ["accuracy"])],
    *[("restore_best_weights", value) for value in ("yes", 2)],
    *[("max_time", value) for value in (0, -1, np.nan, "x")],
    *[("dtype", value) for value in ("float16", np.float32, None)],
    *[("n_jobs", value) for value in (0.5, "x")],
]
OF_ONE = [
    *[("MLPClassifier", "loss", value) for value in ("hinge", "squared_error", None)],
    *[("MLPClassifier", "focal_gamma", value) for value in (-1, np.nan, np.inf, None)],
    *[("MLPClassifier", "label_smoothing", value) for value in (-0.1, 1, np.nan, None)],
    *[("MLPClassifier", "class_weight", value) for value in ("heavy", 2, (1, 2))],
    *[("MLPRegressor", "loss", value) for value in ("hinge", "log_loss", "quantiles", None)],
    *[("MLPRegressor", "huber_delta", value) for value in (0, -1, np.nan, np.inf, None)],
    *[("MLPRegressor", "quantile", value) for value in ("x", None)],
]
CASES = [(name, *case) for name in NETWORKS for case in ALONE] + OF_ONE


def refused(model, *told):
    """Fit, and check the message of its failure and that nothing is left of it."""
    with pytest.raises(ValueError, match=r"\w") as failure:
        model.fit(X, y)
    for part in told:
        assert part in str(failure.value)
    with pytest.raises(sklearn.exceptions.NotFittedError):
        check_is_fitted(model)


def test_lbfgs_knows_no_warmup():
    MLPClassifier(solver="lbfgs", warmup=5, max_iter=3, tol=1e9).fit(X, y)


@pytest.mark.parametrize(("name", "parameter", "value"), CASES, ids=str)
def test_a_value_that_makes_no_sense(name, parameter, value):
    """Parameter, value and what it must be: scikit-learn's own sentence."""
    model = NETWORKS[name](**{parameter: value})
    refused(model, f"The {parameter!r} parameter of {name} must be ", f" Got {value!r} instead.")


HIDDEN = {"hidden_layer_sizes": (4, 3)}
TOGETHER = [  # keywords, and what is told: the parameter with its value, and a way out
    (
        {**HIDDEN, "activation": ("relu",) * 3},
        ("activation has 3 entries", "2 hidden layers: give"),
    ),
    ({**HIDDEN, "activation": ("relu", "swish")}, ("activation holds 'swish'", "has to be a str")),
    ({**HIDDEN, "dropout": (0.1,)}, ("dropout has 1 entries", "2 hidden layers: give one for")),
    ({**HIDDEN, "dropout": (0.1, 1.0)}, ("dropout holds 1.0", "a number in [0, 1)")),
    ({**HIDDEN, "dropout": (0.1, "x")}, ("dropout holds 'x'", "a number in [0, 1)")),
    ({"amsgrad": True, "solver": "sgd"}, ("amsgrad=True", "solver='adam' or 'adamw'", "'sgd'")),
    ({"amsgrad": True, "solver": "lbfgs"}, ("amsgrad=True", "solver='adam' or 'adamw'", "'lbfgs'")),
    ({"warmup": 200}, ("warmup=200", "max_iter=200", "use a smaller warmup")),
    ({"warmup": 2, "learning_rate": "adaptive"}, ("warmup=2", "'adaptive'", "use warmup=0 or")),
    ({"warmup": 2, "learning_rate": "invscaling"}, ("warmup=2", "'invscaling'", "use warmup=0 or")),
    ({"n_jobs": 0}, ("n_jobs=0", "use None, or")),
    ({"dropout": 0.1, "solver": "lbfgs"}, ("dropout=0.1", "needs a stochastic solver", "'lbfgs'")),
    ({**HIDDEN, "dropout": (0, 0.1), "solver": "lbfgs"}, ("dropout=(0, 0.1)", "stochastic solver")),
    (
        {"normalization": "batch", "solver": "lbfgs"},
        ("normalization='batch'", "use normalization='layer'"),
    ),
    ({"max_grad_norm": 1.0, "solver": "lbfgs"}, ("max_grad_norm=1.0", "stochastic solver")),
    ({"scoring": "accurate"}, ("'accurate' is not a valid scoring value", "get_scorer_names()")),
]
OF_CLASSES = [
    ({"label_smoothing": 0.1, "loss": "focal"}, ("label_smoothing=0.1", "loss='log_loss'")),
]
OF_NUMBERS = [
    ({"loss": "quantile", "quantile": 0.0}, ("quantile", "between 0 and 1", "got 0.0")),
    ({"loss": "quantile", "quantile": 1}, ("quantile", "between 0 and 1", "got 1")),
    ({"loss": "quantile", "quantile": -0.5}, ("quantile", "between 0 and 1", "got -0.5")),
    ({"loss": "quantile", "quantile": [0.2, 1.2]}, ("quantile", "between 0 and 1", "got 1.2")),
    ({"loss": "quantile", "quantile": [0.5, 0.2]}, ("increasing numbers", "[0.5, 0.2]")),
    ({"loss": "quantile", "quantile": []}, ("quantile", "increasing numbers", "[]")),
]


@pytest.mark.parametrize(("parameters", "told"), TOGETHER, ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_values_that_make_no_sense_together(name, parameters, told):
    refused(NETWORKS[name](**parameters), *told)


@pytest.mark.parametrize(("parameters", "told"), OF_CLASSES, ids=str)
def test_values_of_the_classifier_that_make_no_sense_together(parameters, told):
    refused(MLPClassifier(**parameters), *told)


@pytest.mark.parametrize(("parameters", "told"), OF_NUMBERS, ids=str)
def test_values_of_the_regressor_that_make_no_sense_together(parameters, told):
    refused(MLPRegressor(**parameters), *told)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_first_partial_fit_and_resume_refuse_them_too(name):
    """A later partial_fit does not check again: scikit-learn's rule, which saves time."""
    wrong = NETWORKS[name](dropout=1.0)
    with pytest.raises(ValueError, match="'dropout' parameter"):
        wrong.partial_fit(X, y)
    fitted = NETWORKS[name](max_iter=2).fit(X, y).set_params(dropout=1.0)
    with pytest.raises(ValueError, match="'dropout' parameter"):
        fitted.resume(X, y)
