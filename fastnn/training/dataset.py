"""The rows of a fit as a user gives them, checked and encoded."""

import math
from dataclasses import dataclass

import numpy as np

from fastnn.engine.data import Data, Matrix


@dataclass(frozen=True)
class Targets:
    """What the output layer is trained on.

    Attributes
    ----------
    Y : ndarray of shape (n_samples, n_columns)
        One class code for each softmax, else one number for each output.
    n_outputs : int
        Units of the output layer.
    out_activation : str
        Activation of the output layer.
    loss : str
        Name of the loss' kernel.
    loss_settings : tuple of float
        What that kernel reads.
    blocks : tuple of int
        Outputs of each target, where there are several targets of classes; else empty.
    strata : ndarray of shape (n_samples,) or None
        Groups of which a validation split keeps the proportions: the labels of two classes.
    """

    Y: np.ndarray
    n_outputs: int
    out_activation: str
    loss: str
    loss_settings: tuple[float, ...] = ()
    blocks: tuple[int, ...] = ()
    strata: np.ndarray | None = None


@dataclass(frozen=True)
class Dataset:
    """Rows with targets and weights.

    Attributes
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        float32 or float64.
    y : {ndarray, sparse matrix} of shape (n_samples,) or (n_samples, n_columns)
        As the user gave it, for callbacks and scorers.
    targets : Targets
        The same, encoded.
    sample_weight : ndarray of shape (n_samples,) or None
        As the user gave it.
    weights : ndarray of shape (n_samples,) or None
        The same with the classes' weights: those of the loss.
    """

    X: Matrix
    y: Matrix
    targets: Targets
    sample_weight: np.ndarray | None
    weights: np.ndarray | None

    def part(self, rows: np.ndarray | None) -> tuple[Matrix, Matrix, np.ndarray | None]:
        """X, y and the user's weights of some rows; None stands for all."""
        weights = self.sample_weight
        if rows is None:
            return self.X, self.y, weights
        return self.X[rows], self.y[rows], None if weights is None else weights[rows]

    def check_weights(self, rows: np.ndarray, which: str) -> None:
        """Refuse rows that have no weighted mean.

        Parameters
        ----------
        rows : ndarray of int64
            The rows.
        which : {"training", "validation"}
            What they are, for the message.

        Raises
        ------
        ValueError
            If their weights sum to zero, or to more than a float can hold.
        """
        for weights in (self.sample_weight, self.weights):
            if weights is None:
                continue
            with np.errstate(over="ignore"):
                total = float(weights[rows].sum(dtype=np.float64))
            if total == 0 or not math.isfinite(total):
                raise ValueError(
                    f"The weights of the {which} rows sum to {total:g}: leave some of these rows a "
                    "sample_weight and class_weight above 0, or have early_stopping draw others "
                    "by another random_state or validation_fraction."
                )

    def data(self, dtype: np.dtype) -> Data:
        """Give what an engine takes, for a network of this dtype."""
        Y = np.require(self.targets.Y, dtype, ["C", "A"])
        weights = None if self.weights is None else self.weights.astype(np.float64)
        return Data(self.X, Y, weights)
