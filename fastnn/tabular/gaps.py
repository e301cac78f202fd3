"""Gaps: cells of a target, or of groups, that have no value, where each row needs one."""

from typing import Any

import numpy as np


def refuse_gaps(cells: Any, told: str) -> None:
    """Refuse missing values, and tell the row of the first.

    Parameters
    ----------
    cells : array-like of shape (n_rows, ...)
        Numbers, texts, dates or objects; masked cells are missing, too.
    told : str
        The message, of which ``{gap}`` becomes what is missing where.

    Raises
    ------
    ValueError
        Where there is one.
    """
    values = np.asarray(cells)
    is_gap = _are_gaps(values) | np.ma.getmaskarray(cells if np.ma.isMaskedArray(cells) else values)
    if is_gap.any():
        what = "NaN" if values.dtype.kind == "f" else "a missing value"
        raise ValueError(told.format(gap=f"{what} in row {np.argwhere(is_gap)[0, 0]}"))


def _are_gaps(values: np.ndarray) -> np.ndarray:
    match values.dtype.kind:
        case "f":
            return np.isnan(values)
        case "m" | "M":
            return np.isnat(values)
        case "O" if values.ndim:
            found = np.fromiter(map(_is_gap, values.flat), bool, values.size)
            return found.reshape(values.shape)
    return np.zeros(values.shape, bool)


def _is_gap(value: Any) -> bool:
    """Whether a value is None, NaN or pandas' NA."""
    is_nan = isinstance(value, float) and value != value
    return value is None or is_nan or type(value).__name__ in ("NAType", "NaTType")
