"""The same training by PyTorch, where it has the same thing: an independent reference.

PyTorch is in the extra `bench`. Without it these tests are skipped: the formulas are tested against
NumPy elsewhere, and PyTorch alone is larger than all else that the tests need.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array

from fastnn import MLPClassifier, MLPRegressor

torch = pytest.importorskip("torch", reason="PyTorch is in the extra `bench`")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

random = np.random.default_rng(0)
X = random.standard_normal((230, 5))
y = np.sin(X[:, 0]) + X[:, 1]
codes = random.integers(0, 3, 230)
RATE, EPOCHS = 0.01, 4
MODULES = {
    "identity": torch.nn.Identity,
    "logistic": torch.nn.Sigmoid,
    "tanh": torch.nn.Tanh,
    "relu": torch.nn.ReLU,
    "leaky_relu": torch.nn.LeakyReLU,
    "elu": torch.nn.ELU,
    "selu": torch.nn.SELU,
    "gelu": torch.nn.GELU,
    "silu": torch.nn.SiLU,
    "mish": torch.nn.Mish,
    "softplus": torch.nn.Softplus,
    "hard_tanh": torch.nn.Hardtanh,
}
SOLVERS = {
    "adamw": (torch.optim.AdamW, {"weight_decay": 0.1}, {"weight_decay": 0.1}),
    "adamw, amsgrad": (
        torch.optim.AdamW,
        {"weight_decay": 0.1, "amsgrad": True},
        {"weight_decay": 0.1, "amsgrad": True},
    ),
    "nadam": (torch.optim.NAdam, {}, {}),
    "rmsprop": (torch.optim.RMSprop, {"alpha": 0.8}, {"rho": 0.8}),
    "adagrad": (torch.optim.Adagrad, {"eps": 1e-8}, {}),
    "sgd": (
        torch.optim.SGD,
        {"momentum": 0.9, "nesterov": True},
        {"momentum": 0.9, "nesterovs_momentum": True},
    ),
}


def network(model, activation="tanh", normalization=None):
    """PyTorch's network of the same weights."""
    layers = []
    for l, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        linear = torch.nn.Linear(*W.shape, dtype=torch.float64)
        linear.weight.data, linear.bias.data = torch.tensor(W.T.copy()), torch.tensor(b.copy())
        layers.append(linear)
        if l < len(model.coefs_) - 1:
            Norm = {"batch": torch.nn.BatchNorm1d, "layer": torch.nn.LayerNorm}.get(normalization)
            layers += [Norm(b.size, dtype=torch.float64)] if Norm else []
            layers.append(MODULES[activation]())
    return torch.nn.Sequential(*layers)


def untrained(Estimator, target, **parameters):
    still = {"solver": "sgd", "learning_rate_init": 1e-300, "max_iter": 1}
    return Estimator(**{**parameters, **still}).fit(X, target)


def train(peer, Optimizer, options, loss, target, clip=None):
    """Full batches, one shard of about 100 rows after the other through the network."""
    target = torch.tensor(target)
    weights = [p for name, p in peer.named_parameters() if p.ndim == 2]
    others = [p for name, p in peer.named_parameters() if p.ndim != 2]
    groups = [{"params": weights, **options}, {"params": others, **options}]
    if "weight_decay" in options:
        groups[1]["weight_decay"] = 0.0
    optimizer, shards = Optimizer(groups, lr=RATE), [slice(0, 115), slice(115, 230)]
    for _ in range(EPOCHS):
        optimizer.zero_grad()
        outputs = torch.cat([peer(torch.tensor(X[shard])) for shard in shards])
        loss(outputs, target).backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(peer.parameters(), clip)
        optimizer.step()


def assert_same(model, peer, rtol=1e-6):
    peer.eval()
    linears = [layer for layer in peer if isinstance(layer, torch.nn.Linear)]
    for W, b, linear in zip(model.coefs_, model.intercepts_, linears, strict=True):
        assert_allclose(W, linear.weight.detach().numpy().T, rtol=rtol, atol=1e-8)
        assert_allclose(b, linear.bias.detach().numpy(), rtol=rtol, atol=1e-8)


COMMON = {
    "hidden_layer_sizes": (7, 4),
    "alpha": 0.0,
    "shuffle": False,
    "batch_size": 230,
    "random_state": 0,
    "tol": 0,
}


def half_squares(outputs, target):
    return ((outputs[:, 0] - target) ** 2).mean() / 2


@pytest.mark.parametrize("clip", [None, 0.1])
@pytest.mark.parametrize("name", SOLVERS)
def test_solvers(name, clip):
    Optimizer, theirs, ours = SOLVERS[name]
    common = {**COMMON, **ours, "activation": "tanh"}
    peer = network(untrained(MLPRegressor, y, **{**common, "amsgrad": False}))
    train(peer, Optimizer, theirs, half_squares, y, clip)
    model = MLPRegressor(
        solver=name.split(",")[0],
        learning_rate_init=RATE,
        max_iter=EPOCHS,
        max_grad_norm=clip,
        **common,
    ).fit(X, y)
    assert_same(model, peer, rtol=1e-6 if clip is None else 2e-5)  # it adds 1e-6 to the norm


@pytest.mark.parametrize("activation", MODULES)
def test_activations(activation):
    common = {**COMMON, "activation": activation}
    peer = network(untrained(MLPRegressor, y, **common), activation)
    train(peer, torch.optim.SGD, {}, half_squares, y)
    model = MLPRegressor(
        solver="sgd", momentum=0, learning_rate_init=RATE, max_iter=EPOCHS, **common
    ).fit(X, y)
    assert_same(model, peer)
    outputs = peer(torch.tensor(X)).detach().numpy()[:, 0]
    assert_allclose(model.predict(X), outputs, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_normalization(normalization):
    common = {**COMMON, "activation": "tanh", "normalization": normalization}
    start = untrained(MLPRegressor, y, **common)
    peer = network(start, "tanh", normalization)
    train(peer, torch.optim.SGD, {}, half_squares, y)
    model = MLPRegressor(
        solver="sgd", momentum=0, learning_rate_init=RATE, max_iter=EPOCHS, **common
    ).fit(X, y)
    assert_same(model, peer)
    norms = [layer for layer in peer if hasattr(layer, "eps")]
    for l, norm in enumerate(norms):
        assert_allclose(model.normalization_scales_[l], norm.weight.detach().numpy(), rtol=1e-7)
        assert_allclose(model.normalization_shifts_[l], norm.bias.detach().numpy(), atol=1e-9)
        if normalization == "batch":
            assert_allclose(model.running_means_[l], norm.running_mean.numpy(), rtol=1e-7)
            assert_allclose(model.running_variances_[l], norm.running_var.numpy(), rtol=1e-7)
    outputs = peer(torch.tensor(X)).detach().numpy()[:, 0]
    assert_allclose(model.predict(X), outputs, rtol=1e-7)


@pytest.mark.parametrize("form", [np.asarray, csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("dropped", [0, 1])
def test_batch_normalization_of_uneven_shards(dropped, form):
    """Mini-batches of 211 rows are two shards, the last one of 19 or 18 rows is one."""
    n, rows = 230 - dropped, 211
    common = {**COMMON, "activation": "tanh", "normalization": "batch", "batch_size": rows}
    peer = network(untrained(MLPRegressor, y, **common), "tanh", "batch")
    optimizer, target = torch.optim.SGD(peer.parameters(), lr=RATE), torch.tensor(y)
    for _ in range(EPOCHS):
        for shards in ([slice(0, 105), slice(105, rows)], [slice(rows, n)]):
            optimizer.zero_grad()
            outputs = torch.cat([peer(torch.tensor(X[shard])) for shard in shards])
            half_squares(outputs, target[shards[0].start : shards[-1].stop]).backward()
            optimizer.step()
    model = MLPRegressor(
        solver="sgd", momentum=0, learning_rate_init=RATE, max_iter=EPOCHS, **common
    ).fit(form(X[:n]), y[:n])
    assert_same(model, peer)
    norms = [layer for layer in peer if hasattr(layer, "eps")]
    for l, norm in enumerate(norms):
        assert_allclose(model.running_means_[l], norm.running_mean.numpy(), rtol=1e-7)
        assert_allclose(model.running_variances_[l], norm.running_var.numpy(), rtol=1e-7)


LOSSES = {
    "absolute_error": torch.nn.L1Loss(),
    "huber": torch.nn.HuberLoss(delta=0.5),
    "squared_error": lambda outputs, target: torch.nn.MSELoss()(outputs, target) / 2,
}


@pytest.mark.parametrize("loss", LOSSES)
def test_regression_losses(loss):
    common = {**COMMON, "activation": "tanh", "loss": loss, "huber_delta": 0.5}
    peer = network(untrained(MLPRegressor, y, **common))
    train(peer, torch.optim.SGD, {}, lambda a, t: LOSSES[loss](a[:, 0], t), y)
    model = MLPRegressor(
        solver="sgd", momentum=0, learning_rate_init=RATE, max_iter=EPOCHS, **common
    ).fit(X, y)
    assert_same(model, peer)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("class_weight", [None, {0: 2.0, 1: 0.5, 2: 1.0}])
def test_classification(smoothing, class_weight):
    if smoothing and class_weight:
        return  # PyTorch weights each class' part of a smoothed target, and not the row
    common = {**COMMON, "activation": "relu"}
    options = {"label_smoothing": smoothing, "class_weight": class_weight}
    peer = network(untrained(MLPClassifier, codes, **common), "relu")
    weight = None if class_weight is None else torch.tensor(list(class_weight.values())).double()
    loss = torch.nn.CrossEntropyLoss(weight, label_smoothing=smoothing)
    train(peer, torch.optim.SGD, {}, loss, codes)
    model = MLPClassifier(
        solver="sgd", momentum=0, learning_rate_init=RATE, max_iter=EPOCHS, **common, **options
    ).fit(X, codes)
    assert_same(model, peer)
