"""The gradient of all rows, and predictions, compiled and as plain Python."""

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose
from problems import bundles_of, dtypes_of_problem, training_problem, workspace_of

from fastnn.compiling.runtime import Call
from fastnn.engine import bind
from fastnn.engine import data as samples
from fastnn.engine.bind import prediction_layers
from fastnn.engine.workspace import prediction_workspace
from fastnn.kernels import (
    epoch,
    prediction,
)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_full_gradient_and_prediction(form, several):
    problem, results = training_problem(np.float64, form), []
    sample, network, dtypes = problem.data.sample, problem.network, dtypes_of_problem(problem)
    params, loop = network.params, bind.shard_loop(several, dtypes)
    for caller in (Call, lambda kernel, dtypes, *fixed: partial(kernel, *fixed)):
        work = workspace_of(problem, 230, adds=True)
        fixed = (sample, problem.rows, *bundles_of(problem), work)
        gradient = caller(epoch.full_gradient, dtypes, *fixed)
        gradient(params, 0, 130, loop)
        gradient(params, 130, 230, loop)
        out, is_sparse, n_threads = np.empty((230, 3)), form == "csr", 1 + several
        tiles = prediction_workspace(network.units, 230, n_threads, out.dtype, is_sparse)
        layers = prediction_layers(network, problem.architecture, dtypes)
        kernel, fixed = prediction.PREDICT_ROWS[several], (sample, 1, layers, params, tiles)
        caller(kernel, dtypes, *fixed)(problem.rows, out, n_threads)
        results.append([work.losses[0], work.gradients[0].copy(), out])
    for ours, written in zip(*results, strict=True):
        assert_allclose(ours, written, rtol=1e-11, atol=1e-12)
    assert_allclose(results[0][2].sum(axis=1), 1)


def test_prediction_of_a_few_rows():
    problem = training_problem(np.float64, "dense")
    network, dtypes = problem.network, dtypes_of_problem(problem)
    X, params = np.random.default_rng(1).standard_normal((3, 5)), network.params
    work = prediction_workspace(network.units, 3, 1, X.dtype, False)
    sample = samples.sample_of(X, np.empty((0, 0)))
    layers = prediction_layers(network, problem.architecture, dtypes)
    whole, rows = np.empty((3, 3)), np.arange(3)
    prediction.PREDICT_ROWS[False](sample, 1, layers, params, work, rows, whole, 1)
    fixed = (sample.Y, sample.weights, rows, layers, params, work)
    for form in (
        Call(prediction.predict_tile, dtypes, *fixed),
        partial(prediction.predict_tile, *fixed),
    ):
        out = np.empty((3, 3))
        assert form(X, np.empty_like(work.memory), out) == prediction.OK
        assert_allclose(out, whole, rtol=1e-12)
        for strange in (np.nan, np.inf):
            spoilt = np.where(X[2, 4] == X, strange, X)
            assert form(spoilt, np.empty_like(work.memory), out) == prediction.NOT_FINITE
