"""Random tables as CSV and Parquet: the same cells have the same answers, wherever they stand."""

import csv
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fastnn.cli import main

TEXTS = st.text(alphabet="ab01.,;|\t\"'\n\r =+-@%$é€NA", max_size=6)
NUMBERS = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.floats(-1e6, 1e6).map(lambda x: f"{x:.3f}"),
    st.integers(0, 10**7).map(lambda n: f"{n:,}"),
    st.integers(0, 99).map("{:04d}".format),
)
GAPS = st.sampled_from(["", " ", "NA", "?", "null", "-"])
KINDS = [
    TEXTS,
    NUMBERS,
    st.one_of(NUMBERS, GAPS),
    st.one_of(TEXTS, NUMBERS, GAPS),
    st.integers(-(10**6), 10**6).map(str),
    st.floats(-1e6, 1e6).map(repr),
    st.dates().map(str),
    st.sampled_from(["red", "green", "TRUE", "1", "1.0", "01"]),
]


@st.composite
def tables(draw):
    """Draw columns of texts, and a target of two classes and a few gaps."""
    n = draw(st.integers(8, 30))
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=5))
    columns = [draw(st.lists(kind, min_size=n, max_size=n)) for kind in kinds]
    labels = draw(st.sampled_from([("a", "b"), ("01", "1"), ("None", "x"), ("=1", '"q"\n')]))
    target = [labels[i % 2] for i in range(n)]
    order = draw(st.permutations(range(n)))
    return columns, target, order


def write(path, names, columns):
    if path.suffix == ".parquet":
        pq.write_table(pa.table(dict(zip(names, columns, strict=True))), path)
        return
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(names)
        writer.writerows(zip(*columns, strict=True))


@pytest.fixture
def run(tmp_path, capsys):
    def command(*words):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main(list(map(str, words)))
        out, err = capsys.readouterr()
        return stop.value.code or 0, out, err

    return command


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(tables())
def test_answers_depend_on_the_cells_alone(run, tmp_path, table):
    columns, target, order = table
    names = [f"c{i}" for i in range(len(columns))]
    write(tmp_path / "d.csv", [*names, "y"], [*columns, target])
    words = ["train", tmp_path / "d.csv", "--target", "y", "--out", tmp_path / "m.skops"]
    status, _, err = run(*words, "--max-iter", 2, "--held-out", 0.3, "--quiet")
    assert "Traceback" not in err
    assume(status == 0)  # and not refused, as where no column is left

    def answers(rows, suffix=".csv"):
        path = tmp_path / f"new{suffix}"
        write(path, names, [[column[i] for i in rows] for column in columns])
        status, out, err = run("predict", tmp_path / "m.skops", path, "--separator", ",")
        assert status == 0, err
        read = list(csv.reader(io.StringIO(out, newline="")))[1:]
        assert len(read) == len(rows)
        assert {row[0] for row in read} <= set(target)
        return np.array([row[1:] for row in read], dtype=float)

    n = len(target)
    whole = answers(range(n))
    np.testing.assert_allclose(answers(order), whole[list(order)], rtol=1e-4, atol=1e-6)
    parts = np.concatenate([answers(range(n // 2)), answers(range(n // 2, n))])
    np.testing.assert_allclose(parts, whole, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(answers(range(n), ".parquet"), whole, rtol=1e-4, atol=1e-6)
