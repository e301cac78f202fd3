"""How figures are judged, and what is concluded from them."""

import importlib
import math

import numpy as np
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


RESULTS = [
    {"learner": learner, "dataset": name, "error": error, "fit_s": 1.0}
    for learner, errors in {
        "a": {"x": 0.1, "y": 0.4},
        "b": {"x": 0.2, "y": 0.2},
        "c": {"x": 0.2},
        "a@1 s": {"x": 0.3, "y": 0.1},
    }.items()
    for name, error in errors.items()
]


def test_ranks_are_among_those_that_finished_and_no_other_form_of_the_same(script):
    report = script("tabular_report")
    assert report.ranks(report.table(RESULTS, "error")) == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 2.5, "y": 1},
        "c": {"x": 2.5},
        "a@1 s": {"x": 3, "y": 1},
    }


def test_errors_by_the_best_of_whole_learners(script):
    report = script("tabular_report")
    found = report.by_best(report.table(RESULTS, "error"))
    assert found == pytest.approx({"a": 2**0.5, "b": 2**0.5, "c": 2, "a@1 s": 1.5**0.5})


def test_the_report_of_few_results_has_its_tables(script, tmp_path):
    report = script("tabular_report")
    about = {"rows": 9, "threads": 1, "seeds": [0], "measured": ["a"], "coverage": 0.9}
    extra = {"coverage": 0.91, "width": 1.2, "own_error": 0.11}
    text = report.markdown([RESULTS[0] | extra, *RESULTS[1:]], about | {"around": "a"}, "p.svg")
    assert "| x | **0.1000** | 0.2000 | 0.2000 | 0.3000 |" in text
    assert "0.910, least 0.910 (1.200)" in text
    assert "0.1100, 0.1000" in text
    report.picture(RESULTS, tmp_path / "p.svg")
    assert (tmp_path / "p.svg").stat().st_size > 1000


def test_anchors_stand_beside_the_same_split_alone(script):
    joined = script("tabular").joined
    mine = [{"learner": "a", "dataset": name, "seed": 0, "error": 1} for name in "xyz"]
    anchors = [{"learner": "b", "dataset": name, "error": 2} for name in "xyw"]
    anchors += [{"learner": "c", "dataset": "x", "error": 2}, {**mine[0], "error": 3}]
    assert [r["learner"] for r in joined(mine, anchors, 5000)] == ["a", "a", "a", "b", "b"]
    assert joined(mine, anchors, 4000) == mine
    assert joined([mine[0] | {"seed": 1}], anchors, 5000) == [mine[0] | {"seed": 1}]


def test_learners_of_the_command_line(script):
    parse = script("tabular_learners").parse
    name, (classifier, regressor) = parse("s@1=sklearn.svm:SVC(C=2)|scaled(SVR())")
    assert (name, classifier().C, regressor()[-1].kernel) == ("s@1", 2, "rbf")
    assert parse("hgb")[0] == "hgb"
    with pytest.raises(ValueError, match="'other' is none of"):
        parse("other")
    with pytest.raises(ValueError, match="needs two expressions"):
        parse("a=sklearn.svm:SVC()")


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name, more in (
        ("classes", {"classes": np.array(["a", "b", "c", "rare"])}),
        ("numbers", {}),
    ):
        X = rng.random((200, 3)).astype(np.float32)
        X[:, 2] = rng.integers(0, 3, 200)
        X[0, 0] = np.nan
        y = rng.integers(0, 3, 200) if more else (X @ [1, 2, 3]).astype(np.float32)
        if more:
            y[:5] = 3
        mask = np.array([False, False, True])
        np.savez(tmp_path / f"{name}.npz", X=X, y=y, cat_mask=mask, cat_sizes=[3], **more)
    return tmp_path


@pytest.mark.parametrize("name", ["classes", "numbers"])
@pytest.mark.parametrize("around", [False, True])
def test_a_learner_is_measured(script, folder, name, around):
    learner = "a=sklearn.linear_model:scaled(LogisticRegression())|scaled(Ridge())"
    data = script("tabular_sets").split(name, folder, 0, 100)
    assert data.categories == ["x2"]
    make = script("tabular_learners").parse(learner)[1][data.is_regression]
    found, arrays = script("tabular").measure(make, data, 0.9, around)
    assert found["n"] == 100
    assert 0 < found["error"] < 1
    assert ("coverage" in found) == around
    assert ("logloss" in found) == (name == "classes")
    assert len(arrays["test"]) == len(data.y_test) in (48, 50)


def test_costs_of_a_step_follow_from_what_was_measured(script):
    model = script("machines_model")
    of, here = model.Costs(1e-5, 1e-3, 2e-4, 4e5), (0.0, math.inf)
    ms = {
        "one process, one thread": 1e3 * of.step(4000, 1, *here),
        "one thread, a quarter of the rows a step": 1e3 * of.step(1000, 1, *here),
        "workers, this machine": 1e3 * of.step(4000, 3, *here),
    }
    found = model.costs(ms, 4000, 3, 4e5)
    np.testing.assert_allclose(found, of)
    network = 1e-3, 1e9
    assert of.step(4000, 3, *network) - of.step(4000, 3, *here) == pytest.approx(4 * 4.2e-3)
    for n, batch in model.pays(of, {"slow": network})["slow"].items():
        assert of.speed(batch, n, network) == pytest.approx(n / 2, rel=0.1)
