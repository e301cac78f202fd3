"""Which form of the matrix product this machine uses."""

from fastnn.compiling.intrinsics import blas as libraries
from fastnn.compiling.intrinsics import registers
from fastnn.compiling.language import Kernel
from fastnn.kernels.products import blas, panels, strips


def product_for_this_machine() -> Kernel:
    """Choose the kernel that multiplies matrices, by the processor and by BLAS.

    Nothing is timed, so that the bits are the same in every process of a machine.
    """
    if libraries.has_small_kernels():
        return strips.product_in_strips
    if registers.are_wide_enough():
        return panels.product_in_panels
    return blas.product
