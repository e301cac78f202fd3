"""Mixed work in four threads: memory flat, no more files or threads, and the first bits again.

``python mixed_work.py SECONDS``
"""

import contextlib
import ctypes
import gc
import io
import pickle
import sys
import time
from itertools import count

import joblib
import numpy as np
from scipy.sparse import csr_array
from work import X, bits, classifier, in_threads, open_files, regressor, resident, rows, threads, y

from fastnn import from_sklearn

SECONDS = float(sys.argv[1])
LARGE, LABELS = rows(3000)


def fit(i):
    return bits(classifier(hidden_layer_sizes=(5 + i % 7,)).fit(X, y))


def fit_by_lbfgs(i):
    return bits(regressor(solver="lbfgs", max_iter=5).fit(X, X[:, i % 6]))


def go_on(i):
    model = classifier(dropout=0.1, normalization="batch").fit(csr_array(X), y)
    for _ in range(3):
        model.partial_fit(X, y)
    return bits(model)


def resume(i):
    model = classifier(early_stopping=True, max_iter=3).fit(X, y)
    return bits(pickle.loads(pickle.dumps(model)).set_params(max_iter=6).resume(X, y))


def keep(i):
    file = io.BytesIO()
    joblib.dump(classifier(max_iter=2).fit(X, y), file)
    file.seek(0)
    return bits(from_sklearn(joblib.load(file).to_sklearn()))


def fail(i):
    for X_wrong in (X[:, :0], X * np.nan, "a text", None):
        with contextlib.suppress(ValueError, TypeError):
            classifier().fit(X_wrong, y)
    return 0


def predict(i):
    return [MODEL.predict_proba(LARGE[: 1 + 97 * (i % 30)]).sum() for _ in range(20)]


def wide(i):
    return (
        classifier(hidden_layer_sizes=(100,), batch_size=1000, max_iter=1).fit(LARGE, LABELS).loss_
    )


WORK = [fit, fit_by_lbfgs, go_on, resume, keep, fail, predict, wide]
MODEL = classifier().fit(LARGE, LABELS)
first = {}


def work(ends):
    for i in count():
        task = WORK[i % len(WORK)]
        result = task(i // len(WORK) % 20)
        assert first.setdefault((task, i // len(WORK) % 20), result) == result, task.__name__
        if time.monotonic() > ends and i >= len(WORK):
            return


def measured(seconds):
    """Work for a while; returns what the process has then, once all that is free is given back."""
    ends = time.monotonic() + seconds
    errors = in_threads(*[lambda: work(ends)] * 4)
    assert errors == [], errors
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return np.array([resident(), open_files(), threads()])


def is_flat(before, after):
    return after[0] <= 1.01 * before[0] and (after[1:] <= before[1:]).all()


measured(SECONDS / 6)
found = [measured(SECONDS / 3), measured(SECONDS / 2)]
while not is_flat(*found[-2:]) and len(found) < 5:  # what is lost again and again grows in each
    found.append(measured(SECONDS / 2))
print(*found, f"{found[-1][0] / found[-2][0] - 1:+.2%}")
assert is_flat(*found[-2:]), found
