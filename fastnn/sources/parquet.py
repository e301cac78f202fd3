"""Parquet files, or what else pyarrow reads as a data set, as blocks: one for each row group."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from fastnn.sources.blocks import Blocks, Part, roles_of, rows_of

BUFFER_BYTES = 1 << 16  # of a column's chunk that are read at a time
BATCH_BYTES = 1 << 22  # of rows that are decoded at a time: of fewer, each takes longer
PAGE_BYTES = 1 << 20  # of a column, at most, as writers have it
OF_OTHER_FORMATS = 3.0  # times what its rows take a block is in memory, as columns and as rows
LIBRARY_BYTES = 12_000_000  # a batch as columns and as rows, and what the allocator keeps


class ParquetBlocks(Blocks):
    """Row groups of the files of a pyarrow data set, in the order of the files' names.

    Parameters
    ----------
    data : str, path or pyarrow.dataset.Dataset
        A file, a folder of files, or what `pyarrow.dataset.dataset` made.
    target : str, sequence of str or None
        Column or columns of the target.
    features : sequence of str or None
        Columns of the features; None for all others.
    weights : str or None
        Column of the weights.
    """

    def __init__(self, data: Any, target: Any, features: Any, weights: Any) -> None:
        if isinstance(data, str | Path):
            if not Path(data).exists():
                raise FileNotFoundError(f"There is no file or folder {str(data)!r}.")
            data = ds.dataset(data, partitioning="hive")
        roles = roles_of(data.schema.names, target, features, weights)
        self.names, self.targets = roles.features, roles.targets
        self.target, self.weights = target, weights
        self.has_target, self.has_weights = target is not None, weights is not None
        self.schema = data.schema
        self.dtype = _dtype_of([self._type(name) for name in self.names])
        self.fragments = _row_groups(data)
        self._columns = {*self.names, *roles.others}
        self.n_rows = [_size_of(fragment) for fragment in self.fragments]

    def _type(self, name: str) -> Any:
        return self.schema.field(name).type

    def read(self, numbers: Iterable[int] | None, features: bool) -> Iterator[tuple[int, Part]]:
        """Read row groups in batches of rows, with the columns that are asked for."""
        names = self.names if features else []
        columns = list(dict.fromkeys([*(names or ()), *self.targets]))
        if self.weights is not None and self.weights not in columns:
            columns.append(self.weights)
        try:
            for number in range(len(self.fragments)) if numbers is None else numbers:
                for batch in self._batches(int(number), columns):
                    yield int(number), self._part(int(number), batch, features)
        finally:
            pa.default_memory_pool().release_unused()

    def _batches(self, number: int, columns: list[str]) -> Iterator[Any]:
        fragment = self.fragments[number]
        size = rows_of(BATCH_BYTES, 8 * (len(columns) + 1))
        try:
            if isinstance(fragment, ds.ParquetFileFragment):
                yield from self._of_parquet(fragment, columns, size)
            else:
                scanner = fragment.scanner(
                    self.schema,
                    columns=columns,
                    batch_size=size,
                    batch_readahead=1,
                    fragment_readahead=1,
                    use_threads=False,
                )
                yield from scanner.to_batches()
        except (OSError, pa.ArrowException) as error:
            raise OSError(f"{self.where(number)} cannot be read: {error}") from error

    def _of_parquet(self, fragment: Any, columns: list[str], size: int) -> Iterator[Any]:
        """Read a row group page by page; a data set's scanner would decode all of it at once."""
        (group,) = fragment.row_groups
        known = set(fragment.physical_schema.names)
        keys = ds.get_partition_keys(fragment.partition_expression)
        with fragment.open() as stream:
            file = pq.ParquetFile(
                stream, metadata=fragment.metadata, buffer_size=BUFFER_BYTES, pre_buffer=False
            )
            for batch in file.iter_batches(
                size,
                row_groups=[group.id],
                columns=[name for name in columns if name in known],
                use_threads=False,
            ):
                arrays = [
                    _as_type(batch.column(name), self._type(name))
                    if name in known
                    else pa.repeat(pa.scalar(keys.get(name), self._type(name)), batch.num_rows)
                    for name in columns
                ]
                yield pa.RecordBatch.from_arrays(arrays, columns)

    def reading_bytes(self, block_bytes: float) -> float:
        """Bytes that the reading of a block takes, as far as the files' own records tell."""
        if not all(isinstance(fragment, ds.ParquetFileFragment) for fragment in self.fragments):
            return LIBRARY_BYTES + OF_OTHER_FORMATS * block_bytes
        return LIBRARY_BYTES + max(_bytes_to_read(of, self._columns) for of in self.fragments)

    def _part(self, number: int, batch: Any, features: bool) -> Part:
        X = self._matrix(number, batch) if features else None
        ys = [_values(batch.column(name)) for name in self.targets]
        y = None if not ys else ys[0] if isinstance(self.target, str) else np.column_stack(ys)
        return Part(X, y, None if self.weights is None else _values(batch.column(self.weights)))

    def _matrix(self, number: int, batch: Any) -> Any:
        if self.dtype is None:
            return batch.select(self.names).to_pandas()
        X = np.empty((batch.num_rows, len(self.names or ())), self.dtype)
        for place, name in enumerate(self.names or ()):
            try:
                X[:, place] = _values(batch.column(name))
            except (TypeError, ValueError) as error:
                raise ValueError(f"{self.where(number)}, column {name!r}: {error}") from error
        return X

    def where(self, number: int) -> str:
        """Tell which file and row group it is."""
        fragment = self.fragments[number]
        path = getattr(fragment, "path", "")
        groups = [group.id for group in getattr(fragment, "row_groups", None) or ()]
        told = [path] * bool(path) + [f"row group {group}" for group in groups]
        return f"block {number}" + (f" ({', '.join(told)})" if told else "")


def _row_groups(data: Any) -> list[Any]:
    """Split the files of a data set; those of other formats stay whole."""
    fragments = sorted(data.get_fragments(), key=lambda fragment: getattr(fragment, "path", ""))
    groups: list[Any] = []
    for fragment in fragments:
        split = getattr(fragment, "split_by_row_group", None)
        groups.extend([fragment] if split is None else split())
    return groups


def _size_of(fragment: Any) -> int:
    """Count rows; of a row group, pyarrow 26 counts those of its file."""
    groups = getattr(fragment, "row_groups", None)
    return fragment.count_rows() if not groups else sum(group.num_rows for group in groups)


def _bytes_to_read(fragment: Any, names: set[str]) -> int:
    """Bytes of a row group's dictionaries and pages while it is read, measured with pyarrow 26.

    A column has its buffer, its dictionary both as it stands in the file and decoded, and a page,
    compressed and not, which is no more than what is left of the column beside its dictionary.
    """
    group, total = fragment.metadata.row_group(fragment.row_groups[0].id), 0
    for place in range(group.num_columns):
        column = group.column(place)
        if column.path_in_schema.split(".")[0] not in names:
            continue
        dictionary = 0
        if column.has_dictionary_page and column.dictionary_page_offset is not None:
            dictionary = column.data_page_offset - column.dictionary_page_offset
        rest = max(0, column.total_uncompressed_size - dictionary)
        total += BUFFER_BYTES + 2 * dictionary + 2 * min(PAGE_BYTES, rest)
    return total


def _dtype_of(types: Sequence[Any]) -> np.dtype | None:
    """Dtype of numbers that hold these columns; None where some hold something else."""
    known = pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean
    if not all(any(is_known(type_) for is_known in known) for type_ in types):
        return None
    narrow = all(pa.types.is_float32(type_) or pa.types.is_float16(type_) for type_ in types)
    return np.dtype(np.float32 if narrow and types else np.float64)


def _as_type(column: Any, type_: Any) -> Any:
    return column if column.type == type_ else column.cast(type_)


def _values(column: Any) -> np.ndarray:
    """Values of a column; what is null becomes NaN or None."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column.to_numpy(zero_copy_only=False)
