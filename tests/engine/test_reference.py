"""The estimators against the network in plain NumPy: is every formula right?"""

import numpy as np
import pytest
import reference
from numpy.testing import assert_allclose

from fastnn import MLPClassifier, MLPRegressor

ROWS = 230  # more than two shards of a mini-batch
X = np.random.default_rng(0).standard_normal((ROWS, 6))
CODES = np.random.default_rng(1).integers(0, 3, ROWS)
NUMBERS = np.stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]], axis=1)
TASKS = {  # estimator, its y, the network's Y, output activation, loss
    "multiclass": (MLPClassifier, CODES, np.eye(3)[CODES], "softmax", "log_loss"),
    "binary": (MLPClassifier, CODES > 0, (CODES > 0)[:, None] * 1.0, "logistic", "binary_log_loss"),
    "multilabel": (MLPClassifier, X[:, :2] > 0, X[:, :2] > 0, "logistic", "binary_log_loss"),
    "squared_error": (MLPRegressor, NUMBERS, NUMBERS, "identity", "squared_error"),
    "poisson": (MLPRegressor, CODES * 1.0, CODES[:, None] * 1.0, "exp", "poisson"),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("activation", reference.ACTIVATIONS)
@pytest.mark.parametrize("task", TASKS)
def test_the_estimators_train_the_reference(task, activation, solver):
    Estimator, y, Y, out_activation, loss = TASKS[task]
    Solver = {"adam": reference.Adam, "sgd": reference.SGD}[solver]
    coefs, intercepts, curve = reference.train(
        *(X, Y.astype(float), (7, 5), activation, out_activation, loss),
        epochs=4,
        batch_size=205,
        Solver=Solver,
        seed=0,
    )
    parameters = {"loss": loss} if Estimator is MLPRegressor else {}
    model = Estimator(
        hidden_layer_sizes=(7, 5),
        activation=activation,
        solver=solver,
        max_iter=4,
        batch_size=205,
        random_state=0,
        **parameters,
    ).fit(X, y)
    assert_allclose(model.loss_curve_, curve, rtol=1e-10)
    for ours, theirs in zip(model.coefs_ + model.intercepts_, coefs + intercepts, strict=True):
        assert_allclose(ours, theirs, rtol=1e-8, atol=1e-12)
    outputs = reference.forward(X, coefs, intercepts, activation, out_activation)[-1]
    if Estimator is MLPRegressor:
        assert_allclose(model.predict(X).reshape(outputs.shape), outputs, rtol=1e-8, atol=1e-12)
    else:
        probabilities = model.predict_proba(X)[:, -outputs.shape[1] :]
        assert_allclose(probabilities, outputs, rtol=1e-8, atol=1e-12)
