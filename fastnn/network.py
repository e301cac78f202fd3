"""A network: layer sizes, and every weight and bias in one flat vector.

The vector holds each layer's weights, first to last, then each layer's biases::

    params = [ W[0] | W[1] | ... | W[L-1] | b[0] | b[1] | ... | b[L-1] ]

One block means one loop for an optimiser and nothing to pack for L-BFGS; `coefs` and `intercepts`
are views of it.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from fastnn.kernels.arguments import Layers


class Network:
    """Layer sizes and parameters of a feed-forward network.

    Parameters
    ----------
    units : sequence of int
        Number of units in each layer, the input's features first and the outputs last.
    params : ndarray of shape (n_parameters,)
        Weights and biases, float32 or float64.

    Attributes
    ----------
    coefs : list of ndarray of shape (units[l], units[l + 1])
        Weights of each layer, views of `params`.
    intercepts : list of ndarray of shape (units[l + 1],)
        Biases of each layer, views of `params`.
    n_weights : int
        `params[:n_weights]` are the weights, the rest the biases.
    """

    def __init__(self, units: Sequence[int], params: np.ndarray) -> None:
        self.units = tuple(int(n) for n in units)
        self.params = params
        shapes = list(pairwise(self.units))
        self.weights_at = _offsets([m * n for m, n in shapes])
        self.n_weights = sum(m * n for m, n in shapes)
        self.biases_at = self.n_weights + _offsets([n for _, n in shapes])
        self.coefs = [
            params[at : at + m * n].reshape(m, n)
            for at, (m, n) in zip(self.weights_at, shapes, strict=True)
        ]
        self.intercepts = [
            params[at : at + n] for at, (_, n) in zip(self.biases_at, shapes, strict=True)
        ]

    @classmethod
    def initial(
        cls,
        units: Sequence[int],
        activation: str,
        random_state: np.random.RandomState,
        dtype: np.dtype,
    ) -> "Network":
        """Draw uniform weights and biases after Glorot and Bengio (AISTATS 2010).

        The bound is sqrt(6 / (fan_in + fan_out)), with 2 for 6 where hidden layers are logistic,
        and the draws are float64 in scikit-learn's order: W, then b, layer by layer.
        """
        network = cls(units, np.empty(n_parameters(units), dtype))
        factor = 2.0 if activation == "logistic" else 6.0
        for W, b in zip(network.coefs, network.intercepts, strict=True):
            bound = np.sqrt(factor / (W.shape[0] + W.shape[1]))
            W[...] = random_state.uniform(-bound, bound, W.shape)
            b[...] = random_state.uniform(-bound, bound, b.shape)
        return network

    @classmethod
    def from_weights(
        cls, coefs: Sequence[np.ndarray], intercepts: Sequence[np.ndarray]
    ) -> "Network":
        """Copy separate arrays, such as those a user has set by hand, into one vector.

        Raises
        ------
        ValueError
            If the shapes of the arrays do not follow from each other.
        """
        coefs, intercepts = [np.asarray(W) for W in coefs], [np.asarray(b) for b in intercepts]
        if not coefs or len(coefs) != len(intercepts):
            raise ValueError(
                f"coefs_ and intercepts_ need one array for each layer, got {len(coefs)} and "
                f"{len(intercepts)}."
            )
        units = [coefs[0].shape[0], *(b.size for b in intercepts)]
        for i, (W, b, shape) in enumerate(zip(coefs, intercepts, pairwise(units), strict=True)):
            if W.shape != shape or b.ndim != 1:
                raise ValueError(
                    f"coefs_[{i}] of shape {W.shape} and intercepts_[{i}] of shape {b.shape} do "
                    f"not fit the layer before, which needs {shape} and {shape[1:]}."
                )
        dtype = np.result_type(*coefs, *intercepts, np.float32)
        params = np.concatenate([array.ravel() for array in [*coefs, *intercepts]])
        return cls(units, params.astype(dtype, copy=False))

    def holds(self, coefs: Sequence[np.ndarray], intercepts: Sequence[np.ndarray]) -> bool:
        """Whether these very arrays are this network's, so that `params` is what they say."""
        return (
            len(coefs) == len(self.coefs)
            and all(a is b for a, b in zip(coefs, self.coefs, strict=True))
            and len(intercepts) == len(self.intercepts)
            and all(a is b for a, b in zip(intercepts, self.intercepts, strict=True))
        )

    def astype(self, dtype: np.dtype) -> "Network":
        """Copy in another dtype, or in the same."""
        return Network(self.units, self.params.astype(dtype))

    def is_finite(self) -> bool:
        """Whether no weight has diverged to NaN or infinity."""
        return bool(np.isfinite(self.params).all())

    def layers(self, activations: Sequence[int], loss: int) -> Layers:
        """Describe the network to the kernels: one activation code a layer, and the loss' code."""
        return Layers(
            units=np.array(self.units, dtype=np.int64),
            weights_at=self.weights_at,
            biases_at=self.biases_at,
            outputs_at=_offsets(self.units[1:]),
            activations=np.array(activations, dtype=np.int64),
            n_weights=self.n_weights,
            loss=loss,
        )


def n_parameters(units: Sequence[int]) -> int:
    """Count of all weights and biases."""
    return sum(m * n + n for m, n in pairwise(units))


def _offsets(sizes: Sequence[int]) -> np.ndarray:
    """Where each of consecutive segments begins."""
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)[:-1]]).astype(np.int64)
