"""Two workers of one thread against one process of two threads, on this machine.

``python benchmarks/more_machines.py`` prints milliseconds a step, the best and the median epoch of
rounds that take turns, and what a worker sends in a step.
"""

import argparse
import time

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster

from fastnn import MLPClassifier, make_source
from fastnn.dask import DaskMLPClassifier
from fastnn.dask.team import Team

sent: list[tuple[int, int]] = []


class Times:
    """Notes how long each epoch takes."""

    def __init__(self):
        self.began, self.seconds = 0.0, []

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.began = time.perf_counter()

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch":
            self.seconds.append(time.perf_counter() - self.began)

    def teardown(self, estimator, context):
        pass


class CountedTeam(Team):
    """Notes what its first member has sent."""

    def close(self):
        sent.append(self.sent)
        super().close()


def main():
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rows", type=int, default=200_000)
    asked.add_argument("--columns", type=int, default=100)
    asked.add_argument("--units", type=int, nargs="+", default=[256, 256])
    asked.add_argument("--batch", type=int, default=4096)
    asked.add_argument("--workers", type=int, default=2)
    asked.add_argument("--epochs", type=int, default=3)
    asked.add_argument("--rounds", type=int, default=4)
    options = asked.parse_args()
    rng = np.random.default_rng(0)
    X = rng.standard_normal((options.rows, options.columns), dtype=np.float32)
    y = X[:, :5].argmax(axis=1)
    chunk = -(-options.rows // 20)
    given = da.from_array(X, chunks=(chunk, -1)), da.from_array(y, chunks=chunk)
    common = {"batch_size": options.batch, "max_iter": options.epochs, "random_state": 0}
    common |= {"hidden_layer_sizes": tuple(options.units), "tol": 0.0}
    n_steps = -(-options.rows // options.batch)
    with (
        LocalCluster(
            n_workers=options.workers, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        given = client.persist(given)
        source = make_source(X, y, block_rows=chunk)
        times = {"one process": [], "cluster": []}
        for number in range(options.rounds + 1):
            alone = MLPClassifier(**common, n_jobs=options.workers).set_callbacks(one := Times())
            alone.fit(source)
            shared = DaskMLPClassifier(**common).set_callbacks(many := Times()).fit(*given)
            assert shared.loss_curve_ == alone.loss_curve_
            if number:  # the first round compiles
                times["one process"] += one.seconds[1:]
                times["cluster"] += many.seconds[1:]
    for name, seconds in times.items():
        best, median = 1e3 * np.array([min(seconds), np.median(seconds)]) / n_steps
        print(f"{name:12} {best:8.2f} ms a step at best, {median:8.2f} in the median")
    best, median = (f(times["one process"]) / f(times["cluster"]) for f in (min, np.median))
    print(f"speed of the cluster: {best:.2f} at best, {median:.2f} in the median")
    n_bytes, n_messages = sent[-1]
    n_all = n_steps * options.epochs
    print(f"the first worker sends {n_bytes / n_all:.0f} bytes, {n_messages / n_all:.2f} messages")


if __name__ == "__main__":
    import warnings

    import fastnn.dask.fit

    fastnn.dask.fit.Team = CountedTeam
    warnings.simplefilter("ignore")
    main()
