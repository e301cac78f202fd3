"""One fit over a source of blocks: what `fit` does for arrays, within a budget of memory."""

import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np

from fastnn.engine.base import Engine, Problem
from fastnn.engine.data import Data
from fastnn.estimators import fitted, parameters
from fastnn.estimators.fit import Fit, validation_dataset
from fastnn.estimators.source_rows import SourceRows
from fastnn.kernels.arguments import ROWS
from fastnn.network import Network
from fastnn.sources.ahead import Ahead
from fastnn.sources.held_out import HeldOut
from fastnn.sources.order import SeededRows, StreamedRows
from fastnn.sources.rows import encoded, gathered, some_rows
from fastnn.sources.source import Source
from fastnn.sources.stepper import WindowStepper
from fastnn.sources.windows import Layout, Windows, layout_of
from fastnn.training.dataset import Dataset
from fastnn.training.solvers import Solver

# Shares of a source's memory, without what the reading of a block takes. The rest is for parts that
# are checked and copied, and for the kernels' own.
OF_ALL_ROWS = 0.7  # rows that take less are kept
OF_A_WINDOW = {False: 0.3, True: 0.2}  # by whether it is sparse: two, and parts of a third then
OF_VALIDATION = 0.1
LEAST_FOR_ROWS = 0.25  # where blocks are too large for the memory


class SourceFit(Fit):
    """A call of `fit` or `resume` with a source.

    Rows that fit into the source's memory are read once and kept. Of others a window is in memory
    while kernels run, and the next one is read meanwhile.
    """

    def __init__(self, estimator: Any, engine: Engine, resume: bool = False) -> None:
        super().__init__(estimator, engine, resume=resume)
        self.identity: list[int] = []

    def run(  # type: ignore[override]
        self, source: Source, validation: tuple[Any, Any, Any] = (None, None, None)
    ) -> None:
        """Train, and leave what came of it on the estimator."""
        estimator = self.estimator
        self.source = source
        self.settings = replace(parameters.settings_of(estimator), scores_training=False)
        if not self.settings.solver.is_stochastic:
            raise ValueError(
                "solver='lbfgs' takes all rows at once, and a source gives them in blocks: use "
                "another solver."
            )
        keeps = estimator.warm_start or self.resume
        self.begin(keeps)
        self.rows = SourceRows(estimator, source, keeps, reset=not self.goes_on)
        self.dataset = self.rows.like
        self.validation = validation_dataset(self.rows.of_all_rows, self.rows.labels, *validation)
        with self.engine.running():
            self.lay_out()
            self._by_blocks()

    def _by_blocks(self) -> None:
        settings, random_state = self.settings, self.estimator._random_state
        self.before = random_state.get_state(legacy=False)
        drawn = int(random_state.randint(2**62, dtype=np.int64))
        seed = drawn if settings.shuffle else None
        sizes = self.rows.sizes
        self.memory = self._memory_for_rows()
        fits = sum(sizes) * self.rows.row_bytes <= OF_ALL_ROWS * self.memory
        is_kept = fits or self.source.blocks.whole() is not None
        held_out = HeldOut(self._share_held_out(is_kept), drawn)
        layout = layout_of(sizes, held_out, 1, seed, self.source.blocks.is_in_order)
        self._check_split(layout)
        n_rows, batch = layout.n_rows, self._batch_size(layout.n_rows)
        layout = replace(layout, window_rows=n_rows if is_kept else self._window_rows(batch))
        self._identify(layout)
        if is_kept:
            self._train_on_kept_rows(layout, batch)
        else:
            self._train_on_windows(layout, batch)

    def _problem(self, network: Network, rows: np.ndarray | None = None) -> Problem:
        """Lay out what is minimized; its shards are added as several machines would add them."""
        return replace(super()._problem(network, rows), by_tree=True)

    def _memory_for_rows(self) -> float:
        """Bytes of the source's memory that the reading of a block leaves; a quarter at least."""
        memory, blocks = self.source.memory, self.source.blocks
        reading = blocks.reading_bytes(self.rows.row_bytes * max(self.rows.sizes))
        return max(memory - reading, LEAST_FOR_ROWS * memory)

    @property
    def _asks_for_rows(self) -> bool:
        """Whether a scorer asks for rows as the user gave them."""
        return self.estimator.scoring not in (None, "loss")

    def _share_held_out(self, is_kept: bool) -> float:
        """Share of rows that validate: what is asked for, or as many as memory is meant for."""
        if not self.settings.early_stopping or self.validation is not None:
            return 0.0
        if is_kept:
            return self.settings.validation_fraction
        most = OF_VALIDATION * self.memory / (self.rows.row_bytes * sum(self.rows.sizes))
        return min(self.settings.validation_fraction, most)

    def _check_split(self, layout: Layout) -> None:
        n_held_out = int(layout.starts[-1]) - layout.n_rows
        if layout.held_out.share and (n_held_out < 2 or not layout.n_rows):
            raise ValueError(
                f"early_stopping=True sets validation_fraction={layout.held_out.share:.3g} of "
                f"{layout.starts[-1]} rows aside, which are {n_held_out}: give X_val and y_val, "
                "more rows, another validation_fraction or early_stopping=False."
            )

    def _window_rows(self, batch: int) -> int:
        memory = OF_A_WINDOW[self.rows.is_sparse] * self.memory
        n_batches = int(memory / self.rows.row_bytes / batch)
        if n_batches == 0:
            raise ValueError(
                f"A mini-batch of {batch} rows takes more than a window of the source's "
                f"memory={self.source.memory} bytes may: give make_source more memory, or use a "
                "smaller batch_size."
            )
        return n_batches * batch

    def _identify(self, layout: Layout) -> None:
        """Note what the order of rows follows from, and see that a fit goes on by the same."""
        sizes = zlib.crc32(layout.starts.astype(np.int64).tobytes())
        self.identity = [int(layout.starts[-1]), len(self.rows.sizes), layout.window_rows, sizes]
        if not self.resume:
            return
        had = (fitted.resumption_of(self.estimator) or {}).get("source")
        if had is None or list(had) != self.identity:
            raise ValueError(
                "The fit to resume had another source: give resume the same blocks, with the same "
                "memory and the same batch_size."
            )

    def _read(self, layout: Layout) -> Iterator[Dataset]:
        """Read and encode all rows, ahead of what is done with them."""
        rows = encoded(self.source, self.rows.encode, layout.starts)
        with Ahead(rows, depth=1) as ahead:
            for _, _, part in ahead:
                yield part

    # ----------------------------------------------------------------------------- rows that fit

    def _train_on_kept_rows(self, layout: Layout, batch: int) -> None:
        whole, n_rows = self.source.blocks.whole(), int(layout.starts[-1])
        if whole is None:
            self.dataset = gathered(self._read(layout), n_rows, self._asks_for_rows)
        else:
            self.dataset = self.rows.encode(None, whole)
        mask = layout.held_out.mask(0, n_rows)
        rows, validation_rows = np.flatnonzero(~mask), None
        if layout.held_out.share:
            validation_rows = np.flatnonzero(mask)
        problem = self._problem(self.network, rows)
        judge = self._judge(problem, validation_rows)
        order = SeededRows(problem.rows, layout.seed)
        self._train(
            order,
            judge,
            lambda solver, epoch: self.engine.stepper(problem, solver, batch),
            self._told,
        )

    @property
    def _told(self) -> tuple[Any, Any, Any]:
        """What callbacks are told of the rows that train."""
        return self.source, None, None

    # ---------------------------------------------------------------------- rows that are too many

    def _train_on_windows(self, layout: Layout, batch: int) -> None:
        self.dataset = replace(self.dataset, sample_weight=None, weights=None)
        problem = self._problem(self.network)
        if layout.held_out.share:
            self.validation = self._held_out_rows(layout)
        judge = self._judge(problem)
        like, dtype = self.rows.like, self.network.params.dtype
        with ExitStack() as at_the_end:

            def stepper_of(solver: Solver, epoch: int) -> WindowStepper:
                windows = Windows(self.source, self.rows.encode, layout, like, dtype)
                made = windows.make(epoch, int(solver.progress[ROWS]))
                ahead = at_the_end.enter_context(Ahead(made, depth=1, stop=windows.stop))
                return WindowStepper(
                    windows,
                    ahead,
                    solver,
                    batch,
                    lambda data, order: self._stepper_in(problem, data, order, solver, batch),
                )

            self._train(StreamedRows(layout.n_rows), judge, stepper_of, self._told)

    def _stepper_in(
        self, problem: Problem, data: Data, order: np.ndarray, solver: Solver, batch: int
    ) -> Any:
        return self.engine.stepper(replace(problem, data=data, rows=order), solver, batch)

    def _held_out_rows(self, layout: Layout) -> Dataset:
        """Gather the rows that validate, in one pass."""

        def chosen() -> Iterator[Dataset]:
            for _, first, rows in encoded(self.source, self.rows.encode, layout.starts):
                mask = layout.held_out.mask(first, rows.X.shape[0])
                if mask.any():
                    yield some_rows(rows, mask)

        return gathered(chosen(), int(layout.starts[-1]) - layout.n_rows, self._asks_for_rows)

    def _check_same_kind(self) -> None:
        """`_identify` has seen to it."""

    def _keep(self, estimator: Any, *kept: Any) -> None:
        super()._keep(estimator, *kept)
        estimator._resumption["source"] = self.identity


def check_is_no_source(X: Any) -> None:
    """Refuse a source where one call is for a few rows."""
    if isinstance(X, Source):
        raise ValueError(
            "partial_fit takes some rows, and a source has all: call it for each of them, `for X, "
            "y, weights in source.parts()`, or go on from the weights by warm_start=True and "
            "fit(source)."
        )


def check_alone(y: Any, sample_weight: Any) -> None:
    """Refuse what a source brings itself."""
    if y is not None or sample_weight is not None:
        raise ValueError(
            "A source has target and weights of its own: name them in make_source, and leave out y "
            "and sample_weight."
        )
