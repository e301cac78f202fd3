"""Arrays that begin at cache lines."""

from itertools import pairwise

import numpy as np
import pytest

from fastnn import MLPClassifier, memory
from fastnn.compiling.intrinsics.registers import WIDE
from fastnn.engine import predictor
from fastnn.engine.workspace import SECTIONS, prediction_workspace, training_workspace
from fastnn.kernels.products.strips import is_copied
from fastnn.kernels.tuning import MAX_PANEL_ROWS
from fastnn.network import Network

DTYPES = [np.float32, np.float64]


def begins_at_a_line(array):
    return array.flags.c_contiguous and (array.size == 0 or array.ctypes.data % memory.LINE == 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (3, 0), (1, 5), (2, 33), (4, 16)])
def test_any_shape(shape, dtype):
    for _ in range(5):
        for array in (memory.empty(shape, dtype), memory.zeros(shape, dtype)):
            assert array.shape == shape
            assert array.dtype == dtype
            assert begins_at_a_line(array)
        assert not array.any()
        copy = memory.copy_of(np.ones(shape, dtype), np.float64)
        assert begins_at_a_line(copy)
        assert copy.dtype == np.float64
        np.testing.assert_array_equal(copy, 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 1000])
def test_whole_lines(size, dtype):
    padded = memory.padded(size, dtype)
    assert size <= padded < size + memory.LINE
    assert padded * np.dtype(dtype).itemsize % memory.LINE == 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_a_step_works_on(dtype):
    X = np.random.default_rng(0).standard_normal((30, 5)).astype(dtype)
    y = (X[:, 0] > 0).astype(int)
    model = MLPClassifier((7, 3), random_state=0).partial_fit(X, y, classes=[0, 1])
    for _ in range(3):
        model.partial_fit(X, y)
        assert begins_at_a_line(model._own_network.params)
        for state in model._solver_state["state"]:
            assert begins_at_a_line(state)
            assert not state[model.n_parameters_ :].any()
    assert begins_at_a_line(Network.from_arrays(model.coefs_, model.intercepts_).params)


@pytest.mark.parametrize("batch", [1, 31, 40, 250, 700])
@pytest.mark.parametrize("units", [(3, 5, 2), (4, 1, 1), (2, 200, 300, 50, 3), (5, 9000, 7, 10)])
def test_copies_have_room(units, batch):
    size = sum((m + 1) * n for m, n in pairwise(units))
    work = training_workspace(units, size, batch, 100, 4096, np.dtype(np.float32), sparse=False)
    starts = [getattr(work, name) for name in SECTIONS] + [work.memory.shape[1]]
    room = starts[SECTIONS.index("copies") + 1] - work.copies
    assert room >= work.copies_size
    for n_rows in range(1, work.row_losses.shape[1] + 1):
        for m, n in pairwise(units[1:]):
            assert not is_copied(n_rows, m, n) or m * n <= room
        for longest in (n_rows, *units):  # A' D, A W and D W' sum over
            assert min(longest, MAX_PANEL_ROWS) * WIDE // 4 <= room


@pytest.mark.parametrize(("activation", "own"), [("gelu", True), ("relu", False)])
def test_slopes_have_memory_where_they_are_written(activation, own, monkeypatch):
    works = []

    def spy(*arguments, **options):
        works.append(prediction_workspace(*arguments, **options))
        return works[-1]

    monkeypatch.setattr(predictor, "prediction_workspace", spy)
    X = np.random.default_rng(0).standard_normal((60, 5))
    options = {"activation": ("relu", activation), "early_stopping": True, "max_iter": 2}
    with pytest.warns(UserWarning, match="Maximum iterations"):
        model = MLPClassifier((4, 3), **options).fit(X, X[:, 0] > 0)
    model.predict(X)
    model.set_params(activation=activation).predict_proba(X[:1])  # by the kernel for a few rows
    assert len(works) == 4
    for work in works:
        assert (work.slopes != work.outputs) == own


def test_memory_that_is_not_there_is_told_before_a_library_ends_the_process():
    memory.ask(1 << 20, "for this")
    with pytest.raises(MemoryError, match=r"There are not \d+ MB of memory left for that\."):
        memory.ask(1 << 62, "for that")
