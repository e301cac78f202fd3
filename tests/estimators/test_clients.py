"""The estimators where users put them, each for real and beside scikit-learn's own."""

import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import sklearn.neural_network
from joblib import parallel_backend
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  makes the next import work
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_validate,
    learning_curve,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from versions import needs

import fastnn
from fastnn import MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

HOMES = (fastnn, sklearn.neural_network)
X, y = load_iris(return_X_y=True)
X, y = StandardScaler().fit_transform(X)[::2], y[::2]
numbers = X[:, 0] + X[:, 1] ** 2
WEIGHTS = np.random.default_rng(0).uniform(0.1, 3, len(y))
SMALL = {
    "hidden_layer_sizes": (5,),
    "batch_size": 16,
    "max_iter": 8,
    "learning_rate_init": 0.02,
    "random_state": 0,
}


def classifier(home=fastnn, **parameters):
    return home.MLPClassifier(**{**SMALL, **parameters})


def regressor(home=fastnn, **parameters):
    return home.MLPRegressor(**{**SMALL, **parameters})


def assert_same_from_both(results):
    """What a client gives with fastnn is what it gives with scikit-learn."""
    ours, theirs = (results(home) for home in HOMES)
    assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)


CLASSIFIERS = {
    "pipeline": lambda network: make_pipeline(StandardScaler(), network),
    "bagging": lambda network: BaggingClassifier(network, n_estimators=3, random_state=0),
    "boosting": lambda network: AdaBoostClassifier(network, n_estimators=3, random_state=0),
    "stacking": lambda network: StackingClassifier([("a", network), ("b", clone(network))], cv=2),
    "voting": lambda network: VotingClassifier(
        [("a", network), ("b", clone(network).set_params(random_state=1))], voting="soft"
    ),
    "calibration": lambda network: CalibratedClassifierCV(network, cv=2),
    "one against the rest": lambda network: OneVsRestClassifier(network, n_jobs=2),
    "one against one": lambda network: OneVsOneClassifier(network),
    "threshold": lambda network: OneVsRestClassifier(FixedThresholdClassifier(network)),
    "feature selection": lambda network: make_pipeline(
        SequentialFeatureSelector(network, n_features_to_select=2, cv=2), network
    ),
}
REGRESSORS = {
    "pipeline": lambda network: make_pipeline(StandardScaler(), network),
    "bagging": lambda network: BaggingRegressor(network, n_estimators=3, random_state=0),
    "boosting": lambda network: AdaBoostRegressor(network, n_estimators=3, random_state=0),
    "stacking": lambda network: StackingRegressor([("a", network), ("b", clone(network))], cv=2),
    "voting": lambda network: VotingRegressor([("a", network), ("b", clone(network))]),
    "scaled target": lambda network: TransformedTargetRegressor(
        network, transformer=StandardScaler()
    ),
}


WEIGH = ("bagging", "boosting")  # they fit with sample_weight where a network has it


@pytest.mark.parametrize("client", CLASSIFIERS)
def test_classifiers_of_classifiers(client):
    if client in WEIGH:
        needs("sample_weight")

    def results(home):
        model = CLASSIFIERS[client](classifier(home)).fit(X, y)
        if client == "one against one":
            return model.decision_function(X)
        return model.predict_proba(X)

    assert_same_from_both(results)


@pytest.mark.parametrize("client", REGRESSORS)
def test_regressors_of_regressors(client):
    if client in WEIGH:
        needs("sample_weight")
    assert_same_from_both(
        lambda home: REGRESSORS[client](regressor(home)).fit(X, numbers).predict(X)
    )


def test_self_training():
    partly = np.where(np.arange(len(y)) % 3, y, -1)
    assert_same_from_both(
        lambda home: (
            SelfTrainingClassifier(classifier(home), threshold=0.4).fit(X, partly).predict_proba(X)
        )
    )


def test_several_outputs_of_one_output_each():
    targets, labels = np.column_stack([numbers, X[:, 2]]), np.column_stack([y > 0, y > 1])
    for around in (MultiOutputRegressor, RegressorChain):
        assert_same_from_both(lambda home: around(regressor(home)).fit(X, targets).predict(X))  # noqa: B023
    assert_same_from_both(
        lambda home: MultiOutputClassifier(classifier(home)).fit(X, labels).predict_proba(X)
    )
    assert_same_from_both(
        lambda home: ClassifierChain(classifier(home)).fit(X, labels).predict_proba(X)
    )


def test_partial_fit_of_clients():
    around = (OneVsRestClassifier, MultiOutputClassifier)
    for client, targets in zip(around, (y, y[:, None]), strict=True):
        classes = np.unique(y) if targets.ndim == 1 else [np.unique(y)]

        def results(home):
            model = client(classifier(home))  # noqa: B023
            for _ in range(3):
                model.partial_fit(X, targets, classes=classes)  # noqa: B023
            return model.predict_proba(X)

        assert_same_from_both(results)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_grid_search(backend):
    grid = {
        "network__hidden_layer_sizes": [(4,), (5, 3)],
        "network__solver": ["adam", "sgd", "lbfgs"],
        "network__early_stopping": [True, False],
    }

    def scores(home):
        pipeline = sklearn.pipeline.Pipeline(
            [("scale", StandardScaler()), ("network", classifier(home))]
        )
        search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2, error_score="raise")
        with parallel_backend(backend):
            search.fit(X, y)
        # lbfgs agrees to 1e-3: a row on the fence may fall on either side.
        others = [params["network__solver"] != "lbfgs" for params in search.cv_results_["params"]]
        assert len(others) == 12
        return search.cv_results_["mean_test_score"][others]

    assert_same_from_both(scores)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_halving_random_search(backend):
    grid = {"alpha": np.geomspace(1e-4, 10, 8), "activation": ["tanh", "relu"]}

    def scores(home):
        search = HalvingRandomSearchCV(
            *(classifier(home), grid),
            resource="max_iter",
            max_resources=12,
            min_resources=4,
            cv=2,
            n_jobs=2,
            random_state=0,
            error_score="raise",
        )
        with parallel_backend(backend):
            search.fit(X, y)
        assert search.n_iterations_ > 1
        return search.cv_results_["mean_test_score"]

    assert_same_from_both(scores)


def test_random_search_over_batch_sizes():
    grid = {"batch_size": [5, 20, 50, "auto"], "shuffle": [True, False]}

    def scores(home):
        search = RandomizedSearchCV(classifier(home), grid, n_iter=4, cv=2, random_state=0)
        return search.fit(X, y).cv_results_["mean_test_score"]

    assert_same_from_both(scores)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_cross_validation(backend):
    def probabilities(home):
        with parallel_backend(backend):
            return cross_val_predict(classifier(home), X, y, cv=3, n_jobs=2, method="predict_proba")

    def scores(home):
        with parallel_backend(backend):
            result = cross_validate(regressor(home), X, numbers, cv=3, n_jobs=2)
        return result["test_score"]

    assert_same_from_both(probabilities)
    assert_same_from_both(scores)


def test_curves():
    sizes = {"train_sizes": [0.5, 1.0], "cv": 2}
    assert_same_from_both(lambda home: learning_curve(classifier(home), X, y, **sizes)[2])
    incremental = {**sizes, "exploit_incremental_learning": True, "shuffle": True}
    assert_same_from_both(
        lambda home: learning_curve(classifier(home), X, y, **incremental, random_state=0)[2]
    )
    values = {"param_name": "alpha", "param_range": [0.1, 10], "cv": 2}
    assert_same_from_both(lambda home: validation_curve(classifier(home), X, y, **values)[1])


def test_inspection():
    def importances(home):
        model = classifier(home, max_iter=30).fit(X, y)
        return permutation_importance(
            model, X, y, n_repeats=3, random_state=0, n_jobs=2
        ).importances

    def dependence(home):
        return partial_dependence(classifier(home).fit(X, y), X, [0, 2]).average

    assert_same_from_both(importances)
    assert_same_from_both(dependence)


def test_column_transformer():
    frame = pd.DataFrame({"size": X[:, 0], "town": np.array(["Rome", "Oslo", "Lima"])[y]})

    def prices(home):
        columns = make_column_transformer(
            (StandardScaler(), ["size"]), (OneHotEncoder(), ["town"]), sparse_threshold=1.0
        )
        return make_pipeline(columns, regressor(home)).fit(frame, numbers).predict(frame)

    assert_same_from_both(prices)


def test_sample_weight_is_routed():
    needs("routing to score")
    with sklearn.config_context(enable_metadata_routing=True):

        def scores(home):
            network = classifier(home).set_fit_request(sample_weight=True)
            network.set_score_request(sample_weight=True)
            scale = StandardScaler().set_fit_request(sample_weight=True)
            pipeline = make_pipeline(scale, network)
            given = {"sample_weight": WEIGHTS}
            search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [0.1, 10]}, cv=2)
            search.fit(X, y, **given)
            assert search.score(X, y, **given) == search.best_estimator_.score(X, y, **given)
            return [
                *cross_validate(pipeline, X, y, params=given)["test_score"],
                *search.cv_results_["mean_test_score"],
            ]

        assert_same_from_both(scores)


def test_requests_are_those_of_scikit_learn():
    with sklearn.config_context(enable_metadata_routing=True):
        for name in ("MLPClassifier", "MLPRegressor"):
            ours, theirs = (getattr(home, name)() for home in HOMES)
            routed = ours.get_metadata_routing()._serialize()
            expected = theirs.get_metadata_routing()._serialize()
            for method, keys in expected.items():
                assert keys.items() <= routed[method].items()
            partial = ours.set_partial_fit_request(sample_weight=True)
            assert partial.get_metadata_routing().partial_fit.requests["sample_weight"] is True


@pytest.mark.parametrize("make", [classifier, regressor])
def test_clone_and_parameters(make):
    network = make(alpha=0.5)
    copied = clone(network)
    assert copied.get_params() == network.get_params()
    assert copied is not network
    assert repr(copied) == repr(network)
    assert copied.set_params(alpha=2).alpha == 2
    with pytest.raises(ValueError, match="Invalid parameter 'hidden_layers'"):
        copied.set_params(hidden_layers=3)


FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame}
NAMES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


def frame_of(kind, values, names=NAMES):
    return FRAMES[kind](dict(zip(names, values.T, strict=True)))


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("early_stopping", [True, False])
def test_frames(kind, early_stopping):
    frame = frame_of(kind, X)
    model = classifier(early_stopping=early_stopping).fit(frame, y)
    assert_array_equal(model.feature_names_in_, NAMES)
    plain = classifier(early_stopping=early_stopping).fit(X, y)
    assert_array_equal(model.predict_proba(frame), plain.predict_proba(X))
    targets = pd.Series(numbers) if kind == "pandas" else pl.Series(numbers)
    assert_array_equal(
        regressor().fit(frame, targets).predict(frame), regressor().fit(X, numbers).predict(X)
    )


def outcome(function, *args):
    """Warnings and error of a call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            function(*args)
            error = None
        except ValueError as failure:
            error = str(failure)
    return [(warning.category, str(warning.message)) for warning in caught], error


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("method", ["predict", "predict_proba", "score", "partial_fit"])
@pytest.mark.parametrize("wrong", ["swapped", "other", "fewer", "more", "none"])
def test_wrong_feature_names_are_told_as_by_scikit_learn(kind, method, wrong):
    data = {
        "swapped": lambda: frame_of(kind, X, NAMES[::-1]),
        "other": lambda: frame_of(kind, X, [*NAMES[:3], "colour"]),
        "fewer": lambda: frame_of(kind, X[:, :3], NAMES[:3]),
        "more": lambda: frame_of(kind, np.column_stack([X, y]), [*NAMES, "colour"]),
        "none": lambda: X,
    }[wrong]()
    arguments = (data, y) if method in ("score", "partial_fit") else (data,)
    told = []
    for home in HOMES:
        model = classifier(home).fit(frame_of(kind, X), y)
        told.append(outcome(getattr(model, method), *arguments))
    assert told[0] == told[1]
    caught, error = told[0]
    assert ("does not have valid feature names" in str(caught)) == (wrong == "none")
    assert (error is None) == (wrong == "none")


@pytest.mark.parametrize("kind", FRAMES)
def test_names_that_the_fit_did_not_have_are_told(kind):
    told = [outcome(classifier(home).fit(X, y).predict, frame_of(kind, X)) for home in HOMES]
    assert told[0] == told[1]
    assert "was fitted without feature names" in str(told[0])


@pytest.mark.parametrize("kind", FRAMES)
def test_set_output(kind):
    columns = FunctionTransformer(feature_names_out="one-to-one")
    pipeline = make_pipeline(columns, classifier()).set_output(transform=kind).fit(X, y)
    assert list(pipeline[-1].feature_names_in_) == ["x0", "x1", "x2", "x3"]
    stacked = StackingClassifier([("network", classifier())], cv=2).set_output(transform=kind)
    frame = stacked.fit(X, y).transform(X)
    assert isinstance(frame, FRAMES[kind])
    assert list(frame.columns) == [f"stackingclassifier_network{label}" for label in range(3)]


def test_assume_finite():
    broken = X.copy()
    broken[0, 0] = np.nan
    for model in (classifier().fit(X, y), regressor().fit(X, numbers)):
        with pytest.raises(ValueError, match="contains NaN"):
            model.predict(broken)
        with sklearn.config_context(assume_finite=True):
            answers = model.predict(broken)
        assert_array_equal(answers[1:], model.predict(X)[1:])


def test_skip_parameter_validation():
    wrong = {"tol": -1.0}
    with pytest.raises(ValueError, match="'tol' parameter of MLPClassifier must be"):
        classifier(**wrong).fit(X, y)

    def probabilities(home):
        with sklearn.config_context(skip_parameter_validation=True):
            return classifier(home, **wrong).fit(X, y).predict_proba(X)

    assert_same_from_both(probabilities)


@pytest.mark.parametrize("fitted", [True, False])
@pytest.mark.parametrize("make", [classifier, regressor])
def test_html_never_links_to_pages_of_scikit_learn(make, fitted):
    def links(model):
        if fitted:
            model.fit(X, y)
        return re.findall(r'href="(.*?)"', model._repr_html_())

    assert any("scikit-learn.org" in link for link in links(make(sklearn.neural_network)))
    assert not any("scikit-learn.org" in link for link in links(make()))
    in_pipeline = links(make_pipeline(StandardScaler(), make()))
    assert any("StandardScaler" in link for link in in_pipeline)
    assert not any("MLP" in link for link in in_pipeline)


def test_a_subclass_has_every_parameter_and_works():
    class Own(MLPClassifier):
        """A user's own."""

        def predict(self, X):
            return super().predict(X)[::-1]

    model = Own(**SMALL).fit(X, y)
    assert_array_equal(model.predict(X), classifier().fit(X, y).predict(X)[::-1])
    assert clone(model).get_params() == model.get_params()
