"""The two learners of `fastnn train`: an ensemble for tables, or one plain network."""

import contextlib
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from fastnn.columns.input_error import InputError
from fastnn.columns.text_cells import CellReader
from fastnn.estimators.classifier import MLPClassifier
from fastnn.estimators.regressor import MLPRegressor
from fastnn.progress import EpochProgress
from fastnn.tables.encoder import TableEncoder
from fastnn.tables.training_rows import TrainingRows
from fastnn.tabular.classifier import TabularClassifier
from fastnn.tabular.regressor import TabularRegressor

FEW_ROWS = 500  # below, early stopping would judge by too few


@dataclass(frozen=True)
class Settings:
    """How a model is trained.

    Attributes
    ----------
    task : {'classification', 'regression'}
        What the target is.
    units : tuple of int
        Of the hidden layers of a plain network.
    max_iter : int
        Its epochs.
    seconds : float or None
        That the training may take.
    seed : int
        Draws whatever is drawn.
    quiet : bool
        Whether no progress is shown.
    """

    task: str
    units: tuple[int, ...]
    max_iter: int
    seconds: float | None
    seed: int
    quiet: bool


def fit_ensemble(
    reader: CellReader, rows: TrainingRows, places: np.ndarray, settings: Settings
) -> Pipeline:
    """Fit an ensemble of networks and trees.

    Parameters
    ----------
    reader : CellReader
        Reads cells; becomes the model's first step.
    rows : TrainingRows
        All rows.
    places : ndarray of int
        Which of them train.
    settings : Settings
        How.

    Returns
    -------
    model : Pipeline
        The steps `cells` and `model`.
    """
    Ensemble = TabularClassifier if settings.task == "classification" else TabularRegressor
    ensemble = Ensemble(
        effort="balanced" if settings.seconds is None else "thorough",  # as far as time allows
        max_time=settings.seconds,
        random_state=settings.seed,
        verbose=not settings.quiet,
    )
    told = {} if rows.groups is None else {"groups": rows.groups[places]}
    with contextlib.redirect_stdout(sys.stderr):  # where progress belongs
        _fit(ensemble, _taken(rows.X, places), rows, places, **told)
    return Pipeline([("cells", reader), ("model", ensemble.set_params(verbose=False))])


def fit_network(
    reader: CellReader,
    rows: TrainingRows,
    places: np.ndarray,
    settings: Settings,
    callbacks: Sequence[Any] = (),
) -> Pipeline:
    """Fit a plain network; the parameters are those of `fit_ensemble`, and callbacks.

    Returns
    -------
    model : Pipeline
        The steps `cells`, `columns` and `network`.
    """
    is_classification = settings.task == "classification"
    network = (MLPClassifier if is_classification else MLPRegressor)(
        hidden_layer_sizes=settings.units,
        max_iter=settings.max_iter,
        early_stopping=len(places) >= FEW_ROWS,
        random_state=settings.seed,
        max_time=settings.seconds,
    ).set_callbacks(*([] if settings.quiet else [EpochProgress()]), *callbacks)
    scaled = TransformedTargetRegressor(network, transformer=StandardScaler())
    last = network if is_classification else scaled
    encoder = TableEncoder()
    X = _taken(rows.X, places)
    _fit(last, encoder.fit(X).transform(X), rows, places)
    for one in (network, getattr(last, "regressor_", network)):
        one.set_callbacks()  # the saved model holds the network alone
    return Pipeline([("cells", reader), ("columns", encoder), ("network", last)])


def _taken(X: pa.Table, places: np.ndarray) -> pa.Table:
    """Take rows, without a copy where it is all of them in their order."""
    return X if len(places) == len(X) else X.take(pa.array(places))


def _fit(model: Any, X: Any, rows: TrainingRows, places: np.ndarray, **told: Any) -> None:
    """Fit, as long as it takes; an interrupt goes on to the caller."""
    if rows.weights is not None:
        told["sample_weight"] = rows.weights[places]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as that it has not converged, which the score tells
        warnings.filterwarnings("error", ".*interrupted")
        try:
            model.fit(X, rows.y[places], **told)
        except UserWarning:
            raise KeyboardInterrupt from None
        except (ValueError, MemoryError) as error:  # such as a class of which there is one row
            raise InputError(str(error)) from error


def timed(function: Any, *arguments: Any) -> tuple[Any, float]:
    """Call a function, and tell how many seconds it took."""
    began = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - began
