"""What the classifier and the regressor for tables share.

A fit goes: `fastnn.columns` reads the table, `folds` divides its rows, `recipes` lists the members,
`fit` trains each on the rows of each fold, and their predictions for the rows held out choose their
weights (`blend`), the calibration of probabilities and the width of intervals.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, _fit_context, is_classifier
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from fastnn._version import __version__
from fastnn.columns import Cells, fit_columns, transform, transform_parts
from fastnn.columns.record import with_names, without_names
from fastnn.engine.cpu import CPU
from fastnn.estimators.fitted import twin_of
from fastnn.estimators.guard import guarded, settle_at_end, whole_model
from fastnn.estimators.source_fit import check_alone
from fastnn.estimators.source_rows import check_names
from fastnn.sklearn_versions import (
    CALLBACKS,
    OF_A_FIT,
    CallbackSupportMixin,
    check_sample_weight,
    with_callbacks,
)
from fastnn.sources.pipeline import named
from fastnn.sources.scores import Tally, score_parts
from fastnn.sources.source import Source
from fastnn.tabular.blend import blended, out_of_fold
from fastnn.tabular.data import (
    TargetScale,
    Task,
    TrainingData,
    fingerprint,
    of_mean_one,
    without_columns,
)
from fastnn.tabular.ensemble import Member, Predictor
from fastnn.tabular.fit import Crew, Trained, train_members
from fastnn.tabular.folds import Folds, folds_of, make_folds, plain_folds
from fastnn.tabular.importance import ImportanceMixin
from fastnn.tabular.members import KINDS, Recipe
from fastnn.tabular.recipes import EFFORTS, Plan, Step, is_known, kinds_of, recipes, steps
from fastnn.tabular.sampled import parts_of, sampled
from fastnn.tabular.scaling import learn_scaling
from fastnn.tabular.scoring import Scoring
from fastnn.tabular.tasks import ModelTasks
from fastnn.warn import OneCall, warn_user

MAX_MEMBERS = 64
PART_ROWS = 8192  # that are predicted at once, so that memory beyond the result is bounded
GAP_IN_TARGET = "Input y contains {gap}: leave such rows out, as they have nothing to teach."
Told = tuple[str, type[Warning]]
STATE_FORMAT = 1  # of a pickled estimator; counts up when an older fastnn could not read it


class BaseTabular(CallbackSupportMixin, ImportanceMixin, BaseEstimator, ABC):
    """Base of `TabularClassifier` and `TabularRegressor`."""

    _parameter_constraints: ClassVar[dict] = {
        "members": [StrOptions({"auto", *KINDS}), "array-like"],
        "effort": [StrOptions(set(EFFORTS))],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "cv": ["cv_object"],
        "scoring": [str, callable, None],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "warm_start": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }
    # what the regressor and the classifier set in `_learn`
    members_: list[Member]

    # ------------------------------------------------------------------------------ their own

    @abstractmethod
    def _read_targets(self, X: Any, y: Any) -> np.ndarray:
        """Check y, learn its classes, and give codes or numbers of shape (n_rows, n_targets)."""

    @abstractmethod
    def _task(self, Y: np.ndarray) -> Task:
        """Say what is to be predicted."""

    @abstractmethod
    def _row_weights(self, Y: np.ndarray, sample_weight: np.ndarray | None) -> np.ndarray | None:
        """Give the weight of each row, with that of its class; None where all weigh 1."""

    @abstractmethod
    def _labels(self, Y: np.ndarray) -> np.ndarray:
        """Give targets as the user has them, for a scorer."""

    @abstractmethod
    def _finish(self, Y: np.ndarray, weights: np.ndarray | None, oof: np.ndarray) -> np.ndarray:
        """Keep what follows from the ensemble's outputs for each pair of row and fold.

        Returns its predictions for these pairs.
        """

    @abstractmethod
    def _own_score(self, predictions: np.ndarray, y: np.ndarray, counts: np.ndarray) -> float:
        """Score predictions as `score` does."""

    # ------------------------------------------------------------------------------------ fit

    @guarded
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, groups: Any = None) -> Self:
        """Train an ensemble.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            Numbers, categories, dates, and gaps among them; a frame of pandas, polars or pyarrow.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets. None with a source in the place of X.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group, such as one person's, are held out together.

        Returns
        -------
        self : object
            The fitted estimator. A fit that fails leaves it as it was; one that is interrupted
            has what was trained so far.

        Raises
        ------
        ValueError
            Where a column or the target cannot be learnt from: the message names it.

        Notes
        -----
        A source of :func:`fastnn.make_source` may stand in the place of X, here, in `score` and in
        predictions. Members train on a sample of its rows, as many as its `memory` is enough for
        at 50 bytes a cell, or on all of them where they are fewer: trees want all rows of a fold
        at once, and members are weighed by a prediction for each row. An integer as `random_state`
        gives the sample that ``source.sample(n_rows, random_state)`` draws.
        """
        X, y, sample_weight, groups = self._rows(X, y, sample_weight, groups)
        with CPU.running():  # for what chooses and calibrates: other threads of BLAS, other bits
            tasks, warnings = self._fit(X, y, sample_weight, groups)
            if tasks.has_callbacks:
                settle_at_end(self, partial(self._settle, self._learned()))
            tasks.end()
        with whole_model(self):
            for warning in warnings:
                warn_user(*warning)
        return self

    def _rows(self, X: Any, y: Any, sample_weight: Any, groups: Any) -> tuple[Any, Any, Any, Any]:
        """Give the rows to learn from, in memory."""
        if not isinstance(X, Source):
            return X, y, sample_weight, groups
        check_alone(y, sample_weight)
        if groups is not None:
            raise ValueError(
                "groups go with rows, and the sample of a source has others: draw one by "
                "source.sample, and fit its X and y with their groups."
            )
        return *sampled(X, self.random_state), None

    def _crew(self) -> Crew | None:
        """Give what trains the models in the place of this process."""
        return None

    def _learned(self) -> dict[str, Any]:
        """Give the attributes that a fit has set."""
        apart = {*CALLBACKS, *OF_A_FIT, *self.get_params(deep=False)}
        return {name: value for name, value in vars(self).items() if name not in apart}

    def _settle(self, learned: dict[str, Any]) -> None:
        """See to it that the ensemble is the fit's own, whatever callbacks have done to it.

        Raises
        ------
        ValueError
            If they have left parameters that are none.
        """
        self.__dict__.update(learned)
        try:
            self._validate_params()
        except (AttributeError, ValueError) as reason:
            raise ValueError(
                f"A callback has changed the parameters of the {type(self).__name__}: {reason}"
            ) from reason

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, groups: Any
    ) -> tuple[ModelTasks, list[Told]]:
        began = time.time()
        past = vars(self).get("members_", []) if self.warm_start else []
        random_state = check_random_state(self.random_state)
        if self.n_jobs == 0:
            raise ValueError("n_jobs=0 has no meaning: use None, or a number of models from 1 on.")
        kinds = kinds_of(self.members)
        columns, cells = fit_columns(X, self, self.categorical_features)
        if not cells.numbers.shape[1] + cells.codes.shape[1]:
            cells = without_columns(cells)
        Y = self._read_targets(X, y)
        check_consistent_length(cells.numbers, Y)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, cells.numbers)
        weights, task = self._row_weights(Y, sample_weight), self._task(Y)
        if weights is not None and weights.max() > 0:
            weights = of_mean_one(weights)
        seeds = random_state.randint(2**31 - 1, size=len(past) + MAX_MEMBERS)[len(past) :]
        rows = fingerprint(cells, Y)
        divide = partial(self._divide, X, Y, groups, weights, random_state)
        given = None if past or self.cv is None else divide(self.cv)
        if past:
            self._check_past(rows, task)
            given, target_scale = folds_of(self._folds_), self._scale_of_members()
        else:
            target_scale = None if task.n_classes else TargetScale.of(Y, weights, task.loss)
        self._target_scale = None if target_scale is None else vars(target_scale)
        classes = self.classes_ if is_classifier(self) else None
        scoring = Scoring(self.scoring, task, target_scale, self._labels, classes)
        scoring.check(Y, weights)
        data = TrainingData(
            cells,
            learn_scaling(cells, columns["sizes"]),
            columns["sizes"],
            Y,
            weights,
            task,
            target_scale,
            scoring.of_epochs(),
        )

        def plans() -> Iterator[Plan]:
            *smaller, asked = steps(self.effort, len(Y), self.max_time is not None)
            for step in (*smaller, asked):
                folds = divide(step.n_folds) if given is None else given
                listed = self._recipes(kinds, step, folds, task, seeds)
                added = [recipe for recipe in listed if not is_known(recipe, past)]
                if added or step == asked:
                    yield Plan(folds, added, step.enough)

        def keep(estimator: Self, trained: Trained) -> None:
            estimator.columns_, estimator._scaling = columns, data.scaling
            estimator._target_scale = self._target_scale
            estimator._loss = [task.loss, *task.settings]
            estimator._folds_ = plain_folds(trained.folds) | {"fingerprint": rows}
            held_out = folds_of(estimator._folds_)
            estimator.members_ = blended(past + trained.members, held_out, Y, weights, scoring)
            estimator._judge(held_out, Y, weights, scoring)

        def fitted(trained: Trained) -> dict[str, Any]:
            twin = twin_of(self)
            keep(twin, trained)
            return twin._learned()

        metadata = {"sample_weight": sample_weight, "groups": groups}
        metadata = {name: value for name, value in metadata.items() if value is not None}
        tasks = ModelTasks(self, {"X": X, "y": y, "metadata": metadata or None}, fitted)
        by_whom = self.n_jobs, self.max_time, began, tasks, self._crew()
        trained = train_members(plans(), data, *by_whom)
        keep(self, trained)
        self._make_predictor()
        told_all: list[Told] = [(told, UserWarning) for told in columns["warnings"]]
        return tasks, told_all if trained.warning is None else [*told_all, trained.warning]

    def _recipes(
        self, kinds: list[str], step: Step, folds: Folds, task: Task, seeds: np.ndarray
    ) -> list[Recipe]:
        listed = recipes(kinds, step, folds.train[0].size, task, seeds)
        if not listed:
            raise ValueError(
                f"members={self.members!r} has none that knows loss={task.loss!r}: add 'networks'."
            )
        return listed

    def _check_past(self, rows: str, task: Task) -> None:
        """Refuse to add to members that were trained on other rows, or for another loss."""
        if self._folds_["fingerprint"] != rows:
            raise ValueError(
                "warm_start=True adds members that are trained on the rows of the fit before, and "
                "these are others: give the same X and y, or set warm_start=False."
            )
        loss = [task.loss, *task.settings]
        if vars(self).get("_loss", loss) != loss:  # models of before have not noted theirs
            raise ValueError(
                "warm_start=True adds members that predict what those of the fit before do, and "
                f"these were trained for loss={self._loss[0]!r}, the settings of which are "
                f"{self._loss[1:]}: set the same loss, quantile and huber_delta, or "
                "warm_start=False."
            )

    def _scale_of_members(self) -> TargetScale | None:
        """Give the unit of what members predict: those that there are go on in theirs."""
        return None if self._target_scale is None else TargetScale(**self._target_scale)

    def _divide(
        self,
        X: Any,
        Y: np.ndarray,
        groups: Any,
        weights: np.ndarray | None,
        random_state: np.random.RandomState,
        cv: Any,
    ) -> Folds:
        return make_folds(
            cv,
            X,
            self._labels(Y),
            groups=groups,
            sample_weight=weights,
            is_classifier=is_classifier(self),
            random_state=random_state,
        )

    def _judge(
        self, folds: Folds, Y: np.ndarray, weights: np.ndarray | None, scoring: Scoring
    ) -> None:
        """Keep the score and the loss of the rows held out."""
        predictions = self._finish(Y, weights, out_of_fold(self.members_))
        Y, counts = Y[folds.rows], folds.weights(weights)
        self.validation_loss_ = scoring.loss(predictions, Y, counts)
        if scoring.scoring is None:
            y = Y[:, 0] if Y.shape[1] == 1 else Y
            self.validation_score_ = self._own_score(predictions, y, counts)
        else:
            self.validation_score_ = scoring.score(predictions, Y, counts)

    # -------------------------------------------------------------------------------- predict

    def _make_predictor(self) -> Predictor:
        """Make what predicts; it is not saved."""
        self._predictor = self._predictor_of(self.members_)
        return self._predictor

    def _predictor_of(self, members: list[Member]) -> Predictor:
        sizes = self.columns_["sizes"]
        return Predictor(members, self._scaling, sizes, self._scale_of_members())

    def _by_parts(self, X: Any) -> Iterator[np.ndarray]:
        """Predict part by part, by the models of each fold: (n_folds, n_rows, n_outputs)."""
        check_is_fitted(self, "members_")
        if isinstance(X, Source):
            check_names(self, X)
            one_call = OneCall()
            return chain.from_iterable(one_call.of(self._by_parts, rows) for rows in parts_of(X))
        predictor = vars(self).get("_predictor") or self._make_predictor()
        return (predictor.by_fold(cells, self.n_jobs) for cells in self._cells(X))

    def _cells(self, X: Any) -> Iterator[Cells]:
        shape = getattr(X, "shape", ())
        if shape and isinstance(shape[0], Integral) and shape[0] <= PART_ROWS:
            parts: Iterable[Cells] = [transform(self.columns_, X, self)]
        else:
            parts = transform_parts(self.columns_, X, self, PART_ROWS)
        columns = self.columns_
        has_columns = any(map(len, (columns["numbers"], columns["categories"], columns["dates"])))
        return iter(parts) if has_columns else map(without_columns, parts)

    def _score_source(self, source: Source, y: Any, sample_weight: Any, tally: Tally) -> float:
        """Score the predictions for a source's rows, part by part."""
        check_alone(y, sample_weight)
        check_is_fitted(self, "members_")
        check_names(self, source)
        names = source.blocks.names
        one_call = OneCall()

        def predict(X: Any) -> np.ndarray:
            return one_call.of(self.predict, named(X, names))

        return score_parts(source.parts(), predict, tally)

    # ----------------------------------------------------------------------------------- state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__().copy()
        for name in ("_predictor", *OF_A_FIT):
            state.pop(name, None)
        return {**without_names(state), "_fastnn_state": (STATE_FORMAT, __version__)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = with_names({name: value for name, value in state.items() if name not in OF_A_FIT})
        state_format, version = state.pop("_fastnn_state", (STATE_FORMAT, "unknown"))
        if state_format > STATE_FORMAT:
            raise ValueError(
                f"This {type(self).__name__} was saved by fastnn {version}, in a form that this "
                f"older version cannot read. Upgrade fastnn to {version} or newer."
            )
        super().__setstate__(state)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "members_")
