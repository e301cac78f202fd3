"""The matrix product of BLAS: a call of its routine."""

from ctypes import c_int
from typing import Any

import numpy as np
from llvmlite import ir
from numba import TypingError, types
from numba.extending import lower_builtin, type_callable

from fastnn.compiling.intrinsics.blas import dot, symbol
from fastnn.compiling.numba_internals import cgutils, make_array

INT = ir.IntType(8 * np.dtype(c_int).itemsize)


@type_callable(dot)
def _type_of_dot(context: Any) -> Any:
    def typer(A: Any, B: Any, out: Any) -> Any:
        args = A, B, out
        same = len({array.dtype for array in args}) == 1
        if not same or {array.ndim for array in args} != {2} or out.layout == "F":
            raise TypingError(f"dot has no such operands: {args}")
        return types.none(*args)

    return typer


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
        matrix = make_array(kind)(context, builder, value)
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
    routine = cgutils.get_or_insert_function(builder.module, form, symbol(str(dtype)))
    builder.call(routine, arguments)
    return context.get_dummy_value()
