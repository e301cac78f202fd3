"""Output activations, compiled and as plain Python."""

import numpy as np
import pytest
from kernel_forms import DTYPES, close, compiled, normal, plain
from numpy.testing import assert_allclose
from scipy import special

from fastnn.kernels import (
    outputs,
)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", outputs.OUTPUT_ACTIVATIONS)
def test_outputs(name, dtype):
    Z, b, blocks = normal((9, 6), dtype) * 4, normal(6, dtype, 1), np.array([0, 2, 6])
    results = []
    for form in (
        compiled(outputs.OUTPUT_ACTIVATIONS[name]),
        plain(outputs.OUTPUT_ACTIVATIONS[name]),
    ):
        A = Z.copy()
        form(A, b, blocks)
        results.append(A)
    assert_allclose(*results, **close(dtype))
    if name == "softmax":
        assert_allclose(A[:, :2].sum(axis=1), 1, rtol=1e-6)
        assert_allclose(A[:, 2:], special.softmax((Z + b)[:, 2:], axis=1), **close(dtype))
    if name == "increasing":
        assert_allclose(np.diff(A), np.logaddexp(0, (Z + b)[:, 1:]), **close(dtype))
    Z = np.full((2, 6), np.nan, dtype)
    compiled(outputs.OUTPUT_ACTIVATIONS[name])(Z, b, blocks)
    assert np.isnan(Z).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_exponential_of_extremes(dtype):
    Z = np.array([[np.inf, -np.inf, np.nan, 1e4, -1e4, 0.0]], dtype)
    compiled(outputs.exponential)(Z, np.zeros(6, dtype), np.array([0, 6]))
    assert_allclose(Z[0], [np.inf, 0, np.nan, np.inf, 0, 1], atol=1e-37)
