"""scikit-learn's neural networks, compiled: same API, same numbers, many times faster.

Public names are imported when they are first asked for: the command line answers `--help` in a
fifth of the second that scikit-learn takes.
"""

from __future__ import annotations

from importlib import import_module

from fastnn import moved
from fastnn._version import __version__

TYPE_CHECKING = False  # as in `typing`, whose import is 6 of 20 ms before the command hears Ctrl-C

if TYPE_CHECKING:
    from typing import Any

    from fastnn.convert.from_sklearn import from_sklearn
    from fastnn.convert.onnx import to_onnx
    from fastnn.estimators.classifier import MLPClassifier
    from fastnn.estimators.gradient_check import check_gradient
    from fastnn.estimators.regressor import MLPRegressor
    from fastnn.estimators.transformer import MLPTransformer
    from fastnn.sources.make import make_source
    from fastnn.sources.preprocessor import BlockPreprocessor
    from fastnn.tabular.classifier import TabularClassifier
    from fastnn.tabular.regressor import TabularRegressor
    from fastnn.versions import show_versions

__all__ = [
    "BlockPreprocessor",
    "MLPClassifier",
    "MLPRegressor",
    "MLPTransformer",
    "TabularClassifier",
    "TabularRegressor",
    "__version__",
    "check_gradient",
    "from_sklearn",
    "make_source",
    "show_versions",
    "to_onnx",
]

# Where each is defined is nobody's business: saved models and messages name them by this package,
# so that moves within it break no model.
_PLACES = {
    "BlockPreprocessor": "fastnn.sources.preprocessor",
    "MLPClassifier": "fastnn.estimators.classifier",
    "MLPRegressor": "fastnn.estimators.regressor",
    "MLPTransformer": "fastnn.estimators.transformer",
    "TabularClassifier": "fastnn.tabular.classifier",
    "TabularRegressor": "fastnn.tabular.regressor",
    "check_gradient": "fastnn.estimators.gradient_check",
    "from_sklearn": "fastnn.convert.from_sklearn",
    "make_source": "fastnn.sources.make",
    "show_versions": "fastnn.versions",
    "to_onnx": "fastnn.convert.onnx",
}
_MODULES = (
    "callbacks",
    "convert",
    "dask",
    "display",
    "estimators",
    "progress",
    "tables",
    "versions",
)


def __getattr__(name: str) -> Any:
    """Import a public name, or a public module."""
    if name in _MODULES:
        return import_module(f"fastnn.{name}")
    if name not in _PLACES:
        raise AttributeError(f"module 'fastnn' has no attribute {name!r}")
    value = getattr(import_module(_PLACES[name]), name)
    value.__module__ = __name__
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


moved.register("MLPClassifier", "MLPRegressor", "MLPTransformer")
