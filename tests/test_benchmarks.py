"""How figures of two commits are judged."""

import importlib

import pytest
from processes import ROOT


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module


@pytest.mark.parametrize(
    ("new", "again", "limit", "holds"),
    [
        (1.01, 1.00, "1.020", "yes"),
        (1.03, 1.01, "1.020", "**no**"),
        (1.03, 1.04, "1.040", "yes"),
        (1.03, 0.96, "1.042", "yes"),
    ],
)
def test_the_old_commit_beside_itself_widens_the_limit(script, new, again, limit, holds):
    commits = script("commits")
    row = commits.Row("epoch", "float32", "1", "ms", 1.02)
    figures = {"old": [1.0, 2.0, 3.0], "new": [new, 2 * new, 9.0], "again": [again, 0.0, 9.0]}
    cells = commits.line(row, figures).split(" | ")
    assert cells[3] == "2 ms"
    assert cells[-2:] == [limit, f"{holds} |"]


def test_each_side_comes_first_in_turn(script):
    rounds = list(script("workers").orders("abc", 6))
    assert sorted(map("".join, rounds)) == ["abc", "acb", "bac", "bca", "cab", "cba"]
