"""Tables in files, and the models that `fastnn train` has made of them.

    model = fastnn.tables.load("model.skops")
    model.predict(pandas.read_csv("new.csv", dtype=str))

`open` opens a file of rows, by `delimited`, `parquet` and `sheet`; `source` is the stream of its
text. `training_rows` decides what its columns are and reads them, `encoder` makes a matrix of them
for a plain network, `models` saves and loads, with `schema` as the reader of such files, and
`answers` writes predictions. It needs the extra `cli`.
"""

from fastnn.columns.input_error import InputError
from fastnn.columns.text_cells import CellReader
from fastnn.tables.encoder import TableEncoder
from fastnn.tables.models import load, save

__all__ = ["CellReader", "InputError", "TableEncoder", "load", "save"]
