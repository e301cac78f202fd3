"""What several files of the suite need: shapes, random rows, and a small form for quick runs.

Only scikit-learn's API of fastnn and `CASES` are used at import, so that `asv run` also measures
commits whose inside was another. What is taken from the inside is found by `inside`, and only here.
"""

import os
import time
import warnings
from importlib import import_module

import numpy as np
from sklearn.exceptions import ConvergenceWarning

# Where a name has lived, the newest place first.
PLACES = {
    "CASES": ["fastnn.cli.bench.CASES", "fastnn.bench.CASES"],
    "ACTIVATIONS": ["fastnn.kernels.activations.ACTIVATIONS"],
    "SOLVERS": ["fastnn.kernels.updates.SOLVERS"],
    "from_python": ["fastnn.compiling.compiler.from_python", "fastnn.compiler.from_python"],
    "product_for_this_machine": [
        "fastnn.kernels.products.choice.product_for_this_machine",
        "fastnn.layers.fastest_product",
    ],
    "WIDE": ["fastnn.compiling.intrinsics.registers.WIDE", "fastnn.registers.WIDE"],
}


def inside(name):
    """What `name` stands for in this commit of fastnn."""
    for place in PLACES[name]:
        module, _, attribute = place.rpartition(".")
        try:
            return getattr(import_module(module), attribute)
        except (ImportError, AttributeError):
            continue
    raise NotImplementedError(f"this commit has none of {', '.join(PLACES[name])}")


CASES = inside("CASES")
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
