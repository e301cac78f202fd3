"""scikit-learn's pipelines over a source: transformers learn by `partial_fit`, block by block."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import get_tags

from fastnn.sources.blocks import PartsSource


def fit_pipeline(pipeline: Any, source: PartsSource) -> Any:
    """Fit a pipeline to a source: what `Source.fit_pipeline` does."""
    names = source.blocks.names
    for place, (name, step) in enumerate(pipeline.steps[:-1]):
        if step is None or step == "passthrough":
            continue
        transformer = _fitted(clone(step), name, source, names)
        pipeline.steps[place] = (name, transformer)
        source = source.map(_transform(transformer, names))
        names = None
    pipeline.steps[-1][1].fit(source)
    return pipeline


def _fitted(transformer: Any, name: str, source: PartsSource, names: list[str] | None) -> Any:
    if hasattr(transformer, "partial_fit"):
        for part in source.parts():
            transformer.partial_fit(named(part.X, names), part.y)
        return transformer
    if get_tags(transformer).requires_fit:
        raise ValueError(
            f"The step {name!r}, {type(transformer).__name__}, has no partial_fit, which a source "
            "needs as its rows come in blocks: use a transformer that has, or one that is fitted "
            "to a sample, in source.map(transformer.transform)."
        )
    part = next(source.parts())
    return transformer.fit(named(part.X, names), part.y)


def _transform(transformer: Any, names: list[str] | None) -> Callable[[Any], Any]:
    def transform(X: Any) -> Any:
        X = transformer.transform(named(X, names))
        return X.to_numpy() if hasattr(X, "to_numpy") else X

    return transform


def named(X: Any, names: list[str] | None) -> Any:
    """Give an array the names of its columns, as a frame of pandas where that is installed."""
    if names is None or not isinstance(X, np.ndarray):
        return X
    try:
        import pandas as pd  # extra cli
    except ImportError:
        return X
    return pd.DataFrame(X, columns=names, copy=False)
