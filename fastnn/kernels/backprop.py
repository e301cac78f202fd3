"""Back-propagation: the layers first to last for the outputs, last to first for the gradient.

Weights, gradients, outputs and deltas of all layers stand in flat memory: a layer's row in the
table says where, and `work` where the shard k has its own.
"""

from fastnn.compiling.intrinsics.views import matrix, vector
from fastnn.compiling.language import call, interface, jit
from fastnn.kernels.affine import column_sums
from fastnn.kernels.arguments import ACTIVATE, BIASES, DERIVE, INPUTS, OUTPUTS, UNITS, WEIGHTS
from fastnn.kernels.rows import input_gradient, input_product


@jit
def embed_rows(k, sample, rows, layers, params, work, A):
    """A of the embedding for these rows; U, without its scale, stays for the way back."""
    base = k * work.memory.shape[1]
    U = matrix(work.memory, base + work.embedded, rows.size, A.shape[1])
    copies = vector(work.memory, base + work.copies, work.copies_size)
    call(layers.embed, sample, rows, layers.embedding, params, copies, U, A)


@interface("int64, Sample, readonly int64[::1], int64, int64, Layers, readonly T[::1], Workspace")
def forward(k, sample, rows, first_row, step, layers, params, work):
    """A of every layer for these rows, which begin at `first_row` of their mini-batch."""
    table, memory, base = layers.table, work.memory, k * work.memory.shape[1]
    functions, n_rows, last = layers.functions, rows.size, table.shape[0] - 1
    copies = vector(memory, base + work.copies, work.copies_size)
    n_gathered = n_rows if sample.columns is None else 0
    A = matrix(memory, base + work.inputs, n_gathered, table[0, INPUTS])
    for l in range(last + 1):
        m, n, at = table[l, INPUTS], table[l, UNITS], base + n_rows * table[l, OUTPUTS]
        W, b = matrix(params, table[l, WEIGHTS], m, n), vector(params, table[l, BIASES], n)
        Z = matrix(memory, work.outputs + at, n_rows, n)
        if l == 0 and layers.embed != 0:
            embed_rows(k, sample, rows, layers, params, work, A)
            call(layers.product, A, W, Z, 0, copies)
        elif l == 0:
            input_product(sample, sample.columns, rows, A, W, Z, layers.product, copies)
        else:
            call(layers.product, A, W, Z, 0, copies)
        if l == last:
            call(functions[l, ACTIVATE], Z, b, layers.blocks)
        elif layers.hidden_forward == 0:
            call(functions[l, ACTIVATE], Z, b, matrix(memory, work.slopes + at, n_rows, n))
        else:
            call(layers.hidden_forward, k, l, n_rows, first_row, step, layers, params, work)
        A = Z


@interface(
    "int64, Sample, readonly int64[::1], int64, int64, Layers, readonly T[::1], Backward, "
    "Workspace, T[::1]"
)
def loss_gradient(k, sample, rows, first_row, step, layers, params, backward, work, gradient):
    """Add the rows' losses to the shard's; their derivatives by all parameters go to `gradient`."""
    call(layers.forward, k, sample, rows, first_row, step, layers, params, work)
    table, memory, base = layers.table, work.memory, k * work.memory.shape[1]
    n_rows, last = rows.size, table.shape[0] - 1
    copies = vector(memory, base + work.copies, work.copies_size)
    here, below = base + work.deltas, base + work.deltas + work.deltas_size
    n, at = table[last, UNITS], base + n_rows * table[last, OUTPUTS]
    A, D = matrix(memory, work.outputs + at, n_rows, n), matrix(memory, here, n_rows, n)
    row_losses = vector(work.row_losses, k * work.row_losses.shape[1], n_rows)
    db = vector(gradient, table[last, BIASES], n)
    call(backward.loss, A, sample.Y, rows, layers.blocks, backward.loss_settings, D, row_losses)
    for i in range(n_rows):
        if sample.weights.size > 0:
            row_losses[i] *= sample.weights[rows[i]]
            weight = D.dtype.type(sample.weights[rows[i]])
            for j in range(n):
                D[i, j] *= weight
        work.losses[k] += row_losses[i]
    column_sums(D, db)
    for l in range(last, 0, -1):
        m, n, at = table[l, INPUTS], table[l, UNITS], base + n_rows * table[l - 1, OUTPUTS]
        A, dA = matrix(memory, work.outputs + at, n_rows, m), matrix(memory, below, n_rows, m)
        W, dW = matrix(params, table[l, WEIGHTS], m, n), matrix(gradient, table[l, WEIGHTS], m, n)
        call(layers.product, A.T, D, dW, 0, copies)
        call(layers.product, D, W, dA, 1, copies)
        back = backward.hidden_backward
        if back == 0:
            S, db = work.slopes + at, vector(gradient, table[l - 1, BIASES], m)
            call(backward.functions[l - 1, DERIVE], A, matrix(memory, S, n_rows, m), dA, db)
        else:
            rest = backward, params, work, dA, gradient
            call(back, k, l - 1, n_rows, first_row, step, layers, *rest)
        D, here, below = dA, below, here  # the next dA takes the place of this D
    m, n = table[0, INPUTS], table[0, UNITS]
    n_gathered = n_rows if sample.columns is None else 0
    A = matrix(memory, base + work.inputs, n_gathered, m)
    dW = matrix(gradient, table[0, WEIGHTS], m, n)
    if layers.embed == 0:
        input_gradient(sample, sample.columns, rows, A, D, dW, layers.product, copies)
        return
    call(layers.product, A.T, D, dW, 0, copies)
    W, dA = matrix(params, table[0, WEIGHTS], m, n), matrix(memory, below, n_rows, m)
    call(layers.product, D, W, dA, 1, copies)
    U = matrix(memory, base + work.embedded, n_rows, m)
    call(backward.embed, sample, rows, layers.embedding, params, copies, U, dA, gradient)
