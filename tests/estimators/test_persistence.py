"""A model on its way: pickled, copied, put in a file, taken apart and set by hand."""

import copy
import io
import pickle
import types

import joblib
import numpy as np
import pytest
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastnn import MLPClassifier, MLPRegressor, MLPTransformer
from fastnn.callbacks import Checkpoint, TimeLimit
from fastnn.estimators.base import DROPPED
from fastnn.kernels.updates import SOLVERS as UPDATES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SOLVERS = ["adam", "sgd", "lbfgs"]
NETWORKS = [MLPClassifier, MLPRegressor]


def through_joblib(model, tmp_path):
    joblib.dump(model, tmp_path / "model.joblib")
    return joblib.load(tmp_path / "model.joblib")


def through_joblib_memmap(model, tmp_path):
    joblib.dump(model, tmp_path / "model.joblib")
    return joblib.load(tmp_path / "model.joblib", mmap_mode="r")


def through_skops(model, tmp_path):
    skops.io.dump(model, tmp_path / "model.skops")
    return skops.io.load(tmp_path / "model.skops", trusted=[f"fastnn.{type(model).__name__}"])


WAYS = {
    "pickle": lambda model, _: pickle.loads(pickle.dumps(model)),
    "pickle, protocol 2": lambda model, _: pickle.loads(pickle.dumps(model, protocol=2)),
    "joblib": through_joblib,
    "joblib, memory-mapped": through_joblib_memmap,
    "skops": through_skops,
    "copy": lambda model, _: copy.copy(model),
    "deepcopy": lambda model, _: copy.deepcopy(model),
}


def train(model, X, y):
    """Go on training in the way that the solver has."""
    if model.solver == "lbfgs":
        return model.set_params(warm_start=True).fit(X, y)
    return model.partial_fit(X, y).partial_fit(X[::-1], y[::-1])


def params_of(model):
    return np.concatenate([w.ravel() for w in model.coefs_ + model.intercepts_])


@pytest.fixture
def fitted(classes_data):
    X, y = classes_data

    def fit(Network, solver="adam", **parameters):
        # A RandomState, so that the order of rows goes on where it was.
        parameters = {"random_state": np.random.RandomState(0), "max_iter": 4, **parameters}
        return Network(hidden_layer_sizes=(6,), solver=solver, **parameters).fit(X, y)

    return fit


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("Network", NETWORKS)
@pytest.mark.parametrize("way", WAYS)
def test_a_saved_model_predicts_and_goes_on_training_to_the_same_bits(
    fitted, classes_data, tmp_path, way, Network, solver
):
    X, y = classes_data
    model = fitted(Network, solver)
    loaded = WAYS[way](model, tmp_path)
    assert_array_equal(loaded.predict(X), model.predict(X))
    expected = copy.deepcopy(model)
    assert_array_equal(params_of(train(loaded, X, y)), params_of(train(expected, X, y)))
    assert loaded.loss_ == expected.loss_
    assert loaded.n_iter_ == expected.n_iter_


@pytest.mark.parametrize("way", [way for way in WAYS if way != "copy"])
def test_training_a_saved_model_leaves_the_first_alone(fitted, classes_data, tmp_path, way):
    X, y = classes_data
    model = fitted(MLPClassifier)
    before = params_of(model)
    loaded = WAYS[way](model, tmp_path)
    loaded.partial_fit(X, y)
    assert_array_equal(params_of(model), before)
    assert not np.array_equal(params_of(loaded), before)


def test_training_a_shallow_copy_leaves_the_first_alone_too(fitted, classes_data):
    model = fitted(MLPClassifier)
    before = params_of(model)
    copy.copy(model).partial_fit(*classes_data)
    assert_array_equal(params_of(model), before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_saved_model_keeps_its_dtype(classes_data, dtype):
    X, y = classes_data
    model = MLPClassifier((6,), max_iter=2).fit(X.astype(dtype), y)
    loaded = pickle.loads(pickle.dumps(model))
    assert {w.dtype for w in loaded.coefs_ + loaded.intercepts_} == {np.dtype(dtype)}


def test_a_model_that_is_not_fitted_can_be_saved_too(classes_data):
    loaded = pickle.loads(pickle.dumps(MLPClassifier((6,), max_iter=2)))
    assert loaded.get_params() == MLPClassifier((6,), max_iter=2).get_params()
    with pytest.raises(NotFittedError):
        loaded.predict(classes_data[0])
    assert loaded.fit(*classes_data).n_iter_ == 2


def test_a_pickle_holds_each_weight_once(classes_data):
    model = MLPClassifier((2000,), solver="lbfgs", max_iter=1).fit(*classes_data)
    assert len(pickle.dumps(model)) < 1.1 * params_of(model).nbytes


@pytest.mark.parametrize("Network", NETWORKS)
def test_a_model_of_a_newer_version_is_refused(fitted, Network):
    model = fitted(Network)
    state = {**model.__getstate__(), "_fastnn_state": (1000, "9.9.9")}
    with pytest.raises(ValueError, match=r"saved by fastnn 9\.9\.9.*Upgrade fastnn to 9\.9\.9"):
        Network().__setstate__(state)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("Network", NETWORKS)
def test_a_fitted_model_holds_data_alone(fitted, classes_data, Network, solver):
    model = fitted(Network, solver, early_stopping=solver != "lbfgs")
    model.predict(classes_data[0])
    held = {name: value for name, value in vars(model).items() if name not in DROPPED}
    kinds = {type(part) for part in parts_of(held)} | {type(model)}
    allowed = (
        *(int, float, bool, str, bytes, type(None), dict, list, tuple),
        *(np.ndarray, np.generic, np.dtype, np.random.RandomState),
    )
    strange = {kind for kind in kinds if not issubclass(kind, allowed)}
    homes = {kind.__module__.split(".")[0] for kind in strange}
    assert homes <= {"fastnn", "sklearn"}, strange
    for kind in strange:
        assert not issubclass(kind, io.IOBase)
        assert "numba" not in "".join(base.__module__ for base in kind.__mro__)
    saved = {type(part) for part in parts_of(model.__getstate__())}
    ours = {kind for kind in saved if kind.__module__.startswith("fastnn")}
    assert not ours  # whose names a saved model would depend on


HELD = {  # what a fit may leave, by solver and by option
    **{f"solver {name}": {"solver": name} for name in [*UPDATES, "lbfgs"]},
    "best weights": {"restore_best_weights": True, "learning_rate_init": 0.5},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.3},
    "amsgrad": {"amsgrad": True},
    "schedule": {"learning_rate": "one_cycle", "warmup": 1},
    "batch": {"normalization": "batch", "dropout": 0.2},
    "layer": {"normalization": "layer", "solver": "lbfgs"},
    "a random state": {"random_state": np.random.RandomState(0)},
}


def untrusted(model):
    return set(skops.io.get_untrusted_types(data=skops.io.dumps(model)))


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("Network", NETWORKS)
def test_skops_has_to_trust_the_public_class_alone(fitted, classes_data, Network, held):
    X, y = classes_data
    model = fitted(Network, **HELD[held])
    name = f"fastnn.{Network.__name__}"
    assert untrusted(model) == {name}
    if model.solver != "lbfgs":
        assert untrusted(model.resume(X, y)) == {name}
        assert untrusted(model.set_params(early_stopping=False).partial_fit(X, y)) == {name}
    loaded = skops.io.loads(skops.io.dumps(model), trusted=[name])
    assert_array_equal(loaded.predict(X), model.predict(X))


def test_skops_has_to_trust_the_public_class_alone_of_several_targets(classes_data):
    X, y = classes_data
    model = MLPClassifier((4,), max_iter=2).fit(X, np.column_stack([y, y == 1]))
    assert untrusted(model) == {"fastnn.MLPClassifier"}
    model = MLPRegressor("quantile", (4,), max_iter=2, quantile=[0.1, 0.9]).fit(X, y)
    assert untrusted(model) == {"fastnn.MLPRegressor"}


def test_skops_has_to_trust_the_networks_in_a_pipeline(classes_data):
    network = MLPClassifier((4,), max_iter=2)
    steps = MLPTransformer(network), MLPClassifier((4,), max_iter=2)
    model = make_pipeline(StandardScaler(), *steps).fit(*classes_data)
    assert untrusted(model) == {"fastnn.MLPClassifier", "fastnn.MLPTransformer"}


def test_skops_has_to_trust_callbacks_that_a_user_has_set(classes_data):
    model = MLPClassifier((4,), max_iter=2).set_callbacks(TimeLimit(1e9)).fit(*classes_data)
    assert untrusted(model) == {"fastnn.MLPClassifier", "fastnn.callbacks.TimeLimit"}


def test_a_checkpoint_holds_the_public_class_alone(classes_data, tmp_path):
    path = tmp_path / "model.joblib"
    parameters = {"restore_best_weights": True, "learning_rate_init": 0.5}
    MLPClassifier((4,), max_iter=4, **parameters).set_callbacks(Checkpoint(path)).fit(*classes_data)
    assert untrusted(joblib.load(path)) == {"fastnn.MLPClassifier"}


def parts_of(thing, seen=None):
    """Everything that an object is made of."""
    seen = {} if seen is None else seen
    if id(thing) in seen:
        return
    seen[id(thing)] = thing
    yield thing
    parts = []
    if isinstance(thing, dict):
        parts = [*thing, *thing.values()]
    elif isinstance(thing, (list, tuple, set, frozenset)):
        parts = list(thing)
    elif hasattr(thing, "__dict__") and not isinstance(thing, (type, types.ModuleType)):
        parts = list(vars(thing).values())
    for part in parts:
        yield from parts_of(part, seen)


def test_parts_are_found():
    class Holder:
        def __init__(self):
            self.deep = [{"function": (len,)}]

    assert len in list(parts_of(Holder()))


def test_a_clone_is_not_fitted(fitted, classes_data):
    model = fitted(MLPClassifier)
    with pytest.raises(NotFittedError):
        clone(model).predict(classes_data[0])
    assert sorted(vars(clone(model))) == sorted(model.get_params())


def replaced_lists(model):
    model.coefs_ = [W * 2 for W in model.coefs_]
    model.intercepts_ = [b + 1 for b in model.intercepts_]


def replaced_arrays(model):
    for layer, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        model.coefs_[layer], model.intercepts_[layer] = W * 2, b + 1


def changed_in_place(model):
    for W, b in zip(model.coefs_, model.intercepts_, strict=True):
        W *= 2
        b += 1


@pytest.mark.parametrize("change", [replaced_lists, replaced_arrays, changed_in_place])
@pytest.mark.parametrize("Network", NETWORKS)
def test_weights_set_by_hand_predict_and_train_on(fitted, classes_data, Network, change):
    X, y = classes_data
    model = fitted(Network, activation="identity")
    before = params_of(model)
    (W1, W2), (b1, b2) = model.coefs_, model.intercepts_
    outputs = (X @ (2 * W1) + b1 + 1) @ (2 * W2) + b2 + 1
    change(model)
    if Network is MLPRegressor:
        assert_allclose(model.predict(X), outputs.ravel(), rtol=1e-10)
    else:
        assert_array_equal(model.predict(X), outputs.argmax(axis=1))
    changed = params_of(model)
    model.set_params(solver="sgd", learning_rate_init=1e-12, momentum=0).partial_fit(X, y)
    assert_allclose(params_of(model), changed, atol=1e-8)  # steps of almost no length
    assert not np.allclose(params_of(model), before)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "skops"])
def test_weights_set_by_hand_are_saved(fitted, classes_data, tmp_path, way):
    model = fitted(MLPRegressor)
    replaced_lists(model)
    loaded = WAYS[way](model, tmp_path)
    assert_array_equal(loaded.predict(classes_data[0]), model.predict(classes_data[0]))


def test_weights_of_another_shape_are_refused(fitted, classes_data):
    model = fitted(MLPClassifier)
    model.coefs_ = [model.coefs_[0][:, :-1], model.coefs_[1]]
    with pytest.raises(ValueError, match=r"coefs_\[0\] of shape \(8, 5\)"):
        model.predict(classes_data[0])
    model.coefs_ = model.coefs_[:1]
    with pytest.raises(ValueError, match="one array for each layer, got 1 and 2"):
        model.predict(classes_data[0])
