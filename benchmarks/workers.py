"""Processes that are asked in turn how long something takes, so that a noisy minute meets all."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np

PAUSE = 0.1  # seconds between two questions: threads may go on spinning after their work
ROUNDS_OF_A_PROCESS = 5  # then a new one: where its memory happens to lie can cost a few percent

Timer = Callable[[], float]
Figures = dict[str, list[float]]  # by side, of each round


class Worker:
    """A process that answers each line with a number.

    Parameters
    ----------
    *arguments : str
        Of Python: a script that calls `serve`, and what it takes.
    n_threads : int
        Threads that the libraries of the process may have.
    **environment : str
        Beside this process's own.
    """

    def __init__(self, *arguments: str, n_threads: int, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, **limits(n_threads), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if n_threads == 1 and hasattr(os, "sched_setaffinity"):  # Linux; elsewhere limits alone
            os.sched_setaffinity(self._process.pid, {max(os.sched_getaffinity(0))})

    def ask(self, question: str) -> float:
        """Ask once more; the first time, the process prepares for the question."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        time.sleep(PAUSE)
        print(question, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"{' '.join(self._process.args[1:])} ended early")  # type: ignore[index]
        return float(answer)

    def stop(self) -> None:
        """Let the process come to its end."""
        self._process.communicate()


def limits(n_threads: int) -> dict[str, str]:
    """Environment in which the libraries of a process have so many threads."""
    names = [f"{library}_NUM_THREADS" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA")]
    limits = dict.fromkeys(names, str(n_threads))
    if n_threads == 1:
        limits["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return limits


def serve(prepare: Callable[[str], Timer]) -> None:
    """Answer questions, one a line, each by a timer that is prepared when its question changes."""
    asked, timer = None, None
    for line in sys.stdin:
        if timer is None or line != asked:
            asked, timer = line, prepare(line.strip())
        print(timer(), flush=True)


def ask_in_turn(
    starts: dict[str, Callable[[], Worker]],
    questions: list[str],
    rounds: int,
    rounds_of_a_process: int = ROUNDS_OF_A_PROCESS,
) -> list[Figures]:
    """Figures of each question: in a round, every side's process is asked once.

    Parameters
    ----------
    starts : dict of str to callable
        Starts the process of a side.
    questions : list of str
    rounds : int
    rounds_of_a_process : int
        After so many each side's process is started anew.
    """
    figures: list[Figures] = [{side: [] for side in starts} for _ in questions]
    order = list(orders(starts, rounds))
    for first in range(0, rounds, rounds_of_a_process):
        workers = {side: start() for side, start in starts.items()}
        for question, taken in zip(questions, figures, strict=True):
            print(f"from round {first}: {question}", file=sys.stderr)
            for sides in order[first : first + rounds_of_a_process]:
                for side in sides:
                    taken[side].append(workers[side].ask(question))
        for worker in workers.values():
            worker.stop()
    return figures


def orders(sides: Iterable[str], rounds: int) -> Iterator[list[str]]:
    """Order of each round: each side is the first in turn, then backwards."""
    sides = list(sides)
    for number in range(rounds):
        turns, first = divmod(number, len(sides))
        order = sides[first:] + sides[:first]
        yield order[::-1] if turns % 2 else order


def spread(ratios: np.ndarray) -> str:
    """Median, and in brackets the middle half."""
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def seconds_of(code: str, **environment: str) -> float:
    """Seconds of a whole new process that runs some Python; `-P` leaves out where it is run."""
    began = time.perf_counter()
    command = [sys.executable, "-P", "-c", code]
    subprocess.run(command, env={**os.environ, **environment}, check=True)
    return time.perf_counter() - began
