"""Kernels: functions in Python whose machine code is found on disk, or made by the compiler.

Everything in :mod:`fastnn.kernels` is decorated here. A kernel is compiled at its first call and
never at import, by :mod:`fastnn.compiling.compiler`, which is Numba;
:mod:`fastnn.compiling.cache` keeps the result for the next process. With ``NUMBA_DISABLE_JIT`` set,
and where Python itself calls a kernel, it runs as the Python that it is.

There are three ways to a kernel. One that calls another by name holds a copy of it. `call` goes by
an address, so that one machine code serves all, whichever activation or loss that is. And Python
goes through a `Call`.
"""

import ctypes
import functools
import os
import struct
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from fastnn.compiling import cache as machine_code
from fastnn.compiling import time_spent
from fastnn.compiling.interrupts import whole_module

__all__ = [
    "Call",
    "Kernel",
    "address_of",
    "call",
    "declare",
    "exact_jit",
    "interface",
    "jit",
    "parallel_jit",
    "prange",
    "specialize",
]

IS_OFF = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


class Kernel:
    """A function that the compiler knows. Called from Python it runs as Python.

    Attributes
    ----------
    py_func : callable
        The function.
    is_exact : bool
        Whether its floating-point operations keep their order.
    is_parallel : bool
        Whether its `prange` loops run on as many threads as Numba is set to.
    """

    def __init__(
        self, function: Callable, is_exact: bool = False, is_parallel: bool = False
    ) -> None:
        functools.update_wrapper(self, function)
        self.py_func, self.is_exact, self.is_parallel = function, is_exact, is_parallel

    def __call__(self, *arguments: Any) -> Any:
        """Run the function as Python."""
        return self.py_func(*arguments)

    @property
    def _numba_type_(self) -> Any:  # what a global of this name is to the compiler
        from fastnn.compiling.compiler import dispatcher_of

        return dispatcher_of(self)._numba_type_


def jit(function: Callable) -> Kernel:
    """Make a kernel of a function."""
    return Kernel(function)


def exact_jit(function: Callable) -> Kernel:
    """Make a kernel whose floating-point operations keep their order."""
    return Kernel(function, is_exact=True)


def parallel_jit(function: Callable) -> Kernel:
    """Make a kernel whose `prange` loops run on as many threads as Numba is set to."""
    return Kernel(function, is_parallel=True)


def prange(n: int) -> range:
    """Count to n, each number on any thread; on one in a kernel that is not parallel."""
    return range(n)


specialized: list[tuple[Callable, Callable]] = []  # functions, and what chooses their code


def specialize(function: Callable) -> Callable[[Callable], Callable]:
    """Register the decorated function as the chooser of `function`'s compiled form by type.

    In plain Python `function` runs as it stands.
    """

    def register(chooser: Callable) -> Callable:
        specialized.append((function, chooser))
        return chooser

    return register


# ------------------------------------------------------------------------- calls by address
#
# A kernel that calls another by name holds a copy of it, optimised anew: with kernels nested seven
# deep, 13 of 17 s of a first fit went into that, and a parallel loop's copy rounded otherwise than
# the serial one's. A kernel called by its address is compiled once, and only if a fit uses it: one
# machine code for any number of threads, and no cost for an activation that nobody asked for.

_kernels: dict[int, Kernel] = {}  # by address
_known: dict[tuple, int] = {}  # addresses by kernel and kind
interfaces: list[str] = []  # types of the arguments that some kernels take, T being any number's
examples: list[tuple] = []  # arguments that some kernel takes


def call(address: int, *arguments: Any) -> None:
    """Call the kernel that has this address; it returns nothing."""
    _kernels[address](*arguments)


def interface(arguments: str) -> Callable[[Callable], Any]:
    """Decorate a family of kernels that take the same arguments, so that any can stand for it.

    Parameters
    ----------
    arguments : str
        The types of their arguments, in Numba's notation, T being the type of the network's
        numbers.
    """
    interfaces.append(arguments)

    def decorate(function: Callable) -> Any:
        kernel: Any = Kernel(function)

        def address(dtype: Any) -> int:
            known = _known.get((kernel, dtype))
            return known or address_of(kernel, dtype, arguments.replace("T", str(dtype)))

        kernel.address = address
        return kernel

    return decorate


def declare(*arguments: Any) -> None:
    """Tell that some kernel takes such arguments."""
    examples.append(tuple(map(_example, arguments)))


def _example(argument: Any) -> Any:
    """Give a thing of the same type that holds no memory."""
    if isinstance(argument, np.ndarray):
        empty = np.empty((0,) * argument.ndim, argument.dtype)
        empty.flags.writeable = argument.flags.writeable
        return empty
    if isinstance(argument, tuple):
        parts = map(_example, argument)
        return type(argument)(*parts) if hasattr(argument, "_fields") else tuple(parts)
    return argument


def address_of(kernel: Kernel, kind: Hashable, *arguments: Any) -> int:
    """Give the address of a kernel for such arguments, compiled where it was not yet.

    Parameters
    ----------
    kernel : Kernel
    kind : hashable
        What decides on the types of the arguments.
    *arguments : object
        Arguments such as the kernel will be called with, or one string of their types.
    """
    known = _known.get((kernel, kind))
    if known is None:
        with _lock:
            if not isinstance(arguments[0], str):
                declare(*arguments)
            known = id(kernel) if IS_OFF else _placed(kernel, kind, arguments)
            _kernels[known] = kernel
            _known[kernel, kind] = known
    return known


_places: dict[str, int] = {}  # of machine code in this process
_lock = threading.RLock()  # around compiling and linking; others wait, and find what is made


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork)


def _placed(kernel: Kernel, kind: Hashable, fixed: tuple, varying: tuple | None = None) -> int:
    """Put a kernel's machine code into this process, where it is not yet; returns its place."""
    file = kernel.py_func.__module__.rpartition(".")[2]
    kinds = kind if isinstance(kind, tuple) else (kind,)
    ways = ["call"] * (varying is not None) + ["parallel"] * kernel.is_parallel
    name = "-".join([f"{file}.{kernel.py_func.__name__}", *map(str, kinds), *ways])
    if name not in _places:
        made = _found(name)
        if made is None:
            compiler = whole_module("fastnn.compiling.compiler")
            began = time.perf_counter()
            made = compiler.compiled(kernel, name, fixed, varying)
            machine_code.keep(name, made)
            time_spent.add(time.perf_counter() - began)
        _places[name] = machine_code.place(made)
    return _places[name]


def _found(name: str) -> machine_code.MachineCode | None:
    """Find machine code on disk, and what it needs; None where something is missing."""
    made = machine_code.find(name)
    if made is not None and not machine_code.is_complete(made):  # of parallel loops, for one
        whole_module("numba.core.registry").cpu_target.target_context  # noqa: B018 has Numba's
    return made if made is not None and machine_code.is_complete(made) else None


# --------------------------------------------------------------------------- calls from Python
#
# Machine code has no use for Python's objects. What a kernel takes is laid down in two pieces of
# memory, one of which serves many calls: the 51 numbers of `train_steps` take 8 us, an epoch of
# iris 24.

_C_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p)
_functions: dict[tuple, Callable] = {}  # by kernel and kind


class Call:
    """A kernel with its first arguments, which stay what they are; it is called with the others.

    Parameters
    ----------
    kernel : Kernel
        Returns nothing.
    kind : hashable
        What decides on the types of all arguments.
    *fixed : object
        Arrays, whole numbers, floats, None, and tuples of them. They live as long as this.
    """

    def __init__(self, kernel: Kernel, kind: Hashable, *fixed: Any) -> None:
        self.kernel, self.kind, self.fixed = kernel, kind, fixed
        self.packed, self.function = pack(fixed), _functions.get((kernel, kind))

    def __call__(self, *varying: Any) -> None:
        """Run the machine code."""
        if IS_OFF:
            self.kernel(*self.fixed, *varying)
            return
        if self.function is None:
            self.function = self._find(varying)
        self.function(self.packed, pack(varying))

    def _find(self, varying: tuple) -> Callable:
        kernel, kind = self.kernel, self.kind
        with _lock:
            address = _placed(kernel, kind, self.fixed, varying)
        return _functions.setdefault((kernel, kind), _C_FUNCTION(address))


def pack(arguments: tuple) -> bytes:
    """Lay arguments down as numbers of 64 bits; an array is laid down as its place in memory.

    Machine code reads there where its elements are, and its shape and strides: NumPy's way of
    telling them takes 1 us for each array.
    """
    numbers: list[int] = []
    _lay_down(arguments, numbers)
    return struct.pack(f"{len(numbers)}q", *numbers)


def _lay_down(arguments: tuple, numbers: list[int]) -> None:
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            numbers.append(id(argument))
        elif isinstance(argument, tuple):
            _lay_down(argument, numbers)
        elif isinstance(argument, float):
            numbers += struct.unpack("q", struct.pack("d", argument))
        elif argument is not None:
            numbers.append(argument)
