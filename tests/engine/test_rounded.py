"""Training that rounds to bfloat16 what it multiplies, beside the same in plain NumPy.

Without the JIT it is NumPy's own way of rounding that trains, on any processor.
"""

from dataclasses import replace

import numpy as np
import pytest
import reference
from numpy.testing import assert_allclose, assert_array_equal
from problems import HIDDEN, training_problem
from scipy.sparse import csr_array

from fastnn import MLPClassifier, MLPRegressor
from fastnn.compiling import language as jit
from fastnn.compiling.intrinsics.pairs import are_multiplied
from fastnn.engine.cpu import CPU

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning"),  # of the hash
    pytest.mark.skipif(not are_multiplied(), reason="this processor does not multiply bfloat16"),
]
random = np.random.default_rng(0)
X = random.standard_normal((230, 21)).astype(np.float32)
CODES = np.argmax(X[:, :3], axis=1)
NUMBERS = np.stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]], axis=1)
TASKS = {  # estimator, its y, the network's Y, output activation, loss
    "classes": (MLPClassifier, CODES, np.eye(3)[CODES], "softmax", "log_loss"),
    "numbers": (MLPRegressor, NUMBERS, NUMBERS, "identity", "squared_error"),
}


def params_of(model):
    return np.concatenate([array.ravel() for array in model.coefs_ + model.intercepts_])


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("task", TASKS)
def test_products_alone_are_rounded(task, activation):
    Estimator, y, Y, out_activation, loss = TASKS[task]
    rounded, exact = (
        reference.train(
            *(X.astype(float), Y.astype(float), (70, 9), activation, out_activation, loss),
            epochs=3,
            batch_size=205,
            Solver=reference.SGD,
            seed=0,
            rounded=rounding,
        )
        for rounding in (reference.to_bfloat16, reference.as_they_are)
    )
    model = Estimator(
        hidden_layer_sizes=(70, 9),
        activation=activation,
        solver="sgd",
        max_iter=3,
        batch_size=205,
        random_state=0,
        dtype="bfloat16",
    ).fit(X, y)
    assert {array.dtype for array in model.coefs_ + model.intercepts_} == {np.dtype(np.float32)}
    params, near, far = (
        np.concatenate([array.ravel() for array in coefs + intercepts])
        for coefs, intercepts in ((model.coefs_, model.intercepts_), rounded[:2], exact[:2])
    )
    # Of what float32 leaves of a sum, a number near a tie may be rounded to the other side.
    distance = np.linalg.norm(far - near)
    assert np.linalg.norm(params - near) < 0.2 * distance
    assert distance < 1e-3 * np.linalg.norm(far)
    assert_allclose(model.loss_curve_, rounded[2], rtol=1e-5)


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")  # of the hash
@pytest.mark.parametrize("form", ["dense", "csr"])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_gradients_are_about_those_of_float32(hidden, form):
    problem = training_problem(np.float32, form, hidden)
    architecture = replace(problem.architecture, rounds=True)
    gradients = [
        CPU.objective(p).gradient().vector.copy()
        for p in (problem, replace(problem, architecture=architecture))
    ]
    error = np.linalg.norm(gradients[1] - gradients[0]) / np.linalg.norm(gradients[0])
    assert 1e-5 < error < 1e-2


def test_gradients_are_about_central_differences():
    problem = training_problem(np.float32, "dense")
    double = training_problem(np.float64, "dense")
    architecture = replace(problem.architecture, rounds=True)
    gradient = CPU.objective(replace(problem, architecture=architecture)).gradient().vector
    loss, start, step = CPU.objective(double), double.network.params.copy(), 1e-5
    for seed in range(5):
        direction = np.random.default_rng(seed).standard_normal(start.size)
        values = []
        for sign in (1, -1):
            double.network.params[:] = start + sign * step * direction
            values.append(loss.gradient().loss)
        numeric = (values[0] - values[1]) / (2 * step)
        size = np.linalg.norm(gradient) * np.linalg.norm(direction)
        assert abs(gradient @ direction - numeric) < 5e-3 * size


@pytest.mark.skipif(jit.IS_OFF, reason="kernels that are not compiled have one thread")
@pytest.mark.parametrize("data", [X, csr_array(X)], ids=["dense", "csr"])
def test_the_same_bits_for_one_thread_and_two(data, forced):
    results = []
    for n in (1, 2):
        forced(n)
        model = MLPClassifier((70, 9), batch_size=220, max_iter=3, random_state=0, dtype="bfloat16")
        results.append(params_of(model.fit(data, CODES)))
    assert_array_equal(*results)
    single = MLPClassifier((70, 9), batch_size=220, max_iter=3, random_state=0, dtype="float32")
    assert not np.array_equal(params_of(single.fit(data, CODES)), results[0])


def test_it_learns_what_float32_learns():
    scores = [
        MLPClassifier(max_iter=200, random_state=0, dtype=dtype).fit(X, CODES).loss_
        for dtype in ("float32", "bfloat16")
    ]
    assert_allclose(*scores, rtol=0.02)


def test_float64_networks_are_not_rounded():
    model = MLPClassifier(max_iter=2, random_state=0, warm_start=True).fit(X.astype(float), CODES)
    before = params_of(model)
    model.set_params(dtype="bfloat16")
    with pytest.raises(ValueError, match="trains networks of float32, and the fitted one is of"):
        model.fit(X, CODES)
    assert_array_equal(params_of(model), before)
