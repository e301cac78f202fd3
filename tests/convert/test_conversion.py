"""Models carried to scikit-learn and back, and to ONNX: they predict and go on training alike."""

import sys

import numpy as np
import pandas as pd
import pytest
import sklearn.neural_network
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import StackingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.validation import check_is_fitted
from versions import needs

import fastnn
from fastnn import MLPClassifier, MLPRegressor, from_sklearn, to_onnx
from fastnn.kernels.activations import ACTIVATIONS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SOLVERS = {
    "adam": {"solver": "adam"},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.01},
    "sgd, invscaling": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.1},
    "sgd, plain": {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.01},
    "lbfgs": {"solver": "lbfgs"},
    "early stopping": {"early_stopping": True},
}
RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((60, 8))
TASKS = {
    "binary": RANDOM.integers(0, 2, 60),
    "multiclass": RANDOM.integers(0, 3, 60),
    "multilabel": make_multilabel_classification(60, n_classes=4, random_state=0)[1],
    "two labels": make_multilabel_classification(60, n_classes=2, random_state=0)[1],
    "strings": np.array(["red", "green", "blue"])[RANDOM.integers(0, 3, 60)],
    "objects": np.array(["no", "yes"], dtype=object)[RANDOM.integers(0, 2, 60)],
    "truth": RANDOM.random(60) < 0.5,
    "one class": np.full(60, 7),
    "one target": X[:, 0] - X[:, 1],
    "many targets": X[:, :3] ** 2,
    "poisson": RANDOM.poisson(np.exp(X[:, 0])).astype(float),
}
REGRESSION = ("one target", "many targets", "poisson")


def network(task, home=fastnn, **parameters):
    """A network for a task, of fastnn or of scikit-learn, fitted."""
    name = "MLPRegressor" if task in REGRESSION else "MLPClassifier"
    if task == "poisson":
        parameters["loss"] = "poisson"
    parameters = {"hidden_layer_sizes": (6, 5), "max_iter": 5, "random_state": 0, **parameters}
    return getattr(home, name)(**parameters).fit(X, TASKS[task])


def train(model, y):
    """Go on training in the way that the solver has."""
    if model.solver == "lbfgs" or model.early_stopping:
        return model.set_params(warm_start=True).fit(X, y)
    return model.partial_fit(X, y).partial_fit(X, y)


def answers(model):
    """The numbers that a model gives."""
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def assert_same(model, other, rtol):
    assert_allclose(answers(model), answers(other), rtol=rtol, atol=1e-9)
    assert_array_equal(np.shape(model.predict(X)), np.shape(other.predict(X)))
    assert model.n_iter_ == other.n_iter_
    assert model.t_ == other.t_
    assert_allclose(model.loss_, other.loss_, rtol=rtol)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", ["binary", "multilabel", "strings", "many targets", "poisson"])
def test_from_sklearn_predicts_and_trains_on_as_the_model_does(task, solver):
    if task == "poisson":
        needs("poisson")
    if (task, solver) == ("strings", "early stopping"):
        needs("early stopping on texts")
    theirs = network(task, sklearn.neural_network, **SOLVERS[solver])
    ours = from_sklearn(theirs)
    assert type(ours).__module__ == "fastnn"
    assert_same(ours, theirs, rtol=1e-12)
    rtol = 1e-3 if solver == "lbfgs" else 1e-6
    assert_same(train(ours, TASKS[task]), train(theirs, TASKS[task]), rtol)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", ["binary", "multilabel", "strings", "many targets", "poisson"])
def test_to_sklearn_predicts_and_trains_on_as_the_model_does(task, solver):
    if task == "poisson":
        needs("poisson")
    if (task, solver) == ("strings", "early stopping"):
        needs("early stopping on texts")
    ours = network(task, **SOLVERS[solver])
    theirs = ours.to_sklearn()
    assert type(theirs).__module__.startswith("sklearn.")
    assert_same(ours, theirs, rtol=1e-12)
    rtol = 1e-3 if solver == "lbfgs" else 1e-6
    assert_same(train(ours, TASKS[task]), train(theirs, TASKS[task]), rtol)


@pytest.mark.parametrize("solver", SOLVERS)
def test_there_and_back_is_the_same_model(solver):
    model = network("strings", **SOLVERS[solver])
    back = from_sklearn(model.to_sklearn())
    assert back.get_params() == model.get_params()
    for W, W_back in zip(
        model.coefs_ + model.intercepts_, back.coefs_ + back.intercepts_, strict=True
    ):
        assert_array_equal(W, W_back)
    assert_array_equal(
        answers(train(model, TASKS["strings"])), answers(train(back, TASKS["strings"]))
    )


@pytest.mark.parametrize("convert", [from_sklearn, lambda model: model.to_sklearn()])
def test_the_model_that_is_carried_over_stays_as_it_is(convert):
    home = sklearn.neural_network if convert is from_sklearn else fastnn
    model = network("multiclass", home)
    before = answers(model)
    train(convert(model), TASKS["multiclass"])
    assert_array_equal(answers(model), before)


def test_attributes_are_carried_over():
    theirs = sklearn.neural_network.MLPClassifier(max_iter=3)
    theirs.fit(pd.DataFrame(X, columns=list("abcdefgh")), TASKS["strings"])
    ours = from_sklearn(theirs)
    public = [name for name in vars(theirs) if name.endswith("_")]
    assert len(public) > 10
    for name in public:
        np.testing.assert_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)
    with pytest.raises(ValueError, match="feature names should match"):
        ours.predict(pd.DataFrame(X, columns=list("hgfedcba")))


def test_a_model_that_is_not_fitted_is_carried_over_too():
    theirs = sklearn.neural_network.MLPRegressor(hidden_layer_sizes=(7,), alpha=0.5)
    ours = from_sklearn(theirs)
    assert ours.get_params()["alpha"] == 0.5
    for model in (ours, ours.to_sklearn()):
        with pytest.raises(NotFittedError):
            check_is_fitted(model)


@pytest.mark.parametrize(
    "wrong", [LogisticRegression(), make_pipeline(StandardScaler()), MLPClassifier(), "model", None]
)
def test_from_sklearn_refuses_what_is_no_network_of_scikit_learn(wrong):
    with pytest.raises(TypeError, match=f"from_sklearn takes.*got .*{type(wrong).__name__}"):
        from_sklearn(wrong)


def run_onnx(model, X, feed=None):
    """Outputs of a model's graph in ONNX Runtime."""
    import onnxruntime

    graph = to_onnx(model, X[:2])
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, feed or {session.get_inputs()[0].name: X})


def assert_same_classes(model, X, feed=None):
    labels, probabilities = run_onnx(model, X, feed)
    assert_allclose(probabilities, model.predict_proba(X), rtol=1e-5, atol=1e-5)
    assert_array_equal(labels, model.predict(X))


def test_several_targets_of_classes_are_not_carried_over():
    X, y = np.eye(6), np.array([[0, 5], [1, 6], [2, 5], [0, 6], [1, 5], [2, 6]])
    with pytest.raises(ValueError, match="one target of classes, and this one 2"):
        MLPClassifier((3,), max_iter=2).fit(X, y).to_sklearn()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("task", TASKS)
def test_onnx_agrees(task, dtype):
    model = network(task, max_iter=20)
    data = X.astype(dtype)
    if task in REGRESSION:
        (prediction,) = run_onnx(model, data)
        assert prediction.dtype == dtype
        assert prediction.ndim == 2
        expected = model.predict(data).reshape(prediction.shape)
        assert_allclose(prediction, expected, rtol=1e-5, atol=1e-5)
    else:
        assert_same_classes(model, data)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_onnx_activations(activation, dtype):
    data = (3 * X).astype(dtype)
    assert_same_classes(network("multiclass", activation=activation), data)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "parameters",
    [
        {"activation": ["mish", "tanh"]},
        {"normalization": "batch", "batch_size": 20},
        {"normalization": "layer"},
        {"dropout": 0.5},
        {"loss": "focal"},
    ],
    ids=str,
)
def test_onnx_of_what_scikit_learn_does_not_have(parameters, dtype):
    assert_same_classes(network("multiclass", **parameters), X.astype(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "parameters",
    [{"loss": "gamma"}, {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]}, {"loss": "huber"}],
    ids=str,
)
def test_onnx_losses_of_regression(parameters, dtype):
    model = MLPRegressor(max_iter=5, random_state=0, **parameters).fit(X, np.exp(X[:, 0]))
    data = X.astype(dtype)
    (prediction,) = run_onnx(model, data)
    assert_allclose(prediction, model.predict(data).reshape(len(X), -1), rtol=1e-5, atol=1e-5)


def test_onnx_refuses_several_targets_of_classes():
    model = MLPClassifier(max_iter=2).fit(
        X, np.column_stack([TASKS["binary"], TASKS["multiclass"]])
    )
    with pytest.raises(ValueError, match="cannot convert a classifier of several targets"):
        to_onnx(model, X)


def test_onnx_of_a_network_without_hidden_layers_and_of_whole_numbers():
    assert_same_classes(network("multiclass", hidden_layer_sizes=()), X)
    assert_same_classes(network("multiclass"), X.round().astype(np.int64))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "around",
    [
        lambda network: make_pipeline(StandardScaler(), network),
        lambda network: CalibratedClassifierCV(network, cv=2),
        lambda network: StackingClassifier([("network", network)], cv=2),
    ],
    ids=["pipeline", "calibrated", "stacked"],
)
def test_onnx_of_models_that_hold_a_network(around, dtype):
    model = around(MLPClassifier((6,), max_iter=5, random_state=0))
    assert_same_classes(model.fit(X, TASKS["strings"]), X.astype(dtype))


def test_onnx_of_a_regression_in_a_pipeline():
    model = make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(6,), max_iter=5))
    (prediction,) = run_onnx(model.fit(X, TASKS["one target"]), X)
    assert_allclose(prediction.ravel(), model.predict(X), rtol=1e-5)


def test_onnx_of_columns_of_several_kinds():
    frame = pd.DataFrame({"size": X[:, 0].astype(np.float32), "town": TASKS["strings"]})
    model = make_pipeline(
        make_column_transformer((StandardScaler(), ["size"]), (OneHotEncoder(), ["town"])),
        MLPClassifier((6,), max_iter=5, random_state=0),
    ).fit(frame, TASKS["binary"])
    feed = {name: frame[[name]].to_numpy() for name in frame}
    feed["town"] = feed["town"].astype(object)
    assert_same_classes(model, frame, feed)


def test_onnx_options_are_those_of_skl2onnx():
    model = network("multiclass")
    graph = to_onnx(model, X[:1], options={id(model): {"zipmap": "columns"}}, target_opset=15)
    assert [output.name for output in graph.graph.output] == ["output_label", "i0", "i1", "i2"]
    assert 15 in [opset.version for opset in graph.opset_import]


def test_onnx_of_a_model_that_is_not_fitted():
    for model in (MLPClassifier(), make_pipeline(StandardScaler(), MLPRegressor())):
        with pytest.raises(NotFittedError):
            to_onnx(model, X)


def test_onnx_without_skl2onnx_tells_the_way_out(monkeypatch):
    monkeypatch.delitem(sys.modules, "fastnn.convert.onnx_graph", raising=False)
    monkeypatch.delattr("fastnn.convert.onnx_graph", raising=False)
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"fastnn-mlp\[onnx\]"):
        to_onnx(network("binary"), X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_state_of_another_solver_stays_behind():
    y = X[:, 0] > 0
    ours = MLPClassifier((4,), solver="adamw", max_iter=2, random_state=0).fit(X, y)
    assert not hasattr(ours.set_params(solver="adam").to_sklearn(), "_optimizer")
    theirs = sklearn.neural_network.MLPClassifier((4,), max_iter=2, random_state=0).fit(X, y)
    theirs.set_params(solver="lbfgs").fit(X, y)
    assert hasattr(theirs, "_optimizer")  # adam's
    back = from_sklearn(theirs).to_sklearn()
    assert_array_equal(back.predict_proba(X), theirs.predict_proba(X))
