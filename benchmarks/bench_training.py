"""Time of a fit, compiled beforehand."""

import numpy as np
from scipy.sparse import random_array

from fastnn import MLPClassifier
from fastnn.compiling.intrinsics.pairs import are_multiplied

from .common import CASES, DTYPES, NAMES, QUICK, case_data, fit, rows_and_classes


def ready(X, y, hidden, **parameters):
    """A model that has been fitted once, for five epochs."""
    model = MLPClassifier(hidden, max_iter=5, tol=0, random_state=0, **parameters)
    return fit(model, X, y)


class Fit:
    """Five epochs, or iterations of L-BFGS."""

    params = (NAMES, DTYPES, ["adam", "sgd", "lbfgs"])
    param_names = ("case", "dtype", "solver")

    def setup(self, case, dtype, solver):
        self.X, self.y = case_data(case, dtype)
        self.model = ready(self.X, self.y, CASES[case].hidden, solver=solver)

    def time_fit(self, case, dtype, solver):
        fit(self.model, self.X, self.y)


class FitWithActivation:
    """Five epochs: what an activation costs beside relu."""

    params = (NAMES, DTYPES, ["relu", "tanh", "logistic"])
    param_names = ("case", "dtype", "activation")

    def setup(self, case, dtype, activation):
        self.X, self.y = case_data(case, dtype)
        self.model = ready(self.X, self.y, CASES[case].hidden, activation=activation)

    def time_fit(self, case, dtype, activation):
        fit(self.model, self.X, self.y)


class FitOnOneThread(Fit):
    """Five epochs, one thread."""

    params = (NAMES, DTYPES, ["adam"])

    def setup(self, case, dtype, solver):
        self.X, self.y = case_data(case, dtype)
        self.model = ready(self.X, self.y, CASES[case].hidden, solver=solver, n_jobs=1)


class FitRounded:
    """Five epochs that round to bfloat16 what they multiply, one thread."""

    params = NAMES
    param_names = ("case",)

    def setup(self, case):
        if not are_multiplied():
            raise NotImplementedError  # asv leaves it out
        self.X, self.y = case_data(case, "float32")
        self.model = ready(self.X, self.y, CASES[case].hidden, dtype="bfloat16", n_jobs=1)

    def time_fit(self, case):
        fit(self.model, self.X, self.y)


class FitWithEarlyStopping:
    """Five epochs, each with a score of a tenth of the rows."""

    def setup(self):
        self.X, self.y = case_data(NAMES[-1], "float32")
        self.model = ready(self.X, self.y, CASES[NAMES[-1]].hidden, early_stopping=True)

    def time_fit(self):
        fit(self.model, self.X, self.y)


class FitWithScoring:
    """Five epochs, each with a scorer on a tenth of the rows."""

    def setup(self):
        self.X, self.y = case_data(NAMES[-1], "float32")
        options = {"early_stopping": True, "scoring": "balanced_accuracy"}
        self.model = ready(self.X, self.y, CASES[NAMES[-1]].hidden, **options)

    def time_fit(self):
        fit(self.model, self.X, self.y)


class FitSparse:
    """Five epochs on CSR rows with 100 values each."""

    params = DTYPES
    param_names = ("dtype",)

    def setup(self, dtype):
        shape = (500, 2000) if QUICK else (20_000, 50_000)
        X = random_array(shape, density=100 / shape[1], format="csr", rng=0, dtype=np.float64)
        self.X, self.y = X.astype(dtype), np.arange(shape[0]) % 5
        self.model = ready(self.X, self.y, (100,))

    def time_fit(self, dtype):
        fit(self.model, self.X, self.y)

    def peakmem_fit(self, dtype):
        fit(self.model, self.X, self.y)


class PartialFit:
    """One step on 32 rows."""

    def setup(self):
        self.X, self.y = rows_and_classes(32, 64, 10, "float64")
        self.model = MLPClassifier(random_state=0).partial_fit(
            self.X, self.y, classes=np.arange(10)
        )

    def time_partial_fit(self):
        self.model.partial_fit(self.X, self.y)
