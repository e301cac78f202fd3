"""scikit-learn's neural networks, compiled: same API, same numbers, many times faster."""

from fastnn import moved
from fastnn._version import __version__
from fastnn.convert.from_sklearn import from_sklearn
from fastnn.convert.onnx import to_onnx
from fastnn.estimators.classifier import MLPClassifier
from fastnn.estimators.gradient_check import check_gradient
from fastnn.estimators.regressor import MLPRegressor
from fastnn.estimators.transformer import MLPTransformer
from fastnn.tabular.classifier import TabularClassifier
from fastnn.tabular.regressor import TabularRegressor
from fastnn.versions import show_versions

__all__ = [
    "MLPClassifier",
    "MLPRegressor",
    "MLPTransformer",
    "TabularClassifier",
    "TabularRegressor",
    "__version__",
    "check_gradient",
    "from_sklearn",
    "show_versions",
    "to_onnx",
]

# Where they are defined is nobody's business: saved models and messages name them by this, so that
# moves within the package break no model.
for _name in __all__:
    if _name != "__version__":
        globals()[_name].__module__ = __name__

moved.register(MLPClassifier, MLPRegressor, MLPTransformer)
