"""Around a fit: one at a time on an estimator, and all of it or nothing."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable)

_under_way: dict[int, int] = {}  # thread by the id of an estimator that is fitted
_whole: set[int] = set()  # ids of those whose model is whole already

if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_under_way.clear)  # the other threads' are not in the child


def guarded(method: Method) -> Method:
    """Decorate a method that fits.

    A call that fails, whatever has failed, callbacks included, leaves the attributes as they were.
    A second call meanwhile is refused, and leaves the first one alone.
    """

    @wraps(method)
    def fits(estimator: Any, *args: Any, **kwargs: Any) -> Any:
        key, thread = id(estimator), threading.get_ident()
        other = _under_way.setdefault(key, token := _Token(thread))
        if other is not token:
            by = "one of its callbacks" if other == thread else "another thread"
            raise RuntimeError(
                f"This {type(estimator).__name__} is being fitted, and {by} has called "
                f"{method.__name__}: let that fit a clone, or wait."
            )
        before = vars(estimator).copy()
        try:
            return method(estimator, *args, **kwargs)
        except BaseException:
            if key not in _whole:
                vars(estimator).clear()
                vars(estimator).update(before)
            raise
        finally:
            _whole.discard(key)
            _under_way.pop(key, None)

    return fits  # type: ignore[return-value]


@contextmanager
def whole_model(estimator: Any) -> Iterator[None]:
    """Keep the model where what stands within fails, such as a warning that is made an error."""
    _whole.add(id(estimator))
    yield
    _whole.discard(id(estimator))


class _Token(int):
    """Number of a thread, and an object of its own."""
