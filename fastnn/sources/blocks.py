"""Numbered blocks of rows: what a source asks of each kind of data."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy import sparse

PART_BYTES = 1 << 20  # of the rows that are decoded, checked and copied at a time
BLOCK_BYTES = 1 << 23  # of a block, where nothing else says where it ends


class Part(NamedTuple):
    """Some rows of a block, as they were read.

    Attributes
    ----------
    X : {ndarray, sparse matrix} of shape (n, n_features) or None
        None where only the targets were asked for.
    y : ndarray of shape (n,) or (n, n_targets), or None
        None where the source has no target.
    weights : ndarray of shape (n,) or None
        None where it has no weights.
    """

    X: Any
    y: Any = None
    weights: Any = None

    @property
    def n_rows(self) -> int:
        """Count the rows."""
        return next(np.shape(rows)[0] for rows in self if rows is not None)


def cut(part: Part) -> Iterator[Part]:
    """Cut a part into small ones, so that little is in use beside what is kept."""
    n = part.n_rows
    step = rows_of(PART_BYTES, bytes_of(part.X) / max(n, 1))
    for start in range(0, n, step):
        yield Part(*(None if of is None else of[start : start + step] for of in part))


class Roles(NamedTuple):
    """What the columns of a table are for.

    Attributes
    ----------
    features, targets : list of str
    weights : str or None
    """

    features: list[str]
    targets: list[str]
    weights: str | None

    @property
    def others(self) -> list[str]:
        """Columns that are no features."""
        return [*self.targets, *([] if self.weights is None else [self.weights])]


def roles_of(known: Sequence[str], target: Any, features: Any, weights: str | None) -> Roles:
    """Say what each column is for, by what a user has named.

    Parameters
    ----------
    known : sequence of str
        All columns.
    target : str, sequence of str or None
        Column or columns of the target.
    features : sequence of str or None
        None for all other columns.
    weights : str or None
        Column of the weights.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    targets = [] if target is None else [target] if isinstance(target, str) else [*target]
    roles = Roles([] if features is None else [*features], targets, weights)
    if features is None:
        roles = roles._replace(features=[name for name in known if name not in roles.others])
    for name in (*roles.others, *roles.features):
        if name not in known:
            raise ValueError(f"There is no column {name!r}: the data has {list(known)}.")
    return roles


class Blocks(ABC):
    """Rows in numbered blocks; the number of a row follows from where it stands in them.

    Attributes
    ----------
    n_rows : list of int or None
        Rows of each block; None where only reading tells.
    names : list of str or None
        Names of the features, where they have some.
    has_target, has_weights : bool
        What there is beside the features.
    is_in_order : bool
        Whether they can be read from the first to the last only.
    """

    n_rows: list[int] | None = None
    names: list[str] | None = None
    has_target: bool = True
    has_weights: bool = False
    is_in_order: bool = False

    @abstractmethod
    def read(self, numbers: Iterable[int] | None, features: bool) -> Iterator[tuple[int, Part]]:
        """Read blocks, part by part; each part comes with the number of its block.

        Parameters
        ----------
        numbers : iterable of int or None
            Which blocks, in which order; None for all of them, where their count is not known.
        features : bool
            Whether X is asked for; what costs nothing may come all the same.
        """

    def reading_bytes(self, block_bytes: float) -> float:
        """Bytes that the reading of a block takes, given what its rows take."""
        return 2 * block_bytes

    def whole(self) -> Part | None:
        """Give all rows, where they lie in memory already."""
        return None

    def where(self, number: int) -> str:
        """Tell which block that is, for a message."""
        return f"block {number}"


class PartsSource(Protocol):
    """What is made of a source's parts asks this of it."""

    blocks: Blocks
    memory: int

    def parts(self) -> Iterator[Part]:
        """Read all rows, in their order."""

    def map(self, transform: Callable[[Any], Any]) -> "PartsSource":
        """Make a source of other features."""


def rows_of(n_bytes: float, row_bytes: float) -> int:
    """Rows that go into so many bytes, one at least."""
    return max(1, int(n_bytes / max(row_bytes, 1)))


def bytes_of(X: Any) -> int:
    """Bytes that rows take."""
    if sparse.issparse(X):
        return sum(part.nbytes for part in (X.data, X.indices, X.indptr))
    if hasattr(X, "memory_usage"):  # a frame
        return int(X.memory_usage(index=False).sum())
    return np.asarray(X).nbytes
