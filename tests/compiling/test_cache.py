"""What is compiled, when, and where it is kept."""

import ast
import contextlib
import gc
import os
import pickle
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from processes import python

import fastnn
from fastnn import MLPClassifier
from fastnn.cli import warmup
from fastnn.compiling import cache as machine_code
from fastnn.compiling import compiler

FIT = """
    import warnings
    import numpy as np
    from fastnn import MLPClassifier

    warnings.simplefilter("ignore")
    model = MLPClassifier((2,), max_iter=1).fit(np.eye(4), [0, 1, 0, 1])
    model.predict_proba(np.eye(4)), model.predict_proba(np.zeros((50, 4)))
    import sys
    from fastnn.compiling.cache import cache_directory
    print("numba" in sys.modules, cache_directory())
"""


def test_a_second_process_does_without_the_compiler(tmp_path):
    cold = python(FIT, NUMBA_CACHE_DIR=str(tmp_path)).split()
    warm = python(FIT, NUMBA_CACHE_DIR=str(tmp_path)).split()
    assert [cold[0], warm[0]] == ["True", "False"]
    assert cold[1].startswith(str(tmp_path))


def cut(content):
    return content[:-10]  # as by a full disk


def empty(content):
    return b""


def spoil(content, at=-5):
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def spoil_the_head(content):
    return spoil(content, 9)


@pytest.mark.parametrize("harm", [cut, empty, spoil, spoil_the_head])
def test_a_file_that_is_not_whole_is_written_anew(harm, tmp_path):
    python(FIT, NUMBA_CACHE_DIR=str(tmp_path))
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) > 10
    files[0].write_bytes(harm(files[0].read_bytes()))
    assert python(FIT, NUMBA_CACHE_DIR=str(tmp_path)).startswith("True")
    assert python(FIT, NUMBA_CACHE_DIR=str(tmp_path)).startswith("False")


def test_a_file_under_another_kernels_name_is_written_anew(tmp_path, monkeypatch):
    python(FIT, NUMBA_CACHE_DIR=str(tmp_path))
    one, other = (next(tmp_path.rglob(name)) for name in ("activations.relu-*", "outputs.logist*"))
    one.write_bytes(other.read_bytes())
    monkeypatch.setattr(machine_code, "cache_directory", lambda: one.parent)
    assert machine_code.find(one.name) is None
    assert machine_code.find(other.name) is not None


def test_code_that_needs_what_no_process_has_is_made_anew(tmp_path, monkeypatch):
    python(FIT, NUMBA_CACHE_DIR=str(tmp_path))
    file = next(tmp_path.rglob("epoch.train_steps-*"))
    monkeypatch.setattr(machine_code, "cache_directory", lambda: file.parent)
    made = machine_code.find(file.name)
    machine_code.keep(file.name, made._replace(needs=["a_function_of_another_library"]))
    assert python(FIT, NUMBA_CACHE_DIR=str(tmp_path)).startswith("True")
    assert python(FIT, NUMBA_CACHE_DIR=str(tmp_path)).startswith("False")


def test_code_without_its_function_has_no_address(tmp_path):
    program = """
    from fastnn.compiling.cache import cache_directory, find, load

    made = find(next(cache_directory().glob("activations.relu-*")).name)
    assert load(made) != 0
    try:
        load(made._replace(symbol="another"))
    except RuntimeError as error:
        print(error)
    """
    python(FIT, NUMBA_CACHE_DIR=str(tmp_path))
    told = python(program, NUMBA_CACHE_DIR=str(tmp_path))
    assert told == "There is no another in its machine code."


def test_a_folder_that_others_have_filled_is_read(tmp_path):
    python(FIT, NUMBA_CACHE_DIR=str(tmp_path))
    locked = """
    import tempfile

    def refuse(*arguments, **keywords):
        raise PermissionError

    tempfile.TemporaryDirectory = tempfile.TemporaryFile = refuse
    """
    assert python(locked + FIT, NUMBA_CACHE_DIR=str(tmp_path)).startswith("False")
    program = locked + FIT.replace("(2,)", "(2,), activation='tanh'")
    assert python(program, NUMBA_CACHE_DIR=str(tmp_path)).startswith("True")


AT_ONCE = """
    import threading, warnings
    import numpy as np
    from fastnn import MLPClassifier

    warnings.simplefilter("ignore")
    X, y = np.random.default_rng(0).random((60, 5)), np.arange(60) % 3
    options = [{}, {"activation": "tanh"}, {"solver": "lbfgs"}, {"dropout": 0.1}, {}]
    weights = [None] * len(options)

    def fit(i):
        model = MLPClassifier((7,), max_iter=3, random_state=0, **options[i]).fit(X, y)
        weights[i] = model.coefs_[0]

    threads = [threading.Thread(target=fit, args=(i,)) for i in range(len(options))]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    at_once = weights.copy()
    for i in range(len(options)):
        fit(i)
        assert (weights[i] == at_once[i]).all()
    print("same")
"""


def test_first_fits_of_several_threads_at_once(tmp_path):
    assert python(AT_ONCE, NUMBA_CACHE_DIR=str(tmp_path)) == "same"
    assert python(AT_ONCE, NUMBA_CACHE_DIR=str(tmp_path)) == "same"


def test_no_kernel_raises():
    for file in (Path(fastnn.__file__).parent / "kernels").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            assert not isinstance(node, ast.Raise | ast.Assert), (file.name, node.lineno)


@pytest.mark.parametrize("is_on", [True, False])
def test_the_collector_is_put_back(is_on):
    try:
        (gc.enable if is_on else gc.disable)()
        with contextlib.suppress(ZeroDivisionError), compiler._without_collector():
            assert not gc.isenabled()
            raise ZeroDivisionError
        assert gc.isenabled() == is_on
    finally:
        gc.enable()


@pytest.mark.skipif(sys.platform == "win32", reason="folders are not locked by a mode there")
def test_a_folder_that_cannot_be_written_costs_the_cache_alone(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    blocked.chmod(stat.S_IRUSR)
    program = "from fastnn.compiling.cache import cache_directory; print(cache_directory())"
    assert python(program, NUMBA_CACHE_DIR=str(blocked)) == "None"
    fit = FIT.replace("print(", "assert cache_directory() is None; print(")
    python(fit, NUMBA_CACHE_DIR=str(blocked))


def test_an_edited_kernel_has_another_folder(tmp_path, monkeypatch):
    before = machine_code._digest()
    monkeypatch.setattr(machine_code, "__file__", str(tmp_path / "compiling" / "cache.py"))
    digests = [before, machine_code._digest()]
    for name in ("compiling/lowering/calls.py", "compiling/new.py", "kernels/products/new.py"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("edited")
        digests.append(machine_code._digest())
    assert len(set(digests)) == 5


@pytest.mark.parametrize("change", ["processor", "features", "compiler", "python", "setting"])
def test_code_of_another_machine_has_another_folder(change, monkeypatch):
    before = machine_code._digest()
    own = machine_code.target()
    if change == "processor":
        monkeypatch.setattr(machine_code, "target", lambda: own._replace(cpu="i486"))
    elif change == "features":
        monkeypatch.setattr(machine_code, "target", lambda: own._replace(features="-avx2"))
    elif change == "compiler":
        monkeypatch.setattr(machine_code.importlib.metadata, "version", lambda name: "0.1")
    elif change == "python":
        monkeypatch.setattr(machine_code.sys.implementation, "cache_tag", "cpython-399t")
    else:
        monkeypatch.setenv("NUMBA_BOUNDSCHECK", "1")
    assert machine_code._digest() != before


@pytest.mark.parametrize("name", sorted(machine_code.OF_NO_EFFECT))
def test_settings_of_no_effect_on_code_keep_its_folder(name, monkeypatch):
    before = machine_code._digest()
    monkeypatch.setenv(name, "1")
    assert machine_code._digest() == before


@pytest.mark.parametrize("heavy", ["numba", "matplotlib", "click"])
def test_import_is_light(heavy):
    assert python(f"import fastnn, sys; print({heavy!r} in sys.modules)") == "False"


def test_a_fitted_estimator_holds_nothing_compiled():
    model = MLPClassifier(solver="lbfgs").fit(np.eye(4), [0, 1, 0, 1])
    saved = pickle.dumps(model)
    for word in (b"numba", b"_thread", b"Dispatcher"):
        assert word not in saved
    program = f"""
        import pickle, sys
        model = pickle.loads({saved!r})
        print("numba" in sys.modules)
    """
    assert python(program) == "False"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_only_parallel_loops_need_numba():
    warmup._compile_functions(np.dtype(np.float64))
    MLPClassifier((3,), max_iter=1, n_jobs=1).fit(np.eye(4), [0, 1, 0, 1]).predict(np.eye(4))
    names = [file.name for file in machine_code.cache_directory().iterdir() if file.is_file()]
    assert len(names) > 50
    for name in names:
        needs = machine_code.find(name).needs
        if "-parallel-" not in name:
            assert not [need for need in needs if need.startswith(("numba_", "NRT_", "Py"))]


# ------------------------------------------------------------------------------------ strangers

TELL = """
    import warnings

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        from fastnn.compiling.cache import cache_directory, refused_directory
        print(cache_directory(), cache_directory(), refused_directory(), sep="|")
    print(*[w.message for w in told], sep="|")
"""

unix = pytest.mark.skipif(sys.platform == "win32", reason="rights are no bits there")


def places(root, **environment):
    """Folder of the kernels, which one was refused, and what was warned of."""
    private = root.parent / "private"
    variables = {"NUMBA_CACHE_DIR": str(root), "XDG_CACHE_HOME": str(private), **environment}
    first, warned = [*python(TELL, **variables).split("\n"), ""][:2]
    folder, again, refused = first.split("|")
    assert folder == again
    assert warned.count("|") == 0  # one warning at most
    return folder, refused, warned


def kernels_of(root):
    """Fill a folder as earlier processes have; returns the one with the kernels."""
    inner = Path(places(root)[0])
    assert inner.parent == root
    (inner / "a-kernel").write_bytes(b"0000a b\n")
    (inner / "a-kernel").chmod(0o644)
    return inner


OPEN = {
    "the folder for all": lambda root, inner: root.chmod(0o777),
    "the folder for a group": lambda root, inner: root.chmod(0o775),
    "its inner one for all": lambda root, inner: inner.chmod(0o777),
    "its inner one for a group": lambda root, inner: inner.chmod(0o770),
    "a file for all": lambda root, inner: (inner / "a-kernel").chmod(0o666),
    "a file for a group": lambda root, inner: (inner / "a-kernel").chmod(0o664),
}
GIVEN_AWAY = {
    "the folder": lambda root, inner: os.chown(root, 4242, 4242),
    "its inner one": lambda root, inner: os.chown(inner, 4242, 4242),
    "a file": lambda root, inner: os.chown(inner / "a-kernel", 4242, 4242),
}


def assert_refused(root, inner):
    before = sorted(root.rglob("*"))
    folder, refused, warned = places(root)
    private = root.parent / "private" / "fastnn"
    assert Path(folder).parent == private
    assert str(root) in refused
    assert refused in warned
    assert f"They are kept in {folder}" in warned
    assert sorted(root.rglob("*")) == before
    shown = python("import fastnn; fastnn.show_versions()", NUMBA_CACHE_DIR=str(root))
    assert f"cache folder refused  {refused}" in shown


@unix
@pytest.mark.parametrize("way", OPEN)
def test_a_folder_that_others_can_write_to_is_neither_read_nor_written(way, tmp_path):
    root = tmp_path / "cache"
    inner = kernels_of(root)
    OPEN[way](root, inner)
    assert_refused(root, inner)


@unix
@pytest.mark.parametrize("way", GIVEN_AWAY)
def test_a_folder_of_another_user_is_neither_read_nor_written(way, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root may give files away")
    root = tmp_path / "cache"
    inner = kernels_of(root)
    GIVEN_AWAY[way](root, inner)
    assert_refused(root, inner)


@unix
def test_a_link_that_someone_has_put_in_the_way_is_not_followed(tmp_path):
    root, elsewhere = tmp_path / "cache", tmp_path / "elsewhere"
    inner = kernels_of(root)
    inner.rename(elsewhere)
    inner.symlink_to(elsewhere)
    assert machine_code._fault(inner, os.lstat(inner)) == ""  # it is our own, and so is followed
    (tmp_path / "link").symlink_to(elsewhere / "a-kernel")
    with pytest.raises(OSError, match="symbolic"):
        machine_code.read(tmp_path / "link", machine_code._fault)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PermissionError):  # and nobody waits for what it brings
        machine_code.read(tmp_path / "pipe", machine_code._fault)


@unix
def test_a_file_that_is_planted_later_is_not_read(tmp_path, monkeypatch):
    python(FIT, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    file = next((tmp_path / "cache").rglob("activations.relu-*"))
    monkeypatch.setattr(machine_code, "cache_directory", lambda: file.parent)
    assert machine_code.find(file.name) is not None
    file.chmod(0o666)
    assert machine_code.find(file.name) is None


@unix
def test_a_folder_where_each_touches_but_their_own_is_taken(tmp_path):
    root = tmp_path / "as tmp"
    root.mkdir()
    root.chmod(0o1777)
    folder, refused, warned = places(root)
    assert Path(folder).parent == root
    assert (refused, warned) == ("", "")
    assert stat.S_IMODE(os.stat(folder).st_mode) & 0o022 == 0


@unix
def test_files_are_for_nobody_else_to_write_whatever_the_mask(tmp_path):
    python("\n    import os; os.umask(0)" + FIT, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    files = list((tmp_path / "cache").rglob("*"))
    assert len(files) > 10
    assert not [file for file in files if file.stat().st_mode & 0o022]
    assert python(FIT, NUMBA_CACHE_DIR=str(tmp_path / "cache")).startswith("False")


def test_settings_of_numba_in_the_working_folder_have_a_folder_of_their_own(tmp_path, monkeypatch):
    before = machine_code._digest()
    monkeypatch.chdir(tmp_path)
    assert machine_code._digest() == before
    (tmp_path / ".numba_config.yaml").write_text("opt: 0")
    assert machine_code._digest() != before
