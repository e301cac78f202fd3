"""Constants that were tuned on a machine: unit, meaning, and how each was found.

``python benchmarks/tune.py NAME`` finds one again: it times the work that decides on it, with other
values of it. benchmarks/README.md says how, and benchmarks/NOTES.md has the figures at length.
Those here were taken on two cores of AMD Zen 4 with AVX-512, panels' on Zen 3 with AVX2.

The constants of products, shards and updates decide on the order in which numbers are added: to
change one changes last bits. All others change the time and no result.

What follows from the processor's or a library's own plan (cache lines, registers) stands where it
is used. Users take these by name (``from fastnn.kernels.tuning import TILE_ROWS``); kernels hold
the values that they were compiled with, and are compiled anew when this file changes.
"""

# ------------------------------------------------------------------------------------- products

SMALL_PRODUCT = 1_000_000
"""Multiplications up to which OpenBLAS has kernels that copy nothing, where it has them.

It is OpenBLAS' own limit (its pull request 3335, AVX-512 alone). In strips below it 100 x 784 by
784 x 100 takes 142 instead of 176 us, an epoch of mnist 36 instead of 43 ms.
"""

STRIP_ROWS = 12
"""Rows of which a strip's number of rows is a multiple.

What those kernels take at once: other numbers lose 5 to 10 %.
"""

STRIP_COLUMNS = 16
"""Columns of which a strip's number of columns is a multiple, where 12 whole rows are too many.

What those kernels take at once: other numbers lose 5 to 10 %. Blocks of 24 rows and 64 columns
gained nothing (two layers of 1024 units: 0.95 in float32, 1.05 in float64).
"""

MIN_TRANSPOSED_ROWS = 32
"""Rows from which on a transposed copy of W pays for itself in a product by W'.

9.6 to 8.2 us (100 x 64 by 64 x 64, float32), 6.1 to 4.1 (100 x 7 by 7 x 256).
"""

MAX_TRANSPOSED_NUMBERS = 2**16
"""Numbers of W up to which it is copied so: 141 to 126 us (100 x 256 by 256 x 256, float32)."""

TRANSPOSED_AT_ONCE = 16
"""Rows of W that are transposed at a time: so many cache lines at once stay in L1."""

MAX_PANEL_PRODUCT = 9_000_000
"""Multiplications up to which a product in panels is faster than by BLAS.

For larger ones A would need copies as well: 100 x 512 by 512 x 512 is 0.98 (float32) and 0.85
(float64) as fast in panels, 1024 x 1024 0.8.
"""

MAX_LONG_PANEL_PRODUCT = 100_000_000
"""The same with registers of AVX-512 (Zen 5): 256 x 512 by 512 x 512 is twice as fast as by BLAS.

Larger ones were not timed. A W of a million numbers is 4 MB, and no longer stays in the L2 cache.
"""

MAX_PANEL_ROWS = 1024
"""Rows of the longest panel, which is 64 KB.

Panels of 1000 and more rows in parts of 128, 200, 264 or 400 made no difference (784 x 100).
"""

# --------------------------------------------------------------------------- shards and updates

MINI_BATCH_SHARD_ROWS = 100
"""Rows of a shard of a mini-batch, at least, if it has several.

Two shards of a batch of 200 cost one thread 6 %, eight cost it 40 %.
"""

FULL_BATCH_SHARD_ROWS = 128
"""Rows of a shard of all rows together, as L-BFGS takes them.

Smaller ones cost more gradients to add, larger ones leave threads idle: an iteration of digits
takes 2.05 ms on one core and 1.33 on two, with 256 rows 2.3 and 1.59.
"""

MAX_SHARDS = 64
"""Shards of a mini-batch, at most: threads that could share it."""

MAX_GRADIENT_NUMBERS = 2**24
"""Numbers of all shards' gradients together, at most: 64 MB of float32."""

TILE_ROWS = 256
"""Rows that go through the network at once, about: their outputs stay in the L2 cache."""

PREFETCH_ROWS = 2
"""Rows by which memory is asked for a row before it is gathered.

350 to 215 ns a row of 10000 x 784 in float32, 680 to 505 in float64. 1 is as fast for rows of 3 KB
and slower for 6 KB; more gain nothing.
"""

UPDATE_BLOCK = 4096
"""Parameters of a block: its gradient, the parameters and two vectors of state stay in L2.

1024 and 2048 made no difference (mnist, tabular, digits).
"""

# -------------------------------------------------------------------------------------- threads

MIN_FLOPS_PER_THREAD = 5e5
"""Operations of a loop for which one more thread pays: 10 us.

To share a loop takes 0.1 to 0.3 us (two loops of 1.3 us each take 1.6, two cores of Zen 3).
"""

FLOPS_PER_SECOND = 5e10
"""Operations that a core does in a second, about, in the products of a mini-batch."""

LAUNCH_SECONDS = 2e-3
"""Seconds of work on one thread, for which others would have paid, before they are started.

To start one takes 0.3 ms, and its first products 64 MB of addresses.
"""

PATIENCE = 1000
"""Looks of a helper for a loop, after the last one, before it sleeps: 0.5 ms.

Between two calls of the kernels Python takes some 0.1 ms; to be woken takes 0.2.
"""

TRIAL_SECONDS = 2e-3
"""Seconds of one try of the other number of threads: a few steps."""

CALL_SECONDS = 2e-2
"""Seconds of a call otherwise: a fit notices within so much that its pace has changed."""

TRIAL_SHARE = 0.01
"""Share of the time of a fit that goes into trying the slower number of threads again."""

RETRIAL_SLOWDOWN = 1.5
"""Ratio of a call's time to the one known from which on the other number is tried at once.

With another process on one of two cores digits takes 1.6 to 1.9 times its time alone.
"""

# ---------------------------------------------------------------------------- how long a call is

MAX_FLOPS_PER_CALL = 2e9
"""Operations of one call of the kernels, which neither a clock nor an interrupt ends.

They take 0.02 to 0.2 s.
"""

ACTIVATION_FLOPS = 200
"""Operations in whose time the slowest activations of a number are done: 4 ns."""

GATHER_FLOPS = 500
"""Operations in whose time a number is gathered from far away, as in Fortran order: 10 ns."""

UPDATE_FLOPS = 30
"""Operations in whose time a parameter is updated, on one thread: Adam takes 0.5 ns."""

STEP_FLOPS = 1e5
"""Operations in whose time a step is done beside its arithmetic: 2 us."""

# --------------------------------------------------------------------------- predictions, checks

MAX_SERIAL_PREDICTION_FLOPS = 2e8
"""Operations of a prediction up to which it is one call on one thread: 3 ms.

To prepare for several threads takes some 0.6 ms; two of them were as fast as one here, and faster
beyond (512 x 512 units: 300 rows 3.3 and 3.0 ms, 500 rows 3.5 and 4.1, Zen 3).
"""

PREDICTION_PART_ROWS = 2**16
"""Rows of a prediction at a time: what is needed beside the result stays small."""

MAX_FEW_ROWS = 32
"""Rows of a prediction up to which its memory has room for so few, not for a tile."""

MAX_FEW_FLOPS = 2 * 4 * 65_536
"""Operations of a product for which BLAS starts no threads, which would need a limit.

It is OpenBLAS' own number (GEMM_MULTITHREAD_THRESHOLD in its interface/gemm.c), and to set the
limit and put it back takes 10 of the 17 us of one row through 64-100-10 (Zen 3, float32).
"""

TREE_ROWS = 512
"""Rows that go through a tree before those after them: what they share of it comes to L1 once.

100 random trees of 4000 leaves take 4.0 s for 100000 rows by 64, and 1.5 by 512 (20 columns).
"""

TREE_STEP_FLOPS = 200
"""Operations in whose time a row goes one split down a tree: 4 ns."""

MAX_COPIED_NUMBERS = 20_000
"""Numbers of X that are copied in less time than NumPy takes to describe a strided view."""

MAX_PLAIN_NUMBERS = 100_000
"""Numbers of X up to which our checks stand for scikit-learn's, which take 100 us for a row.

For more numbers those 100 us no longer count.
"""
