"""The command line: each command on real files, and what a mistake looks like."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pandas as pd
import pytest
import skops.io
from processes import ROOT, python
from sklearn.datasets import load_diabetes, load_wine

from fastnn import MLPClassifier
from fastnn.cli import commands
from fastnn.tables import InputError
from fastnn.tables.answers import writing


@pytest.fixture
def mixed():
    """Rows with numbers, texts, truth values and gaps."""
    random = np.random.default_rng(0)
    n = 300
    frame = pd.DataFrame(
        {
            "size": random.normal(50, 20, n),
            "rooms": random.integers(1, 6, n),
            "town": random.choice(["Rome", "Oslo", "Lima"], n),
            "garden": random.random(n) < 0.5,
            "empty": np.nan,
        }
    )
    frame["price"] = 3 * frame["size"] + 20 * frame["rooms"] + 100 * (frame["town"] == "Oslo") + 0.5
    frame.loc[frame.index % 7 == 0, "size"] = np.nan
    frame.loc[frame.index % 11 == 0, "town"] = None
    return frame


def assert_told(result, *parts):
    """One clear line, status 2, nothing on standard output."""
    status, out, err = result
    assert status == 2
    assert out == ""
    last = err.strip().splitlines()[-1]
    assert last.startswith("fastnn: ")
    assert "Traceback" not in err
    for part in parts:
        assert part in last


def test_demo_is_the_default(fastnn):
    status, out, err = fastnn()
    assert status == 0
    accuracies = re.findall(r"^(\S+) +accuracy on held-out rows ([\d.]+)%", out, re.MULTILINE)
    assert [name for name, _ in accuracies] == ["fastnn", "scikit-learn"]
    assert min(float(percent) for _, percent in accuracies) >= 97
    assert "Threads:" in out
    assert "Compiled kernels:" in out
    assert "epoch 80 of at most 80" in err
    assert re.search(r"loss 0\.\d+, score 0\.9\d+, .*rows/s", err)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_train_and_predict_classes(fastnn, suffix):
    X, y = load_wine(return_X_y=True, as_frame=True)
    data = X.assign(kind=np.array(["red", "white", "pink"])[y])
    getattr(data, f"to_{suffix}")(f"wine.{suffix}", index=False)
    trained = fastnn(
        "train", f"wine.{suffix}", "--target", "kind", "--out", "wine.skops", "--max-iter", 400
    )
    assert trained[0] == 0, trained
    assert "classification of 'kind'" in trained[2]
    assert float(trained[1].splitlines()[0].split()[-1]) > 0.9
    predicted = fastnn("predict", "wine.skops", f"wine.{suffix}", "--out", f"out.{suffix}")
    assert predicted[0] == 0, predicted
    answers = getattr(pd, f"read_{suffix}")(f"out.{suffix}")
    assert (answers["prediction"] == data["kind"]).mean() > 0.9
    assert list(answers) == [
        "prediction",
        *(f"probability_{kind}" for kind in ("pink", "red", "white")),
    ]
    np.testing.assert_allclose(answers.iloc[:, 1:].sum(axis=1), 1, rtol=1e-6)


def test_train_and_predict_numbers_from_mixed_columns_with_gaps(fastnn, mixed):
    mixed.to_csv("homes.csv", index=False)
    arguments = ["train", "homes.csv", "--target", "price", "--out", "homes.skops", "--hidden"]
    status, out, err = fastnn(*arguments, "32,16", "--max-iter", 500)
    assert status == 0, err
    assert "regression of 'price'" in err
    assert float(out.splitlines()[0].split()[-1]) > 0.6
    unseen = mixed.drop(columns="price").iloc[::-1].assign(town="Rio", other=1)[:20]
    unseen.to_parquet("unseen.parquet")
    assert fastnn("predict", "homes.skops", "unseen.parquet", "--out", "out.csv")[0] == 0
    answers = pd.read_csv("out.csv")
    assert list(answers) == ["prediction"]
    assert len(answers) == 20
    assert np.isfinite(answers["prediction"]).all()


def test_task_can_be_set_and_is_told_from_the_target(fastnn):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    X.assign(y=(y > 140).astype(int)).to_csv("d.csv", index=False)
    told = fastnn("train", "d.csv", "--target", "y", "--out", "a.skops", "--max-iter", 5)
    assert "classification of 'y'" in told[2]
    told = fastnn(
        *("train", "d.csv", "--target", "y", "--out", "b.skops", "--max-iter", 5),
        *("--task", "regression"),
    )
    assert "regression of 'y'" in told[2]


def test_rows_without_a_target_are_left_out(fastnn, mixed):
    mixed.loc[:9, "price"] = np.nan
    mixed.to_csv("homes.csv", index=False)
    told = fastnn("train", "homes.csv", "--target", "price", "--out", "m.skops", "--max-iter", 2)
    assert "290 rows" in told[2]


def test_training_mistakes_are_told_in_one_line(fastnn, mixed, tmp_path):
    mixed.to_csv("homes.csv", index=False)
    good = ["train", "homes.csv", "--target", "price", "--out", "m.skops"]
    assert_told(fastnn("train", "none.csv", *good[2:]), "none.csv", "no such file")
    assert_told(fastnn(*good[:3], "pirce", *good[4:]), "'pirce'", "'price'")
    assert_told(fastnn(*good[:-1], "m.pkl"), "m.pkl", ".skops")
    assert_told(fastnn(*good[:-1], "nowhere/m.skops"), "no folder")
    assert_told(fastnn(*good, "--hidden", "10,x"), "10,x")
    assert_told(fastnn(*good, "--task", "clustering"), "clustering")
    assert_told(fastnn("train", "homes.csv"), "--target")
    assert_told(fastnn(*good, "--task", "classification"), "'price'", "regression")
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n3,4,5\n")
    assert_told(fastnn("train", "ragged.csv", *good[2:]), "ragged.csv", "row 2")
    (tmp_path / "empty.csv").write_text("")
    assert_told(fastnn("train", "empty.csv", *good[2:]), "empty.csv")
    (tmp_path / "header.csv").write_text("a,price\n")
    assert_told(fastnn("train", "header.csv", *good[2:]), "no rows")
    (tmp_path / "noise.parquet").write_bytes(b"not parquet at all")
    assert_told(fastnn("train", "noise.parquet", *good[2:]), "noise.parquet")
    (tmp_path / "noise.csv").write_bytes(b"a,price\n\xff\xfe,1\n")
    assert_told(fastnn("train", "noise.csv", *good[2:]), "noise.csv")
    mixed.assign(size=np.inf).to_csv("inf.csv", index=False)
    assert_told(fastnn("train", "inf.csv", *good[2:]), "'size'", "inf", "row 1")
    mixed[["price"]].to_csv("alone.csv", index=False)
    assert_told(fastnn("train", "alone.csv", *good[2:]), "only column")
    (tmp_path / "unnamed.csv").write_text(",price\n" + "1,2.5\n2,3.5\n" * 9)
    assert_told(fastnn("train", "unnamed.csv", *good[2:]), "every column but 'price'", "no name")
    assert not (tmp_path / "m.skops").exists()
    assert_told(fastnn("tarin"), "tarin")


@pytest.mark.parametrize(
    ("change", "options", "parts"),
    [
        ({"price": np.inf}, [], ["'price'", "'inf'", "row 1"]),
        ({"price": np.inf}, ["--task", "classification"], ["'price'", "inf", "regression"]),
        ({"size": 1e300}, [], ["'size'", "1e+300", "1e+100 at most"]),
        ({"price": 7}, [], ["'7' in every row"]),
        ({"price": [f"{i}" for i in range(299)] + ["oops"]}, [], ["every row", "regression"]),
        (
            {"price": [np.nan] * 9 + [f"{i}" for i in range(290)] + ["oops"]},
            ["--task", "regression"],
            ["'price'", "'oops'", "row 300"],
        ),
        ({}, ["--held-out", "0.001"], ["0.001", "300 rows"]),
        ({}, ["--held-out", "0.999"], ["0.999", "300 rows"]),
        ({}, ["--hidden", "99999999999,5"], ["allocate"]),
        ({}, ["--seed", "-1"], ["--seed"]),
        ({}, ["--max-iter", "0"], ["--max-iter"]),
    ],
    ids=str,
)
def test_data_that_cannot_be_learnt_is_told_in_one_line(
    fastnn, mixed, tmp_path, change, options, parts
):
    mixed.assign(**change).to_csv("homes.csv", index=False)
    result = fastnn("train", "homes.csv", "--target", "price", "--out", "m.skops", *options)
    assert_told(result, *parts)
    assert "Warning" not in result[2]
    assert not (tmp_path / "m.skops").exists()


def test_a_model_of_a_newer_version_is_told(fastnn, mixed, monkeypatch):
    mixed.to_csv("homes.csv", index=False)
    with monkeypatch.context() as newer:
        newer.setattr("fastnn.estimators.base.STATE_FORMAT", 1000)
        newer.setattr("fastnn.estimators.base.__version__", "9.9.9")
        fastnn("train", "homes.csv", "--target", "price", "--out", "m.skops", "--max-iter", 2)
    result = fastnn("predict", "m.skops", "homes.csv", "--out", "out.csv")
    assert_told(result, "m.skops", "saved by fastnn 9.9.9", "Upgrade")


def test_columns_of_every_kind_of_parquet(fastnn, mixed):
    mixed["date"] = pd.date_range("2020", periods=300)
    mixed["kind"] = pd.Categorical(mixed["town"])
    mixed["count"] = mixed["rooms"].astype("Int64").mask(mixed["rooms"] == 2)
    mixed["garden"] = mixed["garden"].astype("boolean").mask(mixed["rooms"] == 3)
    mixed["parts"] = [[1, 2]] * 300
    mixed.index += 1000
    mixed.to_parquet("homes.parquet")
    status, _, err = fastnn(
        *("train", "homes.parquet", "--target", "price", "--out", "m.skops", "--max-iter", 5)
    )
    assert status == 0, err
    assert fastnn("predict", "m.skops", "homes.parquet", "--out", "out.csv")[0] == 0
    assert len(pd.read_csv("out.csv")) == 300


def test_prediction_mistakes_are_told_in_one_line(fastnn, mixed, tmp_path):
    mixed.to_csv("homes.csv", index=False)
    fastnn("train", "homes.csv", "--target", "price", "--out", "m.skops", "--max-iter", 2)
    good = ["predict", "m.skops", "homes.csv", "--out", "out.csv"]
    mixed.drop(columns="rooms").to_csv("less.csv", index=False)
    assert_told(fastnn(*good[:2], "less.csv", *good[3:]), "'rooms'")
    assert_told(fastnn(*good[:2], "less.csv"), "'rooms'")
    mixed.assign(rooms="many").to_csv("texts.csv", index=False)
    assert_told(fastnn(*good[:2], "texts.csv", *good[3:]), "'rooms'", "'many'", "row 1")
    assert_told(fastnn(*good[:2], "texts.csv"), "'rooms'", "'many'", "row 1")
    assert_told(fastnn("predict", "none.skops", *good[2:]), "none.skops", "no such file")
    assert_told(fastnn("predict", "homes.csv", *good[2:]), "homes.csv", "not a model")
    assert_told(fastnn(*good[:-1], "out.txt"), "out.txt", ".csv")
    skops.io.dump(MLPClassifier(solver="lbfgs").fit([[0.0], [1.0]] * 20, [0, 1] * 20), "bare.skops")
    assert_told(fastnn("predict", "bare.skops", *good[2:]), "MLPClassifier")
    skops.io.dump(Stranger(), "strange.skops")
    assert_told(fastnn("predict", "strange.skops", *good[2:]), "Stranger")
    assert not (tmp_path / "out.csv").exists()


class Stranger:
    """A type that a file may name and no model holds."""


def test_a_failed_write_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old")

    def fail():
        with writing(path, ["a"]) as answers:
            answers.write([np.arange(3)])
            raise OSError("No space left on device")

    with pytest.raises(InputError, match="No space left"):
        fail()
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
@pytest.mark.parametrize("module", ["click", "numpy", "sklearn.base"])
def test_an_interrupt_while_the_command_is_imported(module, tmp_path):
    program = f"""
        import os, signal, sys
        from fastnn.cli import main

        class Interrupting:
            def find_spec(self, name, path=None, target=None):
                if name == {module!r}:
                    os.kill(os.getpid(), signal.SIGINT)

        sys.meta_path.insert(0, Interrupting())
        main(["show", "nothing.skops"])
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert ended.returncode == 130, ended.stderr
    assert ended.stderr.strip() == "fastnn: interrupted."


OF_A_PROCESS = """
    import atexit, signal, sys
    from fastnn.cli import main

    kind = sys.argv.pop(1)

    def interrupt():
        signal.raise_signal(signal.SIGINT)  # to this thread: it acts at once

    class Library:
        def find_spec(self, name, path=None, target=None):
            if name == "fastnn.cli.showing" and kind == "swallowed":
                try:
                    interrupt()
                except KeyboardInterrupt:
                    raise ImportError("a library failed to import")

    sys.meta_path.insert(0, Library())
    if kind == "late":
        atexit.register(interrupt)
    main()
"""


@pytest.mark.parametrize(
    ("kind", "status", "told"),
    [("swallowed", 130, "fastnn: interrupted."), ("late", 2, "fastnn: nothing.skops: there")],
)
def test_an_interrupt_that_a_library_swallows_or_that_comes_late(kind, status, told, tmp_path):
    """What C code makes of one is still one; once the command has ended, it is of no effect."""
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(OF_A_PROCESS), kind, "show", "nothing.skops"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert ended.returncode == status, ended.stderr
    assert ended.stderr.startswith(told)
    assert len(ended.stderr.splitlines()) == 1


def test_an_interrupt_ends_with_130_and_writes_nothing(tmp_path, mixed):
    pd.concat([mixed] * 30).to_csv(tmp_path / "homes.csv", index=False)
    arguments = ["train", "homes.csv", "--target", "price", "--out", "m.skops", "--hidden"]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    process = subprocess.Popen(
        [sys.executable, "-m", "fastnn", *arguments, "1000,1000", "--max-iter", "10000"],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if line.startswith("epoch"):
            break
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert "interrupted" in process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert {path.name for path in tmp_path.iterdir()} == {"homes.csv"}


# What a prediction may import beyond `sklearn.base`, and what of that it does without.
PACKAGES = {"fastnn", "click", "llvmlite", "narwhals", "pyarrow", "rich", "sklearn"}
DONE_WITHOUT = {
    "fastnn.cli.scoring",
    "fastnn.cli.training",
    "fastnn.columns.text_tally",
    "fastnn.convert",
    "fastnn.dask",
    "fastnn.display",
    "fastnn.report",
    "fastnn.tables.training_rows",
    "pyarrow.parquet",
    "sklearn.ensemble",
    "sklearn.inspection",
}
OF_A_PREDICTION = """
    import sys
    import sklearn.base

    before = set(sys.modules)
    from fastnn.cli import main

    try:
        main(["predict", "m.skops", "d.csv", "--out", "out.csv"])
    except SystemExit:
        print("brought", *set(sys.modules) - before)
"""


@pytest.mark.parametrize("words", [("--model", "mlp", "--max-iter", 5), ("--time", 0.1)])
def test_a_prediction_imports_little_beyond_scikit_learns_base(words, fastnn, mixed):
    mixed[:60].to_csv("d.csv", index=False)
    assert fastnn("train", "d.csv", "--target", "price", "--out", "m.skops", *words)[0] == 0
    fastnn("predict", "m.skops", "d.csv", "--out", "out.csv")  # compiles what no cache has
    brought = set(python(OF_A_PREDICTION).partition("brought ")[2].split())
    assert "fastnn.tables.models" in brought
    packages = {name.partition(".")[0] for name in brought}
    assert packages - set(sys.stdlib_module_names) <= PACKAGES
    assert brought & DONE_WITHOUT == set()


OF_COLLECTIONS = """
    import gc, sys

    seen = []

    class Watching:
        def find_spec(self, name, path=None, target=None):
            if name == "fastnn.tables.schema":  # imported after scikit-learn
                print(len(seen), gc.isenabled())

    sys.meta_path.insert(0, Watching())
    sys.argv = ["fastnn", "show", "none.skops"]
    from fastnn.cli import main

    gc.callbacks.append(lambda *told: seen.append(told))
    try:
        main()
    except SystemExit as stop:
        print(gc.isenabled(), stop.code)
"""


def test_nothing_is_collected_among_the_imports_of_a_command():
    assert python(OF_COLLECTIONS).splitlines() == ["0 False", "True 2"]


def test_without_the_extra_the_way_out_is_told(tmp_path):
    program = "import sys; sys.modules['click'] = None; from fastnn.cli import main; main(['demo'])"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 2
    assert "fastnn-mlp[cli]" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_info_and_bench(fastnn):
    status, out, _ = fastnn("info")
    assert status == 0
    words = ("numba", "threads", "machine code shipped", "cache folder")
    assert all(word in out for word in words)
    status, out, _ = fastnn("bench", "--quick")
    assert status == 0
    assert sum("times fastnn's" in line for line in out.splitlines()) >= 2


def test_version_and_help(fastnn):
    assert fastnn("--version")[0] == 0
    status, out, _ = fastnn("--help")
    assert status == 0
    assert all(name in out for name in ("demo", "train", "predict", "bench", "warmup", "info"))


def test_every_option_is_explained():
    for name, command in commands.command.commands.items():
        options = [p for p in command.params if p.param_type_name == "option"]
        assert [p.name for p in options if not p.help] == [], name
        assert command.help, name


def test_a_shell_completes_commands_and_options(fastnn, monkeypatch):
    monkeypatch.setenv("_FASTNN_COMPLETE", "bash_complete")
    for words, at, completed in [
        ("fastnn tr", "1", "train"),
        ("fastnn train --mo", "2", "--model"),
    ]:
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", at)
        assert fastnn()[1].split() == [f"plain,{completed}"]


def test_warmup_compiles_for_both_dtypes(fastnn):
    status, out, _ = fastnn("warmup")
    assert status == 0
    assert "float32, dense, one thread" in out
    assert "float64, sparse, threads" in out
    assert "kept in" in out
