"""Class weights and losses on every kind of target, and targets that do not go together."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from fastnn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
random = np.random.default_rng(0)
X = random.standard_normal((120, 4))
codes = np.where(X[:, 0] > 0.8, 2, np.where(X[:, 1] > 0, 1, 0))
names = np.array(["no", "so so", "yes"])[codes]
several = np.stack([codes, np.where(X[:, 2] > 0, 7, 5)], axis=1)
labels = (X[:, :2] > [0.3, -0.5]).astype(int)


def network(**parameters):
    return MLPClassifier((5,), **{"max_iter": 3, "random_state": 0, **parameters})


def params_of(model):
    return np.concatenate([w.ravel() for w in model.coefs_ + model.intercepts_])


# --------------------------------------------------------------------------------- class weights

WEIGHTS = [
    (codes, {0: 3.0, 1: 0.5, 2: 1.0}),
    (codes, {2: 4.0}),
    (codes, "balanced"),
    (names, {"no": 2.0, "yes": 0.5}),
    (codes == 1, {True: 3.0, False: 1.0}),
    (codes == 1, "balanced"),
    (labels, "balanced"),
    (labels, [{0: 1.0, 1: 3.0}, "balanced"]),
    (several, "balanced"),
    (several, [{0: 3.0, 1: 1.0, 2: 2.0}, {5: 0.5, 7: 2.0}]),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("y", "class_weight"), WEIGHTS)
def test_class_weights_multiply_the_weights_of_rows(y, class_weight, weighted):
    own = random.uniform(0.5, 2, len(X)) if weighted else np.ones(len(X))
    model = network(class_weight=class_weight).fit(X, y, own if weighted else None)
    plain = network().fit(X, y, own * compute_sample_weight(class_weight, y))
    assert_allclose(params_of(model), params_of(plain), rtol=1e-12)


def test_class_weights_of_a_sparse_indicator():
    dense = network(class_weight="balanced").fit(X, labels)
    model = network(class_weight="balanced").fit(X, csr_array(labels))
    np.testing.assert_array_equal(params_of(model), params_of(dense))


@pytest.mark.parametrize("class_weight", [{0: 5.0}, {0: 5.0, 1: 2.0, 2: 1.0}])
def test_a_mini_batch_need_not_hold_all_classes_that_have_weights(class_weight):
    weighted, plain = network(class_weight=class_weight), network()
    full = {0: 1.0, 1: 1.0, 2: 1.0} | class_weight
    for rows in (codes >= 0, codes > 0, codes == 0):
        weighted.partial_fit(X[rows], codes[rows], classes=[0, 1, 2])
        own = np.array([full[c] for c in codes[rows]])
        plain.partial_fit(X[rows], codes[rows], own, classes=[0, 1, 2])
    assert_allclose(params_of(weighted), params_of(plain), rtol=1e-12)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 5.0}])
def test_validation_rows_have_the_weights_of_the_training_classes(class_weight):
    """Also where their own frequencies are others, or a class is missing."""
    rare = codes > 0
    model = network(class_weight=class_weight).fit(X, codes, X_val=X[rare], y_val=codes[rare])
    known = np.arange(3)
    weights = compute_class_weight(class_weight, classes=known, y=codes)[codes[rare]]
    p = model.predict_proba(X[rare])[np.arange(rare.sum()), codes[rare]]
    assert_allclose(model.validation_loss_curve_[-1], np.average(-np.log(p), weights=weights))


@pytest.mark.parametrize(
    ("y", "class_weight", "told"),
    [
        (codes, {9: 5.0}, r"class_weight has \[9\], which are not among the classes \[0 1 2\]"),
        (codes, {0: 5.0, 9: 5.0}, r"class_weight has \[9\], which are not among the classes"),
        (codes, {0: -5.0}, "class_weight has to hold numbers from 0 on"),
        (codes, {0: np.nan}, "class_weight has to hold numbers from 0 on"),
        (codes, {0: "a"}, "class_weight has to hold numbers from 0 on"),
        (codes, {0: None}, "class_weight has to hold numbers from 0 on"),
        (codes, {0: np.inf}, "class_weight has to hold numbers from 0 on"),
        (codes, [{0: 1.0}, {0: 1.0}], r"class_weight=.* does not go with y of shape \(120,\)"),
        (several, {0: 1.0}, r"class_weight=.* does not go with y of shape \(120, 2\): use"),
        (several, ["balanced"], r"class_weight=.* does not go with y of shape \(120, 2\): use"),
        (labels, {0: 1.0}, r"class_weight=.* does not go with y of shape \(120, 2\): use"),
    ],
)
def test_class_weights_that_make_no_sense(y, class_weight, told):
    with pytest.raises(ValueError, match=told):
        network(class_weight=class_weight).fit(X, y)


@pytest.mark.parametrize("class_weight", ["balanced", [{0: 1.0}, "balanced"]])
def test_balanced_is_refused_in_partial_fit(class_weight):
    with pytest.raises(ValueError, match="'balanced' is not supported for partial_fit"):
        network(class_weight=class_weight).partial_fit(X, codes, classes=[0, 1, 2])


# ------------------------------------------------------------------ targets that do not fit in

TASKS = {
    "classes": (MLPClassifier, codes),
    "labels": (MLPClassifier, labels),
    "several": (MLPClassifier, several),
    "number": (MLPRegressor, X[:, 0]),
    "numbers": (MLPRegressor, X[:, :2]),
    "three numbers": (MLPRegressor, X[:, :3]),
}


@pytest.mark.parametrize("scoring", [None, "loss"])
@pytest.mark.parametrize("of", TASKS)
@pytest.mark.parametrize("task", TASKS)
def test_validation_targets_are_of_the_kind_of_the_training_targets(task, of, scoring):
    (Estimator, y), (Other, other) = TASKS[task], TASKS[of]
    if Estimator is not Other:
        return
    model = Estimator(hidden_layer_sizes=(4,), max_iter=2, scoring=scoring, random_state=0)
    if task == of:
        model.fit(X, y, X_val=X, y_val=other)
        assert len(model.validation_loss_curve_) == 2
    else:
        with pytest.raises(ValueError, match=r"\bgo with\b|classes not in|Multioutput"):
            model.fit(X, y, X_val=X, y_val=other)
        assert not hasattr(model, "coefs_")


CLASSES = [[0, 1, 2], [5, 7]]


@pytest.mark.parametrize("form", [list, tuple, lambda c: [np.array(part) for part in c]])
def test_partial_fit_of_several_targets(form):
    model = network().partial_fit(X[:10], several[:10], classes=form(CLASSES))
    assert [list(known) for known in model.classes_] == CLASSES
    model.partial_fit(X, several).partial_fit(X, several, classes=form(CLASSES))
    assert [p.shape for p in model.predict_proba(X)] == [(120, 3), (120, 2)]


@pytest.mark.parametrize(
    ("y", "classes", "told"),
    [
        (several, None, "classes must be passed on the first call"),
        (several, [0, 1, 2], "`classes` has to be a list with the classes of each"),
        (several, [[0, 1, 2], [5, 7], [1]], "`classes` has those of 3 targets"),
        (codes, [[0, 1, 2], [5, 7]], "`classes` has those of 2 targets"),
        (
            several,
            [[0, 1], [5, 7]],
            r"has classes not in .self.classes_.*\[0 1\]. 'y' has \[0 1 2\]",
        ),
    ],
)
def test_partial_fit_of_several_targets_with_other_classes(y, classes, told):
    with pytest.raises(ValueError, match=told):
        network().partial_fit(X, y, classes=classes)
    model = network().partial_fit(X, several, classes=CLASSES)
    with pytest.raises(ValueError, match="not the same as on last call"):
        model.partial_fit(X, several, classes=[[0, 1, 2], [5, 7, 8]])
    with pytest.raises(ValueError, match="it needs a column for each"):
        model.partial_fit(X, codes)


def test_several_targets_of_texts_warm_start_and_come_in_lists():
    y = np.stack([names, np.where(X[:, 2] > 0, "up", "down")], axis=1)
    model = network(warm_start=True)
    model.fit(X, y).fit(X, y.astype(object))
    assert [list(known) for known in model.classes_] == [["no", "so so", "yes"], ["down", "up"]]
    assert set(model.predict(X)[:, 1]) <= {"up", "down"}
    assert len(model.loss_curve_) == 6


# ------------------------------------------------------------------------------ every loss alike

LOSSES = {
    "focal": (MLPClassifier, codes, {"loss": "focal", "focal_gamma": 1.5}),
    "focal, labels": (MLPClassifier, labels, {"loss": "focal"}),
    "smoothed": (MLPClassifier, codes, {"label_smoothing": 0.2}),
    "smoothed, labels": (MLPClassifier, labels, {"label_smoothing": 0.2}),
    "balanced": (MLPClassifier, codes, {"class_weight": "balanced"}),
    "several": (MLPClassifier, several, {}),
    "several, focal": (MLPClassifier, several, {"loss": "focal"}),
    "several, smoothed": (MLPClassifier, several, {"label_smoothing": 0.1}),
    "absolute_error": (MLPRegressor, X[:, :2], {"loss": "absolute_error"}),
    "huber": (MLPRegressor, X[:, :2], {"loss": "huber", "huber_delta": 0.5}),
    "log_cosh": (MLPRegressor, X[:, 0], {"loss": "log_cosh"}),
    "gamma": (MLPRegressor, np.exp(X[:, :2]), {"loss": "gamma"}),
    "poisson": (MLPRegressor, random.poisson(2, 120), {"loss": "poisson"}),
    "quantile": (MLPRegressor, X[:, :2], {"loss": "quantile", "quantile": 0.3}),
    "quantiles": (MLPRegressor, X[:, 0], {"loss": "quantile", "quantile": (0.1, 0.5, 0.8)}),
}


def fitted(name, form, **parameters):
    Estimator, y, own = LOSSES[name]
    model = Estimator(hidden_layer_sizes=(6,), random_state=0, **{"max_iter": 4, **parameters})
    return model.set_params(**own).fit(form, y)


def flat(predicted):
    return np.concatenate([np.ravel(part) for part in predicted])


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_float32_and_of_sparse_data(name):
    model = fitted(name, X)
    single = fitted(name, X.astype(np.float32))
    sparse = fitted(name, csr_array(X))
    assert single.coefs_[0].dtype == np.float32
    assert_allclose(params_of(single), params_of(model), rtol=1e-3, atol=1e-4)
    assert_allclose(single.loss_curve_, model.loss_curve_, rtol=1e-4)
    assert_allclose(params_of(sparse), params_of(model), rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("name", LOSSES)
def test_the_validation_loss_is_the_training_loss_of_the_same_rows(name):
    Estimator, y, own = LOSSES[name]
    model = Estimator(hidden_layer_sizes=(6,), random_state=0, solver="sgd", max_iter=2, alpha=0)
    model.set_params(learning_rate_init=1e-300, batch_size=120, **own)
    model.fit(X, y, X_val=X, y_val=y)
    assert_allclose(model.validation_loss_curve_, model.loss_curve_, rtol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_fall_under_lbfgs(name):
    model = fitted(name, X, solver="lbfgs", max_iter=15)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert (np.diff(model.loss_curve_) <= 1e-12).all()
