"""The door from Python to machine code: arguments are checked, and laid down as numbers.

Machine code has no use for Python's objects. What a kernel takes is laid down as numbers of 64
bits, one behind the other, an array by the place of its object, where machine code reads where its
elements are, and its shape and strides: NumPy's way of telling them takes 1 us for each array.
Machine code believes what it reads, so nothing passes here that is not of its declared type.
"""

from collections.abc import Iterator
from operator import index
from struct import Struct, error
from typing import Any

import numpy as np
from numpy import ndarray

from fastnn.compiling.signatures import ArrayType, BundleType, Type, leaves

C_CONTIGUOUS, ALIGNED, WRITEABLE = 0x1, 0x100, 0x400  # of ndarray.flags.num: NumPy's C API
ARRAY, INT, FLOAT, ADDRESS, NONE, BUNDLE = range(6)
CODES = {"int64": INT, "float64": FLOAT, "address": ADDRESS, "none": NONE}


class Packer:
    """Checks some of a kernel's arguments and lays them down.

    Parameters
    ----------
    kernel : str
        Its name, for messages.
    names : list of str
        Of the arguments.
    types : tuple of Type
        Of the arguments.
    """

    def __init__(self, kernel: str, names: list[str], types: tuple[Type, ...]) -> None:
        self._kernel, self._names = kernel, names
        self._leaves = list(leaves(names, types))
        self._bundles = list(_bundles(names, types))
        self._wanted = tuple(map(_wanted, types))
        codes = ["d" if kind == "float64" else "q" for _, kind in self._leaves if kind != "none"]
        self.lay_down = Struct("".join(codes)).pack

    def pack(self, arguments: tuple) -> bytes:
        """Lay arguments down.

        Raises
        ------
        TypeError, ValueError
            If one is not of its type.
        """
        numbers: list[Any] = []
        try:
            if _gather(arguments, self._wanted, numbers):
                return self.lay_down(*numbers)
        except (error, ValueError):  # a number too large, too many arguments or too few
            pass
        return self.lay_down(*self._carefully(arguments))

    def _carefully(self, arguments: tuple) -> list[Any]:
        """Look at each argument; those are let in, too, that only look unlike their type."""
        if len(arguments) != len(self._names):
            raise TypeError(
                f"{self._kernel} takes {len(self._names)} arguments here ({self._names}), got "
                f"{len(arguments)}."
            )
        values = list(self._flat(self._names, arguments))
        checked = []
        for value, (name, kind) in zip(values, self._leaves, strict=True):
            try:
                checked += _check(value, kind)
            except (TypeError, ValueError) as reason:
                raise type(reason)(f"{self._kernel}: {name} {reason}.") from None
        return checked

    def _flat(self, names: list[str], arguments: tuple) -> Iterator[Any]:
        """Go through arguments and the fields of bundles."""
        bundles = dict(self._bundles)
        for name, argument in zip(names, arguments, strict=True):
            cls: Any = bundles.get(name)
            if cls is None:
                yield argument
            elif isinstance(argument, cls):
                yield from self._flat([f"{name}.{field}" for field in cls._fields], argument)
            else:
                raise TypeError(
                    f"{self._kernel}: {name} has to be a {cls.__name__}, got {type(argument)}."
                )


def _bundles(names: list[str], types: tuple[Type, ...]) -> Iterator[tuple[str, type]]:
    """Go through the bundles, each with its name."""
    for name, kind in zip(names, types, strict=True):
        if isinstance(kind, BundleType):
            yield name, kind.bundle
            fields = [f"{name}.{field}" for field in kind.bundle._fields]  # type: ignore[attr-defined]
            yield from _bundles(fields, kind.fields)


def _wanted(kind: Type) -> tuple:
    """Say what `_gather` looks for: a code, and of an array its dtype, axes and flags."""
    if isinstance(kind, BundleType):
        return BUNDLE, kind.bundle, tuple(map(_wanted, kind.fields)), 0
    if isinstance(kind, ArrayType):
        flags = ALIGNED | C_CONTIGUOUS * kind.is_contiguous | WRITEABLE * (not kind.is_readonly)
        return ARRAY, np.dtype(kind.dtype), kind.ndim, flags
    return CODES[kind], None, 0, 0


def _gather(arguments: tuple, wanted: tuple, numbers: list[Any]) -> bool:
    """Collect numbers; returns False at what is not plainly of its type.

    On the way of each prediction of one row: 0.2 us for an array, checks and all.
    """
    for value, (code, what, n, flags) in zip(arguments, wanted, strict=True):
        if code == ARRAY:
            if (
                value.__class__ is not ndarray
                or value.dtype is not what
                or value.ndim != n
                or value.flags.num & flags != flags
            ):
                return False
            numbers.append(id(value))
        elif code == BUNDLE:
            if value.__class__ is not what or not _gather(value, n, numbers):
                return False
        elif code == FLOAT:
            if value.__class__ is not float:
                return False
            numbers.append(value)
        elif code == NONE:
            if value is not None:
                return False
        elif value.__class__ is not int or (code == ADDRESS and value == 0):
            return False
        else:
            numbers.append(value)
    return True


def _check(value: Any, kind: ArrayType | str) -> list[Any]:
    """Give the number that stands for an argument, none for None; a sentence says what is wrong."""
    if isinstance(kind, ArrayType):
        _check_array(value, kind)
        return [id(value)]
    if kind == "none":
        if value is not None:
            raise TypeError(f"has to be None, got {type(value)}")
        return []
    if kind == "float64":
        if isinstance(value, bool | np.bool_) or not isinstance(value, float | int | np.integer):
            raise TypeError(f"has to be a float, got {type(value)}")
        return [float(value)]
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"has to be a whole number, got {type(value)}")
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"has to be a number of 64 bits, got {value}")
    if kind == "address" and value == 0:
        raise ValueError("has to be the address of a kernel, got 0")
    return [index(value)]


def _check_array(array: Any, kind: ArrayType) -> None:
    if not isinstance(array, ndarray):
        raise TypeError(f"has to be an array, got {type(array)}")
    if array.dtype != kind.dtype:
        raise TypeError(f"has to be an array of {kind.dtype}, got {array.dtype!r}")
    if array.ndim != kind.ndim:
        raise ValueError(f"has to have {kind.ndim} axes, got {array.ndim}")
    if kind.is_contiguous and not array.flags.c_contiguous:
        raise ValueError("has to lie in one piece, in C order")
    if not array.flags.aligned:
        raise ValueError("has to be aligned in memory")
    if not kind.is_readonly and not array.flags.writeable:
        raise ValueError("is written to, and is read-only")
