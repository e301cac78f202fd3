"""Peak memory of a process that holds a million rows: alone, in a fit and in a prediction."""

from fastnn import MLPClassifier

from .common import QUICK, fit, rows_and_classes


class MillionRows:
    """Each peak includes the interpreter and the data, which `peakmem_data` tells."""

    def setup(self):
        self.X, self.y = rows_and_classes(20_000 if QUICK else 1_000_000, 50, 5)
        self.model = MLPClassifier(max_iter=1, batch_size=200, random_state=0)
        fit(self.model, self.X[:1000], self.y[:1000])

    def peakmem_data(self):
        pass

    def peakmem_fit(self):
        fit(self.model, self.X, self.y)

    def peakmem_predict_proba(self):
        self.model.predict_proba(self.X)
