"""Networks that say the same of every row: what they are at least as good as."""

import numpy as np
import pytest

from fastnn import TabularClassifier, TabularRegressor
from fastnn.tabular.networks import constant_outputs, make_constant
from fastnn.training.dataset import Targets

RNG = np.random.default_rng(0)
X = RNG.standard_normal((400, 4))


class OneLayer:
    coefs = [np.ones((3, 2))]  # noqa: RUF012
    intercepts = [np.ones(2)]  # noqa: RUF012


@pytest.mark.parametrize(
    ("loss", "settings", "output", "back"),
    [
        ("squared_error", (), "identity", lambda z: z),
        ("gamma", (), "exp", np.exp),
        ("quantiles", (0.1, 0.9), "increasing", lambda z: z[0] + [0, np.log1p(np.exp(z[1]))]),
        ("log_loss", (), "softmax", lambda z: np.exp(z) / np.exp(z).sum()),
    ],
)
def test_a_constant_network_gives_constant_outputs(loss, settings, output, back):
    if output == "softmax":
        Y = (RNG.random((50, 1)) < 0.3).astype(np.uint8)
    else:
        Y = RNG.exponential(size=(50, 1 if loss == "quantiles" else 2))
    outputs = constant_outputs(Targets(Y, 2, output, loss, settings), np.arange(40), None)
    network = OneLayer()
    make_constant(network, output, outputs)
    np.testing.assert_allclose(back(network.intercepts[0]), outputs, rtol=1e-5)
    assert not network.coefs[0].any()
    if loss == "quantiles":
        np.testing.assert_allclose(outputs, np.quantile(Y[:40, 0], settings), rtol=1e-6)
    elif output == "softmax":
        assert outputs[1] == pytest.approx(Y[:40].mean(), abs=0.03)
    else:
        np.testing.assert_allclose(outputs, Y[:40].mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "poisson", "quantile"])
def test_where_nothing_can_be_learnt_a_network_is_no_worse_than_a_constant(loss):
    y = RNG.exponential(size=len(X))
    model = TabularRegressor(
        members="networks", effort="quick", loss=loss, quantile=[0.2, 0.8], random_state=0
    ).fit(X, y)
    if loss == "quantile":
        gaps = y[:, None] - np.quantile(y, [0.2, 0.8])
        constant = np.mean(np.maximum([0.2, 0.8] * gaps, ([0.2, 0.8] - np.ones(2)) * gaps))
    elif loss == "squared_error":
        constant = y.var()
    elif loss == "absolute_error":
        constant = np.abs(y - np.median(y)).mean()
    else:
        constant = y.mean() - np.mean(y * np.log(y.mean()))
    assert model.validation_loss_ <= constant * 1.03


@pytest.mark.filterwarnings("ignore:Maximum time")
def test_a_fit_whose_time_is_over_at_once_is_no_worse_than_a_constant():
    y = X @ [1.0, 2.0, 0.5, 0.0]
    at_once = {"members": "networks", "max_time": 1e-6, "random_state": 0}
    assert TabularRegressor(**at_once).fit(X, y).score(X, y) > -0.05
    assert TabularClassifier(**at_once).fit(X, y > 1).validation_loss_ < 0.7
