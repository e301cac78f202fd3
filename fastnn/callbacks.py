"""Callbacks of scikit-learn's protocol (`sklearn.callback`), and the base of all of ours.

A fit is a task, and each epoch of a network (or iteration of lbfgs) a task within it; of an
ensemble for tables, each model that is trained.
"""

import math
import time
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import joblib
import numpy as np

from fastnn.estimators.base import BaseMLP
from fastnn.estimators.tasks import gradient_norms_of, without_callbacks
from fastnn.files import replacing
from fastnn.network import norm_of
from fastnn.tabular.base import BaseTabular

__all__ = ["Checkpoint", "NormRecorder", "TargetReached", "TimeLimit"]

NUMBERS = (int, float, np.integer, np.floating)


class Callback:
    """Base of callbacks, which keeps the state of each fit apart.

    Clones share a callback, and may be fitted at the same time. So whatever a callback notes
    during a fit is kept under the context of that fit (one estimator's, also within a search,
    whose fits have one `root_uuid`), from `setup` to `teardown`. Copies and pickles have none of
    it: in another process, as of a search's tasks, the state begins with the first task there.
    """

    @property
    def _states(self) -> WeakKeyDictionary[Any, Any]:
        """State of each fit under way.

        Made when first asked for: no other method is sure to have run, neither in a subclass nor
        in a pickle without attributes. Two threads may be the first, hence `setdefault`. Weak, as
        in another process there is no `teardown`: a state ends with its task.
        """
        return vars(self).setdefault("_states", WeakKeyDictionary())

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_states"}

    def begin(self, estimator: Any) -> Any:
        """Make the state of a fit that begins."""

    def finish(self, state: Any) -> None:
        """Use the state of a fit that has ended, well or not."""

    def state_of(self, estimator: Any, context: Any) -> Any:
        """State of the fit to which a task belongs."""
        states = self._states
        while context not in states and context.parent is not None:
            context = context.parent
        if context not in states:  # set up in another process
            states[context] = self.begin(estimator)
        return states[context]

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin to watch a fit."""
        self._states[context] = self.begin(estimator)

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Begin to watch where `setup` has not, in another process."""
        self.state_of(estimator, context)

    def teardown(self, estimator: Any, context: Any) -> None:
        """End watching."""
        if context in self._states:  # not where `begin` has failed
            self.finish(self._states.pop(context))


class EpochCallback(Callback):
    """Base of callbacks that need a network's epochs, or an ensemble's models, and no search's."""

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin to watch the fit of a network or an ensemble."""
        if not isinstance(estimator, BaseMLP | BaseTabular):
            raise TypeError(
                f"{type(self).__name__} watches the epochs of a network, which "
                f"{type(estimator).__name__} has not: set it on the network within."
            )
        super().setup(estimator, context)


class Checkpoint(Callback):
    """Write the model to a file after an epoch, whole or not at all.

    The file holds a fitted estimator as `joblib.dump` writes it. ``joblib.load(path).resume(X, y)``
    goes on from there and ends with the bits of the fit that was not interrupted. Of an ensemble
    for tables it holds what is complete after a model, to which ``warm_start=True`` adds members.

    .. warning:: Like a pickle, a file of joblib can run code when it is loaded: load checkpoints of
       people you trust only.

    Parameters
    ----------
    path : str or path-like
        File to write. A temporary file beside it takes its place when it is complete.

    every : int, default=1
        Number of epochs, or models, from one writing to the next.

    Examples
    --------
    >>> import os, tempfile
    >>> import joblib
    >>> from fastnn import MLPClassifier
    >>> from fastnn.callbacks import Checkpoint
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> path = os.path.join(tempfile.mkdtemp(), "model.joblib")
    >>> model = MLPClassifier(max_iter=300, tol=0.1, random_state=0)
    >>> _ = model.set_callbacks(Checkpoint(path, every=10)).fit(X, y)
    >>> joblib.load(path).predict([[3.0]])
    array([1])
    """

    def __init__(self, path: Any, every: int = 1) -> None:
        if not isinstance(every, int | np.integer) or every < 1:
            raise ValueError(f"every has to be a number of epochs from 1 on, got {every!r}.")
        self.path, self.every = Path(path), every

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any) -> None:
        """Write the model as it stands."""
        n = context.task_id + 1 if context.task_name == "model" else 0
        if context.task_name == "epoch":
            n = fitted_estimator.n_iter_
        if n and n % self.every == 0 and fitted_estimator is not None:
            with replacing(self.path) as temporary:
                joblib.dump(without_callbacks(fitted_estimator), temporary)


class TimeLimit(Callback):
    """Stop a fit at the end of the epoch, or the ensemble's model, in which a time is over.

    `max_time` of the estimators does not wait for that end.

    Parameters
    ----------
    seconds : float
        From the beginning of the fit.

    Notes
    -----
    Set it on a network, also within a search, and each fit of the network has this time. On a
    search or a pipeline itself it stops nothing: scikit-learn 1.9 does not heed what callbacks
    ask of those. In another process its time begins with the first task there.
    """

    def __init__(self, seconds: float) -> None:
        if not isinstance(seconds, NUMBERS) or not seconds > 0:
            raise ValueError(f"seconds has to be above 0, got {seconds!r}.")
        self.seconds = seconds

    def begin(self, estimator: Any) -> float:
        """Note the time."""
        return time.perf_counter()

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        """Ask to stop when the time is over."""
        return time.perf_counter() - self.state_of(estimator, context) > self.seconds


class TargetReached(EpochCallback):
    """Stop a fit when its loss or its validation score is as good as asked for.

    Parameters
    ----------
    value : float
        To reach: at most this for a loss, at least this for a score.

    what : {"loss", "validation_loss", "validation_score"}, default="validation_score"
        What is to reach it. The validation's need `early_stopping` or `X_val` in a network; in an
        ensemble they are those of the rows held out, and there is no "loss".
    """

    CURVES: ClassVar = {
        "loss": "loss_curve_",
        "validation_loss": "validation_loss_curve_",
        "validation_score": "validation_scores_",
    }

    def __init__(self, value: float, what: str = "validation_score") -> None:
        if what not in self.CURVES:
            raise ValueError(f"what has to be one of {sorted(self.CURVES)}, got {what!r}.")
        if not isinstance(value, NUMBERS) or math.isnan(value):
            raise ValueError(f"value has to be a number, got {value!r}.")
        self.value, self.what = value, what

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any) -> bool:
        """Ask to stop when the value is reached."""
        if isinstance(estimator, BaseTabular):
            curve = self._of_ensemble(fitted_estimator)
        else:
            curve = self._of_network(fitted_estimator)
        if not curve:
            return False
        return curve[-1] >= self.value if self.what.endswith("score") else curve[-1] <= self.value

    def _of_ensemble(self, fitted_estimator: Any) -> list[float]:
        if self.what == "loss":
            raise ValueError(
                "TargetReached waits for a loss, and an ensemble has none of the rows that train: "
                "set what='validation_loss'."
            )
        return [] if fitted_estimator is None else [getattr(fitted_estimator, f"{self.what}_")]

    def _of_network(self, fitted_estimator: Any) -> list[float]:
        curve = getattr(fitted_estimator, self.CURVES[self.what], None)
        if curve is None:
            raise ValueError(
                f"TargetReached waits for a {self.what}, and this fit has none: set "
                "early_stopping=True or give X_val and y_val."
            )
        return curve


class NormRecorder(Callback):
    """Record the norm of each layer's weights, and of its last gradient, after each epoch.

    Both records are those of one fit, and set when it has ended: of several fits, of clones that
    share the recorder, the last to end.

    Attributes
    ----------
    weight_norms_ : list of list of float
        For each epoch the norm of each layer's weights and biases together.

    gradient_norms_ : list of list of float
        For each epoch the same of the last mini-batch's gradient, penalty included.
    """

    def begin(self, estimator: Any) -> dict[str, list[list[float]]]:
        """Begin new records."""
        return {"weight_norms_": [], "gradient_norms_": []}

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any) -> None:
        """Add an epoch to the records."""
        if context.task_name == "epoch":
            pairs = zip(fitted_estimator.coefs_, fitted_estimator.intercepts_, strict=True)
            records = self.state_of(estimator, context)
            records["weight_norms_"].append([norm_of(W, b) for W, b in pairs])
            records["gradient_norms_"].append(gradient_norms_of(fitted_estimator))

    def finish(self, state: dict[str, list[list[float]]]) -> None:
        """Show the records, both at once: another thread may end at the same time."""
        vars(self).update(state)
