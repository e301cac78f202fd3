"""Estimators for tables as an ONNX graph: what skl2onnx calls for the two.

`onnx_columns` reads an input for each column, and `onnx_ensemble` predicts.
"""

from typing import Any, cast

import numpy as np
import scipy.sparse as sp
import skl2onnx
from onnx import TensorProto
from skl2onnx.common.data_types import (
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)

from fastnn.columns import Columns, transform
from fastnn.columns.record import HOLDS
from fastnn.convert.onnx_columns import (
    Cells,
    column_inputs,
    read_columns,
    read_matrix,
    used_columns,
)
from fastnn.convert.onnx_ensemble import calibrated, n_outputs, prediction
from fastnn.convert.onnx_graph import CLASSIFIER_OPTIONS, Graph, is_text
from fastnn.tabular.calibration import Calibration
from fastnn.tabular.classifier import TabularClassifier
from fastnn.tabular.fitted import fitted_of
from fastnn.tabular.regressor import TabularRegressor


def input_types(model: Any, X_sample: Any) -> list[tuple[str, Any]]:
    """Name the inputs of a fitted estimator, and tell their types.

    Parameters
    ----------
    model : TabularClassifier or TabularRegressor
    X_sample : array-like, sparse matrix, data frame or None
        A few rows. Those of an array without names ask for one input, a matrix.

    Raises
    ------
    ValueError
        If there is no column to be an input, or one has no name.
    """
    columns = model.columns_
    if not used_columns(columns):
        raise ValueError(
            "to_onnx cannot convert a model whose columns were all left out in training: it "
            "predicts the same for each row."
        )
    if _is_matrix(columns, X_sample):
        kind = FloatTensorType if X_sample.dtype == np.float32 else DoubleTensorType
        return [("X", kind([None, len(columns["kinds"])]))]
    with_gaps = [] if X_sample is None else _booleans_with_gaps(model, X_sample)
    return column_inputs(columns, with_gaps)


def _is_matrix(columns: Columns, X_sample: Any) -> bool:
    """Whether the rows are an array of numbers, as the training rows were."""
    are_numbers = all(
        HOLDS[columns["holds"][place]] in ("number", "boolean") for place in used_columns(columns)
    )
    is_array = isinstance(X_sample, np.ndarray) or sp.issparse(X_sample)
    has_names = len(columns["names"]["ends"]) > 0
    return is_array and X_sample.dtype.kind in "biuf" and are_numbers and not has_names


def _booleans_with_gaps(model: Any, X_sample: Any) -> list[int]:
    """Places of columns of booleans in which some of the rows have gaps."""
    columns = model.columns_
    codes = transform(columns, X_sample, model).codes
    has_gap = (codes == columns["sizes"]).any(axis=0)
    return [
        place
        for place, found in zip(columns["categories"].tolist(), has_gap, strict=True)
        if found and HOLDS[columns["holds"][place]] == "boolean"
    ]


def _cells(g: Graph, operator: Any) -> Cells:
    """Read the operator's inputs: a matrix, or one for each column, left out ones too or not."""
    columns: Columns = operator.raw_operator.columns_
    names = [variable.full_name for variable in operator.inputs]
    used, n_columns = used_columns(columns), len(columns["kinds"])
    if _is_one_matrix(operator):
        return read_matrix(g, columns, g("Cast", names[0], to=TensorProto.DOUBLE))
    places = used if len(names) == len(used) else list(range(n_columns))
    if len(names) != len(places):
        raise ValueError(
            f"to_onnx found {len(names)} inputs for a model of {n_columns} columns: give it the "
            "estimator for tables itself, not a model around it."
        )
    return read_columns(g, columns, dict(zip(places, names, strict=True)))


def _is_one_matrix(operator: Any) -> bool:
    """Whether rows come as an array, as one input that is wider than a column."""
    return len(operator.inputs) == 1 and operator.inputs[0].type.shape[-1:] != [1]


def _output_type(operator: Any) -> Any:
    """Double, but for rows of float32."""
    first = operator.inputs[0].type
    is_single = _is_one_matrix(operator) and isinstance(first, FloatTensorType)
    return FloatTensorType if is_single else DoubleTensorType


def _written(g: Graph, result: str, operator: Any, place: int) -> None:
    is_single = _output_type(operator) is FloatTensorType
    element = TensorProto.FLOAT if is_single else TensorProto.DOUBLE
    g("Cast", result, to=element, out=operator.outputs[place].full_name)


def convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    """Add the graph of a `TabularRegressor`."""
    g = Graph(scope, container, is_double=True)
    predictor, _ = fitted_of(operator.raw_operator)
    _written(g, prediction(g, predictor, _cells(g, operator)), operator, 0)


def convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    """Add the graph of a `TabularClassifier`: its labels, then its probabilities."""
    g = Graph(scope, container, is_double=True)
    predictor, calibration = fitted_of(operator.raw_operator)
    p = prediction(g, predictor, _cells(g, operator))
    p = calibrated(g, p, cast(Calibration, calibration))
    classes = operator.raw_operator.classes_
    element = TensorProto.STRING if is_text(classes) else TensorProto.INT64
    likeliest = g("ArgMax", p, axis=1, keepdims=0)
    g("Gather", g.constant(classes, element), likeliest, out=operator.outputs[0].full_name)
    _written(g, p, operator, 1)


def regressor_shapes(operator: Any) -> None:
    """Tell the type of a `TabularRegressor`'s predictions."""
    n_rows = operator.inputs[0].get_first_dimension()
    predictor, _ = fitted_of(operator.raw_operator)
    operator.outputs[0].type = _output_type(operator)([n_rows, n_outputs(predictor)])


def classifier_shapes(operator: Any) -> None:
    """Tell the types of a `TabularClassifier`'s labels and probabilities."""
    n_rows, classes = operator.inputs[0].get_first_dimension(), operator.raw_operator.classes_
    label = StringTensorType if is_text(classes) else Int64TensorType
    operator.outputs[0].type = label([n_rows])
    operator.outputs[1].type = _output_type(operator)([n_rows, len(classes)])


def register() -> None:
    """Tell skl2onnx of the two estimators."""
    skl2onnx.update_registered_converter(
        TabularClassifier,
        "FastnnTabularClassifier",
        classifier_shapes,
        convert_classifier,
        options=CLASSIFIER_OPTIONS,
    )
    skl2onnx.update_registered_converter(
        TabularRegressor, "FastnnTabularRegressor", regressor_shapes, convert_regressor
    )
