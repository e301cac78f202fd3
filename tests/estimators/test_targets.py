"""Losses, class weights, quantiles, and several targets of classes."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import sparse, special
from scipy.sparse import csr_array
from sklearn.metrics import d2_pinball_score, mean_pinball_loss
from sklearn.preprocessing import _label as label_module
from sklearn.utils.class_weight import compute_sample_weight

from fastnn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
random = np.random.default_rng(0)
X = random.standard_normal((150, 4))
y = X[:, 0] + 0.5 * random.standard_normal(150)
codes = np.argmax(X[:, :3], axis=1)
STILL = {"solver": "sgd", "learning_rate_init": 1e-300, "max_iter": 1}  # steps of no length
STILL |= {"alpha": 0, "random_state": 0}


def params_of(model):
    return np.concatenate([w.ravel() for w in model.coefs_ + model.intercepts_])


VALUES = {
    "absolute_error": lambda t, p: np.abs(t - p),
    "huber": lambda t, p: special.huber(0.6, t - p),
    "log_cosh": lambda t, p: np.log(np.cosh(t - p)),
    "quantile": lambda t, p: np.where(t > p, 0.3 * (t - p), 0.7 * (p - t)),
    "gamma": lambda t, p: np.log(p / t) + t / p - 1,
    "squared_error": lambda t, p: (t - p) ** 2 / 2,
}


@pytest.mark.parametrize("loss", VALUES)
@pytest.mark.parametrize("several", [False, True])
def test_regression_losses_are_what_they_say(loss, several):
    target = np.exp(y) if loss == "gamma" else y
    target = np.stack([target, 2 * target], axis=1) if several else target
    model = MLPRegressor(loss, (5,), huber_delta=0.6, quantile=0.3, batch_size=150, **STILL)
    model.fit(X, target)
    assert_allclose(model.loss_, VALUES[loss](target, model.predict(X)).mean(), rtol=1e-9)
    assert model.out_activation_ == ("exp" if loss == "gamma" else "identity")


@pytest.mark.parametrize("loss", [*VALUES, "poisson"])
def test_each_loss_learns(loss):
    target = np.exp(X[:, 0]) if loss in ("gamma", "poisson") else X[:, 0]
    model = MLPRegressor(loss, (20,), learning_rate_init=0.01, max_iter=200, random_state=0)
    assert model.fit(X, target).score(X, target) > 0.6


def test_huber_of_a_large_delta_is_the_squared_error():
    fits = [
        MLPRegressor(loss, (5,), huber_delta=1e9, max_iter=5, random_state=0).fit(X, y)
        for loss in ("huber", "squared_error")
    ]
    np.testing.assert_allclose(params_of(fits[0]), params_of(fits[1]), rtol=1e-12)
    assert_allclose(fits[0].loss_curve_, fits[1].loss_curve_, rtol=1e-12)


def test_quantiles_do_not_cross_and_cover_their_share():
    quantiles = [0.1, 0.5, 0.9]
    model = MLPRegressor(
        "quantile", (30,), quantile=quantiles, max_iter=300, learning_rate_init=0.01, random_state=0
    ).fit(X, y)
    predicted = model.predict(X)
    assert predicted.shape == (150, 3)
    assert (np.diff(predicted, axis=1) >= 0).all()
    assert_allclose((y[:, None] <= predicted).mean(axis=0), quantiles, atol=0.08)
    scores = [d2_pinball_score(y, predicted[:, k], alpha=q) for k, q in enumerate(quantiles)]
    assert_allclose(model.score(X, y), np.mean(scores))
    losses = [mean_pinball_loss(y, predicted[:, k], alpha=q) for k, q in enumerate(quantiles)]
    last = MLPRegressor("quantile", (30,), quantile=quantiles, batch_size=150, **STILL).fit(X, y)
    assert last.loss_ > np.mean(losses)


def test_quantiles_take_one_target():
    with pytest.raises(ValueError, match="one target"):
        MLPRegressor("quantile", quantile=[0.1, 0.9]).fit(X, np.stack([y, y], axis=1))


@pytest.mark.parametrize("wrong", [0.0, 1.0, -1, [0.9, 0.1], [0.5, 0.5], [], [0.1, 2.0], np.nan])
def test_quantiles_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match="quantile"):
        MLPRegressor("quantile", quantile=wrong).fit(X, y)


@pytest.mark.parametrize(("loss", "low"), [("poisson", -0.1), ("gamma", 0.0)])
def test_targets_out_of_a_loss_range(loss, low):
    target = np.abs(y) + 0.1
    target[3] = low
    with pytest.raises(ValueError, match=f"valid range of the loss '{loss}'"):
        MLPRegressor(loss).fit(X, target)


@pytest.mark.parametrize("labels", [codes, codes > 0, X[:, :2] > 0], ids=["3", "2", "multilabel"])
def test_focal_loss(labels):
    model = MLPClassifier((5,), loss="focal", focal_gamma=1.5, batch_size=150, **STILL)
    p = model.fit(X, labels).predict_proba(X)
    if p.shape[1] == 3 or np.ndim(labels) == 1:
        p = p[np.arange(150), labels.astype(int)]
    else:
        p = np.where(labels, p, 1 - p)
    value = -((1 - p) ** 1.5) * np.log(p)
    assert_allclose(model.loss_, value.sum() / 150, rtol=1e-9)
    same = MLPClassifier((5,), loss="focal", focal_gamma=0, max_iter=4, random_state=0).fit(
        X, labels
    )
    plain = MLPClassifier((5,), max_iter=4, random_state=0).fit(X, labels)
    assert_allclose(params_of(same), params_of(plain), rtol=1e-9)


@pytest.mark.parametrize("class_weight", [{0: 3.0, 1: 0.5, 2: 1.0}, "balanced"])
def test_class_weights_are_weights_of_rows(class_weight):
    own = random.uniform(0.5, 2, 150)
    weighted = MLPClassifier((5,), class_weight=class_weight, max_iter=4, random_state=0)
    weighted.fit(X, codes, sample_weight=own)
    rows = own * compute_sample_weight(class_weight, codes)
    plain = MLPClassifier((5,), max_iter=4, random_state=0).fit(X, codes, sample_weight=rows)
    np.testing.assert_array_equal(params_of(weighted), params_of(plain))


def test_class_weights_in_partial_fit():
    weight = {0: 3.0, 1: 0.5, 2: 1.0}
    weighted = MLPClassifier((5,), class_weight=weight, random_state=0)
    plain = MLPClassifier((5,), random_state=0)
    for part in (slice(0, 80), slice(80, 150)):
        weighted.partial_fit(X[part], codes[part], classes=[0, 1, 2])
        rows = compute_sample_weight(weight, codes[part])
        plain.partial_fit(X[part], codes[part], rows, classes=[0, 1, 2])
    np.testing.assert_array_equal(params_of(weighted), params_of(plain))
    with pytest.raises(ValueError, match="'balanced' is not supported for partial_fit"):
        MLPClassifier(class_weight="balanced").partial_fit(X, codes, classes=[0, 1, 2])


SEVERAL = np.stack([codes, np.where(X[:, 3] > 0, 7, 5)], axis=1)


def test_several_targets_of_classes():
    model = MLPClassifier((20,), max_iter=300, learning_rate_init=0.01, random_state=0)
    model.fit(X, SEVERAL)
    assert [list(classes) for classes in model.classes_] == [[0, 1, 2], [5, 7]]
    probabilities = model.predict_proba(X)
    assert [p.shape for p in probabilities] == [(150, 3), (150, 2)]
    for p, logs in zip(probabilities, model.predict_log_proba(X), strict=True):
        assert_allclose(p.sum(axis=1), 1)
        assert_allclose(np.exp(logs), p)
    predicted = model.predict(X)
    assert predicted.shape == (150, 2)
    assert set(np.unique(predicted[:, 1])) <= {5, 7}
    assert model.score(X, SEVERAL) == (predicted == SEVERAL).all(axis=1).mean() > 0.85


def test_several_targets_share_one_loss():
    model = MLPClassifier((5,), batch_size=150, **STILL).fit(X, SEVERAL)
    first, second = model.predict_proba(X)
    p = first[np.arange(150), codes] * second[np.arange(150), (SEVERAL[:, 1] == 7).astype(int)]
    assert_allclose(model.loss_, -np.log(p).mean(), rtol=1e-9)


def test_several_targets_step_by_step():
    classes = [[0, 1, 2], [5, 7]]
    model = MLPClassifier((5,), random_state=0)
    for part in (slice(0, 2), slice(2, 90), slice(90, 150)):
        model.partial_fit(X[part], SEVERAL[part], classes=classes)
    assert [p.shape[1] for p in model.predict_proba(X)] == [3, 2]
    with pytest.raises(ValueError, match="9"):
        model.partial_fit(X, np.full((150, 2), 9))
    model.set_params(warm_start=True, max_iter=3).fit(X, SEVERAL)
    with pytest.raises(ValueError, match="same classes as in the previous call"):
        model.fit(X, np.where(SEVERAL == 7, 5, SEVERAL))
    weights = MLPClassifier((5,), class_weight=[{0: 2.0, 1: 1, 2: 1}, "balanced"], max_iter=3)
    assert weights.fit(X, SEVERAL).predict(X).shape == (150, 2)
    early = MLPClassifier((5,), early_stopping=True, max_iter=5, random_state=0).fit(X, SEVERAL)
    assert len(early.validation_scores_) == early.n_iter_


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_several_targets_may_be_sparse(method):
    classes = {"classes": [[0, 1, 2], [5, 7]]} if method == "partial_fit" else {}
    dense, sparse = (
        getattr(MLPClassifier((5,), max_iter=2, random_state=0), method)(X, target, **classes)
        for target in (SEVERAL, csr_array(SEVERAL))
    )
    np.testing.assert_array_equal(params_of(dense), params_of(sparse))


SPARSE = ("csr", "csc", "coo", "lil", "dok", "bsr")
LABELS = np.array(["a", "b"])[(y > 0).astype(int)]
INDICATORS = (X[:, :3] > 0).astype(int)
TWO_TARGETS = np.stack([codes, (y > 0).astype(int)], axis=1)
KINDS = {
    "numbers": codes,
    "texts": LABELS,
    "objects": LABELS.astype(object),
    "truth values": y > 0,
    "floats": codes.astype(float),
    "swapped": codes.astype(">i4"),
    "list": LABELS.tolist(),
    "series": pd.Series(LABELS),
    "categories": pd.Series(LABELS, dtype="category"),
    "nullable": pd.Series(codes, dtype="Int64"),
    "one class": np.zeros(150, int),
    "indicators": INDICATORS,
    "frame": pd.DataFrame(INDICATORS),
    **{f"sparse {form}": sparse.coo_array(INDICATORS).asformat(form) for form in SPARSE},
    **{f"sparse matrix {form}": sparse.coo_matrix(INDICATORS).asformat(form) for form in SPARSE},
    "several": TWO_TARGETS,
    "several, sparse": sparse.csr_array(TWO_TARGETS),
    "sparse column": sparse.csr_array(codes[:, None] > 0),
}


def classes_of(labels):
    """All classes of labels, as `partial_fit` takes them."""
    labels = labels.toarray() if sparse.issparse(labels) else np.asarray(labels)
    if labels.ndim == 1 or labels.shape[1] == 1:
        return np.unique(labels)
    if labels.max() > 1:
        return [np.unique(column) for column in labels.T]
    return np.arange(labels.shape[1])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_labels_that_fit_takes_are_taken_everywhere(kind):
    labels = KINDS[kind]
    parameters = {"max_iter": 3, "random_state": 0}
    fitted = MLPClassifier(**parameters).fit(X, labels)
    fitted.partial_fit(X, labels).partial_fit(X, labels, classes=classes_of(labels))
    first = MLPClassifier(**parameters).partial_fit(X, labels, classes=classes_of(labels))
    first.partial_fit(X, labels)
    MLPClassifier(**parameters, warm_start=True).fit(X, labels).fit(X, labels)
    MLPClassifier(**parameters, early_stopping=True).fit(X, labels)
    resumed = MLPClassifier(**parameters).fit(X, labels).set_params(max_iter=5).resume(X, labels)
    whole = MLPClassifier(max_iter=5, random_state=0).fit(X, labels)
    assert (params_of(resumed) == params_of(whole)).all()
    judged = MLPClassifier(**parameters).fit(X, labels, X_val=X, y_val=labels)
    assert_allclose(judged.validation_scores_[-1], judged.score(X, labels))


def test_labels_that_another_thread_writes_to_meanwhile(monkeypatch):
    labels, unique = (codes == 1).astype(int), label_module.unique_labels
    model = MLPClassifier(max_iter=3, random_state=0)

    def unique_labels(*y):  # the kind of the labels is known
        labels[:] = np.arange(labels.size)
        return unique(*y)

    monkeypatch.setattr(label_module, "unique_labels", unique_labels)
    with pytest.raises(ValueError, match="classes not in"):
        model.fit(X, labels)
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize("make", [np.array, pd.DataFrame])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i4"])
def test_data_of_the_other_byte_order_is_as_that_of_ours(make, dtype):
    ours, other = make((9 * X).astype(dtype)), make((9 * X).astype(f">{dtype}"))
    expected = MLPRegressor(max_iter=2, random_state=0).fit(ours, y, X_val=ours, y_val=y)
    fitted = MLPRegressor(max_iter=2, random_state=0).fit(other, y, X_val=other, y_val=y)
    assert_allclose(params_of(fitted), params_of(expected), rtol=1e-4)  # it may be float64
    assert_allclose(fitted.predict(other), expected.predict(ours), rtol=1e-4)
    assert_allclose(fitted.predict(other[:1]), expected.predict(ours[:1]), rtol=1e-4)
