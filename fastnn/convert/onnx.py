"""A model carried over to ONNX."""

from typing import Any

from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils.validation import check_is_fitted


def to_onnx(model: BaseEstimator, X_sample: Any, **options: Any) -> Any:
    """Convert a fitted estimator, or a pipeline that holds one, to ONNX.

    Parameters
    ----------
    model : estimator
        An `MLPClassifier` or `MLPRegressor`, or a scikit-learn model that contains them.
    X_sample : array-like of shape (n_samples, n_features)
        A few rows, from which names and dtypes of the inputs are read. Give float32 rows for a
        graph in single precision.
    **options : dict
        Passed on to :func:`skl2onnx.to_onnx`.

    Returns
    -------
    onnx_model : onnx.ModelProto
        A classifier's outputs are the labels and an array of probabilities.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.
    NotFittedError
        If the model is not fitted.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnn
    >>> X, y = [[0.0], [1.0]], [0, 1]
    >>> model = fastnn.MLPClassifier(solver="lbfgs", random_state=0).fit(X, y)
    >>> onnx_model = fastnn.to_onnx(model, np.array(X, dtype=np.float32))
    >>> [output.name for output in onnx_model.graph.output]
    ['label', 'probabilities']
    """
    try:
        from fastnn.convert import onnx_graph  # extra onnx, 270 ms
    except ImportError as error:
        raise ImportError(
            "to_onnx needs skl2onnx: install the extra with `fastnn-mlp[onnx]`."
        ) from error
    check_is_fitted(model)
    if is_classifier(model):
        options.setdefault("options", {id(model): {"zipmap": False}})
    return onnx_graph.convert(model, X_sample, **options)
