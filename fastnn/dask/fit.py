"""A fit on a cluster: that of a source, with steps that its workers take."""

import secrets
from copy import copy
from dataclasses import replace
from typing import Any

from distributed import Client

from fastnn.dask.errors import WorkersLostError
from fastnn.dask.job import Job
from fastnn.dask.stepper import TeamStepper
from fastnn.dask.team import Team
from fastnn.engine.base import Engine
from fastnn.estimators.fitted import twin_of
from fastnn.estimators.source_fit import SourceFit
from fastnn.estimators.tasks import without_callbacks
from fastnn.sources.order import StreamedRows
from fastnn.sources.windows import Layout
from fastnn.training.solvers import Solver

SILENCE = 60.0  # seconds after which a connection between workers is given up


class ClusterFit(SourceFit):
    """A call of `fit` or `resume` with Dask's collections.

    Parameters
    ----------
    client : Client
        Of the cluster.
    """

    def __init__(self, estimator: Any, engine: Engine, client: Client, resume: bool) -> None:
        super().__init__(estimator, engine, resume)
        self.client = client
        self.team: Team | None = None

    def _train_on_kept_rows(self, layout: Layout, batch: int) -> None:
        self._train_by_team(layout, batch, is_kept=True)

    def _train_on_windows(self, layout: Layout, batch: int) -> None:
        self._train_by_team(layout, batch, is_kept=False)

    def _train_by_team(self, layout: Layout, batch: int, is_kept: bool) -> None:
        self.dataset = replace(self.dataset, sample_weight=None, weights=None)
        problem = self._problem(self.network)
        if layout.held_out.share:
            self.validation = self._held_out_rows(layout)
        judge = self._judge(problem)
        plain = replace(problem, data=None, rows=None, n_jobs=None)  # type: ignore[arg-type]

        def stepper_of(solver: Solver, epoch: int) -> TeamStepper:
            job = Job(
                token=secrets.token_bytes(32),
                problem=plain,
                solver=solver,
                batch_size=batch,
                source=self.source,
                encode=self.rows.for_workers().encode,
                layout=layout,
                is_kept=is_kept,
                like=self.rows.like,
                silence=SILENCE,
            )
            self.team = Team(self.client, job)
            return TeamStepper(self.team, problem.network, solver, batch, epoch)

        try:
            self._train(StreamedRows(layout.n_rows), judge, stepper_of, self._told)
        finally:
            if self.team is not None:
                self.team.close()
        if self.team is not None and self.team.why_lost:
            raise WorkersLostError(
                f"The fit cannot go on: {self.team.why_lost}. The `checkpoint` of this error is "
                "the model after the last steps: its `resume(X, y)` goes on from there to the bit.",
                self._checkpoint(),
            )

    def _checkpoint(self) -> Any:
        """Copy the estimator as the training has left it."""
        twin = without_callbacks(twin_of(self.estimator))
        twin.client = None
        return copy(twin)
