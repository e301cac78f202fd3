"""The demo: real handwritten digits, beside scikit-learn."""

import time
import warnings
from typing import Any

import click
import sklearn.neural_network
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from fastnn.compiling.cache import cache_directory
from fastnn.engine import threads
from fastnn.estimators.classifier import MLPClassifier
from fastnn.progress import EpochProgress

ROUNDS = 3  # of the timing


def run() -> None:
    """Train on handwritten digits, and tell accuracy and time of both libraries."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X / 16, y, test_size=0.25, random_state=0, stratify=y
    )
    click.echo(f"Digits: {len(X_train)} images of 8 x 8 to train on, {len(X_test)} held out.")
    parameters: dict[str, Any] = {"hidden_layer_sizes": (100,), "max_iter": 80, "random_state": 0}
    data, watched = (X_train, y_train), {"X_val": X_test, "y_val": y_test}
    ready = _seconds(MLPClassifier(**{**parameters, "max_iter": 1}), *data, **watched)
    _seconds(MLPClassifier(**parameters).set_callbacks(EpochProgress()), *data, **watched)
    # Timed alike: with nobody watching, in turn, and the best of each, as a machine may be busy.
    ours = MLPClassifier(**parameters)
    theirs = sklearn.neural_network.MLPClassifier(**parameters)
    rounds = [[_seconds(model, *data) for model in (ours, theirs)] for _ in range(ROUNDS)]
    seconds, seconds_theirs = map(min, zip(*rounds, strict=True))
    rows = [
        ("fastnn", ours.score(X_test, y_test), seconds),
        ("scikit-learn", theirs.score(X_test, y_test), seconds_theirs),
    ]
    for name, accuracy, took in rows:
        click.echo(f"{name:<13} accuracy on held-out rows {accuracy:.2%}, trained in {took:.3f} s")
    click.echo(
        f"fastnn was {seconds_theirs / seconds:.1f} times as fast over {ours.n_iter_} epochs, by "
        f"the best of {ROUNDS} fits each."
    )
    click.echo(f"Threads: at most {threads.available()}.")
    click.echo(
        f"Compiled kernels: ready in {ready:.1f} s, kept in {cache_directory() or 'no folder'}."
    )


def _seconds(model: Any, X: Any, y: Any, **validation: Any) -> float:
    """Time a fit; an interrupt goes on to the caller."""
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("error", "Training interrupted by user")
        try:
            model.fit(X, y, **validation)
        except UserWarning:
            raise KeyboardInterrupt from None
    return time.perf_counter() - began
