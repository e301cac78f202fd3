"""What kernels are written with: decorators, and calls by address, of this thread or another.

Everything in :mod:`fastnn.kernels` is decorated here. This file holds data only: a kernel is
compiled at its first use and never at import, by :mod:`fastnn.compiling.compiler`, which is Numba;
:mod:`fastnn.compiling.runtime` finds or makes the machine code. With ``NUMBA_DISABLE_JIT`` set, and
where Python itself calls a kernel, it runs as the Python that it is.

There are three ways to a kernel. One that calls another by name holds a copy of it. `call` goes by
an address, so that one machine code serves all, whichever activation or loss that is; so does
`publish`, for other threads to call it. And Python goes through a
:class:`fastnn.compiling.runtime.Call`. The last two need to know the types of the kernel's
arguments, which `interface` declares.
"""

import functools
import os
from collections.abc import Callable
from typing import Any

from fastnn.compiling.signatures import bundle

__all__ = [
    "IS_OFF",
    "Kernel",
    "bundle",
    "call",
    "exact_jit",
    "interface",
    "jit",
    "publish",
    "run_published",
    "specialize",
]

IS_OFF = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


class Kernel:
    """A function that the compiler knows. Called from Python it runs as Python.

    Attributes
    ----------
    py_func : callable
        The function.
    signature : str or None
        The types of its arguments; None for a kernel that others call by name alone.
    is_exact : bool
        Whether its floating-point operations keep their order.
    """

    def __init__(
        self,
        function: Callable,
        signature: str | None = None,
        is_exact: bool = False,
    ) -> None:
        functools.update_wrapper(self, function)
        self.py_func, self.signature, self.is_exact = function, signature, is_exact

    def __call__(self, *arguments: Any) -> Any:
        """Run the function as Python."""
        return self.py_func(*arguments)


def jit(function: Callable) -> Kernel:
    """Make a kernel that others call by name."""
    return Kernel(function)


def exact_jit(function: Callable) -> Kernel:
    """Make a kernel whose floating-point operations keep their order."""
    return Kernel(function, is_exact=True)


signatures: list[str] = []  # that kernels have, for the compiler to check calls by address


def interface(signature: str) -> Callable[[Callable], Kernel]:
    """Decorate kernels that are called by address or from Python.

    They return nothing; one that Python calls may return a whole number.

    All that an interface decorates take the same arguments, so that any can stand for another.

    Parameters
    ----------
    signature : str
        The types of their arguments, as :mod:`fastnn.compiling.signatures` reads them.
    """
    signatures.append(signature)
    return lambda function: Kernel(function, signature)


specialized: list[tuple[Callable, Callable]] = []  # functions, and what chooses their code


def specialize(function: Callable) -> Callable[[Callable], Callable]:
    """Register the decorated function as the chooser of `function`'s compiled form by type.

    In plain Python `function` runs as it stands.
    """

    def register(chooser: Callable) -> Callable:
        specialized.append((function, chooser))
        return chooser

    return register


# A kernel that calls another by name holds a copy of it, optimised anew: with kernels nested seven
# deep, 13 of 17 s of a first fit went into that, and a parallel loop's copy rounded otherwise than
# the serial one's. A kernel called by its address is compiled once, and only if a fit uses it: one
# machine code for any number of threads, and no cost for an activation that nobody asked for.

kernels: dict[int, Kernel] = {}  # by address


def call(address: int, *arguments: Any) -> None:
    """Call the kernel that has this address; it returns nothing."""
    kernels[address](*arguments)


def publish(code: Any, address: int, *arguments: Any) -> None:
    """Lay down the call of a kernel for other threads, as long as the caller of this runs.

    Where the code that makes the call begins, and where what it needs is, are written to `code`.
    """


def run_published(code: int, values: int) -> None:
    """Make a call that another thread has published."""
