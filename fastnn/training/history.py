"""What a fit has recorded: losses, scores, learning rates, and how long nothing has improved."""

import math
from dataclasses import dataclass, field, replace
from operator import attrgetter

SINGLE = (
    *("n_iter", "rows_seen", "loss", "best_loss", "best_validation_score"),
    *("no_improvement_count", "warning"),
)
CURVES = ("loss_curve", "validation_losses", "validation_scores", "train_scores", "learning_rates")
_single_values = attrgetter(*SINGLE)  # 1 us less an epoch than by name
_curves = attrgetter(*CURVES)


@dataclass
class History:
    """Record of training, over earlier fits too where this one goes on from them (warm start).

    Attributes
    ----------
    n_iter : int
        Epochs, or iterations of lbfgs, of this fit.
    rows_seen : int
        Rows trained on, each as often as it was.
    loss : float or None
        Of the last epoch.
    best_loss, best_validation_score : float or None
        Best so far.
    no_improvement_count : int
        Epochs gone by without improvement.
    warning : tuple or None
        Message and category of what is to be told in the end.
    loss_curve, validation_losses, validation_scores, train_scores, learning_rates : list of float
        `CURVES`: one entry an epoch; empty where they are not asked for.
    """

    n_iter: int = 0
    rows_seen: int = 0
    loss: float | None = None
    best_loss: float | None = None
    best_validation_score: float | None = None
    no_improvement_count: int = 0
    warning: tuple[str, type[Warning]] | None = None
    loss_curve: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    validation_scores: list[float] = field(default_factory=list)
    train_scores: list[float] = field(default_factory=list)
    learning_rates: list[float] = field(default_factory=list)

    def record_loss(self, loss: float, tol: float) -> bool:
        """Note a loss that decides on stopping; returns whether it is the best so far."""
        best = math.inf if self.best_loss is None else self.best_loss
        self.no_improvement_count = self.no_improvement_count + 1 if loss > best - tol else 0
        self.best_loss = loss if loss < best else best
        return loss < best

    def record_score(self, score: float, tol: float) -> bool:
        """Note a score that decides on stopping; returns whether it is the best so far."""
        best = -math.inf if self.best_validation_score is None else self.best_validation_score
        self.no_improvement_count = self.no_improvement_count + 1 if score < best + tol else 0
        self.best_validation_score = score if score > best else best
        return score > best

    def note_score(self, score: float) -> bool:
        """Note a score that does not decide on stopping; returns whether it is the best so far."""
        best = -math.inf if self.best_validation_score is None else self.best_validation_score
        self.best_validation_score = score if score > best else best
        return score > best

    def copy(self) -> "History":
        """Copy that goes on by itself."""
        twin = replace(self)
        for name in CURVES:
            setattr(twin, name, list(getattr(self, name)))
        return twin

    def mark(self) -> tuple[tuple, tuple[int, ...]]:
        """Note where the record stands; `rewind` goes back to it."""
        return _single_values(self), tuple(map(len, _curves(self)))

    def rewind(self, mark: tuple[tuple, tuple[int, ...]]) -> None:
        """Take back what was recorded after a mark, as where an interrupt came in between."""
        values, lengths = mark
        for name, value in zip(SINGLE, values, strict=True):
            setattr(self, name, value)
        for curve, length in zip(_curves(self), lengths, strict=True):
            del curve[length:]
