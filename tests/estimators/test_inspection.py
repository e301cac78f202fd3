"""Looking into a network: hidden outputs, gradients, counts, norms; and what is refused."""

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier as SkClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastnn
from fastnn import MLPClassifier, MLPRegressor, MLPTransformer, check_gradient
from fastnn.callbacks import Checkpoint, NormRecorder, TargetReached, TimeLimit
from fastnn.kernels.activations import ACTIVATIONS
from fastnn.kernels.losses import REGRESSION_LOSSES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)


def test_hidden_activations():
    model = MLPClassifier((6, 5), activation=("tanh", "relu"), max_iter=5, random_state=0).fit(X, y)
    first = np.tanh(X @ model.coefs_[0] + model.intercepts_[0])
    second = np.maximum(first @ model.coefs_[1] + model.intercepts_[1], 0)
    assert_allclose(model.hidden_activations(X, 0), first, rtol=1e-12)
    assert_allclose(model.hidden_activations(X, 1), second, rtol=1e-12)
    assert_allclose(model.hidden_activations(X, -1), second, rtol=1e-12)
    for layer in (2, -3, 0.5, "0", None):
        with pytest.raises(ValueError, match="2 hidden layers"):
            model.hidden_activations(X, layer)
    with pytest.raises(NotFittedError):
        MLPClassifier().hidden_activations(X, 0)


def test_transformer_in_a_pipeline_and_a_search():
    network = MLPClassifier((6, 3), max_iter=30, random_state=0)
    pipeline = make_pipeline(MLPTransformer(network), LogisticRegression())
    assert pipeline.fit(X, y)[:-1].transform(X).shape == (150, 3)
    names = pipeline[0].get_feature_names_out()
    assert list(names) == [f"mlptransformer{k}" for k in range(3)]
    search = GridSearchCV(pipeline, {"mlptransformer__layer": [0, 1]}, cv=2).fit(X, y)
    assert search.best_score_ > 0.7
    named = MLPTransformer(network).set_output(transform="pandas")
    data = pd.DataFrame(X, columns=list("abcd"))
    assert list(named.fit(data, y).transform(data).columns) == list(named.get_feature_names_out())
    assert list(named.feature_names_in_) == list("abcd")
    assert not hasattr(MLPTransformer(network).fit(X, y), "feature_names_in_")
    fitted = network.fit(X, y)
    ready = MLPTransformer(fitted, layer=0, prefit=True).fit(X)
    np.testing.assert_array_equal(ready.transform(X), fitted.hidden_activations(X, 0))
    with pytest.raises(ValueError, match="hidden layers"):
        MLPTransformer(network, layer=5).fit(X, y)


NETWORK = MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", max_iter=15, random_state=0)


@parametrize_with_checks([MLPTransformer(NETWORK)])
def test_transformer_keeps_the_contract(estimator, check):
    check(estimator)


def test_summary_and_count():
    model = MLPClassifier((6, 5), normalization="batch", dropout=0.1, max_iter=2).fit(X, y)
    weights = sum(w.size for w in model.coefs_ + model.intercepts_)
    assert model.n_parameters_ == weights + 2 * (6 + 5)
    lines = model.summary().splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["input", "hidden", "hidden", "output"]
    assert "batch norm, relu, dropout 0.1" in lines[2]
    assert lines[-1].split()[-1] == str(model.n_parameters_)


SMOOTH = {
    "classes": (MLPClassifier, y),
    "two classes": (MLPClassifier, y > 0),
    "multilabel": (MLPClassifier, np.stack([y > 0, y > 1], axis=1)),
    "several targets": (MLPClassifier, np.stack([y, y % 2], axis=1)),
    "numbers": (MLPRegressor, np.stack([X[:, 0], X[:, 1]], axis=1)),
}


@pytest.mark.parametrize("normalization", [None, "layer", "batch"])
@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("task", SMOOTH)
def test_check_gradient(task, fitted, normalization):
    Estimator, target = SMOOTH[task]
    model = Estimator(
        hidden_layer_sizes=(6, 5),
        activation=("tanh", "gelu"),
        max_iter=3,
        random_state=0,
        dropout=0.2,
        normalization=normalization,
    )
    if fitted:
        model.fit(X, target)
    before = {name: value for name, value in vars(model).items() if name != "_own_network"}
    errors = check_gradient(model, X[::5], target[::5], sample_weight=np.linspace(0.1, 2, 30))
    assert len(errors) == 3
    assert max(errors) < 1e-4
    assert vars(model).keys() - {"_own_network"} == before.keys()


POSITIVE = np.abs(X[:, 0]) + 0.1
LOSSES = {
    **{name: MLPRegressor(name) for name in REGRESSION_LOSSES},
    "quantiles": MLPRegressor("quantile", quantile=[0.1, 0.5, 0.9]),
    "focal": MLPClassifier(loss="focal"),
    "smoothed": MLPClassifier(label_smoothing=0.2),
    "balanced": MLPClassifier(class_weight="balanced"),
}


@pytest.mark.parametrize("form", [np.asarray, csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("loss", LOSSES)
def test_check_gradient_of_each_loss(loss, form):
    model = LOSSES[loss].set_params(hidden_layer_sizes=(6,), activation="tanh", random_state=0)
    target = POSITIVE if isinstance(model, MLPRegressor) else y
    assert max(check_gradient(model, form(X[::6]), target[::6])) < 1e-5
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_check_gradient_of_each_activation(activation):
    model = MLPClassifier((6, 5), activation=activation, random_state=0)
    assert max(check_gradient(model, X[::6], y[::6])) < 1e-5


def test_check_gradient_finds_a_wrong_gradient(monkeypatch):
    from fastnn.estimators import gradient_check

    right = gradient_check._Loss.gradient
    monkeypatch.setattr(gradient_check._Loss, "gradient", lambda self: 1.01 * right(self))
    errors = check_gradient(MLPClassifier((6,), activation="tanh", random_state=0), X[::8], y[::8])
    assert min(errors) > 5e-3


@pytest.mark.parametrize("estimator", [SkClassifier(), make_pipeline(MLPClassifier()), None])
def test_check_gradient_of_something_else(estimator):
    with pytest.raises(TypeError, match="check_gradient takes fastnn's"):
        check_gradient(estimator, X, y)


@pytest.mark.parametrize("max_per_layer", [0, -1, 2.5])
def test_check_gradient_of_no_parameter(max_per_layer):
    with pytest.raises(ValueError, match="max_per_layer has to be a whole number from 1 on"):
        check_gradient(MLPClassifier(), X, y, max_per_layer=max_per_layer)


# ------------------------------------------------------------------------------------ callbacks


def test_norms():
    recorder = NormRecorder()
    model = MLPClassifier((6,), max_iter=4, random_state=0).set_callbacks(recorder).fit(X, y)
    assert np.shape(recorder.weight_norms_) == np.shape(recorder.gradient_norms_) == (4, 2)
    last = [
        np.sqrt((W**2).sum() + (b**2).sum())
        for W, b in zip(model.coefs_, model.intercepts_, strict=True)
    ]
    assert_allclose(recorder.weight_norms_[-1], last)
    assert (np.array(recorder.gradient_norms_) > 0).all()


def test_callbacks_in_a_pipeline_and_a_search(tmp_path):
    path, recorder = tmp_path / "model.joblib", NormRecorder()
    network = MLPClassifier((6,), max_iter=4, random_state=0)
    network.set_callbacks(Checkpoint(path), recorder, TimeLimit(60))
    make_pipeline(StandardScaler(), network).fit(X, y)
    assert joblib.load(path).n_iter_ == 4
    GridSearchCV(network, {"alpha": [0, 1]}, cv=2, refit=False).fit(X, y)
    assert len(recorder.weight_norms_) == 4
    assert os_files(tmp_path) == ["model.joblib"]


def os_files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_checkpoint_that_cannot_be_written_leaves_the_last_one(tmp_path, monkeypatch):
    path = tmp_path / "model.joblib"
    path.write_bytes(b"the last one")

    def fails(model, file):
        file.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(fastnn.callbacks.joblib, "dump", fails)
    with pytest.raises(OSError, match="no space left"):
        MLPClassifier((3,), max_iter=2).set_callbacks(Checkpoint(path)).fit(X, y)
    assert path.read_bytes() == b"the last one"
    assert os_files(tmp_path) == ["model.joblib"]


def test_target_reached():
    stop = TargetReached(0.9)
    parameters = {"early_stopping": True, "learning_rate_init": 0.02, "random_state": 0}
    model = MLPClassifier((9,), max_iter=300, **parameters)
    model.set_callbacks(stop).fit(X, y)
    assert model.n_iter_ < 300
    assert model.validation_scores_[-1] >= 0.9 > max(model.validation_scores_[:-1])
    with pytest.raises(ValueError, match="early_stopping=True"):
        MLPClassifier(max_iter=2).set_callbacks(stop).fit(X, y)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Checkpoint("model", every=0),
        lambda: Checkpoint("model", every=1.5),
        lambda: Checkpoint("model", every="2"),
        lambda: TimeLimit(0),
        lambda: TimeLimit(float("nan")),
        lambda: TimeLimit("1"),
        lambda: TargetReached(1, "accuracy"),
        lambda: TargetReached(float("nan")),
        lambda: TargetReached("1"),
    ],
)
def test_callbacks_that_make_no_sense(make):
    with pytest.raises(ValueError, match="has to be"):
        make()


# ----------------------------------------------------------------------------------- parameters

NONSENSE = [
    ({"activation": "swish"}, "activation"),
    ({"activation": ("relu", "tanh", "relu")}, "3 entries and the network 2 hidden layers"),
    ({"activation": ("relu", "swish")}, "'swish'"),
    ({"solver": "newton"}, "solver"),
    ({"dropout": 1.0}, "dropout"),
    ({"dropout": -0.1}, "dropout"),
    ({"dropout": (0.1, 1.0)}, r"1\.0"),
    ({"dropout": (0.1,)}, "1 entries"),
    ({"dropout": 0.1, "solver": "lbfgs"}, "lbfgs"),
    ({"normalization": "group"}, "normalization"),
    ({"normalization": "batch", "solver": "lbfgs"}, "normalization='layer'"),
    ({"weight_decay": -1e-3}, "weight_decay"),
    ({"weight_init": "xavier"}, "weight_init"),
    ({"weight_init": -1.0}, "weight_init"),
    ({"rho": 1.0}, "rho"),
    ({"amsgrad": True, "solver": "sgd"}, "solver='adam' or 'adamw'"),
    ({"max_grad_norm": 0}, "max_grad_norm"),
    ({"max_grad_norm": 1, "solver": "lbfgs"}, "max_grad_norm"),
    ({"learning_rate": "linear"}, "learning_rate"),
    ({"warmup": -1}, "warmup"),
    ({"warmup": 200}, "max_iter=200"),
    ({"warmup": 2, "learning_rate": "adaptive"}, "warmup=0"),
    ({"step_size": 0}, "step_size"),
    ({"decay": 0}, "decay"),
    ({"decay": 1.5}, "decay"),
    ({"scoring": 3}, "scoring"),
    ({"max_time": 0}, "max_time"),
    ({"dtype": "float16"}, "dtype"),
    ({"n_jobs": 0}, "n_jobs"),
    ({"label_smoothing": 1.0}, "label_smoothing"),
    ({"label_smoothing": 0.1, "loss": "focal"}, "loss='log_loss'"),
    ({"focal_gamma": -1}, "focal_gamma"),
    ({"loss": "hinge"}, "loss"),
    ({"class_weight": "heavy"}, "class_weight"),
]


@pytest.mark.parametrize(("parameters", "told"), NONSENSE, ids=str)
def test_what_makes_no_sense_is_refused_and_nothing_is_lost(parameters, told):
    model = MLPClassifier((4, 3), max_iter=2, random_state=0).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(**{"max_iter": 200, **parameters})
    with pytest.raises(ValueError, match=told):
        model.fit(X, y)
    model.set_params(activation="relu", normalization=None)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_huber_delta():
    with pytest.raises(ValueError, match="huber_delta"):
        MLPRegressor("huber", huber_delta=0).fit(X, y)


@pytest.mark.parametrize("form", [np.asarray, np.asfortranarray])
def test_float32_training_of_float64_data(form):
    model = MLPClassifier((6,), dtype="float32", max_iter=5, random_state=0).fit(form(X), y)
    same = MLPClassifier((6,), max_iter=5, random_state=0).fit(X.astype(np.float32), y)
    assert model.coefs_[0].dtype == np.float32
    assert_allclose(model.coefs_[0], same.coefs_[0], rtol=1e-4, atol=1e-6)
    assert model.predict_proba(X).dtype == np.float64  # numpy.result_type(X, coefs_)
    assert model.predict_proba(X.astype(np.float32)).dtype == np.float32
    wide = MLPClassifier((6,), dtype="float64", max_iter=5).fit(X.astype(np.float32), y)
    assert wide.coefs_[0].dtype == np.float64


# ----------------------------------------------------------------- what kernels would not check


def test_a_network_of_another_shape_is_refused_or_used_whole():
    model = MLPClassifier((4,), max_iter=3, random_state=0).fit(X, y)
    model.set_params(normalization="batch")
    for rows in (1, 150):
        with pytest.raises(ValueError, match="normalization='batch' does not go"):
            model.predict_proba(X[:rows])
    model.set_params(normalization=None)
    right = model.coefs_[0]
    for n_features in (2, 9):
        model.coefs_[0] = np.ones((n_features, 4))
        for rows in (1, 150):
            with pytest.raises(ValueError, match=f"weights are for {n_features}"):
                model.predict_proba(X[:rows])
    model.coefs_[0] = right
    several = MLPClassifier((4,), max_iter=2).fit(X, np.stack([y, y], axis=1))
    several.classes_ = [np.arange(9), np.arange(9)]
    with pytest.raises(ValueError, match="18 classes"):
        several.predict_proba(X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_of_another_shape_set_by_hand_are_trained_on(dtype):
    model = MLPClassifier((4,), random_state=0).partial_fit(X, y, classes=[0, 1, 2])
    random = np.random.default_rng(0)
    model.coefs_ = [random.normal(size=shape).astype(dtype) for shape in ((4, 60), (60, 3))]
    model.intercepts_ = [np.zeros(n, dtype) for n in (60, 3)]
    before = model.coefs_[0].copy()
    model.partial_fit(X, y)
    assert model.coefs_[0].shape == (4, 60)
    assert model.coefs_[0].dtype == dtype
    assert 0 < np.abs(model.coefs_[0] - before).max() < 0.01


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "since",
    [
        {"solver": "lbfgs", "amsgrad": True},
        {"warmup": 9, "max_iter": 3},
        {"learning_rate": "adaptive", "warmup": 1},
        {"n_jobs": 0},
    ],
    ids=str,
)
def test_how_a_network_is_trained_does_not_matter_to_its_gradient(since):
    model = MLPClassifier((4,), activation="tanh", max_iter=2, random_state=0).fit(X, y)
    assert max(check_gradient(model.set_params(**since), X[:9], y[:9])) < 1e-4
