"""Each kernel against itself as plain Python: did compiling change it?

The file also runs with the JIT off (`test_without_jit`), where coverage can see the kernels.
"""

import warnings
from dataclasses import replace
from functools import cache, partial
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special
from scipy.sparse import csr_array

from fastnn.compiling.compiler import from_python
from fastnn.compiling.intrinsics.blas import dot
from fastnn.compiling.intrinsics.registers import WIDE
from fastnn.compiling.intrinsics.views import matrix, vector
from fastnn.compiling.language import IS_OFF, call, jit
from fastnn.compiling.runtime import Call, DTypes, address_of
from fastnn.engine import bind
from fastnn.engine import data as samples
from fastnn.engine.base import Problem
from fastnn.engine.bind import dtypes_of, prediction_layers
from fastnn.engine.data import Data, sample_of
from fastnn.engine.workspace import prediction_workspace, problem_workspace
from fastnn.kernels import (
    activations,
    affine,
    dropout,
    elementary,
    epoch,
    losses,
    normalization,
    outputs,
    prediction,
    rows,
    updates,
)
from fastnn.kernels.arguments import LOSS, ROWS, STEPS
from fastnn.kernels.products import blas as whole
from fastnn.kernels.products import panels, strips
from fastnn.kernels.tuning import MINI_BATCH_SHARD_ROWS
from fastnn.network import Architecture, Network
from fastnn.training.initialization import initialize

DTYPES = [np.float32, np.float64]


def plain(kernel):
    """The kernel as Python runs it."""
    return kernel.py_func


@cache
def compiled(kernel):
    """The kernel as the compiler makes it, once for each types of arguments."""
    return kernel if IS_OFF else from_python(kernel)


def close(dtype):
    return {"rtol": 2e-5, "atol": 2e-5} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-12}


def atol(dtype):
    return {"atol": close(dtype)["atol"]}


def normal(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def assert_compiled_as_written(kernel, inputs, results, dtype):
    """Call both forms on copies of the arrays, of which `results` are changed."""
    outcomes = []
    for form in (compiled(kernel), plain(kernel)):
        arrays = [array.copy() for array in results]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            form(*inputs, *arrays)
        outcomes.append(arrays)
    for ours, written in zip(*outcomes, strict=True):
        assert_allclose(ours, written, **close(dtype))


# ------------------------------------------------------------------------------- the compiler's


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


# ------------------------------------------------------------------------------------ functions

EDGES = [0.0, -0.0, 1e-30, -1e-8, 30.0, -30.0, 88.0, -88.0]
SELU = 1.0507009873554805, 1.6732632423543772
FORMULAS = {  # from the papers, by NumPy and SciPy
    "identity": lambda z: z,
    "logistic": special.expit,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "selu": lambda z: SELU[0] * np.where(z > 0, z, SELU[1] * np.expm1(np.minimum(z, 0))),
    "gelu": lambda z: z * special.ndtr(z),
    "silu": lambda z: z * special.expit(z),
    "mish": lambda z: z * np.tanh(np.logaddexp(0, z)),
    "softplus": lambda z: np.logaddexp(0, z),
    "hard_tanh": lambda z: np.clip(z, -1, 1),
}


def test_no_activation_is_left_out():
    assert set(FORMULAS) == set(activations.ACTIVATIONS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FORMULAS)
def test_activations(name, dtype):
    Z, b = normal((9, 8), dtype) * 4, normal(8, dtype, 1)
    Z[0], b[:4] = EDGES, 0
    function = activations.ACTIVATIONS[name]
    assert_compiled_as_written(function.function, [], [Z, b, np.empty_like(Z)], dtype)
    A = Z.copy()
    compiled(function.function)(A, b, A)  # as for a prediction, where S is the same memory
    exact = FORMULAS[name](Z.astype(float) + b)
    assert_allclose(
        A, exact, rtol=3e-6 if dtype == np.float32 else 1e-13, atol=close(dtype)["atol"]
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FORMULAS)
def test_activations_let_nan_be_seen(name, dtype):
    Z = np.full((2, 3), np.nan, dtype)
    compiled(activations.ACTIVATIONS[name].function)(Z, np.zeros(3, dtype), Z.copy())
    assert np.isnan(Z).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FORMULAS)
def test_derivatives_of_activations(name, dtype):
    Z, function = normal((9, 8), np.float64), activations.ACTIVATIONS[name]
    slope = (FORMULAS[name](Z + 1e-6) - FORMULAS[name](Z - 1e-6)) / 2e-6
    A, S, dA = Z.astype(dtype), np.empty((9, 8), dtype), normal((9, 8), dtype, 2)
    compiled(function.function)(A, np.zeros(8, dtype), S)
    D, db = dA.copy(), np.empty(8, dtype)
    compiled(function.derivative)(A, S, D, db)
    assert_allclose(D, dA * slope, rtol=2e-4, atol=1e-5)
    assert_allclose(db, D.sum(axis=0), rtol=1e-4, atol=1e-5)
    assert_compiled_as_written(function.derivative, [A, S], [dA, db], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", outputs.OUTPUT_ACTIVATIONS)
def test_outputs(name, dtype):
    Z, b, blocks = normal((9, 6), dtype) * 4, normal(6, dtype, 1), np.array([0, 2, 6])
    results = []
    for form in (
        compiled(outputs.OUTPUT_ACTIVATIONS[name]),
        plain(outputs.OUTPUT_ACTIVATIONS[name]),
    ):
        A = Z.copy()
        form(A, b, blocks)
        results.append(A)
    assert_allclose(*results, **close(dtype))
    if name == "softmax":
        assert_allclose(A[:, :2].sum(axis=1), 1, rtol=1e-6)
        assert_allclose(A[:, 2:], special.softmax((Z + b)[:, 2:], axis=1), **close(dtype))
    if name == "increasing":
        assert_allclose(np.diff(A), np.logaddexp(0, (Z + b)[:, 1:]), **close(dtype))
    Z = np.full((2, 6), np.nan, dtype)
    compiled(outputs.OUTPUT_ACTIVATIONS[name])(Z, b, blocks)
    assert np.isnan(Z).all()


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


@pytest.mark.parametrize("dtype", DTYPES)
def test_exponential_of_extremes(dtype):
    Z = np.array([[np.inf, -np.inf, np.nan, 1e4, -1e4, 0.0]], dtype)
    compiled(outputs.exponential)(Z, np.zeros(6, dtype), np.array([0, 6]))
    assert_allclose(Z[0], [np.inf, 0, np.nan, np.inf, 0, 1], atol=1e-37)


# ------------------------------------------------------------------------------------- products


PRODUCTS = [whole.product, strips.product_in_strips, panels.product_in_panels]
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
    *[(5, 40, 30), (6, 40, 1), (6, 1025, 20), (300, 300, 101)],  # few rows, one column, too large
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kernel", PRODUCTS, ids=lambda kernel: kernel.__name__)
@pytest.mark.parametrize("shape", WHOLE + IN_STRIPS + IN_PANELS)
def test_products(shape, kernel, dtype):
    m, k, n = shape
    A, B, out = normal((m, k), dtype), normal((k, n), dtype, 1), np.empty((m, n), dtype)
    near = close(dtype) | {"atol": k * np.finfo(dtype).eps}
    copies = np.full(max(B.size, k * WIDE // A.itemsize), np.nan, dtype)
    transposed = np.ascontiguousarray(B.T)
    for left in (A, np.asfortranarray(A)):
        for form in (compiled(kernel), plain(kernel)):
            for right, is_transposed in ((B, 0), (transposed, 1)):
                out[:] = np.nan
                form(left, right, out, is_transposed, copies)
                assert_allclose(out, A @ B, **near)


@pytest.mark.parametrize("dtype", DTYPES)
def test_panels_write_nothing_beside_their_columns(dtype):
    A, B = normal((14, 30), dtype), normal((30, 21), dtype, 1)
    copies = np.full(30 * WIDE // A.itemsize, np.nan, dtype)
    for n in range(2, 22):
        for is_transposed in (0, 1):
            around = np.full(14 * n + 64, np.nan, dtype)
            out, right = around[32:-32].reshape(14, n), B[:, :n].copy()
            right = np.ascontiguousarray(right.T) if is_transposed else right
            compiled(panels.product_in_panels)(A, right, out, is_transposed, copies)
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
    for form in (compiled(strips.product_in_strips), plain(strips.product_in_strips)):
        copy, dA = np.full(W.size, np.nan, dtype), np.full((n_rows, shape[0]), np.nan, dtype)
        form(D, W, dA, 1, copy)
        assert_allclose(dA, D @ W.T, **close(dtype) | {"atol": 1e-4 if dtype == np.float32 else 0})
        if is_copied:
            assert_array_equal(copy.reshape(shape[::-1]), W.T)
        else:
            assert np.isnan(copy).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_rows", [0, 1, 4, 9])
def test_column_sums(dtype, n_rows):
    D, sums = normal((n_rows, 5), dtype), np.full(5, np.nan, dtype)
    compiled(affine.column_sums)(D, sums)
    assert_allclose(sums, D.sum(axis=0), **close(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["C", "F", "strided", "sparse"])
def test_first_layer(order, dtype, monkeypatch):
    monkeypatch.setattr(samples, "MAX_COPIED_NUMBERS", 0)  # else X is copied into C order
    X = normal((12, 10), dtype)
    if order == "sparse":
        X = csr_array(X[:, :5] * (X[:, 5:] > 0))
    else:
        X = {"C": X[:, :5].copy(), "F": np.asfortranarray(X[:, :5]), "strided": X[:, ::2]}[order]
    dense = X.toarray() if order == "sparse" else X
    picked, sample = np.array([3, 3, 0, 11]), sample_of(X, np.empty((0, 0), dtype))
    A, W, D = np.empty((4, 5), dtype), normal((5, 6), dtype, 1), normal((4, 6), dtype, 2)
    product = address_of(whole.product, DTypes(np.dtype(dtype)))
    copies = np.empty(0, dtype)
    for form in (compiled(rows.input_product), plain(rows.input_product)):
        Z = np.empty((4, 6), dtype)
        form(sample, sample.columns, picked, A, W, Z, product, copies)
        assert_allclose(Z, dense[picked] @ W, **close(dtype))
    for form in (compiled(rows.input_gradient), plain(rows.input_gradient)):
        dW = np.empty((5, 6), dtype)
        form(sample, sample.columns, picked, A, D, dW, product, copies)
        assert_allclose(dW, dense[picked].T @ D, **close(dtype))


# --------------------------------------------------------------------------------------- losses


def loss_inputs(name, dtype):
    """Outputs, targets, rows, blocks and settings of a loss."""
    random, codes = np.random.default_rng(0), losses.LOSSES[name].output == "softmax"
    blocks = np.array([0, 3, 5] if codes else [0, 3])
    A = random.uniform(0.05, 0.95, (7, blocks[-1])).astype(dtype)
    n_columns = 2 if codes else 1 if name == "quantiles" else 3
    Y = random.integers(0, 2, (20, n_columns)).astype(dtype)
    if name == "gamma":
        Y += 0.5
    if name == "quantile":
        A[0] = 1  # some gaps are none
    settings = {
        "quantiles": [0.1, 0.5, 0.8],
        "quantile": [0.3],
        "focal": [2.0],
        "binary_focal": [2.0],
    }
    return A, Y, random.integers(0, 20, 7), blocks, np.array(settings.get(name, [0.1]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", losses.LOSSES)
def test_losses(name, dtype):
    inputs = loss_inputs(name, dtype)
    results = [np.empty_like(inputs[0]), np.empty(7)]
    assert_compiled_as_written(losses.LOSSES[name].kernel, [*inputs], results, dtype)


def test_losses_of_rows():
    A, Y, picked, blocks, settings = loss_inputs("huber", np.float64)
    dtypes, results = DTypes(A.dtype), []
    address = address_of(losses.huber, dtypes)
    fixed, kernel = (address, blocks, settings), prediction.losses_of_rows
    for form in (Call(kernel, dtypes, *fixed), partial(kernel, *fixed)):
        row_losses = np.empty(7)
        form(A, Y, picked, np.empty_like(A), row_losses)
        results.append(row_losses)
    plain(losses.huber)(A, Y, picked, blocks, settings, np.empty_like(A), row_losses)
    for ours in results:
        assert_allclose(ours, row_losses, rtol=1e-12)


# -------------------------------------------------------------------------------------- updates


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("name", updates.SOLVERS)
def test_updates(name, amsgrad, dtype):
    if amsgrad and name not in updates.AMSGRAD:
        return
    update = updates.update_of(name, amsgrad)
    hyper = np.array([0.01, 0.9, 0.999, 1e-8][: len(update.hyper) + 1])
    rates, memory = np.zeros(5), np.array([3.0, 0.2, 0, 0])
    assert_compiled_as_written(update.rates, [], [memory, hyper, rates], np.float64)
    plain(update.rates)(memory, hyper, rates)
    states = [normal(50, dtype, seed) ** 2 for seed in (1, 2, 3)]
    p, g = normal(50, dtype, 3), normal(50, dtype, 4)
    results = []
    for form in (compiled(update.update), plain(update.update)):
        arrays = [array.copy() for array in (p, g, *states)]
        form(*arrays, rates)
        results.append(arrays)
    for ours, written in zip(*results, strict=True):
        assert_allclose(ours, written, **close(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_clip(dtype):
    gradients = normal((2, 30), dtype)
    norm = np.linalg.norm(gradients[0].astype(float))
    for form in (compiled(updates.clip), plain(updates.clip)):
        long, short = gradients.copy(), gradients.copy()
        form(long, norm / 3)
        form(short, norm * 3)
        assert_allclose(long[0], gradients[0] / 3, rtol=1e-6)
        np.testing.assert_array_equal(short, gradients)
        np.testing.assert_array_equal(long[1], gradients[1])


# ------------------------------------------------------------------- dropout and normalization


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")  # without the JIT
def test_dropout_drops_its_share_anew_each_time():
    for rate in (0.1, 0.5):
        masks = []
        for seed, step, layer in ((1, 1, 0), (1, 2, 0), (1, 1, 1), (2, 1, 0), (1 + 2**40, 1, 0)):
            A = np.ones((400, 50))
            compiled(dropout.drop)(A, A, rate, seed, step, layer, 0)
            assert set(np.unique(A)) == {0, 1 / (1 - rate)}
            masks.append(A > 0)
            assert abs(masks[-1].mean() - (1 - rate)) < 0.02
            assert abs(masks[-1].mean(axis=0) - (1 - rate)).max() < 0.1
        for other in masks[1:]:
            agree = (masks[0] == other).mean()
            assert abs(agree - (rate**2 + (1 - rate) ** 2)) < 0.02


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")  # of the hash
@pytest.mark.parametrize("dtype", DTYPES)
def test_dropout_and_its_way_back(dtype):
    A, dA = normal((40, 7), dtype), normal((40, 7), dtype, 1)
    place = (0.3, 5, 9, 1, 0)
    whole = A.copy()
    compiled(dropout.drop)(whole, whole, *place)
    halves = A.copy()
    for start in (0, 20):  # two shards draw what the whole mini-batch would
        compiled(dropout.drop)(halves[start : start + 20], halves, *place[:-1], start)
    np.testing.assert_array_equal(whole, halves)
    written = A.copy()
    plain(dropout.drop)(written, written, *place)
    np.testing.assert_array_equal(whole, written)
    for form in (compiled(dropout.undrop), plain(dropout.undrop)):
        back, D = whole.copy(), dA.copy()
        form(back, D, *place)
        np.testing.assert_array_equal(D == 0, whole == 0)
        assert_allclose(back[whole != 0], A[whole != 0], rtol=1e-6)
        assert_allclose(D[whole != 0], dA[whole != 0] / dtype(0.7), rtol=1e-6)


@pytest.mark.parametrize("n_rows", [1, 12])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", normalization.NORMALIZATIONS)
def test_normalization(name, dtype, n_rows):
    kind = normalization.NORMALIZATIONS[name]
    Z, bias, scale = normal((n_rows, 5), dtype), normal(5, dtype, 1), normal(5, dtype, 2)
    running, N, moments = normal(10, dtype, 3) ** 2, np.empty_like(Z), np.zeros(20, dtype)
    dA, dscale = normal((n_rows, 5), dtype, 4), np.empty(5, dtype)
    for step in (kind.training, kind.prediction):
        results = []
        for form in (compiled(step), plain(step)):
            arrays = [array.copy() for array in (Z, bias, scale, running, N, moments)]
            form(*arrays)
            results.append(arrays)
        for ours, written in zip(*results, strict=True):
            assert_allclose(ours, written, **close(dtype))
    compiled(kind.training)(Z, bias, scale, running, N, moments)
    assert_compiled_as_written(kind.backward, [], [dA, N, scale, moments, dscale], dtype)


# ---------------------------------------------------------------------------------- whole steps

HIDDEN = {
    "plain": {},
    "dropout": {"dropout": (0.4,)},
    "batch": {"normalization": "batch"},
    "layer and dropout": {"normalization": "layer", "dropout": (0.2,)},
}


def training_problem(dtype, form, hidden="plain", max_norm=None):
    random = np.random.default_rng(0)
    architecture = Architecture(("gelu",), "softmax", **HIDDEN[hidden])
    normalized = architecture.normalization is not None
    network = Network.zeros((5, 6, 3), np.dtype(dtype), normalized)
    initialize(network, "auto", ["gelu", "gelu"], np.random.RandomState(0))
    X = random.standard_normal((230, 5)).astype(dtype)
    X = csr_array(X * (random.random(X.shape) < 0.5)) if form == "csr" else X
    Y, weights = random.integers(0, 3, (230, 1)).astype(dtype), random.uniform(0, 2, 230)
    data, rows = Data(X.astype(dtype), Y, weights), random.permutation(230)
    what = {"loss": "log_loss", "alpha": 0.1, "max_norm": max_norm, "seed": 3}
    return Problem(network, architecture, data, rows, **what)


def workspace_of(problem, batch, adds=False):
    return problem_workspace(problem, batch, MINI_BATCH_SHARD_ROWS, adds)


def optimizer_of(problem, solver="sgd", amsgrad=False):
    """A solver, its state at zero: Adam makes a step of what is rounding in a gradient of 0."""
    update, params = updates.update_of(solver, amsgrad), problem.network.params
    hyper = dict(zip(update.hyper, [0.9, 0.99, 1e-8], strict=False))
    state = np.zeros((update.n_states, params.size), params.dtype)
    solver = SimpleNamespace(
        name=solver, hyper=hyper, weight_decay=0.01, state=state, progress=np.zeros(4)
    )
    optimizer = bind.optimizer(solver, problem.max_norm, dtypes_of_problem(problem))
    optimizer.hyper[0] = 0.1
    return optimizer


def dtypes_of_problem(problem):
    return dtypes_of(problem.network, problem.data.sample)


def bundles_of(problem):
    """The network's layers, and the way back."""
    dtypes = dtypes_of_problem(problem)
    return bind.training_layers(problem, dtypes), bind.backward_pass(problem, dtypes)


def take_steps(problem, work, optimizer, batch, is_compiled=True, several=False):
    """Take the steps of an epoch by the compiled kernels, or by Python."""
    dtypes, (layers, backward) = dtypes_of_problem(problem), bundles_of(problem)
    network, rows = (layers, problem.network.params), problem.rows
    fixed = (problem.data.sample, rows, batch, *network, optimizer, backward, work)
    loops = (
        bind.shard_loop(several, dtypes),
        bind.block_loop(several, problem.max_norm is not None, dtypes),
    )
    if is_compiled:
        Call(epoch.train_steps, dtypes, *fixed)(0, rows.size, *loops)
    else:
        epoch.train_steps(*fixed, 0, rows.size, *loops)


def take_halves_of_steps(problem, work, optimizer, batch, is_compiled=True, several=False):
    """Take the steps of an epoch, each as a gradient and an update that are called apart."""
    dtypes, (layers, backward) = dtypes_of_problem(problem), bundles_of(problem)
    params, said, progress = problem.network.params, np.empty(2), optimizer.progress
    caller = Call if is_compiled else lambda kernel, dtypes, *fixed: partial(kernel, *fixed)
    of_gradient = (problem.data.sample, layers, backward, work)
    of_update = (problem.network.n_weights, params, optimizer, work)
    gradient = caller(epoch.batch_gradient, dtypes, *of_gradient)
    update = caller(epoch.apply_gradient, dtypes, *of_update)
    for start in range(0, problem.rows.size, batch):
        rows, step = problem.rows[start : start + batch], int(progress[STEPS]) + 1
        gradient(params, rows, step, bind.shard_loop(several, dtypes), said)
        progress[ROWS] = start + rows.size
        if said[1] > 0:
            given = work.gradients[0].copy()  # as other machines would send it
            work.gradients[:] = np.nan
            work.gradients[0] = given
            update()
            progress[LOSS] += said[0] * rows.size


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", ["dense", "csr"])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_steps(hidden, form, dtype, several):
    results = []
    for is_compiled in (True, False):
        problem = training_problem(dtype, form, hidden)
        work, solver = workspace_of(problem, 205), optimizer_of(problem)
        with np.errstate(over="ignore"):  # of the hash, in plain Python
            take_steps(problem, work, solver, 205, is_compiled, several)
        assert solver.progress[STEPS] == 2
        assert solver.progress[ROWS] == 230
        results.append(
            [problem.network.params, solver.state, solver.progress, problem.network.running]
        )
    for ours, written in zip(*results, strict=True):
        assert_allclose(ours, written, **close(dtype))


def test_steps_of_a_largest_norm_and_of_several_tiles():
    results = []
    for tile, max_norm, is_compiled in (
        (256, 1e9, True),
        (30, None, True),
        (30, 1e9, False),
        (256, 1e-3, True),
    ):
        problem = training_problem(np.float64, "dense", max_norm=max_norm)
        work, solver = workspace_of(problem, 205), optimizer_of(problem)
        begin = work.memory.shape[1]  # of a section for the second tile's gradient
        memory = np.empty((len(work.memory), begin + problem.network.params.size))
        work = work._replace(
            memory=memory, tile_gradient=begin, row_losses=np.empty((len(memory), tile))
        )
        before = problem.network.params.copy()
        take_steps(problem, work, solver, 205, is_compiled)
        results.append(problem.network.params - before)
    assert_allclose(results[1], results[0], rtol=1e-11, atol=1e-12)
    assert_allclose(results[2], results[0], rtol=1e-11, atol=1e-12)
    assert np.abs(results[3]).max() < np.abs(results[0]).max() / 10


def assert_halves_make_whole_steps(
    problem_of, solver="adam", amsgrad=False, batch=50, several=False, is_compiled=True
):
    results = []
    for take in (take_steps, take_halves_of_steps):
        problem = problem_of()
        work, optimizer = workspace_of(problem, batch), optimizer_of(problem, solver, amsgrad)
        with np.errstate(over="ignore"):  # of the hash, in plain Python
            take(problem, work, optimizer, batch, is_compiled, several)
        network, progress = problem.network, optimizer.progress.copy()
        # In `train_steps` the sum of losses is rounded once with each product.
        loss, progress[LOSS] = progress[LOSS], 0
        results.append([network.params, optimizer.state, progress, network.running, loss])
    (*whole, whole_loss), (*halves, loss) = results
    for ours, expected in zip(halves, whole, strict=True):
        assert_array_equal(ours, expected)
    assert_allclose(loss, whole_loss, rtol=1e-15)


@pytest.mark.parametrize("max_norm", [None, 0.05])
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("solver", updates.SOLVERS)
def test_a_gradient_and_an_update_are_a_step_to_the_bit(solver, amsgrad, max_norm):
    if amsgrad and solver not in updates.AMSGRAD:
        return
    problem_of = partial(training_problem, np.float64, "dense", max_norm=max_norm)
    assert_halves_make_whole_steps(problem_of, solver, amsgrad)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("batch", [50, 205])  # one shard, and two
@pytest.mark.parametrize("max_norm", [None, 0.05])
@pytest.mark.parametrize("form", ["dense", "csr"])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_halves_of_steps_for_all_layers(hidden, form, max_norm, batch, several):
    problem_of = partial(training_problem, np.float32, form, hidden, max_norm)
    assert_halves_make_whole_steps(problem_of, batch=batch, several=several)


def without_weight(which):
    """A problem without weights, or with a mini-batch of weight 0."""
    problem = training_problem(np.float64, "dense", "batch", 1.0)
    weights = None if which == "none" else problem.data.weights.copy()
    if which == "zero":
        weights[problem.rows[50:100]] = 0
    return replace(problem, data=Data(problem.data.X, problem.data.Y, weights))


@pytest.mark.parametrize("which", ["none", "zero"])
def test_halves_of_steps_for_rows_of_no_weight(which):
    for is_compiled in (True, False):
        assert_halves_make_whole_steps(partial(without_weight, which), is_compiled=is_compiled)


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


def test_a_mini_batch_of_no_weight_changes_nothing():
    problem = training_problem(np.float64, "dense")
    data = problem.data
    problem = replace(problem, data=Data(data.X, data.Y, np.zeros(230)))
    before, work, solver = (
        problem.network.params.copy(),
        workspace_of(problem, 50),
        optimizer_of(problem),
    )
    take_steps(problem, work, solver, 50)
    assert solver.progress[STEPS] == 0
    assert solver.progress[LOSS] == 0
    np.testing.assert_array_equal(problem.network.params, before)


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
