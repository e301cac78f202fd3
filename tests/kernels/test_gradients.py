"""Central differences against back-propagation, for every activation, loss and normalization."""

import numpy as np
import pytest
from kernel_forms import checked
from numpy.testing import assert_allclose
from scipy.sparse import csr_array

from fastnn.engine.base import Problem
from fastnn.engine.cpu import CPU
from fastnn.engine.data import Data
from fastnn.kernels.activations import ACTIVATIONS
from fastnn.kernels.losses import LOSSES
from fastnn.kernels.normalization import NORMALIZATIONS
from fastnn.network import Architecture, Network
from fastnn.training.initialization import initialize

ROWS, OUTPUTS = 30, 3


def codes(random):
    return random.integers(0, 3, (ROWS, 1))


def yes_or_no(random):
    return random.integers(0, 2, (ROWS, OUTPUTS))


def numbers(random):
    return random.standard_normal((ROWS, OUTPUTS))


TARGETS = {  # loss: how targets are drawn, and what its kernel reads
    "log_loss": (codes, ()),
    "smoothed_log_loss": (codes, (0.2,)),
    "focal": (codes, (2.0,)),
    "binary_log_loss": (yes_or_no, ()),
    "smoothed_binary_log_loss": (yes_or_no, (0.2,)),
    "binary_focal": (yes_or_no, (1.5,)),
    "squared_error": (numbers, ()),
    "poisson": (lambda random: random.poisson(2, (ROWS, OUTPUTS)), ()),
    "gamma": (lambda random: random.gamma(2, size=(ROWS, OUTPUTS)), ()),
    "absolute_error": (numbers, ()),
    "huber": (numbers, (0.7,)),
    "log_cosh": (numbers, ()),
    "quantile": (numbers, (0.3,)),
    "quantiles": (lambda random: random.standard_normal((ROWS, 1)), (0.1, 0.5, 0.8)),
}
# Their value is a mean over outputs and their gradient a sum, as scikit-learn's squared error.
MEANS = {"squared_error", "gamma", "absolute_error", "huber", "log_cosh", "quantile", "quantiles"}


def test_nothing_is_left_out():
    assert set(TARGETS) == set(LOSSES)


def assert_right_gradient(
    activation="tanh", loss="log_loss", form=np.asarray, weighted=False, normalization=None
):
    random = np.random.default_rng(0)
    draw, settings = TARGETS[loss]
    architecture = Architecture(
        (activation, activation), LOSSES[loss].output, normalization=normalization
    )
    normalized = normalization is not None
    network = Network.zeros((4, 6, 5, OUTPUTS), np.dtype(np.float64), normalized)
    initialize(network, "auto", [activation] * 3, np.random.RandomState(0))
    for vector in network.scales + network.shifts:
        vector += random.standard_normal(vector.size) / 3
    weights = random.uniform(0, 3, ROWS) if weighted else None
    X, Y = form(random.standard_normal((ROWS, 4))), draw(random).astype(np.float64)
    data, rows = Data(X, Y, weights), np.arange(ROWS)
    problem = Problem(network, architecture, data, rows, loss, settings, alpha=0.5)
    objective, params = CPU.objective(problem), network.params.copy()

    def loss_at(nudged):
        network.params[:] = nudged
        return objective.gradient().loss

    chosen, step = checked(network.params.size), 1e-5
    numeric = np.empty(chosen.size)
    for k, i in enumerate(chosen):
        nudge = np.zeros(network.params.size)
        nudge[i] = step
        numeric[k] = loss_at(params + nudge) - loss_at(params - nudge)
    numeric /= 2 * step
    if loss in MEANS:
        penalty = np.where(chosen < network.n_weights, params[chosen], 0)
        penalty *= problem.alpha / (ROWS if weights is None else weights.sum())
        numeric = OUTPUTS * (numeric - penalty) + penalty
    loss_at(params)
    assert_allclose(objective.last_gradient()[chosen], numeric, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("form", [np.asarray, csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("loss", TARGETS)
def test_losses(loss, weighted, form):
    assert_right_gradient(loss=loss, weighted=weighted, form=form)


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation, loss):
    assert_right_gradient(activation, loss)


@pytest.mark.parametrize("activation", ["tanh", "gelu"])
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_normalization(normalization, activation):
    assert_right_gradient(activation, normalization=normalization)
