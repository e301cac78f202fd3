"""Any input as a table: columns that can be read one by one, and parts of its rows.

Frames of pandas are read by pandas' own means, which takes a fifth of the time for a single row;
others (polars, pyarrow and what else narwhals knows) through narwhals. Sparse matrices stay sparse
and are filled in by a few columns or rows at a time.
"""

import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np
import scipy.sparse as sp
from sklearn.utils.validation import validate_data

from fastnn.columns import values as read
from fastnn.columns.values import Values
from fastnn.memory import native

AT_ONCE = 16  # columns of an array that are read together: a cache line holds eight of a row
ROWS_AT_ONCE = 4096  # whose numbers are copied at a time, so that no second table is made
FEW_ROWS = 100  # whose texts are read one by one, as a call of a library takes 50 us

ARROWS_NUMBERS = {
    *("double", "float", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
}


class Table(ABC):
    """Columns that can be read one by one.

    Attributes
    ----------
    n_rows, n_columns : int
        Its size.
    names : list of str or None
        Names of its columns; None for arrays, which have none.
    """

    n_rows: int
    n_columns: int
    names: list[str] | None = None

    @abstractmethod
    def column(self, place: int) -> Values:
        """Read a column."""

    @abstractmethod
    def rows(self, begin: int, end: int) -> "Table":
        """Take a part of the rows."""

    def is_declared(self, place: int) -> bool:
        """Whether the type of a column says that it holds categories."""
        return False

    def numbers(self, places: np.ndarray, out: np.ndarray) -> bool:
        """Write columns into a float64 array at once; False where that cannot be done."""
        return False


def open_table(X: Any, estimator: Any, reset: bool) -> Table:
    """Check an input as scikit-learn does, and open it.

    Parameters
    ----------
    X : array-like, sparse matrix or data frame of shape (n, n_features)
        The input.
    estimator : estimator instance
        Whose number and names of features are set or compared.
    reset : bool
        Whether to set them.

    Raises
    ------
    ValueError, TypeError
        As scikit-learn does; also where a name stands twice.
    """
    X = _with_names(X)
    if nw.dependencies.is_into_dataframe(X):
        return _open_frame(X, estimator, reset)
    if type(X).__name__ == "LazyFrame":
        raise TypeError("X is a LazyFrame, which has no rows yet: collect() it first.")
    if isinstance(X, np.ma.MaskedArray):
        X = _filled(X)
    elif isinstance(X, list | tuple):
        X = _of_lists(X)
    X = validate_data(
        estimator, X, reset=reset, accept_sparse=True, dtype=None, ensure_all_finite=False
    )
    return SparseTable(X) if sp.issparse(X) else ArrayTable(X)


def _with_names(X: Any) -> Any:
    """Make a table of a batch of pyarrow's, which narwhals and scikit-learn take for an array."""
    pyarrow = sys.modules.get("pyarrow")
    if pyarrow is not None and isinstance(X, pyarrow.RecordBatch):
        return pyarrow.Table.from_batches([X])
    return X


def _open_frame(X: Any, estimator: Any, reset: bool) -> Table:
    pandas = sys.modules.get("pandas")
    is_pandas = pandas is not None and isinstance(X, pandas.DataFrame)
    names = list(X.columns) if is_pandas else _names(X)
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise ValueError(f"Column {twice!r} stands twice in X: give each column a name of its own.")
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    table = PandasTable(X) if is_pandas else _open_other_frame(X)
    for size, what in ((table.n_rows, "sample"), (table.n_columns, "feature")):
        if not size:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={(table.n_rows, table.n_columns)}) while a "
                f"minimum of 1 is required by {type(estimator).__name__}."
            )
    return table


def _open_other_frame(X: Any) -> Table:
    pyarrow = sys.modules.get("pyarrow")
    if pyarrow is not None and isinstance(X, pyarrow.Table):
        return ArrowTable(X)
    return FrameTable(nw.from_native(X, eager_only=True))


def _names(X: Any) -> list[str]:
    if hasattr(X, "column_names"):  # pyarrow; narwhals refuses names that stand twice
        return list(X.column_names)
    return list(X.columns)


def _filled(X: np.ma.MaskedArray) -> np.ndarray:
    """Put what is missing in the place of cells that are masked."""
    mask = np.ma.getmaskarray(X)
    if X.dtype.kind in "fc":
        return np.where(mask, np.nan, X.data)
    if X.dtype.kind in "iu":
        return np.where(mask, np.nan, X.data.astype(np.float64))
    filled = X.data.astype(object)
    filled[mask] = None
    return filled


def _of_lists(X: Sequence) -> Any:
    """Make an array of lists, whose numbers do not become texts where there are texts beside."""
    array = np.asarray(X)
    return np.array(X, dtype=object) if array.dtype.kind in "USOMm" else array


class ArrayTable(Table):
    """A two-dimensional array."""

    def __init__(self, X: np.ndarray) -> None:
        self.X = X
        self.n_rows, self.n_columns = X.shape
        self._begin, self._read = 0, X[:, :0]

    def column(self, place: int) -> Values:
        """Read a column."""
        if not self._begin <= place < self._begin + self._read.shape[1]:
            self._begin = place - place % AT_ONCE
            self._read = np.asfortranarray(self._columns(self._begin, self._begin + AT_ONCE))
        return read.of_array(self._read[:, place - self._begin])

    def _columns(self, begin: int, end: int) -> np.ndarray:
        return self.X[:, begin:end]

    def numbers(self, places: np.ndarray, out: np.ndarray) -> bool:
        """Write columns of plain numbers at once."""
        if self.X.dtype.kind not in "iufb":
            return False
        out[:] = self.X if len(places) == self.n_columns else self.X[:, places]
        return True

    def rows(self, begin: int, end: int) -> Table:
        """Take a part of the rows."""
        return type(self)(self.X[begin:end])


class SparseTable(ArrayTable):
    """A sparse matrix, whose empty cells are zeros."""

    def __init__(self, X: Any) -> None:
        self.n_rows, self.n_columns = X.shape
        self._by_rows, self._by_columns = native(sp.csr_array(X)), sp.csc_array((0, 0))
        self._begin, self._read = 0, np.empty((self.n_rows, 0))

    def _columns(self, begin: int, end: int) -> np.ndarray:
        if self._by_columns.shape != (self.n_rows, self.n_columns):
            self._by_columns = self._by_rows.tocsc()
        return self._by_columns[:, begin:end].toarray()

    def numbers(self, places: np.ndarray, out: np.ndarray) -> bool:
        """Write columns of plain numbers at once."""
        for begin in range(0, self.n_rows, ROWS_AT_ONCE):
            rows = self._by_rows[begin : begin + ROWS_AT_ONCE].toarray()
            out[begin : begin + ROWS_AT_ONCE] = rows[:, places]
        return True

    def rows(self, begin: int, end: int) -> Table:
        """Take a part of the rows."""
        return SparseTable(self._by_rows[begin:end])


class PandasTable(Table):
    """A frame of pandas."""

    def __init__(self, X: Any) -> None:
        self.X = X
        self.n_rows, self.n_columns = X.shape
        self.names = list(map(str, X.columns))
        self._types = X.dtypes.to_list()

    def column(self, place: int) -> Values:
        """Read a column."""
        return _of_pandas(self.X.iloc[:, place])

    def is_declared(self, place: int) -> bool:
        """Whether its type says that a column holds categories."""
        return _is_category(self._types[place])

    def numbers(self, places: np.ndarray, out: np.ndarray) -> bool:
        """Write columns of plain numbers at once."""
        types = [self._types[place] for place in places]
        if not all(isinstance(t, np.dtype) and t.kind in "iufb" for t in types):
            return False
        for begin in range(0, self.n_rows, ROWS_AT_ONCE):
            part = self.X
            if self.n_rows > ROWS_AT_ONCE:
                part = part.iloc[begin : begin + ROWS_AT_ONCE]
            if len(places) < self.n_columns:
                part = part.iloc[:, places]
            out[begin : begin + ROWS_AT_ONCE] = part.to_numpy(np.float64)
        return True

    def rows(self, begin: int, end: int) -> Table:
        """Take a part of the rows."""
        return PandasTable(self.X.iloc[begin:end])


def _is_category(dtype: Any) -> bool:
    """Whether a type of pandas is that of categories, its own or that of pyarrow."""
    if type(dtype).__name__ == "ArrowDtype":
        return str(dtype).startswith("dictionary")
    return type(dtype).__name__ == "CategoricalDtype"


def _of_pandas(column: Any) -> Values:
    """Read a series or an index."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return read.of_array(column.to_numpy())
    match type(dtype).__name__:
        case "CategoricalDtype":
            return _of_codes(column.array.codes, column.array.categories)
        case "ArrowDtype":
            return _of_narwhals(nw.from_native(column.array.__arrow_array__(), series_only=True))
        case "DatetimeTZDtype":
            return read.of_dates(column.array.to_numpy("datetime64[us]"), has_zone=True)
        case "PeriodDtype":
            return read.of_array(np.asarray(column.array.to_timestamp()))
        case "SparseDtype":
            return read.of_array(np.asarray(column.array))
        case "StringDtype" if dtype.storage == "pyarrow" and len(column) > FEW_ROWS:
            return _of_strings(nw.from_native(column.array.__arrow_array__(), series_only=True))
    if dtype.kind in "iuf":
        return read.of_array(_nullable(column, dtype))
    return read.of_objects(column.to_numpy(object))


def _nullable(column: Any, dtype: Any) -> np.ndarray:
    if not column.hasnans:
        return column.to_numpy(dtype.numpy_dtype)
    return column.to_numpy(np.float64, na_value=np.nan)


def _of_codes(codes: np.ndarray, categories: Any) -> Values:
    """Read categories of pandas that some cell has: what they hold, in the order of the cells."""
    used = np.unique(codes) if len(codes) < len(categories) else _occurring(codes)
    used = used[used >= 0]
    if len(used) < len(categories):
        categories = categories.take(used)
        codes = np.where(codes < 0, -1, np.searchsorted(used, codes))
    levels = _of_pandas(categories)
    if levels.holds == "nothing" or not len(categories):
        return Values("nothing", np.full(len(codes), np.nan))
    missing = codes < 0
    if levels.holds == "text":
        return Values(
            "text", np.where(missing, -1, levels.cells[codes]).astype(np.int32), levels.texts
        )
    gap = read.MISSING if levels.cells.dtype.kind == "i" and levels.holds != "number" else np.nan
    cells = levels.cells[codes]
    if missing.any():
        cells = np.where(missing, gap, cells)
    return levels._replace(cells=cells)


def _occurring(codes: np.ndarray) -> np.ndarray:
    """List the codes from -1 on that occur, without sorting them all."""
    return np.flatnonzero(np.bincount(codes.astype(np.intp) + 1)) - 1


class FrameTable(Table):
    """A frame of another library, by narwhals."""

    def __init__(self, X: nw.DataFrame) -> None:
        self.X = X
        self.n_rows, self.n_columns = X.shape
        self.names = list(X.columns)
        self._columns = list(X.iter_columns())

    def column(self, place: int) -> Values:
        """Read a column."""
        return _of_narwhals(self._columns[place])

    def is_declared(self, place: int) -> bool:
        """Whether its type says that a column holds categories."""
        return self._columns[place].dtype in (nw.Categorical, nw.Enum)

    def rows(self, begin: int, end: int) -> Table:
        """Take a part of the rows."""
        return FrameTable(self.X[begin:end])


class ArrowTable(Table):
    """A table of pyarrow, whose numbers need no narwhals: of 100000 columns it takes seconds."""

    def __init__(self, X: Any) -> None:
        self.X = X
        self.n_rows, self.n_columns = X.shape
        self.names = list(X.column_names)
        self._types = X.schema.types

    def column(self, place: int) -> Values:
        """Read a column."""
        column = self.X.column(place)
        if str(self._types[place]) in ARROWS_NUMBERS and column.null_count < self.n_rows:
            return read.of_array(column.to_numpy())
        return _of_narwhals(nw.from_native(column, series_only=True))

    def is_declared(self, place: int) -> bool:
        """Whether its type says that a column holds categories."""
        return str(self._types[place]).startswith("dictionary")

    def numbers(self, places: np.ndarray, out: np.ndarray) -> bool:
        """Write columns of plain numbers, one after the other."""
        if not all(str(self._types[place]) in ARROWS_NUMBERS for place in places):
            return False
        for i, place in enumerate(places.tolist()):
            out[:, i] = self.X.column(place).to_numpy()
        return True

    def rows(self, begin: int, end: int) -> Table:
        """Take a part of the rows."""
        return ArrowTable(self.X.slice(begin, end - begin))


def _of_narwhals(series: nw.Series) -> Values:
    dtype = series.dtype
    if series.null_count() == len(series):
        return Values("nothing", np.full(len(series), np.nan))
    if dtype.is_nested():
        raise read.UnreadableError(f"a {type(dtype).__name__}")
    if dtype in (nw.Categorical, nw.Enum):
        return _of_narwhals(_decoded(series))
    if dtype == nw.String:
        return _of_strings(series)
    if dtype in (nw.Int128, nw.UInt128):
        series = series.cast(nw.Float64)
    if isinstance(dtype, nw.Datetime) and dtype.time_zone is not None:
        return read.of_dates(series.dt.convert_time_zone("UTC").to_numpy(), has_zone=True)
    return read.of_array(series.to_numpy())


def _decoded(series: nw.Series) -> nw.Series:
    """Take categories for what they are; those of pyarrow may be numbers."""
    if series.implementation.is_pyarrow():
        native = series.to_native()
        return nw.from_native(native.cast(native.type.value_type), series_only=True)
    return series.cast(nw.String)


def _of_strings(series: nw.Series) -> Values:
    """Let the library number the texts, which it does in a fifth of the time of Python's."""
    if len(series) <= FEW_ROWS:
        return read.of_objects(series.to_numpy())
    native = series.to_native()
    if series.implementation.is_pyarrow():
        chunks = native.dictionary_encode().unify_dictionaries().chunks
        codes = np.concatenate([chunk.indices.fill_null(-1).to_numpy() for chunk in chunks])
        return read.of_codes(codes, chunks[0].dictionary.to_pylist())
    if series.implementation.is_polars():
        texts = native.drop_nulls().unique(maintain_order=True)
        numbered = native.cast(series.__native_namespace__().Enum(texts)).to_physical()
        return read.of_codes(numbered.cast(int).fill_null(-1).to_numpy(), texts.to_list())
    return read.of_objects(series.to_numpy())
