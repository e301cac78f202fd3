"""The rows of a source as an estimator takes them: checked and encoded, block by block."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from fastnn.estimators.fit import dataset_of
from fastnn.estimators.fitted import twin_of
from fastnn.estimators.label_tally import LabelTally, labels_of
from fastnn.estimators.tasks import without_callbacks
from fastnn.sources.blocks import Part, bytes_of, cut
from fastnn.sources.source import Source
from fastnn.training.dataset import Dataset


class SourceRows:
    """Checks and encodes a source's parts as `fit` does X and y.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Learns from the first rows how many features there are, and from all labels its classes.
    source : Source
    keeps : bool
        Whether the estimator goes on with what it has learned from other data.

    Attributes
    ----------
    sizes : list of int
        Rows of each block.
    like : Dataset
        The first rows, encoded.
    row_bytes : float
        Memory that a row takes, in the largest of the blocks where they are sparse.
    labels : ndarray
        A small y with all labels, or the first rows' y where numbers are predicted.
    """

    def __init__(self, estimator: Any, source: Source, keeps: bool, reset: bool) -> None:
        self.source = source
        if not source.blocks.has_target:
            raise ValueError(
                f"This {type(estimator).__name__} estimator requires y to be passed, but the "
                "source has no target: make_source(..., target=...) names it."
            )
        number, first = self._first()
        first = next(cut(first))
        X, y = self._checked(estimator, number, first, reset)
        self._take_names(estimator, reset)
        self.dtype = X.dtype if estimator.dtype == "auto" else np.dtype(estimator.dtype)
        self.is_sparse = sparse.issparse(X)
        tally = self._survey(tallies=hasattr(estimator, "class_weight"))
        self.labels = labels_of(y) if tally is None else tally.labels()
        estimator._learn_targets(self.labels, keeps=keeps)
        self.of_all_rows = twin_of(estimator)
        if tally is not None:
            self.of_all_rows.class_weight = tally.class_weight(estimator.class_weight)
        self._twin = twin_of(self.of_all_rows)
        vars(self._twin).pop("feature_names_in_", None)  # it is given arrays
        self.like = self.encode(number, first)
        self._check_class_weights()
        if not self.is_sparse:
            self.row_bytes = float(self.like.X.shape[1] * self.dtype.itemsize)
        n_more = self.like.targets.Y.shape[1] + (self.like.weights is not None) + 1
        self.row_bytes += 8 * n_more

    def _first(self) -> tuple[int, Part]:
        """Read the first rows that there are."""
        for number, part in self.source.blocks.read(None, features=True):
            if part.n_rows:
                return number, part
        raise ValueError("Found a source with 0 samples, while a minimum of 1 is required.")

    def _take_names(self, estimator: Any, reset: bool) -> None:
        names = self.source.blocks.names
        if not reset:
            check_names(estimator, self.source)
        elif names is not None:
            estimator.feature_names_in_ = np.asarray(names, dtype=object)

    # ------------------------------------------------------------------ the pass over the labels

    def _survey(self, tallies: bool) -> LabelTally | None:
        """Count rows, and the labels where there are classes, in one pass over the blocks."""
        blocks = self.source.blocks
        tally, sizes, n_bytes = LabelTally() if tallies else None, dict[int, int](), 0.0
        total, largest = 0.0, 0.0
        if tally is None and blocks.n_rows and not (blocks.has_weights or self.is_sparse):
            self.sizes = list(blocks.n_rows)
            return None
        for number, part in blocks.read(None, features=self.is_sparse):
            with self._naming(number):
                sizes[number] = sizes.get(number, 0) + part.n_rows
                if tally is not None and part.n_rows:
                    tally.add(labels_of(_given(part.y)))
                if part.weights is not None:
                    total += float(np.sum(part.weights, dtype=np.float64))
                if self.is_sparse and part.n_rows:
                    n_bytes = bytes_of(part.X) / part.n_rows
                    largest = max(largest, n_bytes)
        known = blocks.n_rows or [0] * (max(sizes) + 1)
        self.sizes = [sizes.get(number, 0) for number in range(len(known))]
        self.row_bytes = largest
        if blocks.has_weights and not (0 < total < np.inf):
            raise ValueError(
                f"The weights of the rows sum to {total:g}: leave some of them a weight above 0."
            )
        return tally

    def _check_class_weights(self) -> None:
        """Refuse weights of classes by which no row counts."""
        given = getattr(self.of_all_rows, "class_weight", None)
        if given is None:
            return
        weights = self.of_all_rows._class_weights(self.labels, self.labels)
        if not weights.any():
            raise ValueError(f"class_weight={given} gives each row the weight 0.")

    # --------------------------------------------------------------------------------- the rows

    def for_workers(self) -> "SourceRows":
        """Give a copy that encodes rows in other processes, where no callback is called."""
        twin = copy(self)
        twin._twin = twin.of_all_rows = without_callbacks(self._twin)
        return twin

    def encode(self, number: int | None, part: Part) -> Dataset:
        """Check and encode the part of a block, or with None all rows.

        Raises
        ------
        ValueError, TypeError
            Naming the block, if it cannot be taken.
        """
        X, y = self._checked(self._twin, number, part, reset=False)
        with self._naming(number):
            if sparse.issparse(X) != self.is_sparse:
                raise ValueError("blocks have to be all dense or all sparse.")
            if X.dtype != self.dtype and self._twin.dtype == "auto" and X.dtype == np.float64:
                raise ValueError(
                    "blocks before are of float32, and this one is not: set dtype='float32' or "
                    "give all in one dtype."
                )
            X = X if X.dtype == self.dtype else X.astype(self.dtype)
            if (part.weights is not None) != self.source.blocks.has_weights:
                raise ValueError("all blocks have to have weights, or none.")
            rows = dataset_of(self._twin, X, y, y, None)
            return rows if part.weights is None else _weighted(rows, part.weights)

    def _checked(
        self, estimator: Any, number: int | None, part: Part, reset: bool
    ) -> tuple[Any, Any]:
        with self._naming(number):
            if hasattr(part.X, "columns"):
                strange = [n for n, of in part.X.items() if of.dtype.kind not in "biuf"]
                raise ValueError(
                    f"columns {strange} hold no numbers: choose the others by features of "
                    "make_source, or make numbers of them with a BlockPreprocessor in a pipeline "
                    "and source.fit_pipeline(pipeline)."
                )
            y = _given(part.y)
            y = labels_of(y) if np.ndim(y) == 2 and y.shape[1] == 1 else y
            return estimator._check_input(part.X, y, reset=reset)

    @contextmanager
    def _naming(self, number: int | None) -> Iterator[None]:
        try:
            yield
        except (TypeError, ValueError) as error:
            if number is None:
                raise
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{self.source.blocks.where(number)}: {error}") from error


def _weighted(rows: Dataset, weights: Any) -> Dataset:
    """Weight rows; those of a part may all be 0."""
    weights = np.asarray(weights, np.float64)
    if weights.shape != (rows.X.shape[0],) or not np.isfinite(weights).all():
        raise ValueError(
            f"weights have to be a finite number for each of {rows.X.shape[0]} rows, got an array "
            f"of shape {weights.shape}."
        )
    of_classes = rows.weights
    return replace(
        rows,
        sample_weight=weights,
        weights=weights if of_classes is None else of_classes * weights,
    )


def _given(y: Any) -> Any:
    if y is None:
        raise ValueError("there is no y.")
    return y


def check_names(estimator: Any, source: Source) -> None:
    """Refuse a source whose features have other names than those of the fit.

    Raises
    ------
    ValueError
        Where both have names.
    """
    names, known = source.blocks.names, getattr(estimator, "feature_names_in_", None)
    if names is not None and known is not None and list(known) != names:
        raise ValueError(
            "The feature names should match those that were passed during fit: the source has "
            f"{names}, and the fit had {list(known)}."
        )
