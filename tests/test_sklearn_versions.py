"""One protocol of callbacks: scikit-learn's since 1.9, and ours for the versions before."""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from watchers import Watcher

from fastnn import MLPClassifier, sklearn_versions


def halving_with(mixin, decorator):
    """An estimator of 3 epochs whose fit uses all of the protocol that ours use."""

    class Halving(mixin, BaseEstimator):
        def __init__(self, start=8.0):
            self.start = start

        @decorator
        def fit(self, X, y=None):
            told = {"estimator": self, "X": X, "y": y, "metadata": {"unit": 1}}
            fit = self._init_callback_context(max_subtasks=3)
            self.value_ = self.start
            fit.call_on_fit_task_begin(**told)
            for _ in range(3):
                epoch = fit.subcontext(task_name="epoch")
                epoch.call_on_fit_task_begin(**told)
                self.value_ /= 2
                if epoch.call_on_fit_task_end(**told, reconstruction_attributes=self.state):
                    break
            fit.call_on_fit_task_end(**told, reconstruction_attributes=self.state)
            return self

        def state(self):
            return {"value_": self.value_}

    return Halving


OURS = halving_with(sklearn_versions._CallbackSupportMixin, sklearn_versions._with_callbacks)
INSTALLED = halving_with(sklearn_versions.CallbackSupportMixin, sklearn_versions.with_callbacks)


@pytest.fixture(params=[OURS, INSTALLED], ids=["ours", "installed"])
def halving(request):
    return request.param()


class Recorder:
    """Notes each call with all that a hook may ask for."""

    def __init__(self, stop_after=None):
        self.stop_after, self.calls = stop_after, []

    def setup(self, estimator, context):
        self.root = context
        self.calls.append(("setup", context.task_name))

    def on_fit_task_begin(self, estimator, context, *, X, y, metadata, fitted_estimator):
        given = X, y, metadata, fitted_estimator
        self.calls.append(("begin", context.task_name, context.task_id, *given))

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        assert fitted_estimator is not estimator
        given = X, y, metadata, fitted_estimator.value_
        self.calls.append(("end", context.task_name, context.task_id, *given))
        return context.task_name == "epoch" and context.task_id + 1 == self.stop_after

    def teardown(self, estimator, context):
        assert context is self.root
        self.calls.append(("teardown", context.task_name))


def test_hooks_are_called_in_this_order_with_these_arguments(halving):
    recorder = Recorder()
    assert halving.set_callbacks(recorder).fit("X", "y") is halving
    given = "X", "y", {"unit": 1}
    assert recorder.calls == [
        ("setup", "fit"),
        ("begin", "fit", 0, *given, None),
        *(
            call
            for epoch, value in enumerate([4.0, 2.0, 1.0])
            for call in [
                ("begin", "epoch", epoch, *given, None),
                ("end", "epoch", epoch, *given, value),
            ]
        ),
        ("end", "fit", 0, *given, 1.0),
        ("teardown", "fit"),
    ]
    assert list(vars(halving)) == ["start", "_skl_callbacks", "value_"]


def test_any_callback_may_stop_a_fit_and_all_are_asked(halving):
    first, second = Recorder(stop_after=2), Recorder()
    halving.set_callbacks(first, second).fit(None)
    assert halving.value_ == 2
    assert first.calls == second.calls
    assert [call[:3] for call in first.calls][-3:-1] == [("end", "epoch", 1), ("end", "fit", 0)]


def test_a_context_knows_its_place(halving):
    class Places(Watcher):
        def __init__(self):
            self.contexts = []

        def on_fit_task_end(self, estimator, context):
            self.contexts.append(context)

    places = Places()
    halving.set_callbacks(places).fit(None)
    *epochs, fit = places.contexts
    assert list(fit) == [fit, *epochs]
    assert fit.parent is None
    assert (fit.task_name, fit.task_id, fit.max_subtasks) == ("fit", 0, 3)
    assert fit.init_time <= epochs[0].init_time
    assert fit.init_time.tzinfo is not None
    for number, epoch in enumerate(epochs):
        assert epoch.parent is fit
        assert list(epoch) == [epoch]
        assert (epoch.task_name, epoch.task_id, epoch.max_subtasks) == ("epoch", number, 0)
    for context in places.contexts:
        assert context.estimator_name == "Halving"
        assert context.root_uuid == fit.root_uuid
        assert context.sequential_subtasks
        assert context.source_estimator_name is context.source_task_name is None
    assert repr(fit) == "CallbackContext(estimator_name='Halving', task_name='fit', task_id=0)"
    halving.fit(None)
    assert places.contexts[-1].root_uuid != fit.root_uuid


def test_a_model_is_made_once_a_task_and_only_where_it_is_asked_for(halving):
    class Keeper(Watcher):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator):
            self.kept = fitted_estimator

    made, state = [], type(halving).state
    halving.state = lambda: made.append(1) or state(halving)
    halving.set_callbacks(Watcher()).fit(None)
    assert made == []
    first, second = Keeper(), Keeper()
    halving.set_callbacks(first, second).fit(None)
    assert len(made) == 4
    assert first.kept is second.kept
    assert first.kept.value_ == 1


def test_what_is_no_callback_is_refused(halving):
    class Half:
        def setup(self, estimator, context):
            pass

    for wrong in (Recorder, Half(), print):
        with pytest.raises(TypeError, match="instances following the FitCallback protocol"):
            halving.set_callbacks(Recorder(), wrong)
    assert not hasattr(halving, "_skl_callbacks")


def test_a_hook_that_asks_for_something_else_is_refused(halving):
    class Curious(Watcher):
        def on_fit_task_end(self, estimator, context, *, X, weather):
            pass

    with pytest.raises(TypeError, match="weather"):
        halving.set_callbacks(Curious()).fit(None)


class Failing(Watcher):
    def __init__(self, *hooks):
        self.hooks, self.torn_down = hooks, False

    def setup(self, estimator, context):
        self.fail_in("setup")

    def on_fit_task_begin(self, estimator, context):
        self.fail_in("begin")

    def on_fit_task_end(self, estimator, context):
        self.fail_in("end")

    def teardown(self, estimator, context):
        self.torn_down = True
        self.fail_in("teardown")

    def fail_in(self, hook):
        if hook in self.hooks:
            raise RuntimeError(hook)


@pytest.mark.parametrize("hook", ["setup", "begin", "end", "teardown"])
def test_whatever_fails_callbacks_are_torn_down(halving, hook):
    callbacks = [Failing(), Failing(hook), Failing()]
    with pytest.raises(RuntimeError, match=hook):
        halving.set_callbacks(*callbacks).fit(None)
    begun = 2 if hook == "setup" else 3
    assert [callback.torn_down for callback in callbacks] == [True] * begun + [False] * (3 - begun)
    halving.set_callbacks().fit(None)
    assert not [name for name in vars(halving) if "callback" in name]


def test_failing_ends_are_told_together(halving):
    halving.set_callbacks(Failing("teardown"), Failing("teardown"))
    with pytest.raises(ExceptionGroup) as told:
        halving.fit(None)
    assert [str(error) for error in told.value.exceptions] == ["teardown", "teardown"]


def test_a_clone_shares_the_callbacks(halving):
    recorder = Recorder()
    copied = clone(halving.set_callbacks(recorder))
    assert copied is not halving
    copied.fit(None)
    assert recorder.calls[-1] == ("teardown", "fit")
    assert not hasattr(halving, "value_")


def test_a_model_is_saved_with_its_callbacks():
    model = MLPClassifier((2,), max_iter=2, tol=10).set_callbacks(Watcher())
    loaded = pickle.loads(pickle.dumps(model))
    assert [type(callback) for callback in loaded._skl_callbacks] == [Watcher]


# ---------------------------------------------------------------------------- what else differs


def test_weights_that_are_all_zero_are_refused_by_every_version():
    X, y = np.arange(8.0).reshape(4, 2), [0, 1, 0, 1]
    with pytest.raises(ValueError, match="at least one non-zero number"):
        MLPClassifier((2,)).fit(X, y, sample_weight=np.zeros(4))


def test_no_other_module_looks_at_versions_of_scikit_learn():
    package = Path(sklearn_versions.__file__).parent
    looks = re.compile(r"^\s*(from|import) sklearn\.callback|sklearn\.__version__", re.MULTILINE)
    files = [path for path in package.rglob("*.py") if looks.search(path.read_text("utf-8"))]
    assert [path.name for path in files] == ["sklearn_versions.py"]
