"""Scaling: a table's numbers and codes as the float32 columns that a member network takes.

Numbers are scaled robustly and clipped smoothly (Holzmueller et al., arXiv:2407.04491)::

    z = (x - median) / (q_3/4 - q_1/4),     z / sqrt(1 + (z / 3)^2), which stays between -3 and 3

so that neither 1e30 nor one outlier among a thousand rows does harm. Where the quartiles are equal,
half of the range stands for their distance. A number with gaps has a column more, which tells of
them, and 0 where it is missing. Numbers of two values are taken as -1 and 1.

Categories of few levels become a column for each level, all 0 where missing; those of more levels
keep their codes, for a table of learnt numbers. Levels of fewer than `RARE` rows tell a network
nothing that it would not learn by heart: they count as missing.
"""

from typing import TypedDict

import numpy as np

from fastnn.columns import Cells

MAX_INDICATORS = 8  # levels of a category that become columns of their own
RARE = 3  # rows
BOUND = 3.0
LARGEST = 1e6  # scaled number: its square is finite
MAX_WAVED = 256  # numbers that get waves of their own; where there are more, none does


class Scaling(TypedDict):
    """What `learn_scaling` has learnt: plain arrays.

    `waved`, `two_valued` (int64): places of numbers that are embedded, and of those of two values;
    `centers`, `factors` (float64): of all numbers; `with_gaps` (int64): places of numbers that were
    missing in training. `indicators`, `tables` (int64): places of categories that become columns,
    and that keep codes; `levels` (int64): of each category's new codes, the last for missing;
    `codes` (list of int64 arrays): the new code of each old one, the one for missing included.
    """

    waved: np.ndarray
    two_valued: np.ndarray
    centers: np.ndarray
    factors: np.ndarray
    with_gaps: np.ndarray
    indicators: np.ndarray
    tables: np.ndarray
    levels: np.ndarray
    codes: list[np.ndarray]


def learn_scaling(cells: Cells, sizes: np.ndarray) -> Scaling:
    """Learn the scaling of a table.

    Parameters
    ----------
    cells : Cells
        The training rows.
    sizes : ndarray of int64
        Levels of each category.
    """
    numbers = cells.numbers
    n = numbers.shape[1]
    centers, factors, is_two_valued = np.zeros(n), np.zeros(n), np.zeros(n, bool)
    for j in range(n):
        centers[j], factors[j], is_two_valued[j] = _of_number(numbers[:, j])
    waved = np.flatnonzero(~is_two_valued)
    codes = [_new_codes(cells.codes[:, j], size) for j, size in enumerate(sizes)]
    levels = np.array([new.max() + 1 for new in codes], np.int64)
    few = levels - 1 <= MAX_INDICATORS
    return Scaling(
        waved=waved,
        two_valued=np.flatnonzero(is_two_valued),
        centers=centers,
        factors=factors,
        with_gaps=np.flatnonzero(np.isnan(numbers).any(axis=0)),
        indicators=np.flatnonzero(few & (levels > 1)),
        tables=np.flatnonzero(~few),
        levels=levels,
        codes=codes,
    )


def _of_number(x: np.ndarray) -> tuple[float, float, bool]:
    """Center and factor of a column, and whether it has two values."""
    x = x[~np.isnan(x)]
    if x.size == 0:
        return 0.0, 0.0, True
    with np.errstate(over="ignore"):
        low, q_1, median, q_3, high = np.quantile(x, [0, 0.25, 0.5, 0.75, 1])
        if ((x == low) | (x == high)).all():
            return low / 2 + high / 2, _inverse(high / 2 - low / 2), True
        distance = q_3 - q_1 if q_3 > q_1 else high / 2 - low / 2
    return median, _inverse(distance), False


def _inverse(distance: float) -> float:
    return 1 / distance if np.finfo(float).tiny < distance < np.inf else 0.0


def _new_codes(codes: np.ndarray, size: int) -> np.ndarray:
    """Give each level its new code, in their order; the last one to the rare and the missing."""
    counts = np.bincount(codes, minlength=size + 1)[:size]
    kept = counts >= RARE
    new = np.full(size + 1, kept.sum(), np.int64)
    new[:size][kept] = np.arange(kept.sum())
    return new


def network_columns(scaling: Scaling) -> tuple[int, int, tuple[int, ...]]:
    """Numbers, plain columns, and levels of each category, as `Embedding` has them."""
    n_indicators = int((scaling["levels"][scaling["indicators"]] - 1).sum())
    n_waved, n_plain = scaling["waved"].size, scaling["two_valued"].size
    n_plain += scaling["with_gaps"].size + n_indicators
    levels = tuple(scaling["levels"][scaling["tables"]].tolist())
    return (n_waved, n_plain, levels) if n_waved <= MAX_WAVED else (0, n_waved + n_plain, levels)


def network_rows(scaling: Scaling, cells: Cells) -> np.ndarray:
    """Scale rows, of shape (n, n_columns), float32: numbers, plain columns, codes."""
    n_numbers, n_plain, levels = network_columns(scaling)
    out = np.empty((len(cells.numbers), n_numbers + n_plain + len(levels)), np.float32)
    scaled = _scaled(scaling, cells.numbers)
    parts = [
        _clipped(scaled[:, scaling["waved"]]),
        np.clip(scaled[:, scaling["two_valued"]], -BOUND, BOUND),
        np.isnan(cells.numbers[:, scaling["with_gaps"]]),
    ]
    at = 0
    for part in parts:
        out[:, at : at + part.shape[1]] = part
        at += part.shape[1]
    for j in scaling["indicators"]:
        n_levels = scaling["levels"][j] - 1
        codes = scaling["codes"][j][cells.codes[:, j]]
        out[:, at : at + n_levels] = codes[:, None] == np.arange(n_levels)
        at += n_levels
    for j in scaling["tables"]:
        out[:, at] = scaling["codes"][j][cells.codes[:, j]]
        at += 1
    return out


def _scaled(scaling: Scaling, numbers: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (numbers - scaling["centers"]) * scaling["factors"]
    return np.nan_to_num(np.clip(scaled, -LARGEST, LARGEST))


def _clipped(z: np.ndarray) -> np.ndarray:
    return z / np.sqrt(1 + (z / BOUND) ** 2)
