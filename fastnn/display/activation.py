"""Activations and their derivatives, drawn from the kernels' own values."""

from typing import Any

import numpy as np

from fastnn.display import style
from fastnn.display.anatomy import activation_and_derivative
from fastnn.kernels.activations import ACTIVATIONS


class ActivationDisplay:
    """Activations f and their derivatives f', each in a panel of its own.

    It is recommended to use :func:`~fastnn.display.ActivationDisplay.from_names`. All parameters
    are stored as attributes.

    Parameters
    ----------
    z : ndarray of shape (n_points,)
        Weighted sums.

    values, derivatives : dict of str to ndarray of shape (n_points,)
        f(z) and f'(z) of each activation.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that holds the panels.

    ax_ : matplotlib Axes
        The axes drawn on, empty where several panels take its place.

    axes_ : dict of str to matplotlib Axes
        Panel of each activation.

    value_lines_, derivative_lines_ : dict of str to matplotlib Line2D
        The curves.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from fastnn.display import ActivationDisplay
    >>> display = ActivationDisplay.from_names(["relu", "tanh"])
    >>> plt.show()
    """

    def __init__(
        self, *, z: np.ndarray, values: dict[str, np.ndarray], derivatives: dict[str, np.ndarray]
    ) -> None:
        self.z = z
        self.values = values
        self.derivatives = derivatives

    @classmethod
    def from_names(
        cls, names: Any = None, *, z: Any = (-4.0, 4.0), n_points: int = 201, ax: Any = None
    ) -> "ActivationDisplay":
        """Draw activations by name.

        Parameters
        ----------
        names : str or list of str, default=None
            Names as the parameter `activation` takes them; by default all.

        z : tuple of float, default=(-4.0, 4.0)
            Smallest and largest weighted sum.

        n_points : int, default=201
            Points of a curve.

        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        display : ActivationDisplay
        """
        style.load_matplotlib(f"{cls.__name__}.from_names")
        names = [names] if isinstance(names, str) else list(names or activation_names())
        unknown = [name for name in names if name not in activation_names()]
        if unknown:
            raise ValueError(
                f"There is no activation {unknown[0]!r}; there are {', '.join(activation_names())}."
            )
        sums = np.linspace(z[0], z[1], n_points)
        curves = {name: activation_and_derivative(name, sums) for name in names}
        display = cls(
            z=sums,
            values={name: curve[0] for name, curve in curves.items()},
            derivatives={name: curve[1] for name, curve in curves.items()},
        )
        return display.plot(ax=ax)

    @classmethod
    def from_estimator(cls, estimator: Any, **options: Any) -> "ActivationDisplay":
        """Draw the activations of an estimator's hidden layers.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            Fitted or not.

        **options : dict
            As for `from_names`.

        Returns
        -------
        display : ActivationDisplay
        """
        names = estimator.activation
        names = [names] if isinstance(names, str) else list(dict.fromkeys(names))
        return cls.from_names(names, **options)

    def plot(self, *, ax: Any = None) -> "ActivationDisplay":
        """Draw a panel for each activation.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        display : ActivationDisplay
        """
        n = len(self.values)
        n_rows = -(-n // 4)
        size = (6.4, 4.0) if n == 1 else (2.4 * min(n, 4) + 0.4, 1.9 * n_rows + 0.6)
        ax = style.axes_for("ActivationDisplay.plot", ax, size)
        self.ax_, self.figure_ = ax, ax.figure
        panels = style.panels(ax, n, share=True)
        self.axes_ = dict(zip(self.values, panels, strict=True))
        self.value_lines_: dict[str, Any] = {}
        self.derivative_lines_: dict[str, Any] = {}
        for name, panel in self.axes_.items():
            self._draw(name, panel)
            lowest, first = style.is_outer(panels, panel)
            panel.tick_params(labelbottom=lowest, labelleft=first)
            panel.set_xlabel("z" if lowest else "")
        style.set_titles(panels, list(self.axes_))
        self._set_heights(panels[0])
        width = style.points(ax)[0] / min(n, 4)  # of a panel or so
        text = min(style.SMALL * style.default_size(), width / 11)
        self.axes_[self._lowest()].legend(
            loc="upper left", frameon=False, fontsize=text, handlelength=1.2, borderaxespad=0.2
        )
        return self

    def _draw(self, name: str, panel: Any) -> None:
        solid, dashed = style.palette()[:2]
        (self.value_lines_[name],) = panel.plot(
            self.z, self.values[name], color=solid, lw=2, label="f(z)"
        )
        (self.derivative_lines_[name],) = panel.plot(
            self.z, self.derivatives[name], "--", color=dashed, lw=2, label=f"f{style.PRIME}(z)"
        )
        panel.axhline(0, color=panel.spines["left"].get_edgecolor(), lw=0.5, zorder=0)
        if len(self.values) > 1:
            panel.set_xticks([self.z[0], (self.z[0] + self.z[-1]) / 2, self.z[-1]])
            panel.xaxis.set_major_formatter("{x:g}")

    def _lowest(self) -> str:
        """Find the activation that leaves most room above z < 0, where the legend may stand."""
        left = self.z < 0
        heights = {
            name: max(self.values[name][left].max(initial=0), slopes[left].max(initial=0))
            for name, slopes in self.derivatives.items()
        }
        return min(heights, key=lambda name: heights[name])

    def _set_heights(self, panel: Any) -> None:
        """Show all curves, but none that grows on so far that the others become flat."""
        curves = [*self.values.values(), *self.derivatives.values()]
        lowest, highest = min(c.min() for c in curves), max(c.max() for c in curves)
        panel.set_ylim(max(-2.0, min(-0.2, 1.1 * lowest)), min(3.0, max(1.2, 1.1 * highest)))


def activation_names() -> list[str]:
    """Names that the parameter `activation` takes."""
    return sorted(ACTIVATIONS)
