"""Elementary functions beside NumPy's in higher precision."""

import numpy as np
import pytest
from kernel_forms import DTYPES, compiled
from numpy.testing import assert_allclose
from scipy import special

from fastnn.compiling.language import jit
from fastnn.kernels import (
    elementary,
)


def apply(name):
    """A loop of an elementary function, which only kernels call."""
    function = getattr(elementary, name)

    @jit
    def loop(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    return compiled(loop)


ULPS = 3  # NumPy's own, without the JIT, reach 2.2


@pytest.mark.parametrize("name", ["exp", "expm1", "log1p"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_elementary_functions_are_right_to_3_ulp(name, dtype):
    info = np.finfo(dtype)
    top = np.log(info.max) * 0.999
    x = np.concatenate([np.linspace(-80, top, 4001), np.linspace(-1, 1, 4001)]).astype(dtype)
    if name == "expm1":
        x = np.concatenate([x, np.geomspace(1e-20, 1, 500).astype(dtype)])
    if name == "log1p":
        x = np.concatenate([np.linspace(0, 1, 4001), np.geomspace(1e-20, 1, 500)]).astype(dtype)
    exact = getattr(np, name)(x.astype(np.longdouble))
    out = np.empty_like(x)
    apply(name)(x, out)
    assert np.max(np.abs(out - exact) / np.spacing(np.abs(exact).astype(dtype))) < ULPS


def test_logarithm_is_right_to_4_ulp():
    near_1 = 1 + np.concatenate([[0], np.geomspace(-1e-16, -0.5, 999), np.geomspace(3e-16, 1, 999)])
    x = np.concatenate([near_1, np.geomspace(1e-300, 1e300, 4001)])
    exact, out = np.log(x.astype(np.longdouble)), np.empty_like(x)
    apply("log")(x, out)
    assert np.max(np.abs(out - exact) / np.spacing(np.abs(exact).astype(float))) < 4
    apply("log")(np.array([np.nan]), out[:1])
    assert np.isnan(out[0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_erf_is_right_to_2_ulp_of_1(dtype):
    x = np.linspace(-8, 8, 8001).astype(dtype)
    out = np.empty_like(x)
    apply("erf")(x, out)
    assert_allclose(out, special.erf(x.astype(float)), rtol=0, atol=2 * np.finfo(dtype).eps)
