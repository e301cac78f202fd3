"""Updates: one loop over the flat parameter vector for each optimiser.

=======  ========================================================================================
sgd      v = momentum v - rate g;  p += v, or with Nesterov's momentum p += momentum v - rate g
         (Nesterov 1983, in the form of Sutskever et al., ICML 2013)
adam     m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p -= rate m / (sqrt(v) + epsilon),
         rate = learning_rate sqrt(1 - b2^t) / (1 - b1^t)  (Kingma and Ba, arXiv:1412.6980)
=======  ========================================================================================

The vector is worked on in blocks of fixed size: a thread takes a block at a time, and since no sum
depends on who took which, the result is the same to the bit for any number of threads.
"""

import math

from fastnn.jit import jit

SGD, ADAM = range(2)
BLOCK = 4096  # parameters: of a block, gradient, params and two state vectors stay in L2


@jit
def add(a, b):
    """a += b."""
    for i in range(a.size):
        a[i] += b[i]


@jit
def combine(n_shards, start, stop, layers, params, gradients, alpha, total):
    """Leave the gradient of params[start:stop] in gradients[0] and return the sum of its W^2.

    gradient = (sum over shards + alpha W) / total, where total is the mini-batch's sum of weights
    (its rows, without weights). Biases are not shrunk by alpha.
    """
    g, p = gradients[0][start:stop], params[start:stop]
    for k in range(1, n_shards):
        add(g, gradients[k][start:stop])
    scale, shrink = g.dtype.type(1.0 / total), g.dtype.type(alpha / total)
    n_weights = min(max(layers.n_weights - start, 0), stop - start)
    squares = g.dtype.type(0)
    for i in range(n_weights):
        g[i] = g[i] * scale + shrink * p[i]
        squares += p[i] * p[i]
    for i in range(n_weights, g.size):
        g[i] *= scale
    return squares


@jit
def sgd(p, g, velocity, rate, momentum, nesterov):
    if nesterov:
        for i in range(p.size):
            velocity[i] = momentum * velocity[i] - rate * g[i]
            p[i] += momentum * velocity[i] - rate * g[i]
    else:
        for i in range(p.size):
            velocity[i] = momentum * velocity[i] - rate * g[i]
            p[i] += velocity[i]


@jit
def adam(p, g, m, v, rate, beta_1, beta_2, epsilon):
    number = p.dtype.type
    keep_m, keep_v = number(beta_1), number(beta_2)
    # Rounded after the subtraction: in float32, 1 - 0.999 would be wrong by 1e-5, and so would v.
    add_m, add_v = number(1 - beta_1), number(1 - beta_2)
    for i in range(p.size):
        m[i] = keep_m * m[i] + add_m * g[i]
        v[i] = keep_v * v[i] + add_v * g[i] * g[i]
        p[i] -= rate * m[i] / (math.sqrt(v[i]) + epsilon)


@jit
def step_rate(solver, t):
    """Learning rate of step t, counted from 1: Adam's corrects the bias of its first steps."""
    if solver.code == ADAM:
        correction = math.sqrt(1 - solver.beta_2**t) / (1 - solver.beta_1**t)
        return solver.learning_rate * correction
    return solver.learning_rate


@jit
def update(solver, rate, params, gradient, start, stop):
    """One step of the solver for params[start:stop]."""
    p, g, first = params[start:stop], gradient[start:stop], solver.first[start:stop]
    number = p.dtype.type
    if solver.code == ADAM:
        second = solver.second[start:stop]
        epsilon = number(solver.epsilon)
        adam(p, g, first, second, number(rate), solver.beta_1, solver.beta_2, epsilon)
    else:
        sgd(p, g, first, number(rate), number(solver.momentum), solver.nesterov)


SOLVERS = {"sgd": SGD, "adam": ADAM}
