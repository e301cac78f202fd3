"""Targets: from a user's y to the numbers that a network is trained on, and back."""

import math
from numbers import Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import type_of_target

from fastnn.kernels.losses import LOSSES
from fastnn.training.dataset import Targets


def class_targets(
    y: Any,
    classes: Any,
    binarizer: LabelBinarizer | None,
    loss: str,
    smoothing: float,
    gamma: float,
) -> Targets:
    """Encode labels of known classes.

    Parameters
    ----------
    y : {ndarray, sparse matrix} of shape (n_samples,) or (n_samples, n_columns)
        Labels, an indicator matrix (multilabel), or a column of labels for each target.
    classes : ndarray of shape (n_classes,), or list of such
        Sorted; a list where there are several targets.
    binarizer : LabelBinarizer or None
        Fitted to the classes; None where there are several targets.
    loss : {"log_loss", "focal"}
    smoothing, gamma : float
        Label smoothing, and the focal loss' exponent.

    Returns
    -------
    targets : Targets

    Raises
    ------
    ValueError
        If y is an indicator matrix and the classes are not, or y has unknown labels.
    """
    kernel = f"smoothed_{loss}" if smoothing else loss
    binary = f"smoothed_binary_{loss}" if smoothing else f"binary_{loss}"
    settings = (smoothing,) if loss == "log_loss" else (gamma,)
    if binarizer is None:
        if np.shape(y)[1:] != (len(classes),):
            raise ValueError(
                f"y of shape {np.shape(y)} does not go with {len(classes)} targets: it needs a "
                "column for each."
            )
        columns = [_codes(y[:, k], known) for k, known in enumerate(classes)]
        blocks = tuple(len(known) for known in classes)
        codes = np.stack(columns, axis=1)
        return Targets(codes, sum(blocks), "softmax", kernel, settings, blocks)
    multilabel = binarizer.y_type_.startswith("multilabel")
    if multilabel or (np.ndim(y) != 1 and type_of_target(y).startswith("multilabel")):
        indicators = binarizer.transform(y)
        return Targets(indicators, indicators.shape[1], "logistic", binary, settings)
    codes = _codes(y, classes).astype(np.min_scalar_type(len(classes)))
    if binarizer.y_type_ == "multiclass":
        return Targets(codes[:, None], classes.size, "softmax", kernel, settings)
    return Targets(codes[:, None], 1, "logistic", binary, settings, strata=y)


def dense_labels(y: Any) -> Any:
    """Make sparse labels dense, save for an indicator matrix, which scikit-learn takes as it is."""
    if not sparse.issparse(y) or type_of_target(y).startswith("multilabel"):
        return y
    return y.toarray()


def row_weights(class_weight: Any, y: Any, y_train: Any, classes: Any) -> np.ndarray:
    """Weight each row by its class: the product over targets, where there are several.

    Parameters
    ----------
    class_weight : dict, "balanced" or list of these
        As the classifier has it. A class that a dict does not name weighs 1.
    y, y_train : {ndarray, sparse matrix} of shape (n_samples,) or (n_samples, n_targets)
        Labels of these rows, and those by whose frequencies "balanced" goes.
    classes : ndarray of shape (n_classes,), or list of such
        All classes; those of an indicator matrix' columns are 0 and 1.

    Raises
    ------
    ValueError
        If the weights do not go with the classes, or one is below 0.
    """
    columns, trained = _columns(y), _columns(y_train)
    several = class_weight if isinstance(class_weight, list) else [class_weight] * len(columns)
    if len(several) != len(columns) or (len(columns) > 1 and isinstance(class_weight, dict)):
        raise ValueError(
            f"class_weight={class_weight} does not go with y of shape {y.shape}: use 'balanced', "
            "a dict for one target, or a list with one of these for each of several."
        )
    weights = np.ones(y.shape[0])
    for k, given in enumerate(several):
        known = classes if y.ndim == 1 else classes[k] if isinstance(classes, list) else [0, 1]
        if isinstance(given, str):
            known = np.unique(trained[k])
        if isinstance(given, dict) and not all(map(_is_weight, given.values())):
            raise ValueError(f"class_weight has to hold numbers from 0 on, got {given}.")
        if isinstance(given, dict) and (strange := set(given) - set(np.asarray(known).tolist())):
            raise ValueError(
                f"class_weight has {sorted(strange, key=str)}, which are not among the classes "
                f"{np.asarray(known)}: leave them out."
            )
        of_classes = compute_class_weight(given, classes=np.asarray(known), y=trained[k])
        weights *= of_classes.take(np.searchsorted(known, columns[k]), mode="clip")
    return weights


def _is_weight(value: Any) -> bool:
    return isinstance(value, Real) and 0 <= float(value) < math.inf


def _columns(y: Any) -> list[np.ndarray]:
    y = y.toarray() if sparse.issparse(y) else y
    return [y] if y.ndim == 1 else list(y.T)


def _codes(y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Position of each label among its target's classes."""
    codes = classes.searchsorted(y)
    np.minimum(codes, len(classes) - 1, out=codes)
    if not (classes[codes] == y).all():
        raise ValueError(
            f"`y` has classes not in `self.classes_`. `self.classes_` has {classes}. 'y' has "
            f"{np.unique(y)}."
        )
    return codes


def labels(outputs: np.ndarray, classes: Any, binarizer: LabelBinarizer | None) -> Any:
    """Choose the label of each row of outputs: the most probable, or each above one half."""
    if binarizer is None:
        parts = zip(per_target(outputs, classes), classes, strict=True)
        return np.stack([known[part.argmax(axis=1)] for part, known in parts], axis=1)
    if binarizer.y_type_.startswith("multilabel"):
        return binarizer.inverse_transform(outputs)
    n_outputs, n_classes = outputs.shape[1], classes.size
    if n_outputs != n_classes and not (n_outputs == 1 and n_classes == 2):
        raise ValueError(f"classes_ has {n_classes} classes, and the network {n_outputs} outputs.")
    codes = outputs[:, 0] > 0.5 if n_outputs == 1 else outputs.argmax(1)
    return classes.take(codes, None, None, "clip")


def per_target(outputs: np.ndarray, classes: list[np.ndarray]) -> list[np.ndarray]:
    """Split the outputs into the probabilities of each target's classes."""
    return np.split(outputs, np.cumsum([len(known) for known in classes])[:-1], axis=1)


def accuracy(
    outputs: np.ndarray, targets: Targets, rows: np.ndarray, weights: np.ndarray | None
) -> float:
    """Share of the rows of which each label is right, weighted."""
    if targets.out_activation == "logistic":
        predicted = outputs > 0.5
    else:
        blocks = targets.blocks or (outputs.shape[1],)
        parts = np.split(outputs, np.cumsum(blocks)[:-1], axis=1)
        predicted = np.stack([part.argmax(axis=1) for part in parts], axis=1)
    right = (predicted == targets.Y[rows]).all(axis=1)
    return float(np.average(right, weights=weights))


def number_targets(y: Any, loss: str, loss_settings: tuple[float, ...] = ()) -> Targets:
    """Check and shape the targets of a regression.

    Raises
    ------
    TypeError
        If y holds something else than numbers, such as dates or texts.
    ValueError
        If a target is out of the loss' range, or several quantiles are asked of several targets.
    """
    if y.dtype.kind not in "biuf":
        raise TypeError(f"A regression needs numbers as targets, got y of dtype {y.dtype}.")
    if sparse.issparse(y):
        y = y.toarray()
    _check_range(y, loss)
    Y = y.reshape(-1, 1) if y.ndim == 1 else y
    n_outputs = Y.shape[1]
    if loss == "quantile" and len(loss_settings) > 1:
        if n_outputs > 1:
            raise ValueError(
                f"Several quantiles need one target, got {n_outputs}: fit one estimator for each "
                "target, or give one quantile."
            )
        loss, n_outputs = "quantiles", len(loss_settings)
    return Targets(Y, n_outputs, LOSSES[loss].output, loss, loss_settings)


def _check_range(y: np.ndarray, loss: str) -> None:
    if not y.size:
        return
    low = y.min()
    if (loss == "poisson" and low < 0) or (loss == "gamma" and low <= 0):
        what = "counts are 0 or more" if loss == "poisson" else "its targets are above 0"
        raise ValueError(
            f"Some value(s) of y are out of the valid range of the loss {loss!r}: the smallest is "
            f"{low}, and {what}. Use loss='squared_error' for such targets."
        )
