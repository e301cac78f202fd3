"""Views of flat memory, which to the compiler are a pointer and a shape.

`flat[at : at + n].reshape(...)` counts references and checks bounds and orders: most of what was
compiled, and most of the time of a small step. These only add to a pointer. Their memory belongs to
an argument of the kernel, which outlives them. What they show can be asked for before it is read.
"""

from typing import Any


def vector(flat: Any, at: int, n: int) -> Any:
    """View n numbers of a C-ordered array's memory, from position `at` on."""
    return flat.reshape(-1)[at : at + n]


def matrix(flat: Any, at: int, m: int, n: int) -> Any:
    """View m n numbers of a C-ordered array's memory as m rows, from position `at` on."""
    return flat.reshape(-1)[at : at + m * n].reshape(m, n)


def block(array: Any, i: int, j: int, m: int, n: int) -> Any:
    """View m rows and n columns of a matrix, from element (i, j) on."""
    return array[i : i + m, j : j + n]


def prefetch(view: Any) -> None:
    """Ask for a vector's numbers to come to the L2 cache, and do not wait for them."""


def locked(array: Any) -> Any:
    """View an array as one that is not to be written to: a type of its own to the compiler."""
    view = array.view()
    view.setflags(write=False)
    return view
