"""A fit as it goes: side by side, for a time, until an interrupt, and once more."""

import pickle
import sys

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from processes import python
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import ThreadpoolController

from fastnn import TabularClassifier, TabularRegressor
from fastnn.tabular import budget, members
from fastnn.tabular import fit as fits
from fastnn.tabular.data import Task
from fastnn.tabular.folds import Folds
from fastnn.tabular.recipes import Plan, recipes, steps
from fastnn.training.loop import DivergenceError

draw = np.random.default_rng(0)
X = draw.normal(size=(60, 3))
y = (X[:, 0] + X[:, 1] > 0).astype(int)
target = X[:, 0] - X[:, 1]


def classifier(**parameters):
    return TabularClassifier(**{"effort": "quick", "cv": 2, "random_state": 0, **parameters})


def regressor(**parameters):
    return TabularRegressor(**{"effort": "quick", "cv": 2, "random_state": 0, **parameters})


# ------------------------------------------------------------------------------------ in parallel


@pytest.fixture(scope="module")
def alone():
    return classifier(n_jobs=1).fit(X, y)


@pytest.mark.parametrize("n_jobs", [2, 7, -1, None])
def test_the_bits_do_not_depend_on_the_number_of_jobs(alone, n_jobs):
    model = classifier(n_jobs=n_jobs).fit(X, y)
    assert_array_equal(model.predict_proba(X), alone.predict_proba(X))
    assert_array_equal(model.oof_prediction_, alone.oof_prediction_)
    for member, expected in zip(model.members_, alone.members_, strict=True):
        assert member["histories"] == expected["histories"]


@pytest.mark.parametrize(
    ("effort", "n_rows", "n_folds"), [("quick", 2000, 5), ("quick", 2001, 2), ("balanced", 2001, 5)]
)
def test_the_number_of_folds_follows_the_effort(effort, n_rows, n_folds):
    rows = np.tile(X, (34, 1))[:n_rows]
    model = TabularRegressor(members="random_trees", effort=effort).fit(rows, rows[:, 0])
    assert len(model.members_[0]["states"]) == n_folds


@pytest.mark.parametrize("effort", ["quick", "balanced", "thorough"])
def test_a_network_is_never_far_among_the_jobs(effort):
    """Two models of trees at once wait for each other, as they are grown within Python."""
    seeds = np.arange(20)
    [step] = steps(effort, 5000, is_limited=False)
    chosen = recipes(list(members.KINDS), step, 5000, Task(2, 2, "log_loss"), seeds)
    jobs = Plan(folds_of(5), chosen).jobs()
    assert sorted(jobs, key=lambda job: (chosen.index(job[0]), job[1])) == [
        (recipe, fold) for recipe in chosen for fold in range(5)
    ]
    n_networks = sum(recipe.kind == "networks" for recipe, _ in jobs)
    most = -(-(len(jobs) - n_networks) // n_networks)  # trees after one network, spread evenly
    kinds = "".join("n" if recipe.kind == "networks" else "t" for recipe, _ in jobs)
    assert "t" * (most + 1) not in kinds
    assert [fold for recipe, fold in jobs if recipe == jobs[0][0]] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_the_users_backend_trains_the_members(alone, backend):
    with parallel_config(backend, n_jobs=2):
        model = classifier().fit(X, y)
    assert_array_equal(model.predict_proba(X), alone.predict_proba(X))


def test_dask_trains_the_members(alone, monkeypatch):
    distributed = pytest.importorskip("dask.distributed", reason="the oldest versions lack Dask")
    sent, scatter = [], distributed.Client.scatter

    def watched(client, data, *arguments, **keywords):
        sent.append(type(data).__name__)
        return scatter(client, data, *arguments, **keywords)

    monkeypatch.setattr(distributed.Client, "scatter", watched)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as some,
        distributed.Client(some),
        parallel_config("dask"),
    ):
        model = classifier().fit(X, y)
        assert sent.count("TrainingData") == 1 < len(model.members_)  # once, for all models
        limited = classifier(max_time=20).fit(X, y)
    assert_array_equal(model.predict_proba(X), alone.predict_proba(X))
    assert_array_equal(limited.predict_proba(X), alone.predict_proba(X))


def test_what_is_sent_begins_where_numbers_may():
    """Buffers of a message, whose first byte stands at an odd place."""
    folds, buffers = Folds([np.arange(50)], [np.arange(50, 60)], 60), []
    written = pickle.dumps(folds, 5, buffer_callback=buffers.append)
    message = b"x" + b"".join(buffer.raw() for buffer in buffers)
    ends = 1 + np.cumsum([buffer.raw().nbytes for buffer in buffers])
    starts = [1, *ends[:-1]]
    parts = [memoryview(message)[a:b] for a, b in zip(starts, ends, strict=True)]
    came = pickle.loads(written, buffers=parts)
    for rows, ours in zip(came.train + came.test, folds.train + folds.test, strict=True):
        assert rows.flags.aligned
        assert_array_equal(rows, ours)
    assert sys.getsizeof(came) > 60 * 8


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")
def test_ray_trains_the_members(alone):
    ray = pytest.importorskip("ray", reason="Ray is too large for the libraries of the tests")
    register = pytest.importorskip("ray.util.joblib").register_ray
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        register()
        with parallel_config("ray", n_jobs=-1):
            model = classifier().fit(X, y)
    finally:
        ray.shutdown()
    assert_array_equal(model.predict_proba(X), alone.predict_proba(X))


def test_the_bits_do_not_depend_on_the_threads_of_blas():
    """Also of what calibrates: a worker's BLAS has one thread, and so has that beside a fit."""
    draw, models = np.random.default_rng(1), []
    X = draw.normal(size=(12_000, 2))  # OpenBLAS shares a sum of more than 10000 numbers out
    y = X[:, 0] + draw.normal(size=12_000) > 0
    for n_threads in (1, 2):
        with ThreadpoolController().limit(limits=n_threads, user_api="blas"):
            models.append(classifier(members="boosting", n_jobs=1).fit(X, y))
    one, two = models
    assert_array_equal(one.oof_prediction_, two.oof_prediction_)
    assert_array_equal(one.predict_proba(X), two.predict_proba(X))


def test_within_somebodys_worker_a_fit_is_alone():
    with parallel_config("threading", n_jobs=2):
        scores = cross_validate(classifier(), X, y, cv=2)["test_score"]
    assert_allclose(scores, cross_validate(classifier(), X, y, cv=2)["test_score"])


def test_it_works_in_a_search_and_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), classifier(members="networks"))
    search = GridSearchCV(pipeline, {"tabularclassifier__cv": [2, 3]}, cv=2).fit(X, y)
    assert search.score(X, y) > 0.8


# --------------------------------------------------------------------------------- all or nothing


@pytest.mark.parametrize(
    "wrong",
    [
        {"y": np.full(60, np.nan)},
        {"X": X[:, :2] * np.inf},
        {"sample_weight": -np.ones(3)},
        {"groups": np.zeros(60)},
    ],
    ids=str,
)
def test_a_fit_that_fails_leaves_the_estimator_as_it_was(wrong):
    model = classifier(members="boosting").fit(X, y)
    before = dict(vars(model))
    with pytest.raises(ValueError):  # noqa: PT011  what it says is tested elsewhere
        model.fit(**{"X": X[:, :2], "y": y, **wrong})
    assert vars(model) == before


def test_an_error_in_a_members_training_is_raised(monkeypatch):
    model = classifier().fit(X, y)
    before = dict(vars(model))
    monkeypatch.setattr(members, "fit_boosting", lambda *args, **kwargs: 1 / 0)
    for n_jobs in (1, 2):
        with pytest.raises(ZeroDivisionError):
            model.set_params(n_jobs=n_jobs).fit(X, y)
        assert vars(model) == before | {"n_jobs": n_jobs}


def diverging(*args, **kwargs):
    raise DivergenceError


def test_networks_that_diverge_are_left_out(monkeypatch):
    monkeypatch.setattr(members, "train_network", diverging)
    model = classifier().fit(X, y)
    assert {member["kind"] for member in model.members_} == {"boosting", "random_trees"}
    with pytest.raises(ValueError, match="No member could be trained: weights did not stay finite"):
        classifier(members="networks").fit(X, y)


def test_one_fold_that_diverges_takes_its_member_with_it(monkeypatch):
    train_network, calls = members.train_network, []

    def now_and_then(*args, **kwargs):
        calls.append(args)
        return diverging() if len(calls) == 2 else train_network(*args, **kwargs)

    monkeypatch.setattr(members, "train_network", now_and_then)
    model = classifier(n_jobs=1).fit(X, y)
    assert {member["kind"] for member in model.members_} == {"boosting", "random_trees"}
    assert len(model.members_[0]["states"]) == 2


# ------------------------------------------------------------------------------------- interrupts


def interrupting(after):
    """Make a training that is interrupted after so many models."""
    train, calls = members.train, []

    def run(*args, **kwargs):
        calls.append(args)
        if len(calls) == after + 1:
            raise KeyboardInterrupt
        return train(*args, **kwargs)

    return run


def test_an_interrupt_leaves_the_ensemble_so_far(monkeypatch):
    monkeypatch.setattr(fits, "train", interrupting(3))
    model = classifier(n_jobs=1)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X, y)
    assert [member["kind"] for member in model.members_] == ["boosting"]  # on both folds
    assert model.score(X, y) > 0.7


def test_an_interrupt_before_a_model_is_raised(monkeypatch):
    monkeypatch.setattr(fits, "train", interrupting(0))
    model = classifier(n_jobs=1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert not hasattr(model, "members_")


INTERRUPTED = """
    import os, signal, threading, time, warnings
    import numpy as np
    from fastnn import TabularClassifier
    from fastnn.tabular import members

    signal.signal(signal.SIGINT, signal.default_int_handler)
    X = np.random.default_rng(0).normal(size=(2000, 10))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    begun = threading.Event()
    train_network = members.train_network

    def noticed(*args, **kwargs):
        if begun.is_set():
            begun.clear()
            threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
        return train_network(*args, **kwargs)

    members.train_network = noticed
    TabularClassifier(effort="quick", members="networks", cv=2).fit(X[:50], y[:50])  # has compiled
    begun.set()
    model = TabularClassifier(effort="thorough", n_jobs={n_jobs})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    print([str(warning.message)[:28] for warning in caught])
    print(model.predict(X).shape, len(model.members_[0]["states"]) <= 5)
"""


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_leaves_a_usable_ensemble(n_jobs):
    told, usable = python(INTERRUPTED.replace("{n_jobs}", str(n_jobs))).splitlines()
    assert told == "['Training interrupted by user']"
    assert usable == "(2000,) True"


# ------------------------------------------------------------------------------------------- time


def test_where_not_one_epoch_fits_there_is_one_short_member():
    for kind in ("networks", "boosting", "random_trees"):
        with pytest.warns(ConvergenceWarning, match="Maximum time \\(1e-06 s\\) reached"):
            model = classifier(members=kind, max_time=1e-6).fit(X, y)
        assert [len(member["states"]) for member in model.members_] == [1]
        assert model.predict_proba(X).shape == (60, 2)


def network(n_epochs, seed, hidden=(256,)):
    return members.Recipe("networks", members.NetworkSettings(hidden, n_epochs=n_epochs), seed)


def boosting(seed, max_iter=20):
    return members.Recipe("boosting", members.Boosting(max_iter=max_iter), seed)


def folds_of(n_folds, n_rows=60):
    """Make folds whose rows are of no account."""
    rows = np.arange(n_rows)
    return Folds([rows] * n_folds, [rows] * n_folds, n_rows)


def seconds(recipe, n_rows):
    """Take .01 s for an epoch, .002 for one of a small network, .001 for an iteration."""
    if recipe.kind != "networks":
        return recipe.settings.max_iter * 0.001
    return recipe.settings.n_epochs * (0.01 if recipe.settings.hidden == (256,) else 0.002)


def chosen(plans, left):
    """Choose; returns the number of folds, and of each network its units and epochs."""
    plan = budget.choose(plans[0], plans[1:], seconds, lambda: left)
    networks = [recipe.settings for recipe in plan.recipes if recipe.kind == "networks"]
    return len(plan.folds), [(*settings.hidden, settings.n_epochs) for settings in networks]


def test_the_largest_ensemble_is_chosen_that_has_time_for_most_of_its_training():
    quick = [boosting(3), network(64, 1, (128,))]
    balanced = [boosting(3), network(40, 1), network(40, 2)]
    plans = [
        Plan(folds_of(2), quick),
        Plan(folds_of(5), quick, 0.5),
        Plan(folds_of(5), balanced, 0.8),
    ]
    for n_folds, networks, enough in (
        (2, [(128, 64)], 0.0),
        (5, [(128, 64)], 0.5 * 5 * 64 * 0.002),
        (5, [(256, 40)], 0.8 * 5 * 40 * 0.01),
        (5, [(256, 40), (256, 40)], 0.8 * 5 * 2 * 40 * 0.01),
    ):
        left = enough / (1 - budget.TREES_SHARE)
        assert chosen(plans, left + 1e-9) == (n_folds, networks)
        assert enough == 0.0 or chosen(plans, left - 1e-9) != (n_folds, networks)


def test_where_there_are_trees_alone_time_decides_on_their_effort():
    plans = [Plan(folds_of(2), [boosting(3, 20)]), Plan(folds_of(5), [boosting(3, 200)])]
    assert budget.choose(plans[0], plans[1:], seconds, lambda: 10.0) == plans[1]
    assert budget.choose(plans[0], plans[1:], seconds, lambda: 0.1) == plans[0]


def test_a_limited_warm_start_adds_what_is_new_of_a_larger_effort():
    model = classifier(members="boosting", effort="quick").fit(X, y)
    model.set_params(effort="balanced", warm_start=True, max_time=1e4).fit(X, y)
    efforts = [member["settings"]["max_iter"] for member in model.members_]
    assert len(efforts) == 3
    assert min(efforts[1:]) > efforts[0]


def test_rows_are_divided_no_more_often_than_there_is_time_for():
    def larger():
        yield Plan(folds_of(3), [network(64, 1, (128,))])
        raise AssertionError("no more is asked for")

    smallest = Plan(folds_of(2), [network(64, 1, (128,))])
    assert budget.choose(smallest, larger(), seconds, lambda: 0.1) == smallest


def test_trees_may_have_their_share_beside_networks():
    plan = Plan(folds_of(5), [boosting(3, 1000), network(60, 1), boosting(4)])
    costs = [budget.costs_of(plan, seconds)[recipe] for recipe in plan.recipes]
    assert costs[1] == 0.6
    assert_allclose([costs[0] / sum(costs), costs[2] / sum(costs)], budget.TREES_SHARE / 2)


def test_time_is_shared_out_among_networks_and_among_trees(monkeypatch):
    now = 0.0
    monkeypatch.setattr(budget.time, "time", lambda: now)
    trees, long, longer = boosting(3), network(40, 1), network(40, 2)
    jobs = [long, trees, trees, longer, trees, long, longer, long]
    shared = budget.Budget(10.0, 2, jobs, {trees: 2.0, long: 6.0, longer: 4.0}, 3.0)
    assert shared.begin(1) == (trees, 1.0)  # a third of the trees' time
    assert shared.begin(4) == (trees, 3.0)
    now = 4.0
    shorter, end = shared.begin(3)  # 6 s for what takes 16
    assert (shorter.settings.n_epochs, end) == (int(40 * budget.SLACK * 6 / 16), 10.0)
    shorter, _ = shared.begin(0)  # 1.5 s of trees, the worker's part, leave 4.5 for 10
    assert shorter.settings.n_epochs == int(40 * budget.SLACK * 4.5 / 10)
    now = 9.9
    assert shared.begin(0)[0].settings.n_epochs == 1
    assert shared.begin(4) == (trees, 10.0)
    now = 0.0
    assert shared.begin(7)[0].settings.n_epochs == 40


def test_a_model_that_is_trained_tells_how_long_the_next_ones_take():
    trees, long = boosting(3), network(40, 1)
    shared = budget.Budget(10.0, 2, [trees, long], {trees: 2.0, long: 6.0}, 3.0)
    shared.end(0, trees, 0.5)
    shared.end(1, network(10, 1), 2.0)  # a quarter of its epochs
    assert shared.costs == {trees: 0.5, long: 8.0}
    assert shared.of_trees == 2.5
    shared.end(1, long, 0.0)  # by a clock that stood still
    assert shared.begin(1)[0].settings.n_epochs == 1  # the time is over


def test_a_pilot_times_each_kind_of_member_once(monkeypatch):
    trained = []
    monkeypatch.setattr(budget, "train", lambda recipe, *_: trained.append(recipe.settings))
    pilot = budget.Pilot(None, folds_of(1, 40))
    assert pilot.seconds(network(8, 2), 80) == 4 * pilot.seconds(network(4, 1), 40) > 0
    assert [settings.n_epochs for settings in trained] == [1, 1, 1 + budget.PILOT_STEPS]
    pilot.seconds(network(8, 2, (128,)), 40)
    assert len(trained) == 5
    pilot.warm_up([boosting(1, 30), network(3, 1)])
    assert [settings.max_iter for settings in trained[5:]] == [1]


@pytest.mark.parametrize("effort", ["quick", "balanced", "thorough"])
@pytest.mark.parametrize("n_rows", [1000, 5000])
def test_smaller_steps_come_before_what_is_asked_for(effort, n_rows):
    *smaller, asked = steps(effort, n_rows, is_limited=True)
    assert steps(effort, n_rows, is_limited=False) == [asked]
    assert asked.effort == effort
    assert (asked.effort, asked.n_folds) not in [(step.effort, step.n_folds) for step in smaller]
    efforts = ["quick", "balanced", "thorough"]
    sizes = [(efforts.index(step.effort), step.n_folds) for step in [*smaller, asked]]
    assert sizes == sorted(sizes)
    assert sizes[0] == (0, 2)
    assert all(round(step.n_epochs * step.enough) == 28 for step in smaller)


@pytest.mark.parametrize(("n_classes", "n_iter"), [(2, 25), (3, 20), (5, 12), (10, 10), (11, None)])
def test_quick_boosting_grows_few_trees_for_each_class(n_classes, n_iter):
    task = Task(n_classes, n_classes, "log_loss")
    [step] = steps("quick", 5000, is_limited=False)
    listed = recipes(members.KINDS, step, 5000, task, np.arange(9))
    found = {recipe.kind: recipe.settings for recipe in listed}
    assert getattr(found.get("boosting"), "max_iter", None) == n_iter
    assert [r.kind for r in recipes(["boosting"], step, 5000, task, np.arange(9))]


@pytest.mark.parametrize(
    ("n_classes", "kinds", "n_iter"),
    [
        (2, members.KINDS, [200]),
        (2, ["boosting", "random_trees"], [200, 400]),
        (3, members.KINDS, [200]),
        (10, members.KINDS, [200]),
        (26, members.KINDS, [38]),
        (200, members.KINDS, [10]),
        (26, ["boosting"], [200]),
    ],
)
def test_boosting_by_default_grows_few_trees_for_each_of_many_classes(n_classes, kinds, n_iter):
    task = Task(n_classes, n_classes, "log_loss")
    [step] = steps("balanced", 5000, is_limited=False)
    listed = recipes(kinds, step, 5000, task, np.arange(9))
    found = [recipe.settings.max_iter for recipe in listed if recipe.kind == "boosting"]
    assert found == n_iter


def test_ample_time_changes_nothing(alone):
    model = classifier(max_time=1e4).fit(X, y)
    assert_array_equal(model.predict_proba(X), alone.predict_proba(X))


# ------------------------------------------------------------------------------------ warm start


def test_a_warm_start_adds_members():
    model = classifier(warm_start=True).fit(X, y)
    first = list(model.members_)
    model.set_params(effort="balanced").fit(X, y)
    assert [member["seed"] for member in model.members_[:3]] == [m["seed"] for m in first]
    kinds = [member["kind"] for member in model.members_]
    assert kinds.count("networks") == 3
    assert kinds.count("random_trees") == 2
    assert len({member["seed"] for member in model.members_}) == len(model.members_)
    assert abs(sum(member["weight"] for member in model.members_) - 1) < 1e-9


def test_a_warm_start_trains_no_boosting_twice():
    model = classifier(warm_start=True, members="boosting").fit(X, y)
    assert len(model.fit(X, y).members_) == 1


def test_a_warm_start_wants_the_same_rows():
    model = classifier(warm_start=True, members="boosting").fit(X, y)
    for rows in ((X[:50], y[:50]), (X, 1 - y), (X + 1, y)):
        with pytest.raises(ValueError, match="warm_start=True"):
            model.fit(*rows)


def test_a_warm_start_with_nothing_to_add_takes_no_time():
    model = classifier(warm_start=True, members="boosting", max_time=20).fit(X, y)
    assert len(model.fit(X, y).members_) == 1


def test_a_warm_start_with_other_weights_leaves_the_unit_of_the_members_there_are():
    target = 100 * X[:, 0] + 500
    model = regressor(warm_start=True, members="networks").fit(X, target)
    before = model.predict(X)
    model.fit(X, target, sample_weight=np.where(X[:, 0] > 0, 10.0, 0.1))
    assert len(model.members_) == 2
    model.members_[0]["weight"], model.members_[1]["weight"] = 1.0, 0.0
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), before)


@pytest.mark.parametrize(
    "other",
    [{"loss": "poisson"}, {"quantile": 0.7}, {"quantile": [0.1, 0.9]}, {"huber_delta": 2.0}],
    ids=str,
)
def test_a_warm_start_wants_the_same_loss(other):
    loss = {"huber_delta": "huber"}.get(next(iter(other)), "quantile")
    model = regressor(warm_start=True, members="networks", loss=loss).fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match=f"were trained for loss='{loss}'.*warm_start=False"):
        model.set_params(**other).fit(X, y)
    assert_array_equal(model.predict(X), before)
    assert len(model.set_params(warm_start=False).fit(X, y).members_) == 1


def test_without_a_warm_start_the_same_fit_gives_the_same_bits(alone):
    again = clone(alone).fit(X, y)
    assert_array_equal(again.predict_proba(X), alone.predict_proba(X))
    assert_array_equal(again.fit(X, y).predict_proba(X), alone.predict_proba(X))
