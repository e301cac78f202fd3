"""What tests on clusters have in common: rows in blocks, fits of them, and what befalls these."""

import functools
import os
import signal
import time
from importlib import import_module

import dask.array as da
import numpy as np
from watchers import Watcher

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


class AtEnd(Watcher):
    """Calls a function when the nth task of a name ends, such as an epoch."""

    def __init__(self, name, n, function):
        self.name, self.left, self.function = name, n, function

    def on_fit_task_end(self, estimator, context, **told):
        if context.task_name == self.name:
            self.left -= 1
            if self.left == 0:
                self.function()
        return False


def plant(place, count, act="kill", once=None):
    """Have something befall this worker before a function is called for the nth time.

    Parameters
    ----------
    place : str
        Module, class or nothing, and name.
    count : int
        0 takes back what was planted there.
    act : {"kill", "lose", "mute"}
        Kill the process; close the connection that is called; or let nothing out of it any more,
        as where cables are cut.
    once : path, default=None
        File that the first worker makes, so that nothing befalls the others.
    """
    module, owner, name = place.split(":")
    of = import_module(f"fastnn.{module}")
    of = getattr(of, owner) if owner else of
    method, left = getattr(of, name), [count]
    if count == 0:
        setattr(of, name, getattr(method, "__wrapped__", method))
        return

    @functools.wraps(method)
    def planted(*arguments, **keywords):
        left[0] -= 1
        if left[0] == 0 and (once is None or is_first(once)):
            if act == "lose":
                arguments[0].close()
            elif act == "mute":
                arguments[0].send = lambda *_: None
                return None
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return method(*arguments, **keywords)

    setattr(of, name, planted)


def is_first(path):
    """Whether nobody has made a file before."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
