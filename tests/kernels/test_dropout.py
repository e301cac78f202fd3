"""Dropout: the training of a network whose masks are known, by hand; and predictions without it."""

import numpy as np
import pytest
from kernel_forms import DTYPES, compiled, forms, normal, plain
from numpy.testing import assert_allclose, assert_array_equal
from reference import initial_weights
from scipy.sparse import csr_array

from fastnn import MLPClassifier, MLPRegressor
from fastnn.kernels import (
    dropout,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning"),  # of the hash
]
random = np.random.default_rng(0)
X = random.standard_normal((250, 4))  # two shards
y = np.sin(X[:, 0]) + X[:, 1]
RATE = 0.05


def mask(rate, seed, step, layer, n_rows, n_units):
    """What each output of a layer is multiplied by: 0, or what makes up for the others."""
    A = np.ones((n_rows, n_units))
    dropout.drop(A, A, rate, seed, step, layer, 0)
    return A


def train(shares, batch_size, epochs):
    """Plain gradient descent with masks, for two layers of tanh and one linear output."""
    random_state = np.random.RandomState(0)
    coefs, intercepts = initial_weights((4, 6, 5, 1), "tanh", random_state)
    seed, step = int(random_state.randint(2**62, dtype=np.int64)), 0
    for _ in range(epochs):
        for start in range(0, len(X), batch_size):
            step, n = step + 1, len(X[start : start + batch_size])
            outputs, activations, masks = [X[start : start + n]], [], []
            for l, share in enumerate(shares):
                masks.append(mask(share, seed, step, l, n, intercepts[l].size))
                activations.append(np.tanh(outputs[-1] @ coefs[l] + intercepts[l]))
                outputs.append(activations[-1] * masks[-1])
            delta = (outputs[-1] @ coefs[2] + intercepts[2] - y[start : start + n, None]) / n
            for l in (2, 1, 0):
                gradient = outputs[l].T @ delta, delta.sum(axis=0)
                if l > 0:
                    slope = 1 - activations[l - 1] ** 2
                    delta = (delta @ coefs[l].T) * masks[l - 1] * slope
                coefs[l] -= RATE * gradient[0]
                intercepts[l] -= RATE * gradient[1]
    return coefs, intercepts


def network(**parameters):
    common = {"hidden_layer_sizes": (6, 5), "activation": "tanh", "alpha": 0, "random_state": 0}
    return MLPRegressor(**{**common, "max_iter": 3, **parameters})


@pytest.mark.parametrize("form", [np.asarray, csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("batch_size", [250, 60])
@pytest.mark.parametrize("share", [0.3, (0.0, 0.5), (0.8, 0.1)], ids=str)
def test_training_with_known_masks(share, batch_size, form):
    shares = (share, share) if isinstance(share, float) else share
    coefs, intercepts = train(shares, batch_size, epochs=3)
    model = network(dropout=share, batch_size=batch_size, shuffle=False, tol=0)
    model.set_params(solver="sgd", momentum=0, learning_rate_init=RATE).fit(form(X), y)
    for ours, expected in zip(model.coefs_ + model.intercepts_, coefs + intercepts, strict=True):
        assert_allclose(ours, expected, rtol=1e-9, atol=1e-12)


def test_each_epoch_and_each_layer_drops_anew():
    """So the loss of a network that stands still is another one in each epoch."""
    still = {"solver": "sgd", "learning_rate_init": 1e-300, "max_iter": 6, "shuffle": False}
    for shares in ((0.5, 0.0), (0.0, 0.5)):
        assert len(set(network(dropout=shares, **still).fit(X, y).loss_curve_)) == 6
    assert len(set(network(**still).fit(X, y).loss_curve_)) == 1


def test_a_prediction_drops_nothing():
    model = network(dropout=0.9).fit(X, y)
    A = X
    for l in range(2):
        A = np.tanh(A @ model.coefs_[l] + model.intercepts_[l])
        assert_allclose(model.hidden_activations(X, l), A, rtol=1e-12)
    expected = (A @ model.coefs_[2] + model.intercepts_[2])[:, 0]
    assert_allclose(model.predict(X), expected, rtol=1e-12)
    assert_allclose(model.predict(X[:1]), expected[:1], rtol=1e-12)
    assert_array_equal(model.predict(X), model.predict(X))


def test_a_share_of_zero_changes_no_bit():
    plain = network().fit(X, y)
    for share in (0, 0.0, (0.0, 0), [0, 0.0], np.zeros(2)):
        assert_array_equal(network(dropout=share).fit(X, y).coefs_[0], plain.coefs_[0])


def test_a_numpy_array_of_shares_is_one_for_each_layer():
    given = network(dropout=np.array([0.1, 0.2])).fit(X, y)
    assert_array_equal(given.coefs_[0], network(dropout=(0.1, 0.2)).fit(X, y).coefs_[0])


def test_validation_and_early_stopping_judge_without_dropout():
    labels = (y > 0).astype(int)
    model = MLPClassifier((6,), dropout=0.5, max_iter=3, random_state=0)
    model.fit(X, labels, X_val=X, y_val=labels)
    p = model.predict_proba(X)[np.arange(250), labels]
    assert_allclose(model.validation_loss_curve_[-1], -np.log(p).mean())
    assert model.validation_loss_curve_[-1] < model.loss_curve_[-1]


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
    for form in forms(dropout.undrop):
        back, D = whole.copy(), dA.copy()
        form(back, D, *place)
        np.testing.assert_array_equal(D == 0, whole == 0)
        assert_allclose(back[whole != 0], A[whole != 0], rtol=1e-6)
        assert_allclose(D[whole != 0], dA[whole != 0] / dtype(0.7), rtol=1e-6)
