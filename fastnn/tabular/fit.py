"""One fit of an ensemble: which models are trained for how long, and all of them side by side."""

import contextlib
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Protocol

import joblib
import numpy as np
from joblib.parallel import get_active_backend
from sklearn.exceptions import ConvergenceWarning, UndefinedMetricWarning

from fastnn.engine import threads
from fastnn.tabular.budget import Budget, share_out
from fastnn.tabular.data import TrainingData
from fastnn.tabular.ensemble import Member
from fastnn.tabular.folds import Folds
from fastnn.tabular.members import FoldModel, Recipe, train
from fastnn.tabular.recipes import Job, Plan

OF_A_FOLD = (
    "The number of unique classes is greater than 50%",
    "`sklearn.utils.parallel.delayed` should be used",
)

Models = Generator[tuple[int, FoldModel | None], None, None]  # with the place of each job


@dataclass
class Trained:
    """What a fit has trained.

    Attributes
    ----------
    members : list of Member
        Those with a model for each of the folds, weights to be chosen.
    folds : Folds
        Fewer than were asked for where the fit ended before.
    warning : (str, type) or None
        What the user is to be told.
    """

    members: list[Member]
    folds: Folds
    warning: tuple[str, type[Warning]] | None = None


class Watcher(Protocol):
    """Is told of each model, in the caller's thread."""

    def begin(self, jobs: list[Job], n_at_once: int, so_far: Callable[[], Trained]) -> None:
        """Note what is going to be trained; `so_far` makes the ensemble as it stands."""

    def end_model(self, place: int, model: FoldModel | None) -> bool:
        """Note that a job is done; returns whether to stop, for which it may raise, too."""


class Crew(Protocol):
    """Trains models elsewhere, where nothing of this process is at hand."""

    def size(self) -> int:
        """Count the models that it trains at the same time."""

    def models(self, train: Callable[..., Any], jobs: list[Job], common: tuple[Any, ...]) -> Models:
        """Yield what ``train(place, job, *common)`` returns for each job, as they end.

        Closed before the last, it ends those under way.
        """


def train_members(
    plans: Iterator[Plan],
    data: TrainingData,
    n_jobs: int | None,
    max_time: float | None,
    began: float,
    watcher: Watcher | None = None,
    crew: Crew | None = None,
) -> Trained:
    """Train members on folds, side by side.

    Parameters
    ----------
    plans : iterator of Plan
        The one that was asked for comes last; before it, where time is limited, those that take
        its place if there is not enough of it.
    data : TrainingData
    n_jobs : int or None
        Models that are trained at the same time; None for a thread of this machine each, or as a
        `joblib.parallel_config` says.
    max_time : float or None
        Seconds since `began`, on the clock of `time.time`.
    began : float
    watcher : Watcher or None
    crew : Crew or None
        Trains them in the place of this process, or joblib's backend.

    Raises
    ------
    KeyboardInterrupt
        If one comes before a model is trained. Later ones end the fit with what there is.
    ValueError
        If no model stays finite.
    """
    n_workers = workers(n_jobs) if crew is None else crew.size()
    plan, budget = next(plans), None
    data.prepare({recipe.kind for recipe in plan.recipes})
    if max_time is not None and plan.recipes:
        plan, budget = share_out(plan, plans, data, began + max_time, n_workers)
        data.prepare({recipe.kind for recipe in plan.recipes})
    jobs, folds = plan.jobs(), plan.folds
    models: list[FoldModel | None] = [None] * len(jobs)
    if watcher is not None:
        watcher.begin(jobs, n_workers, lambda: _trained(jobs, models, folds))
    run = _Run(jobs, data, folds, budget, max(1, n_workers // max(1, len(jobs))), crew)
    with quiet(), contextlib.closing(run.models(n_workers)) as done:
        for place, models[place] in done:
            if watcher is None or run.stopping.is_set():
                continue
            try:
                if watcher.end_model(place, models[place]):
                    run.stopping.set()
            except StopIteration:
                run.stopping.set()
            except KeyboardInterrupt:
                run.interrupt()
    trained = _trained(jobs, models, folds)
    if not trained.members and run.was_interrupted:
        raise KeyboardInterrupt
    if not trained.members and jobs:
        raise ValueError(
            "No member could be trained: weights did not stay finite. The target may have values "
            "that are too large; scale it."
        )
    if run.was_interrupted:
        told = "Training interrupted by user: the ensemble is of what was trained so far."
        trained.warning = told, UserWarning
    elif budget is not None and time.time() > budget.deadline:
        told = f"Maximum time ({max_time} s) reached: the ensemble is the best so far."
        trained.warning = told, ConvergenceWarning
    return trained


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what scikit-learn says of the rows of one fold, and filters, from the user.

    Its trees change the filters of warnings for a moment, and put them back: where threads do so
    at the same time, what one has set would stay.
    """
    with warnings.catch_warnings():
        for message in OF_A_FOLD:
            warnings.filterwarnings("ignore", message, UserWarning)
        warnings.simplefilter("ignore", UndefinedMetricWarning)  # of rows that lack a class
        yield


def workers(n_jobs: int | None) -> int:
    """How many models are trained at the same time."""
    if n_jobs is not None:
        return n_jobs if n_jobs > 0 else max(1, threads.available() + 1 + n_jobs)
    backend, configured = get_active_backend(prefer="threads")
    if backend.nesting_level:  # within somebody's worker
        return 1
    if configured is None:  # a cluster's backend takes all of its workers then
        configured = getattr(backend, "default_n_jobs", 1)
    return threads.available() if configured == 1 else backend.effective_n_jobs(configured)


class _Run:
    """Jobs under way.

    Parameters
    ----------
    jobs : list of Job
    data : TrainingData
    folds : Folds
    budget : Budget or None
    n_threads : int
        Of each.
    crew : Crew or None

    Attributes
    ----------
    stopping : threading.Event
        Ends the jobs of this process, each with what it has.
    was_interrupted : bool
        Whether the user has done so.
    """

    def __init__(
        self,
        jobs: list[Job],
        data: TrainingData,
        folds: Folds,
        budget: Budget | None,
        n_threads: int,
        crew: Crew | None,
    ) -> None:
        self.crew = crew
        self.jobs, self.stopping, self.was_interrupted = jobs, threading.Event(), False
        self._common = data, folds, budget, n_threads

    def interrupt(self) -> None:
        """End the jobs; the second time, raise."""
        if self.was_interrupted:
            raise KeyboardInterrupt
        self.was_interrupted = True
        self.stopping.set()

    def models(self, n_workers: int) -> Models:
        """Train them; yields the place of each job, and its model, as they come to their end."""
        if self.crew is not None:
            return self._elsewhere(self.crew.models(_train, self.jobs, self._common))
        backend, _ = get_active_backend(prefer="threads")
        if n_workers == 1:
            return self._here()
        if getattr(backend, "supports_sharedmem", False):
            return self._in_threads(n_workers)
        return self._elsewhere(self._by_joblib(n_workers))

    def _here(self) -> Models:
        for place in range(len(self.jobs)):
            model, stopped = None, self.stopping.is_set()
            try:
                model = _train(place, self.jobs[place], *self._common, self.stopping)[1]
            except KeyboardInterrupt:
                self.interrupt()
            if self.stopping.is_set() and not stopped:  # a network ends by itself
                self.was_interrupted = True
            yield place, model

    def _in_threads(self, n_workers: int) -> Models:
        """Go without joblib, which would lose what is under way when an interrupt comes."""
        pool = ThreadPoolExecutor(n_workers)
        try:
            waiting = {
                pool.submit(_train, place, job, *self._common, self.stopping)
                for place, job in enumerate(self.jobs)
            }
            while waiting:
                try:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                except KeyboardInterrupt:
                    self.interrupt()
                    continue
                yield from (future.result() for future in done)
        finally:
            self.stopping.set()
            pool.shutdown(cancel_futures=True)

    def _by_joblib(self, n_workers: int) -> Models:
        """Let joblib's backend train them, in other processes or on other machines."""
        calls = (
            joblib.delayed(_train)(place, job, *self._common) for place, job in enumerate(self.jobs)
        )
        backend, _ = get_active_backend()
        if not getattr(backend, "supports_return_generator", False):  # as Ray's
            return (pair for pair in joblib.Parallel(n_workers)(calls))
        return joblib.Parallel(n_workers, return_as="generator_unordered")(calls)

    def _elsewhere(self, results: Models) -> Models:
        """Pass on what comes of elsewhere, where only this can end it."""
        try:
            for place, model in results:
                yield place, model
                if self.stopping.is_set():
                    return
        except KeyboardInterrupt:
            self.interrupt()
        finally:
            with contextlib.suppress(Exception):
                results.close()


def _train(
    place: int,
    job: Job,
    data: TrainingData,
    folds: Folds,
    budget: Budget | None,
    n_threads: int,
    stopping: threading.Event | None = None,
) -> tuple[int, FoldModel | None]:
    (recipe, fold), deadline = job, None
    if budget is not None:
        recipe, deadline = budget.begin(place)
    rows, held_out = folds.train[fold], folds.test[fold]
    is_first, began = place == 0, time.time()
    model = train(recipe, data, rows, held_out, fold, deadline, n_threads, stopping, is_first)
    if budget is not None and model is not None:
        budget.end(place, recipe, time.time() - began)
    return place, model


def _trained(jobs: list[Job], models: list[FoldModel | None], folds: Folds) -> Trained:
    """Put together members with a model for each fold, or else those with most, and these folds."""
    parts: dict[int, dict[int, FoldModel]] = {}  # of each member by its seed, fold by fold
    for (recipe, fold), model in zip(jobs, models, strict=True):
        if model is not None:
            parts.setdefault(recipe.seed, {})[fold] = model
    if not parts:
        return Trained([], folds)
    most = max(parts.values(), key=len)
    used = sorted(most)
    if len(used) < len(folds):
        train, test = ([rows[k] for k in used] for rows in (folds.train, folds.test))
        folds = Folds(train, test, folds.n_samples)
    members = [
        _member(recipe, [parts[recipe.seed][k] for k in used])
        for recipe in dict.fromkeys(recipe for recipe, _ in jobs)
        if set(used) <= set(parts.get(recipe.seed, ()))
    ]
    return Trained(members, folds)


def _member(recipe: Recipe, models: list[FoldModel]) -> Member:
    return Member(
        kind=recipe.kind,
        name=recipe.kind,
        settings=recipe.plain_settings(),
        seed=recipe.seed,
        weight=0.0,
        power=1.0,
        loss=np.nan,
        oof=np.concatenate([model["held_out"] for model in models]),
        states=[model["state"] for model in models],
        histories=[list(map(float, model["history"])) for model in models],
    )
