"""Which form of the matrix product this machine uses."""

from fastnn.compiling.intrinsics import blas as libraries
from fastnn.compiling.intrinsics import registers
from fastnn.compiling.language import Kernel
from fastnn.kernels.products import blas, long_panels, pairs, panels, strips
from fastnn.kernels.tuning import MAX_LONG_PANEL_PRODUCT, MAX_PANEL_PRODUCT, MAX_PANEL_ROWS


def product_for_this_machine() -> Kernel:
    """Choose the kernel that multiplies matrices, by the processor and by BLAS.

    Nothing is timed, so that the bits are the same in every process of a machine.
    """
    if libraries.has_small_kernels():
        return strips.product_in_strips
    if registers.are_long():  # and BLAS does not know it, or has no small kernels
        return long_panels.product_in_long_panels
    if registers.are_wide_enough():
        return panels.product_in_panels
    return blas.product


def product_for_predictions() -> Kernel:
    """Choose the kernel that multiplies matrices where nothing is trained."""
    return (
        long_panels.product_in_long_panels if registers.are_long() else product_for_this_machine()
    )


def product_of_rounded() -> Kernel:
    """Give the kernel that rounds to bfloat16 what it multiplies: where the processor does so."""
    return pairs.product_in_pairs


def calls_no_library(product: Kernel, m: int, k: int, n: int, itemsize: int) -> bool:
    """Whether a product of up to m rows by a W of k x n numbers is ours from the first to the last.

    Else BLAS may have it, which starts threads of its own where nobody limits them.
    """
    if product is long_panels.product_in_long_panels:
        return k <= MAX_PANEL_ROWS and m * k * n <= MAX_LONG_PANEL_PRODUCT
    if product is panels.product_in_panels:
        is_small = m * k * n <= MAX_PANEL_PRODUCT
        return is_small and k <= MAX_PANEL_ROWS and n * itemsize >= registers.WIDE
    return False
