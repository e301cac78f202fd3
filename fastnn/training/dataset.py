"""The rows of a fit as a user gives them, checked and encoded."""

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
    stratified : bool
        Whether a validation split keeps the proportions of the two classes.
    """

    Y: np.ndarray
    n_outputs: int
    out_activation: str
    loss: str
    loss_settings: tuple[float, ...] = ()
    blocks: tuple[int, ...] = ()
    stratified: bool = False

    @property
    def strata(self) -> np.ndarray | None:
        """Groups of which a validation split keeps the proportions.

        scikit-learn splits binary targets by 'False' and 'True', which its error message names.
        """
        return np.array(["False", "True"])[self.Y[:, 0]] if self.stratified else None


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

    def data(self, dtype: np.dtype) -> Data:
        """Give what an engine takes, for a network of this dtype."""
        Y = np.require(self.targets.Y, dtype, ["C", "A"])
        weights = None if self.weights is None else self.weights.astype(np.float64)
        return Data(self.X, Y, weights)
