"""Weights of the first layer as pictures, and how the units of each layer are lit."""

from typing import Any

import numpy as np

from fastnn.display import style
from fastnn.display.anatomy import layer_outputs, open_up


class WeightsDisplay:
    """First-layer weights as images or a heat map, or histograms of activations layer by layer.

    It is recommended to use :func:`~fastnn.display.WeightsDisplay.from_estimator`. All parameters
    are stored as attributes.

    Parameters
    ----------
    weights : ndarray of shape (n_features, n_units)
        Weights of the first layer.

    image_shape : tuple of (int, int), default=None
        Rows and columns of the images that the features are.

    input_names : list of str, default=None
        Names of the features.

    activations : list of ndarray of shape (n_samples, n_units), default=None
        Outputs of each hidden layer.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that holds the panels.

    ax_ : matplotlib Axes
        The axes drawn on, empty where several panels take its place.

    axes_ : list of matplotlib Axes
        The panels.

    images_ : list of matplotlib AxesImage
        One for each unit, or the heat map alone; empty for histograms.

    histograms_ : list of matplotlib StepPatch
        One for each hidden layer; empty for weights.

    texts_ : list of matplotlib Text
        Mean, standard deviation and share of zeros of each hidden layer.

    See Also
    --------
    NetworkDisplay : All layers' weights as links.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from fastnn import MLPClassifier
    >>> from fastnn.display import WeightsDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPClassifier((30, 30), random_state=0, max_iter=400).fit(X / 16, y)
    >>> display = WeightsDisplay.from_estimator(model, image_shape=(8, 8))
    >>> display = WeightsDisplay.from_estimator(model, X / 16)
    >>> plt.show()
    """

    def __init__(
        self,
        *,
        weights: np.ndarray,
        image_shape: tuple[int, int] | None = None,
        input_names: list[str] | None = None,
        activations: list[np.ndarray] | None = None,
    ) -> None:
        self.weights = weights
        self.image_shape = image_shape
        self.input_names = input_names
        self.activations = activations

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        *,
        image_shape: tuple[int, int] | None = None,
        input_names: Any = None,
        max_units: int = 40,
        ax: Any = None,
    ) -> "WeightsDisplay":
        """Draw the weights of a fitted estimator or, with rows, the activations of its layers.

        Parameters
        ----------
        estimator : estimator instance
            Fitted network, or a pipeline that ends in one.

        X : array-like of shape (n_samples, n_features), default=None
            Rows; with them, histograms of each hidden layer's activations are drawn instead of
            weights. Many units at zero, or all at the ends of their range, tell of a bad start.

        image_shape : tuple of (int, int), default=None
            Rows and columns of the images that the features are. By default the weights are drawn
            as a heat map.

        input_names : list of str, default=None
            Names of the features; by default those of the data trained on.

        max_units : int, default=40
            Images, or columns of the heat map, at most: those with the largest weights.

        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        display : WeightsDisplay
        """
        style.load_matplotlib(f"{cls.__name__}.from_estimator")
        network, rows, _ = open_up(estimator, X)
        names = getattr(network, "feature_names_in_", None) if input_names is None else input_names
        activations = None if rows is None else layer_outputs(network, rows)[1:-1]
        if activations is not None and not activations:
            raise ValueError("The network has no hidden layer whose activations could be drawn.")
        display = cls(
            weights=network.coefs_[0],
            image_shape=image_shape,
            input_names=None if names is None else [str(name) for name in names],
            activations=activations,
        )
        return display.plot(ax=ax, max_units=max_units)

    def plot(self, *, ax: Any = None, max_units: int = 40) -> "WeightsDisplay":
        """Draw images, a heat map or histograms.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure.

        max_units : int, default=40
            Images, or columns of the heat map, at most: those with the largest weights.

        Returns
        -------
        display : WeightsDisplay
        """
        style.check_names("input_names", self.input_names, len(self.weights))
        self.images_: list[Any] = []
        self.histograms_: list[Any] = []
        self.texts_: list[Any] = []
        if self.activations is not None:
            self._plot_histograms(ax, self.activations)
        elif self.image_shape is not None:
            self._plot_images(ax, self.image_shape, max_units)
        else:
            self._plot_heat_map(ax, max_units)
        self.figure_ = self.ax_.figure
        return self

    def _units(self, most: int) -> np.ndarray:
        """Units shown, in their order: where there are too many, those with the largest weights."""
        sizes = np.linalg.norm(self.weights, axis=0)
        return np.sort(np.argsort(-sizes, kind="stable")[:most])

    def _plot_images(self, ax: Any, shape: tuple[int, int], max_units: int) -> None:
        if np.prod(shape) != len(self.weights):
            raise ValueError(
                f"image_shape={tuple(shape)} has {np.prod(shape)} points, and the network takes "
                f"{len(self.weights)} features."
            )
        units = self._units(max_units)
        n_columns = max(1, round(np.sqrt(1.6 * len(units))))
        n_rows = -(-len(units) // n_columns)
        size = (max(3.0, 0.8 * n_columns + 1.2), max(2.5, 0.95 * n_rows))
        ax = style.axes_for("WeightsDisplay.plot", ax, size)
        self.ax_ = ax
        self.axes_ = style.panels(ax, len(units), aspect=0.85)
        colours, norm = style.heat(), style.symmetric(self.weights[:, units])
        for unit, panel in zip(units, self.axes_, strict=True):
            image = self.weights[:, unit].reshape(shape)
            self.images_.append(panel.imshow(image, cmap=colours, norm=norm))
            panel.set_title(str(unit), fontsize="x-small", pad=2)
            panel.set_xticks([])
            panel.set_yticks([])
        self._colour_bar(self.axes_)

    def _plot_heat_map(self, ax: Any, max_units: int) -> None:
        units, n_features = self._units(max_units), len(self.weights)
        ax = style.axes_for("WeightsDisplay.plot", ax, (6.4, min(9.0, 2.0 + 0.18 * n_features)))
        self.ax_, self.axes_ = ax, [ax]
        shown = self.weights[:, units]
        self.images_.append(
            ax.imshow(
                shown,
                cmap=style.heat(),
                norm=style.symmetric(shown),
                aspect="auto",
                interpolation="nearest",
            )
        )
        n = len(units)
        ticks = np.arange(0, n, max(1, n // 10))
        ax.set_xticks(ticks, [str(units[i]) for i in ticks])
        ax.set_xlabel(
            "unit" if n == self.weights.shape[1] else f"unit, {n} of {self.weights.shape[1]}"
        )
        ax.set_ylabel("feature")
        if self.input_names is not None and n_features <= 40:
            names = style.plain_names(self.input_names, 20)
            ax.set_yticks(np.arange(n_features), names, fontsize="small")
        else:
            ax.yaxis.get_major_locator().set_params(integer=True)
        self._colour_bar([ax])

    def _colour_bar(self, axes: list[Any]) -> None:
        self.ax_.figure.colorbar(self.images_[0], ax=axes, label="weight", shrink=0.8)

    def _plot_histograms(self, ax: Any, activations: list[np.ndarray]) -> None:
        n = len(activations)
        n_rows = -(-n // 4)
        size = (6.4, 4.0) if n == 1 else (2.4 * min(n, 4) + 0.4, 1.9 * n_rows + 0.6)
        ax = style.axes_for("WeightsDisplay.plot", ax, size)
        self.ax_ = ax
        self.axes_ = style.panels(ax, n)
        style.set_titles(self.axes_, [f"hidden {layer}" for layer in range(n)])
        for A, panel in zip(activations, self.axes_, strict=True):
            self._draw_histogram(A, panel)
            lowest, first = style.is_outer(self.axes_, panel)
            panel.set_xlabel("activation" if lowest else "")
            panel.set_ylabel("share of units" if first else "")

    def _draw_histogram(self, A: np.ndarray, panel: Any) -> None:
        counts, edges = np.histogram(A, bins=30)
        shares = counts / A.size
        colour = style.palette()[0]
        self.histograms_.append(panel.stairs(shares, edges, fill=True, color=colour))
        told = f"mean {style.number(A.mean())}\nstd {style.number(A.std())}"
        if (A == 0).any():
            told += f"\nat zero {(A == 0).mean():.0%}"
        panel.set_ylim(0, 1.7 * shares.max())  # room for the text
        panel.set_yticks([])
        style.few_ticks(panel.xaxis, 3)
        self.texts_.append(
            panel.text(
                *(0.97, 0.95, told),
                transform=panel.transAxes,
                ha="right",
                va="top",
                fontsize="small",
            )
        )
