"""One way for all predictions: whatever X is, its numbers and errors are scikit-learn's."""

import pickle
import threading

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastnn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROWS = (1, 2, 5, 6, 7, 11, 12, 13, 32, 33, 255, 256, 257, 300)
RNG = np.random.default_rng(0)
X_ALL, Y_ALL = RNG.normal(size=(300, 9)), RNG.integers(0, 3, 300)


def fitted(cls=MLPClassifier, dtype="float64", y=Y_ALL, **options):
    return cls(max_iter=2, random_state=0, dtype=dtype, **options).fit(X_ALL, y)


@pytest.mark.parametrize("given", [np.float32, np.float64])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_predictions_of_any_number_of_rows_are_scikit_learns(dtype, given):
    model = fitted(dtype=dtype, hidden_layer_sizes=(20, 11))
    theirs, X = model.to_sklearn(), X_ALL.astype(given)
    tolerance = 1e-6 if np.float32 in (given, np.dtype(dtype).type) else 1e-12
    for n in ROWS:
        ours = model.predict_proba(X[:n])
        assert ours.dtype == np.result_type(given, dtype)
        assert_allclose(ours, theirs.predict_proba(X[:n]), rtol=tolerance, atol=tolerance)
        assert_array_equal(model.predict(X[:n]), theirs.predict(X[:n]))


@pytest.mark.parametrize("n", [1, 7, 40, 300])
def test_however_the_rows_lie_in_memory(n):
    model, X = fitted(), X_ALL[:n]
    read_only, unaligned = X.copy(), np.empty(X.nbytes + 1, np.uint8)[1:].view(float)
    read_only.setflags(write=False)
    unaligned = unaligned.reshape(X.shape)
    unaligned[:] = X
    assert not unaligned.flags.aligned
    expected = model.predict_proba(X.copy())
    twice = np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)
    for like in (
        *(np.asfortranarray(X), twice[::2, ::2], X[::-1].copy()[::-1], read_only, unaligned),
        *(X.astype(">f8"), X.tolist(), np.ma.asarray(X), X.view(np.recarray)),
    ):
        assert_array_equal(model.predict_proba(like), expected)
    whole = np.round(3 * X).astype(np.int8)
    assert_array_equal(model.predict_proba(whole), model.predict_proba(whole.astype(float)))


def test_frames_keep_their_names_and_warnings():
    frame = pd.DataFrame(X_ALL, columns=list("abcdefghi"))
    model = MLPClassifier(max_iter=2, random_state=0).fit(frame, Y_ALL)
    for n in (1, 7, 300):
        with pytest.warns(UserWarning, match="X does not have valid feature names"):
            bare = model.predict_proba(X_ALL[:n])
        assert_array_equal(model.predict_proba(frame[:n]), bare)
        with pytest.raises(ValueError, match="feature names should match"):
            model.predict_proba(frame[:n].rename(columns={"a": "z"}))


@pytest.mark.parametrize("n", [1, 7, 40, 300])
@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_found_wherever_it_is(n, strange):
    model, theirs = fitted(), fitted().to_sklearn()
    for row in {0, n // 2, n - 1}:
        X = X_ALL[:n].copy()
        X[row, row % 9] = strange
        told = []
        for each in (model, theirs):
            with pytest.raises(ValueError, match="contains") as error:
                each.predict(X)
            told.append(str(error.value).replace("MLPClassifier", ""))
        assert told[0] == told[1]


def test_weights_that_are_changed_after_a_prediction_are_seen():
    for dtype, given in (("float64", float), ("float32", float), ("float32", np.float32)):
        model, X = fitted(dtype=dtype), X_ALL[:50].astype(given)
        before = model.predict_proba(X)
        model.coefs_[0][:] *= 2  # in place
        changed = model.predict_proba(X)
        assert not np.allclose(before, changed)
        assert_allclose(changed, model.to_sklearn().predict_proba(X), atol=1e-6)
        model.coefs_[0] = model.coefs_[0] / 2  # another array
        assert_allclose(model.predict_proba(X), before, atol=1e-6)
        model.activation = "tanh"
        assert_allclose(
            model.predict_proba(X), model.to_sklearn().predict_proba(X), rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("activation", ["tanh", "gelu", ("relu", "mish")])
def test_activations_and_outputs(activation):
    sizes, y = (8, 6), X_ALL[:, 0] + 1
    model = fitted(MLPRegressor, y=y, hidden_layer_sizes=sizes, activation=activation)
    assert_allclose(model.predict(X_ALL)[:7], model.predict(X_ALL[:7]), rtol=1e-12)
    one_by_one = [model.predict(row[None])[0] for row in X_ALL[:40]]
    assert_allclose(model.predict(X_ALL[:40]), one_by_one, rtol=1e-12)


def test_layers_too_wide_for_products_of_our_own():
    wide = np.tile(X_ALL, (1, 130))  # 1170 columns
    model = MLPClassifier((5,), max_iter=2, random_state=0).fit(wide, Y_ALL)
    expected = model.to_sklearn().predict_proba(wide)
    for n in (1, 7, 300):
        assert_allclose(model.predict_proba(wide[:n]), expected[:n], rtol=1e-9)


def test_threads_predict_at_once_with_one_estimator():
    model, wrong = fitted(hidden_layer_sizes=(50,)), []
    expected = model.predict_proba(X_ALL)
    parts = [slice(k, k + size) for k, size in enumerate((1, 20, 100, 290))]

    def predict(part):
        for _ in range(200):
            if not np.allclose(model.predict_proba(X_ALL[part]), expected[part], rtol=1e-10):
                wrong.append(part)

    threads = [threading.Thread(target=predict, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_what_predictions_need_is_not_saved():
    model = fitted()
    size = len(pickle.dumps(model))
    expected = model.predict_proba(X_ALL)
    assert len(pickle.dumps(model)) == size
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X_ALL), expected)
