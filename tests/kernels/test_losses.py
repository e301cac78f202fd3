"""Losses, compiled and as plain Python."""

from functools import partial

import numpy as np
import pytest
from kernel_forms import DTYPES, assert_compiled_as_written, plain
from numpy.testing import assert_allclose

from fastnn.compiling.runtime import Call, DTypes, address_of
from fastnn.kernels import (
    losses,
    prediction,
)


def loss_inputs(name, dtype):
    """Outputs, targets, rows, blocks and settings of a loss."""
    random, codes = np.random.default_rng(0), losses.LOSSES[name].output == "softmax"
    blocks = np.array([0, 3, 5] if codes else [0, 3])
    A = random.uniform(0.05, 0.95, (7, blocks[-1])).astype(dtype)
    n_columns = 2 if codes else 1 if name == "quantiles" else 3
    Y = random.integers(0, 2, (20, n_columns)).astype(dtype)
    if name == "gamma":
        Y += 0.5
    if name == "quantile":
        A[0] = 1  # some gaps are none
    settings = {
        "quantiles": [0.1, 0.5, 0.8],
        "quantile": [0.3],
        "focal": [2.0],
        "binary_focal": [2.0],
    }
    return A, Y, random.integers(0, 20, 7), blocks, np.array(settings.get(name, [0.1]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", losses.LOSSES)
def test_losses(name, dtype):
    inputs = loss_inputs(name, dtype)
    results = [np.empty_like(inputs[0]), np.empty(7)]
    assert_compiled_as_written(losses.LOSSES[name].kernel, [*inputs], results, dtype)


def test_losses_of_rows():
    A, Y, picked, blocks, settings = loss_inputs("huber", np.float64)
    dtypes, results = DTypes(A.dtype), []
    address = address_of(losses.huber, dtypes)
    fixed, kernel = (address, blocks, settings), prediction.losses_of_rows
    for form in (Call(kernel, dtypes, *fixed), partial(kernel, *fixed)):
        row_losses = np.empty(7)
        form(A, Y, picked, np.empty_like(A), row_losses)
        results.append(row_losses)
    plain(losses.huber)(A, Y, picked, blocks, settings, np.empty_like(A), row_losses)
    for ours in results:
        assert_allclose(ours, row_losses, rtol=1e-12)
