"""What scikit-learn's own networks cannot do before some version; fastnn can with every one."""

import pytest

from fastnn.sklearn_versions import VERSION

MENDED = {  # from which version on they can, and what happens before
    "poisson": ((1, 7), "MLPRegressor has no loss before scikit-learn 1.7"),
    "sample_weight": ((1, 7), "fit has no sample_weight before scikit-learn 1.7"),
    "early stopping on texts": (
        (1, 9),
        "before scikit-learn 1.9 MLPClassifier asks whether predicted texts are NaN, and fails",
    ),
    "routing to score": (
        (1, 8),
        "before scikit-learn 1.8 a Pipeline passes no sample_weight on to score",
    ),
    "iterations of lbfgs": (
        (1, 7),
        "before scikit-learn 1.7 the warning of lbfgs tells no number of iterations",
    ),
    "callbacks": ((1, 9), "scikit-learn has no ProgressBar, no ScoringMonitor before 1.9"),
}


def is_missing(what):
    """Whether the installed scikit-learn cannot do it."""
    return MENDED[what][0] > VERSION


def needs(what):
    """Skip a test that compares with what the installed scikit-learn cannot do."""
    if is_missing(what):
        pytest.skip(MENDED[what][1])
