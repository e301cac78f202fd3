"""Files of strangers: no code of theirs runs, and a clear error within bounds."""

import os
import pickle
import shutil
import struct

import joblib
import numpy as np
import pytest
from harness import IS_FULL, SEED, Program, amount, few_kernels, filled, nearly_empty, run

from fastnn import MLPClassifier
from fastnn.compiling import cache as kernels


def test_models_and_tables(tmp_path):
    n = amount(12, 200)
    run("strangers.py", tmp_path, SEED, n, limit=200 + n)


FIT = """
    import warnings
    warnings.simplefilter("default")
    from work import X, bits, classifier, y
    print(bits(classifier().fit(X, y)), flush=True)
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    if not IS_FULL:
        filled(folder)
    return folder, run(FIT, NUMBA_CACHE_DIR=str(folder))


@pytest.fixture(scope="module")
def private(tmp_path_factory):
    """A user's own place, in which kernels are found from the second time on."""
    folder = tmp_path_factory.mktemp("private")
    nearly_empty(folder / "fastnn")
    return folder


def plant(folder):
    """Put other code than a kernel's in the place of each, whole by its own checksum."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    for file in files:
        head, _, code = file.read_bytes()[kernels.CHECKSUM_SIZE :].partition(b"\n")
        content = head + b"\n" + bytes(len(code))
        file.write_bytes(kernels._checksum(file, content) + content)
    return files


def folder_for_all(root):
    root.chmod(0o777)


def inner_folder_for_all(root):
    next(root.iterdir()).chmod(0o777)


def inner_folder_for_a_group(root):
    next(root.iterdir()).chmod(0o770)


def files_for_all(root):
    for file in root.rglob("*-*"):
        if file.is_file():
            file.chmod(0o666)


def files_of_another(root):
    for file in root.rglob("*"):
        os.chown(file, 65534, 65534)


def folder_of_another(root):
    os.chown(next(root.iterdir()), 65534, 65534)


@pytest.mark.parametrize(
    "open_to_others",
    [
        folder_for_all,
        inner_folder_for_all,
        inner_folder_for_a_group,
        files_for_all,
        files_of_another,
        folder_of_another,
    ],
    ids=lambda way: way.__name__,
)
def test_a_cache_that_others_can_write_to(cache, private, tmp_path, open_to_others):
    """Numbers are right although each file holds other code, and nothing is written there."""
    if open_to_others.__name__.endswith("another") and os.geteuid():
        pytest.skip("only root may give files away")
    whole, first = cache
    copy = tmp_path / "copy"
    shutil.copytree(whole, copy)
    files = plant(copy)
    open_to_others(copy)
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}
    ended = Program(FIT, NUMBA_CACHE_DIR=str(copy), XDG_CACHE_HOME=str(private)).end()
    assert ended.status == 0, ended.told()
    assert ended.out.strip() == first
    assert str(copy) in ended.err, "no warning names the folder"
    assert few_kernels(private), "no kernel is in the private place"
    assert before == {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}
    if open_to_others not in (files_for_all, files_of_another):
        assert sorted(file for file in copy.rglob("*") if file.is_file()) == files


OF_CUT_PICKLES = pickle.UnpicklingError, EOFError, ValueError, LookupError, OSError, struct.error


def test_a_checkpoint_that_is_cut(tmp_path):
    file = tmp_path / "c.joblib"
    joblib.dump(MLPClassifier(tol=10.0, n_iter_no_change=1).fit(np.eye(4), [0, 1, 0, 1]), file)
    content = file.read_bytes()
    for size in range(0, len(content), max(1, len(content) // amount(50, 2000))):
        file.write_bytes(content[:size])
        with pytest.raises(OF_CUT_PICKLES):
            joblib.load(file)
