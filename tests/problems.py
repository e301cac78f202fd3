"""Small problems of training, with all that kernels take for them."""

from types import SimpleNamespace

import numpy as np
from scipy.sparse import csr_array

from fastnn.engine import bind
from fastnn.engine.base import Problem
from fastnn.engine.bind import dtypes_of
from fastnn.engine.data import Data
from fastnn.engine.workspace import problem_workspace
from fastnn.kernels import (
    updates,
)
from fastnn.kernels.tuning import MINI_BATCH_SHARD_ROWS
from fastnn.memory import padded
from fastnn.network import Architecture, Network
from fastnn.training.initialization import initialize

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
    state = np.zeros((update.n_states, padded(params.size, params.dtype)), params.dtype)
    solver = SimpleNamespace(
        name=solver, hyper=hyper, weight_decay=0.01, state=state, progress=np.zeros(4)
    )
    optimizer = bind.optimizer(problem, solver, dtypes_of_problem(problem))
    optimizer.hyper[0] = 0.1
    return optimizer


def dtypes_of_problem(problem):
    return dtypes_of(problem.network, problem.data.sample)


def bundles_of(problem):
    """The network's layers, and the way back."""
    dtypes = dtypes_of_problem(problem)
    return bind.training_layers(problem, dtypes), bind.backward_pass(problem, dtypes)
