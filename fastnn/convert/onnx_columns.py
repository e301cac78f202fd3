"""A table's columns as an ONNX graph: what `fastnn.columns.transform` does.

Levels of categories are looked up by LabelEncoder, which knows texts and whole numbers; the few
that are no whole numbers are compared one by one.

Numbers come as double, NaN where missing, and booleans as such; texts as strings, of which any that
training had not is as good as missing; dates as nanoseconds since 1970, times of a day since
midnight, and durations as nanoseconds, the smallest int64 where missing.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
from onnx import TensorProto
from skl2onnx.common.data_types import (
    BooleanTensorType,
    DoubleTensorType,
    Int64TensorType,
    StringTensorType,
)

from fastnn.columns import Columns, list_levels
from fastnn.columns.dates import DAY, DECIMALS, MISSING, Clock, period_of
from fastnn.columns.levels import Levels, n_levels
from fastnn.columns.record import HOLDS, name_of
from fastnn.convert.onnx_graph import Graph

LARGEST_WHOLE = 2**53  # from here on not every whole number is a double


class Cells(NamedTuple):
    """Names of a table's numbers, (n, n_numbers) of double, and codes, (n, n_categories) of int64.

    None where there are none.
    """

    numbers: str | None
    codes: str | None


TYPES = {
    "number": DoubleTensorType,
    "text": StringTensorType,
    "boolean": BooleanTensorType,
    "date": Int64TensorType,
    "time": Int64TensorType,
    "duration": Int64TensorType,
}


def used_columns(columns: Columns) -> list[int]:
    """Places of the columns that are not left out."""
    used = [columns[kind] for kind in ("numbers", "categories", "dates")]
    return np.sort(np.concatenate(used)).tolist()


def column_inputs(columns: Columns, with_gaps: Collection[int] = ()) -> list[tuple[str, Any]]:
    """Name the inputs of a table, one for each column that is not left out, with their types.

    Parameters
    ----------
    columns : Columns
    with_gaps : collection of int
        Places of booleans that are to be doubles, so that one can be missing.

    Raises
    ------
    ValueError
        If a column has no name.
    """
    inputs = []
    for place in used_columns(columns):
        name = name_of(columns, place)
        if not name:
            raise ValueError(
                f"Column {place} has an empty name, which no input of ONNX can have: rename it."
            )
        kind = DoubleTensorType if place in with_gaps else TYPES[HOLDS[columns["holds"][place]]]
        inputs.append((name, kind([None, 1])))
    return inputs


def read_matrix(g: Graph, columns: Columns, X: str) -> Cells:
    """Read a table of numbers that is one input, of double.

    Raises
    ------
    ValueError
        If a column held something else than numbers and booleans.
    """
    for place in used_columns(columns):
        if HOLDS[columns["holds"][place]] not in ("number", "boolean"):
            raise ValueError(
                f"Column {name_of(columns, place)!r} held {HOLDS[columns['holds'][place]]}s in "
                "training, which a matrix of numbers has no place for: give to_onnx the estimator "
                "for tables itself, not a model around it, and as X_sample rows of the table."
            )
    places = columns["numbers"]
    numbers = [g("Gather", X, _whole(g, places), axis=1)] if places.size else []
    codes = [
        _codes(g, columns, i, place, g.columns(X, place, place + 1))
        for i, place in enumerate(columns["categories"].tolist())
    ]
    return Cells(_side_by_side(g, numbers), _side_by_side(g, codes))


def read_columns(g: Graph, columns: Columns, inputs: dict[int, str]) -> Cells:
    """Read a table of which each column is an input.

    Parameters
    ----------
    g : Graph
        Of double precision.
    columns : Columns
    inputs : dict of int to str
        Name of the input, of shape (n, 1), by the place of its column.
    """
    numbers = [_number(g, columns, place, inputs[place]) for place in columns["numbers"].tolist()]
    for place, clock in zip(columns["dates"].tolist(), columns["clocks"], strict=True):
        numbers += _features(g, clock, inputs[place])
    codes = [
        _codes(g, columns, i, place, inputs[place])
        for i, place in enumerate(columns["categories"].tolist())
    ]
    return Cells(_side_by_side(g, numbers), _side_by_side(g, codes))


def _side_by_side(g: Graph, parts: list[str]) -> str | None:
    if len(parts) < 2:
        return parts[0] if parts else None
    return g("Concat", *parts, axis=1)


def _whole(g: Graph, values: int | np.ndarray | list[int]) -> str:
    return g.constant(values, TensorProto.INT64)


def _double(g: Graph, x: str) -> str:
    return g("Cast", x, to=TensorProto.DOUBLE)


# ------------------------------------------------------------------------------ numbers and dates


def _number(g: Graph, columns: Columns, place: int, x: str) -> str:
    is_duration = HOLDS[columns["holds"][place]] == "duration"
    return _days(g, x) if is_duration else _double(g, x)


def _microseconds(g: Graph, x: str) -> tuple[str, str]:
    """Microseconds of nanoseconds, rounded down and 0 where missing, and where they are."""
    missing = g("Equal", x, _whole(g, MISSING))
    x = g("Where", missing, _whole(g, 0), x)
    rest = g("Mod", x, _whole(g, 1000))
    return g("Div", g("Sub", x, rest), _whole(g, 1000)), missing


def _days(g: Graph, x: str) -> str:
    """Days of a duration in nanoseconds."""
    microseconds, missing = _microseconds(g, x)
    return g("Where", missing, np.nan, g("Div", _double(g, microseconds), float(DAY)))


def _features(g: Graph, clock: Clock, x: str) -> list[str]:
    """Give the numbers of dates, as `fastnn.columns.dates.write_features`."""
    microseconds, missing = _microseconds(g, x)
    numbers = []
    for feature in clock["features"]:
        if feature == "days":
            since = g("Sub", microseconds, _whole(g, clock["origin"]))
            number = g("Div", _double(g, since), float(DAY))
        else:
            cycle, wave = feature.split("_")
            number = _wave(g, microseconds, period_of(cycle), wave)
        numbers.append(g("Where", missing, np.nan, number))
    return numbers


def _wave(g: Graph, microseconds: str, period: int, wave: str) -> str:
    place = g("Mod", microseconds, _whole(g, period))
    angle = g("Mul", _double(g, place), 2 * np.pi / period)
    if wave == "cos":  # ONNX Runtime had Cos for float32 alone
        angle = g("Add", angle, np.pi / 2)
    scale = 10.0**DECIMALS
    return g("Div", g("Round", g("Mul", g("Sin", angle), scale)), scale)


# -------------------------------------------------------------------------------------- categories


def _codes(g: Graph, columns: Columns, i: int, place: int, x: str) -> str:
    """Give the codes of a column: int64, the number of levels where missing or unknown."""
    levels, holds = columns["levels"][i], HOLDS[columns["holds"][place]]
    return CODES[holds](g, levels, x, name_of(columns, place))


def _codes_of_texts(g: Graph, levels: Levels, x: str, name: str) -> str:
    known = {text: k for k, text in enumerate(list_levels(levels)) if _is_text_of_onnx(text)}
    return _encoded(g, x, "strings", known, n_levels(levels))


def _is_text_of_onnx(text: str) -> bool:
    """Whether a text can be in a graph; one with half of a pair of UTF-16 cannot, nor come in."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _codes_of_numbers(g: Graph, levels: Levels, x: str, name: str) -> str:
    known = levels["numbers"]
    if known.dtype.kind == "i" and (np.abs(known) >= LARGEST_WHOLE).any():
        raise ValueError(
            f"Column {name!r} holds categories that are whole numbers of 2**53 and more, such as "
            f"{known[np.abs(known).argmax()]}, which inputs of double cannot tell apart: train on "
            "them as texts."
        )
    return _looked_up(g, known, _double(g, x))


def _codes_of_durations(g: Graph, levels: Levels, x: str, name: str) -> str:
    return _looked_up(g, np.array(list_levels(levels), np.float64), _days(g, x))


def _codes_of_dates(g: Graph, levels: Levels, x: str, name: str) -> str:
    known = np.array(list_levels(levels), "M8[us]").view(np.int64).tolist()
    microseconds, missing = _microseconds(g, x)
    microseconds = g("Where", missing, _whole(g, MISSING), microseconds)
    return _encoded(g, microseconds, "int64s", _numbered(known), len(known))


CODES: dict[str, Callable[[Graph, Levels, str, str], str]] = {
    "text": _codes_of_texts,
    "number": _codes_of_numbers,
    "boolean": _codes_of_numbers,
    "date": _codes_of_dates,
    "time": _codes_of_dates,
    "duration": _codes_of_durations,
}


def _looked_up(g: Graph, known: np.ndarray, x: str) -> str:
    """Codes of double numbers."""
    k = len(known)
    if (known == np.floor(known)).all() and (np.abs(known) < LARGEST_WHOLE).all():
        keys = known.astype(np.int64)
        small = g("Less", g("Abs", x), float(LARGEST_WHOLE))  # not NaN either
        may_be = g("And", small, g("Equal", g("Floor", x), x))
        none = float(keys.max() + 1)
        x = g("Cast", g("Where", may_be, x, none), to=TensorProto.INT64)
        return _encoded(g, x, "int64s", _numbered(keys.tolist()), k)
    found = _double(g, g("Equal", x, known[None]))
    code = g("Add", g("MatMul", found, (np.arange(k) - k)[:, None]), float(k))
    return g("Cast", code, to=TensorProto.INT64)


def _numbered(keys: list[int]) -> dict[int, int]:
    return {key: k for k, key in enumerate(keys)}


def _encoded(g: Graph, x: str, kind: str, codes: Mapping[Any, int], default: int) -> str:
    attributes: dict[str, Any] = {f"keys_{kind}": list(codes), "default_int64": default}
    values = list(codes.values())
    return g(
        "LabelEncoder",
        x,
        op_domain="ai.onnx.ml",
        op_version=2,
        values_int64s=values,
        **attributes,
    )
