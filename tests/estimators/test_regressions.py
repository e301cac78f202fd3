"""Bugs that scikit-learn's networks once had, or have: each by the number of its issue."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn.neural_network
from numpy.testing import assert_allclose, assert_array_equal
from processes import python
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from fastnn import MLPClassifier, MLPRegressor

ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((60, 4))
y = RANDOM.integers(0, 3, 60)
y[:3] = 0, 1, 2
LABELS = (X[:, :3] + RANDOM.standard_normal((60, 3)) > 0).astype(int)


def params_of(model):
    return np.concatenate([w.ravel() for w in model.coefs_ + model.intercepts_])


def test_6994_partial_fit_of_a_batch_without_some_class():
    model = MLPClassifier((5,), random_state=0)
    model.partial_fit(X[y < 2], y[y < 2], classes=[0, 1, 2])
    assert model.predict_proba(X).shape == (60, 3)
    model.partial_fit(X[y == 2], y[y == 2])
    assert_array_equal(model.classes_, [0, 1, 2])
    with pytest.raises(ValueError, match=r"`y` has classes not in"):
        model.partial_fit(X, y + 1)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_19626_a_pickled_model_goes_on_with_partial_fit(solver):
    model = MLPClassifier((5,), solver=solver, random_state=0)
    model.partial_fit(X, y, classes=[0, 1, 2])
    loaded = pickle.loads(pickle.dumps(model))
    for _ in range(3):
        model.partial_fit(X, y)
        loaded.partial_fit(X, y)
    assert_array_equal(params_of(loaded), params_of(model))


@pytest.mark.parametrize("Network", [MLPClassifier, MLPRegressor])
def test_24764_a_warm_start_trains_max_iter_epochs_each_time(Network):
    model = Network(hidden_layer_sizes=(5,), warm_start=True, max_iter=3, random_state=0)
    for fits in range(1, 4):
        with pytest.warns(ConvergenceWarning, match=r"\(3\) reached"):
            model.fit(X, y)
        assert model.n_iter_ == 3
        assert len(model.loss_curve_) == 3 * fits
        assert model.t_ == 3 * fits * 60


@ignore_convergence
@pytest.mark.parametrize("Network", [MLPClassifier, MLPRegressor])
def test_24846_early_stopping_does_not_warn_of_feature_names(Network):
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        Network(early_stopping=True, max_iter=3).fit(frame, y).predict(frame)


@pytest.mark.parametrize("Network", [MLPClassifier, MLPRegressor])
def test_25693_partial_fit_refuses_early_stopping(Network):
    model = Network(early_stopping=True)
    classes = {"classes": [0, 1, 2]} if Network is MLPClassifier else {}
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        model.partial_fit(X, y, **classes)
    assert not hasattr(model, "coefs_")


@ignore_convergence
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")  # in r2_score
def test_29504_a_diverging_loss_gives_no_score_and_the_best_weights_are_kept():
    targets = X[:, 0] * 1e4
    model = MLPRegressor(
        hidden_layer_sizes=(8,),
        activation="identity",
        solver="sgd",
        learning_rate_init=0.3,
        alpha=0,
        early_stopping=True,
        max_iter=100,
        random_state=0,
    ).fit(X, targets)
    assert np.isnan(model.validation_scores_[-1])
    assert np.isfinite(params_of(model)).all()
    assert np.isfinite(model.predict(X)).all()
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        clone(model).set_params(early_stopping=False).fit(X, targets)


@ignore_convergence
@pytest.mark.parametrize("classes", [["no", "yes"], ["blue", "green", "red"]])
def test_33760_early_stopping_with_labels_that_are_texts(classes):
    codes = y % len(classes)
    parameters = {"early_stopping": True, "max_iter": 10, "random_state": 0}
    model = MLPClassifier((5,), **parameters).fit(X, np.array(classes)[codes])
    expected = MLPClassifier((5,), **parameters).fit(X, codes)
    assert_array_equal(model.validation_scores_, expected.validation_scores_)
    assert max(model.validation_scores_) > 0
    assert_array_equal(model.predict(X), np.array(classes)[expected.predict(X)])


@ignore_convergence
def test_13656_lbfgs_goes_on_from_a_warm_start():
    targets = X[:, 0] ** 2 + X[:, 1]
    once = MLPRegressor(hidden_layer_sizes=(5,), solver="lbfgs", max_iter=1, random_state=0)
    often = clone(once).set_params(warm_start=True)
    losses = [often.fit(X, targets).loss_ for _ in range(30)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.5 * once.fit(X, targets).loss_


def test_12505_partial_fit_of_several_labels():
    model, theirs = (
        Network((5,), random_state=0)
        for Network in (MLPClassifier, sklearn.neural_network.MLPClassifier)
    )
    for _ in range(5):
        for network in (model, theirs):
            network.partial_fit(X, LABELS, classes=[0, 1, 2])
    assert_allclose(model.predict_proba(X), theirs.predict_proba(X), rtol=1e-6)
    rest = LABELS.copy()
    rest[:, 1] = 0  # a batch in which nothing has the label
    model.partial_fit(X, rest)
    assert model.predict(X).shape == (60, 3)


@ignore_convergence
@pytest.mark.parametrize("verbose", [False, 0])
def test_10236_lbfgs_is_silent_if_not_asked_to_speak(verbose, capfd):
    MLPRegressor(solver="lbfgs", max_iter=3, verbose=verbose).fit(X, y)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_7667_8949_fits_in_workers_do_not_hang(backend):
    # In a process of its own, in which a fit comes first, and then the workers.
    program = f"""
    import warnings
    from joblib import parallel_backend
    from sklearn.datasets import load_iris
    from sklearn.model_selection import cross_val_score
    from fastnn import MLPClassifier

    if __name__ == "__main__":
        warnings.simplefilter("ignore")
        X, y = load_iris(return_X_y=True)
        model = MLPClassifier((20,), max_iter=3, random_state=0)
        alone = cross_val_score(model, X, y, cv=4)
        with parallel_backend({backend!r}):
            scores = cross_val_score(model, X, y, cv=4, n_jobs=2)
        print((scores == alone).all())
    """
    assert python(program, PYTHONWARNINGS="ignore") == "True"
