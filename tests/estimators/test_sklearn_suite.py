"""scikit-learn's own tests of its networks, as installed, with only their import line changed."""

from pathlib import Path

import pytest
import sklearn.neural_network.tests

import fastnn
from fastnn.sklearn_versions import VERSION

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # test_nonfinite_params and test_mlp_diverging_loss let float64 overflow.
    pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning"),
]

IMPORT = "from sklearn.neural_network import MLPClassifier, MLPRegressor\n"
SOURCE = Path(sklearn.neural_network.tests.__path__[0]) / "test_mlp.py"
N_TESTS = {(1, 6): 39, (1, 7): 42, (1, 8): 42, (1, 9): 43}
LEFT_OUT = {
    "test_gradient",  # calls _loss_grad_lbfgs; our gradients have central differences of their own
    # Expects a message that names a class 'True'; ours names the label (training/test_validation).
    *(["test_early_stopping_stratified"] if VERSION >= (1, 9) else []),
}

source = SOURCE.read_text(encoding="utf-8")
assert source.count(IMPORT) == 1
source = source.replace(IMPORT, IMPORT.replace("sklearn.neural_network", "fastnn"))
suite: dict = {"__name__": __name__}
exec(compile(source, SOURCE, "exec"), suite)

upstream = {name: test for name, test in suite.items() if name.startswith("test_")}
globals().update({name: test for name, test in upstream.items() if name not in LEFT_OUT})


def test_suite_is_whole_and_tests_fastnn():
    assert suite["MLPClassifier"] is fastnn.MLPClassifier
    assert suite["MLPRegressor"] is fastnn.MLPRegressor
    assert len(upstream) == N_TESTS[VERSION]
    assert set(upstream) - set(globals()) == LEFT_OUT
