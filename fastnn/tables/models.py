"""Models of `fastnn train` in files, and whether a file holds one."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from fastnn import files
from fastnn.columns.input_error import InputError
from fastnn.columns.text_cells import CellReader
from fastnn.tables import schema
from fastnn.tables.encoder import TableEncoder

# All classes that a model holds, and where each is imported from.
CLASSES = {
    "sklearn.pipeline.Pipeline": "sklearn.pipeline",
    "sklearn.compose._target.TransformedTargetRegressor": "sklearn.compose",
    "sklearn.preprocessing._data.StandardScaler": "sklearn.preprocessing",
    "sklearn.preprocessing._label.LabelBinarizer": "sklearn.preprocessing",
    "fastnn.tables.CellReader": "fastnn.columns.text_cells",
    "fastnn.tables.TableEncoder": "fastnn.tables.encoder",
    "fastnn.MLPClassifier": "fastnn.estimators.classifier",
    "fastnn.MLPRegressor": "fastnn.estimators.regressor",
    "fastnn.TabularClassifier": "fastnn.tabular.classifier",
    "fastnn.TabularRegressor": "fastnn.tabular.regressor",
}


def save(model: Pipeline, path: Path) -> None:
    """Write a model as skops does.

    Raises
    ------
    InputError
        If no file can be written there.
    """
    import skops.io  # extra cli; 1 s

    try:
        with files.replacing(path) as temporary:
            skops.io.dump(model, temporary)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {' '.join(str(error).split())}") from error


def load(path: Path | str) -> Pipeline:
    """Load a model of `fastnn train`; no code of the file is run.

    Parameters
    ----------
    path : path
        Of the model.

    Returns
    -------
    model : Pipeline
        Its steps read the cells of a table of texts or other types, make numbers of them, and
        predict.

    Raises
    ------
    InputError
        If there is no such file, or it holds something else.
    """
    path = Path(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of another version of scikit-learn
            model = schema.read(path, CLASSES)
            _check(model)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file.") from None
    except Exception as error:  # a damaged file fails in as many ways as it can be damaged
        raise InputError(f"{path}: is not a model of `fastnn train`: {_one_line(error)}") from error
    return model


@contextmanager
def answering(path: Path) -> Iterator[None]:
    """Tell in a sentence that a model cannot answer; a file of strangers may be harmed anywhere.

    Parameters
    ----------
    path : Path
        Of the model.

    Raises
    ------
    InputError
        In place of any error but the user's own, and one of the system.
    """
    try:
        yield
    except (InputError, OSError, MemoryError):
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {_one_line(error)}"
        raise InputError(
            f"{path}: the model is damaged, or cannot take the rows: {what}"
        ) from error


def estimator_of(model: Pipeline) -> Any:
    """Take the network, or the ensemble, out of a model."""
    last = model.steps[-1][1]
    return getattr(last, "regressor_", last)


def _check(model: Any) -> None:
    """Refuse what is no model, before any of it reaches machine code; a row of gaps is predicted.

    Raises
    ------
    Exception
        Of any class, where attributes do not go together.
    """
    if not isinstance(model, Pipeline) or [name for name, _ in model.steps] not in STEPS:
        raise ValueError(f"it holds a {type(model).__name__} of other steps")
    steps = [step for _, step in model.steps]
    if type(steps[0]) is not CellReader:
        raise ValueError("its first step does not read cells")
    network = estimator_of(model)
    if len(steps) == 3:
        if type(steps[1]) is not TableEncoder:
            raise ValueError("its second step does not encode tables")
        _check_network(network, steps[1].n_outputs_)
    if is_classifier(model) != hasattr(network, "classes_"):
        raise ValueError("its last step is none")
    reader = steps[0]
    row = {r.name: pa.nulls(1) for r in reader.readings if r.kind != "left out"}
    answer = model.predict(pa.table(row))
    if np.shape(answer) != (1,):
        raise ValueError("it does not answer with one value a row")
    if is_classifier(model):
        model.predict_proba(pa.table(row))


STEPS = (["cells", "columns", "network"], ["cells", "model"])


def _check_network(network: Any, n_inputs: int) -> None:
    """Check that the weights of each layer go with those of the next."""
    units = n_inputs
    for W, b in zip(network.coefs_, network.intercepts_, strict=True):
        for array in (W, b):
            if type(array) is not np.ndarray or array.dtype not in (np.float32, np.float64):
                raise ValueError("its weights are no numbers")
        if W.ndim != 2 or len(W) != units or b.shape != W.shape[1:]:
            raise ValueError("its weights have other shapes than its layers")
        units = W.shape[1]


def _one_line(error: BaseException, longest: int = 300) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"
