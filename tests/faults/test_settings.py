"""Cores, numbers of threads, layers, busy neighbours: the same bits, and no abort."""

import os
import random
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from harness import SEED, amount, run, two_at_once

WORK = """
    from work import bits, classifier, regressor, rows, in_threads

    data, labels = rows(3000, 6)
    wide = {"hidden_layer_sizes": (100,), "batch_size": 1000, "max_iter": 2}

    def fit(several):
        several.append(bits(classifier(n_jobs=-1, **wide).fit(data, labels)))
        several.append(bits(regressor(solver="lbfgs", max_iter=3).fit(data, labels * 1.0)))

    alone, together = [], []
    fit(alone)
    assert in_threads(*[lambda: fit(together)] * 3) == []
    assert set(together) == set(alone)
    print(*alone)
"""
NUMBERS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@pytest.fixture(scope="module")
def right_bits():
    return run(WORK)


def settings(n):
    drawn = random.Random(f"settings {SEED}")
    for _ in range(n):
        numbers = {name: str(drawn.choice([1, 2, 3, 7, 64])) for name in NUMBERS}
        yield {name: number for name, number in numbers.items() if drawn.random() < 0.8}


LAYERS = ["omp", "tbb", "workqueue", "threadsafe", "nothing", "default", "forksafe", "safe"]


def test_numbers_of_threads_and_layers(right_bits):
    cases = [
        {"NUMBA_THREADING_LAYER": layer, **numbers}
        for layer, numbers in zip(LAYERS * 100, settings(amount(5, 60)), strict=False)
    ]
    assert set(two_at_once(lambda case: run(WORK, **case), cases)) == {right_bits}


def test_one_core(right_bits):
    core = str(min(os.sched_getaffinity(0)))
    assert run(WORK, command=["taskset", "-c", core]) == right_bits


def test_busy_neighbours(right_bits):
    """Each fit waits for a core at every step, and comes to its end."""
    burn = [sys.executable, "-c", "while True: pass"]
    neighbours = [
        subprocess.Popen(burn) for _ in range(amount(1, 2) * len(os.sched_getaffinity(0)))
    ]
    try:
        assert run(WORK, limit=120) == right_bits
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()


GROUPS = Path("/sys/fs/cgroup")


@contextmanager
def a_group_of_half_a_core():
    """Make a control group, of the second version or the first; skips where that is not allowed."""
    is_second = (GROUPS / "cgroup.controllers").exists()
    folder = (GROUPS if is_second else GROUPS / "cpu") / f"fastnn-faults-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this user may not make a control group")
    try:
        if is_second:
            (folder / "cpu.max").write_text("50000 100000")
        else:
            (folder / "cpu.cfs_quota_us").write_text("50000")
        yield folder / "cgroup.procs"
    except OSError:
        pytest.skip("this control group does not let its share of cores be set")
    finally:
        with suppress(OSError):
            folder.rmdir()


def test_half_a_core_by_a_control_group(right_bits):
    with a_group_of_half_a_core() as members:
        command = ["sh", "-c", f'echo $$ > {members} && exec "$@"', "sh"]
        assert run(WORK, command=command, limit=120) == right_bits


PLAIN = """
    import numpy as np
    from work import X, classifier, y

    model = classifier(hidden_layer_sizes=(3,), max_iter=2).fit(X[:60], y[:60])
    print(*np.concatenate([w.ravel() for w in (*model.coefs_, *model.intercepts_)]))
"""


def test_without_the_compiler():
    compiled, plain = (run(PLAIN, NUMBA_DISABLE_JIT=off).split() for off in ("0", "1"))
    pairs = zip(map(float, compiled), map(float, plain), strict=True)
    assert max(abs(a - b) for a, b in pairs) < 1e-12
