"""Every tuned constant says what it is, and what finds it again."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest
from processes import ROOT, python

from fastnn.cli.bench import CASES
from fastnn.kernels import tuning

BENCHMARKS = ROOT / "benchmarks"
PLACES = {
    statement.targets[0].id: place
    for place, statement in enumerate(ast.parse(Path(tuning.__file__).read_text("utf-8")).body)
    if isinstance(statement, ast.Assign)
}


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("tune"), importlib.import_module("workloads")


def test_constants_are_documented():
    body = ast.parse(Path(tuning.__file__).read_text("utf-8")).body
    assert len(PLACES) > 30
    for name, place in PLACES.items():
        below = body[place + 1]
        assert isinstance(below, ast.Expr), name
        assert isinstance(below.value.value, str), name


def test_constants_can_be_found_again(scripts):
    tune, workloads = scripts
    assert tune.TUNED.keys() == PLACES.keys()
    for name, tuned in tune.TUNED.items():
        assert getattr(tuning, name) in tuned.values, name
        for question in tuned.questions:
            asked = question | {"case": CASES[question["case"]]._asdict() | question["shape"]}
            work, _ = workloads.WORKLOADS[asked.pop("work")], asked.pop("shape")
            inspect.signature(work).bind(**asked, dtype="float32")


def test_a_constant_is_set_before_it_is_used():
    program = f"""
        import sys
        sys.path.insert(0, {str(BENCHMARKS)!r})
        from tune import set_constant
        set_constant("UPDATE_BLOCK", 1024)
        from fastnn.kernels import updates
        print(updates.UPDATE_BLOCK)
    """
    assert python(program) == "1024"
