"""What is compiled, when, and where it is kept."""

import contextlib
import gc
import pickle
import stat
import struct
import sys

import numpy as np
import pytest
from processes import python

from fastnn import MLPClassifier, compiler, jit, machine_code, warmup

FIT = """
    import warnings
    import numpy as np
    from fastnn import MLPClassifier

    warnings.simplefilter("ignore")
    model = MLPClassifier((2,), max_iter=1).fit(np.eye(4), [0, 1, 0, 1])
    model.predict_proba(np.eye(4)), model.predict_proba(np.zeros((50, 4)))
    import sys
    from fastnn.machine_code import cache_directory
    print("numba" in sys.modules, cache_directory())
"""


def test_a_second_process_does_without_the_compiler(tmp_path):
    cold = python(FIT, NUMBA_CACHE_DIR=str(tmp_path)).split()
    warm = python(FIT, NUMBA_CACHE_DIR=str(tmp_path)).split()
    assert [cold[0], warm[0]] == ["True", "False"]
    assert cold[1].startswith(str(tmp_path))


def cut(file):
    file.write_bytes(file.read_bytes()[:-10])  # as by a full disk


def empty(file):
    file.write_bytes(b"")


def spoil(file):
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("harm", [cut, empty, spoil])
def test_a_file_that_is_not_whole_is_written_anew(harm, tmp_path):
    python(FIT, NUMBA_CACHE_DIR=str(tmp_path))
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) > 10
    harm(files[0])
    assert python(FIT, NUMBA_CACHE_DIR=str(tmp_path)).startswith("True")
    assert python(FIT, NUMBA_CACHE_DIR=str(tmp_path)).startswith("False")


def test_code_that_needs_what_no_process_has_is_made_anew(tmp_path):
    python(FIT, NUMBA_CACHE_DIR=str(tmp_path))
    file = next(tmp_path.rglob("epoch.train_steps-*"))
    head, _, code = file.read_bytes().partition(b"\n")
    file.write_bytes(head + b" a_function_of_another_library\n" + code)
    assert python(FIT, NUMBA_CACHE_DIR=str(tmp_path)).startswith("True")
    assert python(FIT, NUMBA_CACHE_DIR=str(tmp_path)).startswith("False")


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
    program = "from fastnn.machine_code import cache_directory; print(cache_directory())"
    assert python(program, NUMBA_CACHE_DIR=str(blocked)) == "None"
    fit = FIT.replace("print(", "assert cache_directory() is None; print(")
    python(fit, NUMBA_CACHE_DIR=str(blocked))


def test_an_edited_kernel_has_another_folder(tmp_path, monkeypatch):
    before = machine_code._digest()
    (tmp_path / "kernels").mkdir()
    for name in machine_code.SOURCES:
        (tmp_path / name).write_text("edited")
    monkeypatch.setattr(machine_code, "__file__", str(tmp_path / "machine_code.py"))
    digests = [before, machine_code._digest()]
    for name in ("lowering.py", "compiler.py", "kernels/new.py"):
        (tmp_path / name).write_text("edited again")
        digests.append(machine_code._digest())
    assert len(set(digests)) == 5


@pytest.mark.parametrize("change", ["processor", "features", "compiler", "setting"])
def test_code_of_another_machine_has_another_folder(change, monkeypatch):
    before = machine_code._digest()
    if change == "processor":
        monkeypatch.setattr(machine_code.llvm, "get_host_cpu_name", lambda: "i486")
    elif change == "features":
        features = machine_code.llvm.get_host_cpu_features()
        features["avx2"] = not features.get("avx2")
        monkeypatch.setattr(machine_code.llvm, "get_host_cpu_features", lambda: features)
    elif change == "compiler":
        monkeypatch.setattr(machine_code.importlib.metadata, "version", lambda name: "0.1")
    else:
        monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    assert machine_code._digest() != before


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


SIGNATURES = """
    import warnings
    import numpy as np, pandas as pd
    from fastnn import MLPClassifier, threads

    warnings.simplefilter("ignore")
    threads.worthwhile = lambda *arguments: 1
    X, y = np.random.default_rng(0).random((20, 6)), np.arange(20) % 2
    for dtype in ("float32", "float64"):
        locked = X.astype(dtype)
        locked.flags.writeable = False
        kinds = [X.astype(dtype), np.asfortranarray(X, dtype), locked, X.astype(dtype)[:, ::2]]
        for data in [*kinds, X.astype(dtype)[::-1], pd.DataFrame(X.astype(dtype))]:
            for weights in (None, np.ones(20), np.ones(20, "float32")):
                model = MLPClassifier((3,), max_iter=1).fit(data, y, sample_weight=weights)
            model.predict(data)
"""


def test_one_compiled_form_a_dtype(tmp_path):
    python(SIGNATURES, NUMBA_CACHE_DIR=str(tmp_path))
    for kernel in ("epoch.train_steps", "prediction._predict_rows"):
        assert len(list(tmp_path.rglob(f"{kernel}-*"))) == 2


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_only_parallel_loops_need_numba():
    warmup._compile_functions(np.dtype(np.float64))
    MLPClassifier((3,), max_iter=1, n_jobs=1).fit(np.eye(4), [0, 1, 0, 1]).predict(np.eye(4))
    names = [file.name for file in machine_code.cache_directory().iterdir() if file.is_file()]
    assert len(names) > 50
    for name in names:
        needs = machine_code.find(name).needs
        if not name.endswith("-parallel"):
            assert not [need for need in needs if need.startswith(("numba_", "NRT_", "Py"))]


CALL = """
    import numpy as np
    from fastnn.jit import Call, jit

    @jit
    def look(number, bundle, array, out):
        out[0], out[1], out[2] = number, bundle[0], bundle[1].size
        for i in range(array.ndim):
            out[3 + i], out[3 + array.ndim + i] = array.shape[i], array.strides[i]
        if array.size > 0:
            out[3 + 2 * array.ndim] = array.flat[array.size - 1]

    whole = np.arange(24.0).reshape(4, 6)
    locked = whole.view()
    locked.flags.writeable = False
    arrays = [whole, whole[:0], whole[1:, ::2], whole.T, whole[:, 2], np.arange(3), locked]
    for n, array in enumerate(arrays):
        out = np.full(8, np.nan)
        # Strided ones are types of their own, and read-only ones.
        Call(look, ("test", n), -2.5, (n, whole[0], None))(array, out)
        last = [array.flat[array.size - 1]] if array.size else []
        expected = [-2.5, n, 6, *array.shape, *array.strides, *last]
        assert out[: len(expected)].tolist() == expected, (n, out, expected)
    print("same")
"""


def test_what_python_hands_over_reaches_machine_code(tmp_path):
    assert python(CALL, NUMBA_CACHE_DIR=str(tmp_path)) == "same"
    assert python(CALL, NUMBA_CACHE_DIR=str(tmp_path)) == "same"


def test_arguments_that_no_kernel_takes_are_refused():
    with pytest.raises((struct.error, TypeError)):
        jit.pack(("a text",))
    with pytest.raises((struct.error, OverflowError)):
        jit.pack((2**64,))
