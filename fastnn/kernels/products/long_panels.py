"""The matrix product panel by panel with registers of 64 bytes, as AVX-512 has.

As in `panels`, with twice as many rows of A at once: 32 registers hold 24 sums. What a panel has of
columns that B has not is masked.
"""

from fastnn.compiling.intrinsics.blas import dot
from fastnn.compiling.intrinsics.registers import (
    LONG,
    LONG_ROWS,
    copy_to_long_panel,
    dot_in_long_registers,
)
from fastnn.compiling.intrinsics.views import block, matrix
from fastnn.kernels.products.blas import multiplying
from fastnn.kernels.products.panels import multiply_few
from fastnn.kernels.tuning import MAX_LONG_PANEL_PRODUCT, MAX_PANEL_ROWS


@multiplying
def product_in_long_panels(A, B, out, transposed, copies):
    """Write A B to `out`, or A B' if `transposed`."""
    (m, k), n = A.shape, out.shape[1]
    many, some, least = LONG_ROWS
    is_small = m * k * n <= MAX_LONG_PANEL_PRODUCT
    if m < least and is_small and transposed == 0:
        multiply_few(A, B, out)
        return
    if min(m // least, k, n) < 1 or k > MAX_PANEL_ROWS or not is_small:
        if transposed == 0:
            dot(A, B, out)
        else:
            dot(A, B.T, out)
        return
    register = LONG // out.itemsize
    start = 0
    while start < n:
        columns = min(2 * register, n - start)
        width = 2 * register if columns > register else register
        panel = matrix(copies, 0, k, width)
        if transposed == 0:
            copy_to_long_panel(block(B, 0, start, k, columns), panel)
        else:
            copy_to_long_panel(block(B, start, 0, columns, k).T, panel)
        i = 0
        while i < m:
            rows = many if m - i > some and m >= many else some if m >= some else least
            top = min(i, m - rows)  # the last rows may come twice
            dot_in_long_registers(
                block(A, top, 0, rows, k), panel, block(out, top, start, rows, columns)
            )
            i += rows
        start += width
