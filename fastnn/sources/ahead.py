"""Reading ahead: a thread makes the next items of an iterator while others are used."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, Self, TypeVar

T = TypeVar("T")
SECONDS = 0.1  # after which a wait looks up: on Windows no interrupt ends it


class Ahead(Generic[T]):
    """Items of an iterator, made in their order by a thread of its own.

    Parameters
    ----------
    items : iterator
        Is used by that thread alone. What it raises is raised where the item would have come.
    depth : int
        Items that may wait to be taken.
    stop : callable, default=None
        Is called by `close`, to end a wait of the iterator's own.

    Attributes
    ----------
    seconds_waited : float
        Time for which items were not there yet when they were asked for.
    """

    def __init__(
        self, items: Iterator[T], depth: int = 2, stop: Callable[[], None] | None = None
    ) -> None:
        self._items, self._depth, self._stop = items, depth, stop
        self._made: deque[T] = deque()
        self._changed = threading.Condition()
        self._is_closed = self._is_over = False
        self._error: BaseException | None = None
        self.seconds_waited = 0.0
        self._thread = threading.Thread(target=self._work, name="fastnn-reader", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            for item in self._items:
                with self._changed:
                    self._made.append(item)
                    self._changed.notify_all()
                    while len(self._made) >= self._depth and not self._is_closed:
                        self._changed.wait(SECONDS)
                    if self._is_closed:
                        break
                del item
        except BaseException as error:  # whoever asks for the next item is told
            self._error = error
        finally:
            with self._changed:
                self._is_over = True
                self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        began = time.perf_counter()
        with self._changed:
            while not self._made and not self._is_over:
                self._changed.wait(SECONDS)
            self.seconds_waited += time.perf_counter() - began
            if self._made:
                self._changed.notify_all()
                return self._made.popleft()
        if self._error is not None:
            raise self._error
        raise StopIteration

    def close(self) -> None:
        """End the thread, and wait until it has."""
        with self._changed:
            self._is_closed = True
            self._made.clear()
            self._changed.notify_all()
        if self._stop is not None:
            self._stop()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
