"""A fit of an ensemble as callbacks see it: a task, and each model trained a task within."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.estimators.tasks import has_callbacks
from fastnn.tabular.fit import Job, Trained
from fastnn.tabular.members import FoldModel


class ModelTasks:
    """Tells an estimator's callbacks, and its user where it is verbose, of each model trained.

    As many tasks are open as models are trained at the same time: when one ends, the next begins.

    Parameters
    ----------
    estimator : estimator instance
        The one being fitted.
    told : dict
        The rows as the user gave them: `X`, `y` and `metadata`.
    fitted : callable
        Gives the attributes of an estimator that has trained so much.
    """

    def __init__(
        self, estimator: Any, told: dict[str, Any], fitted: Callable[[Trained], dict[str, Any]]
    ) -> None:
        self.estimator, self.told, self.fitted = estimator, told, fitted
        self.has_callbacks = has_callbacks(estimator)
        self.jobs: list[Job] = []
        self.n_done = 0
        self.open: dict[int, Any] = {}  # tasks of the models under way, by their places
        self._known: tuple[Any, dict[str, Any]] = None, {}

    def begin(self, jobs: list[Job], n_at_once: int, so_far: Callable[[], Trained]) -> None:
        """Open the fit's own task, and those of the first models."""
        self.jobs, self.so_far = jobs, so_far
        if self.has_callbacks:
            self.root = self.estimator._init_callback_context(max_subtasks=len(jobs))
            self.root.call_on_fit_task_begin(estimator=self.estimator, **self.told)
            for _ in range(n_at_once):
                self._open_next()

    def _open_next(self) -> None:
        place = self.n_done + len(self.open)
        if place < len(self.jobs):
            self.open[place] = self.root.subcontext(task_name="model")
            self.open[place].call_on_fit_task_begin(estimator=self.estimator, **self.told)

    def end_model(self, place: int, model: FoldModel | None) -> bool:
        """Close a model's task, and open the next; returns whether a callback asks to stop."""
        if self.estimator.verbose:
            self._print(place, model)
        stops = False
        if self.has_callbacks:
            while place not in self.open:  # those that began before are told later
                self._open_next()
            stops = self.open.pop(place).call_on_fit_task_end(
                estimator=self.estimator, **self.told, reconstruction_attributes=self._attributes
            )
        self.n_done += 1
        if self.has_callbacks and not stops:
            self._open_next()
        return stops

    def _print(self, place: int, model: FoldModel | None) -> None:
        recipe, fold = self.jobs[place]
        what = f"Model {self.n_done + 1} of {len(self.jobs)}, {recipe.kind}, fold {fold + 1}"
        losses = [] if model is None else model["history"]
        print(f"{what}, loss = {np.nanmin(losses):.8f}" if losses else what)

    def _attributes(self) -> dict[str, Any] | None:
        """Those of the ensemble so far; they stay while no further member is complete."""
        trained = self.so_far()
        if not trained.members:
            return None
        key = len(trained.folds), [member["seed"] for member in trained.members]
        if self._known[0] != key:
            self._known = key, self.fitted(trained)
        return self._known[1]

    def end(self) -> None:
        """Close the fit's own task."""
        if self.has_callbacks:
            self.root.call_on_fit_task_end(
                estimator=self.estimator, **self.told, reconstruction_attributes=self._attributes
            )
