"""Initial weights.

================================  =================================================================
name                              weights of a layer from m to n units
================================  =================================================================
auto                              uniform up to gain sqrt(6 / (m + n)), biases too: scikit-learn's
glorot_uniform, glorot_normal     variance 2 / (m + n)  (Glorot and Bengio, AISTATS 2010)
he_uniform, he_normal             variance 2 / m        (He et al., arXiv:1502.01852)
lecun_uniform, lecun_normal       variance 1 / m        (LeCun et al., Efficient BackProp, 1998)
orthogonal                        orthogonal rows or columns  (Saxe et al., arXiv:1312.6120)
a number                          normal, with this standard deviation
================================  =================================================================

All but "auto" begin with biases of 0. Draws are float64, layer by layer, whatever the network's
dtype, so that float32 and float64 share one stream.
"""

from collections.abc import Callable, Sequence

import numpy as np

from fastnn.engine.base import Predictor
from fastnn.engine.data import Data
from fastnn.kernels.activations import ACTIVATIONS
from fastnn.network import Network

VARIANCES: dict[str, Callable[[int, int], float]] = {
    "glorot": lambda m, n: 2 / (m + n),
    "he": lambda m, n: 2 / m,
    "lecun": lambda m, n: 1 / m,
}
WEIGHT_INITS = (
    "auto",
    *(f"{name}_{shape}" for name in VARIANCES for shape in ("uniform", "normal")),
    "orthogonal",
)


def initialize(
    network: Network,
    weight_init: str | float,
    activations: Sequence[str],
    random_state: np.random.RandomState,
) -> None:
    """Draw the weights and biases of a network.

    Parameters
    ----------
    network : Network
        Is written to.
    weight_init : str or float
        One of `WEIGHT_INITS`, or a standard deviation.
    activations : sequence of str
        One for each layer, the output's included: "auto" has a gain for each.
    random_state : RandomState
        Is drawn from.
    """
    for W, b, activation in zip(network.coefs, network.intercepts, activations, strict=True):
        if weight_init == "auto":
            bound = ACTIVATIONS[activation].gain * np.sqrt(6 / sum(W.shape))
            W[...] = random_state.uniform(-bound, bound, W.shape)
            b[...] = random_state.uniform(-bound, bound, b.shape)
        else:
            W[...] = _draw(weight_init, W.shape, random_state)
            b[...] = 0


def _draw(
    weight_init: str | float, shape: tuple[int, int], random_state: np.random.RandomState
) -> np.ndarray:
    if not isinstance(weight_init, str):
        return random_state.normal(0, weight_init, shape)
    if weight_init == "orthogonal":
        return _orthogonal(random_state.standard_normal(shape))
    name, distribution = weight_init.split("_")
    deviation = np.sqrt(VARIANCES[name](*shape))
    if distribution == "normal":
        return random_state.normal(0, deviation, shape)
    bound = np.sqrt(3) * deviation
    return random_state.uniform(-bound, bound, shape)


def _orthogonal(normal: np.ndarray) -> np.ndarray:
    """Orthonormal columns, or rows where there are fewer of them, uniform among all such."""
    tall = normal if normal.shape[0] >= normal.shape[1] else normal.T
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diag(r))  # without it the signs would not be random (Mezzadri, 2007)
    return q if tall is normal else q.T


def initialize_from_data(
    network: Network,
    predictor: Predictor,
    data: Data,
    rows: np.ndarray,
    frequency_scale: float,
    random_state: np.random.RandomState,
) -> None:
    """Draw the parameters of a network with an embedding, by the rows that it is to learn from.

    Each unit's weights are normal, and divided by the standard deviation of what comes of them.
    Its bias puts the bend of its activation among the rows: into the midst of five of them,
    weighted at random ("he+5" of Holzmueller et al., arXiv:2407.04491).

    Parameters
    ----------
    network : Network
        Is written to.
    predictor : Predictor
        Of this network.
    data : Data
    rows : ndarray of int64
        Which of its rows, a sample where they are many.
    frequency_scale : float
        Standard deviation of the frequencies, in turns for each unit of a scaled number.
    random_state : RandomState
        Is drawn from.
    """
    embedding, learnt, random = network.embedding, network.embedded, random_state
    if embedding is None:
        raise ValueError("Only a network with an embedding is drawn by its data.")
    learnt["frequencies"][:] = random.normal(0, frequency_scale, learnt["frequencies"].shape)
    learnt["phases"][:] = random.uniform(-0.5, 0.5, learnt["phases"].shape)
    bound = embedding.n_frequencies**-0.5
    for name in ("mix", "shift"):
        learnt[name][:] = random.uniform(-bound, bound, learnt[name].shape)
    learnt["tables"][:] = random.standard_normal(learnt["tables"].shape)
    for first in embedding.table_starts:
        learnt["tables"][first] = 0  # of what is missing
    A = embedding.rows(learnt, np.asarray(data.X[rows]))
    for l, (W, b) in enumerate(zip(network.coefs, network.intercepts, strict=True)):
        W[:] = random.standard_normal(W.shape)
        Z = A @ W
        scale = 1 / np.maximum(Z.std(axis=0), 1e-6)
        W *= scale
        Z *= scale
        picked = random.randint(len(Z), size=(5, W.shape[1]))
        shares = random.standard_exponential(picked.shape)
        b[:] = -(shares / shares.sum(axis=0) * Z[picked, np.arange(W.shape[1])]).sum(axis=0)
        if l < len(network.bends):
            A = predictor.outputs(data, rows, layer=l)
