"""Nanoseconds a parameter of the solvers; the limit beside them is a copy of two such vectors."""

import numpy as np

from .common import DTYPES, QUICK, best_seconds, inside

SOLVERS = ["copy", "sgd", "adam", "nadam", "rmsprop"]


class Update:
    """A vector of as many parameters as the digits' network has."""

    params = (SOLVERS[:3] if QUICK else SOLVERS, DTYPES)
    param_names = ("solver", "dtype")
    unit = "ns a parameter"

    def setup(self, solver, dtype):
        # p, g, m, v, u: small positive numbers, so that nothing overflows in many steps
        self.vectors = np.random.default_rng(0).random((5, 7510)).astype(dtype) / 1000
        self.rates = np.array([1e-6, 0.9, 0.999, 1e-8, 0.9, 0.999, 0.0, 0.0])
        if solver == "copy":
            self.update = lambda p, g, m, v, u, rates: (np.copyto(p, g), np.copyto(m, g))
        else:
            self.update = inside("from_python")(inside("SOLVERS")[solver].update)
        self.update(*self.vectors, self.rates)

    def track_update(self, solver, dtype):
        seconds = best_seconds(self.update, *self.vectors, self.rates)
        return seconds * 1e9 / self.vectors[0].size
