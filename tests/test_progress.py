"""The bar of epochs, seen by a user: in a terminal, in a file, from threads and processes."""

import os
import pickle
import re
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from processes import ROOT
from sklearn.base import clone
from watchers import Watcher

from fastnn import MLPClassifier
from fastnn.progress import EpochProgress, _duration, _short

SHOW_CURSOR = "\x1b[?25h"
needs_terminal = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty module")

FIT = """
    import numpy as np
    from fastnn import MLPClassifier
    from fastnn.progress import EpochProgress

    X = np.random.default_rng(0).random((400, 5))
    y = (X.sum(axis=1) > 2.5).astype(int)
    model = MLPClassifier((8,), max_iter=20, n_iter_no_change=20, random_state=0)
    model.set_callbacks(EpochProgress())
"""


def start_in_terminal(program, columns=80, **environment):
    """Run a program in a terminal of its own; returns the process and the terminal's other end."""
    import pty

    ours, theirs = pty.openpty()
    variables = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "TERM": "xterm-256color",
        "COLUMNS": str(columns),
        **environment,
    }
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=variables,
        start_new_session=True,
    )
    os.close(theirs)
    return process, ours


def read_to_end(process, terminal):
    """All that the program has written, and its status."""
    parts = []
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux' way to say that the other end is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(terminal)
    return b"".join(parts).decode(), process.wait(timeout=60)


def lines(screen):
    """Lines as written, without control sequences; each state of a live bar is one."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen)
    return [line.rstrip() for line in re.split(r"[\r\n]+", plain) if line.strip()]


@needs_terminal
def test_a_terminal_has_a_live_bar():
    program = (
        FIT
        + """
    model.set_params(early_stopping=True, validation_fraction=0.2).fit(X, y)
    print("done")
    """
    )
    screen, status = read_to_end(*start_in_terminal(program))
    assert status == 0, screen
    *_, bar, done = lines(screen)
    assert done == "done"
    assert re.fullmatch(
        r"━{10} epoch 20/20, loss [\d.]+, score [01]\.\d{4}, [\d.e-]+ s, [\d.]+[kM]? rows/s", bar
    )
    assert max(map(len, lines(screen))) <= 80
    assert screen.rindex(SHOW_CURSOR) > screen.rindex("epoch")


@needs_terminal
def test_a_narrow_terminal_has_what_matters_most():
    screen, status = read_to_end(*start_in_terminal(FIT + "    model.fit(X, y)", columns=40))
    assert status == 0, screen
    assert re.fullmatch(r"━{10} epoch 20/20, loss [\d.]+", lines(screen)[-1])


@needs_terminal
def test_time_left_is_told_while_it_runs():
    program = (
        FIT
        + """
    model.set_params(hidden_layer_sizes=(500, 500), max_iter=40)
    model.fit(np.repeat(X, 10, axis=0), np.repeat(y, 10))
    """
    )
    screen, status = read_to_end(*start_in_terminal(program))
    assert status == 0, screen
    assert re.search(r"epoch \d+/40, loss [\d.]+, [\d.]+ s left, [\d.]+[kM]? rows/s", screen)


@needs_terminal
def test_a_dumb_terminal_has_plain_lines():
    screen, status = read_to_end(*start_in_terminal(FIT + "    model.fit(X, y)", TERM="dumb"))
    assert status == 0, screen
    assert "\x1b" not in screen
    assert lines(screen)[-1].startswith("epoch 20 of at most 20, loss ")


@needs_terminal
def test_an_interrupt_gives_the_cursor_back():
    program = (
        FIT
        + """
    model.set_params(max_iter=10**7, n_iter_no_change=10**7).fit(X, y)
    print("kept", model.n_iter_)
    """
    )
    process, terminal = start_in_terminal(program)
    seen = ""
    while "/10000000" not in seen:
        seen += os.read(terminal, 65536).decode(errors="replace")
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    screen, status = read_to_end(process, terminal)
    assert status == 0, screen
    assert re.fullmatch(r"kept \d+", lines(screen)[-1])
    assert SHOW_CURSOR in screen


@needs_terminal
@pytest.mark.parametrize(("backend", "bars"), [("threading", True), ("loky", False)])
def test_a_search_shows_each_of_its_fits(backend, bars):
    program = (
        FIT
        + f"""
    import joblib
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(model, {{"alpha": [0.1, 0.2]}}, cv=2, n_jobs=2, error_score="raise")
    with joblib.parallel_backend({backend!r}):
        search.fit(X, y)
    print("done")
    """
    )
    screen, status = read_to_end(*start_in_terminal(program))
    assert status == 0, screen
    assert lines(screen)[-1] == "done"
    last = "epoch 20/20" if bars else "epoch 20 of at most 20"
    assert sum(last in line for line in lines(screen)) >= 4


def test_elsewhere_there_are_plain_lines(capsys):
    X = np.random.default_rng(0).random((60, 3))
    y = (X[:, 0] > 0.5).astype(int)
    model = MLPClassifier((4,), max_iter=50, n_iter_no_change=5, tol=10, random_state=0)
    model.set_callbacks(EpochProgress()).fit(X, y)
    out, err = capsys.readouterr()
    assert out == ""
    told = err.splitlines()
    numbers = [int(re.match(r"epoch (\d+) of at most 50, loss [\d.]+", line)[1]) for line in told]
    assert numbers == sorted({1, *range(5, model.n_iter_, 5), model.n_iter_})
    assert "\x1b" not in err
    assert told[-1].endswith(" rows/s")
    assert f"loss {model.loss_:.4g}" in told[-1]


def test_partial_fit_tells_its_epoch(capsys):
    X, y = np.arange(20.0).reshape(10, 2), np.arange(10) % 2
    model = MLPClassifier((2,), max_iter=5, random_state=0).set_callbacks(EpochProgress())
    model.partial_fit(X, y, classes=[0, 1])
    assert capsys.readouterr().err.startswith("epoch 1 of at most 5, ")


def test_a_failed_fit_leaves_nothing_behind():
    progress = EpochProgress()
    model = MLPClassifier().set_callbacks(progress)
    with pytest.raises(ValueError, match="NaN"):
        model.fit([[np.nan], [1.0]], [0, 1])
    assert progress._states == {}
    clone(pickle.loads(pickle.dumps(model))).set_params(max_iter=300, tol=1).fit(
        [[0.0], [1.0]], [0, 1]
    )


def test_without_rich_the_error_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with pytest.raises(ImportError, match=r"rich\.console"):
        MLPClassifier().set_callbacks(EpochProgress()).fit([[0.0], [1.0]], [0, 1])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fit_within_a_fit_has_lines_of_its_own(capsys):
    class Within(Watcher):
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch" and estimator.max_iter == 10:
                clone(estimator).set_params(max_iter=2).fit(*data)

    data = np.arange(20.0).reshape(10, 2), np.arange(10) % 2
    model = MLPClassifier((2,), max_iter=10, tol=10, random_state=0)
    model.set_callbacks(EpochProgress(), Within()).fit(*data)
    told = [line.split(",")[0] for line in capsys.readouterr().err.splitlines()]
    outer = [f"epoch {n} of at most 10" for n in range(1, 11)]
    inner = ["epoch 1 of at most 2", "epoch 2 of at most 2"]
    assert told == [line for epoch in outer for line in (epoch, *inner)]


def test_numbers_are_told_in_few_characters():
    assert [_short(x) for x in (0.5, 999.4, 999.6, 29697.3, 1.6e6, 2e9)] == [
        *("0.5", "999", "1k", "29.7k", "1.6M", "2G")
    ]
    assert [_duration(s) for s in (0.034, 2.55, 59.4, 61, 3599, 7300)] == [
        *("0.034 s", "2.5 s", "59 s", "1 min", "1 h 0 min", "2 h 2 min")
    ]
