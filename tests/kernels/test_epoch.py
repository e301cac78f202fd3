"""Whole steps: compiled and as plain Python, at once and as gradient and update apart."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from kernel_forms import DTYPES, close
from numpy.testing import assert_allclose, assert_array_equal
from problems import (
    HIDDEN,
    bundles_of,
    dtypes_of_problem,
    optimizer_of,
    training_problem,
    workspace_of,
)

from fastnn.compiling.runtime import Call
from fastnn.engine import bind, threads
from fastnn.engine.data import Data
from fastnn.kernels import (
    epoch,
    updates,
)
from fastnn.kernels.arguments import ACTIVATE, DERIVE, LOSS, N_FUNCTIONS, ROWS, STEPS, Epochs
from fastnn.kernels.sharing import ALONE


def take_steps(
    problem, work, optimizer, batch, is_compiled=True, several=False, bundles_of=bundles_of
):
    """Take the steps of an epoch by the compiled kernels, or by Python."""
    dtypes, (layers, backward) = dtypes_of_problem(problem), bundles_of(problem)
    network, rows = (layers, problem.network.params), problem.rows
    epochs = Epochs(rows[None], optimizer.hyper[:1], np.empty(1))
    fixed = (problem.data.sample, batch, *network, optimizer, backward, work, epochs)
    loops = bind.shard_loop(dtypes), bind.block_loop(problem.max_norm is not None, dtypes)
    if is_compiled:
        with threads.team(1 + several) as team:
            Call(epoch.train_steps, dtypes, *fixed)(1, 0, rows.size, team, *loops)
    else:
        epoch.train_steps(*fixed, 1, 0, rows.size, ALONE, *loops)


def take_halves_of_steps(problem, work, optimizer, batch, is_compiled=True, several=False):
    """Take the steps of an epoch, each as a gradient and an update that are called apart."""
    dtypes, (layers, backward) = dtypes_of_problem(problem), bundles_of(problem)
    params, said, progress = problem.network.params, np.empty(2), optimizer.progress
    caller = Call if is_compiled else lambda kernel, dtypes, *fixed: partial(kernel, *fixed)
    of_gradient = (problem.data.sample, layers, backward, work)
    of_update = (params, optimizer, work)
    gradient = caller(epoch.batch_gradient, dtypes, *of_gradient)
    update = caller(epoch.apply_gradient, dtypes, *of_update)
    for start in range(0, problem.rows.size, batch):
        rows, step = problem.rows[start : start + batch], int(progress[STEPS]) + 1
        with threads.team(1 + (several and is_compiled)) as team:
            gradient(params, rows, step, team, bind.shard_loop(dtypes), said)
        progress[ROWS] = start + rows.size
        if said[1] > 0:
            given = work.gradients[0].copy()  # as other machines would send it
            work.gradients[:] = np.nan
            work.gradients[0] = given
            update()
            progress[LOSS] += said[0] * rows.size


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", ["dense", "csr"])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_steps(hidden, form, dtype, several):
    results = []
    for is_compiled in (True, False):
        problem = training_problem(dtype, form, hidden)
        work, solver = workspace_of(problem, 205), optimizer_of(problem)
        with np.errstate(over="ignore"):  # of the hash, in plain Python
            take_steps(problem, work, solver, 205, is_compiled, several)
        assert solver.progress[STEPS] == 2
        assert solver.progress[ROWS] == 230
        results.append(
            [problem.network.params, solver.state, solver.progress, problem.network.running]
        )
    for ours, written in zip(*results, strict=True):
        assert_allclose(ours, written, **close(dtype))


def test_steps_of_a_largest_norm_and_of_several_tiles():
    results = []
    for tile, max_norm, is_compiled in (
        (256, 1e9, True),
        (30, None, True),
        (30, 1e9, False),
        (256, 1e-3, True),
    ):
        problem = training_problem(np.float64, "dense", max_norm=max_norm)
        work, solver = workspace_of(problem, 205), optimizer_of(problem)
        begin = work.memory.shape[1]  # of a section for the second tile's gradient
        memory = np.empty((len(work.memory), begin + problem.network.params.size))
        work = work._replace(
            memory=memory, tile_gradient=begin, row_losses=np.empty((len(memory), tile))
        )
        before = problem.network.params.copy()
        take_steps(problem, work, solver, 205, is_compiled)
        results.append(problem.network.params - before)
    assert_allclose(results[1], results[0], rtol=1e-11, atol=1e-12)
    assert_allclose(results[2], results[0], rtol=1e-11, atol=1e-12)
    assert np.abs(results[3]).max() < np.abs(results[0]).max() / 10


def assert_halves_make_whole_steps(
    problem_of, solver="adam", amsgrad=False, batch=50, several=False, is_compiled=True
):
    results = []
    for take in (take_steps, take_halves_of_steps):
        problem = problem_of()
        work, optimizer = workspace_of(problem, batch), optimizer_of(problem, solver, amsgrad)
        with np.errstate(over="ignore"):  # of the hash, in plain Python
            take(problem, work, optimizer, batch, is_compiled, several)
        network, progress = problem.network, optimizer.progress.copy()
        # In `train_steps` the sum of losses is rounded once with each product.
        loss, progress[LOSS] = progress[LOSS], 0
        results.append([network.params, optimizer.state, progress, network.running, loss])
    (*whole, whole_loss), (*halves, loss) = results
    for ours, expected in zip(halves, whole, strict=True):
        assert_array_equal(ours, expected)
    assert_allclose(loss, whole_loss, rtol=1e-15)


@pytest.mark.parametrize("max_norm", [None, 0.05])
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("solver", updates.SOLVERS)
def test_a_gradient_and_an_update_are_a_step_to_the_bit(solver, amsgrad, max_norm):
    if amsgrad and solver not in updates.AMSGRAD:
        return
    problem_of = partial(training_problem, np.float64, "dense", max_norm=max_norm)
    assert_halves_make_whole_steps(problem_of, solver, amsgrad)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("batch", [50, 205])  # one shard, and two
@pytest.mark.parametrize("max_norm", [None, 0.05])
@pytest.mark.parametrize("form", ["dense", "csr"])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_halves_of_steps_for_all_layers(hidden, form, max_norm, batch, several):
    problem_of = partial(training_problem, np.float32, form, hidden, max_norm)
    assert_halves_make_whole_steps(problem_of, batch=batch, several=several)


def without_weight(which):
    """A problem without weights, or with a mini-batch of weight 0."""
    problem = training_problem(np.float64, "dense", "batch", 1.0)
    weights = None if which == "none" else problem.data.weights.copy()
    if which == "zero":
        weights[problem.rows[50:100]] = 0
    return replace(problem, data=Data(problem.data.X, problem.data.Y, weights))


@pytest.mark.parametrize("which", ["none", "zero"])
def test_halves_of_steps_for_rows_of_no_weight(which):
    for is_compiled in (True, False):
        assert_halves_make_whole_steps(partial(without_weight, which), is_compiled=is_compiled)


def test_a_mini_batch_of_no_weight_changes_nothing():
    problem = training_problem(np.float64, "dense")
    data = problem.data
    problem = replace(problem, data=Data(data.X, data.Y, np.zeros(230)))
    before, work, solver = (
        problem.network.params.copy(),
        workspace_of(problem, 50),
        optimizer_of(problem),
    )
    take_steps(problem, work, solver, 50)
    assert solver.progress[STEPS] == 0
    assert solver.progress[LOSS] == 0
    np.testing.assert_array_equal(problem.network.params, before)


def bundles_of_a_prediction(problem):
    """Layers as they predict, with the way back."""
    dtypes = dtypes_of_problem(problem)
    layers = bind.prediction_layers(problem.network, problem.architecture, dtypes)
    return layers, bind.backward_pass(problem, dtypes)


@pytest.mark.parametrize("form", ["dense", "csr"])
@pytest.mark.parametrize("hidden", ["plain", "layer and dropout"])
def test_layers_of_a_prediction_train_to_the_same_bits_where_nothing_is_dropped(
    hidden, form, monkeypatch
):
    monkeypatch.setattr(bind, "product_for_predictions", bind.product_for_this_machine)
    results = []
    for bundles in (bundles_of, bundles_of_a_prediction):
        problem = training_problem(np.float32, form, hidden)
        problem = replace(problem, architecture=replace(problem.architecture, dropout=()))
        solver = optimizer_of(problem, "adam")
        take_steps(problem, workspace_of(problem, 205), solver, 205, bundles_of=bundles)
        assert solver.progress[STEPS] == 2
        results.append((problem.network.params, solver.state, solver.progress))
    for ours, expected in zip(*results, strict=True):
        assert_array_equal(ours, expected)


@pytest.mark.parametrize("hidden", ["dropout", "batch", "layer and dropout"])
def test_layers_of_a_prediction_train_anyhow(hidden):
    """Not to the same numbers, but whatever is called on the way back is in `Backward`."""
    problem = training_problem(np.float64, "dense", hidden)
    work, solver = workspace_of(problem, 205), optimizer_of(problem)
    work.memory[:] = 0  # no moments of a batch are left in it
    with np.errstate(over="ignore"):  # of the hash, without the JIT
        take_steps(problem, work, solver, 205, bundles_of=bundles_of_a_prediction)
    assert solver.progress[STEPS] == 2
    assert np.isfinite(problem.network.params).all()


@pytest.mark.parametrize("hidden", HIDDEN)
def test_each_function_that_is_called_unseen_is_there(hidden):
    layers, backward = bundles_of_a_prediction(training_problem(np.float64, "dense", hidden))
    assert layers.functions[:, ACTIVATE].all()
    assert backward.functions.shape == (1, N_FUNCTIONS)
    assert backward.functions[:, DERIVE].all()


def test_the_way_back_of_another_architecture_is_refused():
    problem = training_problem(np.float64, "dense")
    problem = replace(problem, architecture=replace(problem.architecture, activations=()))
    with pytest.raises(ValueError, match="1 hidden layers and 0 activations"):
        bind.backward_pass(problem, dtypes_of_problem(problem))
