"""What an evaluation of L-BFGS takes, how much of it is the gradient, and what threads bring.

    python benchmarks/lbfgs.py [--rounds 7] [--cases digits mnist] [--dtype float64]

The search is SciPy's, on one thread; the gradient is the engine's. Each number of threads has a
process of its own, and a round asks for a whole fit and for as many gradients alone. `--cpu` takes
CPU seconds, of one thread, for a machine that is busy.
"""

import argparse
import sys
import time
from collections.abc import Callable
from statistics import median

import floor
import joblib
import numpy as np
from common import fit
from workers import Timer, Worker, serve

from fastnn import MLPClassifier
from fastnn.cli.bench import CASES, data
from fastnn.engine.cpu import CPU
from fastnn.engine.objective import CpuObjective

ITERATIONS = {"digits": 100, "mnist": 15}
LIMIT_SIZE = 1000  # of the square matrices whose product is the limit


def timer_of(question: str, clock: Callable[[], float]) -> Timer:
    """Milliseconds an evaluation: of a fit, of the gradient alone, or of a large product."""
    what, case_name, dtype = question.split()
    if what == "limit":
        A = np.random.default_rng(0).random((LIMIT_SIZE, LIMIT_SIZE))  # L-BFGS is in float64
        return lambda: milliseconds(lambda: A @ A, 1, clock)
    case = CASES[case_name]
    X, y = data(case, np.dtype(dtype))
    model = MLPClassifier(case.hidden, solver="lbfgs", random_state=0, tol=0)
    model.set_params(max_iter=ITERATIONS.get(case_name, 15))
    objectives: list[CpuObjective] = []
    gradient = CpuObjective.gradient

    def noted(self: CpuObjective, *arguments: object) -> object:
        objectives.append(self)
        return gradient(self, *arguments)  # type: ignore[arg-type]

    CpuObjective.gradient = noted  # type: ignore[method-assign, assignment]
    fit(model, X, y)  # compiles
    n, objective = len(objectives), objectives[-1]
    CpuObjective.gradient = gradient  # type: ignore[method-assign]
    if what == "fit":
        return lambda: milliseconds(lambda: fit(model, X, y), n, clock)

    def gradients() -> None:
        with CPU.running():  # as within a fit: products stay on one thread
            for _ in range(n):
                gradient(objective)

    return lambda: milliseconds(gradients, n, clock)


def milliseconds(work: Callable[[], object], parts: int, clock: Callable[[], float]) -> float:
    began = clock()
    work()
    return (clock() - began) * 1e3 / parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(ITERATIONS))
    parser.add_argument("--dtype", default="float64")
    parser.add_argument("--cpu", action="store_true", help="CPU seconds of one thread")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    clock = time.process_time if arguments.cpu else time.perf_counter
    if arguments.worker:
        serve(lambda question: timer_of(question, clock))
        return
    threads = [1] if arguments.cpu else sorted({1, joblib.cpu_count()})
    print(
        "| case | threads | ms an evaluation | of it the gradient | by one thread | of the limit |"
    )
    print("|---|--:|--:|--:|--:|--:|")
    options = ["--worker", *["--cpu"] * arguments.cpu]
    for name in arguments.cases:
        asked = [(n, what) for n in threads for what in ("fit", "gradient", "limit")]
        workers = {way: Worker(__file__, *options, n_threads=way[0]) for way in asked}
        taken: dict = {way: [] for way in asked}
        for round_ in range(arguments.rounds):
            print(f"{name}, round {round_ + 1}", file=sys.stderr)
            for (n, what), worker in workers.items():
                taken[n, what].append(worker.ask(f"{what} {name} {arguments.dtype}"))
        for worker in workers.values():
            worker.stop()
        for n in threads:
            fits, alone = np.array(taken[n, "fit"]), np.array(taken[1, "fit"])
            share = median(np.array(taken[n, "gradient"]) / fits)
            rate = floor.flops(CASES[name]) / min(fits)
            limit = 2 * LIMIT_SIZE**3 / min(taken[n, "limit"])
            cells = f"{median(fits):.3g} | {share:.0%} | {median(alone / fits):.2f}"
            print(f"| {name} | {n} | {cells} | {rate / limit:.0%} |", flush=True)


if __name__ == "__main__":
    main()
