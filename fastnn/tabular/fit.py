"""One fit of an ensemble: from rows to members, their weights and their calibration."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import joblib
import numpy as np
from joblib.parallel import get_active_backend
from sklearn.exceptions import ConvergenceWarning

from fastnn.engine import threads
from fastnn.tabular.data import TrainingData
from fastnn.tabular.ensemble import Member
from fastnn.tabular.folds import Folds
from fastnn.tabular.members import FoldModel, Recipe, train
from fastnn.tabular.networks import NetworkSettings
from fastnn.tabular.pilot import epoch_seconds

Done = Callable[[Recipe, int, FoldModel | None], None]  # is told of each model that is trained

NETWORKS_SHARE = 0.8  # of a limited time, where trees take part too
LEAST_EPOCHS = 8  # of a network: with fewer another member's time is better spent on it


@dataclass
class Trained:
    """What a fit has trained.

    Attributes
    ----------
    members : list of Member
        Those with a model for each of the folds, weights to be chosen.
    folds : Folds
        Fewer than were asked for where time was over before.
    warning : (str, type) or None
        What the user is to be told.
    """

    members: list[Member]
    folds: Folds
    warning: tuple[str, type[Warning]] | None = None


def train_members(
    recipes: list[Recipe],
    data: TrainingData,
    folds: Folds,
    n_jobs: int | None,
    max_time: float | None,
    began: float,
    done: Done | None = None,
) -> Trained:
    """Train members on folds, side by side.

    Parameters
    ----------
    recipes : list of Recipe
    data : TrainingData
    folds : Folds
    n_jobs : int or None
        Models that are trained at the same time; None for a thread of this machine each, or as a
        `joblib.parallel_config` says.
    max_time : float or None
        Seconds since `began`, on the clock of `time.time`.
    began : float
    done : callable or None
        Is called in the caller's thread when a model is trained; it may raise to stop.
    """
    deadline = None if max_time is None else began + max_time
    n_workers = workers(n_jobs)
    if deadline is not None:
        seconds, compiling = epoch_seconds(recipes, data, folds)
        deadline += compiling
        left = (deadline - time.time()) * n_workers
        recipes = fitting_recipes(recipes, seconds, len(folds), left)
    else:  # the longest first, so that no worker is left with one when the others have ended
        recipes = sorted(recipes, key=lambda recipe: recipe.kind != "networks")
    jobs = [(recipe, fold) for recipe in recipes for fold in range(len(folds))]
    models: dict[tuple[int, int], FoldModel | None] = {}
    stopping, warning = threading.Event(), None
    n_threads = max(1, n_workers // max(1, len(jobs)))
    try:
        for seed, fold, model in _run(jobs, data, folds, n_workers, deadline, n_threads, stopping):
            models[seed, fold] = model
            if done is not None:
                done(next(r for r in recipes if r.seed == seed), fold, model)
    except KeyboardInterrupt:
        stopping.set()
        warning = "Training interrupted by user: the ensemble is of what was trained so far."
        if not any(model is not None for model in models.values()):
            raise
    members, used = _complete(recipes, models, folds)
    if not members:
        raise ValueError(_nothing(max_time))
    if warning is None and deadline is not None and time.time() > deadline:
        warning = f"Maximum time ({max_time} s) reached: the ensemble is the best so far."
    return Trained(members, used, None if warning is None else (warning, ConvergenceWarning))


def _nothing(max_time: float | None) -> str:
    if max_time is None:
        return (
            "No member could be trained: weights did not stay finite. The target may have values "
            "that are too large; scale it."
        )
    return f"max_time={max_time} s is over before one model is trained: allow more."


def workers(n_jobs: int | None) -> int:
    """How many models are trained at the same time."""
    if n_jobs is not None:
        return n_jobs if n_jobs > 0 else max(1, threads.available() + 1 + n_jobs)
    backend, configured = get_active_backend(prefer="threads")
    if backend.nesting_level:  # within somebody's worker
        return 1
    return threads.available() if configured in (None, 1) else backend.effective_n_jobs(configured)


def _run(
    jobs: list[tuple[Recipe, int]],
    data: TrainingData,
    folds: Folds,
    n_workers: int,
    deadline: float | None,
    n_threads: int,
    stopping: threading.Event,
) -> Iterator[tuple[int, int, FoldModel | None]]:
    """Train each job's model, as they come to their end."""
    backend, _ = get_active_backend(prefer="threads")
    shares_memory = getattr(backend, "supports_sharedmem", False)
    event = stopping if shares_memory else None
    calls = (
        joblib.delayed(_train)(recipe, data, folds, fold, deadline, n_threads, event)
        for recipe, fold in jobs
    )
    if n_workers == 1:
        yield from (call[0](*call[1], **call[2]) for call in calls)
        return
    parallel = joblib.Parallel(n_workers, prefer="threads", return_as="generator_unordered")
    results = parallel(calls)
    try:
        yield from results
    finally:
        stopping.set()
        with contextlib.suppress(Exception):
            results.close()


def _train(
    recipe: Recipe,
    data: TrainingData,
    folds: Folds,
    fold: int,
    deadline: float | None,
    n_threads: int,
    stopping: threading.Event | None,
) -> tuple[int, int, FoldModel | None]:
    rows, held_out = folds.train[fold], folds.test[fold]
    model = train(recipe, data, rows, held_out, fold, deadline, n_threads, stopping)
    return recipe.seed, fold, model


def fitting_recipes(
    recipes: list[Recipe], seconds: dict[int, float], n_folds: int, left: float
) -> list[Recipe]:
    """Choose members, and the epochs of networks, that a limited time has room for.

    Parameters
    ----------
    recipes : list of Recipe
    seconds : dict of int to float
        Of an epoch of each network, by the member's seed.
    n_folds : int
    left : float
        Seconds of all workers together.
    """
    nets = [recipe for recipe in recipes if isinstance(recipe.settings, NetworkSettings)]
    if not nets:
        return recipes
    room = left * (NETWORKS_SHARE if len(nets) < len(recipes) else 0.95)
    for n_nets in range(len(nets), 0, -1):
        kept = nets[:n_nets]
        one_each = n_folds * sum(seconds[recipe.seed] for recipe in kept)
        n_epochs = int(room / one_each)
        if n_epochs >= LEAST_EPOCHS or n_nets == 1:
            break
    chosen = []
    for recipe in recipes:
        if not isinstance(recipe.settings, NetworkSettings):
            chosen.append(recipe)
        elif recipe in kept:
            wanted = max(1, min(recipe.settings.n_epochs, n_epochs))
            chosen.append(replace(recipe, settings=replace(recipe.settings, n_epochs=wanted)))
    return chosen


def _complete(
    recipes: list[Recipe], models: dict[tuple[int, int], FoldModel | None], folds: Folds
) -> tuple[list[Member], Folds]:
    """List members with a model for each fold, or else those with most, and these folds."""
    trained = {
        recipe.seed: [k for k in range(len(folds)) if models.get((recipe.seed, k)) is not None]
        for recipe in recipes
    }
    most = max(trained.values(), key=len, default=[])
    if not most:
        return [], folds
    if len(most) < len(folds):
        train, test = ([rows[k] for k in most] for rows in (folds.train, folds.test))
        folds = Folds(train, test, folds.n_samples)
    members = []
    for recipe in recipes:
        if set(most) <= set(trained[recipe.seed]):
            parts = [models[recipe.seed, k] for k in most]
            members.append(_member(recipe, [part for part in parts if part is not None]))
    return members, folds


def _member(recipe: Recipe, models: list[FoldModel]) -> Member:
    return Member(
        kind=recipe.kind,
        name=recipe.kind,
        settings=_plain_settings(recipe),
        seed=recipe.seed,
        weight=0.0,
        power=1.0,
        loss=np.nan,
        oof=np.concatenate([model["held_out"] for model in models]),
        states=[model["state"] for model in models],
        histories=[list(map(float, model["history"])) for model in models],
    )


def _plain_settings(recipe: Recipe) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(recipe.settings).items()
    }
