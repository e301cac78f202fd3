"""Targets: from a user's y to the numbers that a network is trained on, and back."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import type_of_target


@dataclass(frozen=True)
class Targets:
    """What the output layer is trained on.

    Attributes
    ----------
    Y : ndarray of shape (n_samples, n_columns)
        A class code for the softmax, else one number for each output.
    n_outputs : int
        Units of the output layer.
    out_activation : {"identity", "logistic", "softmax", "exp"}
        Activation of the output layer.
    loss : str
        Name of the loss' kernel.
    strata : ndarray of shape (n_samples,) or None
        Groups of which a validation split keeps the proportions.
    """

    Y: np.ndarray
    n_outputs: int
    out_activation: str
    loss: str
    strata: np.ndarray | None = None


def class_targets(y: Any, binarizer: LabelBinarizer) -> Targets:
    """Encode labels of known classes.

    Parameters
    ----------
    y : {ndarray, sparse matrix} of shape (n_samples,) or (n_samples, n_labels)
        Labels, or an indicator matrix (multilabel).
    binarizer : LabelBinarizer
        Fitted to the classes.

    Returns
    -------
    targets : Targets

    Raises
    ------
    ValueError
        If y is an indicator matrix and the classes are not.
    """
    multilabel = binarizer.y_type_.startswith("multilabel")
    if multilabel or type_of_target(y).startswith("multilabel"):
        indicators = binarizer.transform(y)
        return Targets(indicators, indicators.shape[1], "logistic", "binary_log_loss")
    codes = np.searchsorted(binarizer.classes_, y)
    if binarizer.y_type_ == "multiclass":
        return Targets(codes[:, None], binarizer.classes_.size, "softmax", "log_loss")
    # scikit-learn splits binary targets by the strings 'False' and 'True', which its error names.
    strata = np.array(["False", "True"])[codes]
    return Targets(codes[:, None], 1, "logistic", "binary_log_loss", strata)


def labels(outputs: np.ndarray, binarizer: LabelBinarizer) -> Any:
    """Choose the label of each row of outputs: the most probable, or each above one half."""
    if binarizer.y_type_.startswith("multilabel"):
        return binarizer.inverse_transform(outputs)
    return binarizer.classes_.take(class_codes(outputs)[:, 0], mode="clip")


def class_codes(outputs: np.ndarray) -> np.ndarray:
    """Code of each row's class, or of each of its labels, of shape (n_samples, n_columns).

    One column of outputs is the probability of the second class, several are probabilities of a
    class each.
    """
    if outputs.shape[1] == 1:
        return (outputs > 0.5).astype(np.intp)
    return outputs.argmax(axis=1)[:, None]


def accuracy(
    outputs: np.ndarray, targets: Targets, rows: np.ndarray, weights: np.ndarray | None
) -> float:
    """Share of the rows of which each label is right, weighted."""
    if targets.out_activation == "logistic":
        predicted = outputs > 0.5
    else:
        predicted = class_codes(outputs)
    right = (predicted == targets.Y[rows]).all(axis=1)
    return float(np.average(right, weights=weights))


def number_targets(y: np.ndarray, loss: str) -> Targets:
    """Check and shape the targets of a regression.

    Raises
    ------
    ValueError
        If the loss is "poisson" and a target is negative.
    """
    if loss == "poisson" and y.size and y.min() < 0:
        raise ValueError(
            "Some value(s) of y are out of the valid range of the loss 'poisson': the smallest is "
            f"{y.min()}, and counts are 0 or more. Use loss='squared_error' for negative targets."
        )
    Y = y.reshape(-1, 1) if y.ndim == 1 else y
    return Targets(Y, Y.shape[1], "exp" if loss == "poisson" else "identity", loss)
