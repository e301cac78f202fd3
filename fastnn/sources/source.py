"""A source: rows that are read in blocks, again and again, within a budget of memory."""

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from fastnn.sources.ahead import Ahead
from fastnn.sources.blocks import Blocks, Part
from fastnn.sources.mapped import MappedBlocks
from fastnn.sources.pipeline import fit_pipeline
from fastnn.sources.predictions import predict
from fastnn.sources.sample import sample

MEMORY = 500_000_000
LEAST_MEMORY = 1_000_000


class Source:
    """Rows that are read in blocks; :func:`fastnn.make_source` makes it.

    It stands in the place of X, without y, in `fit`, `resume`, `score` and predictions of
    :class:`fastnn.MLPClassifier`, :class:`fastnn.MLPRegressor`, :class:`fastnn.TabularClassifier`
    and :class:`fastnn.TabularRegressor`.

    Parameters
    ----------
    blocks : Blocks
        Reads them.
    memory : int
        Bytes that may be in use for rows.
    """

    def __init__(self, blocks: Blocks, memory: int) -> None:
        self.blocks, self.memory = blocks, memory

    def parts(self) -> Iterator[Part]:
        """Read all rows, in their order and ahead of what is done with them.

        Returns
        -------
        parts : iterator of tuple (X, y, weights)
            Some rows each; y and weights are None where the source has none.
        """
        with Ahead(self.blocks.read(None, features=True), depth=1) as ahead:
            for _, part in ahead:
                if part.n_rows:
                    yield part

    def map(self, transform: Callable[[Any], Any]) -> "Source":
        """Make a source whose X is what a function makes of each part of this one's.

        Parameters
        ----------
        transform : callable
            Takes and returns an array or sparse matrix with a row for each row, such as the
            `transform` of a fitted transformer.

        Returns
        -------
        source : Source
            Of the same targets and weights.
        """
        return Source(MappedBlocks(self.blocks, transform), self.memory)

    def sample(self, n_rows: int, random_state: Any = None) -> Part:
        """Draw rows at random, without those of the same number again, in one pass.

        Parameters
        ----------
        n_rows : int
            How many; all where there are fewer.

        random_state : int, RandomState instance or None, default=None
            Draws them.

        Returns
        -------
        part : tuple (X, y, weights)
            The rows in their order, such as estimators for tables learn from.
        """
        return sample(self, n_rows, random_state)

    def fit_pipeline(self, pipeline: Any) -> Any:
        """Fit a pipeline of scikit-learn to all rows.

        Each transformer learns by its `partial_fit`, in one pass over what those before it make of
        the blocks; one without, which learns nothing, is taken as it is. The last step is fitted to
        a source that is transformed on its way.

        Parameters
        ----------
        pipeline : sklearn.pipeline.Pipeline
            Transformers, and at the end an estimator that takes a source.

        Returns
        -------
        pipeline : sklearn.pipeline.Pipeline
            The same, fitted: it predicts for arrays as any other.

        Raises
        ------
        ValueError
            If a transformer has to learn and has no `partial_fit`.
        """
        return fit_pipeline(pipeline, self)

    def predict(self, model: Any, path: Any = None, *, method: str = "predict") -> Any:
        """Predict for all rows, part by part.

        Parameters
        ----------
        model : estimator
            A fitted model, or a pipeline of them.

        path : str or path, default=None
            Parquet file to write, whole or not at all; None keeps the predictions in memory.

        method : str, default="predict"
            Which method of the model predicts, such as "predict_proba".

        Returns
        -------
        predictions : ndarray or Path
            Those of all rows in their order, or the file.
        """
        return predict(self, model, path, method)

    def __array__(self, *arguments: Any, **keywords: Any) -> NoReturn:
        raise TypeError(
            "A source is read in blocks and is no array: give it to fit, score or predict of an "
            "estimator of fastnn, or go through its parts()."
        )

    def __repr__(self) -> str:
        sizes = self.blocks.n_rows
        rows = "" if sizes is None else f"{sum(sizes)} rows in {len(sizes)} blocks, "
        return f"<Source: {rows}{self.memory / 1e6:g} MB of memory>"


def check_memory(memory: Any) -> None:
    """Refuse a `memory` that is no number of bytes, or of too few."""
    if not isinstance(memory, int | float | np.integer) or not memory >= LEAST_MEMORY:
        raise ValueError(
            f"memory has to be a number of bytes from {LEAST_MEMORY} on, got {memory!r}."
        )
