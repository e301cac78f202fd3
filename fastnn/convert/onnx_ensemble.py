"""An ensemble for tables as an ONNX graph: scaling, members, their weights and the calibration.

Networks are of float32, as they are trained, and all else is of double.
"""

from typing import Any

import numpy as np
from onnx import TensorProto

from fastnn.convert import onnx_trees
from fastnn.convert.onnx_columns import Cells
from fastnn.convert.onnx_graph import ACTIVATIONS, OUTPUTS, Graph
from fastnn.embedding import Embedding
from fastnn.network import Architecture, Network
from fastnn.tabular.calibration import SMALLEST, Calibration
from fastnn.tabular.ensemble import Predictor
from fastnn.tabular.scaling import BOUND, LARGEST, Scaling


def prediction(g: Graph, predictor: Predictor, cells: Cells) -> str:
    """Predict as the mean over the folds of `Predictor.by_fold`: (n, n_outputs) of double."""
    parts = []
    if predictor.networks:
        inputs = _network_inputs(g, predictor.scaling, cells)
        for member, models in predictor.networks:
            each = _outputs_of_networks(g, [(m.network, m.architecture) for m in models], *inputs)
            if predictor.target_scale is not None:
                scale = predictor.target_scale
                each = g("Add", g("Mul", each, scale.scale), scale.center)
                each = g("Min", g("Max", each, scale.low), scale.high)
            parts.append((member, each))
    if predictor.forests:
        rows = _tree_rows(g, predictor.sizes, cells)
        for member, forest in predictor.forests:
            parts.append((member, onnx_trees.predictions(g, forest, rows)))
    shares = [
        g("Mul", _raised(g, each, member["power"]), member["weight"] / predictor.n_folds)
        for member, each in parts
    ]
    total = shares[0]
    for share in shares[1:]:
        total = g("Add", total, share)
    return g("ReduceSum", total, g.constant([1], TensorProto.INT64), keepdims=0)


def n_outputs(predictor: Predictor) -> int:
    """Columns of a prediction."""
    if predictor.forests:
        return int(predictor.forests[0][1].baseline.shape[1])
    return predictor.networks[0][1][0].network.units[-1]


def _raised(g: Graph, probabilities: str, power: float) -> str:
    if power == 1:
        return probabilities
    return g("Softmax", g("Mul", _logarithms(g, probabilities), power), axis=-1)


def calibrated(g: Graph, probabilities: str, calibration: Calibration) -> str:
    """Change probabilities as `fastnn.tabular.calibration.calibrated`."""
    power, offsets, share, frequencies = calibration
    changed = g("Add", g("Mul", _logarithms(g, probabilities), power), offsets[None])
    changed = g("Softmax", changed, axis=-1)
    return g("Add", g("Mul", changed, 1 - share), share * frequencies[None])


def _logarithms(g: Graph, probabilities: str) -> str:
    return g("Log", g("Max", probabilities, SMALLEST))


# ------------------------------------------------------------------------------- rows for members


def _tree_rows(g: Graph, sizes: np.ndarray, cells: Cells) -> str:
    """Put numbers and codes side by side, missing ones NaN."""
    if cells.codes is None:
        return str(cells.numbers)
    missing = g("Equal", cells.codes, g.constant(sizes[None], TensorProto.INT64))
    codes = g("Where", missing, np.nan, g("Cast", cells.codes, to=TensorProto.DOUBLE))
    return codes if cells.numbers is None else g("Concat", cells.numbers, codes, axis=1)


def _network_inputs(g: Graph, scaling: Scaling, cells: Cells) -> tuple[str | None, str | None]:
    """Scale rows as `fastnn.tabular.scaling.network_rows`.

    Returns
    -------
    plain, codes : str or None
        Numbers and plain columns, of float32, and rows of the tables, of int64.
    """
    parts = [] if cells.numbers is None else _scaled(g, scaling, cells.numbers)
    for j in scaling["indicators"].tolist():
        levels = np.arange(scaling["levels"][j] - 1)[None]
        code = _new_codes(g, scaling, j, str(cells.codes))
        parts.append(g("Equal", code, g.constant(levels, TensorProto.INT64)))
    parts = [g("Cast", part, to=TensorProto.FLOAT) for part in parts]
    codes = [_new_codes(g, scaling, j, str(cells.codes)) for j in scaling["tables"].tolist()]
    plain, tables = (g("Concat", *each, axis=1) if each else None for each in (parts, codes))
    return plain, tables


def _scaled(g: Graph, scaling: Scaling, numbers: str) -> list[str]:
    """Give waved numbers, those of two values, and what tells of gaps."""
    z = g("Mul", g("Sub", numbers, scaling["centers"][None]), scaling["factors"][None])
    z = g("Where", g("IsNaN", z), 0.0, z)
    z = g("Min", g("Max", z, -LARGEST), LARGEST)
    parts = []
    if scaling["waved"].size:
        waved = _picked(g, z, scaling["waved"])
        share = g("Div", waved, BOUND)
        parts.append(g("Div", waved, g("Sqrt", g("Add", g("Mul", share, share), 1.0))))
    if scaling["two_valued"].size:
        two_valued = _picked(g, z, scaling["two_valued"])
        parts.append(g("Min", g("Max", two_valued, -BOUND), BOUND))
    if scaling["with_gaps"].size:
        parts.append(g("IsNaN", _picked(g, numbers, scaling["with_gaps"])))
    return parts


def _picked(g: Graph, A: str, places: np.ndarray) -> str:
    return g("Gather", A, g.constant(places, TensorProto.INT64), axis=1)


def _new_codes(g: Graph, scaling: Scaling, j: int, codes: str) -> str:
    new = g.constant(scaling["codes"][j], TensorProto.INT64)
    return g("Gather", new, g.columns(codes, j, j + 1))


# --------------------------------------------------------------------------------------- networks


def _outputs_of_networks(
    g: Graph, models: list[tuple[Network, Architecture]], plain: str | None, codes: str | None
) -> str:
    """Pass rows through a network of each fold: (n, n_folds, n_outputs) of double."""
    single = Graph(g.scope, g.container, is_double=False)
    outputs = [_outputs(single, *model, plain, codes) for model in models]
    shape = g.constant([-1, len(models), models[0][0].units[-1]], TensorProto.INT64)
    each = g("Reshape", g("Concat", *outputs, axis=1), shape)
    return g("Cast", each, to=TensorProto.DOUBLE)


def _outputs(
    g: Graph, network: Network, architecture: Architecture, plain: str | None, codes: str | None
) -> str:
    embedding: Any = architecture.embedding
    A = _embedded(g, embedding, network.embedded, plain, codes)
    layers = zip(network.coefs, network.intercepts, strict=True)
    Z = ""
    for l, (W, b) in enumerate(layers):
        Z = g("Add", g("MatMul", A, W), b)
        if l < len(network.bends):
            function = ACTIVATIONS[architecture.activations[l]]
            A = g("Add", Z, g("Mul", g("Sub", function(g, Z), Z), network.bends[l]))
    return OUTPUTS[architecture.output](g, Z)


def _embedded(
    g: Graph,
    embedding: Embedding,
    learnt: dict[str, np.ndarray],
    plain: str | None,
    codes: str | None,
) -> str:
    """Embed rows, as `fastnn.kernels.embeddings` tells."""
    parts = []
    if plain is not None:
        parts.append(plain)
    if plain is not None and embedding.n_numbers:
        x = g.columns(plain, 0, embedding.n_numbers)
        parts.append(_waves(g, embedding, learnt, x))
    if codes is not None:
        starts = g.constant([embedding.table_starts], TensorProto.INT64)
        rows = g("Gather", learnt["tables"], g("Add", codes, starts))
        width = len(embedding.levels) * embedding.table_width
        parts.append(g("Reshape", rows, g.constant([-1, width], TensorProto.INT64)))
    return g("Mul", g("Concat", *parts, axis=1), learnt["scale"])


def _waves(g: Graph, embedding: Embedding, learnt: dict[str, np.ndarray], x: str) -> str:
    """Give the waves of numbers: (n, n_numbers * n_waves).

    Numbers come first, (n_numbers, n, n_frequencies), as products are of the last two.
    """
    x = g("Unsqueeze", g("Transpose", x, perm=[1, 0]), g.constant([2], TensorProto.INT64))
    turns = g("Add", g("Mul", x, learnt["frequencies"][:, None]), learnt["phases"][:, None])
    angles = g("Mul", g("Sub", turns, g("Round", turns)), 2 * np.pi)
    waves = g("MatMul", g("Cos", angles), learnt["mix"].transpose(0, 2, 1))
    waves = g("Add", waves, learnt["shift"][:, None])
    width = embedding.n_numbers * embedding.n_waves
    waves = g("Transpose", waves, perm=[1, 0, 2])
    return g("Reshape", waves, g.constant([-1, width], TensorProto.INT64))
