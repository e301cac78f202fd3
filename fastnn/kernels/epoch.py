"""One epoch: gather, forward, backward and update for each mini-batch, in one call.

A mini-batch is cut into shards by its number of rows alone. Each shard goes forward and backward on
one thread and leaves its own gradient; the shards' gradients are added in a fixed order. So the
number of threads changes the time and not one bit of the result.

The loops over shards and over blocks come in two forms, for one thread and for several, and a step
calls either by its address. What is in the loops has an address, too, and so is one machine code
for both.
"""

from fastnn.compiling.intrinsics.views import vector
from fastnn.compiling.language import call, jit, parallel_jit, prange
from fastnn.kernels.arguments import LOSS, ROWS, STEPS
from fastnn.kernels.tuning import MINI_BATCH_SHARD_ROWS
from fastnn.kernels.updates import add


@jit
def shard_gradient(k, n_shards, adds, sample, rows, step, layers, params, work):
    """Loss and gradient of shard k of these rows, tile by tile, so that a tile stays in cache.

    With `adds` they are added to what the shard has already.
    """
    first, stop = rows.size * k // n_shards, rows.size * (k + 1) // n_shards
    tile_rows, fresh = work.row_losses.shape[1], adds == 0
    if fresh:
        work.losses[k] = 0
    whole = vector(work.gradients, k * work.gradients.shape[1], params.size)
    part = vector(work.memory, k * work.memory.shape[1] + work.tile_gradient, params.size)
    for start in range(first, stop, tile_rows):
        tile = vector(rows, start, min(tile_rows, stop - start))
        gradient = whole if fresh else part
        call(layers.gradient, k, sample, tile, start, step, layers, params, work, gradient)
        if not fresh:
            add(whole, part)
        fresh = False


def _shard_gradients(n_shards, adds, sample, rows, step, layers, params, shard_gradient, work):
    """Loss and gradient of every shard of these rows."""
    for k in prange(n_shards):
        call(shard_gradient, k, n_shards, adds, sample, rows, step, layers, params, work)


def _update_blocks(n_shards, total, shrink, n_weights, params, solver, steps, work):
    """Combine the shards' gradients, and take a step, block by block."""
    gradients, sums, alpha = work.gradients, work.squares, steps.alpha
    rates, state, update = solver.rates, solver.state, solver.update
    for j in prange(sums.size):
        call(steps.combine, j, n_shards, n_weights, params, gradients, alpha, total, sums)
        call(steps.step, j, n_weights, params, gradients, state, rates, update, shrink)


# By whether they run on several threads.
SHARD_LOOPS = {False: jit(_shard_gradients), True: parallel_jit(_shard_gradients)}
BLOCK_LOOPS = {False: jit(_update_blocks), True: parallel_jit(_update_blocks)}


@jit
def total_weight(weights, rows):
    """Sum of the rows' weights: their number where there are none."""
    if weights.size == 0:
        return float(rows.size)
    total = 0.0
    for i in range(rows.size):
        total += weights[rows[i]]
    return total


@jit
def mean_loss(n_shards, total, alpha, losses, squares):
    """Loss of a mini-batch: weighted mean over its rows, with the penalty of large weights."""
    loss, sum_of_squares = 0.0, 0.0
    for k in range(n_shards):
        loss += losses[k]
    for j in range(squares.size):
        sum_of_squares += squares[j]
    return (loss + 0.5 * alpha * sum_of_squares) / total


@jit
def train_steps(
    sample, order, batch, layers, params, solver, steps, work, start, stop, shard_loop, block_loop
):
    """Take one step for each mini-batch of the rows order[start:stop] of an epoch.

    `solver.progress` is kept true step by step: an interrupt comes between two calls, and finds
    there how far the epoch has come. A mini-batch whose weights sum to zero says nothing and
    changes nothing. `shard_loop` and `block_loop` are addresses of loops, for one thread or more.
    """
    progress, rates, state, update = solver.progress, solver.rates, solver.state, solver.update
    gradients, sums, n_weights, alpha = work.gradients, work.squares, layers.n_weights, steps.alpha
    first = start
    if start == 0:
        progress[LOSS] = 0
    while first < stop:
        rows = vector(order, first, min(batch, stop - first))
        n_shards = min(max(rows.size // MINI_BATCH_SHARD_ROWS, 1), work.losses.size)
        total = total_weight(sample.weights, rows)
        first += rows.size
        progress[ROWS] = first
        if total == 0:
            continue
        progress[STEPS] += 1
        t, shard = int(progress[STEPS]), steps.shard_gradient
        call(shard_loop, n_shards, 0, sample, rows, t, layers, params, shard, work)
        if steps.track != 0:
            memory, at, size = work.memory, work.moments, work.moments_size
            call(steps.track, n_shards, rows.size, layers.table, layers.running, memory, at, size)
        call(solver.prepare, progress, solver.hyper, rates)
        shrink = solver.weight_decay * solver.hyper[0]
        if steps.clipped_update != 0:
            parts = steps.combine, steps.step, steps.max_norm
            before = n_shards, n_weights, params, gradients, alpha, total, sums
            call(steps.clipped_update, *before, state, rates, update, shrink, *parts)
        else:
            call(block_loop, n_shards, total, shrink, n_weights, params, solver, steps, work)
        progress[LOSS] += mean_loss(n_shards, total, alpha, work.losses, sums) * rows.size


@jit
def full_gradient(sample, rows, layers, steps, work, params, start, stop, shard_loop):
    """Go on with the gradient of all these rows together, by rows[start:stop].

    From call to call the shards' gradients add up. The call that reaches the last row leaves their
    sum in work.gradients[0], and the loss in work.losses[0].
    """
    part, n_shards, adds = vector(rows, start, stop - start), work.losses.size, min(start, 1)
    gradients, sums, n_weights, alpha = work.gradients, work.squares, layers.n_weights, steps.alpha
    shard = steps.shard_gradient
    call(shard_loop, n_shards, adds, sample, part, 0, layers, params, shard, work)
    if stop == rows.size:
        total = total_weight(sample.weights, rows)
        for j in range(sums.size):
            call(steps.combine, j, n_shards, n_weights, params, gradients, alpha, total, sums)
        work.losses[0] = mean_loss(n_shards, total, alpha, work.losses, sums)
