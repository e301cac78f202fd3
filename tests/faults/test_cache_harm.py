"""The cache of machine code, whatever happens to it: right results, at worst a new compilation."""

import shutil
import time

import pytest
from harness import (
    IS_FULL,
    SEED,
    Program,
    amount,
    few_kernels,
    filled,
    moments,
    nearly_empty,
    run,
)

FIT = """
    from work import X, bits, classifier, y
    print("imported", flush=True)
    model = classifier().fit(X, y)
    print(bits(model), flush=True)
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder that holds the kernels of one fit, and the bits of that."""
    folder = tmp_path_factory.mktemp("cache")
    if not IS_FULL:
        filled(folder)
    return folder, run(FIT, NUMBA_CACHE_DIR=str(folder)).split()[-1]


def test_processes_at_once_on_an_empty_cache(cache, tmp_path):
    """Some are killed while they write, and the folder is cleared while others run."""
    _, first = cache
    n, n_faults = amount(3, 20), amount(2, 5)
    nearly_empty(tmp_path)
    programs = [Program(FIT, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(n)]
    programs[0].wait_for("imported")
    for i, seconds in enumerate(moments("cleared", n_faults, 1.0)):
        time.sleep(seconds)
        if i % 2:
            programs[i].kill()
        else:
            clear(tmp_path)
    others = [program for i, program in enumerate(programs) if i % 2 == 0 or i >= n_faults]
    ended = [program.end(limit=60 + 10 * n) for program in others]
    assert [end.out.split()[-1:] for end in ended] == [[first]] * len(others), ended[0].told()
    assert run(FIT, NUMBA_CACHE_DIR=str(tmp_path)).split()[-1] == first


def clear(root):
    """Take away a cache's folders, or in small the files of a few kernels."""
    for folder in root.iterdir() if IS_FULL else ():
        shutil.rmtree(folder, ignore_errors=True)
    for file in few_kernels(root):
        file.unlink(missing_ok=True)


# Children of a process that has loaded no kernel yet, each with a cache folder that was harmed.
HARMED = """
    import os, random, shutil, sys
    from pathlib import Path
    import forking
    from harness import few_kernels
    from work import X, bits, classifier, y

    whole, work, first, seed, n = sys.argv[1:]
    drawn = random.Random(seed)

    def cut(file):
        content = file.read_bytes()
        file.write_bytes(content[: drawn.randrange(len(content))])

    def flip(file):
        content = bytearray(file.read_bytes())
        content[drawn.randrange(len(content))] ^= 1 << drawn.randrange(8)
        file.write_bytes(content)

    def swap(file):
        file.write_bytes(drawn.choice([one for one in files if one.name != file.name]).read_bytes())

    def replace(file):
        file.write_bytes(drawn.randbytes(file.stat().st_size))

    def empty(file):
        file.write_bytes(b"")

    def folder(file):
        file.unlink()
        file.mkdir()

    def link_to_nothing(file):
        file.unlink()
        file.symlink_to("nowhere")

    def fifo(file):
        file.unlink()
        os.mkfifo(file, 0o600)

    HARMS = [swap, flip, cut, replace, empty, folder, link_to_nothing, fifo]

    def fit(place):
        os.environ["NUMBA_CACHE_DIR"] = str(place)
        assert bits(classifier().fit(X, y)) == first
        print("numba" in sys.modules, flush=True)

    files = few_kernels(whole)
    for i in range(int(n)):
        file = files[i % len(files)]
        harm = HARMS[(i + i // len(HARMS)) % len(HARMS)]
        place = Path(work, str(i))
        shutil.copytree(whole, place)
        harm(place / file.relative_to(whole))
        print(i, file.name, harm.__name__, flush=True)
        status = forking.in_child(fit, place)
        assert status == 0, (file.name, harm.__name__, status)
        shutil.rmtree(place)
"""


def test_files_that_are_harmed_or_are_none(cache, tmp_path):
    whole, first = cache
    n = amount(8, 120)
    told = run(HARMED, whole, tmp_path, first, f"harm {SEED}", n, limit=60 + 10 * n)
    assert told.count("True") + told.count("False") == n
    assert "True" in told  # what was harmed was compiled anew
