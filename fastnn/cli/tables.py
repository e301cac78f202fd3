"""Tables of the command line: files of rows, what their columns are, and models in files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fastnn import files, moved
from fastnn.estimators.classifier import MLPClassifier
from fastnn.estimators.regressor import MLPRegressor

MAX_CODED_CLASSES = 20  # a target of whole numbers with more different values than this is a number
MAX_CATEGORIES = 100  # of a column; rarer ones share the last
MAX_NUMBER = 1e100  # columns are scaled, and squares of much larger numbers overflow

# All that a model of `fastnn train` holds beyond what skops itself trusts.
TRUSTED = {"fastnn.MLPClassifier", "fastnn.MLPRegressor", "numpy.dtype", *moved.OLD_NAMES}


class InputError(ValueError):
    """A user's mistake, told in one sentence."""


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV or Parquet file.

    Raises
    ------
    InputError
        If there is no such file, or it is not such a table.
    """
    readers = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".pq": pd.read_parquet}
    if path.suffix.lower() not in readers:
        raise InputError(f"{path}: a table's name ends in .csv or .parquet.")
    try:
        frame = readers[path.suffix.lower()](path)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file.") from None
    except (OSError, ValueError) as error:  # pandas' and pyarrow's errors are among them
        raise InputError(f"{path}: cannot be read: {_one_line(error)}") from error
    if frame.empty:
        raise InputError(f"{path}: the table has no rows or no columns.")
    frame.columns = [str(name) for name in frame.columns]
    return frame.reset_index(drop=True)  # so that an index says which row of the file it is


def split_target(frame: pd.DataFrame, target: str) -> tuple[pd.DataFrame, pd.Series]:
    """Take the target's column off a table, with the rows that have none.

    Raises
    ------
    InputError
        If there is no such column, or nothing is left.
    """
    if target not in frame.columns:
        raise InputError(f"there is no column {target!r}; the columns are {_listed(frame)}.")
    if frame.shape[1] == 1:
        raise InputError(f"{target!r} is the only column: there is nothing to learn it from.")
    frame = frame[frame[target].notna()]
    if len(frame) < 2:
        raise InputError(f"column {target!r} has {len(frame)} values; at least 2 are needed.")
    return frame.drop(columns=target), frame[target]


def task_of(y: pd.Series) -> str:
    """Tell "classification" from "regression" by a target's values."""
    if pd.api.types.is_bool_dtype(y) or not pd.api.types.is_numeric_dtype(y):
        return "classification"
    numbers = y.to_numpy(dtype=float)
    few = len(np.unique(numbers)) <= MAX_CODED_CLASSES
    whole = np.isfinite(numbers).all() and (numbers == np.rint(numbers)).all()
    return "classification" if few and whole else "regression"


def targets(y: pd.Series, task: str) -> np.ndarray:
    """Values of a target, as the estimators take them.

    Raises
    ------
    InputError
        If a regression's target holds something that is not a finite number, or a
        classification's something between whole numbers.
    """
    if task == "regression":
        return _numbers(y).to_numpy(dtype=float)
    if pd.api.types.is_integer_dtype(y) or pd.api.types.is_bool_dtype(y):
        return y.to_numpy()
    if not pd.api.types.is_numeric_dtype(y):
        return y.astype(str).to_numpy(dtype=str)
    parts = np.flatnonzero((y != np.rint(y)) | np.isinf(y))
    if parts.size:
        raise InputError(
            f"column {y.name!r} holds {y.iloc[parts[0]]}, and classes are texts or whole numbers: "
            "set --task regression."
        )
    return y.to_numpy(dtype=np.int64)  # whole numbers beside missing ones are read as floats


def columns(X: pd.DataFrame) -> pd.DataFrame:
    """Make every column a number or a text, with NaN where a value is missing."""
    return pd.DataFrame({name: _column(X[name]) for name in X.columns}, index=X.index)


def _column(values: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return _numbers(values)
    return _texts(values)


def _numbers(values: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    wrong = values[(numbers.isna() & values.notna()) | (numbers.abs() > MAX_NUMBER)]
    if wrong.size:
        raise InputError(
            f"column {values.name!r} holds {str(wrong.iloc[0])!r} in row {wrong.index[0] + 1}, "
            f"where a finite number, of size {MAX_NUMBER:g} at most, is needed."
        )
    return numbers


def _texts(values: pd.Series) -> pd.Series:
    return values.astype(object).where(values.notna(), np.nan).map(str, na_action="ignore")


def preprocessing(X: pd.DataFrame) -> ColumnTransformer:
    """Fill in what is missing, scale numbers, and turn texts into indicators."""
    is_number = [pd.api.types.is_numeric_dtype(X[name]) for name in X.columns]
    numbers = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
    )
    texts = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="(missing)", keep_empty_features=True),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MAX_CATEGORIES),
    )
    return make_column_transformer(
        (numbers, [name for name, yes in zip(X.columns, is_number, strict=True) if yes]),
        (texts, [name for name, yes in zip(X.columns, is_number, strict=True) if not yes]),
    )


def pipeline(X: pd.DataFrame, network: MLPClassifier | MLPRegressor) -> Pipeline:
    """Preprocessing, then the network; a regression's target is scaled too."""
    last = network
    if not is_classifier(network):
        last = TransformedTargetRegressor(network, transformer=StandardScaler())
    return Pipeline([("columns", preprocessing(X)), ("network", last)])


def inputs(model: Pipeline, frame: pd.DataFrame) -> pd.DataFrame:
    """Columns that a model was trained on, each of the kind it was then.

    Raises
    ------
    InputError
        If one is missing, or holds a text where the model knows numbers.
    """
    names = list(model.feature_names_in_)
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise InputError(
            f"the model needs column {missing[0]!r}; the table's columns are {_listed(frame)}."
        )
    numbers = set(model.named_steps["columns"].transformers_[0][2])
    return pd.DataFrame(
        {name: (_numbers if name in numbers else _texts)(frame[name]) for name in names}
    )


def predictions(model: Pipeline, X: pd.DataFrame) -> pd.DataFrame:
    """Predict a table: a column `prediction`, and with classes the probability of each."""
    answers = pd.DataFrame({"prediction": model.predict(X)})
    if is_classifier(model):
        names = [f"probability_{label}" for label in model.classes_]
        answers[names] = model.predict_proba(X)
    return answers


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Name a temporary file beside `path` that takes its place when all has gone well.

    Raises
    ------
    InputError
        If no file can be written there.
    """
    try:
        with files.replacing(path) as temporary:
            yield temporary
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {_one_line(error)}") from error


def save(model: Any, path: Path) -> None:
    """Write a model in skops' format."""
    with replacing(path) as temporary:
        skops.io.dump(model, temporary)


def load(path: Path) -> Pipeline:
    """Read a model that `save` has written; no code from the file is run.

    Raises
    ------
    InputError
        If there is no such file, or it holds something else.
    """
    try:
        strange = set(skops.io.get_untrusted_types(file=path)) - TRUSTED
        if strange:
            raise InputError(
                f"{path}: holds {min(strange)}, which no model of fastnn has: it is not loaded."
            )
        model = skops.io.load(path, trusted=sorted(TRUSTED))
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file.") from None
    except InputError:
        raise
    except Exception as error:  # a damaged file fails in as many ways as it can be damaged
        raise InputError(f"{path}: is not a model of `fastnn train`: {_one_line(error)}") from error
    if not isinstance(model, Pipeline) or list(model.named_steps) != ["columns", "network"]:
        raise InputError(f"{path}: holds a {type(model).__name__}, not a model of `fastnn train`.")
    return model


def write_text(text: str, path: Path) -> None:
    """Write a text, as of a page."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a CSV or Parquet file."""
    with replacing(path) as temporary:
        if path.suffix.lower() == ".csv":
            frame.to_csv(temporary, index=False)
        else:
            frame.to_parquet(temporary, index=False)


def check_name(path: Path, *suffixes: str) -> None:
    """Refuse a name whose ending does not say what is to be written.

    Raises
    ------
    InputError
        If it does not, or its folder does not exist.
    """
    if path.suffix.lower() not in suffixes:
        raise InputError(f"{path}: the name has to end in {' or '.join(suffixes)}.")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}.")


def _listed(frame: pd.DataFrame, most: int = 20) -> str:
    names = ", ".join(map(repr, frame.columns[:most]))
    return names if frame.shape[1] <= most else f"{names}, and {frame.shape[1] - most} more"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
