"""Validation rows of one's own, scorers, and which weights a fit ends with."""

from copy import deepcopy

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose
from sklearn.datasets import make_classification
from sklearn.metrics import get_scorer, log_loss
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from watchers import Watcher

import fastnn
from fastnn import MLPClassifier, MLPRegressor, check_gradient
from fastnn.engine.predictor import CpuPredictor
from fastnn.estimators.base import BaseMLP

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, y = make_classification(300, n_informative=5, n_classes=3, random_state=0)
X_train, y_train, X_val, y_val = X[:200], y[:200], X[200:], y[200:]


def params_of(model):
    return np.concatenate([w.ravel() for w in model.coefs_ + model.intercepts_])


def model(**parameters):
    return MLPClassifier((8,), **{"max_iter": 8, "random_state": 0, **parameters})


def test_validation_data_is_recorded_and_changes_nothing():
    with_data = model().fit(X_train, y_train, X_val=X_val, y_val=y_val)
    without = model().fit(X_train, y_train)
    np.testing.assert_array_equal(params_of(with_data), params_of(without))
    assert with_data.n_iter_ == 8
    assert len(with_data.validation_loss_curve_) == len(with_data.validation_scores_) == 8
    assert_allclose(with_data.validation_scores_[-1], with_data.score(X_val, y_val))
    assert_allclose(
        with_data.validation_loss_curve_[-1], log_loss(y_val, with_data.predict_proba(X_val))
    )
    assert with_data.best_validation_score_ == max(with_data.validation_scores_)
    assert without.validation_loss_curve_ is without.validation_scores_ is None


def test_early_stopping_takes_the_validation_data():
    weights = np.linspace(0.1, 2, 100)
    fitted = model(early_stopping=True, n_iter_no_change=2, tol=0.01, max_iter=100).fit(
        X_train, y_train, X_val=X_val, y_val=y_val, sample_weight_val=weights
    )
    assert fitted.n_iter_ < 100
    best = max(fitted.validation_scores_)
    assert_allclose(fitted.score(X_val, y_val, weights), best)
    assert fitted.t_ == 200 * fitted.n_iter_  # no rows were set aside


@pytest.mark.parametrize("scoring", ["neg_log_loss", "balanced_accuracy", get_scorer("accuracy")])
def test_scorers(scoring):
    fitted = model(scoring=scoring, train_scores=True)
    fitted.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    scorer = get_scorer(scoring) if isinstance(scoring, str) else scoring
    assert_allclose(fitted.validation_scores_[-1], scorer(fitted, X_val, y_val))
    assert_allclose(fitted.train_scores_[-1], scorer(fitted, X_train, y_train))
    assert len(fitted.train_scores_) == 8


@pytest.mark.parametrize(
    ("scoring", "train_scores", "validates", "is_scored"),
    [
        ("accuracy", None, True, False),
        ("accuracy", None, False, True),
        ("accuracy", False, False, False),
        ("loss", True, True, True),
        (None, True, True, True),
        (None, True, False, True),
        (None, None, False, False),
    ],
)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_training_rows_are_scored_where_asked_for(
    solver, scoring, train_scores, validates, is_scored
):
    fitted = model(solver=solver, scoring=scoring, train_scores=train_scores)
    fitted.fit(X_train, y_train, **({"X_val": X_val, "y_val": y_val} if validates else {}))
    if not is_scored:
        assert getattr(fitted, "train_scores_", None) is None
        return
    assert len(fitted.train_scores_) == len(fitted.loss_curve_)
    if scoring != "loss":
        assert_allclose(fitted.train_scores_[-1], fitted.score(X_train, y_train))


def test_an_epoch_passes_each_row_through_the_network_once(monkeypatch):
    passed, outputs = [], CpuPredictor.outputs

    def counted(predictor, data, rows, *args, **kwargs):
        passed.append(len(rows))
        return outputs(predictor, data, rows, *args, **kwargs)

    def at_once(*args):
        raise AssertionError("predicted again")

    monkeypatch.setattr(CpuPredictor, "outputs", counted)
    monkeypatch.setattr(BaseMLP, "_outputs_at_once", at_once)
    for scoring in (None, "loss", "accuracy", "neg_log_loss", "roc_auc_ovr"):
        model(scoring=scoring).fit(X_train, y_train, X_val=X_val, y_val=y_val)
        assert passed == [len(X_val)] * 8
        passed.clear()


def test_a_scorer_may_do_more_with_the_model():
    def score(estimator, X, y):
        twin = deepcopy(estimator)
        probabilities = estimator.predict_proba(X)
        probabilities[:] = 0  # what it gets is its own
        same = twin.score(X, y) == estimator.score(X, y) == (estimator.predict(X) == y).mean()
        half = estimator.predict_proba(X[::2])
        assert_allclose(half, estimator.predict_proba(X)[::2], rtol=1e-9)
        assert estimator.hidden_activations(X, 0).shape == (len(X), 8)
        return float(same)

    fitted = model(scoring=score)
    fitted.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    assert fitted.validation_scores_ == [1.0] * 8


def test_scoring_alone_records_and_does_not_stop():
    fitted = model(scoring="accuracy").fit(X, y)
    np.testing.assert_array_equal(params_of(fitted), params_of(model().fit(X, y)))
    assert len(fitted.train_scores_) == 8
    assert fitted.validation_scores_ is fitted.best_validation_score_ is None


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_without_validation_rows_the_training_loss_decides_on_the_best_weights(solver):
    parameters = {"solver": solver, "learning_rate_init": 0.9, "max_iter": 30, "tol": 0}
    by_loss, scored = (
        model(**parameters, restore_best_weights=True, scoring=scoring).fit(X, y)
        for scoring in (None, "accuracy")
    )
    np.testing.assert_array_equal(params_of(by_loss), params_of(scored))
    assert len(scored.train_scores_) == scored.n_iter_


def test_stopping_by_the_loss():
    fitted = model(scoring="loss", early_stopping=True, n_iter_no_change=2, tol=0.01, max_iter=200)
    fitted.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    assert fitted.n_iter_ < 200
    assert_allclose(fitted.validation_scores_, -np.array(fitted.validation_loss_curve_))
    probabilities = fitted.predict_proba(X_val)
    assert_allclose(log_loss(y_val, probabilities), min(fitted.validation_loss_curve_))


class Interrupt(Watcher):
    """A callback that interrupts the fit as a user would, after its last epoch."""

    def on_fit_task_end(self, estimator, context):
        if context.task_id == estimator.max_iter - 1:
            raise KeyboardInterrupt


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_an_interrupted_fit_ends_with_the_best_weights_too(solver):
    parameters = {"solver": solver, "learning_rate_init": 0.05, "max_iter": 60, "scoring": "loss"}
    best = model(**parameters, tol=0, restore_best_weights=True).set_callbacks(Interrupt())
    with pytest.warns(UserWarning, match="interrupted"):
        best.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    curve = best.validation_loss_curve_
    assert min(curve) < curve[-1]
    assert_allclose(log_loss(y_val, best.predict_proba(X_val)), min(curve))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_restore_best_weights(solver):
    given = {"X_val": X_val, "y_val": y_val}
    common = {"solver": solver, "learning_rate_init": 0.05, "max_iter": 60, "scoring": "loss"}
    last = model(**common, tol=0).fit(X_train, y_train, **given)
    best = model(**common, tol=0, restore_best_weights=True).fit(X_train, y_train, **given)
    curve = last.validation_loss_curve_
    assert min(curve) < curve[-1]
    assert_allclose(log_loss(y_val, best.predict_proba(X_val)), min(curve))
    assert_allclose(log_loss(y_val, last.predict_proba(X_val)), curve[-1])


def test_early_stopping_may_keep_the_last_weights():
    parameters = {"early_stopping": True, "learning_rate_init": 0.05, "max_iter": 40}
    best, last = (
        model(**parameters, restore_best_weights=restore).fit(X, y) for restore in (None, False)
    )
    assert best.validation_scores_ == last.validation_scores_
    assert (params_of(best) != params_of(last)).any()


def test_the_best_training_loss_may_decide():
    parameters = {"solver": "sgd", "learning_rate_init": 0.9, "max_iter": 30, "tol": 0}
    fitted = model(**parameters, restore_best_weights=True).fit(X, y)
    again = model(**{**parameters, "max_iter": int(np.argmin(fitted.loss_curve_)) + 1}).fit(X, y)
    np.testing.assert_array_equal(params_of(fitted), params_of(again))


def test_through_a_pipeline_by_metadata_routing():
    with sklearn.config_context(enable_metadata_routing=True):
        network = model(early_stopping=True).set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline(
            [("scale", StandardScaler()), ("network", network)], transform_input=["X_val"]
        )
        pipeline.fit(10 * X_train, y_train, X_val=10 * X_val, y_val=y_val)
    fitted = pipeline.named_steps["network"]
    assert len(fitted.validation_loss_curve_) == fitted.n_iter_
    assert_allclose(pipeline.score(10 * X_val, y_val), max(fitted.validation_scores_))


def test_regression_and_its_weights():
    target, weights = X[:, 0] ** 2, np.linspace(0.1, 1, 100)
    fitted = MLPRegressor(hidden_layer_sizes=(8,), max_iter=5, random_state=0).fit(
        X_train, target[:200], X_val=X_val, y_val=target[200:], sample_weight_val=weights
    )
    gaps = (fitted.predict(X_val) - target[200:]) ** 2 / 2
    assert_allclose(fitted.validation_loss_curve_[-1], np.average(gaps, weights=weights))
    assert_allclose(fitted.validation_scores_[-1], fitted.score(X_val, target[200:], weights))


@pytest.mark.parametrize(
    "given",
    [
        {"X_val": X_val},
        {"y_val": y_val},
        {"sample_weight_val": np.ones(100)},
        {"X_val": X_val[:, :3], "y_val": y_val},
        {"X_val": X_val, "y_val": y_val[:50]},
        {"X_val": X_val, "y_val": y_val, "sample_weight_val": np.ones(3)},
        {"X_val": np.full_like(X_val, np.nan), "y_val": y_val},
    ],
    ids=lambda given: ",".join(given),
)
def test_validation_data_that_does_not_fit(given):
    fitted = model().fit(X_train, y_train)
    before = params_of(fitted)
    with pytest.raises(ValueError, match=r"\w"):
        fitted.fit(X_train, y_train, **given)
    np.testing.assert_array_equal(params_of(fitted), before)


def test_validation_labels_are_among_the_classes():
    with pytest.raises(ValueError, match="9"):
        model().fit(X_train, y_train, X_val=X_val, y_val=np.full(100, 9))


@pytest.mark.parametrize("scoring", [lambda *_: np.nan, None], ids=["scorer", "R2 of one row"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_scores_that_are_no_numbers_do_not_bring_the_initial_weights_back(scoring):
    parameters = {"max_iter": 6, "random_state": 0}
    stopping = MLPRegressor(early_stopping=True, scoring=scoring, **parameters)
    stopping.fit(X, X[:, 0], X_val=X[:1], y_val=X[:1, 0])
    plain = MLPRegressor(**parameters).fit(X, X[:, 0])
    np.testing.assert_array_equal(params_of(stopping), params_of(plain))


def split_of(fitted_model):
    """Rows that train and that validate in a fit: those that a scorer is given."""
    seen = []
    fitted_model.set_params(
        scoring=lambda estimator, given, labels: seen.append(given[:, 0]) or 0.5,
        train_scores=True,
    )
    fitted_model.fit(X, y)
    training, validation = (np.flatnonzero(np.isin(X[:, 0], first)) for first in seen[:2])
    return training, validation


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("part", [0, 1], ids=["training", "validation"])
def test_rows_that_all_weigh_nothing_are_refused(name, part):
    parameters = {"early_stopping": True, "random_state": 0, "max_iter": 3}
    make = getattr(fastnn, name)
    weights = np.ones(300)
    weights[split_of(make(**parameters))[part]] = 0
    which = ["training", "validation"][part]
    with pytest.raises(
        ValueError, match=f"The weights of the {which} rows sum to 0: .*random_state"
    ):
        make(**parameters).fit(X, y, sample_weight=weights)


OPPOSITE = np.resize([1.0, -1.0], 300)  # their sum is 0


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("weights", [OPPOSITE, np.full(300, 1e308)], ids=["opposite", "huge"])
def test_weights_without_a_mean_are_refused(solver, weights):
    with pytest.raises(ValueError, match="The weights of the training rows sum to"):
        model(solver=solver).fit(X, y, weights)
    with pytest.raises(ValueError, match="The weights of the validation rows sum to"):
        model(solver=solver).fit(X, y, X_val=X, y_val=y, sample_weight_val=weights)
    with pytest.raises(ValueError, match="The weights of the training rows sum to"):
        check_gradient(model(), X, y, weights)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_classes_that_all_weigh_nothing_are_refused(solver):
    with pytest.raises(ValueError, match="leave some of these rows a sample_weight and class_weig"):
        model(solver=solver, class_weight=dict.fromkeys([0, 1, 2], 0)).fit(X, y)


def test_scores_by_weights_of_zero_are_refused():
    several = model().fit(X, np.c_[y, y[::-1]])
    quantiles = MLPRegressor(loss="quantile", max_iter=2).fit(X, y)
    for fitted, targets in ((several, np.c_[y, y]), (quantiles, y)):
        with pytest.raises(ValueError, match="at least one non-zero number"):
            fitted.score(X, targets, np.zeros(300))


@pytest.mark.parametrize("labels", [np.zeros(300, int), np.array(["only"] * 300)])
def test_a_single_class_is_always_right(labels):
    stopped = model(early_stopping=True).fit(X, labels)
    assert stopped.validation_scores_ == [1.0] * stopped.n_iter_
    given = model(scoring="accuracy").fit(X, labels, X_val=X[:9], y_val=labels[:9])
    own = model().fit(X, labels, X_val=X[:9], y_val=labels[:9])
    assert own.validation_scores_ == given.validation_scores_ == [1.0] * 8
    assert (stopped.predict(X) == labels).all()


def test_too_few_rows_of_a_class_are_named_with_a_way_out():
    labels = np.array(["fair"] * 299 + ["fraud"])
    way_out = "sets validation_fraction=0.1 of 300 rows aside: give X_val and y_val"
    with pytest.raises(ValueError, match=f"^The least populated class.*{way_out}") as told:
        model(early_stopping=True).fit(X, labels)
    names_it = sklearn.__version__ >= "1.9"
    assert ("['fraud']" in str(told.value)) == names_it
    with pytest.raises(ValueError, match="of 4 rows aside: give X_val and y_val"):
        model(early_stopping=True).fit(X[:4], [0, 0, 1, 1])
