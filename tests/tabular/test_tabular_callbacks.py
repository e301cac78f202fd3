"""What callbacks, the bar and a verbose fit are told of an ensemble's models."""

import re
import threading

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from versions import needs
from watchers import Watcher

from fastnn import TabularClassifier, TabularRegressor
from fastnn.callbacks import Checkpoint, TargetReached, TimeLimit
from fastnn.progress import EpochProgress

draw = np.random.default_rng(0)
X = draw.normal(size=(60, 3))
y = (X[:, 0] + X[:, 1] > 0).astype(int)
KINDS = ["networks", "boosting", "random_trees"]


def classifier(**parameters):
    return TabularClassifier(
        **{"effort": "quick", "cv": 2, "random_state": 0, "n_jobs": 1, **parameters}
    )


class Recorder(Watcher):
    """Notes each call, and asks to stop after a model."""

    def __init__(self, stop_after=None, error=None):
        self.stop_after, self.error = stop_after, error
        self.calls, self.models, self.told = [], [], []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def on_fit_task_begin(self, estimator, context, *, X, y, metadata):
        self.calls.append(f"begin {context.task_name}")
        self.told.append((X, y, metadata))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        self.calls.append(f"end {context.task_name}")
        self.models.append(fitted_estimator)
        if self.error is not None and context.task_name == "model":
            raise self.error
        return self.calls.count("end model") == self.stop_after

    def teardown(self, estimator, context):
        self.calls.append("teardown")


@pytest.mark.parametrize("n_jobs", [1, 2, 20])
def test_each_model_is_a_task(n_jobs):
    recorder, weights = Recorder(), np.ones(60)
    model = classifier(n_jobs=n_jobs).set_callbacks(recorder).fit(X, y, sample_weight=weights)
    calls = recorder.calls
    assert calls[:3] == ["setup", "begin fit", "begin model"]
    assert calls[-3:] == ["end model", "end fit", "teardown"]
    assert calls.count("begin model") == calls.count("end model") == 6
    open_at_once = np.cumsum([{"begin": 1, "end": -1}.get(call.split()[0], 0) for call in calls])
    assert open_at_once.max() == 1 + min(n_jobs, 6)
    assert all(told[0] is X and told[1] is y for told in recorder.told)
    assert_array_equal(recorder.told[0][2]["sample_weight"], weights)
    alone = classifier().fit(X, y, sample_weight=weights)
    assert_array_equal(model.predict_proba(X), alone.predict_proba(X))


def test_callbacks_get_the_ensemble_as_it_stands():
    recorder = Recorder()
    model = classifier().set_callbacks(recorder).fit(X, y)
    n_members = [len(ensemble.members_) for ensemble in recorder.models]
    n_folds = [len(ensemble.members_[0]["states"]) for ensemble in recorder.models]
    # Of a network, boosting, boosting, a network and random trees: first two of one fold, then
    # the one that is whole.
    assert n_members == [1, 2, 1, 2, 2, 3, 3]
    assert n_folds == [1, 1, 2, 2, 2, 2, 2]
    for ensemble in recorder.models:
        assert ensemble.predict_set(X).shape == (60, 2)
        assert ensemble.effort == "quick"
    assert_array_equal(recorder.models[-1].predict_proba(X), model.predict_proba(X))
    assert [name for name in vars(model) if "callback" in name] == ["_skl_callbacks"]


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("error", [None, StopIteration(), KeyboardInterrupt()], ids=str)
def test_a_callback_ends_the_fit_with_what_there_is(n_jobs, error):
    recorder = Recorder(stop_after=2 if error is None else None, error=error)
    model = classifier(n_jobs=n_jobs).set_callbacks(recorder)
    if isinstance(error, KeyboardInterrupt):
        with pytest.warns(UserWarning, match="interrupted by user"):
            model.fit(X, y)
    else:
        model.fit(X, y)
    assert recorder.calls.count("end model") == (2 if error is None else 1)
    assert recorder.calls[-2:] == ["end fit", "teardown"]
    assert n_jobs > 1 or len(model.members_) <= 2  # others end while the callback is told
    assert model.predict_proba(X).shape == (60, 2)


def test_a_failing_callback_leaves_the_old_model():
    model = classifier(members="boosting").fit(X, y)
    before = model.predict_proba(X)
    for n_jobs in (1, 2):
        failing = Recorder(error=RuntimeError("no such metric"))
        with pytest.raises(RuntimeError, match="no such metric"):
            model.set_params(members="auto", n_jobs=n_jobs).set_callbacks(failing).fit(X, y)
        assert failing.calls[-1] == "teardown"
        assert_array_equal(model.predict_proba(X), before)
        assert not [name for name in vars(model) if "ctx" in name or "teardown" in name]


def test_clones_share_callbacks():
    recorder = Recorder()
    model = clone(classifier(members="boosting").set_callbacks(recorder))
    model.fit(X, y)
    assert recorder.calls.count("end model") == 2


def test_scikit_learns_own_callbacks_watch_an_ensemble():
    needs("callbacks")
    from sklearn.callback import ProgressBar, ScoringMonitor

    monitor = ScoringMonitor(scoring="neg_log_loss")
    classifier().set_callbacks(monitor, ProgressBar()).fit(X, y)
    rows = monitor.get_logs().data
    assert [row["task_name"] for row in rows].count("model") == 6
    assert all(np.isfinite(row["neg_log_loss"]) for row in rows)


# ----------------------------------------------------------------------------- those of fastnn


def test_a_time_limit_and_a_target_end_a_fit():
    limited = classifier().set_callbacks(TimeLimit(1e-9)).fit(X, y)
    reached = classifier().set_callbacks(TargetReached(0.1)).fit(X, y)
    low = classifier().set_callbacks(TargetReached(9.0, "validation_loss")).fit(X, y)
    for model in (limited, reached, low):
        assert [len(member["states"]) for member in model.members_] == [1]
    never = classifier().set_callbacks(TargetReached(2.0)).fit(X, y)
    assert len(never.members_) == 3


def test_a_target_ends_a_fit_of_columns_with_names():
    frame = pd.DataFrame(X, columns=[f"c{j}" for j in range(X.shape[1])])
    model = classifier().set_callbacks(TargetReached(0.1)).fit(frame, y)
    assert_array_equal(model.feature_names_in_, frame.columns)


def test_an_ensemble_has_no_loss_of_the_rows_that_train():
    with pytest.raises(ValueError, match="what='validation_loss'"):
        classifier().set_callbacks(TargetReached(0.1, "loss")).fit(X, y)


def test_a_checkpoint_is_the_ensemble_so_far(tmp_path):
    path = tmp_path / "model.joblib"
    stop = Recorder(stop_after=4)
    model = classifier().set_callbacks(Checkpoint(path, every=2), stop).fit(X, y)
    loaded = joblib.load(path)
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert not [name for name in vars(loaded) if "callback" in name]
    loaded.set_params(warm_start=True, members="random_trees").fit(X, y)
    assert [member["kind"] for member in loaded.members_] == KINDS


def test_the_bar_shows_members_score_and_time_left(capfd):
    TabularRegressor(effort="quick", cv=2, n_jobs=1).set_callbacks(EpochProgress()).fit(X, X[:, 0])
    told = capfd.readouterr().err.splitlines()
    assert len(told) == 6
    assert told[0].startswith("model 1 of 6, 1 member, loss ")
    for line in told[:-1]:
        assert re.search(r"members?, loss [\d.e-]+, score [-\d.]+, [\d.]+ (s|min) left$", line)
    assert re.match(r"model 6 of 6, 3 members, loss .* s$", told[-1])


def test_a_verbose_fit_tells_each_model(capsys):
    classifier(verbose=True).fit(X, y)
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 6
    assert re.fullmatch(r"Model 1 of 6, networks, fold 1, loss = \d\.\d{8}", told[0])
    assert told[-1].startswith("Model 6 of 6, random_trees, fold 2")


class At(Watcher):
    """Calls a function with the estimator at a hook of the whole fit."""

    def __init__(self, hook, call):
        self.hook, self.call = hook, call

    def _at(self, hook, estimator):
        if hook == self.hook:
            self.call(estimator)

    def on_fit_task_begin(self, estimator, context):
        self._at(f"begin {context.task_name}", estimator)

    def on_fit_task_end(self, estimator, context):
        self._at(f"end {context.task_name}", estimator)

    def teardown(self, estimator, context):
        self._at("teardown", estimator)


def fitted(**parameters):
    return classifier(members=["random_trees"], **parameters).fit(X, y)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, StopIteration])
@pytest.mark.parametrize("hook", ["begin fit", "end fit", "teardown"])
def test_a_callback_that_fails_leaves_the_ensemble_as_it_was(hook, error):
    def fail(estimator):
        estimator.members_ = "gone"
        raise error

    model = fitted()
    expected, before = model.predict_proba(X), vars(model).copy()
    model.set_callbacks(At(hook, fail))
    with pytest.raises((error, RuntimeError)):  # within which contextlib has a StopIteration
        model.set_params(random_state=5).fit(X[:, ::-1], y)
    model.set_callbacks().set_params(random_state=0)
    assert vars(model).keys() == before.keys()
    assert_array_equal(model.predict_proba(X), expected)


@pytest.mark.parametrize("hook", ["end fit", "teardown"])
@pytest.mark.parametrize("name", ["members_", "columns_", "classes_", "_folds_", "_scaling"])
def test_what_an_ensemble_has_learned_is_its_own(name, hook):
    model = classifier(members=["random_trees"])
    model.set_callbacks(At(hook, lambda estimator: setattr(estimator, name, None))).fit(X, y)
    assert_array_equal(model.predict_proba(X), fitted().predict_proba(X))


def test_a_callback_that_leaves_nonsense_for_parameters_fails_the_fit():
    model = fitted()
    expected = model.predict_proba(X)
    model.set_callbacks(At("teardown", lambda estimator: estimator.set_params(n_jobs="all")))
    with pytest.raises(ValueError, match="A callback has changed the parameters of the Tabular"):
        model.fit(X, y)
    assert_array_equal(model.predict_proba(X), expected)


def test_a_second_thread_is_refused_and_the_first_fit_undisturbed():
    begun, go_on = threading.Event(), threading.Event()

    def wait(estimator):
        begun.set()
        go_on.wait(60)

    model = classifier(members=["random_trees"]).set_callbacks(At("begin fit", wait))
    thread = threading.Thread(target=model.fit, args=(X, y))
    thread.start()
    assert begun.wait(60)
    try:
        with pytest.raises(RuntimeError, match=r"another thread has called fit: let that fit a c"):
            model.fit(X, y)
    finally:
        go_on.set()
        thread.join()
    assert_array_equal(model.predict_proba(X), fitted().predict_proba(X))
