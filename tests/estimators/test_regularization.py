"""Initial weights, dropout, normalization and label smoothing."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array

from fastnn import MLPClassifier, MLPRegressor
from fastnn.compiling import language as jit
from fastnn.engine import threads

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X = np.random.default_rng(0).standard_normal((230, 6))
y = np.random.default_rng(1).integers(0, 3, 230)


def params_of(model):
    return np.concatenate([w.ravel() for w in model.coefs_ + model.intercepts_])


def untrained(**parameters):
    """A network as it is drawn, but for a step of no length."""
    return MLPClassifier(
        (300, 200),
        solver="sgd",
        learning_rate_init=1e-300,
        max_iter=1,
        random_state=0,
        **parameters,
    ).fit(X, y)


@pytest.mark.parametrize(
    ("weight_init", "variance"),
    [
        ("glorot_uniform", lambda m, n: 2 / (m + n)),
        ("glorot_normal", lambda m, n: 2 / (m + n)),
        ("he_uniform", lambda m, n: 2 / m),
        ("he_normal", lambda m, n: 2 / m),
        ("lecun_uniform", lambda m, n: 1 / m),
        ("lecun_normal", lambda m, n: 1 / m),
        (0.3, lambda m, n: 0.09),
    ],
)
def test_initial_variance(weight_init, variance):
    model = untrained(weight_init=weight_init)
    W = model.coefs_[1]
    assert_allclose(W.var(), variance(300, 200), rtol=0.05)
    assert abs(W.mean()) < 0.01
    is_uniform = str(weight_init).endswith("uniform")
    assert (np.abs(W).max() <= np.sqrt(3 * variance(300, 200)) * (1 + 1e-6)) == is_uniform
    assert all(np.abs(b).max() < 1e-200 for b in model.intercepts_)  # 0, and a step of no length


def test_orthogonal_weights():
    for W in untrained(weight_init="orthogonal").coefs_:
        product = W.T @ W if W.shape[0] >= W.shape[1] else W @ W.T
        assert_allclose(product, np.eye(len(product)), atol=1e-9)


def test_each_activation_has_its_gain():
    bounds = {}
    for activation in ("relu", "logistic", "gelu"):
        W = untrained(activation=activation).coefs_[1]
        bounds[activation] = np.abs(W).max() / np.sqrt(6 / 500)
    assert_allclose(list(bounds.values()), [1, np.sqrt(1 / 3), 1.5335], rtol=1e-3)


OPTIONS = {
    "dropout": {"dropout": 0.4},
    "dropout of one layer": {"dropout": (0.0, 0.5)},
    "batch": {"normalization": "batch"},
    "layer": {"normalization": "layer"},
    "all": {"normalization": "batch", "dropout": 0.2, "activation": ("gelu", "mish")},
}


@pytest.mark.skipif(jit.IS_OFF, reason="kernels that are not compiled have one thread")
@pytest.mark.parametrize("form", [np.asarray, csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", OPTIONS)
def test_the_same_bits_for_any_number_of_threads(options, dtype, form, monkeypatch):
    data, results = form(X.astype(dtype)), []
    for n in (1, 2):
        monkeypatch.setattr(threads, "worthwhile", lambda *arguments, n=n: n)
        model = MLPClassifier(
            (9, 7), max_iter=3, batch_size=230, random_state=0, n_jobs=n, **OPTIONS[options]
        ).fit(data, y)
        results.append((params_of(model), model.predict_proba(data)))
        assert model.coefs_[0].dtype == dtype
        assert np.isfinite(results[-1][0]).all()
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_seed_decides_what_is_dropped():
    fits = [
        MLPClassifier((9,), max_iter=2, dropout=0.5, random_state=seed).fit(X, y)
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(params_of(fits[0]), params_of(fits[1]))
    assert (params_of(fits[0]) != params_of(fits[2])).any()


def test_dropout_takes_its_mean_away():
    """A linear network's loss with dropout is, on average, that without and a penalty."""
    target = X @ np.arange(6.0)
    plain = MLPRegressor(
        hidden_layer_sizes=(6,),
        activation="identity",
        dropout=0.0,
        max_iter=300,
        random_state=0,
        learning_rate_init=0.01,
        alpha=0,
    )
    without = plain.fit(X, target).score(X, target)
    with_dropout = plain.set_params(dropout=0.3).fit(X, target).score(X, target)
    assert without > 0.99
    assert 0.8 < with_dropout < without


def reference_shards(model, X, y, train):
    """Outputs, new running moments and loss of a batch-normalized network with one hidden layer."""
    W, V = model.coefs_
    b, c = model.intercepts_
    scale, shift = model.normalization_scales_[0], model.normalization_shifts_[0]
    mean, variance = model.running_means_[0].copy(), model.running_variances_[0].copy()
    outputs = []
    n_shards = max(len(X) // 100, 1) if train else 1
    for k in range(n_shards):
        Z = X[len(X) * k // n_shards : len(X) * (k + 1) // n_shards] @ W + b
        if train:
            m, v = Z.mean(axis=0), Z.var(axis=0)
            mean = 0.9 * mean + 0.1 * m
            variance = 0.9 * variance + 0.1 * v * len(Z) / (len(Z) - 1)
        else:
            m, v = mean, variance
        A = np.tanh((Z - m) / np.sqrt(v + 1e-5) * scale + shift)
        outputs.append(A @ V + c)
    return np.concatenate(outputs), mean, variance


def test_batch_normalization_by_shards():
    target = np.sin(X[:, 0])
    model = MLPRegressor(
        hidden_layer_sizes=(5,),
        activation="tanh",
        normalization="batch",
        random_state=0,
        max_iter=3,
        batch_size=230,
        shuffle=False,
        alpha=0,
        learning_rate_init=0.01,
    ).fit(X, target)
    outputs, _, _ = reference_shards(model, X, target, train=False)
    assert_allclose(model.predict(X), outputs[:, 0], rtol=1e-9)
    outputs, mean, variance = reference_shards(model, X, target, train=True)
    model.set_params(max_iter=1, warm_start=True, solver="sgd", learning_rate_init=1e-300)
    model.fit(X, target)
    assert_allclose(model.loss_, ((outputs[:, 0] - target) ** 2).mean() / 2, rtol=1e-9)
    assert_allclose(model.running_means_[0], mean, rtol=1e-9)
    assert_allclose(model.running_variances_[0], variance, rtol=1e-9)


def test_layer_normalization():
    model = MLPRegressor(
        hidden_layer_sizes=(5, 4),
        activation="relu",
        normalization="layer",
        random_state=0,
        max_iter=3,
    ).fit(X, X[:, 0])
    A = X
    for l in range(2):
        Z = A @ model.coefs_[l] + model.intercepts_[l]
        N = (Z - Z.mean(axis=1, keepdims=True)) / np.sqrt(Z.var(axis=1, keepdims=True) + 1e-5)
        scale, shift = model.normalization_scales_[l], model.normalization_shifts_[l]
        A = np.maximum(N * scale + shift, 0)
        assert_allclose(model.hidden_activations(X, l), A, rtol=1e-9, atol=1e-12)
    assert_allclose(model.predict(X), (A @ model.coefs_[2] + model.intercepts_[2])[:, 0])


def test_a_shard_of_one_row_has_the_running_moments():
    model = MLPRegressor(
        hidden_layer_sizes=(5,), normalization="batch", batch_size=1, max_iter=2, random_state=0
    ).fit(X[:20], X[:20, 0])
    np.testing.assert_array_equal(model.running_means_[0], 0)
    np.testing.assert_array_equal(model.running_variances_[0], 1)
    assert np.isfinite(params_of(model)).all()


@pytest.mark.parametrize(
    "target", [y, y > 0, X[:, :2] > 0], ids=["softmax", "binary", "multilabel"]
)
def test_label_smoothing_is_a_mixture_of_targets(target):
    def loss(smoothing, labels):
        model = MLPClassifier(
            (4,),
            label_smoothing=smoothing,
            solver="sgd",
            learning_rate_init=1e-300,
            max_iter=1,
            alpha=0,
            random_state=0,
            batch_size=230,
        )
        return model.fit(X, labels).loss_, model

    plain, model = loss(0.0, target)
    smoothed, _ = loss(0.3, target)
    p = model.predict_proba(X)
    if np.ndim(target) == 2:
        even = -(np.log(p) + np.log(1 - p)).sum(axis=1).mean() / 2
    else:
        even = -np.log(p).mean()
    assert_allclose(smoothed, 0.7 * plain + 0.3 * even, rtol=1e-9)
