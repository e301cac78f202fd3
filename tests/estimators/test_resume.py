"""A fit that was stopped goes on to the bits of one that was not."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time

import joblib
import numpy as np
import pytest
from processes import ROOT, python
from sklearn.exceptions import ConvergenceWarning
from watchers import Watcher

from fastnn import MLPClassifier, MLPRegressor
from fastnn.callbacks import Checkpoint, TargetReached, TimeLimit
from fastnn.compiling import time_spent
from fastnn.compiling.interrupts import held_back
from fastnn.engine import stepper as engine
from fastnn.training.clock import Clock, TimeIsOverError
from fastnn.training.history import History
from fastnn.training.order import ShuffledRows

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Training interrupted:UserWarning"
)
X = np.random.default_rng(0).standard_normal((220, 6))
y = np.random.default_rng(1).integers(0, 3, 220)
KINDS = {
    "adam": {},
    "sgd": {"solver": "sgd"},
    "sgd, adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "tol": 0.5,
        "n_iter_no_change": 2,
        "learning_rate_init": 0.1,
    },
    "sgd, invscaling": {"solver": "sgd", "learning_rate": "invscaling"},
    "adamw, one cycle": {"solver": "adamw", "learning_rate": "one_cycle", "amsgrad": True},
    "nadam, cosine": {"solver": "nadam", "learning_rate": "cosine", "warmup": 4},
    "rmsprop, step": {"solver": "rmsprop", "learning_rate": "step", "step_size": 3},
    "adagrad, exponential": {"solver": "adagrad", "learning_rate": "exponential"},
    "function": {"learning_rate": lambda epoch: 0.01 / (epoch + 1)},
    "dropout": {"dropout": 0.4},
    "batch": {"normalization": "batch", "dropout": 0.1},
    "early stopping": {"early_stopping": True, "learning_rate_init": 0.05},
    "best weights": {"restore_best_weights": True, "learning_rate_init": 0.1},
    "no shuffle": {"shuffle": False},
}


def model(kind, **parameters):
    common = {"max_iter": 18, "random_state": 0, "batch_size": 40}
    return MLPClassifier((9, 5), **{**common, **KINDS[kind], **parameters})


def assert_same(ours, whole):
    for name in ("n_iter_", "t_", "loss_curve_", "learning_rates_", "validation_scores_"):
        assert getattr(ours, name) == getattr(whole, name), name
    for a, b in zip(ours.coefs_ + ours.intercepts_, whole.coefs_ + whole.intercepts_, strict=True):
        np.testing.assert_array_equal(a, b)


class Interrupt(Watcher):
    """A callback that interrupts the fit as a user would, after some epochs."""

    def __init__(self, epochs):
        self.left = epochs

    def on_fit_task_end(self, estimator, context):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("kind", KINDS)
def test_from_a_checkpoint(kind, tmp_path):
    path = tmp_path / "model.joblib"
    whole = model(kind).fit(X, y)
    if kind == "function":
        return  # a lambda cannot be written to a file
    model(kind).set_callbacks(Checkpoint(path, every=7)).fit(X, y)
    loaded = joblib.load(path)
    assert loaded.n_iter_ < whole.n_iter_
    assert_same(loaded.resume(X, y), whole)


@pytest.mark.parametrize("kind", KINDS)
def test_after_an_interrupt(kind):
    whole, cut = model(kind).fit(X, y), model(kind).set_callbacks(Interrupt(5))
    cut.fit(X, y)
    assert cut.n_iter_ < whole.n_iter_
    assert cut.predict(X).shape == (220,)  # it leaves a model that works
    assert_same(cut.set_callbacks().resume(X, y), whole)


@pytest.mark.parametrize("kind", ["adam", "sgd, adaptive", "dropout", "early stopping"])
def test_with_more_epochs(kind):
    assert_same(
        model(kind, max_iter=4).fit(X, y).set_params(max_iter=18).resume(X, y),
        model(kind).fit(X, y),
    )


@pytest.mark.parametrize(
    "stop", [TargetReached(1.2, "loss"), TimeLimit(1e-9)], ids=["target", "time"]
)
def test_after_a_callback(stop):
    cut = model("adam").set_callbacks(stop).fit(X, y)
    assert cut.n_iter_ < 18
    assert_same(cut.set_callbacks().resume(X, y), model("adam").fit(X, y))


def test_a_fit_that_has_converged_is_left_as_it_is():
    done = model("adam", tol=10.0, n_iter_no_change=2).fit(X, y)
    n_iter, before = done.n_iter_, [W.copy() for W in done.coefs_]
    done.resume(X, y)
    assert done.n_iter_ == n_iter
    for W, old in zip(done.coefs_, before, strict=True):
        np.testing.assert_array_equal(W, old)


def test_lbfgs_says_that_it_starts_anew():
    short = MLPRegressor(solver="lbfgs", max_iter=3, random_state=0).fit(X, X[:, 0])
    loss = short.loss_
    with pytest.warns(UserWarning, match="starts anew"):
        short.resume(X, X[:, 0])
    assert short.loss_ < loss


@pytest.mark.parametrize("where", ["orders", "steps", "record"])
@pytest.mark.parametrize("kind", ["adam", "sgd, adaptive", "nadam, cosine", "dropout"])
def test_several_epochs_are_interrupted(kind, where, monkeypatch):
    """Those whose steps one call has taken are all recorded, or it has taken none."""
    whole, left = model(kind).fit(X, y), [5]

    def interrupted(of, name):
        method = getattr(of, name)

        def call(*arguments):
            result = method(*arguments)
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
            return result

        return of, name, call

    if where == "steps":
        left = [1]
    places = {
        "orders": (ShuffledRows, "begin"),
        "steps": (engine.CpuStepper, "epochs"),
        "record": (History, "record_loss"),
    }
    with monkeypatch.context() as within:
        within.setattr(*interrupted(*places[where]))
        cut = model(kind).fit(X, y)
    assert left[0] <= 0
    assert len(cut.loss_curve_) == cut.n_iter_ < whole.n_iter_
    assert (cut.n_iter_ > 1) == (where != "orders" or kind == "sgd, adaptive")
    assert_same(cut.resume(X, y), whole)


@pytest.fixture
def cut(monkeypatch):
    """A model whose third epoch was interrupted after two of its mini-batches."""
    monkeypatch.setattr(engine, "MAX_FLOPS_PER_CALL", 1)  # one mini-batch a call
    call, calls = engine.CpuStepper.steps, []

    def interrupted(self, *arguments):
        calls.append(arguments)
        if len(calls) == 15:
            raise KeyboardInterrupt
        return call(self, *arguments)

    with monkeypatch.context() as within:
        within.setattr(engine.CpuStepper, "steps", interrupted)
        return model("sgd", momentum=0, shuffle=False).fit(X, y)


def test_a_cut_epoch_is_gone_on_with(cut):
    assert cut.n_iter_ == 2
    assert_same(cut.resume(X, y), model("sgd", momentum=0, shuffle=False).fit(X, y))


def test_partial_fit_after_a_cut_epoch_takes_all_its_rows(cut):
    fresh = model("sgd", momentum=0, shuffle=False).partial_fit(X, y, classes=[0, 1, 2])
    fresh.coefs_, fresh.intercepts_ = ([p.copy() for p in ps] for ps in weights_of(cut))
    for ours in (cut, fresh):
        ours.partial_fit(X[:70], y[:70])
    assert cut.loss_ == fresh.loss_
    for ours, expected in zip(weights_of(cut), weights_of(fresh), strict=True):
        for a, b in zip(ours, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def weights_of(model):
    return model.coefs_, model.intercepts_


def test_what_was_never_fitted_cannot_go_on():
    with pytest.raises(ValueError, match="not fitted"):
        MLPClassifier().resume(X, y)


LARGE = np.random.default_rng(0).standard_normal((150_000, 40))
LABELS = (LARGE[:, 0] > 0).astype(int)


def large(max_iter=3, **parameters):
    return MLPClassifier((60,), max_iter=max_iter, random_state=0, dropout=0.1, **parameters)


def test_max_time_and_an_interrupt_act_in_the_midst_of_an_epoch():
    large(max_iter=1).fit(LARGE[:500], LABELS[:500])  # compiles
    whole = large().fit(LARGE, LABELS)
    cut = large(max_time=0.02).fit(LARGE, LABELS)
    assert cut.n_iter_ < 3
    while cut.n_iter_ < 3:
        cut.resume(LARGE, LABELS)
    assert_same(cut, whole)


PROGRAM = """
    import os, signal, threading, warnings
    import numpy as np
    from fastnn import MLPClassifier

    warnings.simplefilter("ignore")
    X = np.random.default_rng(0).standard_normal((3000, 20))
    y = (X[:, 0] > 0).astype(int)
    network = MLPClassifier((30,), max_iter=60, tol=0, random_state=0, dropout=0.1)
    whole = network.fit(X, y).loss_curve_, network.coefs_[0].copy()
    late = []
    for delay in np.random.default_rng(0).uniform(0.005, 0.1, 25):
        timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
        try:
            timer.start()
            network.fit(X, y)
            timer.join()
        except KeyboardInterrupt:  # before or after the loop over epochs: the old model stands
            pass
        if network.n_iter_ < 60:
            late.append(network.n_iter_)
        try:
            network.resume(X, y)
        except KeyboardInterrupt:
            network.resume(X, y)
        assert network.n_iter_ == 60
        assert network.loss_curve_ == whole[0], delay
        assert (network.coefs_[0] == whole[1]).all()
    print(len(late) > 3)
"""


@pytest.mark.skipif(os.name == "nt", reason="a process cannot send itself an interrupt there")
def test_interrupts_at_any_moment():
    assert python(PROGRAM) == "True"


KILLED = """
    import sys, warnings
    import numpy as np
    from fastnn import MLPClassifier
    from fastnn.callbacks import Checkpoint

    warnings.simplefilter("ignore")
    X = np.random.default_rng(0).standard_normal((220, 6))
    y = np.random.default_rng(1).integers(0, 3, 220)
    network = MLPClassifier((9, 5), max_iter=100000, n_iter_no_change=np.inf, random_state=0)
    network.set_callbacks(Checkpoint({path!r})).fit(X, y)
"""


@pytest.mark.skipif(os.name == "nt", reason="a process is not killed by a signal there")
def test_a_killed_process_leaves_a_whole_checkpoint(tmp_path):
    path = tmp_path / "model.joblib"
    program = textwrap.dedent(KILLED.format(path=str(path)))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment)
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    loaded = joblib.load(path)
    n_iter = loaded.n_iter_
    loaded.set_params(max_iter=n_iter + 3).resume(X, y)
    whole = MLPClassifier((9, 5), max_iter=n_iter + 3, n_iter_no_change=np.inf, random_state=0)
    assert_same(loaded, whole.fit(X, y))


VALIDATION = {"X_val": X[:50], "y_val": y[:50]}


@pytest.mark.parametrize(
    ("parameters", "first", "then", "changed"),
    [
        ({}, VALIDATION, {}, {}),
        ({}, {}, VALIDATION, {}),
        ({"early_stopping": True}, {}, {}, {"early_stopping": False}),
        ({}, {}, {}, {"scoring": "accuracy"}),
        ({"scoring": "accuracy"}, {}, {}, {"scoring": None}),
    ],
)
def test_curves_keep_an_entry_for_each_epoch(parameters, first, then, changed):
    cut = model("adam", max_iter=3, **parameters).fit(X, y, **first)
    before = [W.copy() for W in cut.coefs_]
    with pytest.raises(ValueError, match="The fit to resume has had"):
        cut.set_params(max_iter=5, **changed).resume(X, y, **then)
    for W, old in zip(cut.coefs_, before, strict=True):
        np.testing.assert_array_equal(W, old)


@pytest.mark.parametrize("parameters", [{}, {"scoring": "accuracy"}, {"early_stopping": True}])
def test_with_validation_data(parameters):
    whole = model("adam", **parameters).fit(X, y, **VALIDATION)
    cut = model("adam", max_iter=3, **parameters).fit(X, y, **VALIDATION)
    assert_same(cut.set_params(max_iter=18).resume(X, y, **VALIDATION), whole)
    assert cut.validation_loss_curve_ == whole.validation_loss_curve_


def test_the_solver_takes_what_it_is_told_by_then():
    cut = model("adam", max_iter=3).fit(X, y)
    same, other = (copy_of(cut).set_params(max_iter=6) for _ in range(2))
    same.resume(X, y)
    other.set_params(beta_1=0.5).resume(X, y)
    assert same.loss_curve_[3] != other.loss_curve_[3]
    new = copy_of(cut).set_params(max_iter=6, amsgrad=True).resume(X, y)
    assert len(new._solver_state["state"]) == 3  # of a solver that began anew


def copy_of(estimator):
    return pickle.loads(pickle.dumps(estimator))


def test_scoring_that_takes_longer_than_the_time_limit_comes_to_an_end(monkeypatch):
    monkeypatch.setattr("fastnn.engine.calls.MAX_FLOPS_PER_CALL", 1)
    data = {"X_val": np.tile(X, (3, 1)), "y_val": np.tile(y, 3), "X": X, "y": y}
    whole = model("adam", max_iter=4).fit(**data)
    cut = model("adam", max_iter=4, max_time=1e-9).fit(**data)
    for _ in range(100):
        cut.resume(**data)
        if cut.n_iter_ == 4:
            break
    assert_same(cut, whole)
    assert cut.validation_loss_curve_ == whole.validation_loss_curve_


def test_fewer_rows_than_an_epoch_has_done(cut):
    with pytest.raises(
        ValueError, match="stopped after 80 rows of an epoch, and here there are 70"
    ):
        cut.resume(X[:70], y[:70])


def test_a_scorer_of_the_users_has_the_clock_too(monkeypatch):
    monkeypatch.setattr("fastnn.engine.calls.MAX_FLOPS_PER_CALL", 1)
    n_calls = []

    def check(clock):
        n_calls.append(clock)
        if len(n_calls) == 10:
            raise TimeIsOverError

    monkeypatch.setattr(Clock, "check", check)
    many = np.tile(X, (40, 1))

    def scorer(estimator, data, target):
        n_calls.clear()
        return (estimator.predict(data) == target).mean()

    one = MLPClassifier((9,), batch_size=220, max_time=1e9, scoring=scorer, random_state=0)
    with pytest.warns(ConvergenceWarning, match="Maximum time"):
        one.fit(X, y, X_val=many, y_val=np.tile(y, 40))
    assert one.n_iter_ == 0


def test_an_interrupt_waits_for_what_must_not_be_cut_in_two():
    done = []

    @held_back()
    def work():
        signal.raise_signal(signal.SIGINT)
        done.append(True)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with held_back():
        pass


CUT_IN_COMPILING = """
    import os, signal, threading, time
    import numpy as np
    from fastnn import MLPClassifier

    X, y = np.eye(6), [0, 1, 2, 0, 1, 2]
    model = MLPClassifier(tol=10.0, n_iter_no_change=1)
    for delay in ({delay}, 0.4):
        threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            model.fit(X, y)
            time.sleep(delay)
        except KeyboardInterrupt:
            pass
    print(model.fit(X, y).predict(X).shape)
"""


@pytest.mark.skipif(os.name == "nt", reason="a process cannot send itself an interrupt there")
@pytest.mark.parametrize("delay", [0.05, 0.3])
def test_an_interrupt_of_the_first_fit_leaves_numba_whole(delay, tmp_path):
    program = CUT_IN_COMPILING.format(delay=delay)
    assert python(program, NUMBA_CACHE_DIR=str(tmp_path)) == "(6,)"


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("early_stopping", [True, False])
def test_the_clock_is_looked_at_between_any_two_calls(solver, early_stopping, monkeypatch):
    """Also where a mini-batch, an evaluation or the scoring of validation rows takes long."""
    for module in ("stepper", "calls"):
        monkeypatch.setattr(f"fastnn.engine.{module}.MAX_FLOPS_PER_CALL", 1)
    checks, limit = [], None

    def check(clock):
        checks.append(clock)
        if limit is not None and len(checks) > limit:
            raise TimeIsOverError

    monkeypatch.setattr(Clock, "check", check)
    rows = np.random.default_rng(0).standard_normal((2900, 6))
    labels = (rows[:, 0] > 0).astype(int)
    common = {"solver": solver, "early_stopping": early_stopping, "random_state": 0, "max_iter": 3}
    whole = MLPClassifier((9,), **common).fit(rows, labels)
    every = len(checks)
    assert every > 12
    for limit in range(0, every, 5):
        checks.clear()
        cut = MLPClassifier((9,), max_time=1e9, **common)
        with pytest.warns(ConvergenceWarning, match="Maximum time"):
            cut.fit(rows, labels)
        assert len(cut.loss_curve_) == cut.n_iter_ <= 3
        if early_stopping and solver == "adam":
            assert len(cut.validation_scores_) == cut.n_iter_
        if solver == "adam":
            checks.clear()
            limit_before, limit = limit, None
            assert_same(cut.resume(rows, labels), whole)
            limit = limit_before
    assert len(whole.loss_curve_) == whole.n_iter_


def test_the_time_of_the_compiler_does_not_count():
    clock = Clock(0.05)
    time.sleep(0.1)
    time_spent.add(0.1)
    clock.check()
    other = threading.Thread(target=time_spent.add, args=(0.1,))  # of its own clocks
    other.start()
    other.join()
    time.sleep(0.1)
    with pytest.raises(TimeIsOverError):
        clock.check()
