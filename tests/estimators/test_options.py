"""What holds for every option alike: threads, dtypes, sparse data, stopping, saving, cloning."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from options import OF_CLASSES, OF_NUMBERS, OPTIONS
from processes import ROOT, python
from scipy.sparse import csr_array
from sklearn.base import clone
from watchers import Watcher

from fastnn import MLPClassifier, MLPRegressor
from fastnn.compiling import language as jit
from fastnn.engine import threads

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
random = np.random.default_rng(0)
X = random.standard_normal((330, 6))
codes = np.argmax(X[:, :3], axis=1)
TASKS = {
    "classes": (MLPClassifier, codes, OF_CLASSES),
    "two classes": (MLPClassifier, codes == 1, OF_CLASSES),
    "labels": (MLPClassifier, (X[:, :3] > 0.3).astype(int), OF_CLASSES),
    "several targets": (MLPClassifier, np.stack([codes, codes % 2], axis=1), OF_CLASSES),
    "number": (MLPRegressor, np.sin(X[:, 0]), OF_NUMBERS),
    "numbers": (MLPRegressor, np.sin(X[:, :2]), OF_NUMBERS),
}
ONE_TASK = [("classes", name) for name in {**OPTIONS, **OF_CLASSES}]
ONE_TASK += [("number", name) for name in OF_NUMBERS]
OTHERS = ("dropout", "batch", "layer", "early stopping", "much at once")
CASES = [(task, name) for task in TASKS for name in (*OTHERS, *TASKS[task][2])]
CASES += [case for case in ONE_TASK if case not in CASES]


def network(task, name, **parameters):
    Estimator, _, own = TASKS[task]
    common = {"hidden_layer_sizes": (9, 7), "batch_size": 240, "max_iter": 3, "random_state": 0}
    return Estimator(**{**common, **parameters, **{**OPTIONS, **own}[name]})


def params_of(model):
    arrays = [*model.coefs_, *model.intercepts_, *getattr(model, "running_means_", [])]
    return np.concatenate([array.ravel() for array in arrays])


@pytest.mark.skipif(jit.IS_OFF, reason="kernels that are not compiled have one thread")
@pytest.mark.parametrize("data", [X.astype(np.float32), csr_array(X)], ids=["dense", "csr"])
@pytest.mark.parametrize(("task", "name"), CASES)
def test_the_same_bits_for_one_thread_and_two(task, name, data, forced):
    results = []
    for n in (1, 2):
        forced(n)
        model = network(task, name).fit(data, TASKS[task][1])
        results.append((params_of(model), *np.array(model.predict(data)).T, model.loss_))
    assert model.coefs_[0].dtype == data.dtype
    assert np.isfinite(params_of(model)).all()
    for one, two in zip(*results, strict=True):
        assert_array_equal(one, two)


def different_bits(n_threads):
    """Cases in which so many threads give other bits than one."""
    different = []
    for task, name in CASES:
        bits = set()
        for n in (1, n_threads):
            threads.worthwhile = lambda *arguments, n=n: n
            bits.add(params_of(network(task, name).fit(X, TASKS[task][1])).tobytes())
        if len(bits) > 1:
            different.append((task, name))
    return different


@pytest.mark.skipif(jit.IS_OFF, reason="kernels that are not compiled have one thread")
def test_the_same_bits_for_more_threads_than_shards():
    program = f"""
    import sys, warnings
    sys.path[:0] = [{str(ROOT / "tests")!r}, {str(ROOT / "tests" / "estimators")!r}]
    import test_options
    warnings.simplefilter("ignore")
    print(test_options.different_bits(4))
    """
    assert python(program, NUMBA_NUM_THREADS="4") == "[]"


@pytest.mark.parametrize(("task", "name"), ONE_TASK)
def test_float32_and_sparse_data_give_about_the_same(task, name):
    y = TASKS[task][1]
    model = network(task, name).fit(X, y)
    single = network(task, name).fit(X.astype(np.float32), y)
    sparse = network(task, name).fit(csr_array(X), y)
    assert_allclose(single.loss_curve_, model.loss_curve_, rtol=1e-4)
    assert_allclose(params_of(single), params_of(model), rtol=1e-2, atol=1e-3)
    assert_allclose(params_of(sparse), params_of(model), rtol=1e-7, atol=1e-9)


class Stop(Watcher):
    """A callback that asks to stop after two epochs."""

    def on_fit_task_end(self, estimator, context):
        return context.task_name == "epoch" and context.task_id == 1


@pytest.mark.parametrize(("task", "name"), ONE_TASK)
def test_a_stopped_and_saved_fit_goes_on_to_the_same_bits(task, name):
    y, parameters = TASKS[task][1], {"batch_size": 100, "max_iter": 5}
    whole = network(task, name, **parameters).fit(X, y)
    stopped = network(task, name, **parameters).set_callbacks(Stop()).fit(X, y).set_callbacks()
    assert stopped.n_iter_ == 2
    loaded = pickle.loads(pickle.dumps(stopped))
    assert_array_equal(loaded.predict(X), stopped.predict(X))
    for model in (loaded, stopped):
        model.resume(X, y)
        assert_array_equal(params_of(model), params_of(whole))
        assert model.loss_curve_ == whole.loss_curve_


@pytest.mark.parametrize(("task", "name"), ONE_TASK)
def test_clones_are_equal_and_partial_fit_and_warm_start_go_on(task, name):
    y, model = TASKS[task][1], network(task, name)
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    assert_array_equal(params_of(twin.fit(X, y)), params_of(model.fit(X, y)))
    model.set_params(warm_start=True).fit(X, y)
    assert len(model.loss_curve_) == 6
    if not model.early_stopping and name != "balanced":
        model.partial_fit(X, y)
        assert len(model.loss_curve_) == 7
    assert np.isfinite(params_of(model)).all()
