"""One epoch: gather, forward, backward and update for each mini-batch, in one call.

A mini-batch is cut into shards by its number of rows alone. Each shard goes forward and backward on
one thread and leaves its own gradient; the shards' gradients are added in a fixed order. So the
number of threads changes the time and not one bit of the result.

`threads` selects at compile time: None compiles the loops over shards and blocks for one thread, a
number compiles their twins that run them in parallel. What is in the loops has an address and so is
one machine code for both.
"""

from fastnn.jit import call, entry_jit, jit, kernel_jit, parallel_jit, prange
from fastnn.kernels.arguments import LOSS, ROWS, STEPS
from fastnn.kernels.updates import add
from fastnn.views import vector

ROWS_PER_SHARD = 100  # two shards of a batch of 200 cost one thread 6 %, eight cost it 40 %


@kernel_jit
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


@parallel_jit
def shard_gradients_parallel(n_shards, adds, sample, rows, step, layers, params, steps, work):
    for k in prange(n_shards):
        call(steps.shard_gradient, k, n_shards, adds, sample, rows, step, layers, params, work)


@parallel_jit
def update_blocks_parallel(n_shards, total, shrink, layers, params, solver, steps, work):
    gradients, sums, n_weights, alpha = work.gradients, work.squares, layers.n_weights, steps.alpha
    rates, state, update = solver.rates, solver.state, solver.update
    for j in prange(sums.size):
        call(steps.combine, j, n_shards, n_weights, params, gradients, alpha, total, sums)
        call(steps.step, j, n_weights, params, gradients, state, rates, update, shrink)


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


@entry_jit
def train_steps(sample, order, start, stop, batch, layers, params, solver, steps, work, threads):
    """Take one step for each mini-batch of the rows order[start:stop] of an epoch.

    `solver.progress` is kept true step by step: an interrupt comes between two calls, and finds
    there how far the epoch has come. A mini-batch whose weights sum to zero says nothing and
    changes nothing.
    """
    progress, rates, state, update = solver.progress, solver.rates, solver.state, solver.update
    gradients, sums, n_weights, alpha = work.gradients, work.squares, layers.n_weights, steps.alpha
    if start == 0:
        progress[LOSS] = 0
    for first in range(start, stop, batch):
        rows = vector(order, first, min(batch, stop - first))
        n_shards = min(max(rows.size // ROWS_PER_SHARD, 1), work.losses.size)
        total = total_weight(sample.weights, rows)
        progress[ROWS] = first + rows.size
        if total == 0:
            continue
        progress[STEPS] += 1
        t = int(progress[STEPS])
        if threads is None:
            for k in range(n_shards):
                call(steps.shard_gradient, k, n_shards, 0, sample, rows, t, layers, params, work)
        else:
            shard_gradients_parallel(n_shards, 0, sample, rows, t, layers, params, steps, work)
        if steps.track != 0:
            memory, at, size = work.memory, work.moments, work.moments_size
            call(steps.track, n_shards, rows.size, layers.table, layers.running, memory, at, size)
        call(solver.prepare, progress, solver.hyper, rates)
        shrink = solver.weight_decay * solver.hyper[0]
        if steps.clipped_update != 0:
            parts = steps.combine, steps.step, steps.max_norm
            before = n_shards, n_weights, params, gradients, alpha, total, sums
            call(steps.clipped_update, *before, state, rates, update, shrink, *parts)
        elif threads is None:
            for j in range(sums.size):
                call(steps.combine, j, n_shards, n_weights, params, gradients, alpha, total, sums)
                call(steps.step, j, n_weights, params, gradients, state, rates, update, shrink)
        else:
            update_blocks_parallel(n_shards, total, shrink, layers, params, solver, steps, work)
        progress[LOSS] += mean_loss(n_shards, total, alpha, work.losses, sums) * rows.size


@entry_jit
def full_gradient(sample, rows, start, stop, layers, params, steps, work, threads):
    """Go on with the gradient of all these rows together, by rows[start:stop].

    From call to call the shards' gradients add up. The call that reaches the last row leaves their
    sum in work.gradients[0] and returns the loss; any other returns 0.
    """
    part, n_shards, adds = vector(rows, start, stop - start), work.losses.size, min(start, 1)
    gradients, sums, n_weights, alpha = work.gradients, work.squares, layers.n_weights, steps.alpha
    if threads is None:
        for k in range(n_shards):
            call(steps.shard_gradient, k, n_shards, adds, sample, part, 0, layers, params, work)
    else:
        shard_gradients_parallel(n_shards, adds, sample, part, 0, layers, params, steps, work)
    if stop < rows.size:
        return 0.0
    total = total_weight(sample.weights, rows)
    for j in range(sums.size):
        call(steps.combine, j, n_shards, n_weights, params, gradients, alpha, total, sums)
    return mean_loss(n_shards, total, alpha, work.losses, sums)
