"""scikit-learn's callbacks (`sklearn.callback`) on a fit: one task an epoch."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastnn.training import History


class EpochTasks:
    """Tells an estimator's callbacks where each epoch begins and ends.

    Parameters
    ----------
    estimator : estimator instance
        The one being fitted.
    X, y : array-like
        Its training data.
    """

    def __init__(self, estimator: Any, X: Any, y: Any) -> None:
        self.estimator = estimator
        self.root = estimator._init_callback_context(max_subtasks=estimator.max_iter)
        self.root.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
        self.data = {"X": X, "y": y}
        self.fitted: Callable[[], dict[str, Any]] = dict
        self.rows = 0
        self.epoch: Any = None

    def trains_on(self, rows: int, fitted: Callable[[], dict[str, Any]]) -> None:
        """Note the rows of an epoch, and how to get the attributes of a model as it stands."""
        self.rows, self.fitted = rows, fitted

    def begin_epoch(self) -> None:
        """Open the next epoch's task."""
        self.epoch = self.root.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def end_epoch(self, history: "History") -> bool:
        """Close the epoch's task; returns whether a callback asks to stop."""
        scores = history.validation_scores
        return self.epoch.call_on_fit_task_end(
            estimator=self.estimator,
            **self.data,
            metadata={
                "epoch": history.n_iter,
                "max_iter": self.estimator.max_iter,
                "loss": history.loss,
                "validation_score": scores[-1] if scores else None,
                "rows": self.rows,
            },
            reconstruction_attributes=self.fitted,
        )

    def end(self) -> None:
        """Close the fit's own task."""
        self.root.call_on_fit_task_end(
            estimator=self.estimator, **self.data, reconstruction_attributes=self.fitted
        )


def epoch_tasks(estimator: Any, X: Any, y: Any) -> EpochTasks | None:
    """Tasks for an estimator with callbacks, its own or those of a meta-estimator, else None."""
    if hasattr(estimator, "_skl_callbacks") or hasattr(estimator, "_parent_callback_ctx"):
        return EpochTasks(estimator, X, y)
    return None
