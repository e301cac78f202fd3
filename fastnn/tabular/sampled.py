"""Rows of a source for an ensemble: a sample to learn from, and all of them to predict."""

from collections.abc import Iterator
from typing import Any

from fastnn.sources.blocks import Part
from fastnn.sources.pipeline import named
from fastnn.sources.source import Source

BYTES_OF_A_CELL = 50  # that training takes for each: read, as numbers, for networks and for trees
LEAST_ROWS = 1000


def sampled(source: Source, random_state: Any) -> Part:
    """Draw as many rows as the source's memory is enough to train on, or take all.

    Trees want all rows of a fold at once, and members are weighed by predictions for each row.

    Raises
    ------
    ValueError
        Where the source has no target.
    """
    if not source.blocks.has_target:
        raise ValueError(
            "An ensemble for tables requires y to be passed, but the source has no target: "
            "make_source(..., target=...) names it."
        )
    n_columns = next(source.parts()).X.shape[1]
    part = source.sample(rows_within(source.memory, n_columns), random_state)
    return Part(named(part.X, source.blocks.names), flat(part.y), part.weights)


def rows_within(memory: int, n_columns: int) -> int:
    """Count the rows of so many columns that so much memory is enough to train on."""
    return max(LEAST_ROWS, int(memory / (BYTES_OF_A_CELL * max(n_columns, 1))))


def flat(y: Any) -> Any:
    """Give the one column of a target that has no other."""
    return y.ravel() if y.ndim == 2 and y.shape[1] == 1 else y


def parts_of(source: Source) -> Iterator[Any]:
    """Give the features of all rows, part by part, with the names of their columns."""
    for part in source.parts():
        yield named(part.X, source.blocks.names)
