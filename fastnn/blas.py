"""The matrix product of BLAS, called as it is.

Numba's `np.dot` calls the same function of SciPy's BLAS. It checks shapes, orders and overlaps
before, as another function for each combination of orders: 0.1 s to compile for each of a layer's
three products. Kernels take views of the right shapes by construction.
"""

from ctypes import c_int
from typing import Any

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import get_cython_function_address, lower_builtin
from numba.np import arrayobj

INT = ir.IntType(8 * np.dtype(c_int).itemsize)
ROUTINES = {types.float32: "sgemm", types.float64: "dgemm"}
for routine in ROUTINES.values():  # by this name compiled code finds it, from the cache too
    llvmlite.binding.add_symbol(
        f"fastnn_{routine}", get_cython_function_address("scipy.linalg.cython_blas", routine)
    )


def dot(A: np.ndarray, B: np.ndarray, out: np.ndarray) -> None:
    """Write A B to `out`; A and B are matrices in C order, or transposed ones."""
    np.dot(A, B, out)


@infer_global(dot)
class _DotTyping(AbstractTemplate):
    def generic(self, args: tuple, kws: dict) -> Any:
        A, B, out = args
        orders = {A.layout, B.layout}
        if {A.dtype, B.dtype} != {out.dtype} or not orders <= {"C", "F"} or out.layout != "C":
            raise TypingError(f"dot has no such operands: {args}")
        return signature(types.none, *args)


@lower_builtin(dot, types.Array, types.Array, types.Array)
def _lower_dot(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    # To BLAS, matrices lie column by column: one in C order is the transposed one, and the product
    # is out' = B' A'.
    A, B, out = (
        arrayobj.make_array(kind)(context, builder, value)
        for kind, value in zip(signature.args, values, strict=True)
    )
    (m, k), (_, n) = (cgutils.unpack_tuple(builder, matrix.shape) for matrix in (A, B))
    A_in_C_order, B_in_C_order = (kind.layout == "C" for kind in signature.args[:2])
    number = context.get_value_type(signature.args[2].dtype)

    def place(value: Any) -> Any:  # every argument is a pointer
        return cgutils.alloca_once_value(builder, value)

    def size(value: Any) -> Any:
        return place(builder.trunc(value, INT))

    def letter(in_C_order: bool) -> Any:
        return place(ir.Constant(ir.IntType(8), ord("N" if in_C_order else "T")))

    arguments = [
        *(letter(B_in_C_order), letter(A_in_C_order), size(n), size(m), size(k)),
        *(place(number(1.0)), B.data, size(n if B_in_C_order else k)),
        *(A.data, size(k if A_in_C_order else m)),
        *(place(number(0.0)), out.data, size(n)),
    ]
    form = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
    name = f"fastnn_{ROUTINES[signature.args[2].dtype]}"
    builder.call(cgutils.get_or_insert_function(builder.module, form, name), arguments)
    return context.get_dummy_value()
