"""Excel files: what they say and what a reader would pass over."""

import datetime as dt
import io
import re
import warnings
import zipfile

import pyarrow as pa
import pytest

from fastnn.tables import InputError
from fastnn.tables.open import open_table

openpyxl = pytest.importorskip("openpyxl")


@pytest.fixture
def rows(tmp_path):
    """Write rows to a sheet and read them; returns names, rows and notes."""

    def read(cells, *changes, data=None, shared=None):
        path = tmp_path / "t.xlsx"
        path.write_bytes(edited(workbook(cells), changes, shared) if data is None else data)
        with open_table(path) as table:
            parts = list(table.batches())
        texts = [row for part in parts for row in zip(*part.to_pydict().values(), strict=True)]
        return table.names, texts, list(table.notes)

    return read


def workbook(cells, work=None):
    """Bytes of a file whose first sheet has some rows."""
    book = openpyxl.Workbook()
    for row in cells:
        book.active.append(row)
    if work is not None:
        work(book)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def edited(data, changes, shared=None):
    """Replace a pattern in the sheet by a text, and add a file of texts that cells share."""
    file, override = io.BytesIO(), f'<Override PartName="/{SHARED}" ContentType="{SHARED_TYPE}"/>'
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", 8) as new:
        for name in set(old.namelist()) - ({SHARED} if shared is not None else set()):
            text = old.read(name).decode()
            if name == "xl/worksheets/sheet1.xml":
                for pattern, replacement in changes:
                    text = re.sub(pattern, lambda _, new=replacement: new, text)
            if name == "[Content_Types].xml" and shared is not None:
                text = text.replace("</Types>", override + "</Types>")
            new.writestr(name, text)
        if shared is not None:
            items = "".join(f"<si><t>{text}</t></si>" for text in shared)
            new.writestr(SHARED, f'<sst xmlns="{SPREADSHEET}">{items}</sst>')
    return file.getvalue()


SHARED = "xl/sharedStrings.xml"
SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHARED_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
TABLE = [["a", "b"], [1, "x"], [2.5, "y"]]


def test_the_first_sheet_is_read_and_told(rows):
    assert rows(TABLE) == (["a", "b"], [(1, "x"), (2.5, "y")], [])
    data = workbook(TABLE, lambda book: book.create_sheet("Other").append(["z"]))
    names, _, notes = rows(None, data=data)
    assert names == ["a", "b"]
    assert "of 2 sheets the first is read, 'Sheet'" in notes[0]


def test_an_empty_first_sheet_is_told(rows):
    data = workbook([], lambda book: book.create_sheet("Other").append(["z"]))
    with pytest.raises(InputError, match="the first sheet, 'Sheet', has no header"):
        rows(None, data=data)


@pytest.mark.parametrize(
    ("cells", "got"),
    [
        ([1, None, 2.5], [1.0, None, 2.5]),
        ([1, "NA", 2.5], ["1", "NA", "2.5"]),
        (["01", "2"], ["01", "2"]),
        ([True, False], ["True", "False"]),
        ([dt.datetime(2024, 5, 6), None], [dt.datetime(2024, 5, 6), None]),
        ([dt.datetime(2024, 5, 6), "2024-05-07"], ["2024-05-06 00:00:00", "2024-05-07"]),
        ([dt.time(13, 30)], ["13:30:00"]),
        ([dt.timedelta(hours=30)], [dt.timedelta(hours=30)]),
        (["#DIV/0!", 3], ["#DIV/0!", "3"]),
    ],
    ids=str,
)
def test_cells(rows, cells, got):
    assert rows([["a", "b"], *([cell, "x"] for cell in cells)])[1] == [(c, "x") for c in got]


def test_blank_rows_between_others_are_rows(rows):
    cells = [[None], [None, None], ["a", "b"], [None], [1, "x"], [None], [2, None], [None], [None]]
    assert rows(cells)[:2] == (
        ["a", "b"],
        [(None, None), (1, "x"), (None, None), (2, None)],
    )
    assert rows([["a"], [1], [None], [2]])[1] == [(1,), (None,), (2,)]


def test_a_row_longer_than_the_header_is_refused(rows):
    with pytest.raises(InputError, match=r"row 2 \(line 3 of the sheet\) has a value in column 3"):
        rows([["a", "b"], [1, 2], [1, 2, 3]])
    assert rows([["a", "b"], [1, 2, None], [1, 2, ""]])[1] == [(1, 2), (1, 2)]


def test_a_sheet_that_is_larger_than_it_says(rows):
    got = rows(TABLE, ('<dimension ref="[^"]*" ?/>', '<dimension ref="A1"/>'))
    assert got == rows(TABLE)


def test_merged_cells_are_refused(rows):
    data = workbook([*TABLE, [3, None]], lambda book: book.active.merge_cells("B3:B4"))
    with pytest.raises(InputError, match="cells B3:B4 are merged"):
        rows(None, data=data)


def test_values_of_formulas_are_read(rows):
    cells = [["a", "b"], ["=1+1", "=A2"], [3, "x"]]
    with pytest.raises(InputError, match="cell A2 has a formula that nothing has calculated"):
        rows(cells)
    calculated = '<c r="A2"><f>1+1</f><v>2</v></c><c r="B2" t="str"><f>A9</f><v></v></c></row>'
    got = rows(cells, ('<c r="A2".*?</row>', calculated))
    assert got[1] == [(2, None), (3, "x")]


def test_a_row_that_calls_itself_the_thousand_millionth(rows):
    with pytest.raises(InputError, match="more than 1048576 rows"):
        rows(TABLE, ('<row r="3".*?</row>', '<row r="1000000000"><c><v>1</v></c></row>'))


def test_long_whole_numbers_are_texts(rows):
    got = rows(TABLE, ("<v>2.5</v>", "<v>12345678901234567890</v>"))
    assert got[1] == [("1", "x"), ("12345678901234567890", "y")]


TEXT = '<c r="B2" t="s"><v>{}</v></c>'


def test_texts_that_cells_share(rows):
    assert rows(TABLE, ('<c r="B2".*?</c>', TEXT.format(1)), shared=["p", "q"])[1][0] == (1, "q")


@pytest.mark.parametrize(
    "change",
    [
        ("</row>", ""),
        ("<v>2.5</v>", "<v>x</v>"),
        ('<c r="B2".*?</c>', TEXT.format(9)),
        ('<c r="B2"', '<c r="ZZZZZ2"'),
        ('<row r="2"', '<row r="two"'),
        ("<sheetData>.*", ""),
    ],
    ids=str,
)
def test_damaged_sheets_are_told(rows, change):
    with pytest.raises(InputError, match="cannot be read"):
        rows(TABLE, change)


def test_what_is_no_sheet_is_told(rows):
    with pytest.raises(InputError, match="cannot be read"):
        rows(None, data=b"PK\x03\x04" + b"x" * 100)


def test_files_that_expand_are_refused(rows, monkeypatch):
    monkeypatch.setattr("fastnn.tables.source.MOST_EXPANDED", 1 << 20)
    told = "over 200 times its size: save it as CSV"
    with pytest.raises(InputError, match=told):
        rows(TABLE, ("^", " " * 5_000_000))
    with pytest.raises(InputError, match=told):
        rows(TABLE, shared=["x" * 5_000_000])
    with pytest.raises(InputError, match=told):
        rows(
            [["a"], *([i] for i in range(300))],
            ('t="n"><v>.*?</v>', 't="s"><v>0</v>'),
            shared=["x" * 90_000],
        )


def test_rows_of_long_texts_are_passed_on_a_few_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr("fastnn.tables.sheet.MOST_BYTES", 1000)
    path = tmp_path / "t.xlsx"
    path.write_bytes(workbook([["a"], *(["x" * n] for n in (1, 600, 400, 500, 2000, 1))]))
    with open_table(path) as table:
        lengths = [[len(text) for text in part.column(0).to_pylist()] for part in table.batches()]
    assert lengths == [[1, 600], [400, 500], [2000], [1]]


def test_warnings_of_the_reader_are_not_passed_on(rows):
    cells = [["a", "b"], [1e12, "x"]]
    data = workbook(cells, lambda book: setattr(book.active["A2"], "number_format", "yyyy-mm-dd"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rows(None, data=data)[1] == [("#VALUE!", "x")]


def test_parts_of_a_column_have_other_types(rows, tmp_path, monkeypatch):
    monkeypatch.setattr("fastnn.tables.sheet.ROWS", 2)
    path = tmp_path / "t.xlsx"
    path.write_bytes(workbook([["a"], [1], [2], ["x"], [3], [None], [None]]))
    with open_table(path) as table:
        types = [part.schema.field(0).type for part in table.batches()]
    assert types == [pa.float64(), pa.string()]
