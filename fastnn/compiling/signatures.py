"""Signatures: the types of a kernel's arguments, declared once as a text.

The notation is Numba's: ``"float64[::1]"`` is a vector in one piece, ``"T[:, ::1]"`` a matrix in C
order, ``"T[:, :]"`` one in any order; ``"readonly"`` before it lets read-only arrays in. Beside
dtypes it knows type variables, which `DTypes` resolves, the names of bundles (tuples with named
fields, see `bundle`), and ``"address"``: an int64 that is never 0.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, NamedTuple, TypeAlias, get_args, get_origin, get_type_hints

import numpy as np


class DTypes(NamedTuple):
    """What the type variables of signatures stand for; the key of a kernel's compiled form."""

    T: np.dtype  # of the network's numbers
    V: np.dtype | None = None  # of the data's values; None where a kernel sees no data
    C: np.dtype | None = None  # of CSR's column indices; None for dense data
    S: np.dtype | None = None  # of CSR's row starts


OPTIONAL = "CS"  # what is declared by one that stands for None is None itself
SCALARS = ("int64", "float64", "address")
DTYPES = ("int32", "int64", "float32", "float64")  # of arrays


class ArrayType(NamedTuple):
    """The type of an array argument."""

    dtype: str
    ndim: int
    is_contiguous: bool  # in C order, in one piece
    is_readonly: bool  # the kernel does not write to it


class BundleType(NamedTuple):
    """The type of a bundle: its class, and the types of its fields in their order."""

    bundle: type
    fields: "tuple[Type, ...]"


Type: TypeAlias = ArrayType | BundleType | str  # the text is one of SCALARS, or "none"

bundles: dict[str, type] = {}


def bundle(cls: type) -> type:
    """Register a NamedTuple as a bundle that signatures may name.

    Its fields are annotated by ``int``, ``float`` or ``Annotated[..., signature]``.
    """
    bundles[cls.__name__] = cls
    return cls


@cache
def _fields(cls: type) -> tuple[str, ...]:
    """Signature of each field of a bundle."""
    hints = get_type_hints(cls, include_extras=True).values()
    plain = {int: "int64", float: "float64"}
    return tuple(
        get_args(hint)[1] if get_origin(hint) is Annotated else plain[hint] for hint in hints
    )


def split(signature: str) -> list[str]:
    """Split a signature at the commas between arguments."""
    return re.split(r",\s*(?![^\[]*\])", signature)


def variables(signature: str) -> Iterator[str]:
    """Go through the type variables of a signature and of the bundles in it."""
    for name in re.findall(r"\w+", signature):
        if name in DTypes._fields:
            yield name
        elif name in bundles:
            for field in _fields(bundles[name]):
                yield from variables(field)


@cache
def resolve(signature: str, dtypes: DTypes) -> tuple[Type, ...]:
    """Resolve the types of a signature's arguments.

    Raises
    ------
    TypeError
        If a type is unknown, or a variable stands for a dtype that kernels do not take.
    """
    return tuple(_resolve(text, dtypes) for text in split(signature))


ARRAY = re.compile(r"(readonly )?(\w+)\[((?::, )*)(::1|:)\]")


def _resolve(text: str, dtypes: DTypes) -> Type:
    if text in SCALARS:
        return text
    if text in bundles:
        cls = bundles[text]
        return BundleType(cls, tuple(_resolve(field, dtypes) for field in _fields(cls)))
    array = ARRAY.fullmatch(text)
    if array is None:
        raise TypeError(f"no kernel's argument can be of the type {text!r}")
    readonly, name, axes, last = array.groups()
    dtype: Any = name
    if name in DTypes._fields:
        dtype = getattr(dtypes, name)
        if dtype is None and name in OPTIONAL:
            return "none"
    if dtype is None or str(dtype) not in DTYPES:  # of another byte order, for one
        raise TypeError(f"no kernel takes arrays of {text!r} where {name} is {dtype!r}")
    return ArrayType(str(dtype), axes.count(":") + 1, last == "::1", readonly is not None)


def leaves(names: list[str], types: tuple[Type, ...]) -> Iterator[tuple[str, str | ArrayType]]:
    """Go through arguments and the fields of bundles, each with its name."""
    for name, kind in zip(names, types, strict=True):
        if isinstance(kind, BundleType):
            fields = [f"{name}.{field}" for field in kind.bundle._fields]  # type: ignore[attr-defined]
            yield from leaves(fields, kind.fields)
        else:
            yield name, kind
