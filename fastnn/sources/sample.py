"""Some rows of a source, drawn at random, or all of few, for what takes arrays."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state

from fastnn.sources.blocks import Part, PartsSource, bytes_of


def sample(source: PartsSource, n_rows: int, random_state: Any) -> Part:
    """Draw rows: what `Source.sample` does."""
    if not isinstance(n_rows, int | np.integer) or n_rows < 1:
        raise ValueError(f"n_rows has to be a whole number from 1 on, got {n_rows!r}.")
    sizes = source.blocks.n_rows
    if sizes is None:
        sizes = [part.n_rows for _, part in source.blocks.read(None, features=False)]
    numbers, first, chosen = draw(sum(sizes), n_rows, random_state), 0, []
    for part in source.parts():
        last = first + part.n_rows
        rows = numbers[np.searchsorted(numbers, first) : np.searchsorted(numbers, last)] - first
        chosen.append(Part(*(None if of is None else taken(of, rows) for of in part)))
        first = last
    return Part(*(None if of[0] is None else stacked(of) for of in zip(*chosen, strict=True)))


def draw(n: int, n_rows: int, random_state: Any) -> np.ndarray:
    """Draw the numbers of some of n rows, in their order; all where there are no more."""
    drawn = check_random_state(random_state).choice(n, min(n_rows, n), replace=False)
    return np.sort(drawn)


def all_rows(source: PartsSource) -> Part:
    """Read all rows and keep them, within half of the source's memory: they are copied once.

    Raises
    ------
    ValueError
        If they take more.
    """
    parts, n_bytes = [], 0
    for part in source.parts():
        n_bytes += bytes_of(part.X)
        if n_bytes > source.memory / 2:
            raise ValueError(
                f"The rows that validate are kept, and take more than half of the memory="
                f"{source.memory} bytes of their source: give make_source more, or fewer rows."
            )
        parts.append(part)
    return Part(*(None if of[0] is None else stacked(of) for of in zip(*parts, strict=True)))


def taken(of: Any, rows: Any) -> Any:
    """Take some rows of an array, a sparse matrix or a frame."""
    return of.iloc[rows] if hasattr(of, "iloc") else of[rows]


def stacked(parts: Sequence[Any]) -> Any:
    """Put such rows together."""
    if sparse.issparse(parts[0]):
        return sparse.vstack(parts, format="csr")
    if hasattr(parts[0], "iloc"):
        return sys.modules["pandas"].concat(parts, ignore_index=True)
    return np.concatenate(parts)
