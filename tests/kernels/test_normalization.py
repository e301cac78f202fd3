"""Normalization: a training by hand, shard by shard; what it keeps, refuses and needs of memory."""

from itertools import pairwise

import numpy as np
import pytest
from kernel_forms import DTYPES, assert_compiled_as_written, close, compiled, forms, normal
from numpy.testing import assert_allclose, assert_array_equal
from reference import initial_weights
from scipy.sparse import csr_array

from fastnn import MLPClassifier, MLPRegressor, check_gradient
from fastnn.engine.workspace import training_workspace
from fastnn.kernels import (
    normalization,
)
from fastnn.kernels.normalization import NORMALIZATIONS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
random = np.random.default_rng(0)
X = random.standard_normal((301, 4))
y = np.sin(X[:, 0]) + X[:, 1]
WEIGHTS = random.uniform(0.2, 2, 301)
RATE = 0.1


class ByHand:
    """Gradient descent on half the mean squared error, one normalized layer of 6 tanh units."""

    def __init__(self, kind):
        (self.W, self.V), (self.b, self.c) = initial_weights(
            (4, 6, 1), "tanh", np.random.RandomState(0)
        )
        self.kind, self.scale, self.shift = kind, np.ones(6), np.zeros(6)
        self.mean, self.variance = np.zeros(6), np.ones(6)

    def normalized(self, Z, train):
        """N, what Z was divided by, and over what it was averaged."""
        axis = 0 if self.kind == "batch" else 1
        if self.kind == "batch" and not (train and len(Z) > 1):
            mean, variance, axis = self.mean, self.variance, None
        else:
            mean, variance = Z.mean(axis, keepdims=True), Z.var(axis, keepdims=True)
        deviation = np.sqrt(variance + 1e-5)
        return (Z - mean) / deviation, deviation, axis

    def outputs(self, X):
        N, _, _ = self.normalized(X @ self.W + self.b, train=False)
        return (np.tanh(N * self.scale + self.shift) @ self.V + self.c)[:, 0]

    def gradient(self, X, y, weights):
        """By every parameter, of a shard: the sum over its rows."""
        N, deviation, axis = self.normalized(X @ self.W + self.b, train=True)
        A = np.tanh(N * self.scale + self.shift)
        delta = weights[:, None] * (A @ self.V + self.c - y[:, None])
        D = (delta @ self.V.T) * (1 - A**2)
        G = D * self.scale
        dZ = G / deviation
        if axis is not None:
            means = G.mean(axis, keepdims=True), (G * N).mean(axis, keepdims=True)
            dZ = (G - means[0] - N * means[1]) / deviation
        learned = (D * N).sum(axis=0), D.sum(axis=0)
        return X.T @ dZ, A.T @ delta, dZ.sum(axis=0), delta.sum(axis=0), *learned

    def step(self, X, y, weights):
        n, n_shards = len(X), max(len(X) // 100, 1)
        shards = [slice(*pair) for pair in pairwise(n * k // n_shards for k in range(n_shards + 1))]
        gradients = [self.gradient(X[rows], y[rows], weights[rows]) for rows in shards]
        for rows in shards:
            Z = X[rows] @ self.W + self.b
            if self.kind == "batch" and len(Z) > 1:
                self.mean += 0.1 * (Z.mean(axis=0) - self.mean)
                self.variance += 0.1 * (Z.var(axis=0, ddof=1) - self.variance)
        params = self.W, self.V, self.b, self.c, self.scale, self.shift
        for p, *parts in zip(params, *gradients, strict=True):
            p -= RATE * sum(parts) / weights.sum()


def network(**parameters):
    common = {"hidden_layer_sizes": (6,), "activation": "tanh", "alpha": 0, "random_state": 0}
    return MLPRegressor(**{**common, "max_iter": 3, **parameters})


@pytest.mark.parametrize("form", [np.asarray, csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch_size", [301, 300, 100, 43])  # with a last row alone, and without
@pytest.mark.parametrize("kind", NORMALIZATIONS)
def test_training_by_hand(kind, batch_size, weighted, form):
    weights, by_hand = WEIGHTS if weighted else np.ones(301), ByHand(kind)
    for _ in range(3):
        for start in range(0, 301, batch_size):
            rows = slice(start, start + batch_size)
            by_hand.step(X[rows], y[rows], weights[rows])
    model = network(normalization=kind, batch_size=batch_size, shuffle=False, tol=0)
    model.set_params(solver="sgd", momentum=0, learning_rate_init=RATE)
    model.fit(form(X), y, sample_weight=WEIGHTS if weighted else None)
    for ours, expected in (
        (model.coefs_, (by_hand.W, by_hand.V)),
        (model.intercepts_, (by_hand.b, by_hand.c)),
        (model.normalization_scales_, (by_hand.scale,)),
        (model.normalization_shifts_, (by_hand.shift,)),
        (model.running_means_, (by_hand.mean,)),
        (model.running_variances_, (by_hand.variance,)),
    ):
        for a, b in zip(ours, expected, strict=True):
            assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    assert_allclose(model.predict(form(X)), by_hand.outputs(X), rtol=1e-9)
    assert_allclose(model.predict(X[:1]), by_hand.outputs(X[:1]), rtol=1e-9)


@pytest.mark.parametrize("kind", NORMALIZATIONS)
def test_the_penalty_is_of_weights_alone(kind):
    still = {"solver": "sgd", "learning_rate_init": 1e-300, "max_iter": 1, "batch_size": 301}
    plain, penal = (network(normalization=kind, **{**still, "alpha": a}).fit(X, y) for a in (0, 8))
    squares = sum((W**2).sum() for W in penal.coefs_)
    assert_allclose(penal.loss_ - plain.loss_, 4 * squares / 301)


@pytest.mark.parametrize("kind", NORMALIZATIONS)
def test_weight_decay_is_of_weights_alone(kind):
    options = {"normalization": kind, "batch_size": 301, "max_iter": 1}
    before = network(**options, solver="sgd", learning_rate_init=1e-300).fit(X, y)
    after = network(**options, solver="adamw", learning_rate_init=0.1, weight_decay=0.5)
    after.set_params(epsilon=1e300).fit(X, y)  # Adam's own step is of no length
    for W, old in zip(after.coefs_, before.coefs_, strict=True):
        assert_allclose(W, 0.95 * old)
    for name in ("intercepts_", "normalization_scales_", "normalization_shifts_"):
        for vector, old in zip(getattr(after, name), getattr(before, name), strict=True):
            assert_allclose(vector, old, atol=1e-200)


def test_refitting_without_it_drops_what_it_learned():
    model = network(normalization="batch").fit(X, y)
    model.set_params(normalization=None).fit(X, y)
    for name in ("normalization_scales_", "running_means_"):
        assert not hasattr(model, name)
    assert_array_equal(model.coefs_[0], network().fit(X, y).coefs_[0])


@pytest.mark.parametrize("warm_start", [True, False])
def test_it_cannot_be_switched_on_for_a_fitted_network(warm_start):
    model = network(warm_start=warm_start).fit(X, y).set_params(normalization="batch")
    go_on = model.fit if warm_start else model.partial_fit
    with pytest.raises(ValueError, match="normalization='batch' does not go with the fitted"):
        go_on(X, y)


def test_batch_normalization_learns_where_inputs_are_far_off():
    far, labels = 1e3 * (X + 5), (X[:, 0] > 0).astype(int)
    model = MLPClassifier((10, 10), normalization="batch", max_iter=60, random_state=0)
    assert model.set_params(learning_rate_init=0.01).fit(far, labels).score(far, labels) > 0.9


def test_layer_normalization_with_lbfgs_learns():
    model = network(normalization="layer", solver="lbfgs", max_iter=100).fit(X, y)
    assert model.score(X, y) > 0.95
    assert model.loss_curve_ == sorted(model.loss_curve_, reverse=True)


@pytest.mark.parametrize("kind", NORMALIZATIONS)
def test_shards_that_are_longer_than_a_tile(kind):
    many = random.standard_normal((20_000, 2))  # 64 shards of 313 rows
    model = network(hidden_layer_sizes=(3,), normalization=kind)
    assert max(check_gradient(model, many, many[:, 0])) < 1e-5


def test_memory_for_many_rows_is_that_of_a_tile_but_for_batch_normalization():
    shape = ((10, 50, 1), 601, 1_000_000, 100, 4096, np.dtype(np.float64))
    tiles, whole = (
        training_workspace(*shape, sparse=False, normalized=True, whole_shards=whole).memory.nbytes
        for whole in (False, True)
    )
    assert tiles < 2**26 < whole


@pytest.mark.parametrize("kind", NORMALIZATIONS)
def test_float32_predicts_alike_and_scikit_learn_has_no_such_layer(kind):
    model = network(normalization=kind, dtype="float32").fit(X, y)
    assert_allclose(model.predict(X.astype(np.float32)), model.predict(X), rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="normalization"):
        model.to_sklearn()


@pytest.mark.parametrize("kind", NORMALIZATIONS)
def test_a_network_without_hidden_layers_goes_on_too(kind):
    model = network(hidden_layer_sizes=(), normalization=kind, max_iter=2).fit(X, y)
    model.set_params(max_iter=4).resume(X, y).partial_fit(X, y)
    assert model.set_params(warm_start=True).fit(X, y).predict(X).shape == y.shape


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
        for form in forms(step):
            arrays = [array.copy() for array in (Z, bias, scale, running, N, moments)]
            form(*arrays)
            results.append(arrays)
        for ours, written in zip(results[0], results[-1], strict=True):
            assert_allclose(ours, written, **close(dtype))
    compiled(kind.training)(Z, bias, scale, running, N, moments)
    assert_compiled_as_written(kind.backward, [], [dA, N, scale, moments, dscale], dtype)
