"""Central differences against back-propagation, for every activation and loss."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array

from fastnn.kernels.activations import ACTIVATIONS
from fastnn.kernels.epoch import full_gradient
from fastnn.kernels.losses import LOSSES
from fastnn.network import Network
from fastnn.samples import sample_of
from fastnn.training import Task

HIDDEN = ["identity", "logistic", "tanh", "relu"]
OUTPUTS = {  # loss: its output activation, and how targets are drawn
    "log_loss": ("softmax", lambda random: random.integers(0, 3, (30, 1))),
    "binary_log_loss": ("logistic", lambda random: random.integers(0, 2, (30, 3))),
    "squared_error": ("identity", lambda random: random.standard_normal((30, 3))),
    "poisson": ("exp", lambda random: random.poisson(2, (30, 3))),
}


def test_nothing_is_left_out():
    assert set(OUTPUTS) == set(LOSSES)
    assert set(HIDDEN) | {out for out, _ in OUTPUTS.values()} == set(ACTIVATIONS)


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("form", [np.asarray, csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("loss", OUTPUTS)
@pytest.mark.parametrize("activation", HIDDEN)
def test_gradient(activation, loss, form, weighted):
    random = np.random.default_rng(0)
    out_activation, draw = OUTPUTS[loss]
    network = Network.initial(
        (4, 6, 5, 3), activation, np.random.RandomState(0), np.dtype(np.float64)
    )
    codes = [ACTIVATIONS[activation]] * 2 + [ACTIVATIONS[out_activation]]
    weights = random.uniform(0, 3, 30) if weighted else None
    X, Y = form(random.standard_normal((30, 4))), draw(random).astype(np.float64)
    layers = network.layers(codes, LOSSES[loss])
    task = Task(network, layers, sample_of(X, Y, weights), np.arange(30), alpha=0.5)
    work = task.workspace(30)

    def loss_at(params):
        return full_gradient(task.sample, task.rows, layers, params, task.alpha, work, None)

    numeric, step = np.empty(network.params.size), 1e-5
    for i in range(numeric.size):
        nudge = np.zeros(numeric.size)
        nudge[i] = step
        numeric[i] = loss_at(network.params + nudge) - loss_at(network.params - nudge)
    numeric /= 2 * step
    if loss == "squared_error":  # scikit-learn's loss is a mean over outputs, its gradient a sum
        penalty = np.where(np.arange(numeric.size) < network.n_weights, network.params, 0)
        penalty *= task.alpha / (30 if weights is None else weights.sum())
        numeric = 3 * (numeric - penalty) + penalty
    loss_at(network.params)
    assert_allclose(work.gradients[0], numeric, rtol=1e-5, atol=1e-8)
