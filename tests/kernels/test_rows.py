"""The first layer, for each way in which data may lie."""

import numpy as np
import pytest
from kernel_forms import DTYPES, close, forms, normal
from numpy.testing import assert_allclose
from scipy.sparse import csr_array

from fastnn.compiling.runtime import DTypes, address_of
from fastnn.engine import data as samples
from fastnn.engine.data import sample_of
from fastnn.kernels import (
    rows,
)
from fastnn.kernels.products import blas as whole


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["C", "F", "strided", "sparse"])
def test_first_layer(order, dtype, monkeypatch):
    monkeypatch.setattr(samples, "MAX_COPIED_NUMBERS", 0)  # else X is copied into C order
    X = normal((12, 10), dtype)
    if order == "sparse":
        X = csr_array(X[:, :5] * (X[:, 5:] > 0))
    else:
        X = {"C": X[:, :5].copy(), "F": np.asfortranarray(X[:, :5]), "strided": X[:, ::2]}[order]
    dense = X.toarray() if order == "sparse" else X
    picked, sample = np.array([3, 3, 0, 11]), sample_of(X, np.empty((0, 0), dtype))
    A, W, D = np.empty((4, 5), dtype), normal((5, 6), dtype, 1), normal((4, 6), dtype, 2)
    product = address_of(whole.product, DTypes(np.dtype(dtype)))
    copies = np.empty(0, dtype)
    for form in forms(rows.input_product):
        Z = np.empty((4, 6), dtype)
        form(sample, sample.columns, picked, A, W, Z, product, copies)
        assert_allclose(Z, dense[picked] @ W, **close(dtype))
    for form in forms(rows.input_gradient):
        dW = np.empty((5, 6), dtype)
        form(sample, sample.columns, picked, A, D, dW, product, copies)
        assert_allclose(dW, dense[picked].T @ D, **close(dtype))
