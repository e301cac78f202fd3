"""The gradient of all rows, and predictions, compiled and as plain Python."""

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose
from problems import bundles_of, dtypes_of_problem, training_problem, workspace_of

from fastnn.compiling.runtime import Call, address_of
from fastnn.engine import bind, threads
from fastnn.engine import data as samples
from fastnn.engine.bind import prediction_layers
from fastnn.engine.workspace import prediction_workspace
from fastnn.kernels import (
    epoch,
    prediction,
)
from fastnn.kernels.sharing import ALONE


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_full_gradient_and_prediction(form, several):
    problem, results = training_problem(np.float64, form), []
    sample, network, dtypes = problem.data.sample, problem.network, dtypes_of_problem(problem)
    params, loop = network.params, bind.shard_loop(dtypes)
    predictions = address_of(prediction.prediction_loop, dtypes)
    callers = (Call, 1 + several), (lambda kernel, dtypes, *fixed: partial(kernel, *fixed), 1)
    for caller, n_threads in callers:
        work = workspace_of(problem, 230, adds=True)
        fixed = (sample, problem.rows, *bundles_of(problem), work)
        gradient = caller(epoch.full_gradient, dtypes, *fixed)
        out, is_sparse = np.empty((230, 3)), form == "csr"
        tiles = prediction_workspace(network.units, 230, n_threads, out.dtype, is_sparse)
        layers = prediction_layers(network, problem.architecture, dtypes)
        fixed = (predictions, sample, 1, layers, params, tiles)
        with threads.team(n_threads) as team:
            gradient(params, 0, 130, team, loop)
            gradient(params, 130, 230, team, loop)
            predict = caller(prediction.predict_rows, dtypes, *fixed)
            predict(problem.rows, out, n_threads, team)
        results.append([work.losses[0], work.gradients[0].copy(), out])
    for ours, written in zip(*results, strict=True):
        assert_allclose(ours, written, rtol=1e-11, atol=1e-12)
    assert_allclose(results[0][2].sum(axis=1), 1)


@pytest.mark.parametrize("values", [np.float32, np.float64])
@pytest.mark.parametrize("n_rows", [1, 3, 8, 20])
def test_prediction_at_once(n_rows, values):
    problem = training_problem(np.float64, "dense")
    network, params = problem.network, problem.network.params
    X = np.random.default_rng(1).standard_normal((n_rows, 5)).astype(values)
    work, rows = prediction_workspace(network.units, 8, 1, params.dtype, False), np.arange(n_rows)
    sample = samples.sample_of(X, np.empty((0, 0)))
    dtypes = bind.dtypes_of(network, sample)
    layers = prediction_layers(network, problem.architecture, dtypes)
    whole = np.empty((n_rows, 3))
    loop = address_of(prediction.prediction_loop, dtypes)
    prediction.predict_rows(loop, sample, 1, layers, params, work, rows, whole, 1, ALONE)
    fixed = (sample.Y, sample.weights, np.arange(8), layers, params, work)
    for form in (
        Call(prediction.predict_at_once, dtypes, *fixed),
        Call(prediction.predict_at_once, dtypes, *fixed).with_checked,
        partial(prediction.predict_at_once, *fixed),
    ):
        out = np.empty((n_rows, 3))
        assert form(X, np.empty_like(work.memory), out) == prediction.OK
        assert_allclose(out, whole, rtol=1e-12)
        for strange in (np.nan, np.inf, -np.inf):
            for place in range(n_rows):
                spoilt = X.copy()
                spoilt[place, place % 5] = strange
                assert form(spoilt, np.empty_like(work.memory), out) == prediction.NOT_FINITE
