"""Windows: as many rows of an epoch as memory holds, read ahead, for kernels to train on.

An epoch takes the blocks in an order of its own, leaves out the rows that validate, and cuts what
is left into windows of equal numbers of rows, whole mini-batches each. The rows of a window are
shuffled. So all of an epoch follows from the blocks' sizes, the seed and the number of the epoch.
"""

import queue
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from fastnn.engine.data import Data
from fastnn.sources.held_out import HeldOut
from fastnn.sources.order import BLOCKS, ROWS, shuffled
from fastnn.sources.rows import DenseRows, Encode, SparseRows, encoded, some_rows
from fastnn.sources.source import Source
from fastnn.training.dataset import Dataset

BUFFERS = 2  # one trains while the other is filled


@dataclass(frozen=True)
class Layout:
    """What the order of rows follows from.

    Attributes
    ----------
    starts : ndarray of shape (n_blocks + 1,)
        Number of the first row of each block, and of the row after the last.
    trained : ndarray of shape (n_blocks,)
        Rows of each block that train.
    held_out : HeldOut
        The others.
    window_rows : int
        Rows of a window.
    seed : int or None
        None where nothing is shuffled.
    is_in_order : bool
        Whether blocks can be read from the first to the last only.
    """

    starts: np.ndarray
    trained: np.ndarray
    held_out: HeldOut
    window_rows: int
    seed: int | None
    is_in_order: bool

    @property
    def n_rows(self) -> int:
        """Rows that train in an epoch."""
        return int(self.trained.sum())

    def blocks(self, epoch: int) -> np.ndarray:
        """Numbers of the blocks in the order of an epoch."""
        if self.seed is None or self.is_in_order:
            return np.arange(self.trained.size)
        return shuffled(self.trained.size, self.seed, BLOCKS, epoch)

    def rows(self, epoch: int, window: int, n_rows: int) -> np.ndarray:
        """Give the order of the rows of a window."""
        if self.seed is None:
            return np.arange(n_rows)
        return shuffled(n_rows, self.seed, ROWS, epoch, window)


def layout_of(
    sizes: list[int],
    held_out: HeldOut,
    window_rows: int,
    seed: int | None,
    is_in_order: bool,
) -> Layout:
    """Count the rows that train in blocks of these sizes."""
    starts = np.cumsum([0, *sizes])
    held = [held_out.count(int(start), n) for start, n in zip(starts, sizes, strict=False)]
    return Layout(
        starts, np.array(sizes) - np.array(held), held_out, window_rows, seed, is_in_order
    )


@dataclass(eq=False)
class Window:
    """Some rows of an epoch, in memory.

    Attributes
    ----------
    start, stop : int
        Which, counted from the beginning of the epoch.
    data : Data
        The rows.
    order : ndarray of int64
        In which they train; what stands behind the last row means nothing.
    memory : DenseRows or SparseRows
        Where they lie.
    """

    start: int
    stop: int
    data: Data
    order: np.ndarray
    memory: DenseRows | SparseRows


class Windows:
    """Makes the windows of one epoch after the other, for a thread that reads ahead.

    Parameters
    ----------
    source : Source
    encode : callable
        Checks and encodes the part of a block.
    layout : Layout
    like : Dataset
        Some rows.
    dtype : dtype
        Of the targets.
    """

    def __init__(
        self, source: Source, encode: Encode, layout: Layout, like: Dataset, dtype: np.dtype
    ) -> None:
        self.source, self.encode, self.layout = source, encode, layout
        self._free: queue.SimpleQueue[DenseRows | SparseRows | None] = queue.SimpleQueue()
        self._is_over = False
        kind = DenseRows if isinstance(like.X, np.ndarray) else SparseRows
        for _ in range(BUFFERS):
            self._free.put(kind(layout.window_rows, like, dtype))

    def give_back(self, window: Window) -> None:
        """Let the memory of a window be written over."""
        self._free.put(window.memory)

    def stop(self) -> None:
        """End the wait for memory, and the windows with it."""
        self._is_over = True
        self._free.put(None)

    def make(self, epoch: int, start: int) -> Iterator[Window]:
        """Make the windows from the one in which a row of an epoch stands, for ever."""
        first = start - start % self.layout.window_rows
        for number in count(epoch):
            yield from self._epoch(number, first)
            first = 0
            if self._is_over:
                return

    def _epoch(self, epoch: int, first: int) -> Iterator[Window]:
        memory, filled = None, 0
        for rows in self._trained(epoch, first):
            at, n = 0, rows.X.shape[0]
            while at < n:
                if filled == 0:
                    memory = self._free.get()
                if memory is None:  # all is over
                    return
                size = min(n - at, self.layout.window_rows - filled)
                memory.put(filled, some_rows(rows, slice(at, at + size)))
                at, filled = at + size, filled + size
                if filled == self.layout.window_rows:
                    yield self._window(epoch, first, filled, memory)
                    first, filled = first + filled, 0
        if memory is not None and filled:
            yield self._window(epoch, first, filled, memory)

    def _trained(self, epoch: int, first: int) -> Iterator[Dataset]:
        """Read the rows that train, from a row of the epoch on."""
        layout, numbers = self.layout, self.layout.blocks(epoch)
        ends = np.cumsum(layout.trained[numbers])
        block = int(np.searchsorted(ends, first, side="right"))
        past = first - (int(ends[block - 1]) if block else 0)
        for _, number, rows in encoded(self.source, self.encode, layout.starts, numbers[block:]):
            if layout.held_out.share:
                rows = some_rows(rows, ~layout.held_out.mask(number, rows.X.shape[0]))
            n = rows.X.shape[0]
            if past < n:
                yield rows if past == 0 else some_rows(rows, slice(past, None))
            past = max(0, past - n)

    def _window(
        self, epoch: int, first: int, n_rows: int, memory: DenseRows | SparseRows
    ) -> Window:
        window = first // self.layout.window_rows
        memory.order[:n_rows] = self.layout.rows(epoch, window, n_rows)
        return Window(first, first + n_rows, memory.ready(), memory.order, memory)
