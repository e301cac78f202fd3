"""What threads cost that share a loop, and an epoch beside others that want the same cores.

    python benchmarks/shared_loops.py [--rounds 9] [--cases digits deep] [--others 0 2 4]

First a loop of parts that take a given time, again and again in one call of machine code, by one
thread and by two: the time beyond half is what meeting takes. Then epochs of fits, on one thread
and on all, while so many other processes compute: of their fair share of the cores a fit of all
threads gets (cores + others) / cores times its time alone.
"""

import argparse
import subprocess
import sys
import time
from statistics import median

import joblib
import numpy as np
from common import fit

from fastnn import MLPClassifier
from fastnn.cli.bench import CASES, data
from fastnn.compiling.language import interface
from fastnn.compiling.runtime import Call, DTypes, address_of
from fastnn.engine import threads
from fastnn.kernels.sharing import prange, share

DTYPES = DTypes(np.dtype(np.float64))
N_LOOPS = 2000
APART = 8  # numbers of a cache line


@interface("int64[::1], int64, float64[::1]")
def parts_loop(team, n_turns, out):
    """Compute something in as many parts as `out` has cache lines."""
    for i in prange(team, out.size // APART):
        total = 0.0
        for turn in range(n_turns):  # each waits for the one before
            total = 0.5 * total + turn
        out[APART * i] = total


@interface("address, int64, int64, float64[::1], int64[::1]")
def loops(loop, n_loops, n_turns, out, team):
    """Go through a loop again and again."""
    for _ in range(n_loops):
        share(team, loop, n_turns, out)


def microseconds(n_threads: int, n_parts: int, n_turns: int) -> float:
    call, out = Call(loops, DTYPES, address_of(parts_loop, DTYPES)), np.zeros(APART * n_parts)
    with threads.team(n_threads) as team:
        began = time.perf_counter()
        call(N_LOOPS, n_turns, out, team)
        return (time.perf_counter() - began) * 1e6 / N_LOOPS


def cost_of_sharing(rounds: int) -> None:
    print("parts  one thread, us  two threads, us")
    for n_parts, n_turns in ((2, 0), (2, 100), (2, 500), (2, 5000), (20, 500)):
        times = [[microseconds(n, n_parts, n_turns) for n in (1, 2)] for _ in range(rounds)]
        one, two = np.min(times, axis=0)
        print(f"{n_parts:5}  {one:14.2f}  {two:15.2f}", flush=True)


def beside_others(case_name: str, n_others: int, rounds: int) -> dict[int | None, float]:
    """Milliseconds an epoch, the median, by n_jobs."""
    case = CASES[case_name]
    taken: dict[int | None, list[float]] = {1: [], None: []}
    X, y = data(case, np.dtype(np.float32))
    command = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(command) for _ in range(n_others)]
    try:
        for _ in range(rounds + 1):
            for n_jobs, times in taken.items():
                model = MLPClassifier(case.hidden, n_jobs=n_jobs, random_state=0, tol=0)
                began = time.perf_counter()
                fit(model.set_params(max_iter=case.epochs, n_iter_no_change=10**6), X, y)
                times.append((time.perf_counter() - began) * 1e3 / case.epochs)
    finally:
        for other in others:
            other.kill()
            other.wait()
    return {n: median(times[1:]) for n, times in taken.items()}  # the first compiles


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cases", nargs="*", choices=CASES, default=["digits", "deep"])
    parser.add_argument("--others", type=int, nargs="+", default=[0, 2, 4])
    arguments = parser.parse_args()
    cost_of_sharing(arguments.rounds)
    print(f"\ncase    others  one thread, ms  all, ms  all by alone  share ({joblib.cpu_count()})")
    for name in arguments.cases:
        alone = None
        for n_others in arguments.others:
            times = beside_others(name, n_others, arguments.rounds)
            alone = times[None] if alone is None else alone
            fair = 1 + n_others / joblib.cpu_count()
            print(
                f"{name:8}{n_others:6}{times[1]:16.3f}{times[None]:9.3f}"
                f"{times[None] / alone:14.2f}{fair:7.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
