"""Callbacks of a fit, by scikit-learn's protocol (`sklearn.callback`)."""

import math
import time
from pathlib import Path
from typing import Any, ClassVar

import joblib
import numpy as np

from fastnn.files import replacing
from fastnn.network import norm_of

__all__ = ["Checkpoint", "NormRecorder", "TargetReached", "TimeLimit"]

NUMBERS = (int, float, np.integer, np.floating)


class _Watcher:
    """A callback of which a fit needs one method."""

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin to watch a fit."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Do nothing: an epoch is watched when it ends."""

    def teardown(self, estimator: Any, context: Any) -> None:
        """End watching."""


class Checkpoint(_Watcher):
    """Write the model to a file after an epoch, whole or not at all.

    The file holds a fitted estimator as `joblib.dump` writes it. ``joblib.load(path).resume(X, y)``
    goes on from there and ends with the bits of the fit that was not interrupted.

    Parameters
    ----------
    path : str or path-like
        File to write. A temporary file beside it takes its place when it is complete.

    every : int, default=1
        Number of epochs from one writing to the next.

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
        n_iter = getattr(fitted_estimator, "n_iter_", 0)
        if context.task_name == "epoch" and n_iter % self.every == 0:
            fitted_estimator.__dict__.pop("_skl_callbacks", None)
            with replacing(self.path) as temporary:
                joblib.dump(fitted_estimator, temporary)


class TimeLimit(_Watcher):
    """Stop a fit at the end of the epoch in which a time is over.

    `max_time` of the estimators does not wait for the end of the epoch.

    Parameters
    ----------
    seconds : float
        From the beginning of the fit.
    """

    def __init__(self, seconds: float) -> None:
        if not isinstance(seconds, NUMBERS) or not seconds > 0:
            raise ValueError(f"seconds has to be above 0, got {seconds!r}.")
        self.seconds = seconds

    def setup(self, estimator: Any, context: Any) -> None:
        """Note the time."""
        self._began = time.perf_counter()

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        """Ask to stop when the time is over."""
        return time.perf_counter() - self._began > self.seconds


class TargetReached(_Watcher):
    """Stop a fit when its loss or its validation score is as good as asked for.

    Parameters
    ----------
    value : float
        To reach: at most this for a loss, at least this for a score.

    what : {"loss", "validation_loss", "validation_score"}, default="validation_score"
        What is to reach it. The validation's need `early_stopping` or `X_val`.
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
        curve = getattr(fitted_estimator, self.CURVES[self.what], None)
        if curve is None:
            raise ValueError(
                f"TargetReached waits for a {self.what}, and this fit has none: set "
                "early_stopping=True or give X_val and y_val."
            )
        if not curve:
            return False
        return curve[-1] >= self.value if self.what.endswith("score") else curve[-1] <= self.value


class NormRecorder(_Watcher):
    """Record the norm of each layer's weights, and of its last gradient, after each epoch.

    Attributes
    ----------
    weight_norms_ : list of list of float
        For each epoch the norm of each layer's weights and biases together.

    gradient_norms_ : list of list of float
        For each epoch the same of the last mini-batch's gradient, penalty included.
    """

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin new records."""
        self.weight_norms_: list[list[float]] = []
        self.gradient_norms_: list[list[float]] = []

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any) -> None:
        """Add an epoch to the records."""
        if context.task_name == "epoch":
            pairs = zip(fitted_estimator.coefs_, fitted_estimator.intercepts_, strict=True)
            self.weight_norms_.append([norm_of(W, b) for W, b in pairs])
            self.gradient_norms_.append(list(fitted_estimator._gradient_norms))
