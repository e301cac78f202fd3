"""Time of a prediction, of one row and of many."""

from fastnn import MLPClassifier

from .common import DTYPES, QUICK, case_data, fit, rows_and_classes


class Predict:
    """Predictions of the digits' network."""

    params = ([1, 7, 100] if QUICK else [1, 7, 32, 100, 1000, 100_000], DTYPES)
    param_names = ("rows", "dtype")

    def setup(self, rows, dtype):
        self.model = fit(MLPClassifier(max_iter=1, random_state=0), *case_data("digits", dtype))
        self.X, _ = rows_and_classes(rows, 64, 10, dtype)
        self.model.predict_proba(self.X)

    def time_predict_proba(self, rows, dtype):
        self.model.predict_proba(self.X)

    def time_predict(self, rows, dtype):
        self.model.predict(self.X)
