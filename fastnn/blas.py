"""The matrix product of BLAS, called as it is, and the BLAS libraries of this process.

Numba's `np.dot` calls the same function of SciPy's BLAS. It checks shapes, orders and overlaps
before, as another function for each combination of orders: 0.1 s to compile for each of a layer's
three products. Kernels take views of the right shapes by construction.
"""

from ctypes import c_int
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding
import numpy as np
import scipy.linalg  # noqa: F401 loads the BLAS that kernels call
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import get_cython_function_address, lower_builtin
from numba.np import arrayobj
from threadpoolctl import ThreadpoolController

# What OpenBLAS multiplies as it lies on processors with AVX-512, since 0.3.17 (its pull request
# 3335). Anywhere else it copies both matrices into an order of its own before.
SMALL_PRODUCT = 1_000_000  # multiplications
WITH_SMALL_KERNELS = {"skylakex", "cooperlake", "sapphirerapids"}

INT = ir.IntType(8 * np.dtype(c_int).itemsize)
ROUTINES = {types.float32: "sgemm", types.float64: "dgemm"}
for routine in ROUTINES.values():  # by this name compiled code finds it, from the cache too
    llvmlite.binding.add_symbol(
        f"fastnn_{routine}", get_cython_function_address("scipy.linalg.cython_blas", routine)
    )


@cache
def libraries() -> list[Any]:
    """Find the libraries, which takes 3 ms."""
    return ThreadpoolController().select(user_api="blas").lib_controllers


@cache
def small_product() -> int:
    """Multiplications up to which products need no copies; 0 where all do.

    It follows from the processor and SciPy's library, which kernels call, and not from a
    measurement: numbers are multiplied in the same order in every process of a machine.
    """
    # In a wheel it lies in the folder scipy.libs or scipy/.dylibs; elsewhere all share one.
    ours = [library for library in libraries() if "scipy" in "".join(_folders(library))]
    cores = {str(getattr(lib, "architecture", "")).lower() for lib in ours or libraries()}
    return SMALL_PRODUCT if cores and cores <= WITH_SMALL_KERNELS else 0


def _folders(library: Any) -> tuple[str, ...]:
    """Names of the two folders in which a library lies."""
    return Path(library.filepath).parts[-3:-1]


def dot(A: np.ndarray, B: np.ndarray, out: np.ndarray) -> None:
    """Write A B to `out`.

    Each row of `out` lies in one piece, and each row or each column of A and of B; nobody checks
    that.
    """
    out[:] = A @ B


@infer_global(dot)
class _DotTyping(AbstractTemplate):
    def generic(self, args: tuple, kws: dict) -> Any:
        same = len({array.dtype for array in args}) == 1
        if not same or {array.ndim for array in args} != {2} or args[2].layout == "F":
            raise TypingError(f"dot has no such operands: {args}")
        return signature(types.none, *args)


@lower_builtin(dot, types.Array, types.Array, types.Array)
def _lower_dot(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    # To BLAS, matrices lie column by column: one that lies row by row is the transposed one, and
    # the product is out' = B' A'.
    dtype = signature.args[2].dtype
    number = context.get_value_type(dtype)
    itemsize = context.get_constant(types.intp, context.get_abi_sizeof(number))

    def place(value: Any) -> Any:  # every argument is a pointer
        return cgutils.alloca_once_value(builder, value)

    def size(value: Any) -> Any:
        return place(builder.trunc(value, INT))

    def lies(kind: Any, value: Any) -> tuple:
        """Shape of a matrix, letter of its transposition, and its place with its step."""
        matrix = arrayobj.make_array(kind)(context, builder, value)
        rows, columns = cgutils.unpack_tuple(builder, matrix.shape)
        down, along = cgutils.unpack_tuple(builder, matrix.strides)
        is_transposed = builder.and_(
            builder.icmp_signed("!=", along, itemsize), builder.icmp_signed("==", down, itemsize)
        )
        step = builder.sdiv(builder.select(is_transposed, along, down), itemsize)
        # Of one row or none, steps may say less than BLAS asks for.
        for least in (builder.select(is_transposed, rows, columns), ir.Constant(step.type, 1)):
            step = builder.select(builder.icmp_signed("<", step, least), least, step)
        N, T = (ir.Constant(ir.IntType(8), ord(letter)) for letter in "NT")
        letter = place(builder.select(is_transposed, T, N))
        return rows, columns, letter, (matrix.data, size(step))

    (m, k, letter_A, A), (_, n, letter_B, B), (*_, out) = map(lies, signature.args, values)
    ones = place(number(1.0)), place(number(0.0))
    arguments = [letter_B, letter_A, size(n), size(m), size(k), ones[0], *B, *A, ones[1], *out]
    form = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
    routine = cgutils.get_or_insert_function(builder.module, form, f"fastnn_{ROUTINES[dtype]}")
    builder.call(routine, arguments)
    return context.get_dummy_value()
