"""The matrix product by BLAS, the library that multiplies, of whole matrices."""

from fastnn.compiling.intrinsics.blas import dot
from fastnn.compiling.language import interface

# A as it lies or transposed, B, out, whether B is to be transposed, memory for copies
multiplying = interface("readonly T[:, :], readonly T[:, ::1], T[:, ::1], int64, T[::1]")


@multiplying
def product(A, B, out, transposed, copies):
    """out = A B, or A B' if `transposed`: Z = A W, dW = A' D, and dA = D W'."""
    if transposed == 0:
        dot(A, B, out)
    else:
        dot(A, B.T, out)
