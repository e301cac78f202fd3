"""Interrupts at any moment: a usable state, or after an import in pieces a new process."""

import signal
import time
from typing import NamedTuple

import pytest
from harness import Program, amount, moments, nearly_empty, run, two_at_once

# A warm process: after each interrupt the estimator predicts, and a new fit has the first bits. An
# error that Python can raise nowhere, as in a finalizer, it only tells of: the interrupt is lost.
WARM = """
    import os, signal, sys, threading, time, warnings
    from copy import deepcopy
    import numpy as np
    from work import ENDLESS, X, bits, classifier, regressor, rows, y

    kinds, *after = sys.argv[1:]
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
    pid, first = os.getpid(), bits(classifier().fit(X, y))

    def lose(unraisable):
        sys.__unraisablehook__(unraisable)
        os.abort()

    sys.unraisablehook = lose

    def interrupt(seconds):
        time.sleep(seconds)
        os.kill(pid, signal.SIGINT)

    def has_come_through(kind, model, work, seconds):
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

    for kind in kinds.split(","):
        model, work = MODELS[kind]
        for seconds in map(float, after):
            print(kind, seconds, flush=True)
            has_come_through(kind, model if kind == "predict" else deepcopy(model), work, seconds)
            assert bits(classifier().fit(X, y)) == first
    print("usable")
"""
KINDS = ["fit", "threads", "early stopping", "lbfgs", "predict", "partial_fit", "resume"]


def test_interrupts_of_warm_work():
    def interrupt(kinds):
        after = moments(f"interrupt {kinds}", amount(2, 20), 0.25)
        limit = 60 + 3 * len(after) * len(kinds)
        assert run(WARM, ",".join(kinds), *after, limit=limit).endswith("usable")

    two_at_once(interrupt, [KINDS[::2], KINDS[1::2]])


FIRST = """
    print("begun", flush=True)
    from work import X, bits, classifier, y

    print("imported", flush=True)
    print(bits(classifier().fit(X, y)), flush=True)
"""


SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGINT, signal.SIGKILL]


class Alone(NamedTuple):
    """What `FIRST` gives that nobody disturbs, and how long its parts take here and now."""

    bits: str
    seconds: dict[str, float]  # from one word that it prints to the next
    cache: str  # where it has left its kernels


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    cache = nearly_empty(tmp_path_factory.mktemp("alone"))
    program = Program(FIRST, imports=True, NUMBA_CACHE_DIR=cache)
    began = [program.wait_for(word) or time.monotonic() for word in ("begun", "imported")]
    bits = program.end().out.split()[-1]
    seconds = {"begun": began[1] - began[0], "imported": time.monotonic() - began[1]}
    return Alone(bits, seconds, cache)


def interrupted(when, longest, places):
    """Start programs and send each a signal at a moment after it has said so.

    Each place is a folder for kernels, which some of them share.
    """

    def interrupt(numbered):
        i, seconds = numbered
        number = SIGNALS[i % len(SIGNALS)]
        place = places[i * len(places) // len(after)]
        program = Program(FIRST, imports=when == "begun", NUMBA_CACHE_DIR=place)
        program.wait_for(when)
        time.sleep(seconds)
        program.send(number)
        ended = program.end()
        assert ended.status in (0, 1, -number), ended.told()
        # NumPy's machine code makes an ImportError of one that comes while it imports.
        words = ("KeyboardInterrupt", *["ImportError"] * (when == "begun"))
        assert ended.status != 1 or any(word in ended.err for word in words), ended.told()

    after = moments(when, amount(4, 40), longest)  # in small, one of each signal
    two_at_once(interrupt, enumerate(after))


def test_signals_while_fastnn_is_imported(alone):
    interrupted("begun", alone.seconds["begun"], [alone.cache])
    assert run(FIRST, NUMBA_CACHE_DIR=alone.cache).split()[-1] == alone.bits


def test_signals_while_kernels_are_compiled(alone, tmp_path):
    """What is on disk then is whole: a new process goes on from it."""
    places = [nearly_empty(tmp_path / f"{i}") for i in range(amount(1, 10))]
    interrupted("imported", alone.seconds["imported"], places)
    told = two_at_once(lambda place: run(FIRST, NUMBA_CACHE_DIR=place), places)
    assert {one.split()[-1] for one in told} == {alone.bits}


COMMAND = """
    import sys

    class Begun:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "fastnn.cli.commands":  # the first that `main` looks for
                print("begun", flush=True)

    sys.meta_path.insert(0, Begun)
    from fastnn.cli import main

    main()
"""


def test_interrupts_of_the_command(tmp_path):
    """Python's own start tells of one in its own way; from the call of `main` to the end we do."""
    table = tmp_path / "table.csv"
    table.write_text("a,b,c\n" + "".join(f"{i % 7},{i % 5},{'xyz'[i % 3]}\n" for i in range(3000)))

    def train(folder):
        folder.mkdir()
        words = ["--target", "c", "--max-iter", 20, "--report", folder / "r.html"]
        words += ["--out", folder / "m.skops"]
        return Program(COMMAND, "train", table, *words, imports=True)

    began = time.monotonic()
    ended = train(tmp_path / "alone").end()
    assert ended.status == 0, ended.told()
    longest = 1.1 * (time.monotonic() - began)

    def interrupt(numbered):
        number, seconds = numbered
        folder = tmp_path / f"{number}"
        program = train(folder)
        time.sleep(seconds)
        program.send(signal.SIGINT)
        ended = program.end()
        if "begun" in ended.out:
            assert ended.status in (0, 130), ended.told()
            assert "Traceback" not in ended.err, ended.told()
        if ended.status == 130:
            assert ended.err.rstrip().endswith("fastnn: interrupted."), ended.told()
        assert {file.name for file in folder.iterdir()} <= {"m.skops", "r.html"}
        if (folder / "m.skops").exists():
            words = ["predict", folder / "m.skops", table, "--out", folder / "answers.csv"]
            run(COMMAND, *words)

    two_at_once(interrupt, enumerate(moments("train", amount(4, 40), longest)))
