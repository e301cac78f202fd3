"""Nanoseconds an element of the activations; the limit beside them is a copy of as much memory."""

import numpy as np

from .common import DTYPES, QUICK, best_seconds, inside

FORWARD = ["copy", "relu", "tanh", "logistic", "gelu", "silu", "softplus"]


class Activation:
    """A shard's layer of 100 rows and 256 units, which stays in L2."""

    params = (FORWARD[:2] if QUICK else FORWARD, DTYPES)
    param_names = ("activation", "dtype")
    unit = "ns an element"

    def setup(self, activation, dtype):
        self.Z, self.S, self.D = (
            np.random.default_rng(seed).standard_normal((100, 256)).astype(dtype)
            for seed in range(3)
        )
        self.b = np.zeros(256, dtype)
        if activation == "copy":
            self.forward = lambda Z, b, S: np.copyto(Z, S)
            self.backward = lambda A, S, D, db: np.copyto(D, S)
        else:
            forward, backward, *_ = inside("ACTIVATIONS")[activation]
            from_python = inside("from_python")
            self.forward, self.backward = from_python(forward), from_python(backward)
        self.forward(self.Z, self.b, self.S)
        self.backward(self.Z, self.S, self.D, self.b)

    def track_forward(self, activation, dtype):
        return best_seconds(self.forward, self.Z, self.b, self.S) * 1e9 / self.Z.size

    def track_backward(self, activation, dtype):
        return best_seconds(self.backward, self.Z, self.S, self.D, self.b) * 1e9 / self.D.size
