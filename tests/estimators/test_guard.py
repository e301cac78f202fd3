"""One fit at a time, and all of it or nothing, whatever callbacks and threads do."""

import contextlib
import os
import threading

import numpy as np
import pytest
from interrupting import is_halted
from watchers import Watcher

from fastnn import MLPClassifier, MLPRegressor
from fastnn.estimators import guard

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
random = np.random.default_rng(0)
X = random.standard_normal((60, 4))
y = (X[:, 0] > 0).astype(int)


def fitted(**parameters):
    return MLPClassifier((5,), max_iter=4, random_state=0, **parameters).fit(X, y)


class At(Watcher):
    """Calls a function at a hook: of the fit itself, of an epoch, or around both."""

    def __init__(self, moment, call):
        self.moment, self.call = moment, call

    def _at(self, moment, estimator):
        if moment == self.moment:
            self.call(estimator)

    def setup(self, estimator, context):
        self._at("setup", estimator)

    def on_fit_task_begin(self, estimator, context):
        self._at("begin" if context.parent is None else "epoch begin", estimator)

    def on_fit_task_end(self, estimator, context):
        self._at("end" if context.parent is None else "epoch end", estimator)

    def teardown(self, estimator, context):
        self._at("teardown", estimator)


MOMENTS = ["setup", "begin", "epoch begin", "epoch end", "end", "teardown"]
CALLS = {
    "fit": lambda model: model.fit(X, y),
    "partial_fit": lambda model: model.partial_fit(X, y),
    "resume": lambda model: model.set_params(max_iter=9).resume(X, y),
    "lbfgs": lambda model: model.set_params(solver="lbfgs").fit(X, y),
}


def same(one, other):
    return one is other or (
        isinstance(one, type(other)) and bool(np.array_equal(one, other, equal_nan=False))
    )


@pytest.mark.parametrize("error", [ZeroDivisionError, StopIteration, KeyboardInterrupt])
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("call", CALLS)
def test_an_error_of_a_callback_leaves_the_estimator_as_it_was(call, moment, error):
    def fail(estimator):
        estimator.coefs_ = "gone"
        raise error

    is_kept = call != "partial_fit" and moment not in ("setup", "end", "teardown")
    if error is KeyboardInterrupt and is_kept:
        pytest.skip("an interrupt while training ends the fit with a usable model")
    model = fitted()
    expected = model.predict_proba(X)
    model.set_callbacks(At(moment, fail))
    parameters = {"max_iter": 9} if call == "resume" else {}
    model.set_params(**parameters, **({"solver": "lbfgs"} if call == "lbfgs" else {}))
    before = vars(model).copy()
    with pytest.raises((error, RuntimeError)):
        CALLS[call](model)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is before[name] for name in before)
    np.testing.assert_array_equal(model.predict_proba(X), expected)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_callback_that_wipes_all_attributes_fails_the_fit_or_harms_nothing(moment):
    model = fitted()
    expected = model.predict_proba(X)
    model.set_callbacks(At(moment, lambda estimator: vars(estimator).clear()))
    with pytest.raises((AttributeError, ValueError)):
        model.fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    assert model.get_params()["max_iter"] == 4


NONSENSE = {
    "classes_": None,
    "_label_binarizer": 3,
    "n_features_in_": 99,
    "n_outputs_": "x",
    "out_activation_": "x",
    "n_layers_": None,
}


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("moment", MOMENTS[2:])
@pytest.mark.parametrize("name", NONSENSE)
def test_what_a_fit_has_learned_of_its_data_is_its_own(name, moment, solver):
    model = MLPClassifier((5,), solver=solver, max_iter=4, random_state=0)
    expected = model.fit(X, y).predict(X)
    model.set_callbacks(At(moment, lambda estimator: setattr(estimator, name, NONSENSE[name])))
    np.testing.assert_array_equal(model.fit(X, y).predict(X), expected)


@pytest.mark.parametrize("moment", ["end", "teardown"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("activation", "nope"), ("coefs_", None), ("coefs_", [np.ones((4, 2))]), ("dtype", 5)],
)
def test_a_callback_that_leaves_what_cannot_predict_fails_the_fit(name, value, moment):
    model = fitted()
    expected = model.predict_proba(X)
    model.set_callbacks(At(moment, lambda estimator: setattr(estimator, name, value)))
    with pytest.raises(ValueError, match="A callback has changed the MLPClassifier, which cannot"):
        model.fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_weights_that_a_callback_sets_at_the_end_stay():
    def halve(estimator):
        estimator.coefs_ = [W / 2 for W in estimator.coefs_]

    plain, halved = fitted(), MLPClassifier((5,), max_iter=4, random_state=0)
    halved.set_callbacks(At("end", halve)).fit(X, y)
    np.testing.assert_array_equal(halved.coefs_[0], plain.coefs_[0] / 2)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_stop_iteration_of_a_scorer_is_told(solver):
    def score(estimator, X, y):
        raise StopIteration("mine")

    with pytest.raises(StopIteration, match="mine"):
        MLPRegressor(solver=solver, scoring=score, max_iter=3).fit(X, y)


@pytest.mark.parametrize("second", ["fit", "partial_fit", "resume"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_second_thread_is_refused_and_the_first_undisturbed(solver, second):
    begun, go_on = threading.Event(), threading.Event()

    def wait(estimator):
        begun.set()
        go_on.wait(30)

    model = MLPClassifier((5,), solver=solver, max_iter=4, random_state=0)
    expected = model.fit(X, y).predict_proba(X)
    model.set_callbacks(At("begin", wait))
    thread = threading.Thread(target=model.fit, args=(X, y))
    thread.start()
    assert begun.wait(30)
    if solver == "lbfgs" and second == "partial_fit":
        second = "fit"  # it has no partial_fit
    try:
        with pytest.raises(RuntimeError, match=r"another thread has called .*fit a clone"):
            CALLS[second](model)
    finally:
        go_on.set()
        thread.join()
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    model.set_callbacks().fit(X, y)  # free again


def test_a_callback_cannot_fit_the_estimator_that_is_fitted():
    model = fitted()
    expected = model.predict_proba(X)
    model.set_callbacks(At("epoch end", lambda estimator: estimator.fit(X, y)))
    with pytest.raises(RuntimeError, match="one of its callbacks has called fit"):
        model.fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    model.set_callbacks().fit(X, y)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_child_of_a_fork_may_fit_what_its_parent_is_fitting():
    model, statuses = fitted(), []

    def fork(estimator):
        if not statuses:
            child = os.fork()
            if child == 0:
                model.set_callbacks().partial_fit(X, y)
                os._exit(0)
            statuses.append(os.waitpid(child, 0)[1])

    model.set_callbacks(At("epoch end", fork)).fit(X, y)
    assert statuses == [0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_child_of_a_fork_may_end_the_fit_of_its_parent():
    parent, expected, children = os.getpid(), fitted().predict_proba(X), []
    model = MLPClassifier((5,), max_iter=4, random_state=0)
    model.set_callbacks(At("begin", lambda estimator: children.append(os.fork())))
    status = 1
    try:
        same_bits = np.array_equal(model.fit(X, y).predict_proba(X), expected)
        status = 0 if same_bits else 2
    finally:
        if os.getpid() != parent:
            os._exit(status)
    assert same_bits
    assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 0


@pytest.mark.parametrize("fails", [False, True])
def test_an_interrupt_at_any_step_of_the_guard_leaves_the_estimator_whole_and_free(fails):
    """A fit that has begun is left as it was or fitted, and never taken for one under way."""

    class Model:
        before = True

        @guard.guarded
        def fit(self):
            self.fitted = True
            if fails:
                raise ZeroDivisionError

    def is_interrupted(model, moment):
        with contextlib.suppress(ZeroDivisionError):
            return is_halted(model.fit, moment, guard.__file__)
        return False

    moment, left = 0, True
    while left:
        model = Model()
        left = is_interrupted(model, moment)
        if fails:
            assert vars(model) == {}, moment
            with pytest.raises(ZeroDivisionError):
                model.fit()
        else:
            assert vars(model) in ({}, {"fitted": True}), moment
            model.fit()
        moment += 1
    assert moment > 5
