"""Each kernel against itself as plain Python: did compiling change it?

The file also runs with the JIT off (`test_without_jit`), where coverage can see the kernels.
"""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import random_array

from fastnn.jit import jit
from fastnn.kernels import (
    activations,
    affine,
    epoch,
    exponential,
    losses,
    prediction,
    rows,
    updates,
)
from fastnn.kernels.arguments import Solver
from fastnn.network import Network
from fastnn.prediction import activation_codes
from fastnn.samples import sample_of
from fastnn.training import Task
from fastnn.workspace import prediction_workspace

DTYPES = [np.float32, np.float64]


def plain(kernel):
    """The kernel as Python runs it; with the JIT off it is that already."""
    return getattr(kernel, "py_func", kernel)


def close(dtype):
    return {"rtol": 2e-5, "atol": 2e-5} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-12}


def normal(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def assert_compiled_as_written(kernel, inputs, outputs, dtype):
    """Call both forms on copies of the arrays, of which `outputs` are changed."""
    results = []
    for form in (kernel, plain(kernel)):
        arrays = [array.copy() for array in outputs]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            returned = form(*inputs, *arrays)
        results.append([*arrays, 0.0 if returned is None else returned])
    for compiled, written in zip(*results, strict=True):
        assert_allclose(compiled, written, **close(dtype))


FORWARD = ["identity", "logistic", "tanh", "relu", "softmax", "exponential"]
EDGES = [0.0, -0.0, 1e-30, -1e-8, 30.0, -30.0, 88.0, -88.0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FORWARD)
def test_activations(name, dtype):
    Z, b = normal((9, 8), dtype) * 4, normal(8, dtype, 1)
    Z[0], b[:4] = EDGES, 0
    results = []
    for form in (getattr(activations, name), plain(getattr(activations, name))):
        A = Z.copy()
        form(A, b)
        results.append(A)
    assert_allclose(*results, **close(dtype))
    assert np.isfinite(results[0]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["identity", "logistic", "tanh", "relu", "softmax", "exponential"])
def test_activations_let_nan_be_seen(name, dtype):
    Z = np.full((2, 3), np.nan, dtype)
    getattr(activations, name)(Z, np.zeros(3, dtype))
    assert np.isnan(Z).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["logistic", "tanh", "relu"])
def test_derivatives_of_activations(name, dtype):
    Z, b = normal((9, 8), np.float64), np.zeros(8)
    forward, backward = getattr(activations, name), getattr(activations, f"{name}_backward")
    up, down, A = Z + 1e-6, Z - 1e-6, Z.copy()
    for array in (up, down, A):
        forward(array, b)
    D = np.ones((9, 8), dtype)
    backward(A.astype(dtype), D)
    assert_allclose(D, (up - down) / 2e-6, rtol=1e-4, atol=1e-5)
    assert_compiled_as_written(backward, [A.astype(dtype)], [normal((9, 8), dtype, 2)], dtype)


@pytest.mark.parametrize("code", activations.ACTIVATIONS.values())
def test_choosers_of_activations(code):
    Z, b = normal((5, 4), np.float64), normal(4, np.float64, 1)
    assert_compiled_as_written(activations.activate, [code], [Z, b], np.float64)
    A = np.abs(Z) / 4
    assert_compiled_as_written(activations.activate_backward, [code, A], [Z], np.float64)


def apply(name):
    """A loop of `exp` or `expm1`, which only kernels call."""
    function = getattr(exponential, name)

    @jit
    def loop(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    return loop


@pytest.mark.parametrize("name", ["exp", "expm1"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_exponential_is_right_to_2_ulp(name, dtype):
    info = np.finfo(dtype)
    top = np.log(info.max) * 0.999
    x = np.concatenate([np.linspace(-80, top, 4001), np.linspace(-1, 1, 4001)]).astype(dtype)
    if name == "expm1":
        x = np.concatenate([x, np.geomspace(1e-20, 1, 500).astype(dtype)])
    exact = getattr(np, name)(x.astype(np.longdouble))
    Z = x[None, :].copy()
    apply(name)(x, Z[0])
    assert np.max(np.abs(Z[0] - exact) / np.spacing(np.abs(exact).astype(dtype))) < 2


@pytest.mark.parametrize("dtype", DTYPES)
def test_exponential_of_extremes(dtype):
    Z = np.array([[np.inf, -np.inf, np.nan, 1e4, -1e4, 0.0]], dtype)
    activations.exponential(Z, np.zeros(6, dtype))
    assert_allclose(Z[0], [np.inf, 0, np.nan, np.inf, 0, 1], atol=1e-37)


@pytest.mark.parametrize("dtype", DTYPES)
def test_affine(dtype):
    A, W, D = normal((9, 5), dtype), normal((5, 4), dtype, 1), normal((9, 4), dtype, 2)
    assert_compiled_as_written(affine.affine, [A, W], [np.empty((9, 4), dtype)], dtype)
    gradient = [np.empty((5, 4), dtype), np.empty(4, dtype)]
    assert_compiled_as_written(affine.affine_gradient, [A, D], gradient, dtype)
    assert_compiled_as_written(affine.affine_backward, [D, W], [np.empty((9, 5), dtype)], dtype)
    sums = np.empty(4, dtype)
    affine.column_sums(D, sums)
    assert_allclose(sums, D.sum(axis=0), **close(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["C", "F", "strided", "sparse"])
def test_first_layer(order, dtype):
    X = normal((12, 10), dtype)
    if order == "sparse":
        X = random_array((12, 5), density=0.4, format="csr", rng=np.random.default_rng(0))
        X = X.astype(dtype)
    else:
        X = {"C": X[:, :5].copy(), "F": np.asfortranarray(X[:, :5]), "strided": X[:, ::2]}[order]
    dense = X.toarray() if order == "sparse" else X
    picked, sample = np.array([3, 3, 0, 11]), sample_of(X)
    A, W, D = np.empty((4, 5), dtype), normal((5, 6), dtype, 1), normal((4, 6), dtype, 2)
    for form in (rows.input_affine, plain(rows.input_affine)):
        Z = np.empty((4, 6), dtype)
        form(sample, sample.columns, picked, A, W, Z)
        assert_allclose(Z, dense[picked] @ W, **close(dtype))
    for form in (rows.input_affine_gradient, plain(rows.input_affine_gradient)):
        dW, db = np.empty((5, 6), dtype), np.empty(6, dtype)
        form(sample, sample.columns, picked, A, D, dW, db)
        assert_allclose(dW, dense[picked].T @ D, **close(dtype))
        assert_allclose(db, D.sum(axis=0), **close(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("loss", losses.LOSSES)
def test_losses(loss, weighted, dtype):
    random = np.random.default_rng(0)
    A = random.uniform(0.05, 0.95, (7, 3)).astype(dtype)
    Y = random.integers(0, 2, (20, 1 if loss == "log_loss" else 3)).astype(dtype)
    weights = random.uniform(0, 2, 20) if weighted else np.empty(0)
    picked = random.integers(0, 20, 7)
    assert_compiled_as_written(
        losses.loss_and_delta,
        [losses.LOSSES[loss], A, Y, weights, picked],
        [np.empty_like(A), np.empty(7)],
        dtype,
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("name", updates.SOLVERS)
def test_updates(name, nesterov, dtype):
    first, second = normal(50, dtype, 1), normal(50, dtype, 2) ** 2
    params, gradient = normal(50, dtype, 3), normal(50, dtype, 4)
    results = []
    for form in (updates.update, plain(updates.update)):
        p, m, v = params.copy(), first.copy(), second.copy()
        solver = Solver(updates.SOLVERS[name], m, v, 0.01, 0.9, 0.999, 1e-8, 0.5, nesterov)
        rate = updates.step_rate(solver, 3)
        assert_allclose(rate, plain(updates.step_rate)(solver, 3), rtol=1e-14)
        form(solver, rate, p, gradient, 5, 45)
        results.append([p, m, v])
    for compiled, written in zip(*results, strict=True):
        assert_allclose(compiled, written, **close(dtype))
    assert_allclose(results[0][0][[*range(5), *range(45, 50)]], params[[*range(5), *range(45, 50)]])


def training_task(dtype, form):
    random = np.random.default_rng(0)
    network = Network.initial((5, 6, 3), "tanh", np.random.RandomState(0), np.dtype(dtype))
    X = random.standard_normal((230, 5)).astype(dtype)
    X = random_array((230, 5), density=0.5, format="csr", rng=random) if form == "csr" else X
    layers = network.layers(activation_codes(network, "tanh", "softmax"), losses.LOG_LOSS)
    Y, weights = random.integers(0, 3, (230, 1)).astype(dtype), random.uniform(0, 2, 230)
    sample = sample_of(X.astype(dtype), Y, weights)
    return Task(network, layers, sample, random.permutation(230), 0.1)


@pytest.mark.parametrize("threads", [None, 2])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_steps(form, dtype, threads):
    results = []
    for steps in (epoch.train_steps, plain(epoch.train_steps)):
        task = training_task(dtype, form)
        first, second = np.zeros((2, task.network.params.size), dtype)
        solver = Solver(updates.ADAM, first, second, 0.01, 0.9, 0.999, 1e-8, 0.9, True)
        loss, t = steps(
            *(task.sample, task.rows, 205, 0, task.layers, task.network.params, solver),
            *(0.1, task.workspace(205), threads),
        )
        assert t == 2
        results.append([task.network.params, first, second, loss])
    for compiled, written in zip(*results, strict=True):
        assert_allclose(compiled, written, **close(dtype))


@pytest.mark.parametrize("threads", [None, 2])
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_full_gradient_and_prediction(form, threads):
    task, results = training_task(np.float64, form), []
    for gradient, predict in (
        (epoch.full_gradient, prediction.predict_rows),
        (plain(epoch.full_gradient), plain(prediction.predict_rows)),
    ):
        work, params = task.workspace(230), task.network.params
        loss = gradient(task.sample, task.rows, task.layers, params, 0.1, work, threads)
        out = np.empty((230, 3))
        tiles = prediction_workspace(
            task.network.units, 230, threads or 1, out.dtype, form == "csr"
        )
        predict(task.sample, task.rows, task.layers, params, tiles, out, threads)
        results.append([loss, work.gradients[0].copy(), out])
    for compiled, written in zip(*results, strict=True):
        assert_allclose(compiled, written, rtol=1e-11, atol=1e-12)
    assert_allclose(results[0][2].sum(axis=1), 1)


def test_a_mini_batch_of_no_weight_changes_nothing():
    task = training_task(np.float64, "dense")
    sample = task.sample._replace(weights=np.zeros(230))
    before = task.network.params.copy()
    first, second = np.zeros((2, before.size))
    solver = Solver(updates.ADAM, first, second, 0.01, 0.9, 0.999, 1e-8, 0.9, True)
    work = task.workspace(50)
    loss, t = epoch.train_steps(
        sample, task.rows, 50, 0, task.layers, task.network.params, solver, 0.1, work, None
    )
    assert (loss, t) == (0, 0)
    np.testing.assert_array_equal(task.network.params, before)
