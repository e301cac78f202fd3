"""Curves of a training: loss, score and learning rate by epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn.display import style
from fastnn.display.anatomy import open_up

LONGEST_NAME = 40
N_TICKS = 5  # whatever the height, so that their width stays while a layout is found
MARKERS = "os^Dv"
LINES = {
    "loss": ("-", "training loss"),
    "validation_loss": ("--", "validation loss"),
    "scores": (":", "validation score"),
}


@dataclass(frozen=True)
class Curve:
    """What one training has recorded, a number an epoch.

    Attributes
    ----------
    name : str
        Told in the legend where there are several.
    loss : ndarray of shape (n_epochs,)
        Loss on the training rows.
    validation_loss, scores, learning_rates : ndarray of shape (n_epochs,) or None
        Loss and score on the validation rows, and the learning rate, where recorded.
    """

    name: str
    loss: np.ndarray
    validation_loss: np.ndarray | None = None
    scores: np.ndarray | None = None
    learning_rates: np.ndarray | None = None

    @property
    def best(self) -> tuple[str, int]:
        """Which of the curves tells the best epoch, and its index: score, else the lowest loss."""
        if self.scores is not None and np.isfinite(self.scores).any():
            return "scores", int(np.nanargmax(self.scores))
        if self.validation_loss is not None and np.isfinite(self.validation_loss).any():
            return "validation_loss", int(np.nanargmin(self.validation_loss))
        return "loss", int(np.nanargmin(self.loss))


class LossCurveDisplay:
    """Training and validation loss by epoch, with score, best epoch and learning rate.

    It is recommended to use :func:`~fastnn.display.LossCurveDisplay.from_estimator`. All
    parameters are stored as attributes.

    Parameters
    ----------
    curves : list of Curve
        One for each training.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that holds the curves.

    ax_ : matplotlib Axes
        Axes of the losses.

    score_ax_ : matplotlib Axes or None
        Second axis of the scores, None where there are none.

    rate_ax_ : matplotlib Axes or None
        Axes of the learning rates beneath, None where none were recorded.

    loss_lines_, validation_loss_lines_, score_lines_, rate_lines_ : list of matplotlib Line2D
        The curves, those that are recorded.

    best_points_ : list of matplotlib Line2D
        Marks of each training's best epoch: that of the best score, else of the lowest validation
        loss, else of the lowest loss.

    See Also
    --------
    NetworkDisplay : What the network has become.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from fastnn import MLPClassifier
    >>> from fastnn.display import LossCurveDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPClassifier(early_stopping=True, random_state=0).fit(X, y)
    >>> display = LossCurveDisplay.from_estimator(model)
    >>> plt.show()
    """

    def __init__(self, *, curves: list[Curve]) -> None:
        self.curves = curves

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, name: Any = None, log_scale: bool = False, ax: Any = None
    ) -> "LossCurveDisplay":
        """Draw the record of a fitted estimator, or of several.

        Parameters
        ----------
        estimator : estimator instance, or list or dict of them
            Fitted networks, or pipelines that end in one; a dict's keys are their names.

        name : str or list of str, default=None
            Names for the legend. By default those of the parameters in which they differ.

        log_scale : bool, default=False
            Whether losses stand on a logarithmic scale.

        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        display : LossCurveDisplay
        """
        style.load_matplotlib(f"{cls.__name__}.from_estimator")
        if isinstance(estimator, Mapping):
            name, estimator = list(estimator), list(estimator.values())
        estimators = estimator if isinstance(estimator, Sequence) else [estimator]
        if _is_pipeline(estimator):  # which is a sequence of its steps
            estimators = [estimator]
        if not estimators:
            raise ValueError("estimator holds no estimators.")
        networks = [open_up(one)[0] for one in estimators]
        names = [name] if isinstance(name, str) else name or _names(networks)
        if len(names) != len(networks):
            raise ValueError(f"name holds {len(names)} names for {len(networks)} estimators.")
        curves = [_curve(*pair) for pair in zip(names, networks, strict=True)]
        return cls(curves=curves).plot(ax=ax, log_scale=log_scale)

    def plot(self, *, ax: Any = None, log_scale: bool = False) -> "LossCurveDisplay":
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure. Learning rates take the lower part
            of its place.

        log_scale : bool, default=False
            Whether losses stand on a logarithmic scale.

        Returns
        -------
        display : LossCurveDisplay
        """
        rates = any(curve.learning_rates is not None for curve in self.curves)
        ax = style.axes_for("LossCurveDisplay.plot", ax, (6.4, 4.8 if rates else 4.0))
        self.ax_, self.figure_ = ax, ax.figure
        self.rate_ax_: Any = _panel_beneath(ax) if rates else None
        scored = any(curve.scores is not None for curve in self.curves)
        self.score_ax_: Any = ax.twinx() if scored else None
        self.loss_lines_: list[Any] = []
        self.validation_loss_lines_: list[Any] = []
        self.score_lines_: list[Any] = []
        self.rate_lines_: list[Any] = []
        self.best_points_: list[Any] = []
        for i, curve in enumerate(self.curves):
            marker = MARKERS[i % len(MARKERS)] if len(self.curves) > 1 else ""
            self._draw(curve, self._colours(i), marker)
        self._label(log_scale)
        return self

    def _colours(self, i: int) -> dict[str, str]:
        """One colour for each training; a training alone has one for each kind of curve."""
        palette = style.palette()
        if len(self.curves) > 1:
            return dict.fromkeys(LINES, palette[i % len(palette)])
        return dict(zip(("loss", "scores", "validation_loss"), palette, strict=False))

    def _draw(self, curve: Curve, colours: dict[str, str], marker: str) -> None:
        best_of, best = curve.best
        for kind, (dash, label) in LINES.items():
            values = getattr(curve, kind)
            if values is None:
                continue
            ax = self.score_ax_ if kind == "scores" else self.ax_
            epochs = np.arange(1, len(values) + 1)
            look = {"color": colours[kind], "lw": 2}
            marks = {"marker": marker, "markevery": 0.2, "ms": 5}
            self._lines(kind).extend(ax.plot(epochs, values, dash, label=label, **look, **marks))
            if kind == best_of:
                self.best_points_ += ax.plot(
                    *(epochs[best : best + 1], values[best : best + 1], marker or "o"),
                    **(look | {"mfc": style.background(self.ax_), "ms": 8, "mew": 2}),
                    label=f"best epoch, {best + 1}",
                    zorder=5,
                )
        if curve.learning_rates is not None:
            epochs = np.arange(1, len(curve.learning_rates) + 1)
            self.rate_lines_ += self.rate_ax_.step(
                epochs, curve.learning_rates, where="mid", color=colours["loss"], lw=1.5
            )

    def _lines(self, kind: str) -> list[Any]:
        return {
            "loss": self.loss_lines_,
            "validation_loss": self.validation_loss_lines_,
            "scores": self.score_lines_,
        }[kind]

    def _label(self, log_scale: bool) -> None:
        ax = self.ax_
        ax.set_ylabel("loss")
        if log_scale:
            ax.set_yscale("log")
        else:
            style.few_ticks(ax.yaxis, N_TICKS)
        if self.score_ax_ is not None:
            self.score_ax_.set_ylabel("validation score")
            style.few_ticks(self.score_ax_.yaxis, N_TICKS)
        lowest = self.rate_ax_ or ax
        lowest.set_xlabel("epoch")
        lowest.xaxis.get_major_locator().set_params(integer=True)
        if self.rate_ax_ is not None:
            ax.tick_params(labelbottom=False)
            self.rate_ax_.set_ylabel("learning\nrate")
            rates = np.concatenate([line.get_ydata() for line in self.rate_lines_])
            if rates.min() > 0 and rates.max() > 10 * rates.min():
                self.rate_ax_.set_yscale("log")
                self.rate_ax_.tick_params(which="minor", labelleft=False)  # there is no room
            elif rates.min() == rates.max():
                self.rate_ax_.set_yticks(rates[:1])  # a constant says no more
        style.legend_above(ax, self._legend())

    def _legend(self) -> list[Any]:
        """Every curve of a training alone; of several, a colour each and what the dashes mean."""
        firsts = [self._lines(kind)[0] for kind in LINES if self._lines(kind)]
        if len(self.curves) == 1:
            return firsts + self.best_points_
        ink = self.ax_.xaxis.label.get_color()
        names = [
            style.sample_line(
                color=self._colours(i)["loss"],
                marker=MARKERS[i % len(MARKERS)],
                label=f"{style.plain(curve.name, LONGEST_NAME)}: best {curve.best[1] + 1}",
            )
            for i, curve in enumerate(self.curves)
        ]
        dashes = [
            style.sample_line(color=ink, ls=line.get_linestyle(), label=line.get_label())
            for line in firsts
        ]
        return names + dashes


def _is_pipeline(estimator: Any) -> bool:
    return hasattr(estimator, "fit")


def _curve(name: str, network: Any) -> Curve:
    loss = getattr(network, "loss_curve_", None)
    if loss is None or not len(loss):
        raise ValueError(
            f"This {type(network).__name__} has recorded no loss_curve_ to draw; "
            f"its solver is {network.solver!r}."
        )
    recorded = (
        getattr(network, attribute, None)
        for attribute in ("validation_loss_curve_", "validation_scores_", "learning_rates_")
    )
    arrays = (
        None if values is None or not len(values) else np.array(values, dtype=float)
        for values in recorded
    )
    return Curve(name, np.array(loss, dtype=float), *arrays)


def _names(networks: list[Any]) -> list[str]:
    """Tell networks apart by the parameters in which they differ."""
    parameters = [network.get_params(deep=False) for network in networks]
    keys = sorted(set().union(*parameters))
    differ = [key for key in keys if len({repr(each.get(key)) for each in parameters}) > 1]
    if len(networks) == 1 or not differ:
        return [f"{type(n).__name__} {i}" for i, n in enumerate(networks, 1)]
    names = [", ".join(f"{key}={each.get(key)!r}" for key in differ) for each in parameters]
    if max(map(len, names)) <= LONGEST_NAME:
        return names
    return [", ".join(str(each.get(key)) for key in differ) for each in parameters]


def _panel_beneath(ax: Any) -> Any:
    """Give the lower part of an axes' place to another with the same epochs."""
    grid = style.grid_in(ax, 2, 1, height_ratios=[3, 1], hspace=0.1)
    ax.set_subplotspec(grid[0])
    return ax.figure.add_subplot(grid[1], sharex=ax)
