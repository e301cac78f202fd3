"""The rows of a file as a model reads them, part by part."""

from collections.abc import Iterator

import pyarrow as pa
from sklearn.pipeline import Pipeline

from fastnn.columns.text_cells import places_of
from fastnn.tables.open import Table

CELLS = 1 << 22  # of a model's matrix that are predicted at once


def parts(
    model: Pipeline, table: Table, more: list[int], marks_may_differ: bool = True
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch, int]]:
    """Read a file part by part, as a model reads it.

    Parameters
    ----------
    model : Pipeline
        A model of `fastnn train`.
    table : Table
        An open file.
    more : list of int
        Places of other columns that are wanted.
    marks_may_differ : bool, default=True
        Whether the file may have another decimal mark than training, as nobody named it.

    Yields
    ------
    X, batch : RecordBatch
        What the model takes, and the cells as they stand in the file, called by their places.
    first_row : int
        Rows before them.

    Raises
    ------
    InputError
        If a cell cannot be read, or could be two numbers.
    """
    reader = model.steps[0][1]
    places = places_of(table.names, reader.names)
    width = max(len(places), getattr(model.steps[1][1], "n_outputs_", 0), 1)
    n, size = 0, max(1, CELLS // width)
    for batch in table.batches(list(dict.fromkeys([*places, *more]))):
        for begin in range(0, len(batch), size):
            part = batch.slice(begin, size)
            if marks_may_differ:
                reader.check_marks(part, places, table.usual_decimal, n)
            yield reader.read(part, places, n), part, n
            n += len(part)
