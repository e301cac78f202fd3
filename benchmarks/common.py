"""What several files of the suite need: shapes, random rows, and a small form for quick runs.

Only scikit-learn's API of fastnn and `fastnn.cli.bench.CASES` are used at import, so that `asv run`
also measures commits whose inside was another.
"""

import os
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fastnn.cli.bench import CASES

# Set to 1, everything is small and few combinations are tried: does the suite still run?
QUICK = os.environ.get("FASTNN_BENCH_QUICK") == "1"
DTYPES = ["float32"] if QUICK else ["float32", "float64"]
NAMES = ["digits"] if QUICK else list(CASES)


def rows_and_classes(n_rows, n_features, n_classes, dtype="float32"):
    random = np.random.default_rng(0)
    X = random.standard_normal((n_rows, n_features), np.float32).astype(dtype, copy=False)
    return X, random.integers(0, n_classes, n_rows)


def case_data(name, dtype):
    case = CASES[name]
    return rows_and_classes(case.rows, case.features, case.classes, dtype)


def fit(model, X, y):
    """Fit, to the last epoch if need be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


def best_seconds(function, *arguments):
    """The best of as many calls as fit in a tenth of a second, or of two in a quick run."""
    seconds, ends = [], time.perf_counter() + 0.1
    while len(seconds) < 2 or (time.perf_counter() < ends and not QUICK):
        began = time.perf_counter()
        function(*arguments)
        seconds.append(time.perf_counter() - began)
    return min(seconds)
