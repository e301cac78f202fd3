"""scikit-learn's neural networks, compiled: same API, same numbers, many times faster."""

from fastnn.classifier import MLPClassifier
from fastnn.conversion import from_sklearn, to_onnx
from fastnn.gradient_check import check_gradient
from fastnn.regressor import MLPRegressor
from fastnn.transformer import MLPTransformer
from fastnn.versions import show_versions

__version__ = "0.1.0"

__all__ = [
    "MLPClassifier",
    "MLPRegressor",
    "MLPTransformer",
    "__version__",
    "check_gradient",
    "from_sklearn",
    "show_versions",
    "to_onnx",
]
