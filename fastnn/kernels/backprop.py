"""Back-propagation: the layers first to last for the outputs, last to first for the gradient.

Weights, gradients, outputs and deltas of all layers stand in flat vectors; the small functions at
the top are the views of one layer in them.
"""

from fastnn.jit import jit
from fastnn.kernels.activations import activate, activate_backward
from fastnn.kernels.affine import affine, affine_backward, affine_gradient
from fastnn.kernels.losses import loss_and_delta
from fastnn.kernels.rows import input_affine, input_affine_gradient


@jit
def weights_of(layers, params, layer):
    """W of a layer in `params`, or dW in a gradient."""
    m, n = layers.units[layer], layers.units[layer + 1]
    at = layers.weights_at[layer]
    return params[at : at + m * n].reshape((m, n))


@jit
def biases_of(layers, params, layer):
    """b of a layer in `params`, or db in a gradient."""
    at = layers.biases_at[layer]
    return params[at : at + layers.units[layer + 1]]


@jit
def output_of(layers, outputs, layer, n_rows):
    """A of a layer in `outputs`, or D in deltas."""
    n, at = layers.units[layer + 1], n_rows * layers.outputs_at[layer]
    return outputs[at : at + n_rows * n].reshape((n_rows, n))


@jit
def input_of(layers, inputs, columns, n_rows):
    """Gathered rows of dense data; sparse data gathers none."""
    n = layers.units[0] if columns is None else 0
    return inputs[: n_rows * n].reshape((n_rows, n))


@jit
def forward(sample, rows, layers, params, inputs, outputs):
    """A of every layer for these rows; returns the last."""
    for layer in range(layers.units.size - 1):
        A = output_of(layers, outputs, layer, rows.size)
        W = weights_of(layers, params, layer)
        if layer == 0:
            X = input_of(layers, inputs, sample.columns, rows.size)
            input_affine(sample, sample.columns, rows, X, W, A)
        else:
            affine(output_of(layers, outputs, layer - 1, rows.size), W, A)
        activate(layers.activations[layer], A, biases_of(layers, params, layer))
    return output_of(layers, outputs, layers.units.size - 2, rows.size)


@jit
def loss_gradient(sample, rows, layers, params, inputs, outputs, deltas, row_losses, gradient):
    """Sum of the rows' losses; its derivative by every weight and bias goes to `gradient`."""
    A = forward(sample, rows, layers, params, inputs, outputs)
    last = layers.units.size - 2
    D = output_of(layers, deltas, last, rows.size)
    loss = loss_and_delta(layers.loss, A, sample.Y, sample.weights, rows, D, row_losses)
    for layer in range(last, 0, -1):
        A = output_of(layers, outputs, layer - 1, rows.size)
        dW, db = weights_of(layers, gradient, layer), biases_of(layers, gradient, layer)
        affine_gradient(A, D, dW, db)
        dA = output_of(layers, deltas, layer - 1, rows.size)
        affine_backward(D, weights_of(layers, params, layer), dA)
        activate_backward(layers.activations[layer - 1], A, dA)
        D = dA
    X = input_of(layers, inputs, sample.columns, rows.size)
    dW, db = weights_of(layers, gradient, 0), biases_of(layers, gradient, 0)
    input_affine_gradient(sample, sample.columns, rows, X, D, dW, db)
    return loss
