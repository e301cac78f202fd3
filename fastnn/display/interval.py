"""Intervals of a regressor for tables, and which targets they hold."""

from typing import Any

import numpy as np
from sklearn.utils import check_array, check_consistent_length

from fastnn.display import style
from fastnn.display.ensemble import open_ensemble
from fastnn.tabular.regressor import TabularRegressor


class IntervalDisplay:
    """Predicted intervals of rows, sorted by prediction, with the targets in and outside them.

    It is recommended to use :func:`~fastnn.display.IntervalDisplay.from_estimator` or
    :func:`~fastnn.display.IntervalDisplay.from_predictions`. All parameters are stored as
    attributes.

    Parameters
    ----------
    predictions : ndarray of shape (n_samples,)
        What is predicted for each row.

    intervals : ndarray of shape (n_samples, 2)
        Lower and upper end of each row's interval.

    targets : ndarray of shape (n_samples,), default=None
        What was to be predicted.

    coverage : float, default=None
        Share of targets that was to be within.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that holds the picture.

    ax_ : matplotlib Axes
        Its axes.

    intervals_ : matplotlib LineCollection
        One line for each row; infinite ends run out of the picture.

    line_ : matplotlib Line2D
        The predictions.

    inside_, outside_ : matplotlib Line2D or None
        Targets within their intervals, and those outside.

    coverage_ : float or None
        Share of targets within.

    order_ : ndarray of int
        Rows from the smallest prediction to the largest.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_diabetes
    >>> from fastnn import TabularRegressor
    >>> from fastnn.display import IntervalDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = TabularRegressor(effort="quick", cv=2, random_state=0).fit(X[:300], y[:300])
    >>> display = IntervalDisplay.from_estimator(model, X[300:], y[300:], coverage=0.8)
    >>> plt.show()
    """

    def __init__(
        self,
        *,
        predictions: np.ndarray,
        intervals: np.ndarray,
        targets: np.ndarray | None = None,
        coverage: float | None = None,
    ) -> None:
        self.predictions = predictions
        self.intervals = intervals
        self.targets = targets
        self.coverage = coverage

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        coverage: float = 0.9,
        target: int = 0,
        ax: Any = None,
    ) -> "IntervalDisplay":
        """Draw the intervals that a fitted estimator predicts for some rows.

        Parameters
        ----------
        estimator : estimator instance
            Fitted `TabularRegressor`, or a pipeline that ends in one.

        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            The rows: new ones, of those of `fit`, a model knows too much.

        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Their targets.

        coverage : float, default=0.9
            Share of targets that is to be within.

        target : int, default=0
            Which of several targets.

        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        display : IntervalDisplay
        """
        style.load_matplotlib(f"{cls.__name__}.from_estimator")
        model, X = open_ensemble(estimator, X)
        if not isinstance(model, TabularRegressor):
            raise TypeError(
                f"IntervalDisplay draws intervals of a TabularRegressor; {type(model).__name__} "
                "predicts sets of classes instead, by predict_set."
            )
        intervals, predictions = model.predict_interval(X, coverage), model.predict(X)
        predictions = predictions.reshape(len(predictions), -1)
        n_targets = predictions.shape[1]
        if not 0 <= target < n_targets:
            raise ValueError(f"target={target!r} has to be one of the {n_targets} targets, from 0.")
        intervals = intervals.reshape(len(intervals), 2, n_targets)
        if y is not None:
            y = _finite(y, "y")
            y = y.reshape(len(y), -1)
            if y.shape[1] != n_targets:
                raise ValueError(f"y has {y.shape[1]} columns, and fit had {n_targets} targets.")
            y = y[:, target]
        return cls.from_predictions(
            y, predictions[:, target], intervals[:, :, target], coverage=coverage, ax=ax
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        intervals: Any,
        *,
        coverage: float | None = None,
        ax: Any = None,
    ) -> "IntervalDisplay":
        """Draw intervals that are at hand already, of any model.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or None
            Targets.

        y_pred : array-like of shape (n_samples,)
            Predictions.

        intervals : array-like of shape (n_samples, 2)
            Lower and upper ends.

        coverage : float, default=None
            Share of targets that was to be within.

        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        display : IntervalDisplay
        """
        style.load_matplotlib(f"{cls.__name__}.from_predictions")
        targets = None if y_true is None else np.ravel(_finite(y_true, "y_true"))
        predictions = np.ravel(_finite(y_pred, "y_pred"))
        ends = np.asarray(intervals, dtype=np.float64)
        check_consistent_length(targets, predictions, ends)
        if ends.ndim != 2 or ends.shape[1] != 2:
            raise ValueError(f"intervals has to have shape (n_samples, 2), got {ends.shape}.")
        display = cls(predictions=predictions, intervals=ends, targets=targets, coverage=coverage)
        return display.plot(ax=ax)

    def plot(self, *, ax: Any = None) -> "IntervalDisplay":
        """Draw intervals, predictions and targets.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        display : IntervalDisplay
        """
        ax = style.axes_for("IntervalDisplay.plot", ax, (6.4, 4.0))
        self.ax_, self.figure_ = ax, ax.figure
        self.order_ = np.argsort(self.predictions, kind="stable")
        n = len(self.order_)
        low, high = self._range()
        ax.set_ylim(low, high)
        ax.set_xlim(-1, n)
        blue, red, green = style.palette()[:3]
        ink = ax.xaxis.label.get_color()
        width = float(np.clip(0.6 * style.points(ax)[0] / (n + 1), 0.5, 6))
        ends = np.clip(self.intervals[self.order_], 2 * low - high, 2 * high - low)
        at = np.arange(n)
        self.intervals_ = ax.vlines(
            *(at, *ends.T), color=blue, alpha=0.4, lw=width, label=self._asked()
        )
        (self.line_,) = ax.plot(
            at, self.predictions[self.order_], color=ink, label="prediction", zorder=3
        )
        self.coverage_: float | None = None
        self.inside_: Any = None
        self.outside_: Any = None
        if self.targets is not None:
            self._draw_targets(at, self.targets[self.order_], green, red)
        shown = (self.intervals_, self.line_, self.inside_, self.outside_)
        style.legend_above(ax, [artist for artist in shown if artist is not None])
        ax.set_xlabel("rows, sorted by prediction")
        ax.set_ylabel("target")
        return self

    def _range(self) -> tuple[float, float]:
        """Find what the vertical axis takes in: all that is finite, and some room."""
        parts = [self.predictions, self.intervals.ravel()]
        values = np.concatenate(parts if self.targets is None else [*parts, self.targets])
        values = values[np.isfinite(values)]
        room = 0.05 * (np.ptp(values) or 1.0)
        return float(values.min() - room), float(values.max() + room)

    def _asked(self) -> str:
        return "interval" if self.coverage is None else f"interval for {self.coverage:.0%}"

    def _draw_targets(self, at: np.ndarray, targets: np.ndarray, green: str, red: str) -> None:
        low, high = self.intervals[self.order_].T
        inside = (low <= targets) & (targets <= high)
        self.coverage_ = float(inside.mean())
        size = float(np.clip(300 / len(at), 1, 5))
        (self.inside_,) = self.ax_.plot(
            *(at[inside], targets[inside], "o"),
            color=green,
            ms=size,
            label=f"target inside: {self.coverage_:.1%}",
        )
        (self.outside_,) = self.ax_.plot(
            *(at[~inside], targets[~inside], "X"),
            color=red,
            ms=size + 2,
            label=f"outside: {1 - self.coverage_:.1%}",
        )


def _finite(values: Any, name: str) -> np.ndarray:
    return check_array(values, ensure_2d=False, dtype=np.float64, input_name=name)
