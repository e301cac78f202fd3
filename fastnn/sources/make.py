"""From data of any kind to a source."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from fastnn.sources.arrays import ArrayBlocks
from fastnn.sources.blocks import Blocks
from fastnn.sources.dask_blocks import DaskArrayBlocks, DaskFrameBlocks
from fastnn.sources.iterators import IteratorBlocks
from fastnn.sources.source import MEMORY, Source, check_memory


def make_source(
    data: Any,
    target: Any = None,
    *,
    features: Any = None,
    weights: Any = None,
    memory: int = MEMORY,
    block_rows: int | None = None,
) -> Source:
    """Make a source of rows that are read in blocks: more of them than memory holds.

    A source stands in the place of X, without y, in `fit`, `resume`, `score` and predictions of
    :class:`MLPClassifier` and :class:`MLPRegressor`, and of :class:`TabularClassifier` and
    :class:`TabularRegressor`, which train on a sample of it.

    Parameters
    ----------
    data : str, path, pyarrow.dataset.Dataset, dask collection, array, sparse matrix or callable
        Where the rows are:

        - a Parquet file or a folder of them, or a data set of pyarrow; a block is a row group;
        - a Dask array or data frame; a block is a chunk of rows or a partition;
        - an array, also of `numpy.memmap`, or a sparse matrix; blocks are of `block_rows` rows;
        - a function without arguments that returns an iterator of ``(X, y)`` or
          ``(X, y, weights)``, a block each. It is called for each pass over the rows and has to
          give the same ones each time. Blocks come in its order, and only rows are shuffled.

    target : str, sequence of str, array-like or Dask collection, default=None
        The target: names of columns, or values where `data` is an array. None where there is none,
        as for predictions; an iterator gives its own.

    features : sequence of str or int, default=None
        Columns that are features; None for all that are neither target nor weights.

    weights : str, array-like or Dask collection, default=None
        Weights of the rows, as `target`.

    memory : int, default=500_000_000
        Bytes that a fit may use for rows, beside the network and what is in memory already. Rows
        that fit are read once and kept.

    block_rows : int, default=None
        Rows of a block of an array; None for about 8 MB of them.

    Returns
    -------
    source : Source
        With `parts`, to go through its rows, and `map`, to transform them on their way.

    Raises
    ------
    ValueError, TypeError
        If the data is of no such kind, or what is named is not in it.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import MLPClassifier, make_source
    >>> X = np.random.default_rng(0).standard_normal((1000, 5)).astype(np.float32)
    >>> y = X[:, 0] > 0
    >>> source = make_source(X, y, block_rows=100)
    >>> source
    <Source: 1000 rows in 10 blocks, 500 MB of memory>
    >>> model = MLPClassifier(learning_rate_init=0.01, max_iter=100, tol=1e-3, random_state=0)
    >>> bool(model.fit(source).score(X, y) > 0.95)
    True
    """
    check_memory(memory)
    if block_rows is not None and (not isinstance(block_rows, int | np.integer) or block_rows < 1):
        raise ValueError(f"block_rows has to be a whole number from 1 on, got {block_rows!r}.")
    blocks = _blocks_of(data, target, features, weights, block_rows)
    if blocks.n_rows is not None and not sum(blocks.n_rows):
        raise ValueError("Found a source with 0 samples, while a minimum of 1 is required.")
    return Source(blocks, int(memory))


def _blocks_of(
    data: Any, target: Any, features: Any, weights: Any, block_rows: int | None
) -> Blocks:
    if isinstance(data, str | Path) or _is_of("pyarrow.dataset", "Dataset", data):
        from fastnn.sources.parquet import ParquetBlocks  # extra cli, as pyarrow; 60 ms

        return ParquetBlocks(data, target, features, weights)
    if _is_of("dask.dataframe", "DataFrame", data):
        return DaskFrameBlocks(data, target, features, weights)
    if _is_of("dask.array", "Array", data):
        return DaskArrayBlocks(data, target, weights, features)
    if isinstance(data, np.ndarray) or sparse.issparse(data):
        if data.ndim != 2:
            raise ValueError(f"Expected 2D array, got an array of shape {data.shape} instead.")
        return ArrayBlocks(data, target, weights, features, block_rows)
    if callable(data):
        for name, given in (("target", target), ("features", features), ("weights", weights)):
            if given is not None:
                raise ValueError(
                    f"{name} has no meaning for a function, whose blocks bring their own: leave it "
                    "out."
                )
        return IteratorBlocks(data)
    raise TypeError(
        "A source is made of a path to Parquet files, a data set of pyarrow, a Dask array or "
        "frame, an array, a sparse matrix or a function that returns an iterator, got "
        f"{type(data).__name__}."
    )


def _is_of(module: str, name: str, data: Any) -> bool:
    """Whether an object is of a class of a library, which is imported already where it is."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(data, kind)
