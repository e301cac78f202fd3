"""What the documentation shows runs as it stands there, with warnings as errors."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import fastnn

README = Path(__file__).parents[1] / "README.md"
MODULES = [
    module.name
    for module in pkgutil.walk_packages(fastnn.__path__, "fastnn.")
    if module.name != "fastnn.__main__"  # runs the command line
]


def examples():
    """Every docstring with an example, as a test by name."""
    finder = doctest.DocTestFinder()
    found = {}
    for name in ["fastnn", *MODULES]:
        for test in finder.find(importlib.import_module(name), globs={}):  # imports are shown too
            if test.examples:
                found[test.name] = test
    return found


EXAMPLES = examples()


@pytest.mark.parametrize("name", EXAMPLES)
def test_docstring_example(name):
    told = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(EXAMPLES[name], out=told.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(told)


def test_each_public_name_has_an_example():
    public = {name for name in fastnn.__all__ if not name.startswith("__")}
    shown = {name.split(".")[1] for name in EXAMPLES if name.count(".") == 1}
    assert public <= shown, public - shown


BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0][:40])
def test_readme_block(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, README, "exec"), {"__name__": "__main__"})


def test_readme_has_blocks_and_nothing_to_fill_in():
    assert BLOCKS
    text = README.read_text(encoding="utf-8")
    assert "@@" not in text
    assert not re.search(r"pip install '?fastnn(?!-mlp)", text)
