"""What is timed in a process of its own, by the public API alone, so that any commit can do it.

Each function prepares, does its work at least once, and gives a timer. A question names one and
holds all shapes, so that every process works on the same. A case is a dict of the fields of
`fastnn.cli.bench.Case`.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import fit, rows_and_classes
from workers import Timer, serve

from fastnn import MLPClassifier

SECONDS = 0.05  # of work that is too short to be timed alone
MAX_TIME = 0.3  # of a fit that is ended early


def epoch(case: dict, dtype: str, **parameters: Any) -> Timer:
    """Milliseconds an epoch, or an iteration of L-BFGS."""
    X, y = _data(case, dtype)
    model = _network(case, max_iter=case["epochs"], **parameters)
    return _timer(lambda: fit(model, X, y), case["epochs"])


def epoch_beside_another_process(case: dict, dtype: str) -> Timer:
    """Milliseconds an epoch while another process keeps one core busy."""
    timer = epoch(case, dtype)

    def beside() -> float:
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
            try:
                return timer()
            finally:
                other.kill()

    return beside


def first_fits(case: dict, dtype: str, n: int) -> Timer:
    """Milliseconds of the first fits of a process; for one answer."""
    X, y = _data(case, dtype)
    model = _network(case, max_iter=case["epochs"])

    def timer() -> float:
        began = time.perf_counter()
        for _ in range(n):
            fit(model, X, y)
        return (time.perf_counter() - began) * 1e3

    return timer


def first_prediction(case: dict, dtype: str, rows: int) -> Timer:
    """Milliseconds of the first prediction of a process; for one answer."""
    model = _fitted(case, dtype)
    X, _ = _data(case | {"rows": rows}, dtype)

    def timer() -> float:
        began = time.perf_counter()
        model.predict_proba(X)
        return (time.perf_counter() - began) * 1e3

    return timer


def overrun(case: dict, dtype: str, order: str = "C", **parameters: Any) -> Timer:
    """Milliseconds that a fit goes on after its `max_time`: no kernel looks at the clock."""
    X, y = _data(case, dtype)
    X = np.asarray(X, order=order)
    model = _network(case, max_iter=1_000_000, max_time=MAX_TIME, **parameters)
    timer = _timer(lambda: fit(model, X, y))
    return lambda: timer() - MAX_TIME * 1e3


def prediction(
    case: dict, dtype: str, rows: int, method: str = "predict_proba", order: str = "C"
) -> Timer:
    """Milliseconds of a prediction for so many rows."""
    model = _fitted(case, dtype)
    X = np.asarray(_data(case | {"rows": rows}, dtype)[0], order=order)
    predict = getattr(model, method)
    return _timer(lambda: predict(X))


def forest(case: dict, dtype: str, rows: int) -> Timer:
    """Milliseconds of a prediction by 60 extremely randomized trees."""
    from fastnn.tabular.forest import predict  # which older commits have not
    from fastnn.tabular.growth import Table
    from fastnn.tabular.trees import RandomTrees, fit_random_trees

    X, y = _data(case | {"rows": max(rows, 4000)}, "float64")
    table = Table(X, y, np.zeros(X.shape[1], bool), case["classes"])
    train, held_out = np.arange(4000), np.arange(0)
    trees = fit_random_trees(table, train, held_out, RandomTrees(n_estimators=60)).forest
    return _timer(lambda: predict(trees, X[:rows]))


def step(case: dict, dtype: str, order: str = "C") -> Timer:
    """Milliseconds of a `partial_fit`."""
    X, y = _data(case, dtype)
    X, classes, model = np.asarray(X, order=order), np.arange(case["classes"]), _network(case)
    return _timer(lambda: model.partial_fit(X, y, classes))


def peak(of: str, **parameters: Any) -> Timer:
    """Megabytes that other work, or the import, takes at the most; for one answer.

    Work is counted beyond the import, so that each is seen alone.
    """
    before = _megabytes()
    if of == "import":
        return lambda: before
    WORKLOADS[of](**parameters)
    return lambda: _megabytes() - before


def _megabytes() -> float:
    """The most memory that this process has had, as Linux tells."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _data(case: dict, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    return rows_and_classes(case["rows"], case["features"], case["classes"], dtype)


def _network(case: dict, **parameters: Any) -> MLPClassifier:
    return MLPClassifier(
        tuple(case["hidden"]),
        batch_size=case["batch"],
        tol=0,
        n_iter_no_change=np.inf,
        random_state=0,
        **parameters,
    )


def _fitted(case: dict, dtype: str) -> MLPClassifier:
    few = case | {"rows": 100, "batch": 100}
    return fit(_network(few, max_iter=1), *_data(few, dtype))


def _timer(work: Callable[[], Any], parts: int = 1) -> Timer:
    """Milliseconds of a part of some work, which is done so often that it lasts."""
    work()  # compiles
    began = time.perf_counter()
    work()
    n = max(1, round(SECONDS / (time.perf_counter() - began)))

    def timer() -> float:
        began = time.perf_counter()
        for _ in range(n):
            work()
        return (time.perf_counter() - began) * 1e3 / (n * parts)

    return timer


WORKLOADS: dict[str, Callable[..., Timer]] = {
    work.__name__: work
    for work in (
        *(epoch, epoch_beside_another_process, first_fits, first_prediction, overrun),
        *(prediction, forest, step, peak),
    )
}


def prepare(question: str) -> Timer:
    """The timer of a question: JSON with the name of the work, and its parameters."""
    parameters = json.loads(question)
    return WORKLOADS[parameters.pop("work")](**parameters)


if __name__ == "__main__":
    serve(prepare)
