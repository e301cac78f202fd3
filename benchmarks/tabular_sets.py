"""Data sets of `tabular.py`: files of a folder, or OpenML's, and their split."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import fetch_openml
from sklearn.model_selection import train_test_split

LOGARITHMIC = {"diamonds", "ames", "house_prices"}  # prices: the target is log(1 + y)
LEAST_ROWS = 20  # of a class that is kept
MOST_TEST_ROWS = 10_000
OPENML = {
    "adult": 1590,
    "letter": 6,
    "satellite": 182,
    "phoneme": 1489,
    "segment": 36,
    "spambase": 44,
    "credit_g": 31,
    "magic_telescope": 1120,
    "covertype": 1596,
    "wine_quality": 287,
    "diamonds": 42225,
    "compactiv": 197,
}


@dataclass(frozen=True)
class Split:
    """A data set's rows: frames, with categories as such, and codes of classes or numbers."""

    name: str
    X: pd.DataFrame
    y: np.ndarray
    X_test: pd.DataFrame
    y_test: np.ndarray
    is_regression: bool

    @property
    def categories(self) -> list[str]:
        return list(self.X.columns[self.X.dtypes == "category"])


def names_of(folder: Path | None) -> list[str]:
    """Sets that there are."""
    if folder is None:
        return list(OPENML)
    found = sorted(path.stem for path in folder.glob("*.npz"))
    return [name for name in found if name != "mnist"]  # pictures are no table


def load(name: str, folder: Path | None) -> tuple[pd.DataFrame, np.ndarray, bool]:
    """Rows, targets, and whether these are numbers."""
    if folder is not None and (folder / f"{name}.npz").exists():
        return _of_file(folder / f"{name}.npz", name)
    data = fetch_openml(data_id=OPENML.get(name, name), as_frame=True)
    X, y = data.data, data.target
    strings = X.select_dtypes(include=["object", "string", "bool"]).columns
    X = X.astype(dict.fromkeys(strings, "category"))
    if pd.api.types.is_numeric_dtype(y):
        return X, _target(y.to_numpy(dtype=np.float64), name), True
    return X, np.unique(y.astype(str), return_inverse=True)[1], False


def _of_file(path: Path, name: str) -> tuple[pd.DataFrame, np.ndarray, bool]:
    with np.load(path) as file:
        X, y, categorical = file["X"], file["y"], file["cat_mask"]
        is_regression = "classes" not in file
    frame = pd.DataFrame(X, columns=[f"x{k}" for k in range(X.shape[1])])
    for column in frame.columns[categorical]:  # as text, since XGBoost takes no numbers here
        frame[column] = frame[column].astype(int).astype(str).astype("category")
    return frame, _target(y.astype(np.float64), name) if is_regression else y, is_regression


def _target(y: np.ndarray, name: str) -> np.ndarray:
    return np.log1p(y) if name in LOGARITHMIC else y


def split(name: str, folder: Path | None, seed: int, n_rows: int) -> Split:
    """Divide a set: at most `n_rows` to train, and a quarter or 10000 rows to test."""
    X, y, is_regression = load(name, folder)
    if not is_regression:
        kept = np.bincount(y)[y] >= LEAST_ROWS
        X, y = X[kept], np.unique(y[kept], return_inverse=True)[1]

    def divide(X: pd.DataFrame, y: np.ndarray, **sizes: int) -> Iterator:
        return iter(train_test_split(X, y, stratify=None if is_regression else y, **sizes))

    n_test = min(MOST_TEST_ROWS, len(y) // 4)
    X, X_test, y, y_test = divide(X, y, test_size=n_test, random_state=seed)
    if len(y) > n_rows:
        X, _, y, _ = divide(X, y, train_size=n_rows, random_state=seed + 1)
    reset = [frame.reset_index(drop=True) for frame in (X, X_test)]
    return Split(name, reset[0], y, reset[1], y_test, is_regression)
