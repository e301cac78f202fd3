"""A product of a few rows whose sums stay in the processor's registers.

What a matrix product comes down to: a few rows of A by the rows of a panel, which is as wide as two
of the processor's registers. The sums stay in registers from the first number to the last, and
nothing is stored. (BLIS calls this the micro-kernel: Van Zee and van de Geijn, ACM Transactions on
Mathematical Software 41(3), 2015.)

==========  =========  ====  ===================================================================
processor   registers  rows
==========  =========  ====  ===================================================================
AVX2        16 of 32   6     12 sums: of 12 multiplications of vectors 8 numbers are loaded
AVX-512     32 of 64   12    24 sums, of 24 multiplications 14 numbers are loaded; or fewer
==========  =========  ====  ===================================================================
"""

import os
from functools import cache

import numpy as np

from fastnn.compiling import llvm

REGISTER_ROWS = 6
NARROW = 32  # bytes of a register of AVX2, which has 16: 12 sums, 2 of a panel's row, one of A
WIDE = 2 * NARROW  # bytes of a panel's row
LONG = 64  # bytes of a register of AVX-512, which has 32: 24 sums, 2 of a panel's row, one of A
LONG_ROWS = 12, 6, 3  # of A at once


@cache
def are_wide_enough() -> bool:
    """Whether this processor has such registers, and no wider ones; a setting for others counts."""
    if os.environ.get("NUMBA_CPU_NAME") or os.environ.get("NUMBA_CPU_FEATURES"):
        return False
    features = llvm.get_host_cpu_features()
    has = {name: features.get(name, False) for name in ("avx2", "fma", "avx512f")}
    return has["avx2"] and has["fma"] and not has["avx512f"]


@cache
def are_long() -> bool:
    """Whether this processor has registers of AVX-512; a setting for others counts."""
    if os.environ.get("NUMBA_CPU_NAME") or os.environ.get("NUMBA_CPU_FEATURES"):
        return False
    return bool(llvm.get_host_cpu_features().get("avx512f", False))


def dot_in_registers(A: np.ndarray, panel: np.ndarray, out: np.ndarray) -> None:
    """Write A panel to `out`, for `REGISTER_ROWS` rows, and for the columns that `out` has.

    A has a column at least, and they or its rows lie in one piece, as do each row of `out` and the
    panel, which has `WIDE` or `NARROW` bytes a row; nobody checks that.
    """
    out[:] = (A @ panel)[:, : out.shape[1]]


def copy_to_panel(array: np.ndarray, panel: np.ndarray) -> None:
    """Copy the columns of an array to a panel, with zeros behind them."""
    n = array.shape[1]
    panel[:, :n], panel[:, n:] = array, 0


def dot_in_long_registers(A: np.ndarray, panel: np.ndarray, out: np.ndarray) -> None:
    """Write A panel to `out`, for as many rows as one of `LONG_ROWS`, and for out's columns.

    As `dot_in_registers`, with a panel of `LONG` or 2 `LONG` bytes a row.
    """
    out[:] = (A @ panel)[:, : out.shape[1]]


def copy_to_long_panel(array: np.ndarray, panel: np.ndarray) -> None:
    """Copy the columns of an array to a panel of long registers, with zeros behind them."""
    n = array.shape[1]
    panel[:, :n], panel[:, n:] = array, 0
