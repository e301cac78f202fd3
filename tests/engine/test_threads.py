"""Threads change the time and not one bit; and nothing aborts, hangs or is left limited."""

import os
import sys
import threading
import warnings

import numba
import numpy as np
import pytest
from interrupting import is_halted
from processes import python
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import ThreadpoolController

from fastnn import MLPClassifier
from fastnn.compiling import language as jit
from fastnn.engine import predictor, threads

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X = np.random.default_rng(0).standard_normal((1100, 30))
y = np.random.default_rng(1).integers(0, 4, 1100)


def fitted(X, **parameters):
    return MLPClassifier((40, 20), max_iter=3, random_state=0, **parameters).fit(X, y)


def params_of(model):
    return np.concatenate([w.ravel() for w in model.coefs_ + model.intercepts_])


@pytest.mark.skipif(jit.IS_OFF, reason="kernels that are not compiled have one thread")
@pytest.mark.parametrize("parameters", [{}, {"solver": "sgd"}, {"solver": "lbfgs"}], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", [np.asarray, csr_array], ids=["dense", "csr"])
def test_the_same_bits_for_any_number_of_threads(forced, form, dtype, parameters):
    data, results = form(X.astype(dtype)), []
    for n in (1, 2, threads.available()):
        forced(n)
        model = fitted(data, batch_size=500, **parameters)
        results.append((params_of(model), model.predict_proba(data), model.loss_))
    for params, probabilities, loss in results[1:]:
        np.testing.assert_array_equal(params, results[0][0])
        np.testing.assert_array_equal(probabilities, results[0][1])
        assert loss == results[0][2]


@pytest.mark.skipif(jit.IS_OFF, reason="kernels that are not compiled have one thread")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_bits_where_products_are_cut(forced, dtype):
    results = []
    for n in (1, 2):
        forced(n)
        model = MLPClassifier((300, 320), max_iter=2, random_state=0).fit(X.astype(dtype), y)
        results.append((params_of(model), model.predict_proba(X.astype(dtype))))
    for one, several in zip(*results, strict=True):
        np.testing.assert_array_equal(one, several)


@pytest.mark.skipif(jit.IS_OFF, reason="kernels that are not compiled have one thread")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_predictions_have_the_same_bits_however_many_rows_are_passed_at_once(
    forced, dtype, monkeypatch
):
    data = X.astype(dtype)
    model = MLPClassifier((1000, 60), max_iter=1, random_state=0).fit(data, y)
    results = []
    for n, n_rows in ((1, 1100), (1, 324), (1, 1), (2, 324)):  # tiles are of 256
        forced(n)
        monkeypatch.setattr(predictor, "rows_at_once", lambda units, passes, n=n_rows: n)
        results.append(model.predict_proba(data))
    for probabilities in results[1:]:
        np.testing.assert_array_equal(probabilities, results[0])


def threads_of(user_api):
    return ThreadpoolController().select(user_api=user_api).info()


def blas_threads():
    return [library["num_threads"] for library in threads_of("blas")]


def test_the_limit_of_blas_is_put_back():
    with ThreadpoolController().limit(limits=2, user_api="blas"):
        before = blas_threads()
        fitted(X)
        assert blas_threads() == before
        with pytest.raises(ValueError, match="non-finite"):
            MLPClassifier(solver="sgd", learning_rate_init=1e300, max_iter=5).fit(1e3 * X, y)
        assert blas_threads() == before
        with threads.one_thread_blas():
            fitted(X)  # one ends while another goes on
            assert set(blas_threads()) != set(before) or set(before) == {1}
        assert blas_threads() == before


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_few_rows_go_without_the_limit(dtype, monkeypatch):
    rows = np.random.default_rng(0).random((400, 64)).astype(dtype)
    model = MLPClassifier((100,), max_iter=2, random_state=0).fit(rows, np.arange(400) % 10)
    expected = model.predict_proba(rows)

    def limited():
        raise AssertionError("BLAS is limited, for what it does on one thread")

    monkeypatch.setattr(threads, "one_thread_blas", limited)
    for n in (1, 7, 32):
        np.testing.assert_array_equal(model.predict_proba(rows[:n]), expected[:n])


def test_orthogonal_weights_have_the_same_bits_for_any_limit_of_blas():
    rows, coefs = np.eye(4, 10_000), []  # so many that their QR is shared out
    for n_threads in (1, 2):
        with ThreadpoolController().limit(limits=n_threads, user_api="blas"):
            model = MLPClassifier((64,), weight_init="orthogonal", max_iter=1, random_state=0)
            coefs.append(model.fit(rows, [0, 1, 0, 1]).coefs_[0])
    np.testing.assert_array_equal(*coefs)


def test_the_users_number_of_numba_threads_is_put_back():
    before = numba.get_num_threads()
    for n_threads in (1, before):
        numba.set_num_threads(n_threads)
        for n_jobs in (None, 2):
            fitted(X, n_jobs=n_jobs)
            assert numba.get_num_threads() == n_threads


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fork_during_a_fit_puts_the_limit_back_too():
    program = """
        import os
        import numpy as np
        from threadpoolctl import threadpool_info
        from fastnn import MLPClassifier
        from fastnn.engine import predictor
        from fastnn.engine import threads

        def limits():
            return [library["num_threads"] for library in threadpool_info()]

        X, y = np.eye(6), [0, 1, 2, 0, 1, 2]
        model = MLPClassifier(tol=10.0, n_iter_no_change=1).fit(X, y)
        before = limits()
        with threads.one_thread_blas():
            child = os.fork()
            if child == 0:
                model.fit(X, y)
                os._exit(0 if limits() == before else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), limits() == before)
    """
    assert python(program) == "0 True"


def test_the_last_of_two_python_threads_puts_the_limit_back():
    """Also where threadpoolctl leaves the limit to the first, which goes on living."""
    before = blas_threads()
    inside, leave = threading.Event(), threading.Event()

    def other():
        with threads.one_thread_blas():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=other)
    with threads.one_thread_blas():
        thread.start()
        inside.wait()
    during = [library["num_threads"] for library in threads_of("blas")]
    leave.set()
    thread.join()
    assert set(during) <= {1}
    assert blas_threads() == before


def test_a_worker_forked_before_threads_are_launched_has_one():
    program = """
        import multiprocessing, os
        from fastnn.engine import threads

        assert threads.available() == min(2, len(os.sched_getaffinity(0)))
        with multiprocessing.get_context("fork").Pool(1) as pool:
            print(pool.apply(threads.available))
    """
    if hasattr(os, "sched_getaffinity"):
        assert python(program, NUMBA_NUM_THREADS="2") == "1"


def test_threads_are_launched_once_that_pays():
    program = """
        from fastnn.engine import threads

        threads.available = lambda: 2
        flops = threads.FLOPS_PER_SECOND * threads.LAUNCH_SECONDS * 0.4
        print(*[threads.worthwhile(flops, 4) for _ in range(4)], threads.worthwhile(1.0, 4))
    """
    assert python(program) == "1 1 2 2 1"


def test_two_fits_in_two_python_threads():
    alone, together = params_of(fitted(X)), []

    def work():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            together.append(params_of(fitted(X)))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert len(together) == 4
    for params in together:
        np.testing.assert_array_equal(params, alone)


PROGRAM = """
    import os, sys, threading, warnings
    import numpy as np
    from fastnn import MLPClassifier
    from fastnn.engine import predictor
    from fastnn.engine import threads

    warnings.simplefilter("ignore")
    random = np.random.default_rng(0)
    X, y = random.standard_normal((3000, 100)), random.integers(0, 4, 3000)

    def fit(n_jobs=None):
        model = MLPClassifier((100,), batch_size=1000, max_iter=3, random_state=0, n_jobs=n_jobs)
        model.fit(X, y)
        return float(sum(W.sum() for W in model.coefs_)).hex()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="fork is Linux' way to start workers")
def test_a_fork_after_a_fit():
    program = f"""{PROGRAM}
    threads.available = lambda: 2
    first = fit(n_jobs=2)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:  # its parent's helper is not there, and it takes one of its own
        alone = threading.active_count() == 1
        same = fit(n_jobs=2) == first
        os._exit(0 if alone and same and threading.active_count() == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert fit(n_jobs=2) == first
    print("whole")
    """
    assert python(program) == "whole"


def test_threads_at_once_each_with_helpers():
    program = f"""{PROGRAM}
    threads.available = lambda: 3
    first, sums = fit(n_jobs=1), []
    workers = [threading.Thread(target=lambda: sums.append(fit(n_jobs=3))) for _ in range(4)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    print({{first}} == set(sums), len(sums), 1 <= len(threads._process.idle) <= 4)
    """
    assert python(program) == "True 4 True"


def test_helpers_serve_one_fit_after_another():
    program = f"""{PROGRAM}
    threads.available = lambda: 3
    sums = {{fit(n_jobs=n) for n in (1, 2, 3, 2, 3)}}
    print(len(sums), [thread.name for thread in threading.enumerate()][1:])
    """
    assert python(program) == "1 ['fastnn-helper', 'fastnn-helper']"


def test_helpers_of_nobody_end():
    program = """
        import gc, threading, time
        from fastnn.engine.helpers import Team

        team = Team()
        team.gather(2)
        del team
        gc.collect()
        for thread in threading.enumerate()[1:]:
            thread.join(30)
        print(threading.active_count())
    """
    assert python(program) == "1"


def test_ceilings_of_the_environment():
    program = "from fastnn.engine import threads; print(threads.available())"
    assert python(program, OMP_NUM_THREADS="1") == "1"
    assert python(program, NUMBA_NUM_THREADS="1") == "1"


def test_an_interrupt_at_any_step_leaves_blas_its_threads():
    def work():
        with threads.one_thread_blas():
            pass

    def numbers():
        return [library.num_threads for library in ThreadpoolController().lib_controllers]

    before, moment = numbers(), 0
    while is_halted(work, moment, threads.__file__):
        assert (threads._process.running, threads._process.blas_limits) == ({}, []), moment
        assert numbers() == before, moment
        moment += 1
    assert moment > 5


@pytest.mark.parametrize("n_jobs", [2, None])
def test_a_thread_that_cannot_be_started_is_told(n_jobs):
    program = f"""{PROGRAM}
    def none(*arguments):
        raise RuntimeError("can't start new thread")

    threads.available = lambda: 2
    first = fit(n_jobs=1)
    threading.Thread.start = none
    threads._process.seconds_alone = 2 * threads.LAUNCH_SECONDS  # from where threads pay, unasked
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        same = {{fit(n_jobs={n_jobs}), fit(n_jobs={n_jobs})}} == {{first}}
    print(same, *[one.message for one in told if "thread" in str(one.message)], sep="|")
    """
    assert python(program) == (
        "True|No other thread can be started, so that the work goes on with one: "
        "can't start new thread"
    )
