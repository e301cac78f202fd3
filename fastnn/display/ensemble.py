"""An ensemble for tables: what its members are worth alone, and together."""

from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from fastnn.display import style
from fastnn.tabular.base import BaseTabular

# What a member of each kind is called, and its marker and colour's place in the palette.
KINDS = {
    "networks": ("network", "o", 0),
    "boosting": ("boosted trees", "s", 3),
    "random_trees": ("random trees", "^", 2),
}
LOSS_NAMES = {"quantile": "pinball loss", "huber": "Huber loss"}
WITHOUT_ZERO = ("poisson", "gamma")  # losses that are known up to a constant


def open_ensemble(estimator: Any, X: Any = None) -> tuple[BaseTabular, Any]:
    """Find the ensemble in a pipeline or a search, with X as it reaches it.

    Parameters
    ----------
    estimator : estimator instance
        A fitted `TabularClassifier` or `TabularRegressor`, alone, as the last step of a pipeline,
        or found by a search.
    X : {data frame, array-like} of shape (n_samples, n_features), default=None
        Rows as `estimator` takes them.

    Returns
    -------
    ensemble : TabularClassifier or TabularRegressor
    X : {data frame, array-like} or None

    Raises
    ------
    NotFittedError
        If it is not fitted.
    TypeError
        If there is no ensemble in `estimator`.
    """
    if hasattr(estimator, "best_estimator_"):
        return open_ensemble(estimator.best_estimator_, X)
    if isinstance(estimator, Pipeline):
        if X is not None and len(estimator) > 1:
            X = estimator[:-1].transform(X)
        return open_ensemble(estimator[-1], X)
    if not isinstance(estimator, BaseTabular):
        raise TypeError(
            "This display draws a TabularClassifier or a TabularRegressor, alone, or as the last "
            f"step of a Pipeline, or found by a search; got {type(estimator).__name__}."
        )
    check_is_fitted(estimator, "members_")
    return estimator, X


class EnsembleDisplay:
    """Losses of an ensemble's members for rows held out, their weights, and the ensemble's gain.

    It is recommended to use :func:`~fastnn.display.EnsembleDisplay.from_estimator`. All parameters
    are stored as attributes.

    Parameters
    ----------
    losses : ndarray of shape (n_members,)
        Mean loss of each member's out-of-fold predictions.

    weights : ndarray of shape (n_members,)
        Share of each member in the ensemble.

    kinds : list of {"networks", "boosting", "random_trees"}
        What each member is.

    ensemble_loss : float
        Mean loss of the ensemble's out-of-fold predictions.

    loss_name : str, default="loss"
        What the losses are called.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that holds the picture.

    ax_ : matplotlib Axes
        Axes of the losses.

    weight_ax_ : matplotlib Axes
        Axes of the weights, beside them.

    points_ : list of matplotlib Line2D
        Loss of each member, kind by kind, and last that of the ensemble.

    bars_ : matplotlib BarContainer
        Weight of each member, in the same order.

    line_ : matplotlib Line2D
        The ensemble's loss, through all members.

    order_ : ndarray of int
        Which member is in which line.

    gain_ : float
        Loss of the best member less that of the ensemble.

    See Also
    --------
    LossCurveDisplay : The way of a single network.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from fastnn import TabularClassifier
    >>> from fastnn.display import EnsembleDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = TabularClassifier(effort="quick", cv=2, random_state=0).fit(X, y)
    >>> display = EnsembleDisplay.from_estimator(model)
    >>> plt.show()
    """

    def __init__(
        self,
        *,
        losses: np.ndarray,
        weights: np.ndarray,
        kinds: list[str],
        ensemble_loss: float,
        loss_name: str = "loss",
    ) -> None:
        self.losses = losses
        self.weights = weights
        self.kinds = kinds
        self.ensemble_loss = ensemble_loss
        self.loss_name = loss_name

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> "EnsembleDisplay":
        """Draw the members of a fitted estimator for tables.

        Parameters
        ----------
        estimator : estimator instance
            Fitted `TabularClassifier` or `TabularRegressor`, or a pipeline that ends in one.

        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure. Weights take the right of its place.

        Returns
        -------
        display : EnsembleDisplay
        """
        style.load_matplotlib(f"{cls.__name__}.from_estimator")
        ensemble, _ = open_ensemble(estimator)
        members = ensemble.members_
        loss = getattr(ensemble, "loss", "log_loss")  # of a classifier
        display = cls(
            losses=np.array([member["loss"] for member in members]),
            weights=np.array([member["weight"] for member in members]),
            kinds=[member["kind"] for member in members],
            ensemble_loss=ensemble.validation_loss_,
            loss_name=LOSS_NAMES.get(loss, loss.replace("_", " ")),
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: Any = None) -> "EnsembleDisplay":
        """Draw losses as points, and weights as bars beside them.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure. Weights take the right of its place.

        Returns
        -------
        display : EnsembleDisplay
        """
        n = len(self.losses)
        ax = style.axes_for("EnsembleDisplay.plot", ax, (6.4, 1.4 + 0.3 * (n + 1)))
        self.ax_, self.figure_ = ax, ax.figure
        self.weight_ax_ = _panel_beside(ax)
        self.order_ = np.array(sorted(range(n), key=lambda i: list(KINDS).index(self.kinds[i])))
        self.gain_ = float(self.losses.min() - self.ensemble_loss)
        kinds = [self.kinds[i] for i in self.order_]
        self._draw_losses(kinds)
        self._draw_weights(kinds)
        ax.set_yticks(range(n + 1), [*_names(kinds), "ensemble"])
        ax.set_ylim(n + 0.6, -0.6)
        ax.set_xlabel(f"{self.loss_name} of rows held out")
        style.few_ticks(ax.xaxis, 5)
        ax.set_title(self._gain(), fontsize="medium", loc="left")
        return self

    def _draw_losses(self, kinds: list[str]) -> None:
        ax, ink = self.ax_, self.ax_.xaxis.label.get_color()
        self.line_ = ax.axvline(self.ensemble_loss, color=ink, ls=":", lw=1, zorder=1)
        losses = [*self.losses[self.order_], self.ensemble_loss]
        looks = [(KINDS[kind][1], _colour(kind)) for kind in kinds] + [("*", style.palette()[1])]
        self.points_ = [
            ax.plot([loss], [i], marker, color=colour, ms=14 if marker == "*" else 8)[0]
            for i, (loss, (marker, colour)) in enumerate(zip(losses, looks, strict=True))
        ]
        ax.grid(axis="y", alpha=0.3)
        ax.set_axisbelow(True)
        ax.margins(x=0.08)

    def _draw_weights(self, kinds: list[str]) -> None:
        ax, weights = self.weight_ax_, self.weights[self.order_]
        self.bars_ = ax.barh(range(len(weights)), weights, 0.6, color=[*map(_colour, kinds)])
        ax.bar_label(self.bars_, [f"{weight:.0%}" for weight in weights], padding=3)
        ax.set_xlim(0, 1.35 * max(weights.max(), 0.1))  # room for the numbers
        ax.set_xticks([])
        ax.tick_params(axis="y", left=False, labelleft=False)
        ax.spines[["top", "right", "bottom"]].set_visible(False)
        ax.set_xlabel("weight")

    def _gain(self) -> str:
        """Tell the gain, as a share where the loss has a zero."""
        best = float(self.losses.min())
        is_share = best > 0 and self.loss_name not in WITHOUT_ZERO
        size = abs(self.gain_) / best if is_share else abs(self.gain_)
        if size < 5e-4:
            return "The ensemble is as good as its best member"
        told = f"{size:.1%}" if is_share else style.number(size)
        less = "less" if self.gain_ > 0 else "more"
        return f"The ensemble has {told} {less} loss than its best member"


def _names(kinds: list[str]) -> list[str]:
    """Name members by their kinds, with a number where there are several of one."""
    names = []
    for i, kind in enumerate(kinds):
        number = f" {kinds[:i].count(kind) + 1}" if kinds.count(kind) > 1 else ""
        names.append(KINDS[kind][0] + number)
    return names


def _colour(kind: str) -> str:
    return style.palette()[KINDS[kind][2]]


def _panel_beside(ax: Any) -> Any:
    """Give the right of an axes' place to another with the same lines."""
    grid = style.grid_in(ax, 1, 2, width_ratios=[3, 1], wspace=0.05)
    ax.set_subplotspec(grid[0])
    return ax.figure.add_subplot(grid[1], sharey=ax)
