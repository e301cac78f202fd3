"""Interrupts at any moment: a usable state, or after an import in pieces a new process."""

import signal
import time

import pytest
from harness import Program, amount, moments, run, two_at_once

# One warm process: after each interrupt the estimator predicts, and a new fit has the first bits.
WARM = """
    import os, signal, sys, threading, time, warnings
    from copy import deepcopy
    import numpy as np
    from work import ENDLESS, X, bits, classifier, regressor, rows, y

    kind, *after = sys.argv[1:]
    data, labels = rows(2000)
    endless = {"batch_size": 50, **ENDLESS}
    paused = classifier(hidden_layer_sizes=(30,), **{**endless, "max_iter": 2}).fit(data, labels)

    def predict(model):
        while True:
            model.predict_proba(data), model.predict(data[:1])

    def partial_fit(model):
        while True:
            model.partial_fit(data, labels)

    def resume(model):
        model.set_params(max_iter=10**6).resume(data, labels)

    MODELS = {
        "fit": (classifier(hidden_layer_sizes=(30,), **endless), lambda m: m.fit(data, labels)),
        "threads": (
            classifier(hidden_layer_sizes=(100,), n_jobs=2, **{**endless, "batch_size": 1000}),
            lambda m: m.fit(data, labels),
        ),
        "early stopping": (
            classifier(early_stopping=True, scoring="f1", **endless),
            lambda m: m.fit(data, labels),
        ),
        "lbfgs": (
            regressor(solver="lbfgs", max_fun=10**9, **{**ENDLESS, "tol": 0}),
            lambda m: m.fit(data, data[:, 0] ** 2),
        ),
        "predict": (paused, predict),
        "partial_fit": (paused, partial_fit),
        "resume": (paused, resume),
    }
    model, work = MODELS[kind]
    pid, first = os.getpid(), bits(classifier().fit(X, y))

    def interrupt(seconds):
        time.sleep(seconds)
        os.kill(pid, signal.SIGINT)

    def has_come_through(model):
        before = vars(model).copy()
        told = []
        sender = threading.Thread(target=interrupt, args=(seconds,))
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                sender.start()
                work(model)
                sender.join()
                time.sleep(0.01)  # where the interrupt has come by now at last
        except KeyboardInterrupt:
            pass
        sender.join()
        if hasattr(model, "coefs_"):
            assert np.isfinite(model.predict(data)).all()
            assert np.isfinite(getattr(model, "loss_", 0.0))  # none before the first epoch's end
            curve, n_iter = len(model.loss_curve_), model.n_iter_
            assert curve in (n_iter, n_iter + 1) or kind == "partial_fit", (curve, n_iter)
        if not told and kind not in ("predict", "partial_fit"):  # as it was
            assert vars(model).keys() == before.keys(), vars(model).keys() ^ before.keys()

    for seconds in map(float, after):
        has_come_through(model if kind == "predict" else deepcopy(model))
        assert bits(classifier().fit(X, y)) == first
    print("usable")
"""
KINDS = ["fit", "threads", "early stopping", "lbfgs", "predict", "partial_fit", "resume"]


def test_interrupts_of_warm_work():
    def interrupt(kind):
        after = moments(f"interrupt {kind}", amount(2, 60), 0.25)
        assert run(WARM, kind, *after, limit=60 + 2 * len(after)) == "usable"

    two_at_once(interrupt, KINDS)


FIRST = """
    import sys
    print("begun", flush=True)
    from work import X, bits, classifier, y

    print("imported", flush=True)
    print(bits(classifier().fit(X, y)), flush=True)
"""


SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]


@pytest.fixture(scope="module")
def first_bits():
    return run(FIRST).split()[-1]


def interrupted(when, longest, **environment):
    """Start programs and send each a signal at a moment after it has said so."""

    def interrupt(numbered):
        i, seconds = numbered
        program = Program(FIRST, **environment)
        program.wait_for(when)
        time.sleep(seconds)
        program.send(SIGNALS[i % 3])
        ended = program.end()
        assert ended.status in (0, 1, -SIGNALS[i % 3]), ended.told()
        assert ended.status != 1 or "KeyboardInterrupt" in ended.err, ended.told()

    two_at_once(interrupt, enumerate(moments(when, amount(3, 200), longest)))


def test_signals_while_fastnn_is_imported(first_bits):
    interrupted("begun", 1.5)
    assert run(FIRST).split()[-1] == first_bits


def test_signals_while_kernels_are_compiled(first_bits, tmp_path):
    """What is on disk then is whole: a new process goes on from it."""
    interrupted("imported", 3, NUMBA_CACHE_DIR=str(tmp_path))
    assert run(FIRST, NUMBA_CACHE_DIR=str(tmp_path)).split()[-1] == first_bits


TRAIN = """
    import sys
    from fastnn.cli import main

    print("begun", flush=True)
    main(sys.argv[1:])
"""


def test_interrupts_of_the_command(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("a,b,c\n" + "".join(f"{i % 7},{i % 5},{'xyz'[i % 3]}\n" for i in range(3000)))

    def interrupt(numbered):
        number, seconds = numbered
        folder = tmp_path / f"{number}"
        folder.mkdir()
        out = folder / "m.skops"
        words = ["--target", "c", "--out", out, "--max-iter", 5000, "--report", folder / "r.html"]
        program = Program(TRAIN, "train", table, *words)
        program.wait_for("begun")
        time.sleep(seconds)
        program.send(signal.SIGINT)
        ended = program.end()
        assert ended.status in (0, 130), ended.told()
        if ended.status == 130:
            assert ended.err.rstrip().endswith("fastnn: interrupted."), ended.told()
            assert "Traceback" not in ended.err, ended.told()
        assert {file.name for file in folder.iterdir()} <= {"m.skops", "r.html"}
        if out.exists():
            run(TRAIN, "predict", out, table, "--out", folder / "answers.csv")

    two_at_once(interrupt, enumerate(moments("train", amount(3, 40), 6)))
