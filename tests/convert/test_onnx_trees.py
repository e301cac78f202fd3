"""Forests as ONNX graphs, run by ONNX Runtime beside the kernels."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from onnx import TensorProto
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor
from onnx.helper import make_tensor_value_info as declare
from onnxruntime import InferenceSession

from fastnn.convert.onnx_graph import Graph
from fastnn.convert.onnx_trees import predictions
from fastnn.tabular.forest import concatenate, constant, predict
from fastnn.tabular.growth import Table
from fastnn.tabular.trees import Boosting, RandomTrees, fit_boosting, fit_random_trees

IS_CATEGORICAL = np.array([False, True, False, True, False])


class Names:
    """What skl2onnx gives a converter: names, and a place for nodes."""

    def __init__(self):
        self.n, self.nodes, self.constants = 0, [], []

    def get_unique_variable_name(self, name):
        self.n += 1
        return f"{name}{self.n}"

    get_unique_operator_name = get_unique_variable_name

    def add_node(self, operator, inputs, output, name, op_domain="", op_version=None, **settings):
        self.nodes.append(make_node(operator, inputs, [output], name, domain=op_domain, **settings))

    def add_initializer(self, name, element, shape, values):
        self.constants.append(make_tensor(name, element, shape, values))


def run(forest, X):
    names = Names()
    result = predictions(Graph(names, names, is_double=True), forest, "X")
    graph = make_graph(
        names.nodes,
        "forest",
        [declare("X", TensorProto.DOUBLE, [None, X.shape[1]])],
        [declare(result, TensorProto.DOUBLE, [None, *forest.baseline.shape])],
        names.constants,
    )
    opsets = [make_opsetid("", 18), make_opsetid("ai.onnx.ml", 3)]
    model = make_model(graph, opset_imports=opsets, ir_version=9)
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"X": X})[0].mean(axis=1)


def data(n_codes, n=400):
    generator = np.random.default_rng(0)
    X = generator.normal(size=(n, 5))
    X[:, 1], X[:, 3] = generator.integers(0, n_codes, n), generator.integers(0, 3, n)
    y = X[:, 0] + 2 * (X[:, 1] % 3 == 0) + (X[:, 3] == 1)
    X[generator.random(X.shape) < 0.1] = np.nan
    return X, y


def new_rows(n_codes):
    X, _ = data(n_codes + 5)
    X[:30, 1], X[30:60, 3] = n_codes + 100, 3
    X[60:64, 0] = np.inf, -np.inf, 1e30, -1e300
    return X


@pytest.mark.parametrize("n_codes", [3, 70, 300])
@pytest.mark.parametrize("n_classes", [0, 2, 5])
@pytest.mark.parametrize(
    ("fit", "settings"),
    [(fit_boosting, Boosting(max_iter=15)), (fit_random_trees, RandomTrees(5))],
)
def test_onnx_predicts_as_the_kernels(fit, settings, n_classes, n_codes):
    X, y = data(n_codes)
    if n_classes:
        y = np.digitize(y, np.quantile(y, np.linspace(0, 1, n_classes + 1)[1:-1]))
    table, rows = Table(X, y, IS_CATEGORICAL, n_classes), np.arange(len(X))
    members = [fit(table, rows[rows % 2 == k], rows[:0], settings) for k in (0, 1)]
    forest = concatenate([member.forest for member in members])
    assert_allclose(run(forest, X), predict(forest, X), rtol=1e-6, atol=1e-6)
    X = new_rows(n_codes)
    assert_allclose(run(forest, X), predict(forest, X), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("loss", ["poisson", "gamma", "absolute_error"])
def test_onnx_has_the_links_of_losses(loss):
    X, y = data(3)
    table, settings = Table(X, np.exp(y), IS_CATEGORICAL), Boosting(max_iter=15, loss=loss)
    forest = fit_boosting(table, np.arange(400), np.arange(0), settings).forest
    assert_allclose(run(forest, X), predict(forest, X), rtol=1e-6)


def test_onnx_of_a_forest_without_trees():
    X, _ = data(3)
    X[::2, 0], X[1, 0] = np.nan, np.inf
    assert_allclose(run(constant([0.0, 1.0], 5, "softmax"), X)[:, 1], 1 / (1 + np.exp(-1)))


def test_onnx_of_a_target_far_from_0():
    X, y = data(3)
    table, rows = Table(X, 1e6 + y, IS_CATEGORICAL), np.arange(len(X))
    forest = fit_random_trees(table, rows, rows[:0], RandomTrees(5)).forest
    assert_allclose(run(forest, X), predict(forest, X), rtol=0, atol=1e-6)
