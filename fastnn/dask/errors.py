"""What a fit on a cluster may fail with."""

from typing import Any

from fastnn.training.clock import TimeIsOverError


class WorkersLostError(RuntimeError):
    """The workers of a fit are gone, and no others have come.

    Attributes
    ----------
    checkpoint : DaskMLPClassifier, DaskMLPRegressor or None
        The model after the last steps, fitted, which goes on from there to the bit:
        ``error.checkpoint.resume(X, y)``. None where no step was taken, and for an ensemble.
    """

    def __init__(self, message: str, checkpoint: Any = None) -> None:
        super().__init__(message)
        self.checkpoint = checkpoint

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.checkpoint)


class BlocksLostError(RuntimeError):
    """A block was lost with its worker, and nobody knows how to compute it again."""


class TeamIsLostError(TimeIsOverError):
    """Ends the training where it is, as if its time were over; no user sees it."""
