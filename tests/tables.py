"""The same cells as frames of each library."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from sklearn.base import BaseEstimator

from fastnn.columns import fit_columns


class Owner(BaseEstimator):
    """An estimator whose features are counted and named."""


def pandas_objects(cells):
    """Pandas' oldest types: objects for all that is no plain number, date or text."""
    return pd.DataFrame({name: pd.Series(list(values)) for name, values in cells.items()})


def pandas_python(cells):
    return pd.DataFrame({name: pd.Series(list(v), dtype=object) for name, v in cells.items()})


def pandas_nullable(cells):
    with np.errstate(invalid="ignore"):  # pandas 2.2 casts 1e30 to see whether it is whole
        return pandas_objects(cells).convert_dtypes()


def pandas_arrow(cells):
    return pa.table(cells).to_pandas(types_mapper=pd.ArrowDtype)


def polars(cells):
    return pl.DataFrame(cells, strict=False)


def pyarrow(cells):
    return pa.table(cells)


def pyarrow_chunks(cells):
    """Several chunks a column, as a file has them."""
    table = pa.table(cells)
    half = len(table) // 2
    return pa.concat_tables([table.slice(0, half), table.slice(half)])


LIBRARIES = {
    f.__name__: f
    for f in (
        pandas_objects,
        pandas_python,
        pandas_nullable,
        pandas_arrow,
        polars,
        pyarrow,
        pyarrow_chunks,
    )
}


def head(frame, n):
    """The first rows of any frame."""
    return frame.slice(0, n) if hasattr(frame, "slice") else frame.iloc[:n]


def learn(X, **options):
    """Columns and cells of a table, and who owns them."""
    owner = Owner()
    columns, cells = fit_columns(X, owner, **options)
    return columns, cells, owner


def small_table(n=60):
    """Rows of numbers, a category and dates, their classes, and their targets of a regression."""
    draw = np.random.default_rng(0)
    X = pd.DataFrame(draw.normal(size=(n, 3)), columns=["a", "b", "c"])
    X["kind"] = np.where(draw.random(n) < 0.5, "red", "green")
    X["when"] = pd.date_range("2024-01-01", periods=n, freq="13D")
    y = np.where(X["a"] + X["b"] > 0, "yes", "no")
    return X, y, X["a"].to_numpy() - X["b"].to_numpy() + (X["kind"] == "red")
