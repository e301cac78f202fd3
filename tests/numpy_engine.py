"""An engine in plain NumPy, by the formulas of `reference`: is the seam to the kernels a real one?

It knows what scikit-learn's networks know.
"""

import numpy as np
import reference
from scipy import sparse

from fastnn.engine.base import Engine, Gradient, Objective, Predictor, Stepper, no_check
from fastnn.kernels.arguments import LOSS, ROWS, STEPS
from fastnn.network import Network


def dense(X, rows):
    return X[rows].toarray() if sparse.issparse(X) else np.asarray(X)[rows]


def one_hot(Y, units, blocks):
    """Indicators of the classes that Y holds the codes of, a column for each target."""
    starts = np.cumsum([0, *blocks])[: Y.shape[1]]
    indicators = np.zeros((len(Y), units), Y.dtype)
    for start, codes in zip(starts, Y.T, strict=True):
        indicators[np.arange(len(Y)), start + codes.astype(int)] = 1
    return indicators


class NumpyPredictor(Predictor):
    def __init__(self, network, architecture, n_jobs=None):
        assert architecture.normalization is None
        self.network, self.architecture = network, architecture

    def forward(self, data, rows):
        """Outputs of every layer, the input first."""
        network, architecture = self.network, self.architecture
        A, outputs = dense(data.X, rows).astype(network.params.dtype), []
        names = [*architecture.activations, architecture.output]
        for name, W, b in zip(names, network.coefs, network.intercepts, strict=True):
            outputs.append(A)
            Z = A @ W + b
            is_output = len(outputs) == len(names)
            A = self.output(name, Z) if is_output else reference.ACTIVATIONS[name][0](Z)
        return [*outputs, A]

    def output(self, name, Z):
        if name != "softmax":
            return reference.OUTPUTS[name](Z)
        bounds = np.cumsum(self.architecture.blocks or [Z.shape[1]])[:-1]
        return np.concatenate([reference.softmax(z) for z in np.split(Z, bounds, axis=1)], axis=1)

    def outputs(self, data, rows, layer=-1, check=no_check):
        check()
        return self.forward(data, rows)[1:][layer]

    def row_losses(self, loss, loss_settings, outputs, data, rows, check=no_check):
        check()
        Y = self.indicators(loss, data, rows)
        tiny = np.finfo(outputs.dtype).eps
        A = np.clip(outputs, tiny, 1 - tiny) if "log_loss" in loss else outputs
        return reference.row_losses(loss, A, Y)

    def indicators(self, loss, data, rows):
        """Targets of the rows, in the shape of the outputs."""
        Y, blocks = data.Y[rows], self.architecture.blocks
        return one_hot(Y, self.network.units[-1], blocks) if loss == "log_loss" else Y

    def gradient(self, problem, rows):
        """Mean loss of rows, with the penalty, and its gradient."""
        network, data = self.network, problem.data
        weights = np.ones(rows.size) if data.weights is None else data.weights[rows]
        outputs, total = self.forward(data, rows), weights.sum()
        losses = self.row_losses(problem.loss, (), outputs[-1], data, rows)
        penalty = 0.5 * problem.alpha * sum((W**2).sum() for W in network.coefs)
        D = weights[:, None] * (outputs[-1] - self.indicators(problem.loss, data, rows))
        gradient = Network(network.units, np.zeros_like(network.params))
        for l in range(len(network.coefs) - 1, -1, -1):
            gradient.coefs[l][:] = (outputs[l].T @ D + problem.alpha * network.coefs[l]) / total
            gradient.intercepts[l][:] = D.sum(axis=0) / total
            if l > 0:
                slope = reference.ACTIVATIONS[self.architecture.activations[l - 1]][1]
                D = (D @ network.coefs[l].T) * slope(outputs[l])
        return Gradient(((weights * losses).sum() + penalty) / total, total, gradient.params)


class NumpyObjective(Objective):
    def __init__(self, problem):
        self.problem = problem
        self.predictor = NumpyPredictor(problem.network, problem.architecture)

    def gradient(self, check=no_check):
        check()
        self.last = self.predictor.gradient(self.problem, self.problem.rows)
        return self.last

    def last_gradient(self):
        return self.last.vector


class NumpyStepper(Stepper):
    def __init__(self, problem, solver, batch_size):
        self.problem, self.solver, self.batch_size = problem, solver, batch_size
        self.predictor = NumpyPredictor(problem.network, problem.architecture)

    def steps(self, start, stop, learning_rate):
        """Take one step: calls may be short."""
        progress = self.solver.progress
        if progress[ROWS] == 0:
            progress[LOSS] = 0
        rows = self.problem.rows[start : min(start + self.batch_size, stop)]
        progress[ROWS] += rows.size
        gradient = self.gradient(rows)
        if gradient.weight > 0:
            self.update(gradient.vector, learning_rate)
            progress[LOSS] += gradient.loss * rows.size

    def gradient(self, rows):
        self.last = self.predictor.gradient(self.problem, rows)
        return self.last

    def update(self, gradient, learning_rate):
        self.solver.progress[STEPS] += 1
        params, size = self.problem.network.params, gradient.size
        hyper, state = self.solver.hyper, self.solver.state[:, :size]
        if self.solver.name == "sgd":
            (v,), momentum = state, hyper["momentum"]
            v[:] = momentum * v - learning_rate * gradient
            nesterov = hyper["nesterovs_momentum"]
            params += momentum * v - learning_rate * gradient if nesterov else v
        else:
            assert self.solver.name == "adam"
            (m, v), t = state, self.solver.progress[STEPS]
            beta_1, beta_2 = hyper["beta_1"], hyper["beta_2"]
            rate = learning_rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
            m[:] = beta_1 * m + (1 - beta_1) * gradient
            v[:] = beta_2 * v + (1 - beta_2) * gradient**2
            params -= rate * m / (np.sqrt(v) + hyper["epsilon"])

    def regularize(self, share):
        assert share == 1  # it neither drops nor decays

    def last_gradient(self):
        return self.last.vector


NUMPY = Engine(NumpyStepper, NumpyObjective, NumpyPredictor)
