"""Models of `fastnn train` as ONNX graphs, with one input for each column.

Numbers come as double, NaN where missing; texts as strings, empty where missing; dates as
nanoseconds since 1970, the smallest int64 where missing.
"""

from typing import Any

import numpy as np
import skl2onnx
from onnx import TensorProto
from skl2onnx.common.data_types import (
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn.pipeline import Pipeline

from fastnn.columns import KINDS, list_levels
from fastnn.columns.dates import DAY, MISSING, PERIODS
from fastnn.convert.onnx_graph import Graph
from fastnn.tables.encoder import TableEncoder

_TYPES = {"category": StringTensorType, "date": Int64TensorType}


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
        Name and type of each column.
    """
    rest = Pipeline(model.steps[1:])
    encoder = rest.steps[0][1]
    kinds = [KINDS[kind] for kind in encoder.columns_["kinds"]]
    types = [_TYPES.get(kind, DoubleTensorType)([None, 1]) for kind in kinds]
    names = encoder.feature_names_in_.tolist()
    return rest, list(zip(names, types, strict=True))


def encoder_shapes(operator: Any) -> None:
    """Tell the type of an encoder's matrix."""
    n_rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].type = FloatTensorType([n_rows, operator.raw_operator.n_outputs_])


def convert_encoder(scope: Any, operator: Any, container: Any) -> None:
    """Add the graph of a `TableEncoder`."""
    encoder = operator.raw_operator
    g = Graph(scope, container, is_double=True)
    inputs = [variable.full_name for variable in operator.inputs]
    columns = encoder.columns_
    parts = []
    numbers = [inputs[place] for place in columns["numbers"].tolist()]
    for place, clock in zip(columns["dates"].tolist(), columns["clocks"], strict=True):
        numbers += _date(g, inputs[place], clock)
    if numbers:
        parts += _standardized(g, encoder, numbers)
    for place, places, levels in zip(
        columns["categories"].tolist(), encoder.places_, columns["levels"], strict=True
    ):
        parts.append(_indicators(g, inputs[place], places, list_levels(levels)))
    g("Concat", *parts, axis=1, out=operator.outputs[0].full_name)


def _standardized(g: Graph, encoder: TableEncoder, numbers: list[str]) -> list[str]:
    """Fill gaps, standardize, and put the indicators of gaps beside."""
    X = g("Concat", *numbers, axis=1)
    gaps = g("IsNaN", X)
    filled = g("Where", gaps, encoder.medians_, X)
    scaled = g("Div", g("Sub", filled, encoder.means_), encoder.scales_)
    parts = [g("Cast", scaled, to=TensorProto.FLOAT)]
    if encoder.gaps_.any():
        places = g.constant(np.flatnonzero(encoder.gaps_), TensorProto.INT64)
        flags = g("Cast", gaps, to=TensorProto.FLOAT)
        parts.append(g("Gather", flags, places, axis=1))
    return parts


def _date(g: Graph, nanoseconds: str, clock: Any) -> list[str]:
    """Make the numbers of a date: the trend in days, and the cycles."""
    missing = g("Equal", nanoseconds, g.constant(MISSING, TensorProto.INT64))
    microseconds = g("Div", nanoseconds, g.constant(1000, TensorProto.INT64))
    since_origin = g("Sub", microseconds, g.constant(clock["origin"], TensorProto.INT64))
    numbers = []
    for feature in clock["features"]:
        if feature == "days":
            value = g("Div", g("Cast", since_origin, to=g.element), float(DAY))
        else:
            cycle, wave = feature.split("_")
            turns = g("Div", g("Cast", microseconds, to=g.element), DAY * PERIODS[cycle])
            share = g("Sub", turns, g("Floor", turns))
            value = g(wave.capitalize(), g("Mul", share, 2 * np.pi))
        numbers.append(g("Where", missing, np.nan, value))
    return numbers


def _indicators(g: Graph, texts: str, places: np.ndarray, levels: list[str]) -> str:
    """Make the indicators of a category; a place beyond the last is none."""
    first = int(places[places >= 0].min())
    n = int(places.max()) - first + 1
    others = int(places[-1]) - first if places[-1] >= 0 else n
    codes = {text: int(place) - first for text, place in zip(levels, places[:-1], strict=True)}
    kept = {text: code for text, code in codes.items() if code != others}
    code = g.scope.get_unique_variable_name("code")
    g.container.add_node(
        "LabelEncoder",
        [texts],
        code,
        op_domain="ai.onnx.ml",
        op_version=2,
        name=g.scope.get_unique_operator_name("LabelEncoder"),
        keys_strings=list(kept),
        values_int64s=list(kept.values()),
        default_int64=others,
    )
    flat = g("Reshape", code, g.constant([-1], TensorProto.INT64))
    off_on = g.constant([0, 1], TensorProto.FLOAT)
    return g("OneHot", flat, g.constant([n], TensorProto.INT64), off_on, axis=1)


def register() -> None:
    """Tell skl2onnx of the encoder."""
    skl2onnx.update_registered_converter(
        TableEncoder, "FastnnTableEncoder", encoder_shapes, convert_encoder
    )
