"""What cannot be right is refused in scikit-learn's words, and nothing is lost by it."""

import _thread
import re
import threading
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn.neural_network
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from watchers import Watcher

import fastnn
from fastnn import MLPClassifier, MLPRegressor
from fastnn.training.loop import DivergenceError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

HOMES = (fastnn, sklearn.neural_network)
NETWORKS = ["MLPClassifier", "MLPRegressor"]
RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((30, 4))
y = RANDOM.integers(0, 3, 30)


def failure(function):
    """Class and message of the error of a call, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            function()
        except Exception as error:
            return type(error), str(error)
    return None


def assert_told_alike(call):
    """Both raise; ours is of scikit-learn's class, and begins with its sentence."""
    ours, theirs = (failure(lambda: call(home)) for home in HOMES)  # noqa: B023
    assert theirs is not None
    assert ours is not None, theirs
    assert issubclass(ours[0], theirs[0])
    assert ours[1].startswith(theirs[1])


def holding(value, form=np.asarray, dtype=float):
    values = X.astype(dtype)
    values[3, 1] = value
    return form(values)


BAD_X = {
    "NaN": holding(np.nan),
    "infinity": holding(np.inf),
    "minus infinity in float32": holding(-np.inf, dtype=np.float32),
    "NaN in CSR": holding(np.nan, sparse.csr_array),
    "NaN in a frame": holding(np.nan, pd.DataFrame),
    "NA in a frame": pd.DataFrame(X).astype("Float64").mask(X > 1),
    "one dimension": X[:, 0],
    "three dimensions": X[:, :, None],
    "a number": 3.0,
    "nothing": None,
    "a word": "abc",
    "words": np.array([["a", "b"]] * 30),
    "objects": np.array([[{}, 1]] * 30, dtype=object),
    "complex": X + 1j,
    "rows of different lengths": [[1, 2], [3]],
    "no rows": X[:0],
    "no columns": X[:, :0],
    "empty": [],
}


@pytest.mark.parametrize("bad", BAD_X)
@pytest.mark.parametrize("name", NETWORKS)
def test_bad_data_at_fit_and_predict(name, bad):
    data = BAD_X[bad]
    targets = y[: len(data)] if hasattr(data, "shape") and not sparse.issparse(data) else y
    assert_told_alike(lambda home: getattr(home, name)(max_iter=2).fit(data, targets))
    if bad != "no columns":
        assert_told_alike(lambda home: getattr(home, name)(max_iter=2).fit(X, y).predict(data))


BAD_Y = {
    "fewer": y[:-1],
    "none": None,
    "three dimensions": y[:, None, None],
    "NaN": np.where(y == 0, np.nan, y),
    "infinity": np.where(y == 0, np.inf, y),
    "complex": y + 1j,
    "no columns": np.empty((30, 0)),
    "sets": [{1}, {2}, {0}] * 10,
    "mixed": np.array(["a", 1, None] * 10, dtype=object),
}
BAD_CLASSES = {**BAD_Y, "numbers between whole ones": X[:, 0]}
BAD_NUMBERS = {
    "texts": y.astype(str),
    "words": np.array(["a", "b", "c"])[y],
    "dates": pd.date_range("2020", periods=30),
}


@pytest.mark.parametrize("bad", BAD_CLASSES)
def test_bad_classes(bad):
    assert_told_alike(lambda home: home.MLPClassifier(max_iter=2).fit(X, BAD_CLASSES[bad]))


@pytest.mark.parametrize("bad", BAD_Y)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_bad_numbers(solver, bad):
    assert_told_alike(lambda home: home.MLPRegressor(solver=solver, max_iter=2).fit(X, BAD_Y[bad]))


@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_targets_that_are_no_numbers(bad):
    # scikit-learn fails at the first difference, with NumPy's words and a subclass of TypeError.
    with pytest.raises((TypeError, ValueError), match=r"numbers|could not convert string"):
        MLPRegressor().fit(X, BAD_NUMBERS[bad])
    (error, _) = failure(lambda: sklearn.neural_network.MLPRegressor().fit(X, BAD_NUMBERS[bad]))
    assert issubclass(error, (TypeError, ValueError))


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_negative_targets_of_poisson(solver):
    model = MLPRegressor(loss="poisson", solver=solver)
    with pytest.raises(ValueError, match=r"out of the valid range of the loss 'poisson'.* -3"):
        model.fit(X, y - 3.0)


BAD_WEIGHTS = {
    "all zero": np.zeros(30),
    "NaN": np.full(30, np.nan),
    "infinity": np.full(30, np.inf),
    "fewer": np.ones(29),
    "two columns": np.ones((30, 2)),
    "words": ["a"] * 30,
    "complex": np.ones(30) * 1j,
}


@pytest.mark.parametrize("bad", BAD_WEIGHTS)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("name", NETWORKS)
def test_bad_weights(name, solver, bad):
    def call(home):
        network = getattr(home, name)(solver=solver, max_iter=2)
        network.fit(X, y, sample_weight=BAD_WEIGHTS[bad])

    assert_told_alike(call)


@pytest.mark.parametrize("method", ["predict", "partial_fit", "score"])
@pytest.mark.parametrize("n_features", [3, 5])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, sparse.csc_array, pd.DataFrame])
@pytest.mark.parametrize("name", NETWORKS)
def test_another_number_of_features(name, form, n_features, method):
    def call(home):
        model = getattr(home, name)(max_iter=2).fit(form(X), y)
        data = form(np.ones((30, n_features)))
        getattr(model, method)(data, *([] if method == "predict" else [y]))

    assert_told_alike(call)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "score"])
def test_not_fitted(method):
    for name in NETWORKS:
        if hasattr(getattr(fastnn, name), method):
            arguments = (X, y) if method == "score" else (X,)
            assert_told_alike(lambda home: getattr(getattr(home, name)(), method)(*arguments))  # noqa: B023


LABELS = np.column_stack([y > 0, y > 1]).astype(int)
CALLS = {
    "no classes": lambda model: model.partial_fit(X, y),
    "class unknown at once": lambda model: model.partial_fit(X, y, classes=[0, 1]),
    "class unknown later": lambda model: model.partial_fit(X, y, classes=[0, 1, 2]).partial_fit(
        X, y + 1
    ),
    "other classes": lambda model: model.partial_fit(X, y, classes=[0, 1, 2]).partial_fit(
        X, y, classes=[0, 1, 2, 3]
    ),
    "early stopping": lambda model: model.set_params(early_stopping=True).partial_fit(
        X, y, classes=[0, 1, 2]
    ),
    "lbfgs": lambda model: model.set_params(solver="lbfgs").partial_fit(X, y, classes=[0, 1, 2]),
    "warm start, more classes": lambda model: (
        model.set_params(warm_start=True).fit(X[y < 2], y[y < 2]).fit(X, y)
    ),
    "warm start, fewer classes": lambda model: (
        model.set_params(warm_start=True).fit(X, y).fit(X[y < 2], y[y < 2])
    ),
    "warm start, other features": lambda model: (
        model.set_params(warm_start=True).fit(X, y).fit(X[:, :3], y)
    ),
    "warm start, several labels": lambda model: (
        model.set_params(warm_start=True).fit(X, y).fit(X, LABELS)
    ),
    "too few rows to stop early": lambda model: model.set_params(early_stopping=True).fit(
        X[:6], y[:6]
    ),
    "no rows to stop early": lambda model: model.set_params(
        early_stopping=True, validation_fraction=0.0
    ).fit(X, y),
    "all rows to stop early": lambda model: model.set_params(
        early_stopping=True, validation_fraction=0.99
    ).fit(X, y),
    "no units": lambda model: model.set_params(hidden_layer_sizes=(5, 0)).fit(X, y),
    "less than no units": lambda model: model.set_params(hidden_layer_sizes=-1).fit(X, y),
    "layers as a text": lambda model: model.set_params(hidden_layer_sizes="10").fit(X, y),
    "layers as none": lambda model: model.set_params(hidden_layer_sizes=None).fit(X, y),
}


@pytest.mark.parametrize("wrong", CALLS)
def test_wrong_calls(wrong):
    assert_told_alike(lambda home: CALLS[wrong](home.MLPClassifier(max_iter=2)))


@pytest.mark.parametrize("sizes", [(2.5,), (5, np.nan), [[3]], ["a"]], ids=str)
def test_layers_that_are_no_whole_numbers(sizes):
    with pytest.raises((TypeError, ValueError)):
        MLPClassifier(hidden_layer_sizes=sizes).fit(X, y)


BAD_PARAMETERS = [
    ("alpha", -1),
    ("alpha", "a"),
    ("alpha", None),
    ("batch_size", 0),
    ("batch_size", 2.5),
    ("batch_size", "x"),
    ("learning_rate_init", 0),
    ("power_t", -1),
    ("max_iter", 0),
    ("max_iter", 1.5),
    ("shuffle", "yes"),
    ("random_state", "x"),
    ("random_state", -1),
    ("tol", -1),
    ("verbose", "x"),
    ("warm_start", "x"),
    ("momentum", 1.1),
    ("nesterovs_momentum", 2),
    ("early_stopping", "x"),
    ("validation_fraction", 1.0),
    ("beta_1", 1),
    ("beta_2", 1),
    ("epsilon", 0),
    ("n_iter_no_change", 0),
    ("n_iter_no_change", 1.5),
    ("max_fun", 0),
]


@pytest.mark.parametrize(("parameter", "value"), BAD_PARAMETERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_bad_parameters(name, parameter, value):
    assert_told_alike(lambda home: getattr(home, name)(**{parameter: value}).fit(X, y))


@pytest.mark.parametrize(
    "parameter",
    [
        "activation",
        "solver",
        "learning_rate",
        "loss",
    ],
)
@pytest.mark.parametrize("value", ["x", None, 3])
def test_names_that_are_none_of_the_valid_ones(parameter, value):
    # fastnn knows more names, so that the sentences end differently.
    ours, theirs = (
        failure(lambda: home.MLPRegressor(**{parameter: value}).fit(X, y))  # noqa: B023
        for home in HOMES
    )
    assert ours[0] is theirs[0]
    assert ours[1].startswith(f"The {parameter!r} parameter of MLPRegressor must be a str among")
    assert ours[1].endswith(f"Got {value!r} instead.")


def params_of(model):
    return np.concatenate([w.ravel() for w in model.coefs_ + model.intercepts_])


def state_of(model):
    """What a model would predict with and go on from."""
    names = ("n_iter_", "loss_", "loss_curve_", "t_", "n_features_in_", "_no_improvement_count")
    return [params_of(model).copy(), *(getattr(model, name, None) for name in names)]


DIVERGING = {"solver": "sgd", "learning_rate_init": 1e300, "max_iter": 10}


@pytest.mark.parametrize("parameters", [DIVERGING, {**DIVERGING, "learning_rate": "adaptive"}])
@pytest.mark.parametrize("name", NETWORKS)
def test_divergence_raises(name, parameters):
    assert_told_alike(lambda home: getattr(home, name)(**parameters).fit(X, y))


MODES = [{}, {"early_stopping": True}, {"restore_best_weights": True}, {"scoring": "loss"}]
TOLD = "Training diverged: .* Scale the input data and the targets, or lower the learning rate"


def assert_told(fit):
    """A fit ends with a finite loss, or tells that it has none, or that it has diverged."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            model = fit()
        except DivergenceError:
            return
    messages = [str(warning.message) for warning in told]
    assert not any("overflow" in message for message in messages)
    if not any(re.search(TOLD, message) for message in messages):
        assert np.isfinite([model.loss_, *model.loss_curve_]).all()


@pytest.mark.parametrize("parameters", MODES, ids=str)
@pytest.mark.parametrize("scale", [1e10, 1e20, 1e37, 1e160])
@pytest.mark.parametrize("validates", [False, True])
def test_divergence_is_told_in_every_mode(validates, scale, parameters):
    """Early stopping gave the weights from before it, a loss of NaN, and not a word."""
    for dtype in ["float32", "float64"] if scale < 1e38 else ["float64"]:
        data, targets = X.astype(dtype), (X[:, 0] * scale).astype(dtype)
        judged = {"X_val": data, "y_val": targets} if validates else {}
        for solver in ("sgd", "adam"):
            model = MLPRegressor(solver=solver, random_state=0, max_iter=30, **parameters)
            assert_told(lambda: model.fit(data, targets, **judged))  # noqa: B023
        assert_told(lambda: MLPRegressor(solver="sgd").partial_fit(data, targets))  # noqa: B023
        lbfgs = MLPRegressor(solver="lbfgs", max_iter=30)
        assert_told(lambda: lbfgs.fit(data, targets, **judged))  # noqa: B023


def test_the_best_epoch_before_a_divergence_is_kept_and_told():
    """The epoch in which weights ran away is none: all curves end with the one before."""

    def rate(epoch):
        return 1e-3 if epoch < 5 else 1e300

    parameters = {"solver": "sgd", "learning_rate": rate, "random_state": 0, "shuffle": False}
    model = MLPClassifier(**parameters, early_stopping=True)
    with pytest.warns(ConvergenceWarning, match=TOLD):
        model.fit(X, y)
    assert 5 <= model.n_iter_ == len(model.loss_curve_) == len(model.validation_scores_) <= 6
    assert np.isfinite(params_of(model)).all()
    assert np.isfinite(model.loss_curve_).all()
    with pytest.raises(DivergenceError):
        MLPClassifier(**parameters).fit(X, y)
    with pytest.raises(DivergenceError):
        MLPClassifier(**parameters, early_stopping=True, restore_best_weights=False).fit(X, y)


def test_an_infinite_loss_is_told_of():
    model = MLPRegressor(solver="sgd", learning_rate_init=1e-300)
    with pytest.warns(ConvergenceWarning, match=r"the last loss is inf"):
        model.partial_fit(X, X[:, 0] * 1e200)
    assert np.isfinite(params_of(model)).all()


@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True}, {"solver": "lbfgs"}], ids=str)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("name", NETWORKS)
def test_huge_values_give_finite_weights_or_an_error(name, activation, parameters):
    model = getattr(fastnn, name)(max_iter=5, activation=activation, **parameters)
    told = failure(lambda: model.fit(X * 1e200, y))
    if told is None:
        assert np.isfinite(params_of(model)).all()
    else:
        assert "non-finite parameter weights" in told[1]
        assert not hasattr(model, "coefs_")


FAILING = {
    "bad data": lambda model: model.fit(BAD_X["NaN"], y),
    "bad targets": lambda model: model.fit(X, BAD_Y["fewer"]),
    "bad weights": lambda model: model.fit(X, y, sample_weight=BAD_WEIGHTS["NaN"]),
    "a bad parameter": lambda model: model.set_params(alpha=-1).fit(X, y),
    "divergence": lambda model: model.set_params(**DIVERGING).fit(X[:, :3], y),
    "divergence of a warm start": lambda model: model.set_params(**DIVERGING, warm_start=True).fit(
        X, y
    ),
    "divergence of partial_fit": lambda model: model.set_params(
        **DIVERGING, batch_size=1
    ).partial_fit(X, y),
}


@pytest.mark.parametrize("fails", FAILING)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_failed_fit_leaves_the_old_model(name, fails):
    model = getattr(fastnn, name)(max_iter=3, random_state=0).fit(X, y)
    good, before, answers = model.get_params(), state_of(model), model.predict(X)
    with pytest.raises(ValueError, match=r"."):
        FAILING[fails](model)
    for old, now in zip(before, state_of(model), strict=True):
        np.testing.assert_equal(now, old)
    assert_array_equal(model.predict(X), answers)
    expected = getattr(fastnn, name)(**good).fit(X, y).partial_fit(X, y)
    model.set_params(**good).partial_fit(X, y)
    assert_array_equal(params_of(model), params_of(expected))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_failed_first_fit_leaves_a_model_that_is_not_fitted(name):
    model = getattr(fastnn, name)(**DIVERGING)
    before = dict(vars(model))
    assert failure(lambda: model.fit(X, y)) is not None
    assert vars(model) == before


class Interrupt(Watcher):
    """A callback that does what Ctrl-C does, in the middle of a fit."""

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch" and context.task_id == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True}, {"solver": "lbfgs"}], ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_an_interrupt_of_a_callback_leaves_a_usable_model(name, parameters):
    model = getattr(fastnn, name)(max_iter=50, random_state=0, **parameters)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.set_callbacks(Interrupt()).fit(X, y)
    assert model.n_iter_ in (2, 3)
    assert model.predict(X).shape == (30,)
    model.set_callbacks()
    whole = getattr(fastnn, name)(max_iter=50, random_state=0, **parameters).fit(X, y)
    if model.solver != "lbfgs":  # which starts anew
        assert_array_equal(params_of(model.resume(X, y)), params_of(whole))
    assert_array_equal(params_of(model.fit(X, y)), params_of(whole))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_an_interrupt_from_another_thread_leaves_a_usable_model(solver):
    data, classes = np.tile(X, (300, 1)), np.tile(y, 300)
    model = MLPClassifier((300,), solver=solver, max_iter=10**6, n_iter_no_change=np.inf, tol=0)
    MLPClassifier((300,), solver=solver, max_iter=1).fit(data, classes)  # compiled by now
    timer = threading.Timer(0.5, _thread.interrupt_main)
    timer.start()
    try:
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            model.fit(data, classes)
    finally:
        timer.cancel()
    assert model.n_iter_ < 10**6
    assert np.isfinite(params_of(model)).all()
    assert model.score(data, classes) > 0


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_mini_batch_of_zero_weights_changes_nothing(name, solver):
    parameters = {"solver": solver, "batch_size": 10, "shuffle": False, "random_state": 0}
    parameters = {**parameters, "max_iter": 4, "n_iter_no_change": 50}
    weights = np.repeat([1.0, 0.0, 2.0], 10)
    some = weights > 0
    with_zeros = getattr(fastnn, name)(**parameters).fit(X, y, sample_weight=weights)
    without = getattr(fastnn, name)(**parameters).fit(X[some], y[some], sample_weight=weights[some])
    assert_array_equal(params_of(with_zeros), params_of(without))


def laid_out(values, form, folder):
    """The same numbers in another place or order of memory."""
    if form == "read-only":
        values = values.copy()
        values.flags.writeable = False
    elif form == "Fortran order":
        values = np.asfortranarray(values)
    elif form == "every other row and column":
        values = np.repeat(np.repeat(values, 2, axis=0), 2, axis=1)[::2, ::2]
    elif form == "backwards":
        values = values[::-1].copy()[::-1]
    elif form == "memory-mapped":
        np.save(folder / "X.npy", values)
        values = np.load(folder / "X.npy", mmap_mode="r")
    elif form == "other byte order":
        values = values.astype(values.dtype.newbyteorder())
    elif form == "not aligned":
        room = np.empty(values.nbytes + 1, np.uint8)[1:]
        moved = room.view(values.dtype).reshape(values.shape)
        moved[:] = values
        values = moved
    return values


FORMS = [
    *("read-only", "Fortran order", "every other row and column", "backwards"),
    *("memory-mapped", "other byte order", "not aligned"),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_place_of_the_data_gives_the_same_model_and_stays_as_it_is(form, dtype, tmp_path):
    plain = X.astype(dtype)
    data = laid_out(plain, form, tmp_path)
    model = MLPClassifier((5,), max_iter=3, random_state=0).fit(data, y)
    expected = MLPClassifier((5,), max_iter=3, random_state=0).fit(plain, y)
    # scikit-learn's checks turn float32 of the other byte order into float64.
    rtol = 1e-5 if dtype is np.float32 else 1e-12
    assert_allclose(params_of(model), params_of(expected), rtol=rtol)
    assert_allclose(model.predict_proba(data), expected.predict_proba(plain), rtol=1e-5)
    assert_array_equal(data, plain)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_any_place_of_targets_and_weights_gives_the_same_model(solver, form, tmp_path):
    random, options = np.random.default_rng(0), {"solver": solver, "max_iter": 3}
    targets, weights = random.standard_normal((30, 2)), random.uniform(size=(30, 1))
    (tmp_path / "weights").mkdir()
    given = laid_out(targets, form, tmp_path), laid_out(weights, form, tmp_path / "weights")[:, 0]
    model, expected = (
        MLPRegressor(hidden_layer_sizes=(5,), random_state=0, **options) for _ in "ab"
    )
    model.fit(X, given[0], sample_weight=given[1])
    expected.fit(X, targets, sample_weight=weights[:, 0])
    assert_array_equal(params_of(model), params_of(expected))


@pytest.mark.parametrize("name", NETWORKS)
def test_columns_that_say_nothing_and_rows_that_are_few(name):
    data = np.column_stack([X, np.zeros(30), np.full(30, 7.0)])
    pair = [getattr(home, name)(max_iter=5, random_state=0) for home in HOMES]
    for model in pair:
        model.fit(data, y)
        model.fit(data[:1], y[:1])
    assert_allclose(pair[0].predict(data), pair[1].predict(data), rtol=1e-6)
    assert pair[0].predict(data[:1]).shape == (1,)


def test_sparse_targets_of_a_regression():
    targets = np.column_stack([X[:, 0], np.where(y == 0, 0, X[:, 1])])
    dense = MLPRegressor(max_iter=3, random_state=0).fit(X, targets)
    model = MLPRegressor(max_iter=3, random_state=0).fit(X, sparse.csr_array(targets))
    assert_array_equal(model.predict(X), dense.predict(X))


def test_an_activation_that_is_set_after_the_fit():
    model = MLPClassifier((5,), max_iter=2).fit(X, y)
    with pytest.raises(ValueError, match="activation='foo' does not exist: use one of"):
        model.set_params(activation="foo").predict(X)
    assert_array_equal(model.set_params(activation="tanh").predict(X).shape, y.shape)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "other byte order"])
def test_any_place_of_sparse_data_gives_the_same_model(form, tmp_path):
    plain = sparse.csr_array(np.where(X > 0, X, 0))
    moved = sparse.csr_array(plain.shape)
    if form == "every other row and column":
        moved.data, moved.indices, moved.indptr = (
            np.repeat(part, 2)[::2] for part in (plain.data, plain.indices, plain.indptr)
        )
    else:
        moved.data = laid_out(plain.data, form, tmp_path)
        (tmp_path / "indices").mkdir()
        moved.indices = laid_out(plain.indices, form, tmp_path / "indices")
        moved.indptr = plain.indptr
    models = [
        MLPClassifier((5,), max_iter=3, random_state=0).fit(data, y, X_val=data, y_val=y)
        for data in (plain, moved)
    ]
    assert_array_equal(params_of(models[0]), params_of(models[1]))
    assert models[0].validation_loss_curve_ == models[1].validation_loss_curve_
    assert_array_equal(models[0].predict_proba(plain), models[0].predict_proba(moved))


@pytest.mark.parametrize(
    ("X_val", "y_val", "told"),
    [
        (X[:9, :2], y[:9], "X_val, y_val: X has 2 features"),
        (np.full_like(X[:9], np.nan), y[:9], "X_val, y_val: Input X contains NaN"),
        (X[:9], y[:8], "X_val, y_val: Found input variables with inconsistent numbers of samples"),
        (X[:0], y[:0], "X_val, y_val: Found array with 0 sample"),
    ],
)
def test_bad_validation_data_is_named(X_val, y_val, told):
    with pytest.raises(ValueError, match=told):
        MLPClassifier(max_iter=2).fit(X, y, X_val=X_val, y_val=y_val)


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("part", ["data", "indices", "indptr"])
def test_a_sparse_matrix_whose_parts_have_another_byte_order(part, kind):
    X, y = np.random.default_rng(0).random((30, 4)), np.arange(30) % 2
    matrix, model = kind(X), fastnn.MLPClassifier((5,), max_iter=3, random_state=0)
    expected = model.fit(matrix.copy(), y).predict_proba(matrix.copy())
    values = getattr(matrix, part)
    setattr(matrix, part, values.astype(values.dtype.newbyteorder()))
    assert_array_equal(model.fit(matrix, y).predict_proba(matrix), expected)
