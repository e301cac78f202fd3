"""Time of a grid search on two workers, scikit-learn's network beside it."""

import sklearn.neural_network
from joblib import parallel_backend
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastnn

from .common import QUICK, fit

NETWORKS = {
    "fastnn": fastnn.MLPClassifier,
    "scikit-learn": sklearn.neural_network.MLPClassifier,
}


class GridSearch:
    """8 candidates x 3 folds x 40 epochs of the digits."""

    params = (list(NETWORKS), ["threading", "loky"])
    param_names = ("network", "backend")
    timeout = 300
    repeat = 3
    number = 1

    def setup(self, network, backend):
        self.X, self.y = load_digits(return_X_y=True)
        n_epochs = 2 if QUICK else 40
        model = NETWORKS[network](max_iter=n_epochs, n_iter_no_change=n_epochs, random_state=0)
        grid = {"mlpclassifier__alpha": [1e-4] if QUICK else [10.0**-k for k in range(8)]}
        pipeline = make_pipeline(StandardScaler(), model)
        self.search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2, error_score="raise")

    def time_fit(self, network, backend):
        with parallel_backend(backend):
            fit(self.search, self.X, self.y)
