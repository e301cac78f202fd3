"""scikit-learn's callbacks, and a user's own: alone, in a pipeline and in a search."""

import numpy as np
import pytest
from joblib import parallel_backend
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from versions import is_missing, needs

from fastnn import MLPClassifier, MLPRegressor

if not is_missing("callbacks"):
    from sklearn.callback import ProgressBar, ScoringMonitor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Recorder:
    """A user's callback: notes each call, and asks to stop after an epoch."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.calls, self.models, self.data = [], [], []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        self.calls.append(f"end {context.task_name}")
        self.models.append(fitted_estimator)
        self.data.append((X, y))
        return context.task_name == "epoch" and context.task_id + 1 == self.stop_after

    def teardown(self, estimator, context):
        self.calls.append("teardown")


class Failing(Recorder):
    """A callback with a mistake in it."""

    def on_fit_task_end(self, estimator, context):
        raise RuntimeError("no such metric")


@pytest.fixture
def data(classes_data):
    return classes_data


def network(**parameters):
    return MLPClassifier((5,), random_state=0, **{"max_iter": 3, **parameters})


def epoch_scores(monitor, name):
    return [row[name] for row in monitor.get_logs().data if row["task_name"] == "epoch"]


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_callback_is_told_of_each_epoch(data, solver):
    recorder = Recorder()
    network(solver=solver).set_callbacks(recorder).fit(*data)
    epochs = ["begin epoch", "end epoch"] * 3
    assert recorder.calls == ["setup", "begin fit", *epochs, "end fit", "teardown"]
    assert all(X is data[0] and y is data[1] for X, y in recorder.data)


def test_partial_fit_is_one_epoch(data):
    recorder = Recorder()
    network().set_callbacks(recorder).partial_fit(*data, classes=[0, 1, 2])
    assert recorder.calls.count("end epoch") == 1


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_callback_can_stop_training(data, solver):
    stopped = network(solver=solver, max_iter=50).set_callbacks(Recorder(stop_after=2)).fit(*data)
    assert stopped.n_iter_ == 2
    assert stopped.score(*data) > 0


@pytest.mark.parametrize("parameters", [{}, {"solver": "lbfgs"}, {"early_stopping": True}], ids=str)
def test_callbacks_change_no_bit_of_the_model(data, parameters):
    alone = network(**parameters).fit(*data)
    watched = network(**parameters).set_callbacks(Recorder()).fit(*data)
    for W, W_alone in zip(watched.coefs_, alone.coefs_, strict=True):
        assert_array_equal(W, W_alone)


def test_models_of_earlier_epochs_stay_as_they_were(data):
    recorder = Recorder()
    final = network(max_iter=4).set_callbacks(recorder).fit(*data)
    for epochs, model in enumerate(recorder.models[:4], start=1):
        expected = network(max_iter=epochs).fit(*data)
        assert_array_equal(model.predict_proba(data[0]), expected.predict_proba(data[0]))
    assert_array_equal(model.predict_proba(data[0]), final.predict_proba(data[0]))


def test_a_failing_callback_leaves_the_old_model(data):
    model = network().fit(*data)
    before = model.predict_proba(data[0])
    with pytest.raises(RuntimeError, match="no such metric"):
        model.set_callbacks(Failing()).set_params(max_iter=9).fit(*data)
    assert_array_equal(model.predict_proba(data[0]), before)
    assert model.n_iter_ == 3
    model.set_callbacks().fit(*data)
    assert model.n_iter_ == 9


def test_what_is_no_callback_is_refused():
    for wrong in (Recorder, print, "ProgressBar"):
        with pytest.raises(TypeError, match="FitCallback protocol"):
            network().set_callbacks(wrong)


@pytest.mark.parametrize(
    ("Network", "scoring"),
    [(MLPClassifier, "neg_log_loss"), (MLPRegressor, "neg_mean_squared_error")],
)
@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True, "tol": 0}], ids=str)
def test_scoring_monitor_scores_each_epoch(data, Network, scoring, parameters):
    needs("callbacks")
    monitor, recorder = ScoringMonitor(scoring=scoring), Recorder()
    model = Network(max_iter=5, random_state=0, **parameters)
    model.set_callbacks(monitor, recorder).fit(*data)
    scores = epoch_scores(monitor, scoring)
    assert len(scores) == model.n_iter_ == 5
    assert scores == sorted(scores)
    whole, (X_train, y_train) = monitor.get_logs().data[0], recorder.data[-1]
    assert whole["task_name"] == "fit"
    assert len(X_train) == (54 if parameters else 60)
    assert_allclose(whole[scoring], get_scorer(scoring)(model, X_train, y_train))


def test_scoring_monitor_scores_each_iteration_of_lbfgs(data):
    needs("callbacks")
    monitor = ScoringMonitor(scoring="neg_log_loss")
    network(solver="lbfgs", max_iter=5).set_callbacks(monitor).fit(*data)
    scores = epoch_scores(monitor, "neg_log_loss")
    assert len(set(scores)) == 5
    assert scores == sorted(scores)


def test_scoring_monitor_weighs_rows_as_the_fit_does(data):
    needs("callbacks")
    X, y = data
    weights = np.where(y == 0, 1.0, 0.0)
    monitor = ScoringMonitor(scoring="accuracy")
    model = network().set_callbacks(monitor).fit(X, y, sample_weight=weights)
    assert epoch_scores(monitor, "accuracy")[-1] == model.score(X, y, sample_weight=weights)


def test_scoring_monitor_in_a_pipeline(data):
    needs("callbacks")
    monitor = ScoringMonitor(scoring="accuracy")
    pipeline = make_pipeline(StandardScaler(), network().set_callbacks(monitor)).fit(*data)
    assert epoch_scores(monitor, "accuracy")[-1] == pipeline.score(*data)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_scoring_monitor_in_a_search(data, backend):
    needs("callbacks")
    monitor = ScoringMonitor(scoring="accuracy")
    search = GridSearchCV(network().set_callbacks(monitor), {"alpha": [0.1, 1]}, cv=2, n_jobs=2)
    with parallel_backend(backend):
        search.fit(*data)
    assert len(epoch_scores(monitor, "accuracy")) == (4 + 1) * 3  # the last fit is on all rows


def test_a_search_keeps_no_tasks_of_epochs_where_no_callback_looks_at_them(data):
    needs("callbacks")

    class Tree(Recorder):  # scikit-learn passes on what is an AutoPropagatedCallback
        def setup(self, estimator, context):
            self.root = context

    tree = Tree()
    GridSearchCV(network(), {"alpha": [0.1, 1]}, cv=2).set_callbacks(tree).fit(*data)
    names = [(task.estimator_name, task.task_name) for task in tree.root]
    assert names == [
        ("GridSearchCV", "fit"),
        ("GridSearchCV", "search"),
        *[("MLPClassifier", "fit")] * 5,
    ]


@pytest.mark.parametrize("client", ["alone", "pipeline", "search"])
def test_progress_bar(data, client, capsys):
    needs("callbacks")
    model = {
        "alone": network(),
        "pipeline": make_pipeline(StandardScaler(), network()),
        "search": GridSearchCV(network(), {"alpha": [0.1, 1]}, cv=2, n_jobs=2),
    }[client]
    model.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(*data)
    lines = [line for line in capsys.readouterr().out.splitlines() if "MLPClassifier" in line]
    assert len(lines) == {"alone": 1, "pipeline": 1, "search": 5}[client]
    assert all("100%" in line for line in lines)


def test_a_clone_has_the_callbacks(data):
    recorder = Recorder()
    clone(network().set_callbacks(recorder)).fit(*data)
    assert recorder.calls.count("end epoch") == 3
