"""A product whose inputs are rounded to bfloat16, in pairs.

A bfloat16 is a float32 without the lower half of its bits. Two of them, of neighbours along the
axis over which a product sums, are a pair: a word of 32 bits, the first in its lower half. One
instruction of AVX512_BF16, VDPBF16PS, multiplies 16 pairs by 16 others and adds the products to 16
sums in float32, the second of each pair first, in the time in which 16 float32 are multiplied.

Words lie in memory of float32, whose bits they are: no kernel sees a type that NumPy has not. What
is smaller than the smallest normal float32 counts as 0.
"""

import os
from functools import cache

import numpy as np

from fastnn.compiling import llvm
from fastnn.compiling.language import IS_OFF

LANES = 16  # words of a register
MAX_PAIR_COLUMNS = 4 * LANES  # of a panel
# Rows of A that are multiplied at once, by the registers of a panel's row: of 32 registers 24 hold
# sums, where the panel has so many, and each word of the panel that is loaded serves all rows.
PAIR_ROWS = {1: 12, 2: 12, 3: 8, 4: 6}
MAX_PAIR_ROWS = max(PAIR_ROWS.values())


@cache
def are_multiplied() -> bool:
    """Whether pairs can be multiplied here: by the processor, or by NumPy without the JIT.

    Of a processor that has no such instruction, LLVM would end the process. Settings for another
    one than this count.
    """
    if IS_OFF:
        return True
    if os.environ.get("NUMBA_CPU_NAME") or os.environ.get("NUMBA_CPU_FEATURES"):
        return False
    features = llvm.get_host_cpu_features()
    return all(features.get(name, False) for name in ("avx512bf16", "avx512bw"))


def round_along(array: np.ndarray, words: np.ndarray) -> None:
    """Round an array whose rows lie in one piece; two neighbours of a row make a word.

    Behind a row come zeros, up to the columns of `words`, which are whole registers.
    """
    m, k = array.shape
    halves = np.zeros((m, 2 * words.shape[1]), np.uint32)
    halves[:, :k] = _rounded(array)
    words.view(np.uint32)[...] = halves[:, ::2] | halves[:, 1::2] << 16


def round_down(array: np.ndarray, words: np.ndarray) -> None:
    """Round an array whose rows lie in one piece; two rows, one below the other, make one of words.

    There are zeros below the last row, and behind each up to the columns of `words`, which are
    whole registers.
    """
    k, n = array.shape
    halves = np.zeros((2 * words.shape[0], words.shape[1]), np.uint32)
    halves[:k, :n] = _rounded(array)
    words.view(np.uint32)[...] = halves[::2] | halves[1::2] << 16


def _rounded(array: np.ndarray) -> np.ndarray:
    """Upper halves of the nearest bfloat16, of two as near the even one; NaN stays NaN."""
    bits = array.view(np.uint32)
    nearest = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    nearest = np.where(np.abs(array) < np.finfo(np.float32).tiny, bits >> 31 << 15, nearest)
    return np.where(np.isnan(array), bits >> 16 | 0x40, nearest)


def dot_pairs(A: np.ndarray, panel: np.ndarray, out: np.ndarray) -> None:
    """Write A panel to `out`, for the rows and columns that `out` has.

    Both hold words, one column of A for each row of the panel. `out` has at most `PAIR_ROWS` rows
    for this panel, and the memory behind A has as many: it is read, whatever is in it. Rows or
    columns of A lie in one piece, the panel and each row of `out`; nobody checks that.
    """
    m, n = out.shape
    out[:] = 0
    for shift in range(panel.shape[0]):
        a, b = A[:m, shift].copy().view(np.uint32), panel[shift, :n].view(np.uint32)
        for half in (_upper, _lower):
            out += np.outer(half(a), half(b))


def _upper(words: np.ndarray) -> np.ndarray:
    return (words & 0xFFFF0000).view(np.float32)


def _lower(words: np.ndarray) -> np.ndarray:
    return (words << 16).view(np.float32)
