"""A hidden layer that is normalized or drops outputs: what stands between its product and the next.

Forward: Z -> normalization -> activation -> dropout. Backward: the same in reverse. A plain layer
has its activation alone, and `backprop` calls that itself.
"""

from fastnn.compiling.intrinsics.views import matrix, vector
from fastnn.compiling.language import call, interface, jit
from fastnn.kernels.affine import column_sums
from fastnn.kernels.arguments import (
    ACTIVATE,
    BIASES,
    DENORMALIZE,
    DERIVE,
    DROP,
    NORMALIZE,
    OUTPUTS,
    RUNNING,
    SCALES,
    SHIFTS,
    UNDROP,
    UNITS,
)


@jit
def moments_at(k, l, work):
    return k * work.memory.shape[1] + work.moments + l * work.moments_size


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
    if functions[l, DENORMALIZE] == 0:
        call(functions[l, DERIVE], A, S, D, db)
    else:
        call(functions[l, DERIVE], A, S, D, vector(gradient, table[l, SHIFTS], n))
        N = matrix(work.memory, work.normalized + at, n_rows, n)
        scale, dscale = vector(params, table[l, SCALES], n), vector(gradient, table[l, SCALES], n)
        moments = vector(work.memory, moments_at(k, l, work), work.moments_size)
        call(functions[l, DENORMALIZE], D, N, scale, moments, dscale)
        column_sums(D, db)
