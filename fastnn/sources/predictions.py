"""Predictions for a source, part by part, kept in memory or written to a Parquet file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fastnn.files import replacing
from fastnn.sources.blocks import PartsSource
from fastnn.sources.pipeline import named

ROWS_AT_ONCE = 1 << 17  # of a row group that is written


def predict(source: PartsSource, model: Any, path: Any, method: str) -> np.ndarray | Path:
    """Predict: what `Source.predict` does."""
    parts = _predictions(source, model, method)
    if path is None:
        return np.concatenate(list(parts))
    with replacing(Path(path)) as temporary:
        _write(parts, temporary, _labels(model, method))
    return Path(path)


def _predictions(source: PartsSource, model: Any, method: str) -> Iterator[np.ndarray]:
    names = source.blocks.names if hasattr(model, "feature_names_in_") else None
    for part in source.parts():
        predicted = getattr(model, method)(named(part.X, names))
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


def _write(parts: Iterator[np.ndarray], path: Path, labels: list[Any] | None) -> None:
    import pyarrow as pa  # needs the extra `cli`
    import pyarrow.parquet as pq

    writer: Any = None
    waiting: list[np.ndarray] = []
    n_waiting = 0

    def flush() -> None:
        nonlocal writer, n_waiting
        columns = _columns(np.concatenate(waiting), labels)
        table = pa.table(columns)
        if writer is None:
            writer = pq.ParquetWriter(path, table.schema)
        writer.write_table(table.cast(writer.schema))
        waiting.clear()
        n_waiting = 0

    try:
        for predicted in parts:
            waiting.append(predicted)
            n_waiting += len(predicted)
            if n_waiting >= ROWS_AT_ONCE:
                flush()
        if waiting:
            flush()
    finally:
        if writer is not None:
            writer.close()


def _columns(predicted: np.ndarray, labels: list[Any] | None) -> dict[str, np.ndarray]:
    if predicted.ndim == 1:
        return {"prediction": predicted}
    known = labels if labels is not None and len(labels) == predicted.shape[1] else None
    what = "prediction" if known is None else "probability"
    names = range(predicted.shape[1]) if known is None else known
    return {f"{what}_{name}": column for name, column in zip(names, predicted.T, strict=True)}
