"""Compile every kernel into the cache, so that later processes start warm."""

import time
import warnings
from collections.abc import Iterator
from itertools import product

import numpy as np
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning

from fastnn.classifier import MLPClassifier

# Rows and columns: too small for threads, and large enough for them where there are some.
SIZES = {"one thread": (20, 5), "threads": (4000, 200)}


def warm_up() -> Iterator[tuple[str, float]]:
    """Fit and predict with each kind of data that has kernels of its own.

    Yields
    ------
    what : str
        What was compiled, or loaded where it had been compiled before.
    seconds : float
        How long it took.
    """
    kinds = product(("float32", "float64"), ("dense", "sparse"), SIZES)
    for dtype, form, size in kinds:
        began = time.perf_counter()
        _fit_and_predict(np.dtype(dtype), form == "sparse", SIZES[size])
        yield f"{dtype}, {form}, {size}", time.perf_counter() - began


def _fit_and_predict(dtype: np.dtype, is_sparse: bool, shape: tuple[int, int]) -> None:
    X = np.random.default_rng(0).uniform(size=shape).astype(dtype)
    y = np.arange(shape[0]) % 3
    data = csr_array(X) if is_sparse else X
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for solver in ("adam", "lbfgs"):
            model = MLPClassifier((200,), solver=solver, max_iter=1, random_state=0)
            model.fit(data, y).predict(data)
