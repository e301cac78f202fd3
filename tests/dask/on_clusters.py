"""What tests on clusters have in common: rows in blocks, and fits of them."""

import time

import dask.array as da
import numpy as np

from fastnn import MLPClassifier, make_source

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6000, 40)).astype(np.float32)
Y = np.array(["left", "middle", "right"])[X[:, :3].argmax(axis=1)]
WEIGHTS = RNG.random(6000)
LAYERS = {"hidden_layer_sizes": (9,), "batch_size": 700, "random_state": 0}  # 7 shards each


def collections(weighs=False):
    """Give rows in chunks of unequal sizes."""
    rows = (1000, 700, 300, 1000, 1000, 1000, 1000)
    given = [da.from_array(X, chunks=(rows, 40)), da.from_array(Y, chunks=(rows,))]
    return [*given, da.from_array(WEIGHTS, chunks=(rows,))] if weighs else given


def parameters(**others):
    return {**LAYERS, "max_iter": 4, **others}


def on_one_machine(weighs=False, memory=500_000_000, **others):
    """Fit the same blocks in this process."""
    rows, y, *weights = collections(weighs)
    source = make_source(rows, y, weights=weights[0] if weighs else None, memory=memory)
    return MLPClassifier(**parameters(**others)).fit(source)


def assert_same_bits(ours, others):
    assert ours.loss_curve_ == others.loss_curve_
    assert ours.validation_scores_ == others.validation_scores_
    assert ours.n_iter_ == others.n_iter_
    both = zip(ours.coefs_ + ours.intercepts_, others.coefs_ + others.intercepts_, strict=True)
    for a, b in both:
        np.testing.assert_array_equal(a, b)


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it has not come about"
        time.sleep(0.05)
