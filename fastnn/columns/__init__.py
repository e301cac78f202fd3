"""Columns of a table: what each is, and how its cells become numbers.

    columns, cells = fit_columns(X, estimator, categorical_features="from_dtype")
    cells = transform(columns, X_new, estimator)
    for cells in transform_parts(columns, X_new, estimator, n_rows): ...

X is what people have: a frame of pandas, polars or pyarrow, an array, lists or a sparse matrix.
`columns` is a dict of plain arrays, lists, numbers and texts (`Columns`): it is what a model keeps,
and holds no rows and no classes, so that skops asks for no trust. `cells` are two arrays (`Cells`):

- `numbers`, float64, C-ordered since rows are gathered and predicted one by one: the columns of
  numbers, then what dates have become; NaN where missing;
- `codes`, int32: places among the levels of each category, k of k levels where missing or unknown;
  the k stand in ``columns["sizes"]``.

`number_names` and `category_names` name their columns, and `describe` tells of every column of the
input (`Column`), those left out with the reason. ``columns["warnings"]`` are sentences that the
estimator is to warn of after a fit.

`kinds` decides what a column is, `values` reads its cells and `frames` opens tables; `learn` and
`encode` are the way of the training rows and of later ones, `checks` what stops them; `record` is
what is kept, with `dates`, `levels` and `texts`; `declared` reads `categorical_features`.
"""

from fastnn.columns.encode import transform, transform_parts
from fastnn.columns.kinds import KINDS, LEFT_OUT, Column
from fastnn.columns.learn import fit_columns
from fastnn.columns.levels import list_levels
from fastnn.columns.record import Cells, Columns, category_names, describe, number_names

__all__ = [
    "KINDS",
    "LEFT_OUT",
    "Cells",
    "Column",
    "Columns",
    "category_names",
    "describe",
    "fit_columns",
    "list_levels",
    "number_names",
    "transform",
    "transform_parts",
]
