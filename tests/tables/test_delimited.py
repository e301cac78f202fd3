"""Files of rows: separators, encodings, and rows that do not fit."""

import gzip
import time

import pyarrow as pa
import pyarrow.parquet
import pytest

from fastnn.tables import InputError, source
from fastnn.tables.open import open_table
from fastnn.tables.paced import AHEAD, Paced


@pytest.fixture
def rows(tmp_path):
    """Write bytes to a file and read them; returns names, rows and notes."""

    def read(data, name="t.csv", **options):
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        with open_table(path, **options) as table:
            parts = [zip(*map(list, b.to_pydict().values()), strict=True) for b in table.batches()]
            return table.names, [row for part in parts for row in part], list(table.notes)

    return read


def test_cells_stay_as_they_are_written(rows):
    data = 'a,b\n01,"x ""y"", z"\n1.0,"two\nlines"\n NA ,\n'
    assert rows(data)[:2] == (
        ["a", "b"],
        [("01", 'x "y", z'), ("1.0", "two\nlines"), (" NA ", "")],
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "{end}", "{end}{end}"])
def test_line_ends_and_blank_lines(rows, end, last):
    text = "a,b\n1,2\n\n3,4".replace("\n", end) + last.format(end=end)
    assert rows(text)[1] == [("1", "2"), ("3", "4")]


def test_a_reader_is_not_far_behind_who_reads_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr("fastnn.tables.delimited.BLOCK", 1 << 12)
    monkeypatch.setattr(
        "fastnn.tables.paced.PATIENCE", None
    )  # whoever waits in vain waits for ever
    read = []
    plain = Paced.read
    monkeypatch.setattr(Paced, "read", lambda file, n: read.append(n) or plain(file, n))
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n" + b"\n" * 20_000 + b"1,2\n" * 1000 + b"\n" * 20_000 + b"3,4\n" * 9000)
    with open_table(path) as table:
        n_rows = 0
        for i, batch in enumerate(table.batches()):
            n_rows += len(batch)
            assert len(read) <= i + 1 + AHEAD
    assert n_rows == 10_000


def test_no_thread_reads_on_after_a_refusal(rows, monkeypatch):
    monkeypatch.setattr("fastnn.tables.delimited.BLOCK", 1 << 12)
    monkeypatch.setattr("fastnn.tables.paced.PATIENCE", 1)
    begun, ended = [], []
    plain = Paced.read

    def read(file, n):
        begun.append(n)
        part = plain(file, n)
        ended.append(part)
        return part

    monkeypatch.setattr(Paced, "read", read)
    with pytest.raises(InputError, match="row is longer"):
        rows(b'a,b\n1,"' + b"x" * 100_000)
    assert len(begun) == len(ended)
    time.sleep(0.2)
    assert b"".join(ended[AHEAD + 1 :]) == b""


def test_a_blank_line_of_one_column_is_a_row(rows):
    assert rows("a\n1\n\n2\n")[1] == [("1",), ("",), ("2",)]


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_separators_are_found(rows, sign):
    names, cells, notes = rows("a,b\n1,2\n".replace(",", sign))
    assert (names, cells) == (["a", "b"], [("1", "2")])
    assert notes == [] if sign == "," else "--separator" in notes[0]


def test_tabs_are_usual_where_the_name_says_so(rows):
    assert rows("a\tb\n1\t2\n", "t.tsv") == (["a", "b"], [("1", "2")], [])


def test_decimal_commas_are_no_separators(rows):
    assert rows("x;y\n1,5;2,5\n")[1] == [("1,5", "2,5")]


def test_expected_columns_tell_separators_apart(rows):
    data = "a;b,c\n1;2,3\n"
    assert rows(data)[0] == ["a;b", "c"]
    assert rows(data, expected=["a"])[0] == ["a", "b,c"]
    assert rows(data, separator=";")[0] == ["a", "b,c"]


def test_excels_line_that_names_the_separator(rows):
    assert rows("sep=;\r\na;b\r\n1;2\r\n")[:2] == (["a", "b"], [("1", "2")])


def test_a_separator_at_the_end_of_each_row(rows):
    assert rows("a,b\n1,2,\n3,4,\n")[:2] == (["a", "b"], [("1", "2"), ("3", "4")])
    assert rows("a,b,\n1,2,\n")[0] == ["a", "b", ""]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("a,b\n1,2\n3,4,5\n", "row 2 (line 3) has 3 fields and the header 2"),
        ("a,b\n1,2\n3\n", "row 2 (line 3) has 1 field"),
        ("a,b\n1,2,\n3,4,5\n", "row 1 (line 2) has 3 fields"),
        ('a,b\n1,"x\ny"\n\n3\n', "row 2 (line 5) has 1 field"),
        ('a,b\n1,2\n"3,4\n5,6\n', "(lines 3 to 4) has 1 field and the header 2: is a quotation"),
        ("a,b\n1,2\n\x00\x00\x00", "row 2 (line 3) is nothing but NUL characters"),
        ("a,b\n1,2\n\x1a", "row 2 (line 3) is nothing but NUL characters"),
        ("a,b\n" + "1,2\n" * 300_000 + "3,4,5\n", "row 300001 (line 300002) has 3 fields"),
        ("a,b\n" + "1,2,\n" * 300_000 + "3,4,5\n", "row 300001 has 3 fields"),
        ("", "no header"),
        ("\n\n", "no header"),
    ],
    ids=lambda value: value[:20],
)
def test_rows_that_do_not_fit_are_refused(rows, data, told):
    with pytest.raises(InputError) as error:
        rows(data)
    assert told in str(error.value)
    assert "t.csv" in str(error.value)


def test_a_file_of_a_header(rows):
    assert rows("a,b\n") == (["a", "b"], [], [])


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("latin-1", "cp1252"),
        ("utf-16", "utf-16-le"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32-le"),
    ],
)
def test_encodings_are_found(rows, encoding, told):
    text = "prénom,x\nZoé,1\nÜte,2\n"
    names, cells, notes = rows(text.encode(encoding))
    assert (names, cells) == (["prénom", "x"], [("Zoé", "1"), ("Üte", "2")])
    assert notes == [] if told is None else told in notes[0]
    assert told is None or "--encoding" in notes[0]


def test_a_letter_far_down_tells_the_encoding(rows):
    plain = b"a,b\n" + b"x,y\n" * 700_000
    assert rows(plain + b"\xe9,z\n")[1][-1] == ("é", "z")
    assert rows(plain + "é,z\n".encode())[1][-1] == ("é", "z")


def test_an_encoding_that_is_named(rows):
    assert rows("я,x\n1,2\n".encode("cp1251"), encoding="cp1251")[0] == ["я", "x"]
    with pytest.raises(InputError, match="no such encoding"):
        rows("a,b\n1,2\n", encoding="klingon")
    with pytest.raises(InputError, match="--encoding"):
        rows("é,b\n1,2\n".encode("latin-1"), encoding="utf-8")


def test_compressed_files(rows):
    assert rows(gzip.compress(b"a\tb\n1\t2\n"), "t.tsv.gz")[1] == [("1", "2")]
    with pytest.raises(InputError, match="cannot be read"):
        rows(gzip.compress(b"a,b\n1,2\n" * 1000)[:-20], "t.csv.gz")


def test_a_file_that_expands_a_thousandfold_is_refused(rows, monkeypatch):
    monkeypatch.setattr("fastnn.tables.source.MOST_EXPANDED", 1 << 20)
    with pytest.raises(InputError, match="200 times its size"):
        rows(gzip.compress(b"a,b\n" + b"1,2\n" * 2_000_000), "t.csv.gz")


def test_a_parquet_file_that_expands_a_thousandfold_is_refused(tmp_path, monkeypatch):
    cells = pa.table({"a": ["x" * 20_000] * 100})
    for compression in ("zstd", "none"):
        pa.parquet.write_table(
            cells,
            tmp_path / f"{compression}.parquet",
            compression=compression,
            use_dictionary=False,
        )
    monkeypatch.setattr("fastnn.tables.source.MOST_EXPANDED", 1 << 20)
    with open_table(tmp_path / "none.parquet") as table:
        assert sum(map(len, table.batches())) == 100
    with (
        pytest.raises(InputError, match="200 times its size"),
        open_table(tmp_path / "zstd.parquet"),
    ):
        pass


def test_a_quotation_mark_that_is_never_closed(rows):
    with pytest.raises(InputError, match="row is longer than 8 MB"):
        rows(b'a,b\n1,2\n"' + b"x" * 20_000_000)


@pytest.mark.parametrize("at_once", [7, 1 << 20])
@pytest.mark.parametrize(
    ("data", "first", "last"),
    [
        ('a,b\n1,2\n3,"4\n5,6\n7,8\n', 3, 5),
        ('a,b\n"5 inch,2\n3,4\n"6 inch,5\n7,8\n', 2, 4),
        ('a;b\n"x";"y\n3;4\n5;"6\n', 2, 4),
    ],
)
def test_a_quotation_mark_that_would_take_rows(rows, monkeypatch, at_once, data, first, last):
    monkeypatch.setattr(source, "AT_ONCE", at_once)
    with pytest.raises(InputError, match=f"mark of line {first} .* up to line {last} into"):
        rows(data)


@pytest.mark.parametrize("at_once", [1, 2, 5, 1 << 20])
def test_quotation_marks_that_take_no_rows(rows, monkeypatch, at_once):
    monkeypatch.setattr(source, "AT_ONCE", at_once)
    cells = [
        ("1", 'x "y" z'),
        ("l1\nl2,\r\n3,4", '"'),
        ("", '","\n'),
        ("\n", "é"),
        ('5" pipe', "'"),
    ]
    text = "".join(f"{_quoted(a)},{_quoted(b)}\n" for a, b in cells)
    assert rows("a,b\n" + text)[1] == cells
    assert rows('a,b\n5" pipe,6" pipe\n1,"2"\n')[1] == [('5" pipe', '6" pipe'), ("1", "2")]
    assert rows('a,b\n1,"2')[1] == [("1", "2")]


def _quoted(text):
    return '"' + text.replace('"', '""') + '"'


def test_names_of_files(tmp_path):
    with pytest.raises(InputError, match=r"ends in \.csv"), open_table(tmp_path / "t.doc"):
        pass
    with pytest.raises(InputError, match="no such file"), open_table(tmp_path / "t.csv"):
        pass
