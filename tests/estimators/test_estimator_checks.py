import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from fastnn import MLPClassifier, MLPRegressor

CONFIGURATIONS = [
    {"max_iter": 100},
    # The checks of sample weights compare two fits to 1e-7: few iterations, as each one multiplies
    # their rounding.
    {"solver": "lbfgs", "max_iter": 20},
    {"solver": "sgd", "learning_rate_init": 0.01, "max_iter": 100},
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        Estimator(**parameters)
        for Estimator in (MLPClassifier, MLPRegressor)
        for parameters in CONFIGURATIONS
    ]
)
def test_estimator_keeps_the_contract(estimator, check):
    check(estimator)
