"""The diagram of a network: units as circles, weights as links, forward and backward."""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier

from fastnn.display import style
from fastnn.display.anatomy import gradient, layer_outputs, one_row, one_target, open_up

RADIUS = 0.36  # of a unit, where the next one is at a distance of 1
RING = 0.07  # around a unit, of its delta
SHIFT = 0.09  # of a gradient's link beside its weight's
ABOVE, BELOW = 3.4, 3.6  # lines of text for the layers' names, and for loss and a line of legend
READABLE = 7.5  # points of the legend, for which it takes a second line
NAMES = 0.18  # share of the width for the names of inputs, and of outputs


class Layer(NamedTuple):
    """Where the units of a layer are drawn: those shown, and dots in place of the others."""

    shown: np.ndarray
    x: float
    y: np.ndarray
    dots: float | None


class NetworkDisplay:
    """Diagram of a network, layers left to right.

    A link's colour and width are its weight's, its dash a negative sign. With a sample, units are
    filled by what they put out; with its target too, a second link beside each weight, an arrow
    from right to left, is the derivative of the loss by that weight, and the ring and the number
    beneath a unit are the derivative by its weighted sum.

    It is recommended to use :func:`~fastnn.display.NetworkDisplay.from_estimator`. All parameters
    are stored as attributes.

    Parameters
    ----------
    coefs : list of ndarray of shape (n_units, n_units_of_the_next_layer)
        Weights between consecutive layers.

    layer_names : list of str
        Of all layers, the input and the output among them.

    input_names, output_names : list of str, default=None
        Names of the units of the first and of the last layer.

    activations : list of ndarray of shape (n_units,), default=None
        Outputs of each layer for a sample, the input first.

    coef_gradients : list of ndarray, default=None
        Derivative of the sample's loss by each weight, shaped as `coefs`.

    deltas : list of ndarray of shape (n_units,), default=None
        Derivative of the sample's loss by each unit's weighted sum, the input layer left out.

    loss : float, default=None
        The sample's loss.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that holds the diagram.

    ax_ : matplotlib Axes
        Axes of the diagram.

    units_ : list of matplotlib PatchCollection
        Circles of each layer; their array is the activations.

    rings_ : list of matplotlib PatchCollection
        Rings whose array is the deltas, of all layers but the first; empty without a target.

    links_ : list of matplotlib LineCollection
        Links between consecutive layers; their array is the weights, row by row.

    gradient_links_ : list of matplotlib LineCollection
        Links whose array is the gradient; empty without a target.

    arrows_ : list of matplotlib PolyCollection
        Heads of the gradient's larger links.

    shown_ : list of ndarray of int
        Which units of each layer are drawn.

    values_, deltas_ : list of matplotlib Text
        Numbers in and beneath the units, where there is room.

    See Also
    --------
    OutputDisplay : The outputs beside the right answer.
    GraphDisplay : A single layer as a graph of operations.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from fastnn import MLPClassifier
    >>> from fastnn.display import NetworkDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier((5, 4), max_iter=1000, tol=1e-3, random_state=0)
    >>> display = NetworkDisplay.from_estimator(model.fit(X, y), X[70], y[70])
    >>> plt.show()
    """

    def __init__(
        self,
        *,
        coefs: list[np.ndarray],
        layer_names: list[str],
        input_names: list[str] | None = None,
        output_names: list[str] | None = None,
        activations: list[np.ndarray] | None = None,
        coef_gradients: list[np.ndarray] | None = None,
        deltas: list[np.ndarray] | None = None,
        loss: float | None = None,
    ) -> None:
        self.coefs = coefs
        self.layer_names = layer_names
        self.input_names = input_names
        self.output_names = output_names
        self.activations = activations
        self.coef_gradients = coef_gradients
        self.deltas = deltas
        self.loss = loss

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        y: Any = None,
        *,
        input_names: Any = None,
        output_names: Any = None,
        max_units: int = 10,
        ax: Any = None,
    ) -> "NetworkDisplay":
        """Draw a fitted estimator, with a sample on its way through it if one is given.

        Parameters
        ----------
        estimator : estimator instance
            Fitted network, or a pipeline that ends in one.

        X : array-like of shape (n_features,) or (1, n_features), default=None
            The sample.

        y : scalar or array-like of shape (n_outputs,), default=None
            Its target; with it, the gradient of its loss is drawn, without the penalty `alpha`.

        input_names, output_names : list of str, default=None
            Names of inputs and outputs; by default those of the data trained on, and the classes.

        max_units : int, default=10
            Circles of a layer at most, at least 3; of a wider one the first and the last are drawn.

        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        display : NetworkDisplay
        """
        style.load_matplotlib(f"{cls.__name__}.from_estimator")
        if y is not None and X is None:
            raise ValueError("y is the target of a sample: give X too.")
        X, y = None if X is None else one_row(X), None if y is None else one_target(y)
        network, row, target = open_up(estimator, X, y)
        display = cls(
            coefs=list(network.coefs_),
            layer_names=_layer_names(network),
            input_names=_names(input_names, getattr(network, "feature_names_in_", None)),
            output_names=_names(output_names, _class_names(network)),
        )
        if row is not None:
            display.activations = [A[0] for A in layer_outputs(network, row)]
        if target is not None:
            display.loss, display.coef_gradients, display.deltas = gradient(network, row, target)
        return display.plot(ax=ax, max_units=max_units)

    def plot(self, *, ax: Any = None, max_units: int = 10) -> "NetworkDisplay":
        """Draw the diagram.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure.

        max_units : int, default=10
            Circles of a layer at most, at least 3; of a wider one the first and the last are drawn.

        Returns
        -------
        display : NetworkDisplay
        """
        if max_units < 3:
            raise ValueError(f"max_units={max_units!r} leaves no room for dots: at least 3.")
        style.check_names("input_names", self.input_names, len(self.coefs[0]))
        style.check_names("output_names", self.output_names, self.coefs[-1].shape[1])
        ax = style.axes_for("NetworkDisplay.plot", ax, self._figure_size(max_units))
        self.ax_, self.figure_ = ax, ax.figure
        layers = self._lay_out(max_units)
        self.shown_ = [layer.shown for layer in layers]
        self.links_: list[Any] = []
        self.gradient_links_: list[Any] = []
        self.arrows_: list[Any] = []
        for i, (left, right) in enumerate(pairwise(layers)):
            self._draw_links(i, left, right)
        self.units_: list[Any] = []
        self.rings_: list[Any] = []
        self.values_: list[Any] = []
        self.deltas_: list[Any] = []
        for i, layer in enumerate(layers):
            self._draw_units(i, layer)
        self._draw_names(layers)
        self._draw_legend()
        return self

    # -------------------------------------------------------------------------------- places

    def _figure_size(self, max_units: int) -> tuple[float, float]:
        n_units = min(max_units, max(max(W.shape) for W in self.coefs))
        return min(12.0, max(6.4, 1.8 * (len(self.coefs) + 1))), min(7.5, 2.0 + 0.55 * n_units)

    def _lay_out(self, max_units: int) -> list[Layer]:
        """Place the units so that the diagram fills the axes, a circle staying round."""
        self.ax_.set_axis_off()
        width, height = style.points(self.ax_)
        sizes = [len(self.coefs[0]), *(W.shape[1] for W in self.coefs)]
        line, n_gaps = 1.2 * style.default_size(), len(sizes) - 1
        self._longest = int(NAMES * width / (style.CHARACTER * style.SMALL * style.default_size()))
        left, right = (self._margin(names) for names in (self.input_names, self.output_names))
        top, between = min(max(sizes), max_units), width - left - right
        n_entries = 2 if self.coef_gradients is None else 4
        self._n_columns, self._legend_size = _legend_look(width, n_entries)
        below = BELOW + 1.4 * (self._n_columns < n_entries)
        inside = height - (ABOVE + below) * line
        self._scale = max(5.0, min(inside / top, between / (1.8 * n_gaps + 1.2)))  # points a unit
        self._gap = (between / self._scale - 1.2) / n_gaps
        self._top = top / 2
        ends = np.array([-0.6, n_gaps * self._gap + 0.6]) + np.array([-left, right]) / self._scale
        middle = (ABOVE - below) * line / 2 / self._scale
        half = height / 2 / self._scale
        self.ax_.set(xlim=ends, ylim=(middle - half, middle + half), aspect="equal")
        return [_layer(n, i * self._gap, max_units) for i, n in enumerate(sizes)]

    def _margin(self, names: list[str] | None) -> float:
        """Points that the names beside a layer take."""
        longest = max(map(len, style.plain_names(names or [], self._longest)), default=0)
        return longest * style.CHARACTER * style.SMALL * style.default_size()

    def _text_size(self, room: float, n_characters: float) -> float:
        """Size in points of that many characters in this room, no larger than small text."""
        size = room * self._scale / n_characters / style.CHARACTER
        return min(style.SMALL * style.default_size(), size)

    # ------------------------------------------------------------------------------- drawing

    def _draw_links(self, i: int, left: Layer, right: Layer) -> None:
        weights = self.coefs[i][np.ix_(left.shown, right.shown)]
        starts = np.stack([np.full(len(left.y), left.x), left.y], 1).repeat(len(right.y), axis=0)
        ends = np.tile(np.stack([np.full(len(right.y), right.x), right.y], 1), (len(left.y), 1))
        self.links_.append(
            self._lines(starts, ends, weights.ravel(), self.coefs[i], style.diverging(self.ax_))
        )
        if self.coef_gradients is None:
            return
        slopes = self.coef_gradients[i][np.ix_(left.shown, right.shown)].ravel()
        down = np.array([0.0, SHIFT])
        links = self._lines(
            *(starts - down, ends - down, slopes, self.coef_gradients[i]),
            style.gradient_map(self.ax_),
        )
        self.gradient_links_.append(links)
        self._draw_arrows(links, starts - down, ends - down, slopes)

    def _lines(
        self, starts: np.ndarray, ends: np.ndarray, values: np.ndarray, all_values: Any, cmap: Any
    ) -> Any:
        norm = style.symmetric(all_values)
        strength = np.abs(values) / norm.vmax
        lines = style.load_matplotlib().collections.LineCollection(
            list(np.stack([starts, ends], 1)),
            cmap=cmap,
            norm=norm,
            linewidths=0.3 + 0.08 * self._scale * strength,
            linestyles=style.dashes(values),
            zorder=1,
        )
        lines.set_array(values)
        return self.ax_.add_collection(lines)

    def _draw_arrows(
        self, links: Any, starts: np.ndarray, ends: np.ndarray, slopes: np.ndarray
    ) -> None:
        """Put heads that point back on the gradient's links, the small ones left out."""
        strength = np.abs(slopes) / links.norm.vmax
        large = strength > 0.1
        along = (starts - ends)[large]
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        across = along[:, ::-1] * [-1, 1]
        size = (0.08 + 0.12 * strength[large])[:, None]
        tips = ends[large] + (0.3 * self._gap) * along
        heads = np.stack(
            [tips + size * along, tips + size * across / 2, tips - size * across / 2], 1
        )
        collections = style.load_matplotlib().collections
        arrows = collections.PolyCollection(list(heads), cmap=links.cmap, norm=links.norm, zorder=2)
        arrows.set_array(slopes[large])
        self.arrows_.append(self.ax_.add_collection(arrows))

    def _draw_units(self, i: int, layer: Layer) -> None:
        circles = self._circles(layer, RADIUS, zorder=3)
        circles.set_edgecolor(self.ax_.xaxis.label.get_color())
        if self.activations is None:
            circles.set_facecolor(style.background(self.ax_))
        else:
            values = self.activations[i]
            circles.set(cmap=style.diverging(self.ax_), norm=style.symmetric(values))
            circles.set_array(values[layer.shown])
            self._draw_values(circles, layer)
        self.units_.append(circles)
        if self.deltas is not None and i > 0:
            self._draw_deltas(self.deltas[i - 1], layer)
        if layer.dots is not None:
            at, ink = layer.dots + np.array([-0.2, 0, 0.2]), circles.get_edgecolor()
            self.ax_.scatter([layer.x] * 3, at, s=0.02 * self._scale**2, color=ink, zorder=3)

    def _circles(self, layer: Layer, radius: float, zorder: float) -> Any:
        mpl = style.load_matplotlib()
        circles = [mpl.patches.Circle((layer.x, y), radius) for y in layer.y]
        return self.ax_.add_collection(mpl.collections.PatchCollection(circles, zorder=zorder))

    def _draw_values(self, circles: Any, layer: Layer) -> None:
        size = self._text_size(1.8 * RADIUS, 5)
        if size < style.LEAST_TEXT:
            return
        for y, value in zip(layer.y, circles.get_array(), strict=True):
            colour = style.readable_on(circles.cmap(circles.norm(value)))
            self.values_.append(
                self.ax_.text(
                    *(layer.x, y, style.number(value)),
                    color=colour,
                    fontsize=size,
                    ha="center",
                    va="center",
                    zorder=4,
                )
            )

    def _draw_deltas(self, deltas: np.ndarray, layer: Layer) -> None:
        rings = self._circles(layer, RADIUS + RING, zorder=2.5)
        rings.set(cmap=style.gradient_map(self.ax_), norm=style.symmetric(deltas))
        rings.set_array(deltas[layer.shown])
        self.rings_.append(rings)
        size = self._text_size(1.8 * RADIUS, 5)
        if size < style.LEAST_TEXT:
            return
        for y, delta in zip(layer.y, deltas[layer.shown], strict=True):
            self.deltas_.append(
                self.ax_.text(
                    *(layer.x, y - RADIUS - RING, f"δ {style.number(delta)}"),
                    fontsize=size,
                    ha="center",
                    va="top",
                    zorder=4,
                )
            )

    def _draw_names(self, layers: list[Layer]) -> None:
        longest = max(len(line) for name in self.layer_names for line in name.split("\n"))
        size = self._text_size(max(self._gap, 1.0), longest)
        for layer, name in zip(layers, self.layer_names, strict=True):
            self.ax_.text(
                *(layer.x, self._top + 0.3, name), fontsize=size, ha="center", va="bottom"
            )
        if self.input_names is not None:
            self._name_units(layers[0], self.input_names, -1, "right")
        if self.output_names is not None:
            self._name_units(layers[-1], self.output_names, 1, "left")

    def _name_units(self, layer: Layer, names: list[str], side: int, align: str) -> None:
        size = min(style.SMALL * style.default_size(), 0.8 * self._scale)
        labels = style.plain_names(names, self._longest)
        for unit, y in zip(layer.shown, layer.y, strict=True):
            self.ax_.text(
                *(layer.x + side * (RADIUS + 0.12), y, labels[unit]),
                ha=align,
                va="center",
                fontsize=size,
            )

    def _draw_legend(self) -> None:
        weights, slopes = style.diverging(self.ax_), style.gradient_map(self.ax_)
        entries = [
            style.sample_line(color=weights(1.0), lw=2, label="weight > 0"),
            style.sample_line(color=weights(0.0), lw=2, ls="--", label="weight < 0"),
        ]
        if self.coef_gradients is not None:
            entries += [
                style.sample_line(color=slopes(1.0), marker="<", lw=1, label="gradient > 0"),
                style.sample_line(
                    color=slopes(0.0), marker="<", lw=1, ls="--", label="gradient < 0"
                ),
            ]
        loss = None if self.loss is None else f"loss {style.number(self.loss)}"
        self.ax_.legend(
            handles=entries,
            title=loss,
            loc="lower center",
            ncols=self._n_columns,
            columnspacing=1.0,
            frameon=False,
            fontsize=self._legend_size,
            title_fontsize="small",
        )


def _legend_look(width: float, n_entries: int) -> tuple[int, float]:
    """Columns and points of a legend's text in this width: one line if that can be read."""
    size = width / (18 * style.CHARACTER)  # of an entry's characters, if it had all the width
    n_columns = n_entries if size / n_entries > READABLE else 2
    return n_columns, min(style.SMALL * style.default_size(), size / n_columns)


def _layer(n: int, x: float, most: int) -> Layer:
    """Place a layer's units under each other around 0, a wide one with dots in its middle."""
    shown, dots = np.arange(n), None
    slots = np.arange(min(n, most))
    if n > most:
        first, last = most // 2, most - 1 - most // 2
        shown = np.r_[np.arange(first), np.arange(n - last, n)]
        dots = (most - 1) / 2 - first
        slots = np.delete(slots, first)
    return Layer(shown, x, (min(n, most) - 1) / 2 - slots, dots)


def _layer_names(network: Any) -> list[str]:
    hidden = [len(b) for b in network.intercepts_[:-1]]
    activation = network.activation
    names = [activation] * len(hidden) if isinstance(activation, str) else list(activation)
    return [
        f"input\n{len(network.coefs_[0])}",
        *(
            f"hidden {i}\n{name}, {n}"
            for i, (name, n) in enumerate(zip(names, hidden, strict=True))
        ),
        f"output\n{network.out_activation_}, {len(network.intercepts_[-1])}",
    ]


def _class_names(network: Any) -> list[Any] | None:
    if not is_classifier(network):
        return None
    classes, n_outputs = network.classes_, len(network.intercepts_[-1])
    if isinstance(classes, list):
        classes = [f"{i}: {c}" for i, cs in enumerate(classes) for c in cs]
    if n_outputs == 1:
        return [classes[-1]]  # the unit is the probability of the second class
    return list(classes) if len(classes) == n_outputs else None


def _names(given: Any, known: Any) -> list[str] | None:
    names = known if given is None else given
    return None if names is None else [str(name) for name in names]
