"""Blocks whose features are what a function makes of those of others."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from scipy import sparse

from fastnn.sources.blocks import Blocks, Part


class MappedBlocks(Blocks):
    """The same blocks, with other features.

    Parameters
    ----------
    blocks : Blocks
    transform : callable
        From X of a part to another of as many rows.
    """

    def __init__(self, blocks: Blocks, transform: Callable[[Any], Any]) -> None:
        self.blocks, self.transform = blocks, transform
        self.n_rows, self.is_in_order = blocks.n_rows, blocks.is_in_order
        self.has_target, self.has_weights = blocks.has_target, blocks.has_weights

    def read(self, numbers: Iterable[int] | None, features: bool) -> Iterator[tuple[int, Part]]:
        """Read blocks and make their features anew."""
        for number, part in self.blocks.read(numbers, features):
            if not features or not part.n_rows:
                yield number, part._replace(X=None if not features else part.X)
                continue
            try:
                X = self.transform(part.X)
            except (TypeError, ValueError) as error:
                raise type(error)(f"{self.where(number)}: {error}") from error
            X = X.tocsr() if sparse.issparse(X) else X
            if X.shape[0] != part.n_rows:
                raise ValueError(
                    f"{self.where(number)}: the function of `map` has made {X.shape[0]} rows of "
                    f"{part.n_rows}."
                )
            yield number, part._replace(X=X)

    def reading_bytes(self, block_bytes: float) -> float:
        """Bytes that the reading of a block takes."""
        return self.blocks.reading_bytes(block_bytes)

    def where(self, number: int) -> str:
        """Tell which block that is."""
        return self.blocks.where(number)
