"""A network: its layers, and every weight and bias in one flat vector.

The vector holds each layer's weights, first to last, then each layer's biases, and then, where
hidden layers are normalized, their scales and their shifts::

    params = [ W[0] | ... | W[L-1] | b[0] | ... | b[L-1] | scale[0] | ... | shift[0] | ... ]

A network for tables has, in place of scales and shifts, the bends of its hidden layers and what its
embedding learns (`fastnn.embedding`)::

    params = [ W[0] | ... | W[L-1] | b[0] | ... | b[L-1] | bend[0] | ... | embedding ]

One block means one loop for an optimiser and nothing to pack for L-BFGS; `coefs` and `intercepts`
are views of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from operator import is_
from typing import Any, NamedTuple

import numpy as np

from fastnn import memory
from fastnn.embedding import Embedding
from fastnn.kernels.arguments import (
    BIASES,
    INPUTS,
    N_FIELDS,
    OUTPUTS,
    RUNNING,
    SCALES,
    SHIFTS,
    UNITS,
    WEIGHTS,
)

# Attributes of an estimator that a network's arrays are, in the order of `Network.from_arrays`.
NORMALIZED = (
    "normalization_scales_",
    "normalization_shifts_",
    "running_means_",
    "running_variances_",
)
PARTS = ("coefs_", "intercepts_", *NORMALIZED)


@dataclass(frozen=True)
class Architecture:
    """What the layers of a network compute; their sizes are the `Network`'s.

    Attributes
    ----------
    activations : tuple of str
        One for each hidden layer.
    output : str
        Activation of the output layer.
    blocks : tuple of int
        Number of outputs of each target, where there are several targets of classes; else empty.
    normalization : {"batch", "layer"} or None
        Of the hidden layers.
    dropout : tuple of float
        Share of the outputs to drop in training, one for each hidden layer; or empty.
    embedding : Embedding or None
        What stands in front of the first layer, whose hidden layers then bend.
    rounds : bool
        Whether training rounds to bfloat16 what it multiplies.
    """

    activations: tuple[str, ...]
    output: str
    blocks: tuple[int, ...] = ()
    normalization: str | None = None
    dropout: tuple[float, ...] = ()
    embedding: Embedding | None = None
    rounds: bool = False

    @property
    def bends(self) -> bool:
        """Whether hidden units learn how much of the activation they take."""
        return self.embedding is not None


class Network:
    """Layer sizes and parameters of a feed-forward network.

    Parameters
    ----------
    units : sequence of int
        Number of units in each layer, the input's features first and the outputs last.
    params : ndarray of shape (n_parameters,)
        Weights and biases, float32 or float64, and what normalization learns.
    running : ndarray of shape (2 * sum of hidden units,), default=None
        Running mean and variance of each normalized layer; None where none is normalized.
    embedding : Embedding, default=None
        What stands in front of the first layer, whose hidden layers then bend.

    Attributes
    ----------
    coefs : list of ndarray of shape (units[l], units[l + 1])
        Weights of each layer, views of `params`.
    intercepts : list of ndarray of shape (units[l + 1],)
        Biases of each layer, views of `params`.
    scales, shifts, means, variances : list of ndarray of shape (units[l + 1],)
        Of each hidden layer, views; empty where layers are not normalized.
    bends : list of ndarray of shape (units[l + 1],)
        Of each hidden layer, views; empty without an embedding.
    embedded : dict of str to ndarray
        What the embedding learns, views; empty without one.
    table : ndarray of int64
        Where each layer lies in the flat vectors, for the kernels.
    n_weights : int
        `params[:n_weights]` are the weights, the rest biases, scales and shifts.
    """

    def __init__(
        self,
        units: Sequence[int],
        params: np.ndarray,
        running: np.ndarray | None = None,
        embedding: Embedding | None = None,
    ) -> None:
        self.units = tuple(int(n) for n in units)
        self.params = params
        self.ready: dict[Any, Any] = {}  # what predictions need, by architecture and types
        self.running = params[:0] if running is None else running
        self.table, places = _table(self.units), _places(self.units)
        self.n_weights = places[0].biases.start
        self.coefs = [params[at.weights].reshape(at.shape) for at in places]
        self.intercepts = [params[at.biases] for at in places]
        normalized = [] if running is None else places[:-1]
        self.scales = [params[at.scales] for at in normalized]
        self.shifts = [params[at.shifts] for at in normalized]
        self.means = [self.running[at.means] for at in normalized]
        self.variances = [self.running[at.variances] for at in normalized]
        self.embedding = embedding
        self.bends = [] if embedding is None else [params[at.scales] for at in places[:-1]]
        self.embedded = {} if embedding is None else embedding.views(params, self.embedding_start)

    @property
    def embedding_start(self) -> int:
        """Where in `params` what an embedding learns begins."""
        return int(self.table[0, SHIFTS])

    @property
    def n_columns(self) -> int:
        """Columns of the data."""
        return self.units[0] if self.embedding is None else self.embedding.n_columns

    @classmethod
    def zeros(
        cls,
        units: Sequence[int],
        dtype: np.dtype,
        normalized: bool = False,
        embedding: Embedding | None = None,
    ) -> "Network":
        """Lay out a network of zeros; scales, variances and bends begin with 1."""
        size = sum(m * n + n for m, n in pairwise(units))
        if embedding is not None:
            params = memory.zeros((size + sum(units[1:-1]) + embedding.size,), dtype)
            network = cls(units, params, embedding=embedding)
            for vector in (*network.bends, network.embedded["scale"]):
                vector[:] = 1
            return network
        if not normalized:
            return cls(units, memory.zeros((size,), dtype))
        hidden = sum(units[1:-1])
        params = memory.zeros((size + 2 * hidden,), dtype)
        network = cls(units, params, np.zeros(2 * hidden, dtype))
        for vector in network.scales + network.variances:
            vector[:] = 1
        return network

    @classmethod
    def from_arrays(
        cls,
        coefs: Iterable[np.ndarray],
        intercepts: Iterable[np.ndarray],
        *normalization: Iterable[np.ndarray],
    ) -> "Network":
        """Copy separate arrays, such as those a user has set by hand, into flat vectors.

        Parameters
        ----------
        coefs, intercepts, *normalization : iterable of ndarray
            As the attributes: `normalization` is nothing, or scales, shifts, means and variances.

        Raises
        ------
        ValueError
            If they are no arrays of real numbers, or their shapes do not follow from each other.
        """
        parts = dict(zip(PARTS, (coefs, intercepts, *normalization), strict=False))
        layers = {name: _arrays(name, given) for name, given in parts.items()}
        coefs, intercepts = layers["coefs_"], layers["intercepts_"]
        if not coefs or len(coefs) != len(intercepts):
            raise ValueError(
                f"coefs_ and intercepts_ need one array for each layer, got {len(coefs)} and "
                f"{len(intercepts)}."
            )
        units = [len(coefs[0]) if coefs[0].ndim else 0, *(b.size for b in intercepts)]
        for i, (W, b, shape) in enumerate(zip(coefs, intercepts, pairwise(units), strict=True)):
            if W.shape != shape or b.ndim != 1 or not W.size:
                raise ValueError(
                    f"coefs_[{i}] of shape {W.shape} and intercepts_[{i}] of shape {b.shape} do "
                    f"not fit the layer before, which needs {shape} and {shape[1:]}."
                )
        for name in PARTS[2 : len(parts)]:
            shapes, needed = [v.shape for v in layers[name]], [(n,) for n in units[1:-1]]
            if shapes != needed:
                raise ValueError(f"{name} has the shapes {shapes}, and the layers need {needed}.")
        plain = np.result_type(*coefs, *intercepts, np.float32) == np.float32
        dtype = np.dtype(np.float32 if plain else np.float64)
        network = cls.zeros(units, dtype, normalized=bool(normalization))
        for views, arrays in zip(network._parts(), layers.values(), strict=False):
            for view, array in zip(views, arrays, strict=True):
                view[...] = array
        return network

    def _parts(self) -> tuple[list[np.ndarray], ...]:
        learned = (self.coefs, self.intercepts, self.scales, self.shifts)
        return (*learned, self.means, self.variances)

    def holds(self, *parts: Sequence[np.ndarray]) -> bool:
        """Whether these very arrays are this network's, so that `params` is what they say."""
        try:
            for theirs, ours in zip(parts, self._parts(), strict=False):
                if len(theirs) != len(ours) or not all(map(is_, theirs, ours)):
                    return False
        except TypeError:  # something else than a list
            return False
        return True

    def seems_to_hold(self, coefs: Sequence[np.ndarray], intercepts: Sequence[np.ndarray]) -> bool:
        """Whether these are this network's weights, in 0.1 us; False for some that are, too."""
        try:  # a list compares what it holds by identity, and by value where that differs
            return (coefs == self.coefs) is True and (intercepts == self.intercepts) is True
        except (TypeError, ValueError):  # of several numbers there is no one answer
            return False

    def layer_norms(self, vector: np.ndarray) -> list[float]:
        """Euclidean norm of each layer's part of a vector such as `params`, W and b together."""
        like = Network(self.units, vector)
        return list(map(norm_of, like.coefs, like.intercepts))

    def copy(self) -> "Network":
        """Copy that goes on by itself."""
        return self.astype(self.params.dtype)

    def astype(self, dtype: np.dtype) -> "Network":
        """Copy in another dtype, or in the same."""
        running = self.running.astype(dtype) if self.scales else None
        return Network(self.units, memory.copy_of(self.params, dtype), running, self.embedding)

    def is_finite(self) -> bool:
        """Whether no weight has diverged to NaN or infinity."""
        return bool(np.isfinite(self.params).all())


def _arrays(name: str, given: Any) -> list[np.ndarray]:
    """Make arrays of real numbers of what is given for each layer.

    Raises
    ------
    ValueError
        If it is something else, naming the layer.
    """
    given = list(given) if isinstance(given, np.ndarray) and given.ndim else given
    if not isinstance(given, list | tuple):
        raise ValueError(
            f"{name} has to be a list with an array for each layer, got {given!r:.80}."
        )
    arrays = []
    for i, array in enumerate(given):
        try:
            array = np.asarray(array)
        except ValueError:  # lists of unequal lengths
            raise ValueError(f"{name}[{i}] is no array: its rows have unequal lengths.") from None
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name}[{i}] has to hold real numbers, got dtype {array.dtype}.")
        if not np.isfinite(array).all() or np.ma.is_masked(given[i]):
            raise ValueError(f"{name}[{i}] has numbers that are masked or not finite.")
        arrays.append(array)
    return arrays


def norm_of(W: np.ndarray, b: np.ndarray) -> float:
    """Euclidean norm of a layer's weights and biases together."""
    return float(np.hypot(np.linalg.norm(W), np.linalg.norm(b)))


@cache
def _table(units: tuple[int, ...]) -> np.ndarray:
    """Sizes and positions of the layers, as the kernels read them. Not to be written."""
    table = np.zeros((len(units) - 1, N_FIELDS), np.int64)
    table[:, INPUTS], table[:, UNITS] = units[:-1], units[1:]
    table[:, WEIGHTS] = _starts(table[:, INPUTS] * table[:, UNITS])
    table[:, OUTPUTS] = _starts(table[:, UNITS])
    table[:, BIASES] = int((table[:, INPUTS] * table[:, UNITS]).sum()) + table[:, OUTPUTS]
    table[:, SCALES] = int(table[0, BIASES] + table[:, UNITS].sum()) + table[:, OUTPUTS]
    table[:, SHIFTS] = table[:, SCALES] + int(table[:-1, UNITS].sum())
    table[:, RUNNING] = 2 * table[:, OUTPUTS]
    table.flags.writeable = False
    return table


def _starts(sizes: np.ndarray) -> np.ndarray:
    """Where each of consecutive segments begins."""
    return np.cumsum(sizes) - sizes


class _Places(NamedTuple):
    """Where a layer's arrays lie in `params` and in the running moments."""

    shape: tuple[int, int]
    weights: slice
    biases: slice
    scales: slice
    shifts: slice
    means: slice
    variances: slice


@cache
def _places(units: tuple[int, ...]) -> list[_Places]:
    """Give the table again, as what Python takes its views by."""
    places = []
    for layer in _table(units).tolist():
        m, n = layer[INPUTS], layer[UNITS]
        starts = layer[BIASES], layer[SCALES], layer[SHIFTS], layer[RUNNING], layer[RUNNING] + n
        vectors = [slice(start, start + n) for start in starts]
        weights = slice(layer[WEIGHTS], layer[WEIGHTS] + m * n)
        places.append(_Places((m, n), weights, *vectors))
    return places
