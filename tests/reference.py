"""The network in plain NumPy: what the kernels compute, to be read beside any textbook.

It follows scikit-learn's conventions, so that its numbers can be compared one by one.
"""

from itertools import pairwise

import numpy as np

# --------------------------------------------------------------- activations and derivatives

ACTIVATIONS = {  # name: (f(Z), f'(Z) by means of A = f(Z))
    "identity": (lambda Z: Z, lambda A: np.ones_like(A)),
    "logistic": (lambda Z: 1 / (1 + np.exp(-Z)), lambda A: A * (1 - A)),
    "tanh": (np.tanh, lambda A: 1 - A**2),
    "relu": (lambda Z: np.maximum(Z, 0), lambda A: (A > 0).astype(A.dtype)),
}


def softmax(Z):
    e = np.exp(Z - Z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


OUTPUTS = {
    "softmax": softmax,
    "logistic": ACTIVATIONS["logistic"][0],
    "identity": ACTIVATIONS["identity"][0],
    "exp": np.exp,
}

# ------------------------------------------------------------------------------------- losses


def row_losses(loss, A, Y):
    """Loss of each row; Y has the shape of A."""
    if loss == "squared_error":
        return 0.5 * ((A - Y) ** 2).mean(axis=1)
    if loss == "log_loss":
        return -(Y * np.log(A)).sum(axis=1)
    if loss == "binary_log_loss":
        return -(Y * np.log(A) + (1 - Y) * np.log(1 - A)).sum(axis=1)
    if loss == "poisson":
        y_log = np.where(Y > 0, Y * np.log(np.where(Y > 0, Y, 1) / A), 0)
        return (y_log - Y + A).sum(axis=1)
    raise ValueError(loss)


# ------------------------------------------------------------------ forward and backward


def as_they_are(numbers):
    return numbers


def to_bfloat16(numbers):
    """Round to 8 binary digits, of two numbers as near to the even one, as np.rint does."""
    digits, exponents = np.frexp(numbers)
    return np.ldexp(np.rint(np.ldexp(digits, 8)), exponents - 8)


def forward(X, coefs, intercepts, activation, out_activation, rounded=as_they_are):
    """Outputs of every layer, the input first; products take their inputs as `rounded` to."""
    outputs = [X]
    for layer, (W, b) in enumerate(zip(coefs, intercepts, strict=True)):
        is_last = layer == len(coefs) - 1
        f = OUTPUTS[out_activation] if is_last else ACTIVATIONS[activation][0]
        outputs.append(f(rounded(outputs[-1]) @ rounded(W) + b))
    return outputs


def loss_and_gradient(
    X, Y, weights, coefs, intercepts, activation, out_activation, loss, alpha, rounded=as_they_are
):
    """Loss of a mini-batch, and its derivative by every W and every b."""
    outputs = forward(X, coefs, intercepts, activation, out_activation, rounded)
    total = weights.sum()
    penalty = 0.5 * alpha * sum((W**2).sum() for W in coefs)
    value = ((weights * row_losses(loss, outputs[-1], Y)).sum() + penalty) / total
    delta = weights[:, None] * (outputs[-1] - Y)  # the same for each loss with its own output
    dW, db = [], []
    for layer in range(len(coefs) - 1, -1, -1):
        dW.insert(0, (rounded(outputs[layer]).T @ rounded(delta) + alpha * coefs[layer]) / total)
        db.insert(0, delta.sum(axis=0) / total)
        if layer > 0:
            dA = rounded(delta) @ rounded(coefs[layer]).T
            delta = dA * ACTIVATIONS[activation][1](outputs[layer])
    return value, dW, db


# ----------------------------------------------------------------------------------- training


def initial_weights(units, activation, random_state):
    """Uniform after Glorot and Bengio: W, then b, layer by layer."""
    coefs, intercepts = [], []
    for m, n in pairwise(units):
        bound = np.sqrt((2 if activation == "logistic" else 6) / (m + n))
        coefs.append(random_state.uniform(-bound, bound, (m, n)))
        intercepts.append(random_state.uniform(-bound, bound, n))
    return coefs, intercepts


class SGD:
    """Gradient descent with momentum."""

    def __init__(self, params, rate=0.001, momentum=0.9, nesterov=True):
        self.rate, self.momentum, self.nesterov = rate, momentum, nesterov
        self.velocities = [np.zeros_like(p) for p in params]

    def step(self, params, gradients):
        for p, g, v in zip(params, gradients, self.velocities, strict=True):
            v[...] = self.momentum * v - self.rate * g
            p += self.momentum * v - self.rate * g if self.nesterov else v


class Adam:
    """Gradient descent scaled by running moments of the gradient."""

    def __init__(self, params, rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        self.rate, self.beta_1, self.beta_2, self.epsilon, self.t = rate, beta_1, beta_2, epsilon, 0
        self.moments = [(np.zeros_like(p), np.zeros_like(p)) for p in params]

    def step(self, params, gradients):
        self.t += 1
        rate = self.rate * np.sqrt(1 - self.beta_2**self.t) / (1 - self.beta_1**self.t)
        for p, g, (m, v) in zip(params, gradients, self.moments, strict=True):
            m[...] = self.beta_1 * m + (1 - self.beta_1) * g
            v[...] = self.beta_2 * v + (1 - self.beta_2) * g**2
            p -= rate * m / (np.sqrt(v) + self.epsilon)


def train(
    X,
    Y,
    hidden,
    activation,
    out_activation,
    loss,
    epochs,
    batch_size,
    Solver,
    seed,
    rounded=as_they_are,
):
    """Train a network; returns its weights, its biases and the loss of each epoch."""
    random_state = np.random.RandomState(seed)
    units = [X.shape[1], *hidden, Y.shape[1]]
    coefs, intercepts = initial_weights(units, activation, random_state)
    solver, order, curve = Solver(coefs + intercepts), np.arange(len(X)), []
    for _ in range(epochs):
        shuffle = np.arange(len(X))
        random_state.shuffle(shuffle)
        order, total = order[shuffle], 0.0
        for start in range(0, len(X), batch_size):
            rows = order[start : start + batch_size]
            value, dW, db = loss_and_gradient(
                *(X[rows], Y[rows], np.ones(len(rows)), coefs, intercepts),
                *(activation, out_activation, loss, 1e-4, rounded),
            )
            solver.step(coefs + intercepts, dW + db)
            total += value * len(rows)
        curve.append(total / len(X))
    return coefs, intercepts, curve
