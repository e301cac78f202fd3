"""`dtype="bfloat16"` to a user: what a fit leaves, and what is said where it cannot be."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from processes import python
from sklearn.datasets import load_digits

from fastnn import MLPClassifier, MLPRegressor, check_gradient
from fastnn.compiling.intrinsics import pairs as words
from fastnn.compiling.intrinsics.pairs import are_multiplied
from fastnn.compiling.language import IS_OFF

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
multiplied = pytest.mark.skipif(
    not are_multiplied(), reason="this processor does not multiply bfloat16"
)
X, y = load_digits(return_X_y=True)
X = X / 16


def classifier(**parameters):
    return MLPClassifier(max_iter=5, random_state=0, dtype="bfloat16", **parameters)


@multiplied
def test_the_model_is_one_of_float32():
    model = classifier().fit(X, y)
    assert model.coefs_[0].dtype == np.float32
    single = pickle.loads(pickle.dumps(model)).set_params(dtype="float32")
    for rows in (X[:1], X[:20], X):
        assert_array_equal(model.predict_proba(rows), single.predict_proba(rows))
    theirs = model.to_sklearn()
    assert_allclose(theirs.predict_proba(X), model.predict_proba(X), rtol=1e-4, atol=1e-6)
    assert max(check_gradient(classifier(activation="tanh"), X[:9, 20:30], y[:9])) < 1e-4


@multiplied
def test_a_stopped_fit_goes_on_to_the_same_bits():
    whole, stopped = classifier().fit(X, y), classifier().set_params(max_iter=2).fit(X, y)
    loaded = pickle.loads(pickle.dumps(stopped)).set_params(max_iter=5).resume(X, y)
    assert_array_equal(loaded.coefs_[0], whole.coefs_[0])


@multiplied
@pytest.mark.parametrize("early_stopping", [False, True])
def test_digits_are_told_as_well_as_by_float32(early_stopping):
    parameters = {"max_iter": 40, "early_stopping": early_stopping}
    model = classifier().set_params(**parameters).fit(X[:1200], y[:1200])
    single = MLPClassifier(dtype="float32", random_state=0, **parameters).fit(X[:1200], y[:1200])
    assert abs(model.score(X[1200:], y[1200:]) - single.score(X[1200:], y[1200:])) < 0.02


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_a_processor_without_it_says_so(Estimator, monkeypatch):
    monkeypatch.setattr(words, "are_multiplied", lambda: False)
    with pytest.raises(ValueError, match=r"AVX512_BF16.* use dtype='float32'"):
        Estimator(dtype="bfloat16").fit(X, y)


@multiplied
def test_a_model_of_another_machine_predicts_here(monkeypatch):
    model = pickle.loads(pickle.dumps(classifier().fit(X, y)))
    expected = model.predict_proba(X)
    monkeypatch.setattr(words, "are_multiplied", lambda: False)
    assert_array_equal(model.predict_proba(X), expected)
    with pytest.raises(ValueError, match="use dtype='float32'"):
        model.partial_fit(X, y)


@pytest.mark.parametrize(
    ("features", "is_off", "cpu", "multiplied"),
    [
        ({"avx512bf16": True, "avx512bw": True}, False, "", True),
        ({"avx512bf16": False, "avx512bw": True}, False, "", False),
        ({"avx512f": True, "avx512bw": True}, False, "", False),
        ({"avx512bf16": True, "avx512bw": True}, False, "generic", False),
        ({}, False, "", False),
        ({}, True, "", True),  # by NumPy
    ],
)
def test_who_multiplies(features, is_off, cpu, multiplied, monkeypatch):
    monkeypatch.setattr(words.llvm, "get_host_cpu_features", lambda: features)
    monkeypatch.setattr(words, "IS_OFF", is_off)
    monkeypatch.setenv("NUMBA_CPU_NAME", cpu)
    monkeypatch.delenv("NUMBA_CPU_FEATURES", raising=False)
    assert words.are_multiplied.__wrapped__() == multiplied


def test_lbfgs_computes_in_float64():
    with pytest.raises(ValueError, match="needs a stochastic solver"):
        classifier(solver="lbfgs").fit(X, y)


FIT = """
    import warnings
    import numpy as np
    from fastnn import MLPClassifier

    warnings.simplefilter("ignore")
    X = np.random.default_rng(0).standard_normal((60, 9)).astype(np.float32)
    model = MLPClassifier((7,), max_iter=3, random_state=0, dtype="bfloat16")
    print(*model.fit(X, X[:, 0] > 0).coefs_[0].ravel().tolist())
"""


@multiplied
@pytest.mark.skipif(IS_OFF, reason="nothing is compiled")
def test_machine_code_computes_what_numpy_does():
    ours, written = (
        np.array(python(FIT, NUMBA_DISABLE_JIT=off).split(), float) for off in ("0", "1")
    )
    assert_allclose(ours, written, rtol=1e-3, atol=1e-5)
    assert ours.size == 63
