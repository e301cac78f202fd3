"""Time of a prediction, of one row and of many."""

import warnings

from sklearn.exceptions import ConvergenceWarning

from fastnn import MLPClassifier

from .bench_training import classification


class Predict:
    """predict_proba of the digits' network."""

    params = ([1, 100, 100_000], ["float32", "float64"])
    param_names = ("rows", "dtype")

    def setup(self, rows, dtype):
        warnings.simplefilter("ignore", ConvergenceWarning)
        X, y, hidden = classification("digits", dtype)
        self.model = MLPClassifier(hidden, max_iter=1, random_state=0).fit(X, y)
        self.X = X.repeat(-(-rows // len(X)), axis=0)[:rows]
        self.model.predict_proba(self.X)

    def time_predict_proba(self, rows, dtype):
        self.model.predict_proba(self.X)

    def peakmem_predict_proba(self, rows, dtype):
        self.model.predict_proba(self.X)
