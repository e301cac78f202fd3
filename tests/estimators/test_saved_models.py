"""Models that fastnn at 313be46 has saved, in format 2, still load, predict and go on."""

import importlib
import importlib.util
import json
import pickle
import pkgutil
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import Pipeline

import fastnn
from fastnn import MLPClassifier, MLPRegressor, MLPTransformer, moved
from fastnn.callbacks import NormRecorder, TimeLimit
from fastnn.cli import main

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # of a LabelBinarizer or a StandardScaler in the file, where another scikit-learn is installed
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning"),
]

FOLDER = Path(__file__).parent / "saved_at_313be46"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
X = np.array(EXPECTED["X"])
CLASSES, NUMBERS = np.array(EXPECTED["classes"]), np.array(EXPECTED["numbers"])
FILES = sorted(
    path.name
    for path in FOLDER.iterdir()
    if path.suffix in (".pickle", ".joblib", ".skops") and path.stem != "command_line"
)
NETWORKS = [name for name in FILES if Path(name).stem not in ("pipeline", "transformer")]


def load(name):
    path = FOLDER / name
    if path.stem == "checkpoint":  # which holds a task of a fit besides, without need
        pytest.importorskip("sklearn.callback", reason="scikit-learn before 1.9 has no tasks")
    if path.suffix == ".skops":
        return skops.io.load(path, trusted=sorted(moved.OLD_NAMES))  # as its user has had to
    return joblib.load(path) if path.suffix == ".joblib" else pickle.loads(path.read_bytes())


def close(actual, expected):
    """Compare; floats closely only, as another processor may have rounded them otherwise."""
    if np.asarray(expected).dtype.kind == "f":
        tolerance = 1e-4 if np.asarray(actual).dtype == np.float32 else 1e-9
        assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)
    else:
        assert_array_equal(actual, expected)


def train_on(model):
    """Train as `make.py` beside the files has done."""
    y = NUMBERS if isinstance(model, MLPRegressor) else CLASSES
    if isinstance(getattr(model, "classes_", None), list):
        y = np.column_stack([CLASSES, CLASSES[::-1]])
    if model.solver == "nadam":
        return model.partial_fit(X, y)
    if model.solver == "lbfgs":
        with pytest.warns(match="starts anew"):
            return model.set_params(max_iter=6).resume(X, y)
    dtype = model.coefs_[0].dtype
    return model.set_params(max_iter=6).resume(X.astype(dtype), y)


@pytest.mark.parametrize("name", FILES)
def test_an_old_model_predicts_as_it_did(name):
    model, expected = load(name), EXPECTED["models"][Path(name).stem]
    use = model.transform if isinstance(model, MLPTransformer) else model.predict
    close(use(X[:5]), expected["outputs"])


@pytest.mark.parametrize("name", NETWORKS)
def test_an_old_model_goes_on_as_it_would_have(name):
    model, expected = train_on(load(name)), EXPECTED["models"][Path(name).stem]
    for W, expected_W in zip(model.coefs_, expected["went on to"], strict=True):
        close(W, expected_W)


@pytest.mark.parametrize("name", ["best", "regressor"])
def test_forms_of_an_old_model_go_on_to_the_same_bits(name):
    files = [file for file in FILES if Path(file).stem == name]
    assert len(files) > 1
    first, *others = (train_on(load(file)) for file in files)
    for other in others:
        assert_array_equal(np.concatenate(first.coefs_, None), np.concatenate(other.coefs_, None))


@pytest.mark.parametrize("name", NETWORKS)
def test_an_old_model_holds_what_a_new_one_does(name):
    model = load(name)
    old = vars(model).get("_solver_state"), vars(model).get("_resumption")
    again = pickle.loads(pickle.dumps(model))
    train_on(again)
    new = vars(again).get("_solver_state"), vars(again).get("_resumption")
    for before, after in zip(old, new, strict=True):
        assert outline(before) == outline(after)


def outline(thing):
    """Names and kinds of what a dict holds; the last weights are there only where others won."""
    if isinstance(thing, dict):
        parts = {name: outline(part) for name, part in thing.items()}
        return {name: part for name, part in parts.items() if name not in ("params", "running")}
    return "number" if isinstance(thing, (int, float)) else type(thing)


def test_an_old_pipeline_and_its_network():
    model = load("pipeline.skops")
    assert isinstance(model, Pipeline)
    assert type(model[-1]) is MLPClassifier


def test_callbacks_of_an_old_model():
    norms, limit = load("callbacks.pickle")._skl_callbacks
    assert isinstance(norms, NormRecorder)
    assert len(norms.weight_norms_) == 3
    assert isinstance(limit, TimeLimit)


def test_an_old_recorder_that_has_recorded_nothing():
    # as 313be46 wrote it: an object without attributes, for which pickle calls no __setstate__
    recorder = pickle.loads(b"\x80\x04cfastnn.callbacks\nNormRecorder\n)\x81.")
    MLPClassifier((2,), max_iter=2).set_callbacks(recorder).fit(X, CLASSES)
    assert len(recorder.weight_norms_) == 2


def test_an_old_model_of_the_command_line_predicts_in_python():
    path = FOLDER / "command_line.skops"
    model = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    probabilities = model.predict_proba(pd.read_csv(FOLDER / "table.csv"))
    close(probabilities[:, 1], EXPECTED["command line"]["probability_True"])


def test_the_command_refuses_an_old_model_which_guessed(capsys, tmp_path):
    model, table = FOLDER / "command_line.skops", FOLDER / "table.csv"
    with pytest.raises(SystemExit) as stop:
        main(["predict", str(model), str(table), "--out", str(tmp_path / "out.csv")])
    assert stop.value.code == 2
    assert "guessed types anew for each file: train it again" in capsys.readouterr().err


# ------------------------------------------------------------------------------ the conversion


def old_solver(**changes):
    schedule, solver = moved.Schedule(), moved.Solver()
    vars(schedule).update(
        name="cosine", initial_rate=0.1, n_epochs=5, warmup=1, step_size=10, decay=0.5
    )
    vars(schedule).update(changes)
    vars(solver).update(
        name="sgd",
        hyper={"momentum": 0.9},
        schedule=schedule,
        power_t=0.5,
        weight_decay=0.0,
        epochs=3,
        base_rate=0.05,
        state=np.zeros((1, 8)),
        progress=np.zeros(4),
    )
    return solver


def test_a_solver_becomes_a_dict():
    solver = old_solver()
    plain = moved.plain_state({"_optimizer": solver, "t_": 3})
    assert plain["t_"] == 3
    assert plain["_solver_state"] == {**vars(solver), "schedule": vars(solver.schedule)}


def test_a_function_as_a_schedule_is_not_held_twice():
    plain = moved.plain_state({"_optimizer": old_solver(name=abs)})
    assert plain["_solver_state"]["schedule"]["name"] == "callable"


@pytest.mark.parametrize("last", [None, (np.ones(3), np.zeros(0))])
def test_a_resumption_becomes_a_dict(last):
    random_state = np.random.RandomState(0)
    random_state.standard_normal()
    resumption = moved.Resumption()
    vars(resumption).update(random_state=random_state.get_state(), last=last)
    plain = moved.plain_state({"_resumption": resumption})["_resumption"]
    other = np.random.RandomState(1)
    other.set_state(plain.pop("random_state"))
    assert_array_equal(other.standard_normal(5), random_state.standard_normal(5))
    assert plain == ({} if last is None else {"params": last[0], "running": last[1]})


def test_a_resumption_of_a_partial_fit_is_none():
    resumption = moved.Resumption()
    vars(resumption).update(random_state=None, last=None)
    assert moved.plain_state({"_resumption": resumption}) == {}


def test_a_checkpoint_is_rid_of_the_fit_that_wrote_it():
    model = load("checkpoint.joblib")
    assert not [name for name in vars(model) if "callback" in name]


def test_dicts_are_left_alone():
    state = {"_solver_state": {"name": "adam"}, "_resumption": {}, "coefs_": []}
    assert moved.plain_state(state) == state


# ----------------------------------------------------------------------------- the old modules


@pytest.mark.parametrize("name", sorted(moved.OLD_NAMES))
def test_an_old_module_can_be_imported(name):
    module, _, cls = name.rpartition(".")
    assert importlib.util.find_spec(module).name == module
    old = getattr(importlib.import_module(module), cls)
    assert old is getattr(fastnn, cls, None) or old is getattr(moved, cls)
    assert getattr(fastnn, module.removeprefix("fastnn.")) is sys.modules[module]


def test_old_modules_are_no_files_of_the_package():
    found = {module.name for module in pkgutil.walk_packages(fastnn.__path__, "fastnn.")}
    assert not found & set(moved.MODULES.values())


@pytest.mark.parametrize(
    "code",
    [
        "import fastnn.classifier; fastnn.classifier.MLPClassifier()",
        "from fastnn import solvers; solvers.Solver()",
        "import importlib, fastnn; importlib.reload(fastnn); import fastnn.record",
        "import fastnn.record; [sys.modules.pop(m) for m in [*sys.modules] if 'fastnn' in m]; "
        "import fastnn.classifier as old, fastnn; assert old.MLPClassifier is fastnn.MLPClassifier",
    ],
)
def test_old_modules_in_a_new_process(code):
    subprocess.run([sys.executable, "-W", "error", "-c", f"import sys; {code}"], check=True)
