"""Judging a network between epochs, on rows that do not train it and by a user's own scorer."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastnn.engine.base import Predictor
from fastnn.engine.data import Data, Matrix
from fastnn.training.clock import Clock
from fastnn.training.dataset import Targets
from fastnn.training.history import History


@dataclass(frozen=True)
class JudgedRows:
    """Rows to judge by.

    Attributes
    ----------
    data : Data
        What the engine takes.
    rows : ndarray of int64
        Which rows of it.
    targets : Targets
        Of all its rows.
    X, y : array-like or None
        These rows as the user gave them, where a user's scorer asks for them.
    sample_weight : ndarray or None
        The user's weights of these rows.
    """

    data: Data
    rows: np.ndarray
    targets: Targets
    X: Matrix | None
    y: Matrix | None
    sample_weight: np.ndarray | None


Score = Callable[[np.ndarray, JudgedRows], float]  # of the outputs for some rows


class Judge:
    """Adds the loss and the score of validation rows, after an epoch, to the history.

    Parameters
    ----------
    predictor : Predictor
        Of the network that is trained.
    validation : JudgedRows or None
        Rows that do not train it.
    training : JudgedRows or None
        Rows that do, to be scored too; None where nobody asks for that.
    score : callable or None
        Scores the outputs for some rows; None stands for the loss, negated.
    clock : Clock
        Is looked at while the network predicts.
    """

    def __init__(
        self,
        predictor: Predictor,
        validation: JudgedRows | None,
        training: JudgedRows | None,
        score: Score | None,
        clock: Clock,
    ) -> None:
        self.predictor, self.validation, self.training = predictor, validation, training
        self.score, self.clock = score, clock

    def __call__(self, history: History) -> float | None:
        """Judge the network as it stands; returns the validation rows' score, if there are any."""
        if self.training is not None:
            history.train_scores.append(self.score_of(self._outputs(self.training), self.training))
        if self.validation is None:
            return None
        outputs = self._outputs(self.validation)
        loss = self._mean_loss(outputs, self.validation)
        score = -loss if self.score is None else self.score(outputs, self.validation)
        history.validation_losses.append(loss)
        history.validation_scores.append(score)
        return score

    def score_of(self, outputs: np.ndarray, part: JudgedRows) -> float:
        """Score outputs for some rows: the greater, the better."""
        if self.score is None:
            return -self._mean_loss(outputs, part)
        return self.score(outputs, part)

    def _outputs(self, part: JudgedRows) -> np.ndarray:
        return self.predictor.outputs(part.data, part.rows, check=self.clock.check)

    def _mean_loss(self, outputs: np.ndarray, part: JudgedRows) -> float:
        """Weighted mean of the rows' losses, without the penalty of large weights."""
        loss = part.targets.loss, part.targets.loss_settings
        losses = self.predictor.row_losses(
            *loss, outputs, part.data, part.rows, check=self.clock.check
        )
        weights = part.data.weights
        return float(np.average(losses, weights=None if weights is None else weights[part.rows]))
