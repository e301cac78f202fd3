"""Bytes for a reader in another thread, which may not run far ahead of who takes its rows.

Arrow reads a CSV file in a thread of its own, up to 32 blocks ahead: 256 MB where rows are
predicted more slowly than they are read. It makes a batch of each block, empty ones too, so a block
a batch is enough; only of the first it wants some rows, and empty lines before them are left out.
"""

import io
import threading
from collections.abc import Iterator
from typing import TypeVar

AHEAD = 3  # blocks that are read before they are asked for
PATIENCE = 10  # seconds after which one more is read: a reader of other habits is slow, and ends

Part = TypeVar("Part")


class Paced(io.BufferedReader):
    """A file that is read a few blocks ahead of what comes of it.

    Parameters
    ----------
    raw : RawIOBase
        The file.
    block : int
        Bytes that are read at once.
    """

    def __init__(self, raw: io.RawIOBase, block: int) -> None:
        super().__init__(raw, block)
        self._may_read = threading.Semaphore(AHEAD)
        self._reading = threading.Lock()
        self._ended = False

    def skip_empty_lines(self) -> None:
        """Read the empty lines that come next."""
        while (head := self.peek(1)) and not head.strip(b"\r\n"):
            super().read(len(head))
        super().read(len(head) - len(head.lstrip(b"\r\n")))

    def read(self, size: int | None = -1) -> bytes:
        """Read a block, when its turn has come; nothing after the end."""
        with self._reading:
            if not self._ended:
                self._may_read.acquire(timeout=PATIENCE)
            return b"" if self._ended else super().read(size)

    def end(self) -> None:
        """Let nothing more be read, and wait for the block that is being read.

        A thread that is still in `read` when the interpreter ends never comes back, and Arrow waits
        for it.
        """
        self._ended = True
        self._may_read.release()  # whoever waits still is to come to its end
        with self._reading:
            pass

    def following(self, parts: Iterator[Part]) -> Iterator[Part]:
        """Pass on what comes of the file, and let as much more be read."""
        for part in parts:
            yield part
            self._may_read.release()
