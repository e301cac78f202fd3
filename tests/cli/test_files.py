"""Files as people have them: what bug reports of other projects tell, each with its right value."""

import io
import json
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

RNG = np.random.default_rng(0)
X = RNG.normal(size=300)


def write(text, name="d.csv", encoding="utf-8"):
    with open(name, "w", encoding=encoding) as file:
        file.write(text)


def lines(header, rows):
    return "\n".join([header, *rows]) + "\n"


@pytest.fixture
def answers(fastnn):
    """Predict a file; returns the answers as texts, and what was told."""

    def run(text, *more, name="new.csv"):
        if text is not None:
            write(text, name)
        status, out, err = fastnn("predict", "m.skops", name, "--no-proba", *more)
        assert status == 0, err
        return pd.read_csv(io.StringIO(out), dtype=str, keep_default_na=False), err

    return run


# ------------------------------------------------------------------------- 1. texts stay texts


@pytest.mark.parametrize(
    ("codes", "new"),
    [
        (["1", "2", "A"], "code,z\n1,0\n2,0\n,0\n"),
        (["01234", "02345", "K1A"], "code,z\n01234,0\n02345,0\n"),
        (["1", "1.0", "01"], "code,z\n1,0\n1.0,0\n"),
        (["TRUE", "FALSE", "?"], "code,z\nTRUE,0\nFALSE,0\n"),
        (["12345678901234567890", "12345678901234567891", "x"], None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_codes_mean_the_same_in_a_file_of_digits_only(train, answers, codes, new):
    code = RNG.choice(codes, 400)
    y = np.select([code == codes[0], code == codes[1]], [100.0, 0.0], -100.0)
    z = RNG.normal(size=400)
    rows = [f"{c},{a:.3f},{b}" for c, a, b in zip(code, z, y, strict=True)]
    write(lines("code,z,y", rows))
    train("y", epochs=400)
    got = answers(new or f"code,z\n{codes[0]},0\n{codes[1]},0\n")[0]["prediction"].astype(float)
    assert abs(got[0] - 100) < 20
    assert abs(got[1]) < 20


@pytest.mark.parametrize("labels", [("007", "012"), ("1", "01"), ("TRUE", "FALSE"), ("1.0", "2.0")])
def test_labels_come_back_as_they_were_written(train, answers, labels):
    write(lines("z,q,code", (f"{x:.3f},1,{labels[int(x > 0)]}" for x in X)))
    train("code", epochs=100)
    assert set(answers("z,q\n-2,1\n2,1\n")[0]["prediction"]) == set(labels)


def test_truth_values_of_parquet_and_of_a_spreadsheet_agree(train, answers, fastnn):
    flag = RNG.random(300) < 0.5
    frame = pd.DataFrame({"flag": flag, "x": X, "y": ~flag})
    frame.to_parquet("d.parquet")
    assert train("y", data="d.parquet")[0] == 1
    write("flag,x,y\nTRUE,0,FALSE\nfalse,0,true\n", "new.csv")
    assert answers(None)[0]["prediction"].tolist() == ["False", "True"]
    assert "accuracy on 2 rows: 1.0000" in fastnn("evaluate", "m.skops", "new.csv")[1]


def test_values_that_training_had_not_are_told(train, answers, fastnn):
    write(lines("code,x,y", (f"{i % 3},{x:.3f},{3 * x:.3f}" for i, x in enumerate(X))))
    train("y", "--kind", "code=category", epochs=2)
    told = answers("code,x\n1.0,1\n2.0,1\n,1\n1,1\n")[1]
    assert "column 'code': 2 cells have values that training had not, as '1.0'" in told
    assert answers("code,x\n1,1\n,1\n")[1] == ""
    write("code,x,y\n7,1,3\n1,2,6\n")
    assert "1 cell has a value that training had not" in fastnn("evaluate", "m.skops", "d.csv")[2]


def test_parquet_and_csv_agree(train, answers, fastnn):
    zip_code = RNG.choice([1234, 2345, 99], 300)
    frame = pd.DataFrame({"zip": zip_code, "x": X, "y": np.where(zip_code == 99, "a", "b")})
    frame.to_csv("d.csv", index=False)
    train("y", "--kind", "zip=category", epochs=100)
    frame.to_parquet("new.parquet")
    status, out, _ = fastnn("predict", "m.skops", "new.parquet", "--no-proba")
    assert status == 0
    assert out == fastnn("predict", "m.skops", "d.csv", "--no-proba")[1]


# -------------------------------------------------------------------------------- 2. columns


def test_a_comma_at_the_end_of_each_row_shifts_nothing(train):
    write(
        lines("x,z,y", (f"{a:.3f},{b:.3f},{3 * a:.3f}," for a, b in zip(X, X[::-1], strict=True)))
    )
    assert train("y", epochs=400)[0] > 0.9


def test_a_first_row_that_is_taken_for_names_is_told(train):
    write(
        lines(
            "-0.25,1.5,n",
            (f"{x:.3f},{z:.3f},{'p' if x > 0 else 'n'}" for x, z in zip(X, X[::-1], strict=True)),
        )
    )
    assert "columns are called '-0.25' and '1.5': if that is a row" in train("n", epochs=1)[1]
    write(lines("2023,2024,n", (f"{x:.3f},{x:.3f},{'p' if x > 0 else 'n'}" for x in X)))
    assert "columns are called" not in train("n", epochs=1)[1]


def test_a_target_that_stands_twice_is_refused(fastnn):
    write("x,y,y\n1,2,2\n2,3,3\n")
    status, _, err = fastnn("train", "d.csv", "--target", "y", "--out", "m.skops")
    assert status == 2
    assert "column 'y' stands twice, as columns 2 and 3" in err


# ----------------------------------------------------------------------------------- 3. rows


@pytest.mark.parametrize("word", ["None", "NA", "null", "nan", "?"])
def test_a_class_that_is_written_like_a_gap_is_a_class(train, answers, word):
    level = np.select([X > 0.7, X > -0.2], ["Severe", "Mild"], word)
    write(lines("a,b,level", (f"{x:.3f},1,{text}" for x, text in zip(X, level, strict=True))))
    told = train("level", epochs=100)[1]
    assert "300 rows, 2 columns" in told
    assert answers("a,b\n-3,1\n3,1\n")[0]["prediction"].tolist() == [word, "Severe"]


def test_few_gaps_in_a_target_are_left_out_and_counted(train):
    level = ["NA" if i in (5, 9) else "" if i == 7 else "ab"[i % 2] for i in range(300)]
    write(lines("a,b,level", (f"{x:.3f},1,{text}" for x, text in zip(X, level, strict=True))))
    assert "297 rows, 3 left out as they have no 'level'" in train("level", epochs=5)[1]


def test_as_many_answers_as_rows_in_their_order(train, answers):
    write(lines("x,y", (f"{x:.3f},{'p' if x > 0 else 'n'}" for x in X)))
    train("y", epochs=200)
    got = answers("x\n2\n\n-2\n2\n")[0]["prediction"]
    assert got[[0, 2, 3]].tolist() == ["p", "n", "p"]
    assert len(got) == 4


# --------------------------------------------------------------------------------- 4. numbers


@pytest.mark.parametrize(
    "form",
    [
        lambda v, i: "?" if i % 80 == 0 else f"{v:.2f}",
        lambda v, i: " " if i % 80 == 0 else f"{v:.2f}",
        lambda v, i: "-" if i % 80 == 0 else f"{v:.2f}",
        lambda v, i: f'"{v:,.0f}"',
        lambda v, i: f'"${v:,.0f}"',
        lambda v, i: f"{v / 100:.1f}%",
        lambda v, i: f"EUR {v:.0f}",
        lambda v, i: f'"{v:.1f}"'.replace(".", ","),
    ],
)
def test_numbers_in_many_forms_are_numbers(train, form):
    values = RNG.uniform(1000, 9999, 300)
    write(lines("income,z,y", (f"{form(v, i)},1,{v / 1000}" for i, v in enumerate(values))))
    score, told = train("y", epochs=400)
    assert score > 0.95
    assert "is read as text" not in told


def test_a_column_of_numbers_with_a_unit(train):
    write(lines("weight,z,y", (f"{50 + x:.2f} kg,{x:.3f},{x:.3f}" for x in X)))
    assert "300 of 300 cells are numbers beside 'kg'" in train("y", epochs=2)[1]
    told = train("y", "--kind", "weight=number", epochs=2)[1]
    assert "numbers: 2" in told
    assert "is read as text" not in told


def test_a_column_that_is_mostly_numbers_is_told(train):
    cells = ["oops" if i % 50 == 0 else f"{x:.3f}" for i, x in enumerate(X)]
    write(lines("amount,z,y", (f"{c},{x:.3f},{x:.3f}" for c, x in zip(cells, X, strict=True))))
    told = train("y", epochs=2)[1]
    assert (
        "column 'amount' is read as text: 294 of 300 cells are numbers, and 'oops' is not" in told
    )
    assert "--missing 'oops'" in told
    assert "is read as text" not in train("y", "--missing", "oops", epochs=2)[1]


def test_a_target_of_classes_that_is_mostly_numbers_is_told(train):
    rows = [f"{x:.3f},{'Total' if i == 7 else round(x)}" for i, x in enumerate(X)]
    write(lines("z,y", [*rows, *rows]))
    told = train("y", epochs=1)[1]
    assert "the target 'y' is taken for classes: 598 of 600 cells are numbers, and 'Total'" in told
    write(lines("z,y", (f"{x:.3f},{round(x)} kg" for x in X)))
    told = train("y", epochs=1)[1]
    assert "300 of 300 cells are numbers beside 'kg': --task regression reads them" in told
    assert train("y", "--task", "regression", epochs=200)[0] > 0.5
    write(lines("z,y", (f"{x:.3f},0{int(x > 0)}" for x in X)))
    assert "taken for classes" not in train("y", epochs=1)[1]


def test_decimals_of_parquet_are_numbers(train, fastnn):
    from decimal import Decimal

    price = [Decimal(f"{x:.2f}") for x in X]
    pd.DataFrame({"price": price, "y": 3 * X}).to_parquet("d.parquet")
    assert train("y", data="d.parquet", epochs=400)[0] > 0.95


def test_dates_are_dates(train):
    days = pd.date_range("2020-01-01", periods=300)
    trend = np.arange(300) / 100
    rows = (f"{d:%d/%m/%Y},1,{t}" for d, t in zip(days, trend, strict=True))
    write(lines("when,z,y", rows))
    score, told = train("y", epochs=400)
    assert score > 0.9
    assert "dates: 1" in told


def test_dates_without_a_zone_beside_others_are_told(train, answers):
    days = pd.date_range("2020-01-01", periods=300)
    zones = ["Z", *[""] * 2] * 100
    rows = (
        f"{d:%Y-%m-%d %H:%M}{zone},{k % 7},{k}"
        for k, (d, zone) in enumerate(zip(days, zones, strict=True))
    )
    write(lines("when,z,y", rows))
    told = "column 'when' is read as dates: 200 of 300 name no time zone"
    assert told in train("y", epochs=5)[1]
    got, more = answers("when,z\n2020-03-01 00:00,1\n2020-03-01 00:00Z,1\n2020-03-01,1\n")
    assert got["prediction"].nunique() == 1
    assert more == ""


# --------------------------------------------------------- 5. separators, decimals, encodings


def test_a_european_file(train):
    write("x;z;y\n" + "\n".join(f"{a:.3f};{a:.3f};{3 * a:.3f}".replace(".", ",") for a in X))
    score, told = train("y", epochs=400)
    assert score > 0.9
    assert "--separator" in told
    assert "--decimal" in told


def test_a_number_of_two_meanings_is_refused_where_the_layout_is_another(train, answers, fastnn):
    write(lines("a,y", (f"{1 + abs(x):.3f},{x:.3f}" for x in X)))
    train("y", epochs=2)
    write("a;z\n1,234;5\n", "new.csv")
    status, out, err = fastnn("predict", "m.skops", "new.csv")
    assert (status, out) == (2, "")
    assert "'1,234' in row 1, of which --decimal" in err
    assert len(answers(None, "--decimal", ",")[0]) == 1
    assert len(answers("a;z\n1234;5\n")[0]) == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16"])
def test_encodings_of_excel(train, encoding):
    write(lines("prénom,x,y", (f"Zoé,{a:.3f},{3 * a:.3f}" for a in X)), encoding=encoding)
    score, told = train("y", epochs=400)
    assert score > 0.9
    assert ("--encoding" in told) == (encoding != "utf-8-sig")


# ------------------------------------------------------------------------- 6. empty in training


def test_a_column_that_was_empty_in_training_is_ignored_and_told_once(train, answers, monkeypatch):
    monkeypatch.setattr("fastnn.cli.parts.CELLS", 1)  # each row is a part
    write(lines("x,note,y", (f"{x:.3f},,{3 * x:.3f}" for x in X)))
    assert "left out: 1 ('note' it is empty)" in train("y", epochs=5)[1]
    got, told = answers("x,note\n1.0,call back\n2.0,\n3.0,done\n")
    assert len(got) == 3
    assert told.count("'note'") == 1
    assert answers("x\n1.0\n")[1] == ""


@pytest.mark.filterwarnings("always:Columns that were empty")
def test_a_column_that_only_rows_held_out_have_is_told_once(train, answers, recwarn):
    _, held_out = train_test_split(np.arange(len(X)), test_size=0.2, random_state=0)
    notes = ["" if i != held_out[0] else "7" for i in range(len(X))]
    write(lines("x,note,y", (f"{x:.3f},{n},{3 * x:.3f}" for x, n in zip(X, notes, strict=True))))
    train("y", epochs=3)
    told = answers("x,note\n1,7\n")[1]
    assert told == "column 'note' was empty in training and is ignored.\n"
    assert list(recwarn) == []


def test_a_column_of_one_word_for_a_gap_is_empty(train, answers):
    write(lines("x,note,y", (f"{x:.3f},NA,{3 * x:.3f}" for x in X)))
    assert "'note' it is empty" in train("y", epochs=2)[1]
    assert "'note' was empty in training" in answers("x,note\n1,call\n")[1]
    assert answers("x,note\n1,NA\n")[1] == ""


def test_a_target_of_one_class_tells_how_many_rows_have_none(fastnn):
    write(lines("x,y", (f"{x:.3f},{'Yes' if x > 0 else ''}" for x in X)))
    status, _, err = fastnn("train", "d.csv", "--target", "y", "--out", "m.skops")
    assert status == 2
    assert f"'Yes' in every row that has one; {(X <= 0).sum()} have none" in err


# --------------------------------------------------------------------------- options and output


def test_columns_are_carried_into_the_answers(train, answers):
    write(lines("id,x,y", (f"{i:04d},{x:.3f},{'ab'[i % 2]}" for i, x in enumerate(X))))
    train("y", "--drop", "id", epochs=3)
    got, _ = answers('id,x\n007,1\n"a,""b""",2\n', "--keep", "id")
    assert got["id"].tolist() == ["007", 'a,"b"']
    assert list(got) == ["id", "prediction"]


def test_cells_that_spreadsheets_run_are_guarded_when_asked(train, answers):
    names = ["=1+1", "@sum", "-5"]
    write(lines("x,y", (f"{x:.3f},{names[i % 3]}" for i, x in enumerate(X))))
    train("y", "--task", "classification", epochs=2)
    new = lines("x,id", (f"{x:.3f},{c}" for x, c in zip(X, ["+1", "=A1", "-x"] * 100, strict=True)))
    plain = answers(new, "--keep", "id")[0]
    assert set(plain["prediction"]) <= set(names)
    assert plain["id"].tolist()[:3] == ["+1", "=A1", "-x"]
    safe = answers(new, "--keep", "id", "--safe-cells")[0]
    assert set(safe["prediction"]) <= {"'=1+1", "'@sum", "-5"}
    assert safe["id"].tolist()[:3] == ["+1", "'=A1", "'-x"]


def test_json_is_all_that_is_written(fastnn, train):
    write(lines("x,y", (f"{x:.3f},{3 * x:.3f}" for x in X)))
    words = ["train", "d.csv", "--target", "y", "--out", "m.skops", "--max-iter", 3]
    status, out, err = fastnn(*words, "--json", "--quiet")
    assert (status, err) == (0, "")
    facts = json.loads(out)
    assert facts["task"] == "regression"
    assert facts["columns"] == {"numbers": 1, "categories": 0, "dates": 0, "left out": 0}
    assert facts["score"]["rows"] == 60
    scores = json.loads(fastnn("evaluate", "m.skops", "d.csv", "--json")[1])
    assert scores["rows"] == 300
    assert set(scores["scores"]) == {"R2", "mean absolute error", "root mean squared error"}
    shown = json.loads(fastnn("show", "m.skops", "--json")[1])
    assert shown["columns"] == [{"name": "x", "kind": "number", "read": "with '.' for decimals"}]
    assert shown["score"] == facts["score"]


def test_evaluate_and_test_score_the_rows_of_a_file(fastnn, train):
    write(lines("x,y", (f"{x:.3f},{'p' if x > 0 else 'n'}" for x in X)))
    write(lines("x,y", ["3,p", "-3,n", "2,", "4,n"]), "test.csv")
    score, _ = train("y", "--test", "test.csv", epochs=200)
    assert score == pytest.approx(2 / 3, abs=1e-3)
    status, out, err = fastnn("evaluate", "m.skops", "test.csv")
    assert status == 0
    assert "accuracy on 3 rows: 0.6667" in out
    assert "1 row is left out as it has no 'y'" in err
    write("x,y\n3,p\n-3,q\n", "test.csv")
    assert (
        "1 row has a class that training had not, as 'q'."
        in fastnn("evaluate", "m.skops", "test.csv")[2]
    )


def test_what_a_file_to_score_on_lacks_is_told_before_the_training(fastnn):
    write(lines("x,y", (f"{x:.3f},{3 * x:.3f}" for x in X)))
    write("x,z\n1,2\n", "test.csv")
    for name, told in [("none.csv", "no such file"), ("test.csv", "there is no column 'y'")]:
        status, _, err = fastnn(
            *("train", "d.csv", "--target", "y", "--out", "m.skops", "--test", name)
        )
        assert status == 2
        assert told in err.splitlines()[-1]
        assert len(err.splitlines()) == 1


def test_a_score_that_is_none_is_null_in_json(train, fastnn):
    write(lines("x,y", (f"{x:.3f},{3 * x:.3f}" for x in X)))
    train("y", epochs=3)
    write("x,y\n1,3\n", "test.csv")
    scores = fastnn("evaluate", "m.skops", "test.csv", "--json")[1]
    assert '"R2": null' in scores
    assert "R2 on 1 row: nan" in fastnn("evaluate", "m.skops", "test.csv")[1]


def test_a_target_of_dates_is_told(train):
    write(lines("x,y", (f"{x:.3f},2024-0{int(x > 0) + 1}-01" for x in X)))
    assert "'y' is taken for classes: its cells are dates" in train("y", epochs=3)[1]


def test_weights_and_groups(train, fastnn):
    write(lines("x,w,g,y", (f"{x:.3f},{i % 2},{i // 10},{3 * x:.3f}" for i, x in enumerate(X))))
    told = train("y", "--weights", "w", "--groups", "g", epochs=3)[1]
    assert "300 rows, 1 column\n" in told
    assert fastnn("predict", "m.skops", "d.csv")[0] == 0  # which needs x alone
    write("x,w,y\n1,-1,2\n2,1,3\n3,1,4\n", "bad.csv")
    words = ["train", "bad.csv", "--target", "y", "--out", "m.skops", "--weights", "w"]
    status, _, err = fastnn(*words)
    assert status == 2
    assert "'w' holds '-1' in row 1" in err


@pytest.mark.parametrize(("role", "other"), [("weights", "1"), ("groups", "g")])
def test_a_row_to_learn_from_has_a_weight_and_a_group(role, other, train, fastnn):
    rows = [f"{x:.3f},{other if i % 2 else 2},{3 * x:.3f}" for i, x in enumerate(X)]
    write(lines("x,w,y", [*rows, ",,"]))  # of spreadsheets, which has no target
    told = train("y", f"--{role}", "w", "--held-out", "0.2", epochs=3)[1]
    assert "300 rows, 1 left out as it has no 'y', 1 column" in told
    write(lines("x,w,y", [*rows, "1,,3"]))
    words = ["train", "d.csv", "--target", "y", "--out", "m.skops", "--max-iter", 3]
    status, _, err = fastnn(*words, f"--{role}", "w", "--held-out", "0.2")
    assert status == 2
    assert (
        f"'w' holds nothing in row 301, and {'weights are' if role == 'weights' else 'each'}" in err
    )


def test_standard_input_and_output(train, answers, fastnn, monkeypatch):
    text = lines("x,y", (f"{x:.3f},{3 * x:.3f}" for x in X))
    write(text)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    train("y", data="-", epochs=3)
    expected = answers(None, name="d.csv")[0]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    status, out, err = fastnn("predict", "m.skops", "-", "--out", "-")
    assert (status, err) == (0, "")
    assert pd.read_csv(io.StringIO(out), dtype=str).equals(expected)


def test_excel_files(train, answers):
    pytest.importorskip("openpyxl")
    rows = pd.DataFrame({"code": ["01", "x"] * 150, "x": X, "y": 3 * X})
    rows.to_excel("d.xlsx", index=False)
    assert train("y", data="d.xlsx", epochs=400)[0] > 0.9
    assert len(answers(None, name="d.xlsx")[0]) == 300


def test_free_text_is_left_out_with_the_reason(train):
    words = ["the", "house", "near", "river", "has", "old", "garden", "with", "trees"]
    text = [" ".join(RNG.permutation(words)) for _ in X]
    write(lines("x,text,y", (f"{x:.3f},{t},{3 * x:.3f}" for x, t in zip(X, text, strict=True))))
    assert "'text' has sentences" in train("y", epochs=2)[1]


@pytest.mark.parametrize("learner", [["--max-iter", 2], ["--time", 2]])
def test_a_file_of_which_no_column_is_left_is_refused_in_a_sentence(fastnn, learner):
    write(lines("x,y", [*(f"{x:.5f},{3 * x:.3f}" for x in X), "Total,"]))
    words = ["train", "d.csv", "--target", "y", "--out", "m.skops"]
    status, out, err = fastnn(*words, *learner)
    assert (status, out) == (2, "")
    assert "--missing 'Total' counts it as missing" in err
    assert "every column but 'y' is left out" in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--kind", "x"], "--kind 'x'"),
        (["--kind", "x=colour"], "--kind 'x=colour'"),
        (["--kind", "z=number"], "no column 'z'"),
        (["--kind", "y=number"], "'y' is the target: --task"),
        (["--kind", "t=date:%Q"], "%Q is none of the parts of a date"),
        (["--kind", "t=date:day"], "none of the parts of a date"),
        (["--drop", "y"], "'y' is needed"),
        (["--drop", "z"], "no column 'z'"),
        (["--separator", "ab"], "--separator 'ab'"),
        (["--decimal", ";"], "--decimal"),
        (["--model", "tabular", "--max-iter", "3"], "--max-iter is of the plain network"),
        (["--kind", "t=number"], "'t' holds 'a' in row 1"),
        (["--weights", "y"], "have to name a column each"),
        (["--groups", "y"], "have to name a column each"),
        (["--groups", "x", "--weights", "x"], "have to name a column each"),
    ],
    ids=str,
)
def test_options_that_cannot_be(fastnn, words, told):
    write(lines("x,t,y", (f"{x:.3f},a,{3 * x:.3f}" for x in X)))
    status, out, err = fastnn("train", "d.csv", "--target", "y", "--out", "m.skops", *words)
    assert (status, out) == (2, "")
    assert told in err.splitlines()[-1]


# ------------------------------------------------------------------------------------- hostile


def test_names_that_are_hostile(train, answers, fastnn):
    names = ["a\x00b", "x" * 1_000_000, '"<b>""', "=1+1"]
    quoted = [f'"{name.strip(chr(34)).replace(chr(34), chr(34) * 2)}"' for name in names]
    write(lines(",".join([*quoted, "y"]), (f"{x:.3f},1,2,3,{3 * x:.3f}" for x in X)))
    told = train("y", epochs=2)[1]
    assert len(told) < 2000
    assert len(answers(None, name="d.csv")[0]) == 300
    assert len(fastnn("show", "m.skops")[1]) < 2000
    write("b,y\n1,2\n")
    status, _, err = fastnn("predict", "m.skops", "d.csv")
    assert status == 2
    assert len(err) < 2000


def test_a_cell_of_two_megabytes_in_a_target_is_refused(fastnn):
    write(lines("x,y", (f"{x:.3f},{'a' * 2_000_000 if i == 5 else 'b'}" for i, x in enumerate(X))))
    status, _, err = fastnn("train", "d.csv", "--target", "y", "--out", "m.skops")
    assert status == 2
    assert "a text of 2000000 characters in row 6" in err
    assert len(err) < 500


def test_a_long_cell_in_a_target_that_is_scored_takes_its_own_memory_alone(train, fastnn):
    write(lines("x,y", (f"{x:.3f},{'b' if x > 0 else 'c'}" for x in X)))
    train("y", epochs=200)
    right = json.loads(fastnn("evaluate", "m.skops", "d.csv", "--json")[1])["scores"]["accuracy"]
    rest = [f"{x:.3f},{'b' if x > 0 else 'c'}" for x in X[1:]]
    write(lines("x,y", [f"{X[0]:.3f},{'b' * 2_000_000}", *rest]))
    tracemalloc.start()
    status, out, _ = fastnn("evaluate", "m.skops", "d.csv", "--json")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert status == 0
    assert json.loads(out)["scores"]["accuracy"] == pytest.approx(right - 1 / len(X))
    assert peak < 100e6  # of texts of equal length it would be 2.4 GB
