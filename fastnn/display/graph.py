"""Computational graphs: values forward, derivatives backward, both computed."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from fastnn.display import style
from fastnn.display.anatomy import (
    activation_and_derivative,
    gradient,
    layer_outputs,
    one_row,
    one_target,
    open_up,
)

MOST_NUMBERS = 12  # of an array's that a box tells
LINE = 1.3  # height of a line of text by its size
PADDING, ARROW = 2, 6  # characters, of a box around its text and between boxes

Backward = Callable[[np.ndarray], tuple[Any, ...]]
Texts = tuple[str, str, str]  # name, value and derivative


class Node:
    """A value that remembers what it was computed from, so that derivatives can flow back to it.

    Parameters
    ----------
    value : array-like
        A number or an array.

    name : str, default=""
        Variable, or symbol of the operation.

    operands : tuple of Node, default=()
        What it was computed from.

    backward : callable, default=None
        From the derivative by this node to the derivatives by its operands.

    Attributes
    ----------
    derivative : ndarray
        Derivative of the node that `backpropagate` was called on, by this one.

    Examples
    --------
    >>> from fastnn.display import Node
    >>> a, b, c = Node(2.0, "a"), Node(-3.0, "b"), Node(10.0, "c")
    >>> y = a * b + c
    >>> y.backpropagate()
    >>> float(y.value), float(a.derivative), float(b.derivative)
    (4.0, -3.0, 2.0)
    """

    __array_ufunc__ = None  # so that an array on the left leaves the operation to the node

    def __init__(
        self,
        value: Any,
        name: str = "",
        operands: tuple["Node", ...] = (),
        backward: Backward | None = None,
    ) -> None:
        self.value = np.asarray(value, dtype=float)
        self.name = name
        self.operands = operands
        self.backward = backward
        self.derivative = np.zeros_like(self.value)

    def __repr__(self) -> str:
        return f"Node({self.value!r}, {self.name!r})"

    def __add__(self, other: Any) -> "Node":
        return _operation("+", np.add, self, other, lambda d, a, b: (d, d))

    def __sub__(self, other: Any) -> "Node":
        return _operation(style.MINUS, np.subtract, self, other, lambda d, a, b: (d, -d))

    def __mul__(self, other: Any) -> "Node":
        return _operation(style.TIMES, np.multiply, self, other, lambda d, a, b: (d * b, d * a))

    def __truediv__(self, other: Any) -> "Node":
        return _operation("÷", np.divide, self, other, lambda d, a, b: (d / b, -d * a / b**2))

    def __matmul__(self, other: Any) -> "Node":
        return _operation("@", np.matmul, self, other, lambda d, a, b: (d @ b.T, a.T @ d))

    def __radd__(self, other: Any) -> "Node":
        return _node(other) + self

    def __rsub__(self, other: Any) -> "Node":
        return _node(other) - self

    def __rmul__(self, other: Any) -> "Node":
        return _node(other) * self

    def __rtruediv__(self, other: Any) -> "Node":
        return _node(other) / self

    def __neg__(self) -> "Node":
        return Node(-self.value, style.MINUS, (self,), lambda d: (-d,))

    def __pow__(self, exponent: float) -> "Node":
        a = self.value
        slope = exponent * a ** (exponent - 1)
        return Node(a**exponent, f"power {exponent:g}", (self,), lambda d: (d * slope,))

    def exp(self) -> "Node":
        """Take e to this power."""
        value = np.exp(self.value)
        return Node(value, "exp", (self,), lambda d: (d * value,))

    def log(self) -> "Node":
        """Take the natural logarithm."""
        return Node(np.log(self.value), "log", (self,), lambda d: (d / self.value,))

    def sum(self) -> "Node":
        """Add up all elements."""
        ones = np.ones_like(self.value)
        return Node(self.value.sum(), "sum", (self,), lambda d: (d * ones,))

    def activate(self, activation: str) -> "Node":
        """Apply an activation of the library by its name."""
        value, slope = activation_and_derivative(activation, self.value)
        return Node(value, activation, (self,), lambda d: (d * slope,))

    def backpropagate(self) -> None:
        """Set the derivative of this node by each node of its graph.

        Raises
        ------
        ValueError
            If this node is no single number.
        """
        if self.value.size != 1:
            raise ValueError(
                f"Only a single number has derivatives by all others; this has "
                f"{self.value.size}: take its sum()."
            )
        nodes = self.graph()
        for node in nodes:
            node.derivative = np.zeros_like(node.value)
        self.derivative = np.ones_like(self.value)
        for node in reversed(nodes):
            if node.backward is not None:
                slopes = node.backward(node.derivative)
                for operand, slope in zip(node.operands, slopes, strict=True):
                    operand.derivative = operand.derivative + slope

    def graph(self) -> list["Node"]:
        """List the nodes that this one was computed from, operands first, itself last."""
        nodes: list[Node] = []
        seen = set()
        stack = [(self, False)]
        while stack:
            node, done = stack.pop()
            if done:
                nodes.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack += [(operand, False) for operand in reversed(node.operands)]
        return nodes


def _node(value: Any) -> Node:
    return value if isinstance(value, Node) else Node(value)


def _operation(symbol: str, function: Any, a: Any, b: Any, slopes: Any) -> Node:
    a, b = _node(a), _node(b)

    def backward(d: np.ndarray) -> tuple[np.ndarray, ...]:
        pair = zip(slopes(d, a.value, b.value), (a, b), strict=True)
        return tuple(_shaped_as(node.value, slope) for slope, node in pair)

    return Node(function(a.value, b.value), symbol, (a, b), backward)


def _shaped_as(value: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Add up a derivative over the axes along which the value was repeated."""
    slope = np.asarray(slope)
    slope = slope.sum(axis=tuple(range(slope.ndim - value.ndim)))
    repeated = tuple(i for i, n in enumerate(value.shape) if n == 1 and slope.shape[i] > 1)
    return slope.sum(axis=repeated, keepdims=True)


class GraphDisplay:
    """A computational graph, operands left and result right: a value and a derivative in each box.

    It is recommended to use :func:`~fastnn.display.GraphDisplay.from_expression` or
    :func:`~fastnn.display.GraphDisplay.from_estimator`. All parameters are stored as attributes.

    Parameters
    ----------
    root : Node
        The result. Derivatives are its own, by each node.

    name : str, default=None
        Name of the result.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that holds the graph.

    ax_ : matplotlib Axes
        Axes of the graph.

    nodes_ : list of Node
        Nodes drawn, operands first.

    boxes_ : list of matplotlib FancyBboxPatch
        A box for each node.

    names_, values_, derivatives_ : list of matplotlib Text
        The texts in each box.

    edges_ : list of matplotlib FancyArrowPatch
        Arrows from operands to results, solid, and the derivative's way back, dashed.

    See Also
    --------
    NetworkDisplay : A whole network, forward and backward.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from fastnn.display import GraphDisplay, Node
    >>> a, b, c = Node(2.0, "a"), Node(-3.0, "b"), Node(10.0, "c")
    >>> display = GraphDisplay.from_expression(a * b + c, name="y")
    >>> plt.show()
    """

    def __init__(self, *, root: Node, name: str | None = None) -> None:
        self.root = root
        self.name = name

    @classmethod
    def from_expression(
        cls, expression: Node, *, name: str | None = None, ax: Any = None
    ) -> "GraphDisplay":
        """Draw an expression of nodes; its value is one number.

        Parameters
        ----------
        expression : Node
            The result, such as ``a * b + c`` of three nodes.

        name : str, default=None
            Name of the result.

        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        display : GraphDisplay
        """
        style.pyplot(f"{cls.__name__}.from_expression")
        return cls(root=expression, name=name).plot(ax=ax)

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, layer: int = 0, ax: Any = None
    ) -> "GraphDisplay":
        """Draw one layer of a fitted estimator for a sample: product, bias, activation, loss.

        Parameters
        ----------
        estimator : estimator instance
            Fitted network, or a pipeline that ends in one.

        X : array-like of shape (n_features,) or (1, n_features)
            The sample.

        y : scalar or array-like of shape (n_outputs,)
            Its target.

        layer : int, default=0
            Which layer, from 0; the last one is the output's.

        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        display : GraphDisplay
        """
        style.pyplot(f"{cls.__name__}.from_estimator")
        network, row, target = open_up(estimator, one_row(X), one_target(y))
        n_layers = len(network.coefs_)
        if not -n_layers <= layer < n_layers:
            raise ValueError(f"layer={layer} is none of the {n_layers} layers, counted from 0.")
        layer %= n_layers
        return cls(root=_layer_graph(network, row, target, layer), name="loss").plot(ax=ax)

    def plot(self, *, ax: Any = None) -> "GraphDisplay":
        """Compute the derivatives and draw the graph.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        display : GraphDisplay
        """
        self.root.backpropagate()
        self.nodes_ = self.root.graph()
        texts = [self._texts(node) for node in self.nodes_]
        layout = Layout.of(self.root, self.nodes_, texts)
        ax = style.axes_for("GraphDisplay.plot", ax, layout.figure_size())
        self.ax_, self.figure_ = ax, ax.figure
        boxes = layout.boxes(*style.points(ax))
        self._font = layout.font
        ax.set_axis_off()
        ax.set(xlim=(0, layout.width), ylim=(0, layout.height))
        self.boxes_: list[Any] = []
        self.names_: list[Any] = []
        self.values_: list[Any] = []
        self.derivatives_: list[Any] = []
        self.edges_: list[Any] = []
        for node, lines in zip(self.nodes_, texts, strict=True):
            self._draw_box(boxes[id(node)], lines, is_leaf=not node.operands)
            for operand in dict.fromkeys(node.operands):
                self._draw_edges(boxes[id(operand)], boxes[id(node)])
        self._draw_legend()
        return self

    def _texts(self, node: Node) -> Texts:
        """Name, value and derivative of a node, as its box tells them."""
        name = style.plain(node.name, 20)
        if node is self.root and self.name:
            name = f"{name} → {style.plain(self.name)}" if name else style.plain(self.name)
        return name, _numbers(node.value), _numbers(node.derivative, "∂ ")

    def _draw_box(self, box: "Box", texts: Texts, is_leaf: bool) -> None:
        from matplotlib.patches import FancyBboxPatch

        ax, ink = self.ax_, self.ax_.xaxis.label.get_color()
        rounding = 0.5 * self._font if is_leaf else 0.01
        patch = FancyBboxPatch(
            (box.x - box.width / 2, box.y - box.height / 2),
            *(box.width, box.height),
            boxstyle=f"round,pad=0,rounding_size={rounding}",
            facecolor=style.background(ax),
            edgecolor=ink,
            linewidth=0.8 if is_leaf else 1.6,
            zorder=2,
        )
        self.boxes_.append(ax.add_patch(patch))
        value_colour, slope_colour = style.palette()[:2]
        kinds = [
            (self.names_, {"color": ink, "fontweight": "bold"}),
            (self.values_, {"color": value_colour}),
            (self.derivatives_, {"color": slope_colour}),
        ]
        line = LINE * self._font
        top = box.y + box.height / 2 - 0.3 * line
        for text, (artists, look) in zip(texts, kinds, strict=True):
            n_lines = text.count("\n") + 1
            artists.append(
                ax.text(
                    *(box.x, top - n_lines * line / 2, text),
                    ha="center",
                    va="center",
                    fontsize=self._font,
                    fontfamily="monospace",
                    linespacing=LINE / 1.2,
                    zorder=3,
                    **look,
                )
            )
            top -= n_lines * line

    def _draw_edges(self, start: "Box", end: "Box") -> None:
        from matplotlib.patches import FancyArrowPatch

        left, right = start.x + start.width / 2, end.x - end.width / 2
        up = 0.25 * self._font
        forward, backward = style.palette()[:2]
        ways = [
            ((left, start.y + up), (right, end.y + up), forward, "-"),
            ((right, end.y - up), (left, start.y - up), backward, "--"),
        ]
        for a, b, colour, dash in ways:
            arrow = FancyArrowPatch(
                *(a, b),
                arrowstyle="-|>",
                mutation_scale=self._font,
                color=colour,
                linestyle=dash,
                shrinkA=0,
                shrinkB=0,
                zorder=1,
            )
            self.edges_.append(self.ax_.add_patch(arrow))

    def _draw_legend(self) -> None:
        from matplotlib.lines import Line2D

        forward, backward = style.palette()[:2]
        result = style.plain(self.name or "the result")
        entries = [
            Line2D([], [], color=forward, label="value, forward"),
            Line2D([], [], color=backward, ls="--", label=f"∂ {result} by it, backward"),
        ]
        self.ax_.legend(handles=entries, loc="upper left", ncols=2, frameon=False, fontsize="small")


# -------------------------------------------------------------------------------------- layout


class Box(NamedTuple):
    """Middle and size of a node's box, in points."""

    x: float
    y: float
    width: float
    height: float


class Layout:
    """Columns and rows of a graph's nodes, and the room that their texts need.

    Parameters
    ----------
    column, row : dict of int to number
        Of a node, by its id.
    size : dict of int to (int, int)
        Characters of the longest line of a node's texts, and number of lines.
    """

    def __init__(
        self, column: dict[int, int], row: dict[int, float], size: dict[int, tuple[int, int]]
    ) -> None:
        self.column, self.row, self.size = column, row, size
        n_columns = max(column.values()) + 1
        self.widths = [
            max(size[key][0] for key in size if column[key] == i) + PADDING
            for i in range(n_columns)
        ]
        self.n_rows = max(row.values()) + 1
        self.n_lines = max(lines for _, lines in size.values())
        self.n_characters = sum(self.widths) + ARROW * (n_columns - 1) + PADDING

    @classmethod
    def of(cls, root: Node, nodes: list[Node], texts: list[Texts]) -> "Layout":
        """Place operands left of their results, those of one result next to each other."""
        sizes = [
            (
                max(len(line) for t in three for line in t.split("\n")),
                "".join(three).count("\n") + 3,
            )
            for three in texts
        ]
        column = _columns(root, nodes)
        size = dict(zip(map(id, nodes), sizes, strict=True))
        return cls(column, _rows(nodes, column), size)

    def figure_size(self) -> tuple[float, float]:
        """Inches in which text of 10 points finds room, within those of a page."""
        width = self.n_characters * style.CHARACTER * 10 / 72
        height = (self.n_rows * (self.n_lines + 1.6) + 2) * LINE * 10 / 72
        return min(12.0, max(4.0, width)), min(10.0, max(2.4, height))

    def boxes(self, width: float, height: float) -> dict[int, Box]:
        """Place the boxes in axes of this size in points, in the largest text that finds room."""
        self.width, self.height = width, height
        legend = 2 * style.default_size()
        row = (height - legend) / self.n_rows
        self.font = min(
            1.3 * style.default_size(),
            width / (self.n_characters * style.CHARACTER),
            row / (self.n_lines + 1) / LINE,
        )
        character = style.CHARACTER * self.font
        n_gaps = max(1, len(self.widths) - 1)
        gap = (width / character - PADDING - sum(self.widths)) / n_gaps
        starts = np.cumsum([PADDING / 2, *(n + gap for n in self.widths[:-1])])
        boxes = {}
        for key, (_, n_lines) in self.size.items():
            column = self.column[key]
            boxes[key] = Box(
                x=(starts[column] + self.widths[column] / 2) * character,
                y=height - legend - (self.row[key] + 0.5) * row,
                width=self.widths[column] * character,
                height=(n_lines + 0.6) * LINE * self.font,
            )
        return boxes


def _columns(root: Node, nodes: list[Node]) -> dict[int, int]:
    """Put each result right of its operands, and a variable just left of its first use."""
    column: dict[int, int] = {}
    for node in nodes:
        column[id(node)] = 1 + max((column[id(o)] for o in node.operands), default=-1)
    for node in nodes:
        if not node.operands and node is not root:
            users = (user for user in nodes if any(node is o for o in user.operands))
            column[id(node)] = min(column[id(user)] for user in users) - 1
    return column


def _rows(nodes: list[Node], column: dict[int, int]) -> dict[int, float]:
    """Put each result amid its operands, where no other node of its column is."""
    variables = [node for node in nodes if not node.operands]
    row = {id(node): float(i) for i, node in enumerate(variables)}
    for at in range(max(column.values()) + 1):
        here = [node for node in nodes if column[id(node)] == at]
        for node in here:
            if node.operands:
                row[id(node)] = float(np.mean([row[id(o)] for o in node.operands]))
        here.sort(key=lambda node: row[id(node)])
        for above, below in pairwise(here):
            row[id(below)] = max(row[id(below)], row[id(above)] + 1)
    top = min(row.values())
    return {key: value - top for key, value in row.items()}


def _numbers(values: np.ndarray, prefix: str = "") -> str:
    """Tell a number, or the rows of a small array; of a larger one, its shape."""
    if values.size == 1 and values.ndim < 2:
        return prefix + style.number(float(values.ravel()[0]))
    if values.size > MOST_NUMBERS:
        return prefix + f" {style.TIMES} ".join(map(str, values.shape))
    rows = [[style.number(float(v)) for v in row] for row in np.atleast_2d(values)]
    width = max(len(text) for row in rows for text in row)
    return "\n".join(f"{prefix}[{' '.join(text.rjust(width) for text in row)}]" for row in rows)


def _layer_graph(network: Any, row: np.ndarray, target: Any, layer: int) -> Node:
    """Build a layer of a network as a graph that ends in the sample's loss."""
    if getattr(network, "normalization", None) is not None:
        raise ValueError("GraphDisplay draws layers of a network without normalization.")
    slopes = gradient(network, row, target)
    A = Node(layer_outputs(network, row)[layer], "A")
    Z = A @ Node(network.coefs_[layer], "W") + Node(network.intercepts_[layer], "b")
    if layer == len(network.coefs_) - 1:
        delta = slopes.intercepts[layer]
        name = network.out_activation_
        return Node(slopes.loss, name, (Z,), lambda d: (d * delta[None],))
    activation = network.activation
    fired = Z.activate(activation if isinstance(activation, str) else activation[layer])
    # What comes after the layer is one step here; its derivative by the layer's outputs is known.
    dA = slopes.intercepts[layer + 1] @ network.coefs_[layer + 1].T
    return Node(slopes.loss, "later layers", (fired,), lambda d: (d * dA[None],))
