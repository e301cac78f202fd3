"""Updates, compiled and as plain Python."""

import numpy as np
import pytest
from kernel_forms import DTYPES, assert_compiled_as_written, close, forms, normal, plain
from numpy.testing import assert_allclose

from fastnn.kernels import (
    updates,
)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("name", updates.SOLVERS)
def test_updates(name, amsgrad, dtype):
    if amsgrad and name not in updates.AMSGRAD:
        return
    update = updates.update_of(name, amsgrad)
    hyper = np.array([0.01, 0.9, 0.999, 1e-8][: len(update.hyper) + 1])
    rates, memory = np.zeros(5), np.array([3.0, 0.2, 0, 0])
    assert_compiled_as_written(update.rates, [], [memory, hyper, rates], np.float64)
    plain(update.rates)(memory, hyper, rates)
    states = [normal(50, dtype, seed) ** 2 for seed in (1, 2, 3)]
    p, g = normal(50, dtype, 3), normal(50, dtype, 4)
    results = []
    for form in forms(update.update):
        arrays = [array.copy() for array in (p, g, *states)]
        form(*arrays, rates)
        results.append(arrays)
    for ours, written in zip(results[0], results[-1], strict=True):
        assert_allclose(ours, written, **close(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_clip(dtype):
    gradients = normal((2, 30), dtype)
    norm = np.linalg.norm(gradients[0].astype(float))
    for form in forms(updates.clip):
        long, short = gradients.copy(), gradients.copy()
        form(long, norm / 3)
        form(short, norm * 3)
        assert_allclose(long[0], gradients[0] / 3, rtol=1e-6)
        np.testing.assert_array_equal(short, gradients)
        np.testing.assert_array_equal(long[1], gradients[1])
