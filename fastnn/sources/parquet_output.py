"""Parquet files of predictions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS_AT_ONCE = 1 << 17  # of a row group that is written


def write(parts: Iterator[np.ndarray], path: Path, labels: list[Any] | None) -> None:
    """Write predictions, part by part.

    Parameters
    ----------
    parts : iterator of ndarray of shape (n,) or (n, n_columns)
    path : Path
    labels : list or None
        What columns of probabilities are called by; None for other predictions.
    """
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
