"""Compile kernels into the cache, so that later processes start warm."""

import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import click
import numpy as np
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning

from fastnn.compiling.cache import cache_directory, can_keep
from fastnn.compiling.runtime import DTypes, address_of
from fastnn.estimators.classifier import MLPClassifier
from fastnn.kernels.activations import ACTIVATIONS
from fastnn.kernels.dropout import drop, undrop
from fastnn.kernels.epoch import update_clipped
from fastnn.kernels.losses import LOSSES
from fastnn.kernels.normalization import NORMALIZATIONS, track
from fastnn.kernels.outputs import OUTPUT_ACTIVATIONS
from fastnn.kernels.updates import AMSGRAD, SOLVERS

# Rows and columns, too few for threads and enough for them, and the number of jobs.
SIZES = {"one thread": (40, 5, 1), "threads": (4000, 200, -1)}


def run() -> None:
    """Compile, and tell what took how long."""
    if not can_keep():
        raise click.ClickException(
            "there is no folder to keep compiled kernels in: set NUMBA_CACHE_DIR to one."
        )
    for what, seconds in warm_up():
        click.echo(f"{what}: {seconds:.1f} s")
    click.echo(f"kept in {cache_directory()}")


def warm_up() -> Iterator[tuple[str, float]]:
    """Compile all functions of layers, and fit and predict with each kind of data.

    Yields
    ------
    what : str
        What was compiled, or loaded where it had been compiled before.
    seconds : float
        How long it took.
    """
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        yield _timed(f"{dtype}, functions", partial(_compile_functions, dtype))
        for form, size in product(("dense", "sparse"), SIZES):
            fit = partial(_fit_and_predict, dtype, form == "sparse", *SIZES[size])
            yield _timed(f"{dtype}, {form}, {size}", fit)


def _timed(what: str, work: Callable[[], Any]) -> tuple[str, float]:
    began = time.perf_counter()
    work()
    return what, time.perf_counter() - began


def _compile_functions(dtype: np.dtype) -> None:
    kernels = [drop, undrop, track, update_clipped, *OUTPUT_ACTIVATIONS.values()]
    kernels += [loss.kernel for loss in LOSSES.values()]
    for activation in ACTIVATIONS.values():
        kernels += [activation.function, activation.derivative]
    for update in (*SOLVERS.values(), *AMSGRAD.values()):
        kernels += [update.rates, update.update]
    for kind in NORMALIZATIONS.values():
        kernels += [kind.training, kind.prediction, kind.backward]
    for kernel in kernels:
        address_of(kernel, DTypes(dtype))


def _fit_and_predict(
    dtype: np.dtype, is_sparse: bool, n_rows: int, n_columns: int, n_jobs: int
) -> None:
    X = np.random.default_rng(0).uniform(size=(n_rows, n_columns)).astype(dtype)
    y = np.arange(n_rows) % 3
    data = csr_array(X) if is_sparse else X
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for parameters in ({}, {"solver": "lbfgs"}, {"dropout": 0.1, "early_stopping": True}):
            model = MLPClassifier((200,), max_iter=1, random_state=0, n_jobs=n_jobs, **parameters)
            model.fit(data, y)
            model.predict(data)
            model.predict_proba(data[:1])
