"""A user's mistake, and how a message quotes what a file holds."""

from collections.abc import Iterable

LONGEST_SHOWN = 60


class InputError(ValueError):
    """A user's mistake, told in one sentence."""


def shown(text: object) -> str:
    """Quote a text of a file for a message: escaped, and shortened where it is long."""
    text = str(text)
    return repr(text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…")


def listed(names: Iterable[str], most: int = 20) -> str:
    """List names for a message, a few of them."""
    names = list(names)
    text = ", ".join(map(shown, names[:most]))
    return text if len(names) <= most else f"{text}, and {len(names) - most} more"
