import signal

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression

# A shell that starts the tests in the background has them ignore interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def global_random_seed():
    """Seed that scikit-learn's own tests ask for."""
    return 42


@pytest.fixture
def forced(monkeypatch):
    """Set the number of threads of every region, whatever would pay."""
    from fastnn.engine import threads

    def force(n):
        monkeypatch.setattr(threads, "worthwhile", lambda *arguments: n)

    return force


@pytest.fixture
def classes_data():
    """60 rows of three classes."""
    return make_classification(60, n_features=8, n_informative=5, n_classes=3, random_state=0)


@pytest.fixture
def regression_data():
    """60 rows with a target of mean 0 and variance 1."""
    X, y = make_regression(60, n_features=8, noise=5.0, random_state=0)
    return X, (y - np.mean(y)) / np.std(y)
