"""Seconds until a new process has what it wants; scikit-learn's beside them."""

FIT = """
import warnings
warnings.simplefilter("ignore")
import numpy as np
from fastnn import MLPClassifier
X = np.random.default_rng(0).standard_normal((1797, 64))
MLPClassifier(max_iter=1).fit(X, np.arange(1797) % 10).predict_proba(X)
"""
COLD = """
import os, tempfile
with tempfile.TemporaryDirectory() as folder:
    os.environ["NUMBA_CACHE_DIR"] = folder
"""


class Start:
    """Whole processes; repeated, the first one fills the cache that the others start with."""

    number = 1

    def timeraw_import(self):
        return "from fastnn import MLPClassifier"

    def timeraw_import_scikit_learn(self):
        return "from sklearn.neural_network import MLPClassifier"

    def timeraw_first_fit_warm(self):
        return FIT

    def timeraw_first_fit_scikit_learn(self):
        return FIT.replace("from fastnn", "from sklearn.neural_network")

    def timeraw_first_fit_cold(self):
        return COLD + FIT.replace("\n", "\n    ")

    timeraw_first_fit_cold.repeat = 3
    timeraw_first_fit_cold.timeout = 300
