"""Blocks that a user's own function gives, one after another."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from scipy import sparse

from fastnn.sources.blocks import Blocks, Part


class IteratorBlocks(Blocks):
    """What a function's iterators give: each item is a block, and each pass asks for a new one.

    Parameters
    ----------
    function : callable
        Returns an iterator of ``X``, ``(X, y)`` or ``(X, y, weights)``, each time the same.
    """

    is_in_order = True

    def __init__(self, function: Callable[[], Iterable[Any]]) -> None:
        self.function = function
        first = next(iter(self._parts()), None)
        if first is None:
            raise ValueError("The function that is to give blocks has given none.")
        self.has_target, self.has_weights = first.y is not None, first.weights is not None

    def read(self, numbers: Iterable[int] | None, features: bool) -> Iterator[tuple[int, Part]]:
        """Read blocks from a new iterator, which goes past those that are not asked for."""
        if numbers is None:
            yield from enumerate(self._parts())
            return
        wanted = [int(number) for number in numbers]
        if wanted:
            yield from islice(enumerate(self._parts()), wanted[0], wanted[-1] + 1)

    def _parts(self) -> Iterator[Part]:
        for number, item in enumerate(self.function()):
            part = Part(*item) if isinstance(item, tuple) and 1 <= len(item) <= 3 else Part(item)
            if not (hasattr(part.X, "shape") or isinstance(part.X, list)):
                raise TypeError(
                    f"{self.where(number)}: an iterator of blocks has to give (X, y) or "
                    f"(X, y, weights), got {type(item).__name__}."
                )
            X = part.X.tocsr() if sparse.issparse(part.X) else part.X
            yield part._replace(X=X)
