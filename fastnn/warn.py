"""Warnings that name the user's line, however many frames lie between, and come once for a call."""

import sys
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

# Whose frames are passed over: decorators, pipelines and searches call an estimator from there.
BETWEEN = frozenset({"fastnn", "sklearn", "joblib"})


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line of code that is not of these packages.

    `warnings.warn` can do so by itself from Python 3.12 on (`skip_file_prefixes`).

    Parameters
    ----------
    message : str
        Text of the warning.
    category : type of Warning, default=UserWarning
        Class of the warning.
    """
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


_told: ContextVar[set[str] | None] = ContextVar("_told", default=None)


class OneCall:
    """Calls that are one to the user, as those for the parts of a source.

    What the first of them tells by way of `untold`, the others do not tell again.
    """

    def __init__(self) -> None:
        self._told: set[str] = set()

    def of(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function."""
        before = _told.set(self._told)
        try:
            return function(*arguments)
        finally:
            _told.reset(before)


def untold(things: list[str]) -> list[str]:
    """Give those of some things to warn of that this call of the user's has not been told yet."""
    told = _told.get()
    if told is None:
        return things
    new = [thing for thing in things if thing not in told]
    told.update(new)
    return new
