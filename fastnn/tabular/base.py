"""What the classifier and the regressor for tables share.

A fit goes: `fastnn.columns` reads the table, `folds` divides its rows, `recipes` lists the members,
`fit` trains each on the rows of each fold, and their predictions for the rows held out choose their
weights (`weights`), the calibration of probabilities and the width of intervals.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from fastnn._version import __version__
from fastnn.columns import fit_columns, transform_parts
from fastnn.estimators.warn import warn_user
from fastnn.sklearn_versions import check_sample_weight
from fastnn.tabular import weights as ensemble_weights
from fastnn.tabular.calibration import fit_power, raised
from fastnn.tabular.data import TargetScale, Task, TrainingData
from fastnn.tabular.ensemble import Member, Predictor
from fastnn.tabular.fit import train_members
from fastnn.tabular.folds import Folds, make_folds
from fastnn.tabular.members import KINDS
from fastnn.tabular.recipes import EFFORTS, recipes
from fastnn.tabular.scaling import learn_scaling

MAX_MEMBERS = 64
PART_ROWS = 8192  # that are predicted at once, so that memory beyond the result is bounded
STATE_FORMAT = 1  # of a pickled estimator; counts up when an older fastnn could not read it


class BaseTabular(BaseEstimator, ABC):
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
    def _finish(self, Y: np.ndarray, weights: np.ndarray | None, oof: np.ndarray) -> None:
        """Keep what follows from the ensemble's predictions for each pair of row and fold."""

    # ------------------------------------------------------------------------------------ fit

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None) -> Self:
        """Train an ensemble.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            Numbers, categories, dates, and gaps among them; a frame of pandas, polars or pyarrow.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group, such as one person's, are held out together.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            Where a column or the target cannot be learnt from: the message names it.
        """
        before = dict(self.__dict__)
        try:
            self._fit(X, y, sample_weight, groups)
        except BaseException:  # a fit that fails leaves the estimator as it was
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any, groups: Any) -> None:
        began = time.time()
        past = vars(self).get("members_") if self.warm_start else None
        random_state = check_random_state(self.random_state)
        kinds = self._kinds()
        columns, cells = fit_columns(X, self, self.categorical_features)
        Y = self._read_targets(X, y)
        check_consistent_length(cells.numbers, Y)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, cells.numbers)
        weights, task = self._row_weights(Y, sample_weight), self._task(Y)
        seeds = random_state.randint(2**31 - 1, size=MAX_MEMBERS)
        folds = self._folds(X, Y, groups, weights, random_state, past)
        data = TrainingData(
            cells,
            learn_scaling(cells, columns["sizes"]),
            columns["sizes"],
            Y,
            weights,
            task,
            None if task.n_classes else TargetScale.of(Y, weights, task.loss),
            self._held_out_score(task),
        )
        known = {member["seed"] for member in past or []}
        listed = [
            recipe
            for recipe in recipes(kinds, self.effort, folds.train[0].size, task, seeds)
            if recipe.seed not in known
        ]
        trained = train_members(
            listed, data, folds, self.n_jobs, self.max_time, began, self._watch(listed, folds)
        )
        scale = data.target_scale
        self.columns_, self._scaling = columns, data.scaling
        self._target_scale = None if scale is None else vars(scale)
        self._folds_, self.members_ = _plain_folds(trained.folds), (past or []) + trained.members
        self._learn_weights(Y, weights, task)
        self._finish(Y, weights, self._combined_oof())
        for told in columns.get("warnings", []):
            warn_user(told, UserWarning)
        if trained.warning is not None:
            warn_user(*trained.warning)

    def _kinds(self) -> list[str]:
        if isinstance(self.members, str):
            return list(KINDS) if self.members == "auto" else [self.members]
        kinds = list(self.members)
        if not kinds or not set(kinds) <= set(KINDS):
            raise ValueError(
                f"members={self.members!r} has to be 'auto', one of {list(KINDS)}, or a list of "
                "some of them."
            )
        return kinds

    def _folds(
        self,
        X: Any,
        Y: np.ndarray,
        groups: Any,
        weights: np.ndarray | None,
        random_state: np.random.RandomState,
        past: list[Member] | None,
    ) -> Folds:
        """Divide the rows; a warm start goes on with the folds of the fit before."""
        if past is not None:
            folds = folds_of(self._folds_)
            if folds.n_samples != len(Y):
                raise ValueError(
                    f"warm_start=True adds members to those of {folds.n_samples} rows, got "
                    f"{len(Y)}: give the same rows, or set warm_start=False."
                )
            return folds
        return make_folds(
            self.cv,
            X,
            self._labels(Y),
            groups=groups,
            sample_weight=weights,
            is_classifier=hasattr(self, "predict_proba"),
            random_state=random_state,
        )

    def _learn_weights(self, Y: np.ndarray, weights: np.ndarray | None, task: Task) -> None:
        """Weigh the members by their predictions for the rows held out."""
        folds = folds_of(self._folds_)
        y, counts = Y[folds.rows], folds.weights(weights)
        if task.n_classes:
            for member in self.members_:
                _calibrate(member, y[:, 0], counts)
        predictions = np.stack([member["oof"] for member in self.members_])
        y = y[:, 0] if y.shape[1] == 1 else y
        loss = task.loss, task.settings
        losses = [
            np.average(ensemble_weights.row_losses(A, y, *loss), weights=counts)
            for A in predictions
        ]
        if self.scoring is None:
            chosen = ensemble_weights.weights_by_loss(
                predictions, y, task.loss, settings=task.settings, sample_weight=counts
            )
        else:
            score = ensemble_weights.scorer_of_predictions(
                self.scoring, None, self._labels(Y[folds.rows]), self._classes(), counts
            )
            chosen = ensemble_weights.weights_by_score(predictions, score)
        for member, weight, loss in zip(self.members_, chosen, losses, strict=True):
            member["weight"], member["loss"] = float(weight), float(loss)

    def _classes(self) -> np.ndarray | None:
        return vars(self).get("classes_")

    def _combined_oof(self) -> np.ndarray:
        """Give the ensemble's predictions for each pair of row and fold: (n_pairs, n_outputs)."""
        parts = [member["weight"] * member["oof"].astype(np.float64) for member in self.members_]
        return np.sum(parts, axis=0)

    def _held_out_score(self, task: Task) -> Any:
        """Make the score, lower is better, that chooses epochs; None for the loss."""
        if self.scoring is None:
            return None
        classes = self._classes()

        def score(y: np.ndarray, predictions: np.ndarray, counts: np.ndarray | None) -> float:
            labels = self._labels(y.reshape(len(y), -1).astype(int) if task.n_classes else y)
            scorer = ensemble_weights.scorer_of_predictions(
                self.scoring, None, labels, classes, counts
            )
            return -scorer(predictions)

        return score

    @abstractmethod
    def _own_score(self, predictions: np.ndarray, y: np.ndarray, counts: np.ndarray) -> float:
        """Score predictions as `score` does."""

    def _judge(self, predictions: np.ndarray, y: np.ndarray, counts: np.ndarray) -> None:
        """Keep the score and the loss of the rows held out."""
        task = self._task(y.reshape(len(y), -1))
        losses = ensemble_weights.row_losses(predictions, y, task.loss, task.settings)
        self.validation_loss_ = float(np.average(losses, weights=counts))
        if self.scoring is None:
            self.validation_score_ = self._own_score(predictions, y, counts)
        else:
            labels = self._labels(y.reshape(len(y), -1))
            score = ensemble_weights.scorer_of_predictions(
                self.scoring, None, labels, self._classes(), counts
            )
            self.validation_score_ = score(predictions)

    # -------------------------------------------------------------------------------- predict

    def _predictor(self) -> Predictor:
        """Make what predicts, once; it is not saved."""
        check_is_fitted(self, "members_")
        ready = vars(self).get("_ready")
        if ready is None or ready[0] is not self.members_:
            scale = None if self._target_scale is None else TargetScale(**self._target_scale)
            sizes = self.columns_["sizes"]
            ready = self.members_, Predictor(self.members_, self._scaling, sizes, scale)
            self._ready = ready
        return ready[1]

    def _by_parts(self, X: Any) -> Iterator[np.ndarray]:
        """Predict part by part, by the models of each fold: (n_folds, n_rows, n_outputs)."""
        predictor = self._predictor()
        for cells in transform_parts(self.columns_, X, self, PART_ROWS):
            yield predictor.by_fold(cells, self.n_jobs)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_ready", None)
        return {**state, "_fastnn_version": __version__, "_format": STATE_FORMAT}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        if state.pop("_format", STATE_FORMAT) > STATE_FORMAT:
            raise ValueError(
                f"This model was saved by fastnn {state['_fastnn_version']}, which is newer than "
                f"{__version__}: upgrade fastnn to load it."
            )
        state.pop("_fastnn_version", None)
        super().__setstate__(state)

    def _watch(self, listed: list[Any], folds: Folds) -> Any:
        """Tell of each model that is trained, with verbose=True."""
        if not self.verbose:
            return None
        n_models, done = len(listed) * len(folds), 0

        def tell(recipe: Any, fold: int, model: Any) -> None:
            nonlocal done
            done += 1
            loss = "" if model is None or not model["history"] else f", {min(model['history']):.4g}"
            print(f"[{done}/{n_models}] {recipe.kind}, fold {fold}{loss}")

        return tell


def _calibrate(member: Member, y: np.ndarray, counts: np.ndarray) -> None:
    """Raise a member's probabilities to the power that is right for the rows held out, once."""
    if member["power"] == 1:
        member["power"] = fit_power(member["oof"], y, counts)
        member["oof"] = raised(member["oof"], member["power"])


def check_coverage(coverage: Any) -> None:
    """Refuse a coverage that is none."""
    if not isinstance(coverage, Real) or not 0 < float(coverage) < 1:
        raise ValueError(f"coverage={coverage!r} has to be a number between 0 and 1, such as 0.9.")


def _plain_folds(folds: Folds) -> dict[str, Any]:
    """Give folds as arrays; training rows only where they are not all the others."""
    all_rows = np.arange(folds.n_samples)
    are_others = all(
        np.array_equal(train, np.setdiff1d(all_rows, test))
        for train, test in zip(folds.train, folds.test, strict=True)
    )
    train = [] if are_others else [rows.astype(np.int32) for rows in folds.train]
    test = [rows.astype(np.int32) for rows in folds.test]
    return {"train": train, "test": test, "n_samples": folds.n_samples}


def folds_of(plain: dict[str, Any]) -> Folds:
    """Make the folds that an estimator keeps as arrays."""
    all_rows = np.arange(plain["n_samples"])
    test = [rows.astype(np.int64) for rows in plain["test"]]
    train = [rows.astype(np.int64) for rows in plain["train"]]
    return Folds(train or [np.setdiff1d(all_rows, rows) for rows in test], test, all_rows.size)
