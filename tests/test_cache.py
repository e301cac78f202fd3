"""What is compiled, when, and where it is kept."""

import contextlib
import gc
import pickle
import stat
import sys

import numpy as np
import pytest
from processes import python

from fastnn import MLPClassifier, jit

FIT = """
    import warnings
    import numpy as np
    from fastnn import MLPClassifier

    warnings.simplefilter("ignore")
    MLPClassifier((2,), max_iter=1).fit(np.eye(4), [0, 1, 0, 1])
    from fastnn.jit import cache_directory
    from fastnn.kernels.epoch import train_steps
    stats = train_steps.stats
    print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()), cache_directory())
"""


def test_a_second_process_compiles_nothing(tmp_path):
    cold = python(FIT, NUMBA_CACHE_DIR=str(tmp_path)).split()
    warm = python(FIT, NUMBA_CACHE_DIR=str(tmp_path)).split()
    assert cold[:2] == ["0", "1"]
    assert warm[:2] == ["1", "0"]
    assert cold[2].startswith(str(tmp_path))


@pytest.mark.parametrize("length", [0, 100])
@pytest.mark.parametrize("kind", ["nbc", "nbi"])  # machine code, and the index of a kernel's forms
def test_a_file_cut_short_is_written_anew(kind, length, tmp_path):
    python(FIT, NUMBA_CACHE_DIR=str(tmp_path))
    for file in tmp_path.rglob(f"*.{kind}"):  # as by a full disk
        file.write_bytes(file.read_bytes()[:length])
    assert python(FIT, NUMBA_CACHE_DIR=str(tmp_path)).split()[:2] == ["0", "1"]
    assert python(FIT, NUMBA_CACHE_DIR=str(tmp_path)).split()[:2] == ["1", "0"]


@pytest.mark.parametrize("is_on", [True, False])
def test_the_collector_is_put_back(is_on):
    try:
        (gc.enable if is_on else gc.disable)()
        with contextlib.suppress(ZeroDivisionError), jit._without_collector():
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
    program = "from fastnn.jit import cache_directory; print(cache_directory())"
    assert python(program, NUMBA_CACHE_DIR=str(blocked)) == "None"
    fit = FIT.replace("print(", "assert cache_directory() is None; print(")
    python(fit, NUMBA_CACHE_DIR=str(blocked))


def test_an_edited_kernel_has_another_folder(tmp_path, monkeypatch):
    before = jit._sources_digest()
    (tmp_path / "kernels").mkdir()
    for name in jit.COMPILERS:
        (tmp_path / name).write_text("edited")
    monkeypatch.setattr(jit, "__file__", str(tmp_path / "jit.py"))
    digests = [before, jit._sources_digest()]
    for name in ("views.py", "blas.py", "kernels/new.py"):
        (tmp_path / name).write_text("edited again")
        digests.append(jit._sources_digest())
    assert len(set(digests)) == 5


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
    threads.worthwhile = lambda flops, n_shards, n_jobs=None: 1
    X, y = np.random.default_rng(0).random((20, 6)), np.arange(20) % 2
    for dtype in ("float32", "float64"):
        locked = X.astype(dtype)
        locked.flags.writeable = False
        kinds = [X.astype(dtype), np.asfortranarray(X, dtype), locked, X.astype(dtype)[:, ::2]]
        for data in [*kinds, X.astype(dtype)[::-1], pd.DataFrame(X.astype(dtype))]:
            for weights in (None, np.ones(20), np.ones(20, "float32")):
                model = MLPClassifier((3,), max_iter=1).fit(data, y, sample_weight=weights)
            model.predict(data)
    from fastnn.kernels.epoch import train_steps
    from fastnn.kernels.prediction import predict_rows
    print(len(train_steps.signatures), len(predict_rows.signatures))
"""


def test_one_compiled_form_a_dtype():
    assert python(SIGNATURES) == "2 2"
