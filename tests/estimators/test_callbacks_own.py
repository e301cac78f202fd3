"""The callbacks that fastnn adds: with every solver, alone, in a pipeline and in a search."""

import copy
import gc
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from versions import needs
from watchers import Watcher

from fastnn import MLPClassifier, MLPRegressor
from fastnn.callbacks import Checkpoint, NormRecorder, TargetReached, TimeLimit
from fastnn.kernels.updates import SOLVERS
from fastnn.progress import EpochProgress

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
target = np.sin(X[:, 0]) + X[:, 1]
ALL_SOLVERS = [*SOLVERS, "lbfgs"]


def network(**parameters):
    return MLPClassifier((5,), random_state=0, **{"max_iter": 4, **parameters})


def alone(model):
    return model.fit(X, y)


def in_a_pipeline(model):
    return make_pipeline(StandardScaler(), model).fit(X, y)[-1]


def in_a_search(model):
    return GridSearchCV(model, {"alpha": [0.1]}, cv=2).fit(X, y).best_estimator_


WAYS = [alone, in_a_pipeline, in_a_search]


# ------------------------------------------------------------------------------------ Checkpoint


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("solver", ALL_SOLVERS)
def test_a_checkpoint_is_the_model_as_it_stood(solver, way, tmp_path):
    path = tmp_path / "model.joblib"
    model = way(network(solver=solver).set_callbacks(Checkpoint(path)))
    loaded = joblib.load(path)
    assert loaded.n_iter_ == model.n_iter_ == 4
    assert loaded.loss_curve_ == model.loss_curve_
    assert loaded.loss_ == model.loss_
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert not [name for name in vars(loaded) if "callback" in name]  # it would write to the file


def test_a_checkpoint_leaves_the_model_of_other_callbacks_alone(tmp_path):
    class Keeper(Watcher):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator):
            self.model = fitted_estimator

    callbacks = [Checkpoint(tmp_path / "m"), Keeper()]
    network().set_callbacks(*callbacks).fit(X, y)
    assert callbacks[1].model._skl_callbacks == callbacks


class Saver(Watcher):
    """A user's checkpoint."""

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        self.saved = pickle.dumps(fitted_estimator)


def test_a_model_saved_by_a_user_s_callback_has_no_task_of_the_fit():
    saver = Saver()
    network().set_callbacks(saver).fit(X, y)
    loaded = pickle.loads(saver.saved)
    assert not {"_callback_fit_ctx", "_skl_callbacks_to_teardown"} & set(vars(loaded))


@pytest.mark.skipif(os.name == "nt", reason="files have no such mode there")
def test_a_checkpoint_may_be_read_by_those_whom_the_umask_allows(tmp_path):
    path, before = tmp_path / "model.joblib", os.umask(0o027)
    try:
        network().set_callbacks(Checkpoint(path)).fit(X, y)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_checkpoint_every_few_epochs(solver, tmp_path):
    path = tmp_path / "model.joblib"
    network(solver=solver, max_iter=8).set_callbacks(Checkpoint(path, every=3)).fit(X, y)
    loaded = joblib.load(path)
    expected = network(solver=solver, max_iter=6).fit(X, y)
    assert loaded.n_iter_ == 6
    np.testing.assert_array_equal(loaded.predict_proba(X), expected.predict_proba(X))


def test_a_checkpoint_has_the_validation_curves(tmp_path):
    path = tmp_path / "model.joblib"
    for solver in ("adam", "lbfgs"):
        model = network(solver=solver, scoring="accuracy", train_scores=True)
        model.set_callbacks(Checkpoint(path))
        model.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
        loaded = joblib.load(path)
        for curve in ("validation_loss_curve_", "validation_scores_", "train_scores_"):
            assert getattr(loaded, curve) == getattr(model, curve)
            assert len(getattr(loaded, curve)) == 4


# ------------------------------------------------------------------------------------- TimeLimit


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_time_limit_that_is_over_stops_after_one_epoch(solver, way):
    assert way(network(solver=solver).set_callbacks(TimeLimit(1e-9))).n_iter_ == 1


def test_a_time_limit_begins_anew_with_each_fit(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("fastnn.callbacks.time.perf_counter", lambda: now[0])
    model = network().set_callbacks(TimeLimit(5))
    assert model.fit(X, y).n_iter_ == 4
    now[0] = 100.0
    assert model.fit(X, y).n_iter_ == 4


# --------------------------------------------------------------------------------- TargetReached


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_target_of_the_loss(solver, way):
    parameters = {"solver": solver, "max_iter": 300, "learning_rate_init": 0.1}
    model = way(network(**parameters).set_callbacks(TargetReached(0.5, "loss")))
    assert model.n_iter_ < 300
    assert model.loss_curve_[-1] <= 0.5 < min(model.loss_curve_[:-1])


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize(
    ("what", "value"), [("validation_loss", 0.5), ("validation_score", 0.8)], ids=str
)
def test_a_target_of_the_validation(solver, what, value):
    model = network(solver=solver, max_iter=300, learning_rate_init=0.1)
    model.set_callbacks(TargetReached(value, what))
    model.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    assert model.n_iter_ < 300
    curve = np.array(getattr(model, TargetReached.CURVES[what]))
    is_reached = curve <= value if what.endswith("loss") else curve >= value
    assert is_reached[-1]
    assert not is_reached[:-1].any()


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_target_that_nothing_measures(solver):
    with pytest.raises(ValueError, match="early_stopping=True or give X_val"):
        network(solver=solver).set_callbacks(TargetReached(0.9)).fit(X, y)


# ---------------------------------------------------------------------------------- NormRecorder


def norms(*layers):
    return [np.sqrt(sum((part**2).sum() for part in layer)) for layer in layers]


def gradient(W, V, b, c):
    """Of half the mean squared error by each layer's weights and biases, by hand."""
    A = np.tanh(X @ W + b)
    delta = (A @ V + c - target[:, None]) / len(X)
    hidden = (delta @ V.T) * (1 - A**2)
    return (X.T @ hidden, hidden.sum(axis=0)), (A.T @ delta, delta.sum(axis=0))


@pytest.mark.parametrize("solver", ALL_SOLVERS)
def test_norms_of_weights_and_gradients(solver):
    def model(max_iter):
        return MLPRegressor(
            hidden_layer_sizes=(5,),
            activation="tanh",
            solver=solver,
            alpha=0,
            max_iter=max_iter,
            random_state=0,
        )

    recorder = NormRecorder()
    last = model(3).set_callbacks(recorder).fit(X, target)
    assert np.shape(recorder.weight_norms_) == np.shape(recorder.gradient_norms_) == (3, 2)
    weights = zip(last.coefs_, last.intercepts_, strict=True)
    assert_allclose(recorder.weight_norms_[-1], norms(*weights))
    # A stochastic solver's last gradient is that before its last step, lbfgs' that at its end.
    at = last if solver == "lbfgs" else model(2).fit(X, target)
    assert_allclose(recorder.gradient_norms_[-1], norms(*gradient(*at.coefs_, *at.intercepts_)))


@pytest.mark.parametrize("way", WAYS)
def test_norms_are_those_of_the_last_fit(way):
    recorder = NormRecorder()
    way(network(max_iter=3).set_callbacks(recorder))
    assert np.shape(recorder.weight_norms_) == np.shape(recorder.gradient_norms_) == (3, 2)


def test_all_of_them_together_change_no_bit(tmp_path):
    recorders = [Checkpoint(tmp_path / "m"), TimeLimit(1e6), TargetReached(0, "loss")]
    recorders.append(NormRecorder())
    for solver in ALL_SOLVERS:
        watched = network(solver=solver).set_callbacks(*recorders).fit(X, y)
        np.testing.assert_array_equal(
            watched.predict_proba(X), network(solver=solver).fit(X, y).predict_proba(X)
        )


# ------------------------------------------------------------------ fits that share a callback


class Within(Watcher):
    """At the end of each epoch of a fit of 4, fits a clone for 2 epochs."""

    def __init__(self, before=lambda: None):
        self.before = before
        self.n_iters = []

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch" and estimator.max_iter == 4:
            self.before()
            self.n_iters.append(clone(estimator).set_params(max_iter=2).fit(X, y).n_iter_)


class Meeting(Watcher):
    """Lets two fits go on, from epoch to epoch, only together."""

    def __init__(self):
        self.barrier = threading.Barrier(2, timeout=60)

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch" and context.task_id < 3:
            self.barrier.wait()

    def __getstate__(self):
        return {}


def test_a_fit_within_a_fit_has_a_time_limit_of_its_own(monkeypatch):
    now = [0.0]

    def wait():
        now[0] += 3

    monkeypatch.setattr("fastnn.callbacks.time.perf_counter", lambda: now[0])
    within = Within(wait)
    assert network().set_callbacks(within, TimeLimit(5)).fit(X, y).n_iter_ == 2
    assert within.n_iters == [2, 2]


def test_a_fit_within_a_fit_leaves_its_norms_alone():
    recorder, alone = NormRecorder(), NormRecorder()
    network().set_callbacks(alone).fit(X, y)
    network().set_callbacks(Within(), recorder).fit(X, y)
    assert recorder.weight_norms_ == alone.weight_norms_
    assert recorder.gradient_norms_ == alone.gradient_norms_


@pytest.mark.parametrize("way", ["threads", "search"])
def test_fits_at_once_do_not_mix_their_norms(way):
    recorder, kept = NormRecorder(), []
    base = network(max_iter=3, tol=0).set_callbacks(Meeting(), recorder)
    alphas = [1e-4, 10.0]
    if way == "search":
        search = GridSearchCV(base, {"alpha": alphas}, cv=[(range(150), range(150))], refit=False)
        with joblib.parallel_config("threading", n_jobs=2):
            search.fit(X, y)
    else:
        fits = [clone(base).set_params(alpha=alpha) for alpha in alphas]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda model: model.fit(X, y), fits))
    for alpha in alphas:
        alone = NormRecorder()
        network(max_iter=3, tol=0, alpha=alpha).set_callbacks(alone).fit(X, y)
        kept.append((alone.weight_norms_, alone.gradient_norms_))
    assert (recorder.weight_norms_, recorder.gradient_norms_) in kept
    assert not recorder._states


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))]
)
@pytest.mark.parametrize(
    "callback",
    [Checkpoint("m"), TimeLimit(9), TargetReached(0, "loss"), NormRecorder(), EpochProgress()],
    ids=lambda callback: type(callback).__name__,
)
def test_a_copy_made_during_a_fit_knows_nothing_of_it(callback, copied, tmp_path):
    class Copier(Watcher):
        def on_fit_task_end(self, estimator, context):
            self.copied = copied(callback)

    if isinstance(callback, Checkpoint):
        callback.path = tmp_path / "m"
    before, copier = vars(callback).keys() - {"_states"}, Copier()
    network().set_callbacks(callback, copier).fit(X, y)
    assert before == vars(copier.copied).keys()
    assert not copier.copied._states
    assert copier.copied._states is not callback._states
    network().set_callbacks(copier.copied).fit(X, y)


def test_a_fit_that_fails_shows_its_norms_and_is_forgotten():
    class Failing(Watcher):
        def on_fit_task_end(self, estimator, context):
            if context.task_id == 1:
                raise RuntimeError("no such metric")

    recorder = NormRecorder()
    with pytest.raises(RuntimeError, match="no such metric"):
        network().set_callbacks(recorder, Failing()).fit(X, y)
    assert len(recorder.weight_norms_) == len(recorder.gradient_norms_) == 2
    assert not recorder._states


def test_records_are_shown_when_the_fit_has_ended():
    class Reader(Watcher):
        def on_fit_task_end(self, estimator, context):
            assert not hasattr(recorder, "weight_norms_")

    recorder = NormRecorder()
    network().set_callbacks(recorder, Reader()).fit(X, y)
    assert len(recorder.weight_norms_) == 4


# --------------------------------------------------------- callbacks of a search, not of a network


def search_with(callback):
    search = GridSearchCV(network(), {"alpha": [0.1, 1.0]}, cv=2)
    return search.set_callbacks(callback)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_a_time_limit_on_a_search(backend):
    needs("callbacks")
    limit = TimeLimit(100)
    with joblib.parallel_config(backend, n_jobs=2):
        assert search_with(limit).fit(X, y).best_estimator_.n_iter_ == 4
    assert not limit._states


@pytest.mark.parametrize("callback", [TargetReached(0, "loss"), EpochProgress()])
def test_watchers_of_epochs_refuse_a_search(callback):
    needs("callbacks")
    name = type(callback).__name__
    with pytest.raises(TypeError, match=f"^{name} .* GridSearchCV has not: set it on the network"):
        search_with(callback).fit(X, y)
    assert not callback._states


def test_others_let_a_search_train_and_wait_for_epochs(tmp_path):
    needs("callbacks")
    recorder, file = NormRecorder(), tmp_path / "m.joblib"
    for callback in (recorder, Checkpoint(file)):
        assert search_with(callback).fit(X, y).best_estimator_.n_iter_ == 4
    assert recorder.weight_norms_ == []
    assert not file.exists()


class Task:
    """What a callback sees of a task that has come from another process."""

    def __init__(self, parent=None):
        self.task_name, self.parent = "candidate-split-evaluation", parent


def test_time_in_another_process_begins_with_the_first_task_there(monkeypatch):
    now = [50.0]
    monkeypatch.setattr("fastnn.callbacks.time.perf_counter", lambda: now[0])
    limit, task = TimeLimit(5), Task(Task())
    limit.on_fit_task_begin(None, task)
    now[0] += 4
    assert not limit.on_fit_task_end(None, task)
    now[0] += 2
    assert limit.on_fit_task_end(None, task)


def test_tasks_from_another_process_are_forgotten():
    limit, task = TimeLimit(5), Task(Task())
    limit.on_fit_task_end(None, task)
    assert len(limit._states) == 1
    del task
    gc.collect()
    assert not limit._states


# ---------------------------------------------------------------------- callbacks made otherwise


def test_a_subclass_need_not_call_our_init():
    class Own(NormRecorder):
        def __init__(self):
            self.told = []

    own = Own()
    network().set_callbacks(own).fit(X, y)
    assert len(own.weight_norms_) == 4


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_callback_without_attributes_is_loaded_whole(protocol):
    recorder = pickle.loads(pickle.dumps(NormRecorder(), protocol))
    network().set_callbacks(recorder).fit(X, y)
    assert len(recorder.weight_norms_) == 4
