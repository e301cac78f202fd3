"""How many threads the kernels run on, and one thread for each matrix product within them.

A shard of a mini-batch goes through the network on one thread, so BLAS must not start threads of
its own: its limit is set to 1 while any fit or predict of this process runs, and put back after
the last. Where threads would not pay, one thread gives the same bits.
"""

import contextlib
import multiprocessing
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import joblib
import numpy as np

from fastnn.compiling import language as jit
from fastnn.compiling.intrinsics import blas
from fastnn.engine.helpers import Team
from fastnn.kernels.sharing import ALONE, MAX_HELPERS
from fastnn.kernels.tuning import FLOPS_PER_SECOND, LAUNCH_SECONDS, MIN_FLOPS_PER_THREAD
from fastnn.memory import ask

FOR_PRODUCTS = 64 << 20  # a thread's first products take it, by two copies of OpenBLAS

LEAST_FLOPS = 2 * MIN_FLOPS_PER_THREAD  # of a region that two threads share


class _Process:
    """What the fits of this process share."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running: dict[object, int] = {}  # Python's thread of fits and predicts under way
        self.most_running = 0
        self.blas_limits: list[tuple[Any, int]] = []  # of each library, before the first of them
        self.idle: list[Team] = []
        self.seconds_alone = 0.0  # of work that one thread has done for want of others


_process = _Process()


class _Mine(threading.local):
    """What holds for one Python thread."""

    granted: Callable[[], int] | None = None  # by whoever shares the machine out


_mine = _Mine()


def _after_fork() -> None:
    # Helpers do not survive a fork: the child has none, and takes its own.
    global _process
    limits = _process.blas_limits  # of a fit that goes on in the parent; ours ends them
    _process = _Process()
    _process.blas_limits = limits
    _ceiling.cache_clear()  # a worker of a pool has less


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork)


def available() -> int:
    """Threads that a fit of this process may use.

    Cores, CPU affinity and cgroup (counted by joblib), ``NUMBA_NUM_THREADS``, which joblib sets in
    its workers, and ``OMP_NUM_THREADS`` are ceilings; a worker of a process pool gets one. What is
    `granted` counts more than all of these.
    """
    if _mine.granted is None:
        return _ceiling()
    return _mine.granted()


@contextlib.contextmanager
def granted(n_threads: Callable[[], int]) -> Iterator[None]:
    """Let this thread's fits use so many threads, whatever the ceilings of its process are.

    They are asked for each time, as others may come that share them.
    """
    before = _mine.granted
    _mine.granted = n_threads
    try:
        yield
    finally:
        _mine.granted = before


@cache
def _ceiling() -> int:
    if multiprocessing.current_process().daemon:
        return 1
    ceilings = [joblib.cpu_count()]
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        first = os.environ.get(name, "").split(",")[0].strip()
        if first.isdigit() and int(first) > 0:
            ceilings.append(int(first))
    return min(ceilings)


@cache
def _warn_of_one_thread(why: str) -> None:
    """Tell whoever has asked for threads, or would have got them unasked, that there are none."""
    warnings.warn(
        f"No other thread can be started, so that the work goes on with one: {why}", stacklevel=2
    )


def _limit(library: Any, n_threads: int) -> None:
    # threadpoolctl leaves OpenBLAS to the Python thread that was the first to limit it, and lets
    # others do nothing: a fit that ends last, in another thread, could not put the limit back.
    set_threads = getattr(library, "_real_set_num_threads", library.set_num_threads)
    set_threads(n_threads)


@contextlib.contextmanager
def one_thread_blas() -> Iterator[None]:
    """Keep every matrix product on the thread that asks for it; then all limits are put back."""
    process, ours = _process, object()
    try:  # an interrupt may come at any place
        with process.lock:
            process.running[ours] = threading.get_ident()
            if len(process.running) > process.most_running:
                ask(FOR_PRODUCTS, "for the products of matrices")
                process.most_running = len(process.running)
            if not process.blas_limits:
                libraries = blas.libraries()
                process.blas_limits = [(library, library.num_threads) for library in libraries]
                for library in libraries:
                    _limit(library, 1)
        yield
    finally:
        try:
            _leave(process, ours)
        except KeyboardInterrupt:  # one that comes here would leave BLAS on one thread
            _leave(process, ours)
            raise


def _leave(process: _Process, ours: object) -> None:
    """Put back what `one_thread_blas` has set; the second time it changes nothing."""
    with process.lock:
        process.running.pop(ours, None)
        if not process.running:
            for library, n_threads in process.blas_limits:
                _limit(library, n_threads)
            process.blas_limits = []


def worthwhile(flops: float, n_shards: int, n_jobs: int | None = None, n_regions: float = 1) -> int:
    """Threads for so many parallel regions, each of this much work in this many shards.

    Without a number of jobs as many as pay; with one that many, up to the ceilings. A process that
    has no threads yet gets them when one thread has done as much for which several would have
    paid, in all fits and predicts, as it takes to launch them.
    """
    if n_jobs is not None:
        return asked_for(n_jobs, n_shards)
    wanted = min(n_shards, int(2 * flops / LEAST_FLOPS))
    if wanted < 2 or jit.IS_OFF:
        return 1
    n_running = len(set(_process.running.values()))  # one may run within another
    wanted = min(wanted, available() // max(1, n_running))
    if wanted < 2 or not _pays_to_launch(flops * n_regions):
        return 1
    return max(1, min(wanted, int(flops / MIN_FLOPS_PER_THREAD)))


def _pays_to_launch(flops: float) -> bool:
    _process.seconds_alone += flops / FLOPS_PER_SECOND
    return _process.seconds_alone > LAUNCH_SECONDS


def asked_for(n_jobs: int, n_shards: int) -> int:
    """Threads of a number of jobs; -1 stands for all, -2 for all but one, and so on."""
    wanted = n_jobs if n_jobs > 0 else max(1, available() + 1 + n_jobs)
    return 1 if jit.IS_OFF else max(1, min(wanted, n_shards, available()))


@contextlib.contextmanager
def team(n_threads: int) -> Iterator[np.ndarray]:
    """Gather helpers for this thread; yields what its kernels take to share their loops."""
    if n_threads == 1:
        yield ALONE
        return
    process = _process
    with process.lock:
        own = process.idle.pop() if process.idle else Team()
    try:
        yield own.words if _gathered(own, min(n_threads - 1, MAX_HELPERS)) else ALONE
    finally:
        own.release()
        process.idle.append(own)


def _gathered(own: Team, n_helpers: int) -> bool:
    try:
        own.gather(n_helpers)
    except (MemoryError, RuntimeError) as error:
        _warn_of_one_thread(str(error))
        return False
    return True
