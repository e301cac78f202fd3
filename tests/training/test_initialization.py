"""Initial weights: gains of the activations, random streams, sizes through the layers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastnn import MLPClassifier, MLPRegressor
from fastnn.kernels.activations import ACTIVATIONS
from fastnn.network import Network
from fastnn.training.initialization import WEIGHT_INITS, initialize

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
random = np.random.default_rng(0)
X = random.standard_normal((60, 8))
SCIKIT_LEARNS = {"identity": 1.0, "logistic": np.sqrt(1 / 3), "tanh": 1.0, "relu": 1.0}
ALL_INITS = [*WEIGHT_INITS, 0.3]


def drawn(weight_init, dtype=np.float64, units=(30, 50, 20, 4), activation="relu", seed=0):
    network = Network.zeros(units, np.dtype(dtype))
    activations = [activation] * (len(units) - 1)
    initialize(network, weight_init, activations, np.random.RandomState(seed))
    return network


def apply(activation, Z):
    """An activation, by its kernel run as plain Python."""
    A = Z.copy()
    ACTIVATIONS[activation].function(A, np.zeros(Z.shape[1]), np.empty_like(Z))
    return A


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gains_are_scikit_learns_or_keep_the_size_of_the_outputs(activation):
    gain = ACTIVATIONS[activation].gain
    if activation in SCIKIT_LEARNS:
        assert gain == SCIKIT_LEARNS[activation]
    else:
        z, weights = np.polynomial.hermite_e.hermegauss(181)
        mean_square = (weights * apply(activation, z[None])[0] ** 2).sum() / weights.sum()
        assert_allclose(gain, 1 / np.sqrt(mean_square), rtol=2e-3)


@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name not in SCIKIT_LEARNS])
def test_outputs_keep_their_size_through_some_layers(activation):
    A = np.random.default_rng(1).standard_normal((60, 200))
    network = drawn("auto", units=[200] * 4, activation=activation)
    for W in network.coefs:
        A = apply(activation, A @ W)
    assert 0.5 < np.sqrt((A**2).mean()) < 2


@pytest.mark.parametrize("weight_init", ALL_INITS)
def test_float32_and_float64_draw_the_same(weight_init):
    for single, double in zip(
        drawn(weight_init, np.float32).coefs, drawn(weight_init).coefs, strict=True
    ):
        assert single.dtype == np.float32
        assert_array_equal(single, double.astype(np.float32))


@pytest.mark.parametrize("weight_init", ALL_INITS)
def test_the_seed_decides(weight_init):
    same, other = drawn(weight_init), drawn(weight_init, seed=1)
    assert_array_equal(drawn(weight_init).params, same.params)
    for W, V in zip(same.coefs, other.coefs, strict=True):
        assert (W != V).all()


@pytest.mark.parametrize("weight_init", ALL_INITS)
def test_biases_begin_at_zero_but_for_scikit_learns(weight_init):
    biases = np.concatenate(drawn(weight_init).intercepts)
    assert (biases != 0).all() if weight_init == "auto" else (biases == 0).all()


def test_orthogonal_matrices_are_uniform_among_all():
    """Also in their signs, which a QR decomposition would leave fixed (Mezzadri, 2007)."""
    corners = [drawn("orthogonal", units=(3, 3), seed=seed).coefs[0][0, 0] for seed in range(400)]
    assert abs(np.mean(corners)) < 0.1
    assert_allclose(np.var(corners), 1 / 3, rtol=0.15)


STILL = {"max_time": 1e-9, "learning_rate": lambda epoch: 0.0}  # leaves the initial weights


@pytest.mark.parametrize("weight_init", ALL_INITS)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_estimators_begin_with_them(weight_init, solver):
    still = {**STILL, "solver": solver, "random_state": 0, "hidden_layer_sizes": (50, 20)}
    for Estimator, y in ((MLPRegressor, X[:, 0]), (MLPClassifier, X[:, 0] > 0)):
        model = Estimator(weight_init=weight_init, **still).fit(X, y)
        expected = drawn(weight_init, units=(8, 50, 20, 1))
        for W, V in zip(model.coefs_, expected.coefs, strict=True):
            assert_array_equal(W, V)


def test_layers_of_their_own_activation_have_its_gain():
    activations = ("tanh", "gelu")
    still = {**STILL, "random_state": 0, "hidden_layer_sizes": (100, 100)}
    model = MLPRegressor(activation=activations, **still).fit(X, X[:, 0])
    for W, name in zip(model.coefs_, (*activations, "gelu"), strict=True):
        bound = ACTIVATIONS[name].gain * np.sqrt(6 / sum(W.shape))
        assert 0.95 * bound < np.abs(W).max() <= bound


def test_a_network_without_hidden_layers():
    for weight_init in ALL_INITS:
        model = MLPRegressor(hidden_layer_sizes=(), weight_init=weight_init, max_iter=2)
        assert model.fit(X, X[:, 0]).coefs_[0].shape == (8, 1)
