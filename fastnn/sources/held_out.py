"""Which rows validate: a hash of a row's number says, so that it is the same in each epoch.

The hash is the finalizer of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014).
"""

from dataclasses import dataclass

import numpy as np

STEP = 0x9E3779B97F4A7C15  # 2 ** 64 divided by the golden ratio
ROWS_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class HeldOut:
    """A share of the rows.

    Attributes
    ----------
    share : float
        Of all rows, from 0 to below 1.
    seed : int
        Another one holds out other rows.
    """

    share: float
    seed: int

    def mask(self, first: int, n_rows: int) -> np.ndarray:
        """Tell of each of consecutive rows whether it is held out."""
        z = np.arange(first, first + n_rows, dtype=np.uint64)
        z = (z + np.uint64(self.seed)) * np.uint64(STEP)  # whole numbers wrap around
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
        return z < np.uint64(int(self.share * 2.0**64))

    def count(self, first: int, n_rows: int) -> int:
        """Count those of consecutive rows that are held out."""
        if self.share == 0:
            return 0
        stop = first + n_rows
        starts = range(first, stop, ROWS_AT_ONCE)
        masks = (self.mask(start, min(ROWS_AT_ONCE, stop - start)) for start in starts)
        return sum(int(np.count_nonzero(mask)) for mask in masks)
