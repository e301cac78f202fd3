"""The regressor for tables."""

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted

from fastnn.columns import Cells
from fastnn.estimators.fitted import twin_of
from fastnn.estimators.inputs import flattened
from fastnn.estimators.parameters import check_in_interval
from fastnn.estimators.targets import number_targets
from fastnn.kernels.losses import REGRESSION_LOSSES
from fastnn.sources.scores import R2, Kept
from fastnn.sources.source import Source
from fastnn.tabular import conformal
from fastnn.tabular.base import GAP_IN_TARGET, BaseTabular
from fastnn.tabular.data import Task
from fastnn.tabular.folds import folds_of
from fastnn.tabular.gaps import refuse_gaps
from fastnn.tabular.importance import FoldRegressor

LARGEST = 1e140  # target: the squares of a billion add up to a float64


class TabularRegressor(RegressorMixin, BaseTabular):
    """Regressor for tables: an ensemble of networks and trees over folds of the rows.

    It takes tables as people have them, with numbers of any size, categories, dates and gaps, and
    needs no settings. Networks, boosted trees and random trees are trained on folds of the rows;
    how much each counts, and how wide intervals are, is decided by the rows that were held out.
    The networks are RealMLP's [1]_, the weights come from greedy selection [2]_.

    Parameters
    ----------
    loss : str, default='squared_error'
        What predictions minimize: 'squared_error', 'absolute_error' (the median), 'huber',
        'log_cosh', 'poisson' (counts), 'gamma' (positive numbers) or 'quantile'. Members that do
        not know a loss take no part.

    quantile : float or list of float, default=0.5
        Which quantiles the loss 'quantile' is for, in (0, 1). Several, of one target, make a
        column each.

    huber_delta : float, default=1.35
        Gap from which the loss 'huber' grows no faster than in proportion, in standard deviations
        of the target.

    members : {'auto', 'networks', 'boosting', 'random_trees'} or list of these, default='auto'
        What takes part: networks, scikit-learn's histogram-based gradient boosting, and its
        extremely randomized trees. 'auto' stands for all: they err differently.

    effort : {'quick', 'balanced', 'thorough'}, default='balanced'
        How much time to spend: 'balanced' takes some 12 s for 5000 rows on two cores, 'quick' a
        tenth of that and 'thorough' several times as much. The time grows in proportion to
        the rows, and more slowly from 10000 on.

    max_time : float, default=None
        Seconds that `fit` may take, the compiling of kernels not counted. Where they are too few
        for the effort there are fewer folds or smaller networks. The result is the best ensemble
        so far, and its last bits depend on the machine.

    cv : int, splitter or iterable, default=None
        Folds of the rows. None stands for 5, or for 2 where the effort is 'quick' and there are
        more than 2000 rows; with fewer rows than folds there are fewer. A number gives folds that
        are shuffled, each with small and large targets, or that keep `groups` whole.

    scoring : str or callable, default=None
        By what epochs, iterations and weights are chosen, as scikit-learn has it. None stands for
        `loss`.

    categorical_features : 'from_dtype', None or array-like, default='from_dtype'
        Columns that are categories: a mask, places or names. 'from_dtype' takes those of a
        frame's categorical types; strings, objects and booleans are categories in any case.

    warm_start : bool, default=False
        Whether `fit` adds members to those there are, on the same rows: with a larger `effort` or
        more of `members`.

    n_jobs : int, default=None
        Models that are trained at the same time, one thread each; None for all cores, or as a
        `joblib.parallel_config` says. It changes no bit of the result.

    random_state : int, RandomState instance or None, default=None
        Draws folds, initial weights and the order of rows.

    verbose : bool, default=False
        Whether to print each model that is trained.

    Attributes
    ----------
    n_features_in_ : int
        Columns of X.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where X has names that are all texts.

    members_ : list of dict
        The members: `kind`, `settings`, `weight`, `loss` of the rows held out, `histories` of
        that loss fold by fold, and what predicts.

    validation_score_ : float
        R^2 of the rows held out (D^2 of the pinball loss for quantiles), or their score by
        `scoring`: what to expect of new rows.

    validation_loss_ : float
        Their loss.

    oof_prediction_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Prediction of each row by the models that it did not train; NaN for a row that was never
        held out.

    columns_ : dict
        What each column of X was read as; see ``fastnn.columns.describe``.

    See Also
    --------
    TabularClassifier : The same for classes.
    MLPRegressor : A single network.

    Notes
    -----
    `predict_interval` gives intervals that hold the target as often as is asked [3]_. No
    prediction lies outside the range of the training targets.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn and I. Steinwart, Better by Default: Strong Pre-Tuned MLPs
       and Boosted Trees on Tabular Data, NeurIPS 2024, arXiv:2407.04491.
    .. [2] R. Caruana, A. Niculescu-Mizil, G. Crew and A. Ksikes, Ensemble Selection from Libraries
       of Models, ICML 2004.
    .. [3] R. Barber, E. Candès, A. Ramdas and R. Tibshirani, Predictive Inference with the
       Jackknife+, Annals of Statistics 49, 2021, arXiv:1905.02928.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from fastnn import TabularRegressor
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = TabularRegressor(effort="quick", random_state=0).fit(X, y)
    >>> model.predict_interval(X[:2], coverage=0.9).shape
    (2, 2)
    """

    __module__ = "fastnn"  # by which saved models name it

    _parameter_constraints: ClassVar[dict] = {
        **BaseTabular._parameter_constraints,
        "loss": [StrOptions(set(REGRESSION_LOSSES))],
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like"],
        "huber_delta": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        loss: str = "squared_error",
        quantile: Any = 0.5,
        huber_delta: float = 1.35,
        members: Any = "auto",
        effort: str = "balanced",
        max_time: float | None = None,
        cv: Any = None,
        scoring: Any = None,
        categorical_features: Any = "from_dtype",
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.loss = loss
        self.quantile = quantile
        self.huber_delta = huber_delta
        self.members = members
        self.effort = effort
        self.max_time = max_time
        self.cv = cv
        self.scoring = scoring
        self.categorical_features = categorical_features
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _read_targets(self, X: Any, y: Any) -> np.ndarray:
        if y is None:
            raise ValueError("TabularRegressor requires y to be passed, but the target y is None.")
        if isinstance(y, list | tuple):
            y = np.asarray(y)  # of objects, such as decimals, scikit-learn makes numbers then
        refuse_gaps(y, GAP_IN_TARGET)
        y = check_array(y, ensure_2d=False, dtype="numeric", input_name="y", estimator=self)
        self._is_vector = y.ndim == 1
        if y.ndim == 2 and y.shape[1] == 1:
            y = flattened(y)
            self._is_vector = True
        Y = np.asarray(number_targets(y, self.loss, self._loss_settings()).Y, np.float64)
        if np.abs(Y).max() > LARGEST:
            raise ValueError(
                f"y has values as large as {np.abs(Y).max():.3g}, whose squares are more than a "
                f"float64 can hold: divide y by a number that makes them less than {LARGEST:.0g}."
            )
        return Y

    def _known_targets(self, y: Any) -> np.ndarray:
        return twin_of(self)._read_targets(None, y)

    def _fold_model(
        self, cells: Cells, owners: tuple[np.ndarray, np.ndarray], fold: int
    ) -> FoldRegressor:
        predictor = self._predictor_of_fold(fold)

        def predicts(cells: Cells) -> np.ndarray:
            return self._shaped(predictor.by_fold(cells, self.n_jobs)[0])

        return FoldRegressor(cells, owners, predicts)

    def _loss_settings(self) -> tuple[float, ...]:
        if self.loss == "quantile":
            return tuple(check_in_interval("quantile", self.quantile, 0, 1))
        return (float(self.huber_delta),) if self.loss == "huber" else ()

    def _task(self, Y: np.ndarray) -> Task:
        settings = self._loss_settings()
        several = self.loss == "quantile" and len(settings) > 1
        return Task(0, len(settings) if several else Y.shape[1], self.loss, settings)

    def _row_weights(self, Y: np.ndarray, sample_weight: np.ndarray | None) -> np.ndarray | None:
        return sample_weight

    def _labels(self, Y: np.ndarray) -> np.ndarray:
        return Y[:, 0] if Y.ndim == 2 and Y.shape[1] == 1 else Y

    def _finish(self, Y: np.ndarray, weights: np.ndarray | None, oof: np.ndarray) -> np.ndarray:
        folds = folds_of(self._folds_)
        counts = folds.weights(weights)
        self._gap_folds, self._gap_weights = folds.numbers.astype(np.int32), counts
        self._gaps, self._spreads = None, []
        if oof.shape[1] == Y.shape[1]:
            known = self._gap_folds, len(folds), counts
            pairs = zip(oof.T, np.abs(Y[folds.rows] - oof).T, strict=True)
            found = [conformal.fit_spread(column, gaps, *known) for column, gaps in pairs]
            self._gaps = np.stack([gaps for _, gaps in found], axis=1)
            self._spreads = [spread._asdict() for spread, _ in found]
        self.oof_prediction_ = self._shaped(folds.average(oof))
        return self._shaped(oof)

    def _shaped(self, predictions: np.ndarray) -> np.ndarray:
        is_column = predictions.shape[1] == 1 and self._is_vector
        return predictions[:, 0] if is_column else predictions

    def _own_score(self, predictions: np.ndarray, y: np.ndarray, counts: np.ndarray) -> float:
        if self.loss != "quantile":
            return float(r2_score(y, predictions, sample_weight=counts))
        quantiles = self._loss_settings()
        columns = predictions.T if len(quantiles) > 1 else [predictions]  # then of all targets
        scores = [
            d2_pinball_score(y, column, sample_weight=counts, alpha=q)
            for column, q in zip(columns, quantiles, strict=True)
        ]
        return float(np.mean(scores))

    def predict(self, X: Any) -> np.ndarray:
        """Predict the targets of rows.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            Rows like those of `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions; a column for each of several quantiles.
        """
        parts = [part.mean(axis=0) for part in self._by_parts(X)]
        return self._shaped(np.concatenate(parts))

    def predict_interval(self, X: Any, coverage: float = 0.9) -> np.ndarray:
        """Predict intervals that hold the target as often as is asked.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            Rows like those of `fit`.
        coverage : float, default=0.9
            Share of rows whose target is to be in their interval, between 0 and 1.

        Returns
        -------
        intervals : ndarray of shape (n_samples, 2) or (n_samples, 2, n_targets)
            Lower and upper ends; infinite where there were too few rows, as below 9 for 0.9.

        Raises
        ------
        ValueError
            Where several quantiles are predicted, which are intervals themselves.
        """
        all_gaps = self._checked_gaps(coverage)
        known = self._gap_folds, coverage
        parts = []
        for part in self._by_parts(X):
            ends = [
                conformal.interval(
                    part[:, :, k],
                    gaps,
                    *known,
                    spread=conformal.Spread(**self._spreads[k]),
                    sample_weight=self._gap_weights,
                )
                for k, gaps in enumerate(all_gaps.T)
            ]
            parts.append(np.stack(ends, axis=-1))
        intervals = np.concatenate(parts)
        return intervals[:, :, 0] if self._is_vector else intervals

    def _checked_gaps(self, coverage: float) -> np.ndarray:
        """Give the gaps of all rows, where intervals can be made of them."""
        check_is_fitted(self, "members_")
        conformal.check_coverage(coverage)
        if self._gaps is None:
            raise ValueError(
                "predict_interval is for one prediction a target, and this estimator predicts "
                "several quantiles: use another loss."
            )
        return self._gaps

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Score the predictions: R^2, or for quantiles the D^2 of the pinball loss.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            Rows like those of `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            True values; None with a source in the place of X, which is scored part by part.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.

        Returns
        -------
        score : float
            1 at best, 0 for a constant prediction; a mean over several quantiles.
        """
        if isinstance(X, Source):
            tally = Kept(self._score_of) if self.loss == "quantile" else R2()
            return self._score_source(X, y, sample_weight, tally)
        return self._own_score(self.predict(X), np.asarray(y, np.float64), sample_weight)

    def _score_of(self, y: np.ndarray, predictions: np.ndarray, counts: np.ndarray) -> float:
        return self._own_score(predictions, y, counts)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
