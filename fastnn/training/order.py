"""Which rows come next: the order of an epoch's rows, in which mini-batches are cut."""

from typing import Protocol

import numpy as np


class Order(Protocol):
    """What the loop over epochs asks of the order of rows.

    Attributes
    ----------
    size : int
        Rows of an epoch.
    """

    size: int

    def begin(self, epoch: int) -> None:
        """Bring about the order of an epoch, counted from 0; called once for each, in turn."""

    def skip(self, n_epochs: int) -> None:
        """Go on as if so many epochs had been."""


class ShuffledRows:
    """Rows that lie in memory, in an order that each epoch draws from that of the last.

    The same exchanges of places give scikit-learn's order, which is that of the last epoch indexed
    by a shuffled range.

    Parameters
    ----------
    rows : ndarray of int64
        What the stepper goes through; shuffled in place.
    random_state : RandomState or None
        Draws; None leaves the rows as they are.
    """

    def __init__(self, rows: np.ndarray, random_state: np.random.RandomState | None) -> None:
        self.rows, self.random_state, self.size = rows, random_state, rows.size

    def begin(self, epoch: int) -> None:
        """Draw the next order."""
        if self.random_state is not None:
            self.random_state.shuffle(self.rows)

    def skip(self, n_epochs: int) -> None:
        """Draw the orders of so many epochs."""
        for epoch in range(n_epochs):
            self.begin(epoch)
