"""The outputs for one row beside the right answer: what a loss measures."""

from typing import Any

import numpy as np
from sklearn.base import is_classifier

from fastnn.display import style
from fastnn.display.anatomy import one_row, one_target, open_up, outputs

MOST_BARS = 12


class OutputDisplay:
    """Outputs of a network for one row as bars, the right answer as a star, the gap marked.

    It is recommended to use :func:`~fastnn.display.OutputDisplay.from_estimator` or
    :func:`~fastnn.display.OutputDisplay.from_predictions`. All parameters are stored as attributes.

    Parameters
    ----------
    outputs : ndarray of shape (n_outputs,)
        What the network answers: probabilities of classes, or numbers.

    targets : ndarray of shape (n_outputs,), default=None
        What would be right; NaN where nothing is.

    names : list of str, default=None
        Names of the outputs.

    axis_name : str, default="output"
        What the bars measure.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that holds the bars.

    ax_ : matplotlib Axes
        Axes of the bars.

    bars_ : matplotlib BarContainer
        The outputs shown.

    stars_ : matplotlib Line2D or None
        Right answers.

    gaps_ : list of matplotlib Annotation
        From each bar to its star.

    shown_ : ndarray of int
        Which outputs are drawn, in the order of the bars.

    See Also
    --------
    NetworkDisplay : The same row on its whole way through the network.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from fastnn import MLPClassifier
    >>> from fastnn.display import OutputDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier(max_iter=1000, random_state=0).fit(X, y)
    >>> display = OutputDisplay.from_estimator(model, X[70], y[70])
    >>> plt.show()
    """

    def __init__(
        self,
        *,
        outputs: np.ndarray,
        targets: np.ndarray | None = None,
        names: list[str] | None = None,
        axis_name: str = "output",
    ) -> None:
        self.outputs = outputs
        self.targets = targets
        self.names = names
        self.axis_name = axis_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        names: Any = None,
        max_bars: int = MOST_BARS,
        ax: Any = None,
    ) -> "OutputDisplay":
        """Draw the outputs of a fitted estimator for one row.

        Parameters
        ----------
        estimator : estimator instance
            Fitted network, or a pipeline that ends in one.

        X : array-like of shape (n_features,) or (1, n_features)
            The row.

        y : scalar or array-like of shape (n_outputs,), default=None
            Its target.

        names : list of str, default=None
            Names of the outputs; by default the classes.

        max_bars : int, default=12
            Bars at most; of more outputs, the largest and the right one are shown.

        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        display : OutputDisplay
        """
        style.load_matplotlib(f"{cls.__name__}.from_estimator")
        y = None if y is None else one_target(y)
        network, row, target = open_up(estimator, one_row(X), y)
        if is_classifier(network):
            answers, right, classes = _classes(network, outputs(network, row)[0], target)
            display = cls(outputs=answers, targets=right, names=classes, axis_name="probability")
        else:
            answers = outputs(network, row)[0]
            right = None if target is None else np.ravel(target).astype(float)
            if right is not None and right.size == 1:  # several quantiles have one right answer
                right = right.repeat(answers.size)
            display = cls(outputs=answers, targets=right)
        display.names = display.names if names is None else list(names)
        return display.plot(ax=ax, max_bars=max_bars)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        *,
        names: Any = None,
        max_bars: int = MOST_BARS,
        ax: Any = None,
    ) -> "OutputDisplay":
        """Draw outputs that are at hand already.

        Parameters
        ----------
        y_true : int or array-like of shape (n_outputs,)
            Position of the right class, or the right answer of each output.

        y_pred : array-like of shape (n_outputs,)
            Probability of each class, or the answer of each output.

        names : list of str, default=None
            Names of the outputs.

        max_bars : int, default=12
            Bars at most; of more outputs, the largest and the right one are shown.

        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        display : OutputDisplay
        """
        style.load_matplotlib(f"{cls.__name__}.from_predictions")
        answers = np.ravel(np.asarray(y_pred, dtype=float))
        if np.ndim(y_true) == 0 and answers.size > 1:
            right, axis_name = _at(answers.size, [int(y_true)]), "probability"
        else:
            right, axis_name = np.ravel(np.asarray(y_true, dtype=float)), "output"
        if right.size != answers.size:
            raise ValueError(f"y_true has {right.size} values for {answers.size} outputs.")
        names = None if names is None else list(names)
        display = cls(outputs=answers, targets=right, names=names, axis_name=axis_name)
        return display.plot(ax=ax, max_bars=max_bars)

    def plot(self, *, ax: Any = None, max_bars: int = MOST_BARS) -> "OutputDisplay":
        """Draw bars, stars and gaps.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure.

        max_bars : int, default=12
            Bars at most; of more outputs, the largest and the right one are shown.

        Returns
        -------
        display : OutputDisplay
        """
        n = len(self.outputs)
        names = [str(i) for i in range(n)] if self.names is None else self.names
        style.check_names("names", names, n)
        ax = style.axes_for("OutputDisplay.plot", ax, (6.4, 4.0))
        self.ax_, self.figure_ = ax, ax.figure
        self.shown_ = self._choose(max_bars)
        labels = style.plain_names([names[i] for i in self.shown_])
        heights = self.outputs[self.shown_]
        bar_colour, star_colour = style.palette()[:2]
        at = np.arange(len(heights))
        self.bars_ = ax.bar(at, heights, width=0.6, color=bar_colour, label="network's output")
        self._set_heights(ax, heights)
        self.stars_: Any = None
        self.gaps_: list[Any] = []
        if self.targets is not None:
            self._draw_targets(at, self.targets[self.shown_], heights, star_colour)
        room = style.points(ax)[0] / style.default_size() / style.CHARACTER / len(labels)
        crowded = max(map(len, labels)) + 1 > room
        turn = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
        ax.set_xticks(at, labels, **turn)
        ax.set_xlim(-0.7, max(len(at), 2))
        if n > len(at):
            ax.set_xlabel(f"{len(at)} of {n} outputs")
        style.legend_within(ax, [self.bars_, *self._legend(star_colour)], n_columns=3)
        return self

    def _set_heights(self, ax: Any, heights: np.ndarray) -> None:
        ax.set_ylabel(self.axis_name)
        if self.axis_name == "probability":
            ax.set_ylim(0, 1.12)
            ax.set_yticks(np.linspace(0, 1, 6))
            return
        targets = [] if self.targets is None else self.targets[np.isfinite(self.targets)]
        lowest, highest = min(0, *heights, *targets), max(0, *heights, *targets)
        room = 0.12 * (highest - lowest or 1.0)
        ax.set_ylim(lowest - room * (lowest < 0), highest + room)
        ax.axhline(0, color=ax.spines["left"].get_edgecolor(), lw=0.8)

    def _legend(self, colour: str) -> list[Any]:
        if self.stars_ is None:
            return []
        gap = style.sample_line(
            color=colour, marker=r"$\leftrightarrow$", ls="", ms=14, label="gap"
        )
        return [self.stars_, gap]

    def _choose(self, max_bars: int) -> np.ndarray:
        n = len(self.outputs)
        if n <= max_bars:
            return np.arange(n)
        importance = np.abs(self.outputs).astype(float)
        if self.targets is not None and self.axis_name == "probability":
            importance[np.nan_to_num(self.targets) > 0] = np.inf
        return np.sort(np.argsort(-importance, kind="stable")[:max_bars])

    def _draw_targets(
        self, at: np.ndarray, targets: np.ndarray, heights: np.ndarray, colour: str
    ) -> None:
        ax, known = self.ax_, np.isfinite(targets)
        (self.stars_,) = ax.plot(
            *(at[known], targets[known], "*"),
            color=colour,
            ms=14,
            mec=style.background(ax),
            zorder=4,
            clip_on=False,
            label="right answer",
        )
        low, high = ax.get_ylim()
        hidden = 3 * style.default_size() * (high - low) / style.points(ax)[1]
        for x, target, height in zip(at[known], targets[known], heights[known], strict=True):
            beside = x + 0.37
            arrow = {"arrowstyle": "<->", "color": colour, "shrinkA": 0, "shrinkB": 0}
            self.gaps_.append(ax.annotate("", (beside, target), (beside, height), arrowprops=arrow))
            if len(at) <= MOST_BARS:
                is_short = abs(target - height) < hidden
                self._tell_gap(beside, target, height, is_short)

    def _tell_gap(self, x: float, target: float, height: float, is_short: bool) -> None:
        """Put the gap's number on its arrow, or beside an arrow that it would hide."""
        self.ax_.text(
            *(x + 0.06 * is_short, (target + height) / 2, style.number(target - height)),
            ha="left" if is_short else "center",
            va="center",
            fontsize="small",
            bbox={"facecolor": style.background(self.ax_), "edgecolor": "none", "pad": 1},
        )


def _at(n: int, right: Any) -> np.ndarray:
    """Mark the right ones of n classes with the probability they ought to have."""
    targets = np.full(n, np.nan)
    targets[right] = 1.0
    return targets


def _classes(
    network: Any, answers: np.ndarray, y: Any
) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    """Probabilities of classes, those that would be right, and the classes' names."""
    if isinstance(network.classes_, list):  # several targets, each with classes of its own
        names = [f"{i}: {c}" for i, cs in enumerate(network.classes_) for c in cs]
        chosen = None if y is None else [f"{i}: {c}" for i, c in enumerate(np.ravel(y))]
        targets = None if chosen is None else _at(len(names), [names.index(c) for c in chosen])
        return answers, targets, names
    classes = list(network.classes_)
    names = [str(c) for c in classes]
    if network.out_activation_ == "logistic" and len(answers) > 1:  # labels, each yes or no
        return answers, None if y is None else np.ravel(y).astype(float), names
    if len(answers) == 1:
        answers = np.array([1 - answers[0], answers[0]])
    if y is None:
        return answers, None, names
    value = np.ravel(y)[0]
    if value not in classes:
        raise ValueError(f"y is {value!r}, which is none of the classes {names}.")
    return answers, _at(len(classes), [classes.index(value)]), names
