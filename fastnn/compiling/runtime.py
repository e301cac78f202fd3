"""Kernels at work: the addresses of their machine code, and calls from Python.

Machine code is looked for in this process, then among what the package has brought along
(:mod:`fastnn.compiling.shipped`) and on disk (:mod:`fastnn.compiling.cache`), and is made by the
compiler where it is nowhere.
"""

import ctypes
import hashlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastnn.compiling import cache, shipped, time_spent
from fastnn.compiling.interrupts import whole_module
from fastnn.compiling.intrinsics import blas
from fastnn.compiling.language import IS_OFF, Kernel, kernels
from fastnn.compiling.lock import lock
from fastnn.compiling.packing import Packer
from fastnn.compiling.signatures import DTypes, Type, resolve, variables
from fastnn.compiling.target import target

__all__ = ["Call", "DTypes", "address_of"]

_addresses: dict[tuple[Kernel, DTypes], int] = {}
_loaded: dict[str, int] = {}  # addresses in this process, by name on disk


def address_of(kernel: Kernel, dtypes: DTypes) -> int:
    """Give the address of a kernel, which is compiled where it was not yet.

    Parameters
    ----------
    kernel : Kernel
        One that `interface` decorates.
    dtypes : DTypes
        Of what it will be called with.
    """
    known = _addresses.get((kernel, dtypes))
    return _find_address(kernel, dtypes) if known is None else known


def _find_address(kernel: Kernel, dtypes: DTypes) -> int:
    with lock:
        address = id(kernel) if IS_OFF else _machine_code(kernel, dtypes)
        kernels[address] = kernel
        return _addresses.setdefault((kernel, dtypes), address)


def types_of(kernel: Kernel, dtypes: DTypes) -> tuple[Type, ...]:
    """Resolve the types of a kernel's arguments.

    Raises
    ------
    TypeError
        If no `interface` declares them, or not as many as the kernel has arguments.
    """
    if kernel.signature is None:
        raise TypeError(f"{kernel.__name__} has no declared signature.")  # type: ignore[attr-defined]
    types, names = resolve(kernel.signature, dtypes), names_of(kernel)
    if len(types) != len(names):
        raise TypeError(f"The signature {kernel.signature!r} does not fit the arguments {names}.")
    return types


def names_of(kernel: Kernel) -> list[str]:
    """Names of a kernel's arguments."""
    code = kernel.py_func.__code__
    return list(code.co_varnames[: code.co_argcount])


# ------------------------------------------------------------------------------- machine code


def name_on_disk(kernel: Kernel, dtypes: DTypes, n_fixed: int | None = None) -> str:
    """Name of a kernel's file: who it is, what it takes, and how it is called.

    Parameters
    ----------
    kernel : Kernel
    dtypes : DTypes
    n_fixed : int, default=None
        Number of arguments that a `Call` lays down beforehand; None where there is no `Call`.
    """
    function = kernel.py_func
    file = function.__module__.removeprefix("fastnn.kernels.")
    who = f"{file}.{function.__qualname__}".replace(".<locals>", "")
    used = dict.fromkeys(variables(kernel.signature or ""))
    kinds = [str(dtype) for name in used if (dtype := getattr(dtypes, name)) is not None]
    forms = [f"call{n_fixed}"] * (n_fixed is not None)
    digest = hashlib.sha256(repr(types_of(kernel, dtypes)).encode()).hexdigest()[:12]
    return "-".join([who, *kinds, *forms, digest])


def _machine_code(kernel: Kernel, dtypes: DTypes, n_fixed: int | None = None) -> int:
    """Load a kernel's machine code into this process, where it is not yet; returns its address."""
    name = name_on_disk(kernel, dtypes, n_fixed)
    if name not in _loaded:
        if not _loaded:
            check_array_object()
            blas.add_symbols()
        made = _found(name)
        if made is None:
            compiler = whole_module("fastnn.compiling.compiler")
            began = time.perf_counter()
            types = types_of(kernel, dtypes)
            made = compiler.compiled(kernel, dtypes, types, name, n_fixed, target())
            cache.keep(name, made)
            time_spent.add(time.perf_counter() - began)
        _loaded[name] = cache.load(made)
    return _loaded[name]


def _found(name: str) -> cache.MachineCode | None:
    """Find machine code on disk, and what it needs; None where something is missing."""
    made = shipped.find(name)
    if made is not None and cache.is_complete(made):
        return made
    made = cache.find(name)
    return made if made is not None and cache.is_complete(made) else None


def check_array_object() -> None:
    """See to it that NumPy's arrays have their fields where machine code reads them. 0.1 ms.

    Raises
    ------
    RuntimeError
        If they have not, or if this process is not one of 64 bits.
    """
    array = np.empty((3, 5, 2))[:, ::2]
    start = id(array) + object.__basicsize__
    word = ctypes.c_int64.from_address
    try:
        if ctypes.sizeof(ctypes.c_void_p) != 8:
            raise ValueError("pointers are not of 64 bits")
        data, n_axes = word(start).value, ctypes.c_int.from_address(start + 8).value
        if (data, n_axes) != (array.__array_interface__["data"][0], array.ndim):
            raise ValueError("the data or the number of axes stand elsewhere")
        for field, expected in ((16, array.shape), (24, array.strides)):
            first = word(start + field).value
            if first == 0 or tuple(word(first + 8 * i).value for i in range(3)) != expected:
                raise ValueError("the shape or the strides stand elsewhere")
    except ValueError as reason:
        raise RuntimeError(
            f"fastnn's machine code cannot read the arrays of NumPy {np.__version__} here: "
            f"{reason}. Set NUMBA_DISABLE_JIT=1 to run without it, slowly, and please report this."
        ) from None


# --------------------------------------------------------------------------- calls from Python

_C_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_char_p, ctypes.c_char_p)


class _Form(NamedTuple):
    """A kernel in the form that a `Call` takes: its arguments in two pieces of memory."""

    fixed: Packer
    varying: Packer
    function: Callable[[bytes, bytes], int] | None  # None without the JIT


_forms: dict[tuple[Kernel, DTypes, int], _Form] = {}


def _make_form(kernel: Kernel, dtypes: DTypes, n_fixed: int) -> _Form:
    types, names, own = types_of(kernel, dtypes), names_of(kernel), kernel.py_func.__name__
    with lock:
        function = None if IS_OFF else _C_FUNCTION(_machine_code(kernel, dtypes, n_fixed))
        fixed = Packer(own, names[:n_fixed], types[:n_fixed])
        varying = Packer(own, names[n_fixed:], types[n_fixed:])
        return _forms.setdefault((kernel, dtypes, n_fixed), _Form(fixed, varying, function))


class Call:
    """A kernel with its first arguments, which stay what they are; it is called with the others.

    The first arguments are laid down once, and serve many calls: the 53 numbers of `train_steps`
    take 8 us, an epoch of iris 24.

    Parameters
    ----------
    kernel : Kernel
        One that `interface` decorates.
    dtypes : DTypes
        Of all its arguments.
    *fixed : object
        Arrays, whole numbers, floats, None, and bundles of them. They live as long as this.

    Raises
    ------
    TypeError, ValueError
        If an argument is not of its declared type, now or at a call.
    """

    def __init__(self, kernel: Kernel, dtypes: DTypes, *fixed: Any) -> None:
        form = _forms.get((kernel, dtypes, len(fixed)))
        if form is None:
            form = _make_form(kernel, dtypes, len(fixed))
        self.kernel, self.fixed = kernel, fixed  # kept alive: machine code reads their memory
        self._packed, self._pack = form.fixed.pack(fixed), form.varying.pack
        self._function, self._lay_down = form.function, form.varying.lay_down

    def __call__(self, *varying: Any) -> int:
        """Run the machine code; returns what the kernel does, 0 where that is nothing."""
        packed = self._pack(varying)
        if self._function is None:
            return self.kernel(*self.fixed, *varying) or 0
        return self._function(self._packed, packed)

    def with_checked(self, *arrays: np.ndarray) -> int:
        """Run the machine code with arrays that are of their declared types, as the caller knows.

        They are all that varies. To look at three of them takes 0.8 of the 4 us of one row's
        prediction.
        """
        if self._function is None:
            return self.kernel(*self.fixed, *arrays) or 0
        return self._function(self._packed, self._lay_down(*map(id, arrays)))
