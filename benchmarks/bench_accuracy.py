"""Scores on rows held out: faster must not mean worse.

`FASTNN_DATA` may name a folder of `NAME.npz` files with arrays X and y; what is missing there is
asked of OpenML, and left out (n/a) where that cannot be reached. scikit-learn's own always run.
"""

import os
from pathlib import Path
from urllib.error import URLError

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler

from fastnn import MLPClassifier, MLPRegressor

from .common import DTYPES, QUICK, fit

OWN = {
    "digits": datasets.load_digits,
    "breast_cancer": datasets.load_breast_cancer,
    "diabetes": datasets.load_diabetes,
}
OPENML = {  # numbers only; the ids do not change
    "letter": 6,
    "satellite": 182,
    "spambase": 44,
    "compactiv": 197,
    "covertype": 1596,
}
REGRESSION = {"diabetes", "compactiv"}


def load(name):
    if name in OWN:
        return OWN[name](return_X_y=True)
    file = Path(os.environ.get("FASTNN_DATA", "")) / f"{name}.npz"
    if file.exists():
        with np.load(file) as arrays:
            return arrays["X"], arrays["y"]
    try:
        X, y = datasets.fetch_openml(data_id=OPENML[name], as_frame=False, return_X_y=True)
    except (URLError, TimeoutError) as error:
        raise NotImplementedError(f"{name} is neither in FASTNN_DATA nor reachable") from error
    return X, y.astype(float) if name in REGRESSION else LabelEncoder().fit_transform(y)


class Score:
    """Accuracy, or R2, after 20 epochs."""

    params = (list(OWN) if QUICK else [*OWN, *OPENML], DTYPES)
    param_names = ("data", "dtype")
    timeout = 300

    def setup(self, data, dtype):
        X, y = load(data)
        self.parts = train_test_split(X.astype(dtype), y, random_state=0)

    def track_score(self, data, dtype):
        X_train, X_test, y_train, y_test = self.parts
        if data in REGRESSION:  # the network has 20 epochs to find the targets' size
            y_test = (y_test - y_train.mean()) / y_train.std()
            y_train = (y_train - y_train.mean()) / y_train.std()
        Network = MLPRegressor if data in REGRESSION else MLPClassifier
        model = make_pipeline(StandardScaler(), Network(max_iter=20, random_state=0))
        return fit(model, X_train, y_train).score(X_test, y_test)
