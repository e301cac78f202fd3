"""A model carried over to ONNX."""

from typing import Any

from sklearn.base import BaseEstimator, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted


def to_onnx(model: BaseEstimator, X_sample: Any, **options: Any) -> Any:
    """Convert a fitted estimator, or a pipeline that holds one, to ONNX.

    Parameters
    ----------
    model : estimator
        An `MLPClassifier` or `MLPRegressor`, a scikit-learn model that contains them, or a model
        of `fastnn train`.
    X_sample : array-like of shape (n_samples, n_features)
        A few rows, from which names and dtypes of the inputs are read. Give float32 rows for a
        graph in single precision. A model of `fastnn train` knows its own inputs, one a column:
        numbers as double (NaN where missing), texts as strings (empty where missing), dates as
        int64, nanoseconds since 1970.
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
    initial_types = None
    if isinstance(model, Pipeline) and type(model.steps[0][1]).__module__ == "fastnn.tables":
        from fastnn.convert import onnx_tables  # extra cli, which has made the model

        onnx_tables.register()
        model, initial_types = onnx_tables.without_reading(model)
    if is_classifier(model):
        options.setdefault("options", {id(model): {"zipmap": False}})
    if initial_types is not None:
        return onnx_graph.convert(model, initial_types=initial_types, **options)
    return onnx_graph.convert(model, X_sample, **options)
