"""Machine code that a wheel brings along: when it is used, and what happens where it cannot be."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
from llvmlite.binding import ObjectFileRef
from processes import ROOT, python

from fastnn.compiling import cache, shipped, target

OWN = target.target().level
needs_level = pytest.mark.skipif(not OWN, reason="there is no level for this processor")

FIT = """
    import sys, warnings
    from hashlib import sha256
    from pathlib import Path
    import numpy as np
    from fastnn import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor
    from fastnn.compiling import shipped

    if {root!r}:
        shipped.FOLDER = Path({root!r})
    warnings.simplefilter("ignore")
    X = np.random.default_rng(0).random((300, 5))
    made = []
    for dtype in {dtypes}:
        data = X.astype(dtype)
        for model, y in {models}:
            model.fit(data, y)
            made += [*getattr(model, "coefs_", []), model.predict(data), model.predict(data[:1])]
    bits = sha256(b"".join(np.asarray(part).tobytes() for part in made)).hexdigest()
    print("numba" in sys.modules, bits, shipped.described())
"""
ONE = "[(MLPClassifier((9,), max_iter=3, random_state=0), X[:, :3].argmax(1))]"
DEFAULTS = """[
    (MLPClassifier(max_iter=3, random_state=0), X[:, :3].argmax(1)),
    (MLPClassifier(max_iter=3, random_state=0), X[:, 0] > .5),
    (MLPClassifier(max_iter=3, random_state=0, early_stopping=True), X[:, :3].argmax(1)),
    (MLPRegressor(max_iter=3, random_state=0), X[:, 0]),
    (MLPRegressor(max_iter=3, random_state=0, early_stopping=True), X[:, :2]),
]"""

TABLES = """[
    (TabularClassifier(effort="quick", cv=2, random_state=0), X[:, :3].argmax(1)),
    (TabularRegressor(effort="quick", cv=2, random_state=0), X[:, 0]),
]"""


def fit(root, kept=None, models=ONE, dtypes="['float64']"):
    """Fit with what a folder brings along; says if a compiler came, the bits, and info's line.

    Kernels are kept in the folder of all tests where no other is given.
    """
    program = FIT.format(root=str(root), dtypes=dtypes, models=models.replace("\n", " "))
    place = {} if kept is None else {"NUMBA_CACHE_DIR": str(kept)}
    told = python(program, timeout=400, **place).split(" ", 2)
    return SimpleNamespace(compiled=told[0] == "True", bits=told[1], info=told[2])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder as a wheel brings it along, with the kernels of one fit, and the bits of that."""
    root, kept = tmp_path_factory.mktemp("shipped"), tmp_path_factory.mktemp("kept")
    kept.chmod(0o700)
    first = fit(root, kept)
    assert first.compiled
    for file in next(kept.iterdir()).iterdir():
        code = cache.from_bytes(file, file.read_bytes())
        shipped.write(shipped.folder_for(OWN, root), file.name, code)
    folder = shipped.folder_for(OWN, root)
    return SimpleNamespace(root=root, kept=kept, bits=first.bits, folder=folder)


@pytest.fixture
def copy(made, tmp_path):
    """Such a folder, to be harmed."""
    folder = tmp_path / "shipped" / made.folder.name
    folder.mkdir(parents=True)
    for file in made.folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


@needs_level
def test_a_first_fit_does_without_the_compiler_and_a_cache(made, tmp_path):
    told = fit(made.root, tmp_path / "kept")
    assert not told.compiled
    assert told.bits == made.bits
    assert told.info == f"{len([*made.folder.iterdir()])} kernels for {OWN}"
    assert not (tmp_path / "kept").exists()


def cut(file):
    file.write_bytes(file.read_bytes()[:-10])


def empty(file):
    file.write_bytes(b"")


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)


def swap(file):
    file.write_bytes(next(file.parent.glob("epoch.train_steps-*")).read_bytes())


def of_another_level(file):
    made = cache.from_bytes(file, file.read_bytes())
    file.write_bytes(cache.to_bytes(file.parent.with_name("x86-64-v9-0") / file.name, made))


def of_another_process(file):
    made = cache.from_bytes(file, file.read_bytes())
    file.write_bytes(cache.to_bytes(file, made._replace(needs=["a_function_of_another_library"])))


def no_file(file):
    file.unlink()
    os.mkfifo(file)


@needs_level
def test_what_is_not_whole_is_compiled_and_kept(made, copy, tmp_path):
    harms = {
        "activations.relu-*": cut,
        "activations.relu_backward-*": empty,
        "outputs.softmax-*": flip,
        "updates.adam-*": swap,
        "updates.adam_rates-*": of_another_level,
        "updates.step_block-*": of_another_process,
    }
    files = [next(copy.glob(name)) for name in harms]
    for file, harm in zip(files, harms.values(), strict=True):
        harm(file)
    first, second = (fit(copy.parent, tmp_path / "kept") for _ in range(2))
    assert (first.compiled, second.compiled) == (True, False)
    assert first.bits == second.bits == made.bits
    kept = {file.name for file in (tmp_path / "kept").rglob("*") if file.is_file()}
    assert kept == {file.name for file in files}
    n_damaged = len(harms) - 1  # that of another process is whole, and only lacks a function here
    n_whole = len([*copy.iterdir()]) - n_damaged
    assert first.info == f"{n_whole} kernels for {OWN}; {n_damaged} damaged ones are compiled"


@needs_level
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this platform has none")
def test_nobody_waits_for_a_fifo(made, copy, tmp_path):
    no_file(next(copy.glob("activations.relu-*")))
    assert fit(copy.parent, tmp_path).bits == made.bits


@needs_level
def test_code_for_another_level_is_not_run(made, copy, tmp_path):
    copy.rename(copy.with_name("x86-64-v9-" + copy.name.rpartition("-")[2]))
    kept = shutil.copytree(made.kept, tmp_path / "kept")
    next(kept.rglob("activations.relu-*")).unlink()  # and is not taken from there either
    told = fit(copy.parent, kept)
    assert told.compiled
    assert told.bits == made.bits
    assert "none, so that kernels are compiled: it is for other sources" in told.info


@needs_level
def test_when_there_is_none_info_says_why(made, monkeypatch):
    def reason():
        return shipped._place.__wrapped__()[1]

    monkeypatch.setattr(shipped, "FOLDER", made.root)
    assert reason() == ""
    with monkeypatch.context() as other:
        other.setattr(shipped, "FOLDER", made.root / "nowhere")
        assert reason() == "this installation has brought none along"
    with monkeypatch.context() as other:
        other.setenv("NUMBA_BOUNDSCHECK", "1")
        assert reason() == "settings ask for other code: NUMBA_BOUNDSCHECK"
    with monkeypatch.context() as other:
        other.setattr(shipped, "target", lambda: target.Target("", "i486", ""))
        assert reason() == "there is none for this processor"
    for version in ("0.60.0", "0.69.0rc1", "1.0"):
        with monkeypatch.context() as other:
            other.setattr(shipped.importlib.metadata, "version", lambda name, v=version: v)
            assert reason() == f"Numba {version} may call functions in another way"
    with monkeypatch.context() as other:
        other.setattr(shipped, "digest_of", lambda *facts: "edited")
        assert reason().startswith("it is for other sources")


def test_the_bounds_of_numba_are_those_of_the_package():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    bounds = re.search(r"numba>=(\d+)\.(\d+),<(\d+)\.(\d+)", setup["options"]["install_requires"])
    least, below = map(int, bounds.groups()[:2]), map(int, bounds.groups()[2:])
    assert (tuple(least), tuple(below)) == shipped.NUMBA


def test_numba_hands_arguments_over_as_it_did_when_code_was_shipped():
    """Places for the result and for an error, and arguments taken apart; it returns a status."""
    from numba import types
    from numba.core.registry import cpu_target

    array = types.Array(types.float32, 1, "C")
    convention = cpu_target.target_context.call_conv
    form = convention.get_function_type(types.none, (types.int64, array, types.float64))
    error = "{i8*, i32, i8*, i8*, i32}**"
    parts = "i64, i8*, i8*, i64, i64, float*, i64, i64, double"
    assert str(form) == f"i32 (i8**, {error}, {parts})"


# ------------------------------------------------------------------------------------- the build


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """What a build makes for this processor."""
    root = tmp_path_factory.mktemp("built")
    build(root, OWN)
    return root


def build(root, *level):
    variables = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    program = [sys.executable, "-m", "fastnn.engine.shipping", str(root), *level]
    subprocess.run(program, cwd=ROOT, env=variables, check=True, timeout=500)


@needs_level
def test_fits_and_predictions_by_default_need_no_compiler(built, tmp_path):
    both = "['float32', 'float64']"
    told = fit(built, tmp_path / "kept", DEFAULTS, both)
    assert not told.compiled
    compiled = fit(tmp_path / "nowhere", None, DEFAULTS, both)
    assert compiled.info.startswith("none")
    assert compiled.bits == told.bits


def instructions(file):
    """Machine instructions of a kernel; around them its name differs from process to process."""
    code = ObjectFileRef.from_data(cache.from_bytes(file, file.read_bytes()).code)
    return {part.name(): part.data() for part in code.sections() if part.is_text()}


@needs_level
def test_what_is_shipped_has_the_instructions_of_what_is_compiled(made, built):
    """So it is as fast."""
    of_build = {file.name: file for file in shipped.folder_for(OWN, built).iterdir()}
    compiled = [file for file in made.kept.rglob("*-*") if file.name in of_build]
    assert len(compiled) > 10
    for file in compiled:
        own = instructions(file)
        assert any(own.values()), file.name
        assert own == instructions(of_build[file.name]), file.name


@needs_level
def test_ensembles_for_tables_need_no_compiler_by_default(built, tmp_path):
    assert not fit(built, tmp_path, TABLES).compiled
