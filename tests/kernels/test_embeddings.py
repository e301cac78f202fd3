"""The embedding of a table's rows: beside NumPy, plain Python and central differences."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from kernel_forms import DTYPES, FORMS, checked, close
from numpy.testing import assert_allclose, assert_array_equal
from problems import dtypes_of_problem, optimizer_of, workspace_of

from fastnn.compiling.runtime import Call
from fastnn.embedding import Embedding
from fastnn.engine import bind, threads
from fastnn.engine.base import Problem, Segment
from fastnn.engine.cpu import CPU
from fastnn.engine.data import Data, sample_of
from fastnn.kernels import embeddings, epoch
from fastnn.kernels.arguments import Epochs
from fastnn.kernels.sharing import ALONE
from fastnn.memory import padded
from fastnn.network import Architecture, Network

EMBEDDINGS = {
    "all": Embedding(3, 2, (4, 1, 7), n_frequencies=5, n_waves=2, table_width=3),
    "numbers": Embedding(2, 0),
    "plain": Embedding(0, 3),
    "categories": Embedding(0, 0, (3, 2)),
}
N_ROWS = 230


def rows_of(embedding, dtype, seed=0):
    random = np.random.default_rng(seed)
    numbers = random.normal(0, 1, (N_ROWS, embedding.n_numbers + embedding.n_plain))
    codes = [random.integers(0, levels, N_ROWS) for levels in embedding.levels]
    return np.column_stack([numbers, *codes]).astype(dtype)


def problem_of(name, dtype=np.float64, dropout=(0.3, 0.0), segments=()):
    random, embedding = np.random.default_rng(1), EMBEDDINGS[name]
    network = Network.zeros((embedding.n_outputs, 6, 5, 3), np.dtype(dtype), embedding=embedding)
    network.params[:] = random.normal(0, 0.5, network.params.size)
    architecture = Architecture(("mish", "silu"), "softmax", dropout=dropout, embedding=embedding)
    Y, weights = random.integers(0, 3, (N_ROWS, 1)).astype(dtype), random.uniform(0, 2, N_ROWS)
    data, order = Data(rows_of(embedding, dtype), Y, weights), random.permutation(N_ROWS)
    what = {"loss": "log_loss", "alpha": 0.1, "seed": 3, "segments": segments}
    return Problem(network, architecture, data, order, **what)


def embedded_by_numpy(embedding, learnt, X):
    """The formula of `fastnn.kernels.embeddings`."""
    p, n_plain = embedding.n_numbers, embedding.n_plain
    x, codes = X[:, :p], X[:, p + n_plain :].astype(int)
    angles = 2 * np.pi * (x[:, :, None] * learnt["frequencies"] + learnt["phases"])
    waves = np.einsum("ijk,jwk->ijw", np.cos(angles), learnt["mix"]) + learnt["shift"]
    starts = np.cumsum([0, *embedding.levels])[:-1]
    tables = learnt["tables"][codes + starts.astype(int)]
    parts = [X[:, : p + n_plain], waves, tables]
    return np.concatenate([part.reshape(len(X), -1) for part in parts], axis=1)


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_embedding_without_a_kernel(name):
    problem = problem_of(name)
    learnt, X = problem.network.embedded, problem.data.X
    expected = embedded_by_numpy(EMBEDDINGS[name], learnt, X) * learnt["scale"]
    assert_allclose(EMBEDDINGS[name].rows(learnt, X), expected)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EMBEDDINGS)
def test_embedded_rows(name, dtype, form):
    problem, embedding = problem_of(name, dtype), EMBEDDINGS[name]
    network, X = problem.network, problem.data.X
    rows = np.array([5, 0, 229])
    U, A = (np.empty((3, embedding.n_outputs), dtype) for _ in range(2))
    sample, table = sample_of(X, np.empty((0, 0), dtype)), embedding.table(network.embedding_start)
    scratch = np.empty(3 * (embeddings.FOR_WAVES + embedding.n_waves), dtype)
    params = network.params.view()
    params.flags.writeable = False
    form(embeddings.embed)(sample, rows, table, params, scratch, U, A)
    expected = embedded_by_numpy(embedding, network.embedded, X[rows])
    assert_allclose(U, expected, **close(dtype))
    assert_allclose(A, expected * network.embedded["scale"], **close(dtype))


@np.errstate(over="ignore")  # the dropout's hash is meant to, where Python runs it
@pytest.mark.parametrize("name", EMBEDDINGS)
def test_gradient_is_that_of_central_differences(name):
    problem = problem_of(name)
    rows = np.arange(20)
    stepper = CPU.stepper(problem, solver(problem), rows.size)
    gradient = stepper.gradient(rows).vector.copy()
    params = problem.network.params
    chosen = checked(params.size)
    numeric = np.empty(chosen.size)
    for k, i in enumerate(chosen):
        kept, losses = params[i], []
        for shift in (1e-5, -1e-5):
            params[i] = kept + shift
            losses.append(stepper.gradient(rows).loss)
        params[i] = kept
        numeric[k] = (losses[0] - losses[1]) / 2e-5
    assert_allclose(gradient[chosen], numeric, rtol=1e-6, atol=1e-9)
    assert np.count_nonzero(gradient) > 0.8 * gradient.size  # nothing was left out


def solver(problem):
    params = problem.network.params
    hyper = {"beta_1": 0.9, "beta_2": 0.95, "epsilon": 1e-8}
    state = np.zeros((2, padded(params.size, params.dtype)), params.dtype)
    progress = np.zeros(4)
    return SimpleNamespace(
        name="adamw", hyper=hyper, weight_decay=0.0, state=state, progress=progress
    )


def params_after_steps(dtype, is_compiled=True, several=False):
    problem = problem_of("all", dtype)
    dtypes, work = dtypes_of_problem(problem), workspace_of(problem, 205)
    layers, backward = bind.training_layers(problem, dtypes), bind.backward_pass(problem, dtypes)
    optimizer = optimizer_of(problem, "adamw")
    epochs = Epochs(problem.rows[None], optimizer.hyper[:1], np.empty(1))
    fixed = (problem.data.sample, 205, layers, problem.network.params)
    fixed += optimizer, backward, work, epochs
    loops = bind.shard_loop(dtypes), bind.block_loop(False, dtypes)
    with np.errstate(over="ignore"):  # as the dropout's hash is meant to
        if is_compiled:
            with threads.team(1 + several) as team:
                Call(epoch.train_steps, dtypes, *fixed)(1, 0, N_ROWS, team, *loops)
        else:
            epoch.train_steps(*fixed, 1, 0, N_ROWS, ALONE, *loops)
    return problem.network.params


@pytest.mark.parametrize("dtype", DTYPES)
def test_steps_compiled_and_as_python(dtype):
    ours, as_python = params_after_steps(dtype), params_after_steps(dtype, is_compiled=False)
    assert_allclose(ours, as_python, rtol=1e-4, atol=1e-4 if dtype == np.float32 else 1e-10)


def test_threads_change_no_bit():
    assert_array_equal(*(params_after_steps(np.float32, several=n) for n in (False, True)))


def test_segments_of_other_blocks_are_passed_over():
    problem = problem_of("all")
    wide = Network.zeros(
        (EMBEDDINGS["all"].n_outputs, 300, 3), np.float64, embedding=EMBEDDINGS["all"]
    )
    size, before = wide.params.size, wide.params.copy()
    segments = Segment(7, 0.0), Segment(size)
    architecture = replace(problem.architecture, activations=("mish",), dropout=())
    wide_problem = replace(problem, network=wide, architecture=architecture, segments=segments)
    stepper = CPU.stepper(wide_problem, solver(wide_problem), 20)
    stepper.update(np.ones(size), 0.1)
    changed = wide.params != before
    assert not changed[:7].any()
    assert changed[7:].all()


def test_segments_learn_and_decay_at_their_own_rates():
    plain_problem, size = problem_of("all"), problem_of("all").network.params.size
    segments = (Segment(7, 0.0, 0.0), Segment(40, 2.0, 0.0), Segment(size, 1.0, 0.5))
    by_segments = problem_of("all", segments=segments)
    before = plain_problem.network.params.copy()
    gradient = np.random.default_rng(0).normal(size=size)
    for problem in (plain_problem, by_segments):
        CPU.stepper(problem, solver(problem), N_ROWS).update(gradient, 0.1)
    step = plain_problem.network.params - before
    expected = before + np.r_[0 * step[:7], 2 * step[7:40], step[40:] - 0.05 * before[40:]]
    assert_allclose(by_segments.network.params, expected, rtol=1e-12)
