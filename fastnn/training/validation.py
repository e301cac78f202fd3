"""Judging a network between epochs, on rows that do not train it and by a user's own scorer."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastnn.compiling.language import Call
from fastnn.engine.bind import keeps_slopes, prediction_layers
from fastnn.engine.prediction import predict_sample
from fastnn.estimators.targets import Targets
from fastnn.kernels.arguments import Layers, Sample
from fastnn.kernels.prediction import losses_of_rows
from fastnn.training.clock import Clock, rows_at_once
from fastnn.training.history import History
from fastnn.training.loop import Task


class Rows(NamedTuple):
    """Rows to judge by: their data as the kernels see it and as the user gave it."""

    sample: Sample
    rows: np.ndarray  # of the sample
    targets: Targets
    X: Any
    y: Any
    sample_weight: np.ndarray | None  # the user's own, of X


class Judge:
    """Adds the loss and the score of validation rows, after an epoch, to the history.

    Parameters
    ----------
    task : Task
        The network that is trained.
    validation : Rows or None
        Rows that do not train it.
    training : Rows or None
        Rows that do, to be scored too; None where nobody asks for that.
    score : callable or None
        Takes the outputs for some rows, and these `Rows`; None stands for the loss, negated.
    clock : Clock
        Is looked at while the network predicts.
    """

    def __init__(
        self,
        task: Task,
        validation: Rows | None,
        training: Rows | None,
        score: Callable[[np.ndarray, Rows], float] | None,
        clock: Clock,
    ) -> None:
        self.task, self.validation, self.training = task, validation, training
        self.score, self.clock = score, clock
        self.layers = prediction_layers(task.network, task.architecture)
        self.slopes = keeps_slopes(task.architecture)

    def __call__(self, history: History) -> float | None:
        """Judge the network as it stands; returns the validation rows' score, if there are any."""
        if self.training is not None:
            history.train_scores.append(self._judge(self.training)[0])
        if self.validation is None:
            return None
        score, loss = self._judge(self.validation)
        history.validation_losses.append(loss)
        history.validation_scores.append(score)
        return score

    def _judge(self, part: Rows) -> tuple[float, float]:
        outputs = predict_sample(
            self.task.network,
            self.layers,
            part.sample,
            part.rows,
            self.task.n_jobs,
            clock=self.clock,
            slopes=self.slopes,
        )
        loss = mean_loss(outputs, part, self.task.layers, self.clock)
        return (-loss if self.score is None else self.score(outputs, part)), loss


def mean_loss(outputs: np.ndarray, part: Rows, layers: Layers, clock: Clock) -> float:
    """Weighted mean of the rows' losses, without the penalty of large weights."""
    losses, weights = np.empty(len(outputs)), part.sample.weights
    n_at_once = rows_at_once((0, outputs.shape[1]), passes=1)
    losses_of = Call(
        losses_of_rows, outputs.dtype, layers.loss, layers.blocks, layers.loss_settings
    )
    for start in range(0, len(outputs), n_at_once):
        clock.check()
        some = slice(start, start + n_at_once)
        derivatives = np.empty_like(outputs[some])
        losses_of(outputs[some], part.sample.Y, part.rows[some], derivatives, losses[some])
    return float(np.average(losses, weights=weights[part.rows] if weights.size else None))
