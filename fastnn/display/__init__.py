"""Pictures of networks, by scikit-learn's Display convention; they need the extra `plot`.

A display holds what it draws as plain arrays, `plot` draws it, and `figure_`, `ax_` and the artists
stay with it. Matplotlib is imported by the first plot, not with this package.
"""

from fastnn.display.activation import ActivationDisplay
from fastnn.display.expression import Node
from fastnn.display.graph import GraphDisplay
from fastnn.display.loss_curve import LossCurveDisplay
from fastnn.display.network import NetworkDisplay
from fastnn.display.output import OutputDisplay
from fastnn.display.weights import WeightsDisplay

__all__ = [
    "ActivationDisplay",
    "GraphDisplay",
    "LossCurveDisplay",
    "NetworkDisplay",
    "Node",
    "OutputDisplay",
    "WeightsDisplay",
]
