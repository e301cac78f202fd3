"""A model carried over to ONNX."""

from typing import Any

from sklearn.base import BaseEstimator, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from fastnn.tabular.base import BaseTabular


def to_onnx(model: BaseEstimator, X_sample: Any = None, **options: Any) -> Any:
    """Convert a fitted estimator, or a pipeline that holds one, to ONNX.

    Parameters
    ----------
    model : estimator
        An `MLPClassifier`, `MLPRegressor`, `TabularClassifier` or `TabularRegressor`, a
        scikit-learn model that contains them, or a model of `fastnn train`.
    X_sample : array-like of shape (n_samples, n_features), default=None
        A few rows, from which names and dtypes of the inputs are read. Give float32 rows for a
        graph in single precision. Only estimators for tables and models of `fastnn train` do
        without: they know their own inputs.
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
    ValueError
        If the model has something that ONNX has not: the message names it.

    Notes
    -----
    An estimator for tables, or a model of `fastnn train`, has an input of shape (n, 1) for each
    column, by its name or as ``x0``; columns that were left out in training have none. These are

    - for numbers, double, NaN where missing;
    - for texts, strings. A text that training had not, such as an empty one, counts as missing;
    - for booleans, bool; double, NaN where missing, if those of `X_sample` have gaps;
    - for dates, int64, nanoseconds since 1970 (of UTC, where they had a time zone), and for times
      of a day and durations theirs; the smallest int64, which is NumPy's NaT, where missing.

    A column of numbers that was declared to be categories has numbers. Where training rows were an
    array of numbers and `X_sample` is one, there is one input ``X`` instead, the matrix, which has
    the left out columns, too. Networks compute in float32 and everything else in double, so that
    results agree to 1e-5 of a probability or of the target's standard deviation. Intervals and
    sets of classes are not converted.

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
        from fastnn.convert import onnx_graph, onnx_tabular  # extra onnx, 270 ms
    except ImportError as error:
        raise ImportError(
            "to_onnx needs skl2onnx: install the extra with `fastnn-mlp[onnx]`."
        ) from error
    check_is_fitted(model)
    onnx_tabular.register()
    inputs = None
    if isinstance(model, BaseTabular):
        inputs = onnx_tabular.input_types(model, X_sample)
    elif isinstance(model, Pipeline) and type(model.steps[0][1]).__module__ == "fastnn.tables":
        from fastnn.convert import onnx_tables  # extra cli, which has made the model

        onnx_tables.register()
        model, inputs = onnx_tables.without_reading(model)
    if is_classifier(model):
        options.setdefault("options", {id(model): {"zipmap": False}})
    if inputs is not None:
        return onnx_graph.convert_typed(model, inputs, **options)
    if X_sample is None:
        raise ValueError(
            f"to_onnx needs X_sample for a {type(model).__name__}: a few rows, which tell the type "
            "of its inputs."
        )
    return onnx_graph.convert(model, X_sample, **options)
