"""Expressions that remember how they were computed, so that derivatives can flow back."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.display import style
from fastnn.display.anatomy import activation_and_derivative, gradient, layer_outputs

Backward = Callable[[np.ndarray], tuple[Any, ...]]


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


def layer_graph(network: Any, row: np.ndarray, target: Any, layer: int) -> Node:
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
