"""Around a fit: one at a time on an estimator, and all of it or nothing."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable)


class _UnderWay:
    """A fit that goes on."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.is_over = self.is_whole = False  # whole: the model is kept, whatever fails yet
        self.settle: Callable[[], None] = lambda: None


_under_way: dict[int, _UnderWay] = {}  # by the id of the estimator

if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_under_way.clear)  # the other threads' are not in the child


def guarded(method: Method) -> Method:
    """Decorate a method that fits; it stands outside of what tears callbacks down.

    A call that fails, whatever has failed, callbacks included, leaves the attributes as they were.
    A second call meanwhile is refused, and leaves the first one alone.
    """

    @wraps(method)
    def fits(estimator: Any, *args: Any, **kwargs: Any) -> Any:
        key, ours = id(estimator), _UnderWay()
        before, other = vars(estimator).copy(), None
        try:  # an interrupt may come at any call, and finds all in order: a store is none
            other = _under_way.setdefault(key, ours)
            if other.is_over:  # an interrupt has left it
                other = _under_way[key] = ours
            if other is not ours:
                by = "one of its callbacks" if other.thread == ours.thread else "another thread"
                raise RuntimeError(
                    f"This {type(estimator).__name__} is being fitted, and {by} has called "
                    f"{method.__name__}: let that fit a clone, or wait."
                )
            result = _settled(ours, method, estimator, *args, **kwargs)
        except BaseException:
            if not ours.is_whole and other is ours:
                estimator.__dict__ = before
            raise
        finally:
            ours.is_over = True
            if _under_way.get(key) is ours:
                del _under_way[key]
        return result

    return fits  # type: ignore[return-value]


def _settled(ours: _UnderWay, method: Callable, estimator: Any, *args: Any, **kwargs: Any) -> Any:
    """Fit, and see to what callbacks have left."""
    try:
        result = method(estimator, *args, **kwargs)
    except BaseException:
        if ours.is_whole:
            ours.is_whole = False
            ours.settle()
            ours.is_whole = True
        raise
    ours.settle()
    return result


def settle_at_end(estimator: Any, settle: Callable[[], None]) -> None:
    """Have a function see to it that callbacks have left a whole model, once all are torn down.

    Parameters
    ----------
    estimator : estimator instance
        Whose `guarded` method is about to return.
    settle : callable
        Raises an error where the model is not whole: the fit has failed then.
    """
    if ours := _under_way.get(id(estimator)):  # a child of a fork has none
        ours.settle = settle


@contextmanager
def whole_model(estimator: Any) -> Iterator[None]:
    """Keep the model where what stands within fails, such as a warning that is made an error."""
    ours = _under_way.get(id(estimator), _UnderWay())
    ours.is_whole = True
    yield
    ours.is_whole = False
