"""No memory, no disk, no files, no home: a clear error, and what there was stays."""

import os
import subprocess

import pytest
from harness import SEED, amount, nearly_empty, run, two_at_once


@pytest.mark.parametrize("how", ["full", "killed"])
def test_files_are_the_old_one_or_the_new_one(how, tmp_path):
    run("writing.py", how, tmp_path, SEED, amount(3, 40), limit=amount(120, 3000))


# Children of a process that has imported all get so much memory more than they have.
MEMORY = """
    import os, resource, sys
    import forking
    import numpy as np
    from scipy.linalg import blas
    from work import X, bits, classifier, regressor, rows, y

    kind, folder, *steps = sys.argv[1:]
    data, labels = rows(20_000)
    model = classifier(n_jobs=1)
    first = bits(model.fit(X, y)) if kind == "warm" else None

    def limited(more):
        if kind == "cold":  # each with a cache of its own
            os.environ["NUMBA_CACHE_DIR"] = os.path.join(folder, str(more))
        # A thread's first product never returns where OpenBLAS gets no memory for its 32 MB.
        _ = data.T @ data, blas.dgemm(1.0, data[:99], data[:99].T)
        with open("/proc/self/status") as file:
            size = next(int(line.split()[1]) for line in file if line.startswith("VmSize"))
        resource.setrlimit(resource.RLIMIT_AS, (size * 1024 + more, resource.RLIM_INFINITY))
        try:
            if kind == "warm":
                wide = {"hidden_layer_sizes": (400,), "batch_size": 5000, "max_iter": 1}
                model.set_params(**wide).fit(data[:, :30], labels).predict(data[:, :30])
                regressor(solver="lbfgs", max_iter=2, n_jobs=1).fit(data, labels)
            else:
                model.fit(X, y).predict(X)
            print("fitted", flush=True)
        except (MemoryError, OSError, RuntimeError) as error:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
            print(type(error).__name__, flush=True)
            if kind == "warm":
                assert model.n_features_in_ == 30 or bits(model) == first
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
        classifier(max_iter=1).fit(X, y)  # memory is there again

    for step in steps:
        status = forking.in_child(limited, int(step))
        assert status == 0, (step, status)
"""


def steps(n, most):
    return [round(most * (i + 0.5) / n) for i in range(n)]


def test_memory_that_ends_in_warm_work(tmp_path):
    more = steps(amount(6, 36), 200e6)
    told = run(MEMORY, "warm", tmp_path, *more, limit=amount(120, 900)).split()
    assert {"fitted", "MemoryError"} <= set(told)


def test_memory_that_ends_in_a_first_fit(tmp_path):
    more = steps(amount(3, 18), 600e6)
    for step in more:
        nearly_empty(tmp_path / f"{step}")
    told = run(MEMORY, "cold", tmp_path, *more, limit=amount(200, 900))
    assert {"fitted", "MemoryError"} <= set(told.split())


FILES = """
    import os, resource, sys, tempfile
    import forking
    import joblib
    import numpy as np
    from fastnn.callbacks import Checkpoint
    from work import X, bits, classifier, open_files, rows, y

    folder, kind = sys.argv[1:]
    data, labels = rows(4000, 100)
    model = classifier().fit(X, y) if kind == "warm" else classifier()
    first = bits(model) if kind == "warm" else None
    checkpoint = Checkpoint(os.path.join(folder, "c.joblib"))

    def limited(more):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (open_files() - 1 + more, most))
        try:
            wide = {"hidden_layer_sizes": (100,), "batch_size": 2000, "max_iter": 2}
            if kind == "warm":
                classifier(n_jobs=2, **wide).fit(data, labels).predict(data)
            model.set_callbacks(checkpoint).set_params(max_iter=3).fit(X, y)
            print("fitted", flush=True)
        except OSError as error:
            assert "Too many open files" in str(error), error
            print("refused", flush=True)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, most), most))
        if kind == "warm":
            assert bits(model) in (first, bits(classifier(max_iter=3).fit(X, y)))

    for more in range(5 if kind == "warm" else 3):
        assert forking.in_child(limited, more) == 0, more
"""


@pytest.mark.parametrize("kind", ["warm", "cold"])
def test_files_run_out(kind, tmp_path):
    kernels = {"NUMBA_CACHE_DIR": nearly_empty(tmp_path / "kernels")} if kind == "cold" else {}
    told = run(FILES, tmp_path, kind, limit=120, OMP_NUM_THREADS="2", **kernels).split()
    assert told[0] in ("refused", "fitted")
    assert told[-1] == "fitted"


FIT = "from work import *; print(bits(classifier().fit(X, y)))"
PLACES = {
    "no home": {"HOME": None, "XDG_CACHE_HOME": None, "NUMBA_CACHE_DIR": None},
    "a file for a folder": {"NUMBA_CACHE_DIR": os.path.abspath(__file__)},
    "no folder for temporary files": {"TMPDIR": "/proc/none"},
}


def test_places_that_are_missing():
    first = run(FIT)
    assert two_at_once(lambda place: run(FIT, **PLACES[place]), PLACES) == [first] * len(PLACES)


NAMESPACE = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
WITHOUT_SHM = [*NAMESPACE, 'mount -t tmpfs -o ro none /dev/shm && exec "$@"', "sh"]
WIDE = """
    import os
    from work import bits, classifier, rows

    data, labels = rows(4000, 6)
    wide = {"hidden_layer_sizes": (100,), "batch_size": 2000, "max_iter": 2}
    print(os.access("/dev/shm", os.W_OK), bits(classifier(n_jobs=2, **wide).fit(data, labels)))
"""


def test_no_shared_memory():
    if subprocess.run([*WITHOUT_SHM, "true"], capture_output=True).returncode:
        pytest.skip("this machine does not let a user make a namespace of mounts")
    told = run(WIDE, OMP_NUM_THREADS="2").split()
    without = run(WIDE, command=WITHOUT_SHM, OMP_NUM_THREADS="2").split()
    assert without == ["False", told[1]]
