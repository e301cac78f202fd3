"""Predictions for a source, part by part, kept in memory or written to a Parquet file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fastnn.files import replacing
from fastnn.sources.blocks import PartsSource
from fastnn.sources.pipeline import named
from fastnn.warn import OneCall


def predict(source: PartsSource, model: Any, path: Any, method: str) -> np.ndarray | Path:
    """Predict: what `Source.predict` does."""
    parts = _predictions(source, model, method)
    if path is None:
        return np.concatenate(list(parts))
    from fastnn.sources.parquet_output import write  # extra cli, as pyarrow

    with replacing(Path(path)) as temporary:
        write(parts, temporary, _labels(model, method))
    return Path(path)


def _predictions(source: PartsSource, model: Any, method: str) -> Iterator[np.ndarray]:
    names = source.blocks.names if hasattr(model, "feature_names_in_") else None
    one_call = OneCall()
    for part in source.parts():
        predicted = one_call.of(getattr(model, method), named(part.X, names))
        if isinstance(predicted, list):  # of several targets
            predicted = np.concatenate(predicted, axis=1)
        yield predicted


def _labels(model: Any, method: str) -> list[Any] | None:
    """Give what columns of probabilities are called by."""
    classes = getattr(model, "classes_", None)
    if not method.endswith("proba") or classes is None:
        return None
    if isinstance(classes, list):
        return [f"{k}_{label}" for k, known in enumerate(classes) for label in known]
    return list(classes)
