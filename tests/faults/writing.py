"""Files that are being written when the disk is full, or when the process is killed.

``python writing.py HOW FOLDER SEED N`` writes each kind of file first whole, then N times with a
limit on the size of files (RLIMIT_FSIZE), drawn up to the size of the whole file: to write beyond
it is an error where HOW is "full", and ends the process where it is "killed".
"""

import contextlib
import io
import os
import random
import resource
import signal
import sys
from pathlib import Path

import forking
import joblib
import numpy as np
from work import X, bits, classifier, y

from fastnn.callbacks import Checkpoint
from fastnn.cli import main
from fastnn.compiling import cache

HOW, FOLDER = sys.argv[1], Path(sys.argv[2])
RANDOM = random.Random(f"writing {sys.argv[3]}")
N = int(sys.argv[4])
TABLE, MODEL = FOLDER / "table.csv", FOLDER / "model.skops"
OTHERS = {"table.csv", "model.skops"}  # files that stay as they are


def command(*words):
    """Run a command; returns its status, and what it told."""
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
            main([str(word) for word in words])
    except SystemExit as stop:
        return stop.code, told.getvalue()
    return 0, told.getvalue()


def checkpoint(file):
    model = classifier(max_iter=3, alpha=len(os.listdir(FOLDER)) * 1e-3)
    model.fit(X, y)
    before = bits(model)
    try:
        model.set_callbacks(Checkpoint(file)).fit(X[:, ::-1], y)
    except OSError:
        assert bits(model) == before
        raise


def model(file):
    words = ["--target", "c", "--max-iter", 3, "--seed", len(os.listdir(FOLDER))]
    return command("train", TABLE, *words, "--out", file)


def report(file):
    words = ["--target", "c", "--max-iter", 3, "--out", FOLDER / "beside.skops"]
    return command("train", TABLE, *words, "--report", file)


def answers(file):
    return command("predict", MODEL, TABLE, "--out", file)


def kernel(file):
    made = cache.MachineCode("symbol", ["needs"], RANDOM.randbytes(30_000))
    cache.cache_directory = lambda: file.parent
    cache.keep(file.name, made)
    assert cache.find(file.name) in (made, None)


def is_whole(file):
    if file.suffix == ".joblib":
        bits(joblib.load(file))
    elif file.suffix == ".skops":
        status, told = command("predict", file, TABLE, "--out", FOLDER / "of_it.csv")
        assert status == 0, told
        (FOLDER / "of_it.csv").unlink()
    elif file.suffix == ".html":
        assert file.read_text().rstrip().endswith("</html>")
    elif file.suffix == ".csv":
        assert len(file.read_text().splitlines()) == len(TABLE.read_text().splitlines())
    return True


KINDS = {
    "c.joblib": checkpoint,
    "m.skops": model,
    "r.html": report,
    "a.csv": answers,
    "a.parquet": answers,
    "kernel": kernel,
}


def limited(write, file, size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL if HOW == "killed" else signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        result = write(file)
    except OSError:
        result = 1, ""
    if result is None or result[0] == 0:
        return
    status, told = result
    assert status == 1 or (status == 2 and "cannot be written" in told), told
    assert len(told.strip().splitlines()[-1]) < 500
    raise SystemExit("refused")


def check(name, write):
    file = FOLDER / name
    write(file)
    size = os.path.getsize(file)
    is_whole(file)
    sizes = [RANDOM.randrange(size) for _ in range(N - 1)]
    for limit in [0, *sizes]:
        before = file.read_bytes()
        status = forking.in_child(limited, write, file, limit)
        expected = {0, 1} if HOW == "full" else {0, -signal.SIGXFSZ}
        assert status in expected, (name, limit, status)
        if file.read_bytes() == before:
            continue
        assert name == "kernel" or status == 0, (name, limit, "changed by a call that failed")
        is_whole(file)
    left = {path.name for path in FOLDER.iterdir()} - OTHERS - set(KINDS) - {"beside.skops"}
    if HOW == "full":
        assert left == set(), left
    for rest in left:
        assert rest.startswith((".", "tmp")), rest
        # a process that is killed leaves its temporary file, which nothing takes for the whole one


if __name__ == "__main__":
    cells = np.random.default_rng(0).integers(0, 9, (300, 2))
    lines = [f"{a},{b},{'xyz'[(a + b) % 3]}" for a, b in cells]
    TABLE.write_text("\n".join(["a,b,c", *lines]) + "\n")
    status, told = model(MODEL)
    assert status == 0, told
    for name, write in KINDS.items():
        check(name, write)
        print(name, flush=True)
