"""Workers of a Dask cluster beside one process and beside peers, and what many would do.

``python benchmarks/more_machines.py`` prints milliseconds a step, the best and the median epoch of
rounds that take turns: one process of as many threads as there are workers; the workers, joined by
this machine alone and through relays that delay what they say; dask-ml's `Incremental` and
PyTorch's DistributedDataParallel where they are installed. ``--report`` writes MACHINES.json, with
the model of more workers that the documentation draws.
"""

import argparse
import contextlib
import json
import time
import warnings
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import machines_model
import machines_peers
import numpy as np
from compare import machine
from distributed import Client, LocalCluster
from relay import Relay, door_to

import fastnn.dask.fit
from fastnn import MLPClassifier, make_source
from fastnn.dask import DaskMLPClassifier
from fastnn.dask.team import Team

NETWORKS = {  # delay one way, seconds; bits a second
    "0.2 ms, 10 Gbit/s": (0.2e-3, 10e9),
    "1 ms, 1 Gbit/s": (1e-3, 1e9),
}
REPORT = Path(__file__).with_name("MACHINES.json")

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


def go_through(relay: tuple[str, int] | None) -> None:
    """In a worker: have members connect through a relay, or as they do."""
    from fastnn.dask import connections, member

    def connect(address: tuple[str, int], *rest: Any) -> Any:
        return connections.connect(door_to(address, relay), *rest)

    member.connect = connections.connect if relay is None else connect


def epochs(model: MLPClassifier, *given: Any) -> list[float]:
    """Seconds of the epochs of a fit but the first, which begins the members' life."""
    model.set_callbacks(times := Times()).fit(*given)
    return times.seconds[1:]


def measure(options: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds of epochs by each way."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((options.rows, options.columns), dtype=np.float32)
    y = X[:, :5].argmax(axis=1)
    chunk = -(-options.rows // 20)
    given = da.from_array(X, chunks=(chunk, -1)), da.from_array(y, chunks=chunk)
    source, n = make_source(X, y, block_rows=chunk), options.workers
    common = {"batch_size": options.batch, "max_iter": options.epochs, "random_state": 0}
    common |= {"hidden_layer_sizes": tuple(options.units), "tol": 0.0}
    taken: dict[str, list[float]] = {}
    # Else this process, which starts the workers, has one thread from then on, as they have.
    dask.config.set({"distributed.nanny.pre-spawn-environ": {}})
    with contextlib.ExitStack() as stack:
        cluster = LocalCluster(n_workers=n, threads_per_worker=1, dashboard_address=":0")
        client = stack.enter_context(Client(stack.enter_context(cluster)))
        relays = {"this machine": None}
        for name, network in NETWORKS.items():
            relays[name] = stack.enter_context(Relay(*network)).address
        given = client.persist(given)

        def workers(relay: tuple[str, int] | None) -> list[float]:
            client.run(go_through, relay)
            return epochs(DaskMLPClassifier(**common), *given)

        ways = {
            "one process, a thread a worker": lambda: epochs(
                MLPClassifier(**common, n_jobs=n), source
            ),
            "one process, one thread": lambda: epochs(MLPClassifier(**common, n_jobs=1), source),
            "one thread, a quarter of the rows a step": lambda: epochs(
                MLPClassifier(**common | {"batch_size": options.batch // 4}, n_jobs=1), source
            ),
            **{f"workers, {name}": lambda at=at: workers(at) for name, at in relays.items()},
            **machines_peers.ways(options, X, y, given),
        }
        for number in range(options.rounds + 1):
            for name, way in ways.items():
                seconds = way()
                if number:  # the first round compiles
                    taken.setdefault(name, []).extend(seconds)
    return taken


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--rows", type=int, default=200_000)
    asked.add_argument("--columns", type=int, default=100)
    asked.add_argument("--units", type=int, nargs="+", default=[256, 256])
    asked.add_argument("--batch", type=int, default=4096)
    asked.add_argument("--workers", type=int, default=2)
    asked.add_argument("--epochs", type=int, default=3)
    asked.add_argument("--rounds", type=int, default=4)
    asked.add_argument("--report", action="store_true", help="write MACHINES.json")
    options = asked.parse_args()
    fastnn.dask.fit.Team = CountedTeam
    warnings.simplefilter("ignore")
    taken = measure(options)
    n_steps = -(-options.rows // options.batch)
    steps = dict.fromkeys(taken, n_steps)
    steps["one thread, a quarter of the rows a step"] *= 4
    best, median = (
        {name: 1e3 * float(f(seconds)) / steps[name] for name, seconds in taken.items()}
        for f in (min, np.median)
    )
    for name in taken:
        print(f"{name:42} {best[name]:8.2f} ms a step at best, {median[name]:8.2f} in the median")
    n_bytes, n_messages = (
        x / (-(-options.rows // options.batch) * options.epochs) for x in sent[-1]
    )
    print(f"the first worker sends {n_bytes:.0f} bytes a step in {n_messages:.2f} messages")
    costs = machines_model.costs(best, options.batch, options.workers, n_bytes)
    for name, network in NETWORKS.items():
        said = 1e3 * costs.step(options.batch, options.workers, *network)
        print(f"{name}: {said:.2f} ms by the model, {best[f'workers, {name}']:.2f} measured")
    curves = machines_model.curves(costs, NETWORKS)
    for name, batches in machines_model.pays(costs, NETWORKS).items():
        print(f"{name}: half the speed of n machines from a batch of", batches)
    if options.report:
        told = {"machine": machine(), "options": vars(options), "best": best, "median": median}
        told |= {"bytes": n_bytes, "messages": n_messages, "costs": costs._asdict()}
        REPORT.write_text(json.dumps(told | {"curves": curves}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
