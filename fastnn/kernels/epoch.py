"""Epochs: gather, forward, backward and update for each mini-batch, in one call.

A mini-batch is cut into shards by its number of rows alone. Each shard goes forward and backward on
one thread and leaves its own gradient; the shards' gradients are added in a fixed order. So the
number of threads changes the time and not one bit of the result.

The loops over shards and over blocks are `prange` loops (`fastnn.kernels.sharing`): whoever is free
takes part in them, and a team is of one thread or of several.

`batch_gradient` and `apply_gradient` are the two halves of a step, for a gradient that comes from
elsewhere. One after the other they leave the same bits as `train_steps`. So do `some_shards` and
`step_by_sum`, where several machines have shards of one mini-batch and add them up in between.
"""

import math

from fastnn.compiling.intrinsics.views import vector
from fastnn.compiling.language import call, interface, jit
from fastnn.kernels.arguments import LOSS, ROWS, STEPS
from fastnn.kernels.sharing import prange, share
from fastnn.kernels.tuning import MINI_BATCH_SHARD_ROWS
from fastnn.kernels.updates import add, clip, prepare_step


@interface(
    "int64, int64, int64, Sample, readonly int64[::1], int64, Layers, readonly T[::1], Backward, "
    "Workspace"
)
def shard_gradient(k, n_shards, adds, sample, rows, step, layers, params, backward, work):
    """Loss and gradient of shard k of these rows, tile by tile, so that a tile stays in cache.

    With `adds` they are added to what the shard has already.
    """
    first, stop = rows.size * k // n_shards, rows.size * (k + 1) // n_shards
    tile_rows, fresh, gradient_of = work.row_losses.shape[1], adds == 0, backward.loss_gradient
    if fresh:
        work.losses[k] = 0
    whole = vector(work.gradients, k * work.gradients.shape[1], params.size)
    part = vector(work.memory, k * work.memory.shape[1] + work.tile_gradient, params.size)
    for start in range(first, stop, tile_rows):
        tile = vector(rows, start, min(tile_rows, stop - start))
        gradient = whole if fresh else part
        call(gradient_of, k, sample, tile, start, step, layers, params, backward, work, gradient)
        if not fresh:
            add(whole, part)
        fresh = False


SHARD_LOOP = (
    "int64[::1], int64, int64, int64, int64, Sample, readonly int64[::1], int64, Layers, "
    "readonly T[::1], Backward, Workspace"
)
BLOCK_LOOP = "int64[::1], int64, float64, int64, T[::1], Backward, Optimizer, Workspace"


@interface(SHARD_LOOP)
def shard_loop(
    team, first, stop, n_shards, adds, sample, rows, step, layers, params, backward, work
):
    """Loss and gradient of the shards from `first` to `stop` of the `n_shards` of these rows."""
    shard = backward.shard_gradient
    for i in prange(team, stop - first):
        call(shard, first + i, n_shards, adds, sample, rows, step, layers, params, backward, work)


@interface(BLOCK_LOOP)
def block_loop(team, n_shards, total, n_weights, params, backward, optimizer, work):
    """Combine the shards' gradients, and take a step, block by block."""
    gradients, sums, combine, alpha = work.gradients, work.squares, backward.combine, backward.alpha
    step = optimizer.step
    for j in prange(team, sums.size):
        call(combine, j, n_shards, n_weights, params, gradients, alpha, total, sums)
        call(step, j, params, gradients, optimizer)


@jit
def combine_blocks(n_shards, total, n_weights, params, backward, work):
    """Combine the shards' gradients, which go to work.gradients[0]."""
    gradients, sums, combine, alpha = work.gradients, work.squares, backward.combine, backward.alpha
    for j in range(sums.size):
        call(combine, j, n_shards, n_weights, params, gradients, alpha, total, sums)


@jit
def step_blocks(params, optimizer, work):
    """Take a step with the gradient in work.gradients[0]."""
    for j in range(work.squares.size):
        call(optimizer.step, j, params, work.gradients, optimizer)


@interface(BLOCK_LOOP)
def update_clipped(team, n_shards, total, n_weights, params, backward, optimizer, work):
    """Do as `block_loop`, and clip the gradient, which is whole when all blocks are combined."""
    for _ in prange(team, 1):  # whoever draws it takes the step alone
        combine_blocks(n_shards, total, n_weights, params, backward, work)
        clip(work.gradients, optimizer.max_norm)
        step_blocks(params, optimizer, work)


@jit
def shards_of(rows, work):
    """Shards of a mini-batch of these rows."""
    return min(max(rows.size // MINI_BATCH_SHARD_ROWS, 1), work.losses.size)


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
def batch_loss(n_shards, total, alpha, losses, squares):
    """Loss of a mini-batch: weighted mean over its rows, with the penalty of large weights."""
    loss, sum_of_squares = 0.0, 0.0
    for k in range(n_shards):
        loss += losses[k]
    for j in range(squares.size):
        sum_of_squares += squares[j]
    return (loss + 0.5 * alpha * sum_of_squares) / total


@interface(
    "Sample, int64, Layers, T[::1], Optimizer, Backward, Workspace, Epochs, int64, int64, int64, "
    "int64[::1], address, address"
)
def train_steps(
    sample,
    batch,
    layers,
    params,
    optimizer,
    backward,
    work,
    epochs,
    n,
    start,
    stop,
    team,
    shards,
    blocks,
):
    """Take one step for each mini-batch of the rows start:stop of n epochs, one after the other.

    Several epochs are whole; a single one may go on with what `optimizer.progress` says of it. That
    is kept true step by step: an interrupt comes between two calls, and finds there how far the
    epoch has come, which may be further than `stop` where its order is of a part of its rows. A
    mini-batch whose weights sum to zero says nothing and changes nothing. `shards` and `blocks` are
    addresses of loops: of `shard_loop`, and of `block_loop` or `update_clipped`.
    """
    progress, n_weights, n_rows = optimizer.progress, layers.n_weights, epochs.orders.shape[1]
    for epoch in range(n):
        optimizer.hyper[0], first = epochs.rates[epoch], start
        if epoch > 0:
            progress[ROWS] = 0
        if progress[ROWS] == 0:
            progress[LOSS] = 0
        while first < stop:
            rows = vector(epochs.orders, epoch * n_rows + first, min(batch, stop - first))
            n_shards, total = shards_of(rows, work), total_weight(sample.weights, rows)
            first += rows.size
            progress[ROWS] += rows.size
            if total == 0:
                continue
            progress[STEPS] += 1
            step = int(progress[STEPS])
            share(
                team,
                shards,
                0,
                n_shards,
                n_shards,
                0,
                sample,
                rows,
                step,
                layers,
                params,
                backward,
                work,
            )
            if backward.track != 0:
                call(backward.track, n_shards, rows.size, layers, backward.running, work)
            prepare_step(optimizer)
            share(team, blocks, n_shards, total, n_weights, params, backward, optimizer, work)
            loss = batch_loss(n_shards, total, backward.alpha, work.losses, work.squares)
            progress[LOSS] += loss * rows.size
        epochs.losses[epoch] = progress[LOSS]


@interface(
    "Sample, Layers, Backward, Workspace, readonly T[::1], readonly int64[::1], int64, int64[::1], "
    "address, float64[::1]"
)
def batch_gradient(sample, layers, backward, work, params, rows, step, team, shards, out):
    """Leave the gradient of a mini-batch in work.gradients[0], its loss and total weight in `out`.

    `step` is the number of the step that will be taken. Where the rows' weights sum to zero, the
    gradient is zero, and there is no step to take.
    """
    n_shards, total = shards_of(rows, work), total_weight(sample.weights, rows)
    out[0], out[1] = 0, total
    if total == 0:
        work.gradients[0, :] = 0
        return
    share(
        team, shards, 0, n_shards, n_shards, 0, sample, rows, step, layers, params, backward, work
    )
    if backward.track != 0:
        call(backward.track, n_shards, rows.size, layers, backward.running, work)
    combine_blocks(n_shards, total, layers.n_weights, params, backward, work)
    out[0] = batch_loss(n_shards, total, backward.alpha, work.losses, work.squares)


@interface("T[::1], Optimizer, Workspace")
def apply_gradient(params, optimizer, work):
    """Take a step with the gradient in work.gradients[0], wherever it comes from."""
    optimizer.progress[STEPS] += 1
    prepare_step(optimizer)
    if optimizer.max_norm < math.inf:
        clip(work.gradients, optimizer.max_norm)
    step_blocks(params, optimizer, work)


@interface(
    "Sample, Layers, Backward, Workspace, readonly T[::1], readonly int64[::1], int64, int64, "
    "int64, int64[::1], address, float64[::1]"
)
def some_shards(sample, layers, backward, work, params, rows, step, first, stop, team, shards, out):
    """Leave the gradients of some of a mini-batch's shards where they belong, not added up.

    The total weight of its rows goes to `out`.
    """
    out[0] = total_weight(sample.weights, rows)
    n_shards = shards_of(rows, work)
    share(
        team, shards, first, stop, n_shards, 0, sample, rows, step, layers, params, backward, work
    )


@interface(
    "Layers, Backward, Workspace, T[::1], Optimizer, readonly int64[::1], float64, "
    "int64[::1], address"
)
def step_by_sum(layers, backward, work, params, optimizer, rows, total, team, blocks):
    """Take the step of a mini-batch, the sum of whose shards' gradients is in work.gradients[0].

    The shards' losses, and their moments where those are tracked, are all in `work`.
    """
    n_shards, progress = shards_of(rows, work), optimizer.progress
    progress[STEPS] += 1
    if backward.track != 0:
        call(backward.track, n_shards, rows.size, layers, backward.running, work)
    prepare_step(optimizer)
    share(team, blocks, 1, total, layers.n_weights, params, backward, optimizer, work)
    loss = batch_loss(n_shards, total, backward.alpha, work.losses, work.squares)
    progress[LOSS] += loss * rows.size


@interface(
    "Sample, readonly int64[::1], Layers, Backward, Workspace, readonly T[::1], int64, int64, "
    "int64[::1], address"
)
def full_gradient(sample, rows, layers, backward, work, params, start, stop, team, shards):
    """Go on with the gradient of all these rows together, by rows[start:stop].

    From call to call the shards' gradients add up. The call that reaches the last row leaves their
    sum in work.gradients[0], and the loss in work.losses[0].
    """
    part, n_shards, adds = vector(rows, start, stop - start), work.losses.size, min(start, 1)
    share(
        team, shards, 0, n_shards, n_shards, adds, sample, part, 0, layers, params, backward, work
    )
    if stop == rows.size:
        total = total_weight(sample.weights, rows)
        combine_blocks(n_shards, total, layers.n_weights, params, backward, work)
        loss = batch_loss(n_shards, total, backward.alpha, work.losses, work.squares)
        work.losses[0] = loss
