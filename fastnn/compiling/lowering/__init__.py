"""What the compiler makes of calls, of views and of matrix products.

To Numba each is a typing template, which says what it gives for which types, and a lowering, which
writes its instructions.
"""

from fastnn.compiling.lowering import blas, registers, views  # noqa: F401 their import tells Numba of them
from fastnn.compiling.lowering.calls import accepted, runner

__all__ = ["accepted", "runner"]
