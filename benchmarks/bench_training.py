"""Time of a fit, compiled beforehand: asv's tracks over commits."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fastnn import MLPClassifier

# rows, features, hidden layers, classes
CASES = {
    "iris": (150, 4, (100,), 3),
    "digits": (1797, 64, (100,), 10),
    "tabular": (20000, 54, (256, 256), 7),
    "deep": (5000, 100, (64,) * 10, 10),
}


def classification(case, dtype):
    """Random rows and classes in the shape of a case."""
    n_rows, n_features, hidden, n_classes = CASES[case]
    random = np.random.default_rng(0)
    X = random.standard_normal((n_rows, n_features)).astype(dtype)
    return X, random.integers(0, n_classes, n_rows), hidden


class Fit:
    """Five epochs."""

    params = (list(CASES), ["float32", "float64"], ["adam", "sgd"])
    param_names = ("case", "dtype", "solver")

    def setup(self, case, dtype, solver):
        warnings.simplefilter("ignore", ConvergenceWarning)
        self.X, self.y, hidden = classification(case, dtype)
        self.model = MLPClassifier(hidden, solver=solver, max_iter=5, random_state=0)
        self.model.fit(self.X, self.y)

    def time_fit(self, case, dtype, solver):
        self.model.fit(self.X, self.y)

    def peakmem_fit(self, case, dtype, solver):
        self.model.fit(self.X, self.y)


class PartialFit:
    """One step on a few rows."""

    def setup(self):
        X, y, _ = classification("digits", "float64")
        self.X, self.y = X[:32], y[:32]
        self.model = MLPClassifier(random_state=0).partial_fit(self.X, self.y, np.arange(10))

    def time_partial_fit(self):
        self.model.partial_fit(self.X, self.y)
