"""A fit as scikit-learn's callbacks see it: a task, and each epoch or iteration a task within."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from fastnn.estimators.fitted import fitted_attributes, twin_of
from fastnn.sklearn_versions import CALLBACKS, OF_A_FIT


class EpochTasks:
    """Tells an estimator's callbacks where each epoch begins and ends.

    Parameters
    ----------
    estimator : estimator instance
        The one being fitted.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator
        self.root = estimator._init_callback_context(max_subtasks=estimator.max_iter)
        self.data: dict[str, Any] = {}
        self.fitted: Callable[[], dict[str, Any]] = dict
        self.epoch: Any = None

    def begin(
        self, X: Any, y: Any, sample_weight: Any, fitted: Callable[[], dict[str, Any]]
    ) -> None:
        """Open the fit's own task.

        Parameters
        ----------
        X, y, sample_weight : array-like
            The rows that train, as the user gave them.
        fitted : callable
            Gives the attributes of a model as it stands, copied.
        """
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.data = {"X": X, "y": y, "metadata": metadata}
        self.fitted = fitted
        self.root.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def begin_epoch(self) -> None:
        """Open the next epoch's task."""
        self.epoch = self.root.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def end_epoch(self, gradient_norms: Callable[[], list[float]]) -> bool:
        """Close the epoch's task; returns whether a callback asks to stop."""
        return self.epoch.call_on_fit_task_end(
            estimator=self.estimator,
            **self.data,
            reconstruction_attributes=lambda: {
                **self.fitted(),
                "_gradient_norms": gradient_norms(),
            },
        )

    def end(self) -> None:
        """Close the fit's own task."""
        self.root.call_on_fit_task_end(
            estimator=self.estimator,
            **self.data,
            reconstruction_attributes=lambda: deepcopy(fitted_attributes(self.estimator)),
        )


def tasks_of(estimator: Any) -> EpochTasks | None:
    """Open the task of a fit; None where no callback looks at what is within.

    In a fit of a meta-estimator it has its place among that one's tasks all the same. An epoch has
    none then: a search of 24 fits would keep thousands, and 40 us of Python each would hold up
    the fits of other threads.
    """
    tasks = EpochTasks(estimator) if has_callbacks(estimator) else None
    return tasks if getattr(estimator, CALLBACKS[0], None) else None


def gradient_norms_of(fitted_estimator: Any) -> list[float]:
    """Norm of each layer's last gradient, of the copy that callbacks get after an epoch."""
    return list(vars(fitted_estimator)["_gradient_norms"])


def has_callbacks(estimator: Any) -> bool:
    """Whether an estimator has callbacks, its own or those of a meta-estimator."""
    return any(hasattr(estimator, name) for name in CALLBACKS)


def without_callbacks(estimator: Any) -> Any:
    """Copy of an estimator, such as it is saved: the callbacks stay with the original."""
    twin = twin_of(estimator)
    for name in (*CALLBACKS, *OF_A_FIT):
        vars(twin).pop(name, None)
    return twin
