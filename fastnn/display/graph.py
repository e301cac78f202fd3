"""Computational graphs: values forward, derivatives backward, both computed."""

from typing import Any, NamedTuple

import numpy as np

from fastnn.display import style
from fastnn.display.anatomy import one_row, one_target, open_up
from fastnn.display.expression import Node, layer_graph

MOST_NUMBERS = 12  # of an array's that a box tells
LINE = 1.3  # height of a line of text by its size
PADDING, ARROW = 2, 5  # characters, of a box around its text and between boxes
PAGE = 6.4  # inches in which a graph is drawn, if its text stays readable
LONG_NAME = 6  # characters from which operation and result stand on two lines
LEGEND = 2  # lines above the graph
READABLE = 5.5  # points; where text would be smaller, arrays are told by their shapes
SMALLEST, LARGEST = 8.5, 10.0  # points of the text for which a figure is made

Texts = tuple[str, str, str]  # name, value and derivative


class GraphDisplay:
    """A computational graph, operands left and result right: a value and a derivative in each box.

    An array of more than 12 numbers is told by its shape; so are all arrays where their numbers
    would be too small to read.

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
        style.load_matplotlib(f"{cls.__name__}.from_expression")
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
        style.load_matplotlib(f"{cls.__name__}.from_estimator")
        network, row, target = open_up(estimator, one_row(X), one_target(y))
        n_layers = len(network.coefs_)
        if not -n_layers <= layer < n_layers:
            raise ValueError(f"layer={layer} is none of the {n_layers} layers, counted from 0.")
        layer %= n_layers
        return cls(root=layer_graph(network, row, target, layer), name="loss").plot(ax=ax)

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
        layout = Layout(self.nodes_, [self._texts(node) for node in self.nodes_])
        ax = style.axes_for("GraphDisplay.plot", ax, layout.figure_size())
        self.ax_, self.figure_ = ax, ax.figure
        ax.set_axis_off()
        width, height = style.points(ax)
        room = height - LEGEND * style.default_size()
        if layout.text_size(width, room) < READABLE:
            layout = Layout(self.nodes_, [self._texts(node, 1) for node in self.nodes_])
        self._font = layout.text_size(width, room)
        boxes = layout.boxes(width, room, self._font)
        ax.set(xlim=(0, width), ylim=(0, height))
        self.boxes_: list[Any] = []
        self.names_: list[Any] = []
        self.values_: list[Any] = []
        self.derivatives_: list[Any] = []
        self.edges_: list[Any] = []
        for node, lines in zip(self.nodes_, layout.texts, strict=True):
            self._draw_box(boxes[id(node)], lines, is_leaf=not node.operands)
            for operand in dict.fromkeys(node.operands):
                self._draw_edges(boxes[id(operand)], boxes[id(node)])
        self._draw_legend()
        return self

    def _texts(self, node: Node, most: int = MOST_NUMBERS) -> Texts:
        """Name, value and derivative of a node, as its box tells them."""
        name = style.plain(node.name, 20)
        if node is self.root and self.name:
            result = style.plain(self.name)
            between = " " if len(name + result) < LONG_NAME else "\n"
            name = f"{name}{between}→ {result}" if name else result
        return name, _numbers(node.value, most), _numbers(node.derivative, most, "∂ ")

    def _draw_box(self, box: "Box", texts: Texts, is_leaf: bool) -> None:
        ax, ink = self.ax_, self.ax_.xaxis.label.get_color()
        rounding = 0.5 * self._font if is_leaf else 0.01
        patch = style.load_matplotlib().patches.FancyBboxPatch(
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
                    linespacing=LINE,
                    zorder=3,
                    **look,
                )
            )
            top -= n_lines * line

    def _draw_edges(self, start: "Box", end: "Box") -> None:
        left, right = start.x + start.width / 2, end.x - end.width / 2
        up = 0.25 * self._font
        forward, backward = style.palette()[:2]
        ways = [
            ((left, start.y + up), (right, end.y + up), forward, "-"),
            ((right, end.y - up), (left, start.y - up), backward, "--"),
        ]
        for a, b, colour, dash in ways:
            arrow = style.load_matplotlib().patches.FancyArrowPatch(
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
        forward, backward = style.palette()[:2]
        result = style.plain(self.name or "the result")
        entries = [
            style.sample_line(color=forward, label="value, forward"),
            style.sample_line(color=backward, ls="--", label=f"∂ {result} by it, backward"),
        ]
        self.ax_.legend(handles=entries, loc="upper left", ncols=2, frameon=False, fontsize="small")


# -------------------------------------------------------------------------------------- layout


class Box(NamedTuple):
    """Middle and size of a node's box."""

    x: float
    y: float
    width: float
    height: float


class Layout:
    """Places of a graph's boxes in units of the text's size: operands left, results right.

    Parameters
    ----------
    nodes : list of Node
        Operands before their results.
    texts : list of (str, str, str)
        What stands in each node's box.
    """

    def __init__(self, nodes: list[Node], texts: list[Texts]) -> None:
        self.texts = texts
        sizes = {id(node): _size(three) for node, three in zip(nodes, texts, strict=True)}
        column = _columns(nodes)
        n_columns = max(column.values()) + 1
        widths = [max(sizes[key][0] for key in sizes if column[key] == i) for i in range(n_columns)]
        starts = np.cumsum([style.CHARACTER, *(w + ARROW * style.CHARACTER for w in widths)])
        depths = _depths(nodes, column, {key: height for key, (_, height) in sizes.items()})
        self.places = {
            key: Box(starts[i] + widths[i] / 2, depths[key], widths[i], sizes[key][1])
            for key, i in column.items()
        }
        self.width = starts[-1] - (ARROW - 1) * style.CHARACTER
        self.height = LINE / 2 + max(box.y + box.height / 2 for box in self.places.values())

    def figure_size(self) -> tuple[float, float]:
        """Inches for a page, wider than one only where the text would become too small."""
        size = float(np.clip(72 * PAGE / self.width, SMALLEST, LARGEST))
        width, height = self.width * size, self.height * size + LEGEND * style.default_size()
        return min(12.0, max(4.0, width / 72)), min(10.0, max(2.0, height / 72))

    def text_size(self, width: float, height: float) -> float:
        """Points of the largest text for which the boxes find room."""
        return min(1.5 * style.default_size(), width / self.width, height / self.height)

    def boxes(self, width: float, height: float, text: float) -> dict[int, Box]:
        """Boxes in points, spread out over this width and height, y upwards."""
        across, down = width / self.width, height / self.height
        return {
            key: Box(box.x * across, height - box.y * down, box.width * text, box.height * text)
            for key, box in self.places.items()
        }


def _size(texts: Texts) -> tuple[float, float]:
    """Width and height of the box around these texts."""
    lines = "\n".join(texts).split("\n")
    longest = max(map(len, lines))
    return (longest + PADDING) * style.CHARACTER, (len(lines) + 0.6) * LINE


def _columns(nodes: list[Node]) -> dict[int, int]:
    """Put each result right of its operands, and a variable just left of its first use."""
    column: dict[int, int] = {}
    for node in nodes:
        column[id(node)] = 1 + max((column[id(o)] for o in node.operands), default=-1)
    for node in nodes[:-1]:
        if not node.operands:
            users = (user for user in nodes if any(node is o for o in user.operands))
            column[id(node)] = min(column[id(user)] for user in users) - 1
    return column


def _depths(
    nodes: list[Node], column: dict[int, int], height: dict[int, float]
) -> dict[int, float]:
    """Put each result amid its operands, and boxes of one column beneath each other."""
    depth: dict[int, float] = {}
    for at in range(max(column.values()) + 1):
        lowest = 0.0
        for node in (node for node in nodes if column[id(node)] == at):
            highest = lowest + LINE / 2 + height[id(node)] / 2
            amid = np.mean([depth[id(o)] for o in node.operands]) if node.operands else 0.0
            depth[id(node)] = max(highest, float(amid))
            lowest = depth[id(node)] + height[id(node)] / 2
    return depth


def _numbers(values: np.ndarray, most: int, prefix: str = "") -> str:
    """Tell a number, or the rows of a small array; of a larger one, its shape."""
    if values.size == 1 and values.ndim < 2:
        return prefix + style.number(float(values.ravel()[0]))
    if values.size > most:
        return prefix + f" {style.TIMES} ".join(map(str, values.shape))
    rows = [[style.number(float(v)) for v in row] for row in np.atleast_2d(values)]
    width = max(len(text) for row in rows for text in row)
    lines = [f"[{' '.join(text.rjust(width) for text in row)}]" for row in rows]
    return "\n".join(f"{prefix if line is lines[0] else ' ' * len(prefix)}{line}" for line in lines)
