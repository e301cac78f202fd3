"""Forks while another thread compiles or imports: the child finds whole modules and free locks."""

import os
import threading

import numpy as np
import pandas as pd
import pytest
from processes import python

from fastnn import MLPClassifier
from fastnn.compiling import llvm
from fastnn.compiling.lock import lock
from fastnn.estimators import inputs
from fastnn.sklearn_versions import VERSION

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork"),
    pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

FORKS = """
    import os, signal, threading, time
    import numpy as np
    from fastnn.compiling.runtime import DTypes, address_of
    from fastnn.kernels.activations import ACTIVATIONS

    def compile(*names):
        for name in names:
            address_of(ACTIVATIONS[name].function, DTypes(np.dtype(float)))

    thread = threading.Thread(target=compile, args=("relu", "tanh", "logistic"))
    thread.start()
    children = []
    for seconds in (0.1, 0.4):  # within the import of Numba, as a rule, and within a compilation
        time.sleep(seconds)
        child = os.fork()
        if child == 0:
            signal.alarm(100)  # ends a child that hangs
            compile("relu", "elu")
            os._exit(0)
        children.append(child)
    thread.join()
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    print("all went on")
"""


def test_forks_while_a_thread_compiles(tmp_path):
    """A child had hung for ever at the locks of Numba's compiler or of an import."""
    assert python(FORKS, timeout=200, NUMBA_CACHE_DIR=str(tmp_path)) == "all went on"


def test_a_fork_waits_for_the_lock_and_both_sides_have_it_free():
    held, free = threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            free.wait(0.3)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if lock.acquire(timeout=5) else 1)
    assert not thread.is_alive() or lock.acquire(timeout=5)
    thread.join()
    assert os.waitpid(child, 0)[1] == 0


def test_a_fork_by_the_thread_that_holds_it():
    with lock:
        child = os.fork()
        if child == 0:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert lock.acquire(timeout=5)
    lock.release()


def test_a_fork_waits_for_a_call_of_llvm_in_another_thread():
    """A child had hung for ever where its first fit asked LLVM for the processor."""
    llvm.get_host_cpu_name()
    llvm_lock, held, free = llvm.ffi.lib._lock, threading.Event(), threading.Event()

    def call():
        with llvm_lock:
            held.set()
            free.wait(0.3)

    thread = threading.Thread(target=call)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if llvm_lock._lock.acquire(timeout=5) else 1)
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
    assert llvm.get_host_cpu_name()


def test_the_first_frame_of_a_kind_is_looked_at_within_the_lock(monkeypatch):
    """scikit-learn has narwhals import what it needs for pandas."""
    if VERSION < (1, 9):
        pytest.skip("scikit-learn does without narwhals before 1.9")
    check, owned = inputs.validate_data, []

    def validate_data(*arguments, **options):
        owned.append(lock._is_owned())
        return check(*arguments, **options)

    monkeypatch.setattr(inputs, "validate_data", validate_data)
    monkeypatch.setattr(inputs, "_seen", {np.ndarray})
    X, y = np.eye(4), [0, 1, 0, 1]
    for data in (X, pd.DataFrame(X), pd.DataFrame(X)):
        MLPClassifier(max_iter=1).fit(data, y)
    assert owned == [False, True, False]


@pytest.mark.parametrize("cache", ["empty", "filled"])
def test_nothing_is_imported_late_but_within_the_lock(cache, tmp_path):
    program = """
        import sys, warnings
        import numpy as np
        import pandas as pd
        from fastnn import MLPClassifier, MLPRegressor
        from fastnn.compiling.lock import lock

        warnings.simplefilter("ignore")

        class Finder:
            def find_spec(self, name, path=None, target=None):
                assert lock._is_owned(), name

        sys.meta_path.insert(0, Finder())
        X, y = np.random.default_rng(0).random((60, 5)), np.arange(60) % 2
        MLPClassifier((9,), max_iter=2).fit(X, y).predict(pd.DataFrame(X))
        if "empty" in sys.argv:
            sys.exit()
        for data in (X, pd.DataFrame(X)):
            for options in ({"n_jobs": 2, "batch_size": 60}, {"early_stopping": True}):
                MLPClassifier((99,), max_iter=2, **options).fit(data, y).score(data, y)
            MLPRegressor(solver="lbfgs", max_iter=2).fit(data, y).score(data, y)
            model = MLPClassifier(scoring="neg_log_loss", max_iter=2)
            model.fit(data, y).partial_fit(data, y).predict_proba(data[:1])
    """
    if cache == "filled":
        python(program, OMP_NUM_THREADS="2")
    else:
        python(program.replace("sys.argv", "['empty']"), NUMBA_CACHE_DIR=str(tmp_path))
