"""The embedding in front of a network for tables: its sizes, and what it learns, by name.

What it computes stands with its kernel, `fastnn.kernels.embeddings`.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod

import numpy as np


@dataclass(frozen=True)
class Embedding:
    """Sizes of an embedding.

    Attributes
    ----------
    n_numbers : int
        Columns of scaled numbers, which stand first in a row.
    n_plain : int
        Columns that are taken as they are, behind them.
    levels : tuple of int
        Rows of the table of each column of codes, which stand last: codes are from 0 on.
    n_frequencies, n_waves : int
        Cosines of a number, and numbers that they make.
    table_width : int
        Numbers of a category.
    """

    n_numbers: int
    n_plain: int
    levels: tuple[int, ...] = ()
    n_frequencies: int = 16
    n_waves: int = 3
    table_width: int = 8

    @property
    def n_columns(self) -> int:
        """Columns of the data."""
        return self.n_numbers + self.n_plain + len(self.levels)

    @property
    def n_outputs(self) -> int:
        """Numbers of the embedded row, which the first layer takes."""
        numbers = self.n_numbers * (1 + self.n_waves)
        return numbers + self.n_plain + len(self.levels) * self.table_width

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each part of what it learns, in the order of the flat vector."""
        p, n_frequencies = self.n_numbers, self.n_frequencies
        return {
            "frequencies": (p, n_frequencies),
            "phases": (p, n_frequencies),
            "mix": (p, self.n_waves, n_frequencies),
            "shift": (p, self.n_waves),
            "tables": (sum(self.levels), self.table_width),
            "scale": (self.n_outputs,),
        }

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(map(prod, self.shapes.values()))

    def spans(self, start: int) -> dict[str, slice]:
        """Where each part lies in a flat vector in which the first begins at `start`."""
        ends = list(accumulate(map(prod, self.shapes.values()), initial=start))
        return {name: slice(*ends[i : i + 2]) for i, name in enumerate(self.shapes)}

    def views(self, params: np.ndarray, start: int) -> dict[str, np.ndarray]:
        """View each part of a flat vector."""
        return {
            name: params[span].reshape(self.shapes[name])
            for name, span in self.spans(start).items()
        }

    @property
    def table_starts(self) -> list[int]:
        """Row of the tables where that of each category begins."""
        return list(accumulate(self.levels, initial=0))[:-1]

    def rows(self, learnt: dict[str, np.ndarray], X: np.ndarray) -> np.ndarray:
        """Embed rows of the data, of shape (n_rows, n_columns), as the kernel does."""
        p, n_plain = self.n_numbers, self.n_plain
        turns = X[:, :p, None] * learnt["frequencies"] + learnt["phases"]
        cosines = np.cos(2 * np.pi * turns)
        waves = np.einsum("ijk,jwk->ijw", cosines, learnt["mix"]) + learnt["shift"]
        codes = X[:, p + n_plain :].astype(int) + np.array(self.table_starts, int)
        parts = [X[:, : p + n_plain], waves, learnt["tables"][codes]]
        embedded = np.concatenate([part.reshape(len(X), -1) for part in parts], axis=1)
        return embedded * learnt["scale"]

    def table(self, start: int) -> np.ndarray:
        """Sizes and positions as the kernels read them."""
        columns = self.n_numbers, self.n_plain, len(self.levels)
        sizes = self.n_frequencies, self.n_waves, self.table_width, sum(self.levels)
        return np.array([*columns, *sizes, start, *self.table_starts])
