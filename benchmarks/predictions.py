"""Predictions by their number of rows beside the peers, and epochs with `scoring` and without.

    python benchmarks/predictions.py [--rounds N]    # prints the tables

They are parts of RESULTS.md, too (compare.py), save for those of other networks than 64-100-10 and
of data frames. Each peer predicts on one core in a process of its own, which is asked in turn; a
figure is the best of many calls, and a table has the median of the rounds.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from workers import Timer, Worker, serve

from fastnn import MLPClassifier, MLPRegressor

SIZES = (1, 2, 7, 8, 16, 32, 33, 64, 100, 300, 500, 1000)
METHODS = "predict_proba", "predict"
SECONDS = 0.05  # of calls for a figure
ONNX = "ONNX Runtime"

# Hidden layers and activation (relu); of 10 classes or, with an R, of one target.
PLAIN = "100"
NETWORKS = {
    PLAIN: {},
    **{f"100, {name}": {"activation": name} for name in ("tanh", "logistic", "identity")},
    "100, R": {},
    "100 100 100": {"hidden_layer_sizes": (100, 100, 100)},
    "1000": {"hidden_layer_sizes": (1000,)},
    "512 512": {"hidden_layer_sizes": (512, 512)},
    "512 512, R": {"hidden_layer_sizes": (512, 512)},
}
FRAME = "100, a data frame"
SOME_SIZES = (1, 7, 33, 100, 1000)


def peers(dtype: str) -> list[str]:
    has_onnx = dtype == "float32" and find_spec("onnxruntime") and find_spec("onnx")
    return ["fastnn", "scikit-learn", *[ONNX] * bool(has_onnx)]


def predictors(peer: str, dtype: str, network: str) -> dict[str, Callable]:
    """What predicts, by method: all peers have the weights of one fit."""
    random = np.random.default_rng(0)
    X, y = random.normal(size=(1000, 64)).astype(dtype), random.integers(0, 10, 1000)
    estimator = MLPRegressor if network.endswith("R") else MLPClassifier
    parameters = {} if network == FRAME else NETWORKS[network]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = estimator(max_iter=3, random_state=0, dtype=dtype, **parameters)
        model.fit(framed(X) if network == FRAME else X, y)
    if peer == ONNX:
        import onnxruntime

        from fastnn.convert.onnx import to_onnx

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(to_onnx(model, X[:3]).SerializeToString(), options)
        (given,), (label, probabilities) = session.get_inputs(), session.get_outputs()
        return {
            "predict": lambda X: session.run([label.name], {given.name: X}),
            "predict_proba": lambda X: session.run([probabilities.name], {given.name: X}),
        }
    model = model if peer == "fastnn" else model.to_sklearn()
    return {method: getattr(model, method) for method in METHODS if hasattr(model, method)}


def framed(X: np.ndarray) -> Any:
    from pandas import DataFrame

    return DataFrame(X, columns=[f"column {k}" for k in range(X.shape[1])])


def timer_of(peer: str, dtype: str) -> Callable[[str], Timer]:
    """Prepare for questions: a network, a method and a number of rows; answers are microseconds."""
    methods_of = cache(partial(predictors, peer, dtype))

    def prepare(question: str) -> Timer:
        network, method, rows = question.split(": ")
        X = np.random.default_rng(1).normal(size=(int(rows), 64)).astype(dtype)
        given = framed(X) if network == FRAME else X
        predict = methods_of(network)[method]

        def best() -> float:
            seconds, ends = [], time.perf_counter() + SECONDS
            while len(seconds) < 3 or time.perf_counter() < ends:
                began = time.perf_counter()
                for _ in range(3):
                    predict(given)
                seconds.append((time.perf_counter() - began) / 3)
            return min(seconds) * 1e6

        return best

    return prepare


def by_size(rounds: int) -> Iterator[str]:
    """Lines of a Markdown table for each dtype: microseconds, who beats fastnn in italics."""
    for dtype in ("float32", "float64"):
        names = peers(dtype)
        workers = {name: Worker(__file__, "--worker", name, dtype, n_threads=1) for name in names}
        yield f"| {dtype}, rows | {' | '.join(f'{m}: {n}' for m in METHODS for n in names)} |"
        yield "|--:" * (1 + len(METHODS) * len(names)) + "|"
        for rows in SIZES:
            cells = []
            for method in METHODS:
                taken: dict[str, list[float]] = {name: [] for name in names}
                for _ in range(rounds):
                    for name, worker in workers.items():
                        taken[name].append(worker.ask(f"{PLAIN}: {method}: {rows}"))
                ours = median(taken["fastnn"])
                for name in names:
                    us = median(taken[name])
                    cells.append(f"*{us:.1f}*" if us < ours else f"{us:.1f}")
            yield f"| {rows} | {' | '.join(cells)} |"
        yield ""
        for worker in workers.values():
            worker.stop()


def by_network(rounds: int) -> Iterator[str]:
    """Lines of a table for each dtype: microseconds, and how often that is in scikit-learn's."""
    names = ("fastnn", "scikit-learn")
    for dtype in ("float32", "float64"):
        workers = {name: Worker(__file__, "--worker", name, dtype, n_threads=1) for name in names}
        yield f"| {dtype}, rows | {' | '.join(map(str, SOME_SIZES))} |"
        yield "|---" + "|--:" * len(SOME_SIZES) + "|"
        for network in (*NETWORKS, FRAME):
            method, cells = "predict" if network.endswith("R") else "predict_proba", []
            for rows in SOME_SIZES:
                taken: dict[str, list[float]] = {name: [] for name in names}
                for _ in range(rounds):
                    for name, worker in workers.items():
                        taken[name].append(worker.ask(f"{network}: {method}: {rows}"))
                ours, theirs = (median(taken[name]) for name in names)
                cells.append(f"{ours:.1f} ({theirs / ours:.1f})")
            yield f"| {network} | {' | '.join(cells)} |"
        yield ""
        for worker in workers.values():
            worker.stop()


EPOCHS = {
    "no validation": {},
    "`X_val` alone": {},
    "`early_stopping`": {"early_stopping": True, "n_iter_no_change": 10**6},
    '`scoring="accuracy"`': {"scoring": "accuracy"},
    '`scoring="neg_log_loss"`': {"scoring": "neg_log_loss"},
    '`scoring="accuracy", train_scores=True`': {"scoring": "accuracy", "train_scores": True},
}


def scored_epochs(rounds: int, epochs: int = 3) -> Iterator[str]:
    """Lines of a table: an epoch on 4000 x 392 rows, 3 x 256 units, with 1000 validation rows."""
    random = np.random.default_rng(0)
    X, y = random.normal(size=(5000, 392)).astype(np.float32), random.integers(0, 5, 5000)
    taken: dict[str, list[float]] = {name: [] for name in EPOCHS}
    for _ in range(rounds + 1):
        for name, options in EPOCHS.items():
            model = MLPClassifier((256,) * 3, max_iter=epochs, random_state=0, tol=0, **options)
            validation = {} if name == "no validation" else {"X_val": X[4000:], "y_val": y[4000:]}
            began = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(X[:4000], y[:4000], **validation)
            taken[name].append((time.perf_counter() - began) / epochs * 1e3)
    yield "| an epoch with | ms | by that without |"
    yield "|---|--:|--:|"
    plain = taken["no validation"][1:]  # the first round compiles
    for name, ms in taken.items():
        ratio = median(one / other for one, other in zip(ms[1:], plain, strict=True))
        yield f"| {name} | {median(ms[1:]):.1f} | {ratio:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        serve(timer_of(*arguments.worker))
        return
    for table in (by_size, by_network, scored_epochs):
        for line in table(arguments.rounds):
            print(line, flush=True)


if __name__ == "__main__":
    main()
