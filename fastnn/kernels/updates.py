"""Updates: one loop over the flat parameter vector for each optimiser.

With g the gradient, p the parameters, t the step counted from 1, and m, v, u what is remembered:

=========  =======================================================================================
sgd        v = momentum v - rate g;  p += v, or with Nesterov's momentum p += momentum v - rate g
           (Nesterov 1983, in the form of Sutskever et al., ICML 2013)
adam       m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p -= rate m / (sqrt(v) + epsilon),
           rate = learning_rate sqrt(1 - b2^t) / (1 - b1^t)  (Kingma and Ba, arXiv:1412.6980)
adamw      the same with epsilon sqrt(1 - b2^t), and weights shrunk by learning_rate weight_decay
           beforehand (Loshchilov and Hutter, arXiv:1711.05101)
nadam      adam with Nesterov's momentum and a momentum that grows from b1 / 2 to b1 (Dozat,
           ICLR workshop 2016)
rmsprop    v = rho v + (1 - rho) g^2;  p -= rate g / (sqrt(v) + epsilon)  (Hinton's lecture 6e,
           2012)
adagrad    v += g^2;  p -= rate g / (sqrt(v) + epsilon)  (Duchi, Hazan and Singer, JMLR 12, 2011)
amsgrad    of adam and adamw: the largest v so far, u = max(u, v), stands for v (Reddi, Kale and
           Kumar, ICLR 2018)
=========  =======================================================================================

Each optimiser is two kernels: `..._rates` turns its hyper-parameters (the learning rate first) into
the numbers of one step, once for a mini-batch, and the other one is the loop. Of these numbers the
first and the last are multiples of the learning rate: a segment of the vector that learns faster or
slower than the others has those multiplied by its factor.

The vector is worked on in blocks of fixed size: a thread takes a block at a time, and since no sum
depends on who took which, the result is the same to the bit for any number of threads.
"""

import math
from typing import NamedTuple

from fastnn.compiling.intrinsics.views import locked, vector
from fastnn.compiling.language import Kernel, call, interface, jit
from fastnn.kernels.arguments import MEMORY, STEPS
from fastnn.kernels.tuning import UPDATE_BLOCK

N_RATES = 5

preparing = interface("float64[::1], readonly float64[::1], float64[::1]")  # progress, hyper, rates
# p, g, m, v, u, rates
updating = interface("T[::1], readonly T[::1], T[::1], T[::1], T[::1], readonly float64[::1]")


@jit
def add(a, b):
    """a += b."""
    for i in range(a.size):
        a[i] += b[i]


@preparing
def sgd_rates(progress, hyper, rates):
    rates[0], rates[1] = hyper[0], hyper[1]
    rates[2] = hyper[1] if hyper[2] != 0 else 1.0  # share of v, and of g, in the step
    rates[4] = hyper[0] if hyper[2] != 0 else 0.0


@updating
def sgd(p, g, velocity, v, u, rates):
    number = p.dtype.type
    rate, momentum = number(rates[0]), number(rates[1])
    along, ahead = number(rates[2]), number(rates[4])
    for i in range(p.size):
        velocity[i] = momentum * velocity[i] - rate * g[i]
        p[i] += along * velocity[i] - ahead * g[i]


@preparing
def adam_rates(progress, hyper, rates):
    t, beta_1, beta_2 = progress[STEPS], hyper[1], hyper[2]
    rates[0] = hyper[0] * math.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    rates[1], rates[2], rates[3] = beta_1, beta_2, hyper[3]


@preparing
def adamw_rates(progress, hyper, rates):
    t, beta_1, beta_2 = progress[STEPS], hyper[1], hyper[2]
    root = math.sqrt(1 - beta_2**t)
    rates[0] = hyper[0] * root / (1 - beta_1**t)
    rates[1], rates[2], rates[3] = beta_1, beta_2, hyper[3] * root


@updating
def adam(p, g, m, v, u, rates):
    number = p.dtype.type
    rate, epsilon = number(rates[0]), number(rates[3])
    keep_m, keep_v = number(rates[1]), number(rates[2])
    # Rounded after the subtraction: in float32, 1 - 0.999 would be wrong by 1e-5, and so would v.
    add_m, add_v = number(1 - rates[1]), number(1 - rates[2])
    for i in range(p.size):
        m[i] = keep_m * m[i] + add_m * g[i]
        v[i] = keep_v * v[i] + add_v * g[i] * g[i]
        p[i] -= rate * m[i] / (math.sqrt(v[i]) + epsilon)


@updating
def amsgrad(p, g, m, v, u, rates):
    number = p.dtype.type
    rate, epsilon = number(rates[0]), number(rates[3])
    keep_m, keep_v = number(rates[1]), number(rates[2])
    add_m, add_v = number(1 - rates[1]), number(1 - rates[2])
    for i in range(p.size):
        m[i] = keep_m * m[i] + add_m * g[i]
        v[i] = keep_v * v[i] + add_v * g[i] * g[i]
        largest = max(u[i], v[i])
        p[i] -= rate * m[i] / (math.sqrt(largest) + epsilon)
        u[i] = largest


@preparing
def nadam_rates(progress, hyper, rates):
    """Momentum of step t: b1 (1 - 0.96^(t / 250) / 2); progress[MEMORY] is its product less 1."""
    t, beta_1, beta_2 = progress[STEPS], hyper[1], hyper[2]
    now = beta_1 * (1 - 0.5 * 0.96 ** (t * 0.004))
    then = beta_1 * (1 - 0.5 * 0.96 ** ((t + 1) * 0.004))
    product = (1 + progress[MEMORY]) * now
    progress[MEMORY] = product - 1
    root = math.sqrt(1 - beta_2**t)
    rates[0] = hyper[0] * root * (1 - now) / (1 - product)  # of g
    rates[4] = hyper[0] * root * then / (1 - product * then)  # of m
    rates[1], rates[2], rates[3] = beta_1, beta_2, hyper[3] * root


@updating
def nadam(p, g, m, v, u, rates):
    number = p.dtype.type
    of_g, of_m, epsilon = number(rates[0]), number(rates[4]), number(rates[3])
    keep_m, keep_v = number(rates[1]), number(rates[2])
    add_m, add_v = number(1 - rates[1]), number(1 - rates[2])
    for i in range(p.size):
        m[i] = keep_m * m[i] + add_m * g[i]
        v[i] = keep_v * v[i] + add_v * g[i] * g[i]
        p[i] -= (of_g * g[i] + of_m * m[i]) / (math.sqrt(v[i]) + epsilon)


@preparing
def rmsprop_rates(progress, hyper, rates):
    rates[0], rates[1], rates[2], rates[3] = hyper[0], hyper[1], 1 - hyper[1], hyper[2]


@preparing
def adagrad_rates(progress, hyper, rates):
    rates[0], rates[1], rates[2], rates[3] = hyper[0], 1.0, 1.0, hyper[1]


@updating
def scaled(p, g, v, m, u, rates):
    """rmsprop and adagrad."""
    number = p.dtype.type
    rate, epsilon = number(rates[0]), number(rates[3])
    keep, gain = number(rates[1]), number(rates[2])
    for i in range(p.size):
        v[i] = keep * v[i] + gain * g[i] * g[i]
        p[i] -= rate * g[i] / (math.sqrt(v[i]) + epsilon)


combining = interface(
    "int64, int64, int64, readonly T[::1], T[:, ::1], float64, float64, float64[::1]"
)


@combining
def combine_block(j, n_shards, n_weights, params, gradients, alpha, total, squares):
    """Leave the gradient of block j in gradients[0], and the sum of its W^2 in squares[j].

    gradient = (sum over shards + alpha W) / total, where total is the mini-batch's sum of weights
    (its rows, without weights). Only weights are shrunk by alpha; they stand first in params.
    """
    start, n = j * UPDATE_BLOCK, min(UPDATE_BLOCK, params.size - j * UPDATE_BLOCK)
    for k in range(1, n_shards):
        add(vector(gradients, start, n), vector(gradients, k * gradients.shape[1] + start, n))
    finish_block(j, n_weights, params, gradients, alpha, total, squares)


@combining
def combine_block_by_tree(j, n_shards, n_weights, params, gradients, alpha, total, squares):
    """Do the same, and add the shards by a tree (`fastnn.engine.tree`) rather than in turn.

    The tree's node i at depth d has the shards from `tree_cut(n_shards, d, i)` to that of i + 1.
    """
    start, n = j * UPDATE_BLOCK, min(UPDATE_BLOCK, params.size - j * UPDATE_BLOCK)
    size, n_nodes = gradients.shape[1], 1
    while n_nodes < n_shards:
        n_nodes *= 2
    while n_nodes > 1:
        for i in range(0, n_nodes, 2):
            left, right = tree_cut(n_shards, n_nodes, i), tree_cut(n_shards, n_nodes, i + 1)
            if left < right < tree_cut(n_shards, n_nodes, i + 2):
                to = vector(gradients, left * size + start, n)
                add(to, vector(gradients, right * size + start, n))
        n_nodes //= 2
    finish_block(j, n_weights, params, gradients, alpha, total, squares)


@jit
def tree_cut(n_shards, n_nodes, i):
    """First shard of node i, where so many nodes share the shards as evenly as can be."""
    return (n_shards * i + n_nodes - 1) // n_nodes


@jit
def finish_block(j, n_weights, params, gradients, alpha, total, squares):
    """Make the gradient of block j of the shards' sum, as `combine_block` says."""
    start, n = j * UPDATE_BLOCK, min(UPDATE_BLOCK, params.size - j * UPDATE_BLOCK)
    g, p = vector(gradients, start, n), vector(params, start, n)
    scale, shrink = g.dtype.type(1.0 / total), g.dtype.type(alpha / total)
    split = min(max(n_weights - start, 0), n)
    sum_of_squares = g.dtype.type(0)
    for i in range(split):
        g[i] = g[i] * scale + shrink * p[i]
        sum_of_squares += p[i] * p[i]
    for i in range(split, g.size):
        g[i] *= scale
    squares[j] = sum_of_squares


@jit
def clip(gradients, max_norm):
    """Scale the gradient down to this norm if it is larger (Pascanu et al., ICML 2013)."""
    gradient, squares = gradients[0], 0.0
    for i in range(gradient.size):
        squares += float(gradient[i]) * float(gradient[i])
    norm = math.sqrt(squares)
    if norm > max_norm:
        scale = gradient.dtype.type(max_norm / norm)
        for i in range(gradient.size):
            gradient[i] *= scale


@jit
def prepare_step(optimizer):
    """Write the rates of each segment for the next step, whose number `progress` has already."""
    rates, factors = optimizer.rates, optimizer.factors
    call(optimizer.prepare, optimizer.progress, optimizer.hyper, rates)
    for s in range(factors.size):
        segment = vector(optimizer.segment_rates, s * N_RATES, N_RATES)
        for i in range(N_RATES):
            segment[i] = rates[i]
        segment[0] *= factors[s]
        segment[N_RATES - 1] *= factors[s]


@interface("int64, T[::1], readonly T[:, ::1], Optimizer")
def step_block(j, params, gradients, optimizer):
    """Take a step with the parameters of block j, segment by segment."""
    state, starts, decays = optimizer.state, optimizer.starts, optimizer.decays
    stop, last = min((j + 1) * UPDATE_BLOCK, params.size), state.shape[0] - 1
    for s in range(decays.size):
        start = max(j * UPDATE_BLOCK, starts[s])
        n = min(stop, starts[s + 1]) - start
        if n <= 0:
            continue
        p = vector(params, start, n)
        shrink = decays[s] * optimizer.hyper[0]
        if shrink != 0:
            keep = p.dtype.type(1 - shrink)
            for i in range(n):
                p[i] *= keep
        m = vector(state, start, n)
        v = vector(state, min(1, last) * state.shape[1] + start, n)
        u = vector(state, min(2, last) * state.shape[1] + start, n)
        rates = locked(vector(optimizer.segment_rates, s * N_RATES, N_RATES))
        call(optimizer.update, p, vector(gradients, start, n), m, v, u, rates)


class Update(NamedTuple):
    """A stochastic optimiser."""

    rates: Kernel
    update: Kernel
    hyper: tuple[str, ...]  # parameters of the estimators, after the learning rate
    n_states: int  # vectors beside `params`


SOLVERS = {
    "sgd": Update(sgd_rates, sgd, ("momentum", "nesterovs_momentum"), 1),
    "adam": Update(adam_rates, adam, ("beta_1", "beta_2", "epsilon"), 2),
    "adamw": Update(adamw_rates, adam, ("beta_1", "beta_2", "epsilon"), 2),
    "nadam": Update(nadam_rates, nadam, ("beta_1", "beta_2", "epsilon"), 2),
    "rmsprop": Update(rmsprop_rates, scaled, ("rho", "epsilon"), 1),
    "adagrad": Update(adagrad_rates, scaled, ("epsilon",), 1),
}
AMSGRAD = {name: SOLVERS[name]._replace(update=amsgrad, n_states=3) for name in ("adam", "adamw")}


def update_of(solver: str, with_amsgrad: bool = False) -> Update:
    """Kernels of a solver."""
    return (AMSGRAD if with_amsgrad else SOLVERS)[solver]
