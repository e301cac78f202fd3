"""What a fit sends to workers in other processes and on other machines."""

from typing import Any

import numpy as np


class Sent:
    """A base of what is sent once for many models.

    Dask sends an argument once where its size is known to be large, and what arrives may begin at
    any byte of a message.
    """

    def __sizeof__(self) -> int:
        """Count the arrays too."""
        return object.__sizeof__(self) + _bytes_of(list(vars(self).values()))

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(_aligned(state))


def _bytes_of(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return sum(map(_bytes_of, value))
    return value.__sizeof__() if isinstance(value, Sent) else 0


def _aligned(value: Any) -> Any:
    """Copy arrays that do not begin where numbers of theirs may, as kernels need it."""
    if isinstance(value, np.ndarray):
        return np.require(value, requirements="A")
    if isinstance(value, dict):
        return {name: _aligned(of) for name, of in value.items()}
    if isinstance(value, list):
        return [_aligned(of) for of in value]
    if isinstance(value, tuple):
        parts = [_aligned(of) for of in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value
