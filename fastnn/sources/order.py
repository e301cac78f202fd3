"""The order of a source's rows in an epoch, by counters and a seed alone.

No order depends on the one before, so that a fit goes on anywhere; and none on threads or on when a
block was read.
"""

import numpy as np

BLOCKS, ROWS = 0, 1  # what is shuffled


class SeededRows:
    """Rows that lie in memory, in an order of their own for each epoch.

    Parameters
    ----------
    rows : ndarray of int64
        What the stepper goes through; written over in place.
    seed : int or None
        None leaves the rows as they are.
    """

    def __init__(self, rows: np.ndarray, seed: int | None) -> None:
        self.rows, self.seed, self.size = rows, seed, rows.size
        self._plain = rows.copy()

    def begin(self, epoch: int) -> None:
        """Shuffle the rows for an epoch."""
        if self.seed is not None:
            self._plain.take(shuffled(self.size, self.seed, ROWS, epoch), out=self.rows)

    def skip(self, n_epochs: int) -> None:
        """Do nothing: an order follows from the number of its epoch."""


class StreamedRows:
    """Rows that come window by window: their order is that of `fastnn.sources.windows`.

    Parameters
    ----------
    size : int
        Rows of an epoch.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def begin(self, epoch: int) -> None:
        """Do nothing: the windows of an epoch follow those of the last."""

    def skip(self, n_epochs: int) -> None:
        """Do nothing: windows begin where a fit goes on."""


def shuffled(n: int, seed: int, what: int, epoch: int, window: int = 0) -> np.ndarray:
    """Numbers from 0 to n - 1 in the order that belongs to an epoch and a window."""
    philox = np.random.Philox(key=seed, counter=[0, what, epoch, window])
    return np.random.Generator(philox).permutation(n)
