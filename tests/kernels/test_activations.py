"""Activations against their formulas, compiled and as plain Python."""

import numpy as np
import pytest
from kernel_forms import DTYPES, assert_compiled_as_written, close, compiled, normal
from numpy.testing import assert_allclose
from scipy import special

from fastnn.kernels import (
    activations,
)

EDGES = [0.0, -0.0, 1e-30, -1e-8, 30.0, -30.0, 88.0, -88.0]


SELU = 1.0507009873554805, 1.6732632423543772
FORMULAS = {  # from the papers, by NumPy and SciPy
    "identity": lambda z: z,
    "logistic": special.expit,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "selu": lambda z: SELU[0] * np.where(z > 0, z, SELU[1] * np.expm1(np.minimum(z, 0))),
    "gelu": lambda z: z * special.ndtr(z),
    "silu": lambda z: z * special.expit(z),
    "mish": lambda z: z * np.tanh(np.logaddexp(0, z)),
    "softplus": lambda z: np.logaddexp(0, z),
    "hard_tanh": lambda z: np.clip(z, -1, 1),
}


def test_no_activation_is_left_out():
    assert set(FORMULAS) == set(activations.ACTIVATIONS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FORMULAS)
def test_activations(name, dtype):
    Z, b = normal((9, 8), dtype) * 4, normal(8, dtype, 1)
    Z[0], b[:4] = EDGES, 0
    function = activations.ACTIVATIONS[name]
    assert_compiled_as_written(function.function, [], [Z, b, np.empty_like(Z)], dtype)
    A = Z.copy()
    compiled(function.function)(A, b, A)  # as for a prediction, where S is the same memory
    exact = FORMULAS[name](Z.astype(float) + b)
    assert_allclose(
        A, exact, rtol=3e-6 if dtype == np.float32 else 1e-13, atol=close(dtype)["atol"]
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FORMULAS)
def test_activations_let_nan_be_seen(name, dtype):
    Z = np.full((2, 3), np.nan, dtype)
    compiled(activations.ACTIVATIONS[name].function)(Z, np.zeros(3, dtype), Z.copy())
    assert np.isnan(Z).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FORMULAS)
def test_derivatives_of_activations(name, dtype):
    Z, function = normal((9, 8), np.float64), activations.ACTIVATIONS[name]
    slope = (FORMULAS[name](Z + 1e-6) - FORMULAS[name](Z - 1e-6)) / 2e-6
    A, S, dA = Z.astype(dtype), np.empty((9, 8), dtype), normal((9, 8), dtype, 2)
    compiled(function.function)(A, np.zeros(8, dtype), S)
    D, db = dA.copy(), np.empty(8, dtype)
    compiled(function.derivative)(A, S, D, db)
    assert_allclose(D, dA * slope, rtol=2e-4, atol=1e-5)
    assert_allclose(db, D.sum(axis=0), rtol=1e-4, atol=1e-5)
    assert_compiled_as_written(function.derivative, [A, S], [dA, db], dtype)
