"""The cache of machine code, whatever happens to it: right results, at worst a new compilation."""

import os
import random
import shutil
import time

import pytest
from harness import SEED, Program, amount, moments, run

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
    folder.chmod(0o700)
    return folder, run(FIT, NUMBA_CACHE_DIR=str(folder)).split()[-1]


def test_processes_at_once_on_an_empty_cache(cache, tmp_path):
    """Some are killed while they write, and the folder is cleared while others run."""
    _, first = cache
    n = amount(4, 20)
    programs = [Program(FIT, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(n)]
    for i, seconds in enumerate(moments("cleared", n // 2, 1.0)):
        time.sleep(seconds)
        if i % 2:
            programs[i].kill()
        else:
            for folder in tmp_path.iterdir():
                shutil.rmtree(folder, ignore_errors=True)
    others = [program for i, program in enumerate(programs) if i % 2 == 0 or i >= n // 2]
    ended = [program.end(limit=60 + 10 * n) for program in others]
    assert [end.out.split()[-1:] for end in ended] == [[first]] * len(others), ended[0].told()
    assert run(FIT, NUMBA_CACHE_DIR=str(tmp_path)).split()[-1] == first


# Children of a process that has loaded no kernel yet, each with a cache folder that was harmed.
HARMED = """
    import os, random, shutil, sys
    from pathlib import Path
    import forking
    from work import X, bits, classifier, y

    whole, work, first, seed, n = sys.argv[1:]
    drawn = random.Random(seed)

    def cut(content):
        return content[: drawn.randrange(len(content))]

    def flip(content):
        at, bit = drawn.randrange(len(content)), 1 << drawn.randrange(8)
        return content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :]

    def swap(content):
        return drawn.choice(files).read_bytes()

    def replace(content):
        return drawn.randbytes(len(content))

    def fit(folder):
        os.environ["NUMBA_CACHE_DIR"] = str(folder)
        assert bits(classifier().fit(X, y)) == first
        import numpy
        print("numba" in sys.modules, flush=True)

    files = [file for file in Path(whole).rglob("*") if file.is_file()]
    for i in range(int(n)):
        file = files[i % len(files)]
        harm = (swap, flip, cut, replace)[(i // len(files) + i) % 4]
        folder = Path(work, str(i))
        shutil.copytree(whole, folder)
        harmed = folder / file.relative_to(whole)
        harmed.write_bytes(harm(file.read_bytes()))
        print(i, file.name, harm.__name__, flush=True)
        status = forking.in_child(fit, folder)
        assert status == 0, (file.name, harm.__name__, status)
        shutil.rmtree(folder)
"""


def test_files_that_are_cut_swapped_or_flipped(cache, tmp_path):
    whole, first = cache
    n = amount(20, 400)
    told = run(HARMED, whole, tmp_path, first, f"harm {SEED}", n, limit=60 + 10 * n)
    assert told.count("True") + told.count("False") == n
    assert "True" in told  # what was harmed was compiled anew


@pytest.mark.parametrize("kind", ["a folder for a file", "a link to nothing", "a fifo", "empty"])
def test_things_that_are_no_files(cache, tmp_path, kind):
    whole, first = cache
    copy = tmp_path / "copy"
    shutil.copytree(whole, copy)
    files = sorted(file for file in copy.rglob("*") if file.is_file())
    file = random.Random(f"{kind} {SEED}").choice(files)
    file.unlink()
    if kind == "a folder for a file":
        file.mkdir()
    elif kind == "a link to nothing":
        file.symlink_to("nowhere")
    elif kind == "a fifo":
        os.mkfifo(file, 0o600)
    else:
        file.touch(0o600)
    assert run(FIT, NUMBA_CACHE_DIR=str(copy)).split()[-1] == first
