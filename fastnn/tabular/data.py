"""The training rows in the forms that members take: scaled for networks, as they are for trees."""

from dataclasses import dataclass
from functools import cached_property

import joblib
import numpy as np

from fastnn.columns import Cells
from fastnn.kernels.losses import LOSSES
from fastnn.tabular.growth import Score, Table
from fastnn.tabular.scaling import Scaling, network_columns, network_rows
from fastnn.tabular.sent import Sent
from fastnn.training.dataset import Targets

FINGERPRINT_ROWS = 1000
EXPONENTIAL = ("poisson", "gamma")  # losses whose predictions are e^z


@dataclass(frozen=True)
class Task:
    """What is to be predicted.

    Attributes
    ----------
    n_classes : int
        0 for numbers.
    n_outputs : int
        Columns of a prediction: probabilities, targets or quantiles.
    loss : str
        "log_loss", or a regression loss of the library.
    settings : tuple of float
        Quantiles, or huber's delta.
    """

    n_classes: int
    n_outputs: int
    loss: str
    settings: tuple[float, ...] = ()

    @property
    def network_loss(self) -> str:
        """Name of the loss' kernel; several quantiles have one of their own."""
        several = self.loss == "quantile" and len(self.settings) > 1
        return "quantiles" if several else self.loss


@dataclass(frozen=True)
class TargetScale:
    """From targets to what networks are trained on, and back.

    Attributes
    ----------
    center, scale, low, high : ndarray of shape (n_targets,)
        Mean, standard deviation and range of the training rows; center 0 and scale the mean where
        the targets are e^z.
    """

    center: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, Y: np.ndarray, weights: np.ndarray | None, loss: str) -> "TargetScale":
        """Learn it from targets of shape (n_rows, n_targets)."""
        counted = Y if weights is None else Y[weights > 0]
        mean = np.average(Y, axis=0, weights=weights)
        if loss in EXPONENTIAL:
            center, scale = np.zeros_like(mean), mean
        else:
            center, scale = mean, np.sqrt(np.average((Y - mean) ** 2, axis=0, weights=weights))
        scale = np.where(scale > 0, scale, 1.0)
        return cls(center, scale, counted.min(axis=0), counted.max(axis=0))

    def scaled(self, Y: np.ndarray) -> np.ndarray:
        """Scale targets."""
        return (Y - self.center) / self.scale

    def loss_in_units(self, loss: str) -> float:
        """Give the factor from a network's loss, of scaled targets, to that of the targets.

        1 where the one is no multiple of the other.
        """
        size = float(self.scale.mean())
        factors = {
            "squared_error": 2 * float((self.scale**2).mean()),  # a network's has a half in front
            "absolute_error": size,
            "quantile": size,
        }
        return factors.get(loss, 1.0)

    def back(self, outputs: np.ndarray) -> np.ndarray:
        """Predictions of a network's outputs: no target lies outside the training rows' range."""
        return np.clip(outputs * self.scale + self.center, self.low, self.high)


@dataclass(frozen=True)
class TrainingData(Sent):
    """Rows, targets and weights.

    Attributes
    ----------
    cells : Cells
        The table.
    scaling : Scaling
        Of its numbers and codes, for networks.
    sizes : ndarray of int64
        Levels of each category.
    Y : ndarray of shape (n_rows, n_targets)
        Codes of classes, or numbers.
    weights : ndarray of shape (n_rows,) or None
        Those of classes are in it.
    task : Task
    target_scale : TargetScale or None
        None for classes.
    score : Score or None
        Lower is better; None for the loss.
    """

    cells: Cells
    scaling: Scaling
    sizes: np.ndarray
    Y: np.ndarray
    weights: np.ndarray | None
    task: Task
    target_scale: TargetScale | None
    score: Score | None = None

    def prepare(self, kinds: set[str]) -> None:
        """Make the forms that some kinds of members take, once for all."""
        if "networks" in kinds:
            _ = self.network_rows
        if kinds - {"networks"}:
            _ = self.table

    @cached_property
    def network_rows(self) -> np.ndarray:
        """The table as networks take it."""
        return network_rows(self.scaling, self.cells)

    @property
    def network_columns(self) -> tuple[int, int, tuple[int, ...]]:
        """Numbers, plain columns and levels, as `Embedding` has them."""
        return network_columns(self.scaling)

    def network_targets(self, label_smoothing: float) -> Targets:
        """Give the targets as networks take them."""
        task = self.task
        if self.target_scale is None:
            codes = self.Y.astype(np.min_scalar_type(task.n_classes))
            loss = "smoothed_log_loss" if label_smoothing else "log_loss"
            return Targets(codes, task.n_classes, "softmax", loss, (label_smoothing,))
        Y = self.target_scale.scaled(self.Y)
        output = LOSSES[task.network_loss].output
        return Targets(Y, task.n_outputs, output, task.network_loss, task.settings)

    @cached_property
    def table(self) -> Table:
        """The table as trees take it."""
        n_numbers, n_codes = self.cells.numbers.shape[1], self.cells.codes.shape[1]
        y = self.Y[:, 0] if self.Y.shape[1] == 1 else self.Y
        return Table(
            *(tree_rows(self.cells, self.sizes), y.astype(np.int64) if self.task.n_classes else y),
            np.arange(n_numbers + n_codes) >= n_numbers,
            self.task.n_classes,
            self.weights,
            self.score,
        )


def of_mean_one(weights: np.ndarray) -> np.ndarray:
    """Divide weights by the mean of those above 0: what unit they are in decides on nothing.

    Boosting compares sums of them with numbers: of weights whose sum is 1 it would grow no tree.
    """
    weights = weights / weights.max()
    return weights / weights[weights > 0].mean()


def tree_rows(cells: Cells, sizes: np.ndarray) -> np.ndarray:
    """Numbers, then codes as numbers, of shape (n, n_features), float64; NaN where missing."""
    if not sizes.size:
        return cells.numbers
    codes = cells.codes.astype(np.float64)
    codes[cells.codes == sizes] = np.nan
    return np.hstack([cells.numbers, codes])


def without_columns(cells: Cells) -> Cells:
    """Give rows that have no column at all one of zeros: all members take it."""
    return Cells(np.zeros((len(cells.numbers), 1)), cells.codes)


def fingerprint(cells: Cells, Y: np.ndarray) -> str:
    """Tell rows from others by some of their cells and all targets, of which nothing is kept."""
    some = slice(None, None, -(-len(Y) // FINGERPRINT_ROWS))
    parts = cells.numbers[some], cells.codes[some], Y
    return joblib.hash((len(Y), *map(np.ascontiguousarray, parts)))
