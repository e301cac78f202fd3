"""Time of an epoch beside the peers: scikit-learn, and PyTorch and JAX where they are installed.

Each peer trains the same network on the same rows by the same mini-batches with Adam. A round times
each once, so that a noisy minute of the machine meets all of them.
"""

import importlib.util
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import click
import numpy as np
import sklearn.neural_network
from sklearn.exceptions import ConvergenceWarning

from fastnn.engine import threads
from fastnn.estimators.classifier import MLPClassifier


class Case(NamedTuple):
    """Shape of a problem."""

    rows: int
    features: int
    hidden: tuple[int, ...]
    classes: int
    batch: int
    epochs: int  # in one round: so many that the rest of a fit counts little


CASES = {
    "iris": Case(150, 4, (100,), 3, 150, 1000),
    "digits": Case(1797, 64, (100,), 10, 200, 100),
    "mnist": Case(10000, 784, (100,), 10, 200, 4),
    "tabular": Case(50000, 54, (256, 256), 7, 200, 2),
    "deep": Case(10000, 100, (64,) * 10, 10, 200, 4),
}

Train = Callable[[], Any]  # trains for a case's number of epochs


class Peer(NamedTuple):
    """A way to train."""

    module: str  # that has to be installed
    prepare: Callable[[Case, np.ndarray, np.ndarray], Train]  # compiles, too


def run(quick: bool, dtype: str) -> None:
    """Print the times of all cases, or of two small ones."""
    click.echo(f"{dtype}, up to {threads.available()} threads, ms an epoch: median (best)")
    names = list(CASES)[:2] if quick else list(CASES)
    for line in compare(names, np.dtype(dtype), rounds=3 if quick else 5):
        click.echo(line)


def compare(names: list[str], dtype: np.dtype, rounds: int) -> Iterator[str]:
    """Time each peer on each case.

    Parameters
    ----------
    names : list of str
        Keys of `CASES`.
    dtype : dtype
        float32 or float64.
    rounds : int
        Timings of each peer.

    Yields
    ------
    line : str
        Of a table: milliseconds an epoch, median and best, and each peer's median by fastnn's.
    """
    peers = {name: peer for name, peer in PEERS.items() if installed(peer)}
    for name in PEERS.keys() - peers.keys():
        yield f"{name} is not installed"
    for case_name in names:
        case = CASES[case_name]
        X, y = data(case, dtype)
        trains = {name: peer.prepare(case, X, y) for name, peer in peers.items()}
        times: dict[str, list[float]] = {name: [] for name in trains}
        for _ in range(rounds):
            for name, train in trains.items():
                times[name].append(milliseconds(train, case))
        ours = np.median(times["fastnn"])
        for name, ms in times.items():
            median, best = np.median(ms), min(ms)
            ratio = "" if name == "fastnn" else f"  {median / ours:6.1f} times fastnn's"
            yield f"{case_name:<8} {name:<13} {median:9.3f} ({best:.3f}){ratio}"


def milliseconds(train: Train, case: Case) -> float:
    """Time of an epoch."""
    began = time.perf_counter()
    train()
    return (time.perf_counter() - began) * 1e3 / case.epochs


def installed(peer: Peer) -> bool:
    """Whether a peer can be asked."""
    return importlib.util.find_spec(peer.module) is not None


def data(case: Case, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Random rows and classes in the shape of a case: how long training takes is in the shape."""
    random = np.random.default_rng(0)
    X = random.standard_normal((case.rows, case.features)).astype(dtype)
    return X, random.integers(0, case.classes, case.rows)


def _estimator(
    Estimator: type, case: Case, X: np.ndarray, y: np.ndarray, **parameters: Any
) -> Train:
    model = Estimator(
        case.hidden,
        batch_size=case.batch,
        max_iter=case.epochs,
        tol=0,
        n_iter_no_change=np.inf,
        random_state=0,
        **parameters,
    )

    def train() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y)

    train()  # compiles
    return train


def _torch(case: Case, X: np.ndarray, y: np.ndarray) -> Train:
    import torch  # extra bench

    rows, targets = torch.from_numpy(X), torch.from_numpy(y)
    units = [case.features, *case.hidden, case.classes]
    layers: list[Any] = []
    for m, n in pairwise(units):
        layers += [torch.nn.Linear(m, n, dtype=rows.dtype), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1])
    adam = torch.optim.Adam(network.parameters(), weight_decay=0.0)

    def train() -> None:
        for _ in range(case.epochs):
            for batch in torch.randperm(case.rows).split(case.batch):
                loss = torch.nn.functional.cross_entropy(network(rows[batch]), targets[batch])
                adam.zero_grad()
                loss.backward()
                adam.step()

    return train


def _jax(case: Case, X: np.ndarray, y: np.ndarray) -> Train:
    import jax  # extra bench

    jnp = jax.numpy
    jax.config.update("jax_enable_x64", X.dtype == np.float64)
    rows, targets = jnp.asarray(X), jnp.asarray(y)
    random = np.random.default_rng(0)
    units = [case.features, *case.hidden, case.classes]
    params = [
        (jnp.asarray(random.normal(0, m**-0.5, (m, n)), X.dtype), jnp.zeros(n, X.dtype))
        for m, n in pairwise(units)
    ]
    zeros = jax.tree.map(jnp.zeros_like, params)
    full = case.rows - case.rows % case.batch  # a scan takes mini-batches of one size

    def loss(params: Any, batch: Any) -> Any:
        A = rows[batch]
        for W, b in params[:-1]:
            A = jax.nn.relu(A @ W + b)
        W, b = params[-1]
        scores = jax.nn.log_softmax(A @ W + b)
        return -jnp.take_along_axis(scores, targets[batch][:, None], 1).mean()

    def step(state: Any, batch: Any) -> Any:
        params, m, v, t = state
        g = jax.grad(loss)(params, batch)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate = (1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)).astype(X.dtype)
        params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8), params, m, v)
        return (params, m, v, t + 1), None

    @jax.jit
    def epoch(state: Any, key: Any) -> Any:
        order = jax.random.permutation(key, case.rows)
        state = jax.lax.scan(step, state, order[:full].reshape(-1, case.batch))[0]
        return step(state, order[full:])[0] if full < case.rows else state

    def train() -> None:
        state = (params, zeros, zeros, 1.0)
        for key in jax.random.split(jax.random.key(0), case.epochs):
            state = epoch(state, key)
        jax.block_until_ready(state)

    train()  # compiles
    return train


PEERS = {
    "fastnn": Peer("fastnn", partial(_estimator, MLPClassifier)),
    "scikit-learn": Peer("sklearn", partial(_estimator, sklearn.neural_network.MLPClassifier)),
    "PyTorch": Peer("torch", _torch),
    "JAX": Peer("jax", _jax),
}
ROUNDED = Peer("fastnn", partial(_estimator, MLPClassifier, dtype="bfloat16"))  # where it can be
