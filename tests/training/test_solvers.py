"""The solvers against their papers in NumPy, and the schedules of their learning rates."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from fastnn import MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X = np.random.default_rng(0).standard_normal((40, 3))
y = np.sin(X[:, 0]) + X[:, 1]
RATE, EPOCHS = 0.02, 6


class Formula:
    """An optimiser on one vector, written from its paper."""

    def __init__(self, n):
        self.m, self.v, self.u, self.t, self.product = np.zeros(n), np.zeros(n), np.zeros(n), 0, 1.0


class AdamW(Formula):
    decay = 0.3

    def step(self, p, g, is_weight):
        self.t += 1
        p[is_weight] *= 1 - RATE * self.decay
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g**2
        m, v = self.m / (1 - 0.9**self.t), self.v / (1 - 0.999**self.t)
        p -= RATE * m / (np.sqrt(v) + 1e-8)


class AdamWithAmsgrad(Formula):
    def step(self, p, g, is_weight):
        self.t += 1
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g**2
        self.u = np.maximum(self.u, self.v)
        rate = RATE * np.sqrt(1 - 0.999**self.t) / (1 - 0.9**self.t)
        p -= rate * self.m / (np.sqrt(self.u) + 1e-8)  # epsilon outside, as in scikit-learn


class NAdam(Formula):
    def step(self, p, g, is_weight):
        self.t += 1
        now, then = (0.9 * (1 - 0.5 * 0.96 ** (t * 0.004)) for t in (self.t, self.t + 1))
        self.product *= now
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g**2
        scale = np.sqrt(self.v / (1 - 0.999**self.t)) + 1e-8
        p -= RATE * (1 - now) / (1 - self.product) * g / scale
        p -= RATE * then / (1 - self.product * then) * self.m / scale


class RMSprop(Formula):
    def step(self, p, g, is_weight):
        self.v = 0.8 * self.v + 0.2 * g**2
        p -= RATE * g / (np.sqrt(self.v) + 1e-8)


class Adagrad(Formula):
    def step(self, p, g, is_weight):
        self.v += g**2
        p -= RATE * g / (np.sqrt(self.v) + 1e-8)


SOLVERS = {
    "adamw": (AdamW, {"weight_decay": 0.3}),
    "adam": (AdamWithAmsgrad, {"amsgrad": True}),
    "nadam": (NAdam, {}),
    "rmsprop": (RMSprop, {"rho": 0.8}),
    "adagrad": (Adagrad, {}),
}


def model(**parameters):
    common = {"hidden_layer_sizes": (4,), "activation": "tanh", "alpha": 0.0, "random_state": 0}
    return MLPRegressor(**{**common, "learning_rate_init": RATE, "max_iter": EPOCHS, **parameters})


def vector(weights):
    return np.concatenate([w.ravel() for w in (*weights.coefs_, *weights.intercepts_)])


def gradient(p):
    """Of half the mean squared error, by hand, for 3 inputs, 4 tanh units and one output."""
    W, V, b, c = p[:12].reshape(3, 4), p[12:16].reshape(4, 1), p[16:20], p[20:]
    A = np.tanh(X @ W + b)
    delta = (A @ V + c - y[:, None]) / len(y)
    hidden = (delta @ V.T) * (1 - A**2)
    parts = (X.T @ hidden, A.T @ delta, hidden.sum(axis=0), delta.sum(axis=0))
    return np.concatenate([part.ravel() for part in parts])


def start():
    """Initial parameters: those that a step of no length leaves."""
    return vector(model(solver="sgd", learning_rate_init=1e-300, max_iter=1).fit(X, y))


@pytest.mark.parametrize("max_norm", [None, 0.05])
@pytest.mark.parametrize("solver", SOLVERS)
def test_solver_follows_its_paper(solver, max_norm):
    Solver, parameters = SOLVERS[solver]
    p, is_weight = start(), np.arange(21) < 16
    formula = Solver(p.size)
    for _ in range(EPOCHS):
        g = gradient(p)
        if max_norm is not None:
            g *= min(1, max_norm / np.linalg.norm(g))
        formula.step(p, g, is_weight)
    fitted = model(solver=solver, max_grad_norm=max_norm, shuffle=False, **parameters).fit(X, y)
    assert_allclose(vector(fitted), p, rtol=1e-7, atol=1e-9)


def test_amsgrad_differs_once_gradients_shrink():
    plain, ams = (model(max_iter=200, amsgrad=on, tol=0).fit(X, y) for on in (False, True))
    assert not np.allclose(vector(plain), vector(ams))


SHAPES = {
    "constant": lambda e, n: 1.0,
    "cosine": lambda e, n: (1 + math.cos(math.pi * e / n)) / 2,
    "exponential": lambda e, n: 0.5 ** (e / 8),
    "step": lambda e, n: 0.5 ** (e // 8),
}


@pytest.mark.parametrize("warmup", [0, 5])
@pytest.mark.parametrize("schedule", SHAPES)
def test_schedules(schedule, warmup):
    n = 40
    fitted = model(
        learning_rate=schedule, warmup=warmup, step_size=8, max_iter=n, tol=0, n_iter_no_change=n
    ).fit(X, y)
    shape = SHAPES[schedule]
    rising = [RATE * (e + 1) / (warmup + 1) for e in range(warmup)]
    falling = [RATE * shape(e, n - warmup) for e in range(n - warmup)]
    assert_allclose(fitted.learning_rates_, rising + falling, rtol=1e-12)


def test_one_cycle_rises_to_the_peak_and_falls_to_almost_nothing():
    rates = model(learning_rate="one_cycle", max_iter=41, tol=0, n_iter_no_change=50).fit(X, y)
    rates = np.array(rates.learning_rates_)
    assert rates.argmax() == 12  # 30 % of the 40 steps between 41 epochs
    assert_allclose([rates[0], rates[12], rates[-1]], [RATE / 25, RATE, RATE / 250_000], rtol=1e-9)
    assert (np.diff(rates[:13]) > 0).all()
    assert (np.diff(rates[12:]) < 0).all()


def test_a_function_of_the_epoch():
    fitted = model(learning_rate=lambda epoch: 0.01 / (epoch + 1)).fit(X, y)
    assert_allclose(fitted.learning_rates_, [0.01 / (e + 1) for e in range(EPOCHS)])
    for wrong in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="learning_rate"):
            model(learning_rate=lambda epoch, rate=wrong: rate).fit(X, y)


def test_partial_fit_goes_along_the_schedule():
    stepwise = model(learning_rate="cosine", max_iter=5)
    for _ in range(4):
        stepwise.partial_fit(X, y)
    whole = model(learning_rate="cosine", max_iter=5, tol=0).fit(X, y)
    assert_allclose(stepwise.learning_rates_, whole.learning_rates_[:4])


@pytest.mark.parametrize("schedule", ["invscaling", "adaptive"])
def test_schedules_of_sgd_leave_the_others_alone(schedule):
    plain, scheduled = (model(learning_rate=name).fit(X, y) for name in ("constant", schedule))
    np.testing.assert_array_equal(vector(plain), vector(scheduled))
