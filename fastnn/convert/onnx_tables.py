"""Models of `fastnn train` as ONNX graphs, with one input for each column."""

from typing import Any

import numpy as np
import skl2onnx
from onnx import TensorProto
from skl2onnx.common.data_types import FloatTensorType
from sklearn.pipeline import Pipeline

from fastnn.convert.onnx_columns import column_inputs, read_columns, used_columns
from fastnn.convert.onnx_graph import Graph
from fastnn.tables.encoder import TableEncoder


def without_reading(model: Pipeline) -> tuple[Pipeline, list[tuple[str, Any]]]:
    """Take off the step that reads cells, and tell the inputs of the others.

    Parameters
    ----------
    model : Pipeline
        A model of `fastnn train`.

    Returns
    -------
    rest : Pipeline
        The steps after it.
    inputs : list of (str, type)
        Name and type of each column that is not left out.
    """
    rest = Pipeline(model.steps[1:])
    return rest, column_inputs(rest.steps[0][1].columns_)


def encoder_shapes(operator: Any) -> None:
    """Tell the type of an encoder's matrix."""
    n_rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].type = FloatTensorType([n_rows, operator.raw_operator.n_outputs_])


def convert_encoder(scope: Any, operator: Any, container: Any) -> None:
    """Add the graph of a `TableEncoder`."""
    encoder = operator.raw_operator
    g = Graph(scope, container, is_double=True)
    names = [variable.full_name for variable in operator.inputs]
    inputs = dict(zip(used_columns(encoder.columns_), names, strict=True))
    cells = read_columns(g, encoder.columns_, inputs)
    parts = [] if cells.numbers is None else _standardized(g, encoder, cells.numbers)
    for i, places in enumerate(encoder.places_):
        code = g.columns(str(cells.codes), i, i + 1)
        place = g("Gather", g.constant(places, TensorProto.INT64), code)
        columns = np.arange(places[places >= 0].min(), places.max() + 1)[None]
        parts.append(g("Equal", place, g.constant(columns, TensorProto.INT64)))
    parts = [g("Cast", part, to=TensorProto.FLOAT) for part in parts]
    g("Concat", *parts, axis=1, out=operator.outputs[0].full_name)


def _standardized(g: Graph, encoder: TableEncoder, numbers: str) -> list[str]:
    """Fill gaps, standardize, and put the indicators of gaps beside."""
    gaps = g("IsNaN", numbers)
    filled = g("Where", gaps, encoder.medians_, numbers)
    parts = [g("Div", g("Sub", filled, encoder.means_), encoder.scales_)]
    if encoder.gaps_.any():
        places = g.constant(np.flatnonzero(encoder.gaps_), TensorProto.INT64)
        parts.append(g("Gather", gaps, places, axis=1))
    return parts


def register() -> None:
    """Tell skl2onnx of the encoder."""
    skl2onnx.update_registered_converter(
        TableEncoder, "FastnnTableEncoder", encoder_shapes, convert_encoder
    )
