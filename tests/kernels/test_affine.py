"""What of the affine map's derivatives is no product."""

import numpy as np
import pytest
from kernel_forms import DTYPES, close, compiled, normal
from numpy.testing import assert_allclose

from fastnn.kernels import (
    affine,
)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_rows", [0, 1, 4, 9])
def test_column_sums(dtype, n_rows):
    D, sums = normal((n_rows, 5), dtype), np.full(5, np.nan, dtype)
    compiled(affine.column_sums)(D, sums)
    assert_allclose(sums, D.sum(axis=0), **close(dtype))
