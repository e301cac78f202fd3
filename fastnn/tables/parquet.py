"""Parquet files, with the types that their writer chose."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastnn.columns.input_error import InputError, shown
from fastnn.columns.text_reading import is_text
from fastnn.tables import source

CELLS = 1 << 21  # that are read at once
MOST_ROWS = 1 << 16  # likewise
MOST_BYTES = 1 << 24  # likewise
LEAST_BYTES = 2  # that a cell takes in a CSV file: a sign, and what parts it from the next
FIXED = "FIXED_LEN_BYTE_ARRAY"


class ParquetTable:
    """A Parquet file; what it has and does is that of `DelimitedTable`."""

    usual_decimal = "."
    notes: Sequence[str] = ()

    def __init__(self, path: Path, told: str) -> None:
        import pyarrow.parquet  # 40 ms

        self._told = told
        try:
            file = pyarrow.parquet.ParquetFile(path)
            schema = file.schema_arrow
            texts = [field.name for field in schema if _is_long(field.type)]
            # Texts that come again are kept once, however many rows have them; and what comes
            # later is not read before its time.
            self._open = lambda: pyarrow.parquet.ParquetFile(
                path, read_dictionary=texts, pre_buffer=False
            )
            index = _index_of_pandas(schema)
            self._most = max(source.MOST_EXPANDED, source.MOST_RATIO * path.stat().st_size)
            self._check_size(_size_of(file.metadata))
        except FileNotFoundError:
            raise InputError(f"{told}: there is no such file.") from None
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{told}: cannot be read: {shown(error)}") from error
        self._types = {field.name: field.type for field in schema}
        self.names = [name for name in schema.names if name not in index]

    def batches(self, places: Sequence[int] | None = None) -> Iterator[pa.RecordBatch]:
        """Read all rows, part by part; the columns are called by their places.

        Where no columns are named, cells that are lists are empty ones: nothing is learnt of them,
        and a file may say of a row that it has any number of values.
        """
        file = self._open()
        numbers = range(len(self.names)) if places is None else places
        labels, names = [str(i) for i in numbers], [self.names[i] for i in numbers]
        lists = {n for n in names if places is None and self._is_list(n)}
        read = [name for name in dict.fromkeys(names) if name not in lists]
        size = max(1, min(MOST_ROWS, CELLS // max(1, len(read)), MOST_BYTES // _row_bytes(file)))
        n_bytes = 0
        try:
            for batch in file.iter_batches(size, columns=read):
                columns = dict(zip(batch.schema.names, batch.columns, strict=True))
                columns.update(dict.fromkeys(lists, _empty_lists(len(batch))))
                batch = pa.RecordBatch.from_arrays([columns[name] for name in names], labels)
                sizes = _text_bytes(batch)
                n_bytes += int(sizes.sum())
                self._check_size(n_bytes)
                yield from _parts(batch, sizes)
        except (OSError, pa.ArrowException, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{self._told}: cannot be read: {shown(error)}") from error

    def _is_list(self, name: str) -> bool:
        return pa.types.is_nested(self._types[name])

    def _check_size(self, n_bytes: int) -> None:
        """Refuse a file that expands without bound, as a gzip file is refused."""
        if n_bytes > self._most:
            raise InputError(
                f"{self._told}: expands to {n_bytes >> 20} MB or more, over {source.MOST_RATIO} "
                "times its size: write it as CSV, if you trust it."
            )


def _is_long(type: pa.DataType) -> bool:
    """Whether a cell of a type may be of any length."""
    return is_text(type) or pa.types.is_binary(type) or pa.types.is_large_binary(type)


def _size_of(metadata: Any) -> int:
    """Tell how large a file is at least when it is read; a run of one value may have any length."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    widths = [_least(metadata.schema.column(i)) for i in range(metadata.num_columns)]
    cells = (n * g.column(i).num_values for g in groups for i, n in enumerate(widths))
    return max(sum(cells), sum(group.total_byte_size for group in groups))


def _least(column: Any) -> int:
    """Bytes that a cell takes at least."""
    return max(LEAST_BYTES, column.length) if column.physical_type == FIXED else LEAST_BYTES


def _row_bytes(file: Any) -> int:
    """Tell how many bytes a row takes, in the group of rows where it takes most."""
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    compressed = [group.total_byte_size // max(1, group.num_rows) for group in groups]
    return max([1, sum(map(_width, file.schema_arrow.types)), *compressed])


def _width(type: pa.DataType) -> int:
    """Bytes of a cell, where they do not depend on what it holds."""
    try:
        return type.bit_width // 8
    except ValueError:
        return 0


def _empty_lists(n: int) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(np.zeros(n + 1, np.int32)), pa.nulls(0))


def _text_bytes(batch: pa.RecordBatch) -> np.ndarray:
    """Tell how many bytes the texts of each row take, of which a file may keep one for all."""
    sizes = np.zeros(len(batch), np.int64)
    for column in batch.columns:
        if pa.types.is_dictionary(column.type) and _is_long(column.type.value_type):
            lengths = pc.binary_length(column.dictionary).take(column.indices)
            sizes += pc.fill_null(lengths, 0).to_numpy(zero_copy_only=False)
    return sizes


def _parts(batch: pa.RecordBatch, sizes: np.ndarray) -> Iterator[pa.RecordBatch]:
    """Split rows whose texts take much memory."""
    begin, ends = 0, np.cumsum(sizes)
    while begin < len(batch):
        before = ends[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, before + MOST_BYTES, "right")))
        yield batch.slice(begin, end - begin)
        begin = end


def _index_of_pandas(schema: pa.Schema) -> set[str]:
    """Columns in which pandas keeps a frame's index, which is none of its columns."""
    held = (schema.pandas_metadata or {}).get("index_columns", [])
    return {name for name in held if isinstance(name, str)}
