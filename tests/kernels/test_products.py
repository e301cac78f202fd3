"""Each form of the matrix product beside NumPy's."""

import numpy as np
import pytest
from kernel_forms import DTYPES, close, compiled, forms, normal
from numba import config
from numpy.testing import assert_allclose, assert_array_equal

from fastnn.compiling.intrinsics.registers import LONG, are_long
from fastnn.kernels.products import blas as whole
from fastnn.kernels.products import long_panels, panels, strips

LONG_ONES = [long_panels.product_in_long_panels]
IN_REGISTERS = [panels.product_in_panels, *LONG_ONES * (are_long() or config.DISABLE_JIT)]
PRODUCTS = [whole.product, strips.product_in_strips, *IN_REGISTERS]


WHOLE = [(1, 1, 1), (5, 7, 50), (31, 7, 17), (0, 3, 2), (2, 3, 0), (10, 0, 5)]
IN_STRIPS = [  # by what fits into a strip
    *[(53, 200, 150), (31, 300, 200)],  # 24 rows, and 12
    *[(31, 400, 250), (31, 1200, 96)],  # columns
    (1300, 1100, 3),  # neither
]
IN_PANELS = [
    *[(6, 1, 2), (13, 8, 8), (100, 9, 16)],  # rows end with a tile, and within one
    *[(7, 5, 3), (7, 5, 11), (12, 4, 5)],  # fewer columns than a panel has
    *[(12, 17, 20), (12, 17, 26), (12, 17, 33), (12, 17, 48)],  # a last one wide or narrow
    *[(100, 1, 100), (100, 3, 100), (200, 64, 100)],
    *[(12, 9, 40), (13, 9, 65), (19, 33, 31), (23, 20, 1), (30, 8, 10)],  # 12 rows, and 6
    *[(5, 40, 30), (6, 40, 1), (6, 1025, 20), (300, 300, 101)],  # few rows, one column, too large
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kernel", PRODUCTS, ids=lambda kernel: kernel.__name__)
@pytest.mark.parametrize("shape", WHOLE + IN_STRIPS + IN_PANELS)
def test_products(shape, kernel, dtype):
    m, k, n = shape
    A, B, out = normal((m, k), dtype), normal((k, n), dtype, 1), np.empty((m, n), dtype)
    near = close(dtype) | {"atol": k * np.finfo(dtype).eps}
    copies = np.full(max(B.size, k * 2 * LONG // A.itemsize), np.nan, dtype)
    transposed = np.ascontiguousarray(B.T)
    for left in (A, np.asfortranarray(A)):
        for form in forms(kernel):
            for right, is_transposed in ((B, 0), (transposed, 1)):
                out[:] = np.nan
                form(left, right, out, is_transposed, copies)
                assert_allclose(out, A @ B, **near)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kernel", IN_REGISTERS, ids=lambda kernel: kernel.__name__)
def test_panels_write_nothing_beside_their_columns(kernel, dtype):
    A, B = normal((14, 30), dtype), normal((30, 35), dtype, 1)
    copies = np.full(60 * LONG // A.itemsize, np.nan, dtype)
    for n in range(2, 36):
        for is_transposed in (0, 1):
            around = np.full(14 * n + 64, np.nan, dtype)
            out, right = around[32:-32].reshape(14, n), B[:, :n].copy()
            right = np.ascontiguousarray(right.T) if is_transposed else right
            compiled(kernel)(A, right, out, is_transposed, copies)
            assert_allclose(out, A @ B[:, :n], **close(dtype))
            assert np.isnan(around[:32]).all()
            assert np.isnan(around[-32:]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("n_rows", "shape", "is_copied"),
    [
        (9, (40, 9), True),
        (9, (40, 10), False),  # more numbers in a row of W than rows to use them
        (40, (33, 50), True),
        (32, (300, 250), False),  # a large copy
    ],
)
def test_strips_copy_small_transposed_weights(n_rows, shape, is_copied, dtype):
    W, D = normal(shape, dtype), normal((n_rows, shape[1]), dtype, 1)
    for form in forms(strips.product_in_strips):
        copy, dA = np.full(W.size, np.nan, dtype), np.full((n_rows, shape[0]), np.nan, dtype)
        form(D, W, dA, 1, copy)
        assert_allclose(dA, D @ W.T, **close(dtype) | {"atol": 1e-4 if dtype == np.float32 else 0})
        if is_copied:
            assert_array_equal(copy.reshape(shape[::-1]), W.T)
        else:
            assert np.isnan(copy).all()
