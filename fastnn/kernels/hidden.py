"""A hidden layer that has more than its activation: what stands between its product and the next.

Forward: Z -> normalization -> activation -> bend -> dropout. Backward: the same in reverse. A plain
layer has its activation alone, and `backprop` calls that itself.

A unit that bends has learnt how much of the activation f it takes, its bend a, which begins at 1::

    A = z + a (f(z) - z)         (parametric activation: Holzmueller et al., arXiv:2407.04491)
"""

from fastnn.compiling.intrinsics.views import matrix, vector
from fastnn.compiling.language import call, interface, jit
from fastnn.kernels.affine import column_sums
from fastnn.kernels.arguments import (
    ACTIVATE,
    BEND,
    BIASES,
    DENORMALIZE,
    DERIVE,
    DROP,
    NORMALIZE,
    OUTPUTS,
    RUNNING,
    SCALES,
    SHIFTS,
    UNBEND,
    UNDROP,
    UNITS,
)


@jit
def moments_at(k, l, work):
    return k * work.memory.shape[1] + work.moments + l * work.moments_size


@interface("T[:, ::1], readonly T[::1], readonly T[::1], T[:, ::1], T[:, ::1]")
def bend(A, b, bends, N, S):
    """A = f(z) to z + a (f(z) - z), and S with it; N, which is z - b, becomes f(z) - z."""
    one = A.dtype.type(1)
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            z = N[i, j] + b[j]
            rest = A[i, j] - z
            N[i, j] = rest
            A[i, j] = z + bends[j] * rest
            S[i, j] = one + bends[j] * (S[i, j] - one)


@interface("readonly T[:, ::1], readonly T[:, ::1], T[::1]")
def unbend(D, N, dbends):
    """The derivatives by the bends."""
    dbends[:] = 0
    for i in range(D.shape[0]):
        for j in range(D.shape[1]):
            dbends[j] += D[i, j] * N[i, j]


@interface("int64, int64, int64, int64, int64, Layers, readonly T[::1], Workspace")
def hidden_forward(k, l, n_rows, first_row, step, layers, params, work):
    """Z of layer l, without its bias, to A."""
    table, functions, n = layers.table, layers.functions, layers.table[l, UNITS]
    at = k * work.memory.shape[1] + n_rows * table[l, OUTPUTS]
    Z = matrix(work.memory, work.outputs + at, n_rows, n)
    S = matrix(work.memory, work.slopes + at, n_rows, n)
    b = vector(params, table[l, BIASES], n)
    if functions[l, NORMALIZE] != 0:
        N = matrix(work.memory, work.normalized + at, n_rows, n)
        scale = vector(params, table[l, SCALES], n)
        running = vector(layers.running, table[l, RUNNING], 2 * n)
        moments = vector(work.memory, moments_at(k, l, work), work.moments_size)
        call(functions[l, NORMALIZE], Z, b, scale, running, N, moments)
        b = vector(params, table[l, SHIFTS], n)
    if functions[l, BEND] != 0:
        N = matrix(work.memory, work.normalized + at, n_rows, n)
        for i in range(n_rows):
            for j in range(n):
                N[i, j] = Z[i, j]
        call(functions[l, ACTIVATE], Z, b, S)
        call(functions[l, BEND], Z, b, vector(params, table[l, SCALES], n), N, S)
    else:
        call(functions[l, ACTIVATE], Z, b, S)
    if functions[l, DROP] != 0:
        call(functions[l, DROP], Z, Z, layers.dropout[l], layers.seed, step, l, first_row)


@interface(
    "int64, int64, int64, int64, int64, Layers, Backward, readonly T[::1], Workspace, T[:, ::1], "
    "T[::1]"
)
def hidden_backward(k, l, n_rows, first_row, step, layers, backward, params, work, D, gradient):
    """dA of layer l to D, in place, with the derivatives by its bias, scale and shift."""
    table, functions, n = layers.table, backward.functions, layers.table[l, UNITS]
    at = k * work.memory.shape[1] + n_rows * table[l, OUTPUTS]
    A = matrix(work.memory, work.outputs + at, n_rows, n)
    S = matrix(work.memory, work.slopes + at, n_rows, n)
    db = vector(gradient, table[l, BIASES], n)
    if functions[l, UNDROP] != 0:
        call(functions[l, UNDROP], A, D, layers.dropout[l], layers.seed, step, l, first_row)
    if functions[l, UNBEND] != 0:
        N = matrix(work.memory, work.normalized + at, n_rows, n)
        call(functions[l, UNBEND], D, N, vector(gradient, table[l, SCALES], n))
    if functions[l, DENORMALIZE] == 0:
        call(functions[l, DERIVE], A, S, D, db)
    else:
        call(functions[l, DERIVE], A, S, D, vector(gradient, table[l, SHIFTS], n))
        N = matrix(work.memory, work.normalized + at, n_rows, n)
        scale, dscale = vector(params, table[l, SCALES], n), vector(gradient, table[l, SCALES], n)
        moments = vector(work.memory, moments_at(k, l, work), work.moments_size)
        call(functions[l, DENORMALIZE], D, N, scale, moments, dscale)
        column_sums(D, db)
