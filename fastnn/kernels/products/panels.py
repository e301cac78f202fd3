"""The matrix product panel by panel: for processors whose BLAS copies all that it multiplies.

A panel is as many columns of B as registers hold at once. It is copied to lie in one piece, with
zeros where B has fewer columns, and multiplied by 6 rows of A after the other, which are read as
they lie. BLAS copies those too, which pays for matrices larger than a mini-batch's: 0.2 of an epoch
of digits.
"""

from fastnn.compiling.intrinsics.blas import dot
from fastnn.compiling.intrinsics.registers import (
    NARROW,
    REGISTER_ROWS,
    WIDE,
    copy_to_panel,
    dot_in_registers,
)
from fastnn.compiling.intrinsics.views import block, matrix, vector
from fastnn.compiling.language import jit
from fastnn.kernels.products.blas import multiplying
from fastnn.kernels.tuning import MAX_PANEL_PRODUCT, MAX_PANEL_ROWS


@multiplying
def product_in_panels(A, B, out, transposed, copies):
    """Write A B to `out`, or A B' if `transposed`."""
    (m, k), n = A.shape, out.shape[1]
    is_small = m * k * n <= MAX_PANEL_PRODUCT
    if m < REGISTER_ROWS and n * out.itemsize >= WIDE and is_small and transposed == 0:
        multiply_few(A, B, out)
        return
    if min(m // REGISTER_ROWS, k, n - 1) < 1 or k > MAX_PANEL_ROWS or not is_small:
        if transposed == 0:
            dot(A, B, out)
        else:
            dot(A, B.T, out)
        return
    wide, narrow = WIDE // out.itemsize, NARROW // out.itemsize
    done = 0
    while done < n:
        width = wide if n - done > narrow else narrow
        start = max(0, min(done, n - width))  # the last panel is whole: columns may come twice
        columns = min(width, n - start)
        panel = matrix(copies, 0, k, width)
        if transposed == 0:
            copy_to_panel(block(B, 0, start, k, columns), panel)
        else:
            copy_to_panel(block(B, start, 0, columns, k).T, panel)
        for i in range(0, m, REGISTER_ROWS):
            top = min(i, m - REGISTER_ROWS)
            dot_in_registers(
                block(A, top, 0, REGISTER_ROWS, k),
                panel,
                block(out, top, start, REGISTER_ROWS, columns),
            )
        done += width


@jit
def multiply_few(A, B, out):
    """Write A B to `out` for a few rows: each number of A by a row of B."""
    (m, k), n = A.shape, B.shape[1]
    out[:, :] = 0
    for i in range(m):
        sums = vector(out, i * n, n)
        for l in range(k):
            row = vector(B, l * n, n)
            for j in range(n):
                sums[j] += A[i, l] * row[j]
