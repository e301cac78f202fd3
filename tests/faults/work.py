"""Small work for the programs of these tests, and the bits that must come of it."""

import hashlib
import os
import threading
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fastnn import MLPClassifier, MLPRegressor

warnings.simplefilter("ignore", ConvergenceWarning)

_random = np.random.default_rng(0)
X = _random.standard_normal((400, 6))
y = (X @ _random.standard_normal((6, 3))).argmax(axis=1)
ENDLESS = {"max_iter": 10**6, "tol": 0.0, "n_iter_no_change": 10**6}


def classifier(**parameters):
    return MLPClassifier(
        **{"hidden_layer_sizes": (8,), "max_iter": 20, "random_state": 0, **parameters}
    )


def regressor(**parameters):
    return MLPRegressor(
        **{"hidden_layer_sizes": (8,), "max_iter": 20, "random_state": 0, **parameters}
    )


def bits(model):
    """Digest of a model's weights and of its answers."""
    digest = hashlib.sha256()
    for array in (*model.coefs_, *model.intercepts_, model.predict(X)):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def rows(n, n_features=40):
    """Rows for work that takes a while."""
    random = np.random.default_rng(1)
    data = random.standard_normal((n, n_features))
    return data, (data[:, 0] + data[:, 1] > 0).astype(int)


# ------------------------------------------------------------------------------ what is counted


def resident():
    """Bytes of memory that this process has."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files():
    """Count the files that this process has open."""
    return len(os.listdir("/proc/self/fd"))


def threads():
    """Count the threads of this process, Python's and others."""
    return len(os.listdir("/proc/self/task"))


def in_threads(*functions):
    """Run functions at once, each in a thread; returns the errors that they raised."""
    errors = []

    def guarded(function):
        try:
            function()
        except BaseException as error:
            errors.append(error)

    started = [threading.Thread(target=guarded, args=(f,), daemon=True) for f in functions]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    return errors
