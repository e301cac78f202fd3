"""The network as an ONNX graph: what skl2onnx calls for the two estimators.

skl2onnx has converters for scikit-learn's two, but they know neither poisson regression nor several
targets, and multilabel graphs do not run in float64. A graph here is made of operators that ONNX
Runtime has in both precisions, and one function is one formula.
"""

import math
from typing import Any

import numpy as np
import skl2onnx
from onnx import TensorProto
from skl2onnx.common.data_types import (
    DoubleTensorType,
    Int64TensorType,
    StringTensorType,
    guess_tensor_type,
)
from sklearn.compose import TransformedTargetRegressor
from sklearn.preprocessing import StandardScaler

from fastnn.estimators.classifier import MLPClassifier
from fastnn.estimators.regressor import MLPRegressor
from fastnn.kernels.normalization import EPSILON

CLASSIFIER_OPTIONS = {
    "zipmap": [True, False, "columns"],
    "output_class_labels": [False, True],
    "nocl": [True, False],
}
OPSET = 18  # of 2022; the next to define anew what is used here, as Sin, is 22 of 2024
LAST = 2**31 - 1  # a slice that ends here ends with the last column


class Graph:
    """Adds operators to a graph; calling it with one and its inputs gives the output's name."""

    def __init__(self, scope: Any, container: Any, is_double: bool) -> None:
        self.scope = scope
        self.container = container
        self.element = TensorProto.DOUBLE if is_double else TensorProto.FLOAT

    def __call__(self, operator: str, *inputs: Any, out: str | None = None, **settings: Any) -> str:
        """Add an operator; arrays and numbers among its inputs become constants."""
        names = [name if isinstance(name, str) else self.constant(name) for name in inputs]
        out = out or self.scope.get_unique_variable_name(operator.lower())
        name = self.scope.get_unique_operator_name(operator)
        self.container.add_node(operator, names, out, name=name, **settings)
        return out

    def constant(self, values: Any, element: int | None = None) -> str:
        """Add a constant, in the network's precision if not told otherwise."""
        values = np.asarray(values)
        name = self.scope.get_unique_variable_name("constant")
        element = self.element if element is None else element
        self.container.add_initializer(name, element, values.shape, values.ravel().tolist())
        return name

    def columns(self, A: str, start: int, stop: int) -> str:
        """Take columns of a matrix."""
        bounds = [self.constant([at], TensorProto.INT64) for at in (start, stop, 1)]
        return self("Slice", A, *bounds)


def _expm1_below_0(g: Graph, z: str) -> str:
    return g("Sub", g("Exp", g("Min", z, 0.0)), 1.0)


def _elu(g: Graph, z: str) -> str:
    return g("Add", g("Relu", z), _expm1_below_0(g, z))


def _gelu(g: Graph, z: str) -> str:
    # ONNX Runtime's Erf is for float32 alone.
    root = g("Cast", g("Mul", z, math.sqrt(0.5)), to=TensorProto.FLOAT)
    share = g("Cast", g("Erf", root), to=g.element)
    return g("Mul", g("Mul", z, 0.5), g("Add", share, 1.0))


def _hard_tanh(g: Graph, z: str) -> str:
    return g("Max", g("Min", z, 1.0), -1.0)


def _leaky_relu(g: Graph, z: str) -> str:
    return g("Max", z, g("Mul", z, 0.01))


def _mish(g: Graph, z: str) -> str:
    return g("Mul", z, g("Tanh", _softplus(g, z)))


def _selu(g: Graph, z: str) -> str:
    scale, alpha = 1.0507009873554805, 1.6732632423543772  # Klambauer et al., arXiv:1706.02515
    return g("Mul", g("Add", g("Relu", z), g("Mul", _expm1_below_0(g, z), alpha)), scale)


def _silu(g: Graph, z: str) -> str:
    return g("Mul", z, g("Sigmoid", z))


def _softplus(g: Graph, z: str) -> str:
    return g("Add", g("Relu", z), g("Log", g("Add", g("Exp", g("Neg", g("Abs", z))), 1.0)))


def _steps(g: Graph, z: str) -> str:
    """First column of z as it is, the others' softplus."""
    first, others = g.columns(z, 0, 1), g.columns(z, 1, LAST)
    return g("Concat", first, _softplus(g, others), axis=1)


ACTIVATIONS = {
    "identity": lambda g, z: z,
    "logistic": lambda g, z: g("Sigmoid", z),
    "tanh": lambda g, z: g("Tanh", z),
    "relu": lambda g, z: g("Relu", z),
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "selu": _selu,
    "gelu": _gelu,
    "silu": _silu,
    "mish": _mish,
    "softplus": _softplus,
    "hard_tanh": _hard_tanh,
}
OUTPUTS = {
    "identity": ACTIVATIONS["identity"],
    "logistic": ACTIVATIONS["logistic"],
    "softmax": lambda g, z: g("Softmax", z, axis=1),
    "exp": lambda g, z: g("Exp", z),
    "increasing": lambda g, z: g("CumSum", _steps(g, z), g.constant(1, TensorProto.INT64)),
}


def outputs(g: Graph, model: Any, X: str) -> str:
    """Pass X through the network of a fitted estimator."""
    last = len(model.coefs_) - 1
    names = [model.activation] * last if isinstance(model.activation, str) else model.activation
    functions = [*(ACTIVATIONS[name] for name in names), OUTPUTS[model.out_activation_]]
    A = g("Cast", X, to=g.element)
    for layer, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        Z = g("Add", g("MatMul", A, W), b)
        if layer < last and model.normalization is not None:
            Z = _normalized(g, model, layer, Z)
        A = functions[layer](g, Z)
    return A


def _normalized(g: Graph, model: Any, layer: int, Z: str) -> str:
    scale, shift = model.normalization_scales_[layer], model.normalization_shifts_[layer]
    if model.normalization == "batch":
        gap = g("Sub", Z, model.running_means_[layer])
        variance = g.constant(model.running_variances_[layer])
    else:
        share = np.full((scale.size, 1), 1 / scale.size)  # times this is a row's mean
        gap = g("Sub", Z, g("MatMul", Z, share))
        variance = g("MatMul", g("Mul", gap, gap), share)
    deviation = g("Sqrt", g("Add", variance, EPSILON))
    return g("Add", g("Mul", g("Div", gap, deviation), scale), shift)


def _is_multilabel(model: Any) -> bool:
    return model.out_activation_ == "logistic" and model.n_outputs_ > 1


def is_text(classes: np.ndarray) -> bool:
    """Whether labels are texts."""
    return isinstance(classes[0], str)


def _graph(scope: Any, operator: Any, container: Any) -> Graph:
    return Graph(scope, container, isinstance(operator.inputs[0].type, DoubleTensorType))


def convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    """Add the graph of an `MLPRegressor`."""
    g = _graph(scope, operator, container)
    prediction = outputs(g, operator.raw_operator, operator.inputs[0].full_name)
    g("Identity", prediction, out=operator.outputs[0].full_name)


def convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    """Add the graph of an `MLPClassifier`: its labels, then its probabilities."""
    g, model = _graph(scope, operator, container), operator.raw_operator
    label, probabilities = (output.full_name for output in operator.outputs[:2])
    p = outputs(g, model, operator.inputs[0].full_name)
    if _is_multilabel(model):
        g("Cast", g("Greater", p, 0.5), to=TensorProto.INT64, out=label)
    else:
        classes = model.classes_
        if model.n_outputs_ == 1:
            p = g("Concat", g("Sub", 1.0, p), p, axis=1)
            classes = classes[[0, -1]]  # there may be one class alone
        element = TensorProto.STRING if is_text(classes) else TensorProto.INT64
        g("Gather", g.constant(classes, element), g("ArgMax", p, axis=1, keepdims=0), out=label)
    g("Identity", p, out=probabilities)


def regressor_shapes(operator: Any) -> None:
    """Tell the type of an `MLPRegressor`'s predictions."""
    n_rows = operator.inputs[0].get_first_dimension()
    kind = guess_tensor_type(operator.inputs[0].type)
    operator.outputs[0].type = type(kind)([n_rows, operator.raw_operator.n_outputs_])


def classifier_shapes(operator: Any) -> None:
    """Tell the types of an `MLPClassifier`'s labels and probabilities."""
    model, n_rows = operator.raw_operator, operator.inputs[0].get_first_dimension()
    if isinstance(model.classes_, list):
        raise ValueError(
            f"to_onnx cannot convert a classifier of several targets, and this one has "
            f"{len(model.classes_)}: fit one for each target."
        )
    kind = guess_tensor_type(operator.inputs[0].type)
    label = StringTensorType if is_text(model.classes_) else Int64TensorType
    columns = [model.n_outputs_] if _is_multilabel(model) else []
    operator.outputs[0].type = label([n_rows, *columns])
    operator.outputs[1].type = type(kind)([n_rows, max(2, model.n_outputs_)])


def convert_scaled(scope: Any, operator: Any, container: Any) -> None:
    """Add the graph of an `MLPRegressor` whose targets a `StandardScaler` has transformed."""
    g, model = _graph(scope, operator, container), operator.raw_operator
    prediction = outputs(g, model.regressor_, operator.inputs[0].full_name)
    scaler = model.transformer_
    if scaler.scale_ is not None:
        prediction = g("Mul", prediction, scaler.scale_)
    if scaler.mean_ is not None:
        prediction = g("Add", prediction, scaler.mean_)
    g("Identity", prediction, out=operator.outputs[0].full_name)


def scaled_shapes(operator: Any) -> None:
    """Tell the type of the predictions of a regressor with transformed targets."""
    model, n_rows = operator.raw_operator, operator.inputs[0].get_first_dimension()
    regressor, scaler = model.regressor_, model.transformer_
    if not isinstance(regressor, MLPRegressor) or type(scaler) is not StandardScaler:
        raise ValueError(
            "to_onnx converts a TransformedTargetRegressor of an MLPRegressor and a "
            f"StandardScaler, and this one is of {regressor!r} and {scaler!r}: convert its "
            "regressor alone, and transform the predictions back yourself."
        )
    kind = guess_tensor_type(operator.inputs[0].type)
    operator.outputs[0].type = type(kind)([n_rows, regressor.n_outputs_])


def convert(model: Any, X_sample: Any, **options: Any) -> Any:
    """Convert a model by skl2onnx, which is told of the estimators before."""
    _register()
    return skl2onnx.to_onnx(model, X_sample, **options)


def convert_typed(model: Any, inputs: list[tuple[str, Any]], **options: Any) -> Any:
    """Convert a model whose inputs are known, each a name and a type."""
    _register()
    options.setdefault("target_opset", OPSET)
    converted = skl2onnx.to_onnx(model, initial_types=inputs, **options)
    _rename(converted.graph, [name for name, _ in inputs])
    return converted


def _rename(graph: Any, names: list[str]) -> None:
    """Give inputs their names, which skl2onnx changes where Python's variables have no such.

    An output that is called as an input is, such as ``label``, becomes ``output_label``.
    """
    given = {put.name: name for put, name in zip(graph.input, names, strict=True)}
    for put in graph.output:
        if put.name in names:
            given[put.name] = f"output_{put.name}"
    for put in [*graph.input, *graph.output]:
        put.name = given.get(put.name, put.name)
    for node in graph.node:
        node.input[:] = [given.get(name, name) for name in node.input]
        node.output[:] = [given.get(name, name) for name in node.output]


def _register() -> None:
    skl2onnx.update_registered_converter(
        MLPClassifier,
        "FastnnMLPClassifier",
        classifier_shapes,
        convert_classifier,
        options=CLASSIFIER_OPTIONS,
    )
    skl2onnx.update_registered_converter(
        MLPRegressor, "FastnnMLPRegressor", regressor_shapes, convert_regressor
    )
    skl2onnx.update_registered_converter(
        TransformedTargetRegressor, "FastnnScaledRegressor", scaled_shapes, convert_scaled
    )
