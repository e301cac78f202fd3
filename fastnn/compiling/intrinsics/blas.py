"""The matrix product of BLAS, called as it is, and the BLAS libraries of this process.

Numba's `np.dot` calls the same function of SciPy's BLAS. It checks shapes, orders and overlaps
before, as another function for each combination of orders: 0.1 s to compile for each of a layer's
three products. Kernels take views of the right shapes by construction.
"""

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg import cython_blas  # the BLAS that kernels call
from threadpoolctl import ThreadpoolController

from fastnn.compiling import llvm

# On these OpenBLAS multiplies small matrices as they lie, since 0.3.17 (its pull request 3335).
# Anywhere else it copies both matrices into an order of its own before.
WITH_SMALL_KERNELS = {"skylakex", "cooperlake", "sapphirerapids"}

ROUTINES = {"float32": "sgemm", "float64": "dgemm"}


def symbol(dtype: str) -> str:
    """Name by which machine code finds the product of matrices of a type."""
    return f"fastnn_{ROUTINES[dtype]}"


def _address(routine: str) -> int:
    capsule, python = cython_blas.__pyx_capi__[routine], ctypes.pythonapi
    name = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", python))
    place = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", python)
    )
    return place(capsule, name(capsule))


@cache
def add_symbols() -> None:
    """Tell LLVM where the products are, before any machine code that calls them is linked."""
    for dtype, routine in ROUTINES.items():
        llvm.add_symbol(symbol(dtype), _address(routine))


@cache
def libraries() -> list[Any]:
    """Find the libraries, which takes 3 ms."""
    return ThreadpoolController().select(user_api="blas").lib_controllers


@cache
def has_small_kernels() -> bool:
    """Whether small products need no copies.

    It follows from the processor and SciPy's library, which kernels call, and not from a
    measurement: numbers are multiplied in the same order in every process of a machine.
    """
    # In a wheel it lies in the folder scipy.libs or scipy/.dylibs; elsewhere all share one.
    ours = [library for library in libraries() if "scipy" in "".join(_folders(library))]
    cores = {str(getattr(lib, "architecture", "")).lower() for lib in ours or libraries()}
    return bool(cores) and cores <= WITH_SMALL_KERNELS


def _folders(library: Any) -> tuple[str, ...]:
    """Names of the two folders in which a library lies."""
    return Path(library.filepath).parts[-3:-1]


def dot(A: np.ndarray, B: np.ndarray, out: np.ndarray) -> None:
    """Write A B to `out`.

    Each row of `out` lies in one piece, and each row or each column of A and of B; nobody checks
    that.
    """
    out[:] = A @ B
