"""Parquet files, with the types that their writer chose."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from fastnn.columns.input_error import InputError, shown
from fastnn.columns.text_reading import is_text
from fastnn.tables import source

CELLS = 1 << 21  # that are read at once
MOST_ROWS = 1 << 16  # likewise
MOST_BYTES = 1 << 24  # likewise


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
            texts = [field.name for field in schema if is_text(field.type)]
            # Texts that come again are kept once, however many rows have them; and what comes
            # later is not read before its time.
            self._open = lambda: pyarrow.parquet.ParquetFile(
                path, read_dictionary=texts, pre_buffer=False
            )
            index = _index_of_pandas(schema)
            _check_ratio(path, told, file.metadata)
        except FileNotFoundError:
            raise InputError(f"{told}: there is no such file.") from None
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{told}: cannot be read: {shown(error)}") from error
        self._names = schema.names
        self._places = [i for i, name in enumerate(schema.names) if name not in index]
        self.names = [schema.names[i] for i in self._places]

    def batches(self, places: Sequence[int] | None = None) -> Iterator[pa.RecordBatch]:
        """Read all rows, part by part; the columns are called by their places."""
        file = self._open()
        read = [self._names[i] for i in self._places]
        if places is not None:
            read = [read[i] for i in places]
        size = max(1, min(MOST_ROWS, CELLS // max(1, len(read)), MOST_BYTES // _row_bytes(file)))
        labels = [str(i) for i in (range(len(read)) if places is None else places)]
        try:
            for batch in file.iter_batches(size, columns=list(dict.fromkeys(read))):
                columns = [batch.column(batch.schema.names.index(name)) for name in read]
                yield pa.RecordBatch.from_arrays(columns, labels)
        except (OSError, pa.ArrowException, ValueError) as error:
            raise InputError(f"{self._told}: cannot be read: {shown(error)}") from error


def _check_ratio(path: Path, told: str, metadata: Any) -> None:
    """Refuse a file that expands without bound, as a gzip file is refused."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    n = sum(group.total_byte_size for group in groups)
    if n > max(source.MOST_EXPANDED, source.MOST_RATIO * path.stat().st_size):
        raise InputError(
            f"{told}: expands to {n >> 20} MB, more than {source.MOST_RATIO} times its size: write "
            "it without compression, if you trust it."
        )


def _row_bytes(file: Any) -> int:
    """Tell how many bytes a row takes, in the group of rows where it takes most."""
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    return max([1, *(group.total_byte_size // max(1, group.num_rows) for group in groups)])


def _index_of_pandas(schema: pa.Schema) -> set[str]:
    """Columns in which pandas keeps a frame's index, which is none of its columns."""
    held = (schema.pandas_metadata or {}).get("index_columns", [])
    return {name for name in held if isinstance(name, str)}
