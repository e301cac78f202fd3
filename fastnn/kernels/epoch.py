"""One epoch: gather, forward, backward and update for each mini-batch, in one call.

A mini-batch is cut into shards by its number of rows alone. Each shard goes forward and backward on
one thread and leaves its own gradient; the shards' gradients are added in a fixed order. So the
number of threads changes the time and not one bit of the result.

`threads` selects at compile time: None compiles the loops over shards and blocks for one thread, a
number compiles their twins that run them in parallel.
"""

from fastnn.jit import entry_jit, jit, parallel_jit, prange
from fastnn.kernels.backprop import loss_gradient
from fastnn.kernels.updates import BLOCK, add, combine, step_rate, update

ROWS_PER_SHARD = 100  # two shards of a batch of 200 cost one thread 6 %, eight cost it 40 %


@jit
def shards_of(n_rows, work):
    """How many shards a mini-batch of n_rows is cut into."""
    return min(max(n_rows // ROWS_PER_SHARD, 1), work.losses.size)


@jit
def shard_gradient(k, n_shards, sample, rows, layers, params, work):
    """Loss and gradient of shard k of these rows, tile by tile, so that a tile stays in cache."""
    rows = rows[rows.size * k // n_shards : rows.size * (k + 1) // n_shards]
    inputs, outputs, deltas = work.inputs[k], work.outputs[k], work.deltas[k]
    row_losses, gradient = work.row_losses[k], work.gradients[k]
    loss = 0.0
    for start in range(0, rows.size, row_losses.size):
        tile = rows[start : start + row_losses.size]
        target = gradient if start == 0 else work.tile_gradients[k]
        loss += loss_gradient(
            sample, tile, layers, params, inputs, outputs, deltas, row_losses, target
        )
        if start > 0:
            add(gradient, target)
    work.losses[k] = loss


@jit
def shard_gradients(n_shards, sample, rows, layers, params, work):
    for k in range(n_shards):
        shard_gradient(k, n_shards, sample, rows, layers, params, work)


@parallel_jit
def shard_gradients_parallel(n_shards, sample, rows, layers, params, work):
    for k in prange(n_shards):
        shard_gradient(k, n_shards, sample, rows, layers, params, work)


@jit
def combine_block(j, n_shards, total, layers, params, alpha, work):
    """Gradient of block j of the parameters."""
    start, stop = j * BLOCK, min((j + 1) * BLOCK, params.size)
    work.penalties[j] = combine(n_shards, start, stop, layers, params, work.gradients, alpha, total)


@jit
def update_block(j, n_shards, total, layers, params, solver, rate, alpha, work):
    """Gradient and step of block j of the parameters."""
    combine_block(j, n_shards, total, layers, params, alpha, work)
    start, stop = j * BLOCK, min((j + 1) * BLOCK, params.size)
    update(solver, rate, params, work.gradients[0], start, stop)


@jit
def update_blocks(n_shards, total, layers, params, solver, rate, alpha, work):
    for j in range(work.penalties.size):
        update_block(j, n_shards, total, layers, params, solver, rate, alpha, work)


@parallel_jit
def update_blocks_parallel(n_shards, total, layers, params, solver, rate, alpha, work):
    for j in prange(work.penalties.size):
        update_block(j, n_shards, total, layers, params, solver, rate, alpha, work)


@jit
def total_weight(sample, rows):
    """Sum of the rows' weights: their number where there are none."""
    if sample.weights.size == 0:
        return float(rows.size)
    total = 0.0
    for i in range(rows.size):
        total += sample.weights[rows[i]]
    return total


@jit
def mean_loss(n_shards, total, alpha, work):
    """Loss of a mini-batch: weighted mean over its rows, with the penalty of large weights."""
    loss, squares = 0.0, 0.0
    for k in range(n_shards):
        loss += work.losses[k]
    for j in range(work.penalties.size):
        squares += work.penalties[j]
    return (loss + 0.5 * alpha * squares) / total


@entry_jit
def train_steps(sample, order, batch_size, t, layers, params, solver, alpha, work, threads):
    """Take one step for each mini-batch of the rows in `order`.

    Returns the sum over mini-batches of loss times rows, and the number of steps taken so far, `t`
    before this call. A mini-batch whose weights sum to zero says nothing and changes nothing.
    """
    loss = 0.0
    for start in range(0, order.size, batch_size):
        rows = order[start : start + batch_size]
        total = total_weight(sample, rows)
        if total == 0:
            continue
        t += 1
        rate = step_rate(solver, t)
        n_shards = shards_of(rows.size, work)
        if threads is None:
            shard_gradients(n_shards, sample, rows, layers, params, work)
            update_blocks(n_shards, total, layers, params, solver, rate, alpha, work)
        else:
            shard_gradients_parallel(n_shards, sample, rows, layers, params, work)
            update_blocks_parallel(n_shards, total, layers, params, solver, rate, alpha, work)
        loss += mean_loss(n_shards, total, alpha, work) * rows.size
    return loss, t


@entry_jit
def full_gradient(sample, rows, layers, params, alpha, work, threads):
    """Loss of all these rows together; its gradient is left in work.gradients[0]."""
    n_shards, total = shards_of(rows.size, work), total_weight(sample, rows)
    if threads is None:
        shard_gradients(n_shards, sample, rows, layers, params, work)
    else:
        shard_gradients_parallel(n_shards, sample, rows, layers, params, work)
    for j in range(work.penalties.size):
        combine_block(j, n_shards, total, layers, params, alpha, work)
    return mean_loss(n_shards, total, alpha, work)
