"""The objective of L-BFGS: all rows in parts, their gradients added up."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from fastnn import MLPClassifier
from fastnn.engine import objective
from fastnn.engine.cpu import CPU
from fastnn.estimators.gradient_check import _problem_of

random = np.random.default_rng(0)
X, y = random.standard_normal((1900, 7)), random.integers(0, 3, 1900)
weights = random.uniform(0, 2, 1900)


def loss_and_gradient(form, weighted, n_rows=1900, **parameters):
    model = MLPClassifier((8, 6), alpha=0.3, random_state=0, **parameters)
    chosen = weights[:n_rows] if weighted else None
    problem, _ = _problem_of(model, form(X[:n_rows]), y[:n_rows], chosen)
    function = CPU.objective(problem)
    values = [(function.gradient().loss, function.last_gradient().copy()) for _ in range(2)]
    assert values[0][0] == values[1][0]
    assert_array_equal(values[0][1], values[1][1])
    return *values[0], function


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("form", [np.asarray, csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("normalization", [None, "layer"])
def test_parts_add_up_to_the_whole(form, weighted, normalization, monkeypatch):
    setting = {"form": form, "weighted": weighted, "normalization": normalization}
    loss, gradient, whole = loss_and_gradient(**setting)
    assert whole.part_rows == 1900
    for rows in (256, 300, 700):
        monkeypatch.setattr(objective, "rows_at_once", lambda units, passes, rows=rows: rows)
        loss_of_parts, gradient_of_parts, parts = loss_and_gradient(**setting)
        assert parts.part_rows == rows
        assert_allclose(loss_of_parts, loss, rtol=1e-12)
        assert_allclose(gradient_of_parts, gradient, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("n_rows", [1, 2, 255, 256, 257, 511, 513, 1900])
@pytest.mark.parametrize("max_flops", [1, 2e9])
def test_the_same_bits_for_any_number_of_threads(n_rows, max_flops, monkeypatch):
    monkeypatch.setattr("fastnn.engine.calls.MAX_FLOPS_PER_CALL", max_flops)
    one = loss_and_gradient(np.asarray, False, n_rows, n_jobs=1)
    two = loss_and_gradient(np.asarray, False, n_rows, n_jobs=2)
    assert one[0] == two[0]
    assert_array_equal(one[1], two[1])
