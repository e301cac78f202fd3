"""Arrays that begin at cache lines."""

import numpy as np
import pytest

from fastnn import MLPClassifier, memory
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
        for state in model._optimizer.state:
            assert begins_at_a_line(state)
            assert not state[model.n_parameters_ :].any()
    assert begins_at_a_line(Network.from_arrays(model.coefs_, model.intercepts_).params)
