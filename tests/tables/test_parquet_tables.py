"""Parquet files: what a few bytes of them may become, and what is read of them."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fastnn.tables import InputError
from fastnn.tables.open import open_table


@pytest.fixture
def rows(tmp_path):
    """Write a table to a file and read it, part by part."""

    def read(columns, places=None, **options):
        path = tmp_path / "t.parquet"
        pq.write_table(pa.table(columns), path, **options)
        with open_table(path) as table:
            return table.names, list(table.batches(places))

    return read


@pytest.fixture
def few_bytes(monkeypatch):
    """Let files expand to little whatever their ratio."""
    monkeypatch.setattr("fastnn.tables.source.MOST_EXPANDED", 1 << 18)


REPEATED = {
    "numbers": pa.array(np.zeros(2_000_000)),
    "truth values": pa.array(np.ones(2_000_000, bool)),
    "gaps": pa.nulls(2_000_000, pa.float64()),
    "texts": pa.array(["x" * 20_000] * 200),
    "bytes": pa.array([b"x" * 20_000] * 200),
    "bytes of one length": pa.array([b"x" * 20_000] * 200, pa.binary(20_000)),
    "categories": pa.array(["x" * 20_000] * 200).dictionary_encode(),
}


@pytest.mark.parametrize("kind", REPEATED)
def test_a_file_of_one_value_for_all_rows_is_refused(rows, few_bytes, kind):
    with pytest.raises(InputError, match="200 times its size: write it as CSV"):
        rows({"a": REPEATED[kind]}, compression="zstd")


def test_a_list_of_one_value_any_number_of_times_is_refused(rows, few_bytes):
    lists = pa.array([np.zeros(200_000), np.zeros(1)])
    with pytest.raises(InputError, match="200 times its size"):
        rows({"a": [1.0, 2.0], "b": lists}, compression="zstd")


def test_files_of_other_values_are_read_whatever_their_size(rows, few_bytes):
    numbers = np.random.default_rng(0).normal(size=100_000)
    texts = [f"{number:.3f}" for number in numbers]
    _, parts = rows({"a": numbers, "b": texts})
    got = pa.Table.from_batches(parts)
    assert np.array_equal(got["0"].to_numpy(), numbers)
    assert got["1"].cast(pa.string()).to_pylist() == texts


def test_rows_of_long_texts_are_read_a_few_at_a_time(rows, monkeypatch):
    monkeypatch.setattr("fastnn.tables.parquet.MOST_BYTES", 1000)
    texts = ["x" * n for n in (1, 600, 400, 500, 500, 1, 2000, 1)] + [None]
    _, parts = rows({"a": np.arange(9), "b": texts})
    lengths = [[len(text or "") for text in part.column(1).to_pylist()] for part in parts]
    assert [n for part in lengths for n in part] == [len(text or "") for text in texts]
    assert all(len(part) == 1 or sum(part) <= 1000 for part in lengths)


def test_lists_are_read_where_they_are_wanted_alone(rows):
    columns = {"a": [1.0, 2.0], "b": [[1, 2], [3]], "c": ["x", "y"]}
    _, parts = rows(columns)
    assert [part.to_pydict() for part in parts] == [{"0": [1, 2], "1": [[], []], "2": ["x", "y"]}]
    _, parts = rows(columns, [1])
    assert [part.to_pydict() for part in parts] == [{"1": [[1, 2], [3]]}]


def test_columns_come_in_the_order_in_which_they_are_asked_for(rows):
    columns = {"a.b": [1], "a": [2], "b": [3], "": [4]}
    assert rows(columns)[0] == ["a.b", "a", "b", ""]
    _, parts = rows(columns, [2, 0, 2, 1])
    assert [column.to_pylist() for column in parts[0].columns] == [[3], [1], [3], [2]]
