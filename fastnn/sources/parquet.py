"""Parquet files, or what else pyarrow reads as a data set, as blocks: one for each row group."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from fastnn.sources.blocks import PART_BYTES, Blocks, Part, roles_of, rows_of

BUFFER_BYTES = 1 << 16  # of a column's chunk that are read at a time


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

    copies = 3.0  # as pages, as columns and as rows
    overhead = 30_000_000  # at most, seen of pyarrow 26, whose threads keep some memory each

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
        self.n_rows = [_size_of(fragment) for fragment in self.fragments]

    def _type(self, name: str) -> Any:
        return self.schema.field(name).type

    def read(self, numbers: Iterable[int] | None, features: bool) -> Iterator[tuple[int, Part]]:
        """Read row groups in batches of rows, with the columns that are asked for."""
        names = self.names if features else []
        columns = list(dict.fromkeys([*(names or ()), *self.targets]))
        if self.weights is not None and self.weights not in columns:
            columns.append(self.weights)
        for number in range(len(self.fragments)) if numbers is None else numbers:
            for batch in self._batches(int(number), columns):
                yield int(number), self._part(int(number), batch, features)
            pa.system_memory_pool().release_unused()  # or it stays with the threads that read

    def _batches(self, number: int, columns: list[str]) -> Iterator[Any]:
        size = rows_of(PART_BYTES, 8 * (len(columns) + 1))
        options: dict[str, Any] = {}
        if isinstance(self.fragments[number], ds.ParquetFileFragment):
            # Whole row groups are not kept in memory, compressed as they are, while they are read.
            options["fragment_scan_options"] = ds.ParquetFragmentScanOptions(
                use_buffered_stream=True, buffer_size=BUFFER_BYTES, pre_buffer=False
            )
        scanner = self.fragments[number].scanner(
            self.schema,
            columns=columns,
            batch_size=size,
            batch_readahead=1,
            fragment_readahead=1,
            use_threads=False,
            memory_pool=pa.system_memory_pool(),  # others keep what is given back
            **options,
        )
        try:
            yield from scanner.to_batches()
        except (OSError, pa.ArrowException) as error:
            raise OSError(f"{self.where(number)} cannot be read: {error}") from error

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


def _dtype_of(types: Sequence[Any]) -> np.dtype | None:
    """Dtype of numbers that hold these columns; None where some hold something else."""
    known = pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean
    if not all(any(is_known(type_) for is_known in known) for type_ in types):
        return None
    narrow = all(pa.types.is_float32(type_) or pa.types.is_float16(type_) for type_ in types)
    return np.dtype(np.float32 if narrow and types else np.float64)


def _values(column: Any) -> np.ndarray:
    """Values of a column; what is null becomes NaN or None."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column.to_numpy(zero_copy_only=False)
