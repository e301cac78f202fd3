"""Pictures of networks and ensembles, as scikit-learn's Displays; they need the extra `plot`.

A display holds what it draws as plain arrays, `plot` draws it, and `figure_`, `ax_` and the artists
stay with it. Matplotlib is imported by the first plot, not with this package.
"""

from fastnn.display.activation import ActivationDisplay
from fastnn.display.embedding import EmbeddingDisplay
from fastnn.display.ensemble import EnsembleDisplay
from fastnn.display.expression import Node
from fastnn.display.graph import GraphDisplay
from fastnn.display.interval import IntervalDisplay
from fastnn.display.loss_curve import LossCurveDisplay
from fastnn.display.network import NetworkDisplay
from fastnn.display.output import OutputDisplay
from fastnn.display.weights import WeightsDisplay

__all__ = [
    "ActivationDisplay",
    "EmbeddingDisplay",
    "EnsembleDisplay",
    "GraphDisplay",
    "IntervalDisplay",
    "LossCurveDisplay",
    "NetworkDisplay",
    "Node",
    "OutputDisplay",
    "WeightsDisplay",
]
