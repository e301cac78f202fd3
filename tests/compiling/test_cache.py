"""What is compiled, when, and where it is kept."""

import ast
import contextlib
import gc
import os
import pickle
import shutil
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


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A folder that one process has filled, and what that said."""
    root = tmp_path_factory.mktemp("filled")
    return root, python(FIT, NUMBA_CACHE_DIR=str(root)).split()


@pytest.fixture
def root(filled, tmp_path):
    """Such a folder, to be harmed."""
    return shutil.copytree(filled[0], tmp_path / "copy")


def test_a_second_process_does_without_the_compiler(filled):
    root, cold = filled
    warm = python(FIT, NUMBA_CACHE_DIR=str(root)).split()
    assert [cold[0], warm[0]] == ["True", "False"]
    assert cold[1].startswith(str(root))


def cut(content):
    return content[:-10]  # as by a full disk


def empty(content):
    return b""


def spoil(content, at=-5):
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def spoil_the_head(content):
    return spoil(content, 9)


def test_files_that_are_not_whole_are_written_anew(root, monkeypatch):
    assert len([file for file in root.rglob("*") if file.is_file()]) > 10
    harms = {
        "activations.relu-*": cut,
        "outputs.logistic-*": empty,
        "updates.adam-*": spoil,
        "updates.adam_rates-*": spoil_the_head,
    }
    files = [next(root.rglob(name)) for name in harms]
    monkeypatch.setattr(machine_code, "cache_directory", lambda: files[0].parent)
    before = [machine_code.find(file.name).needs for file in files]
    for file, harm in zip(files, harms.values(), strict=True):
        file.write_bytes(harm(file.read_bytes()))
        assert machine_code.find(file.name) is None
    assert python(FIT, NUMBA_CACHE_DIR=str(root)).startswith("True")
    assert [machine_code.find(file.name).needs for file in files] == before


def test_a_file_under_another_kernels_name_is_written_anew(root, monkeypatch):
    one, other = (next(root.rglob(name)) for name in ("activations.relu-*", "outputs.logist*"))
    one.write_bytes(other.read_bytes())
    monkeypatch.setattr(machine_code, "cache_directory", lambda: one.parent)
    assert machine_code.find(one.name) is None
    assert machine_code.find(other.name) is not None


def test_code_that_needs_what_no_process_has_is_made_anew(root, monkeypatch):
    file = next(root.rglob("activations.relu-*"))
    monkeypatch.setattr(machine_code, "cache_directory", lambda: file.parent)
    made = machine_code.find(file.name)
    machine_code.keep(file.name, made._replace(needs=["a_function_of_another_library"]))
    assert python(FIT, NUMBA_CACHE_DIR=str(root)).startswith("True")
    assert machine_code.find(file.name).needs == made.needs
    assert python(FIT, NUMBA_CACHE_DIR=str(root)).startswith("False")


def test_code_without_its_function_has_no_address(filled):
    program = """
    from fastnn.compiling.cache import cache_directory, find, load

    made = find(next(cache_directory().glob("activations.relu-*")).name)
    assert load(made) != 0
    try:
        load(made._replace(symbol="another"))
    except RuntimeError as error:
        print(error)
    """
    told = python(program, NUMBA_CACHE_DIR=str(filled[0]))
    assert told == "There is no another in its machine code."


def test_a_folder_that_others_have_filled_is_read(root):
    locked = """
    import tempfile

    def refuse(*arguments, **keywords):
        raise PermissionError

    tempfile.TemporaryDirectory = tempfile.TemporaryFile = refuse
    """
    assert python(locked + FIT, NUMBA_CACHE_DIR=str(root)).startswith("False")
    next(root.rglob("activations.relu-*")).unlink()
    before = sorted(root.rglob("*"))
    assert python(locked + FIT, NUMBA_CACHE_DIR=str(root)).startswith("True")
    assert sorted(root.rglob("*")) == before


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
    program = """
    import numpy as np
    from fastnn.compiling.cache import cache_directory
    from fastnn.compiling.runtime import DTypes, address_of
    from fastnn.kernels.activations import ACTIVATIONS

    print(cache_directory(), address_of(ACTIVATIONS["relu"].function, DTypes(np.dtype(float))) > 0)
    """
    assert python(program, NUMBA_CACHE_DIR=str(blocked)) == "None True"


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
    import fastnn
    fastnn.show_versions()
"""

unix = pytest.mark.skipif(sys.platform == "win32", reason="rights are no bits there")


def places(root):
    """Folder of the kernels, which one was refused, what was warned of, and `show_versions`."""
    private = root.parent / "private"
    told = python(TELL, NUMBA_CACHE_DIR=str(root), XDG_CACHE_HOME=str(private))
    first, warned, shown = told.split("\n", 2)
    folder, again, refused = first.split("|")
    assert folder == again
    assert warned.count("|") == 0  # one warning at most
    return folder, refused, warned, shown


def kernels_of(root):
    """Fill a folder as earlier processes have; returns the one with the kernels."""
    inner = root / f"fastnn-{machine_code._digest()}"
    inner.mkdir(0o755, parents=True)
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
    folder, refused, warned, shown = places(root)
    private = root.parent / "private" / "fastnn"
    assert Path(folder).parent == private
    assert str(root) in refused
    assert refused in warned
    assert f"They are kept in {folder}" in warned
    assert sorted(root.rglob("*")) == before
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
def test_a_file_that_is_planted_later_is_not_read(root, monkeypatch):
    file = next(root.rglob("activations.relu-*"))
    monkeypatch.setattr(machine_code, "cache_directory", lambda: file.parent)
    assert machine_code.find(file.name) is not None
    file.chmod(0o666)
    assert machine_code.find(file.name) is None


@unix
def test_a_folder_where_each_touches_but_their_own_is_taken(tmp_path):
    root = tmp_path / "as tmp"
    root.mkdir()
    root.chmod(0o1777)
    folder, refused, warned, _ = places(root)
    assert Path(folder).parent == root
    assert (refused, warned) == ("", "")
    assert stat.S_IMODE(os.stat(folder).st_mode) & 0o022 == 0


@unix
def test_files_are_for_nobody_else_to_write_whatever_the_mask(tmp_path):
    write = """
    import os
    from fastnn.compiling.cache import MachineCode, keep

    os.umask(0)
    keep("a-kernel", MachineCode("symbol", ["needs"], b"code"))
    """
    read = "from fastnn.compiling.cache import find; print(find('a-kernel').code)"
    place = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    python(write, **place)
    written = list((tmp_path / "cache").rglob("*"))
    assert [path.name for path in written[1:]] == ["a-kernel"]
    assert not [path for path in written if path.stat().st_mode & 0o022]
    assert python(read, **place) == "b'code'"


def test_settings_of_numba_in_the_working_folder_have_a_folder_of_their_own(tmp_path, monkeypatch):
    before = machine_code._digest()
    monkeypatch.chdir(tmp_path)
    assert machine_code._digest() == before
    (tmp_path / ".numba_config.yaml").write_text("opt: 0")
    assert machine_code._digest() != before
