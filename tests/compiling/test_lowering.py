"""What the compiler makes of calls by address and of views."""

import numba
import numpy as np
import pytest
from kernel_forms import DTYPES, close, compiled, plain
from numpy.testing import assert_allclose

from fastnn.compiling.intrinsics.blas import dot
from fastnn.compiling.intrinsics.views import matrix, vector
from fastnn.compiling.language import IS_OFF, call, jit


def test_calls_by_address_take_only_what_a_kernel_takes():
    @jit
    def wrong(address):
        call(address, 1.5, 2.5)

    if not IS_OFF:
        with pytest.raises(numba.core.errors.TypingError, match="no kernel takes"):
            compiled(wrong)(0)


def test_views_are_of_the_same_memory():
    @jit
    def double(flat):
        part, block = vector(flat, 2, 3), matrix(flat, 4, 2, 3)
        for i in range(3):
            part[i] *= 2
            block[1, i] *= 2

    expected = np.arange(12.0)
    expected[2:5] *= 2
    expected[7:10] *= 2
    for form in (compiled(double), plain(double)):
        flat = np.arange(12.0).reshape(3, 4)
        form(flat)
        np.testing.assert_array_equal(flat.ravel(), expected)


@jit
def products(A, B, C, D, out):
    dot(A, B, out[0])
    dot(C.T, B, out[1])
    dot(A, D.T, out[2])
    dot(C.T, D.T, out[3])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (3, 4, 5), (100, 7, 1), (1, 30, 64), (4, 0, 3), (0, 2, 2)]
)
def test_matrix_products(shape, dtype):
    (m, k, n), random = shape, np.random.default_rng(0)
    A, B, C, D = (random.standard_normal(s).astype(dtype) for s in ((m, k), (k, n), (k, m), (n, k)))
    out = np.full((4, m, n), np.nan, dtype)  # is written over
    compiled(products)(A, B, C, D, out)
    for ours, written in zip(out, (A @ B, C.T @ B, A @ D.T, C.T @ D.T), strict=True):
        assert_allclose(ours, written, **close(dtype))


@pytest.mark.skipif(IS_OFF, reason="NumPy has them")
def test_products_that_blas_has_not():
    A = np.ones((4, 4))
    for wrong in (A.astype(np.float32), A.astype(int), A[0]):
        with pytest.raises(numba.TypingError):
            compiled(products)(wrong, A, A, A, np.empty((4, 4, 4)))
    with pytest.raises(numba.TypingError):
        compiled(jit(lambda A, out: dot(A, A, out)))(A, np.asfortranarray(A))
