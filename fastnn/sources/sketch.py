"""Quantiles of more numbers than are kept: a t-digest of the library datasketches.

Of the sketches there it is the one that draws nothing at random, so that the same numbers in the
same order give the same bits.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

COMPRESSION = 1000  # ranks of a million normal numbers are right to 1e-4
HALVINGS = 60


class QuantileSketch:
    """Quantiles of numbers that come block by block.

    Parameters
    ----------
    state : bytes
        Of another one, to go on from; empty for none.
    """

    def __init__(self, state: bytes = b"") -> None:
        try:
            from datasketches import tdigest_double  # extra sketch
        except ImportError as error:
            raise ImportError(
                "Quantiles of blocks need the library datasketches: install fastnn-mlp[sketch]."
            ) from error
        empty = tdigest_double(COMPRESSION)
        self._digest: Any = tdigest_double.deserialize(state) if state else empty

    def plain(self) -> bytes:
        """Give the state from which another one goes on."""
        return self._digest.serialize()

    def add(self, values: np.ndarray) -> None:
        """Take finite numbers in."""
        self._digest.update(np.ascontiguousarray(values, np.float64))

    def merge(self, other: "QuantileSketch") -> None:
        """Take in what another sketch has seen."""
        self._digest.merge(other._digest)

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """Give the numbers below which these shares of all lie."""
        low, high = self._digest.get_min_value(), self._digest.get_max_value()
        return [self._quantile(share, low, high) for share in shares]

    def _quantile(self, share: float, low: float, high: float) -> float:
        """Halve the range: the digest's ranks are far more exact than its own quantiles."""
        for _ in range(HALVINGS):
            middle = low + (high - low) / 2
            if self._digest.get_rank(middle) < share:
                low = middle
            else:
                high = middle
        return low + (high - low) / 2
