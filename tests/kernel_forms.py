"""A kernel in its two forms, as compiled and as plain Python, and how near they have to be."""

import warnings
from functools import cache

import numpy as np
from numpy.testing import assert_allclose

from fastnn.compiling.compiler import from_python
from fastnn.compiling.language import IS_OFF

# Without the compiler a kernel's lines are the same for each.
DTYPES = [np.float64] if IS_OFF else [np.float32, np.float64]


def plain(kernel):
    """The kernel as Python runs it."""
    return kernel.py_func


@cache
def compiled(kernel):
    """The kernel as the compiler makes it, once for each types of arguments."""
    return kernel if IS_OFF else from_python(kernel)


FORMS = [plain] if IS_OFF else [compiled, plain]


def forms(kernel):
    """Give both, or the one that there is without the compiler."""
    return [form(kernel) for form in FORMS]


def checked(n_params):
    """Parameters whose derivative is compared with differences: as plain Python, a few."""
    return np.arange(0, n_params, 29 if IS_OFF else 1)


def close(dtype):
    return {"rtol": 2e-5, "atol": 2e-5} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-12}


def normal(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def assert_compiled_as_written(kernel, inputs, results, dtype):
    """Call both forms on copies of the arrays, of which `results` are changed."""
    outcomes = []
    for form in forms(kernel):
        arrays = [array.copy() for array in results]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            form(*inputs, *arrays)
        outcomes.append(arrays)
    for ours, written in zip(outcomes[0], outcomes[-1], strict=True):
        assert_allclose(ours, written, **close(dtype))
