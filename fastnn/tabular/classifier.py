"""The classifier for tables."""

from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_y, check_is_fitted

from fastnn.columns import Cells
from fastnn.estimators.targets import row_weights
from fastnn.sources.scores import Accuracy
from fastnn.sources.source import Source
from fastnn.tabular import conformal
from fastnn.tabular.base import GAP_IN_TARGET, BaseTabular
from fastnn.tabular.calibration import Calibration, calibrated, fit_calibration
from fastnn.tabular.data import Task
from fastnn.tabular.folds import folds_of
from fastnn.tabular.gaps import refuse_gaps
from fastnn.tabular.importance import FoldClassifier


class TabularClassifier(ClassifierMixin, BaseTabular):
    """Classifier for tables: an ensemble of networks and trees over folds of the rows.

    It takes tables as people have them, with numbers of any size, categories, dates and gaps, and
    needs no settings. Networks, boosted trees and random trees are trained on folds of the rows;
    how much each counts, and how probabilities are calibrated, is decided by the rows that were
    held out. The networks are RealMLP's [1]_, the weights come from greedy selection [2]_.

    Parameters
    ----------
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
        more than 2000 rows; with fewer rows than folds, or fewer of a class, there are fewer. A
        number gives folds that are shuffled and stratified, or that keep `groups` whole.

    scoring : str or callable, default=None
        By what epochs, iterations and weights are chosen, as scikit-learn has it. None stands for
        the log-loss, which rewards probabilities that can be trusted.

    categorical_features : 'from_dtype', None or array-like, default='from_dtype'
        Columns that are categories: a mask, places or names. 'from_dtype' takes those of a
        frame's categorical types; strings, objects and booleans are categories in any case.

    class_weight : dict or 'balanced', default=None
        Weights of the classes, as scikit-learn has them.

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
    classes_ : ndarray of shape (n_classes,)
        The classes.

    n_features_in_ : int
        Columns of X.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where X has names that are all texts.

    members_ : list of dict
        The members: `kind`, `settings`, `weight`, `loss` of the rows held out, `histories` of
        that loss fold by fold, and what predicts.

    validation_score_ : float
        Accuracy of the rows held out, or their score by `scoring`: what to expect of new rows.

    validation_loss_ : float
        Their log-loss.

    oof_prediction_ : ndarray of shape (n_samples, n_classes)
        Probabilities of each row by the models that it did not train; NaN for a row that was
        never held out.

    columns_ : dict
        What each column of X was read as; see ``fastnn.columns.describe``.

    See Also
    --------
    TabularRegressor : The same for numbers.
    MLPClassifier : A single network.

    Notes
    -----
    `predict_set` gives sets of classes that hold the true one as often as is asked [3]_.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn and I. Steinwart, Better by Default: Strong Pre-Tuned MLPs
       and Boosted Trees on Tabular Data, NeurIPS 2024, arXiv:2407.04491.
    .. [2] R. Caruana, A. Niculescu-Mizil, G. Crew and A. Ksikes, Ensemble Selection from Libraries
       of Models, ICML 2004.
    .. [3] M. Sadinle, J. Lei and L. Wasserman, Least Ambiguous Set-Valued Classifiers with Bounded
       Error Levels, JASA 2019, arXiv:1609.00451.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fastnn import TabularClassifier
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = TabularClassifier(effort="quick", random_state=0).fit(X, y)
    >>> model.predict(X[:3])
    array([0, 0, 0])
    """

    __module__ = "fastnn"  # by which saved models name it

    _parameter_constraints: ClassVar[dict] = {
        **BaseTabular._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        *,
        members: Any = "auto",
        effort: str = "balanced",
        max_time: float | None = None,
        cv: Any = None,
        scoring: Any = None,
        categorical_features: Any = "from_dtype",
        class_weight: Any = None,
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.members = members
        self.effort = effort
        self.max_time = max_time
        self.cv = cv
        self.scoring = scoring
        self.categorical_features = categorical_features
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _read_targets(self, X: Any, y: Any) -> np.ndarray:
        y = self._checked_labels(y)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if self.classes_.size < 2:
            only = self.classes_.tolist()[0]
            raise ValueError(f"y has one class, {only!r}: a classifier needs rows of two or more.")
        return codes.reshape(-1, 1)

    def _checked_labels(self, y: Any) -> np.ndarray:
        refuse_gaps(y, GAP_IN_TARGET)
        return column_or_1d(_check_y(y, estimator=self), warn=True)

    def _known_targets(self, y: Any) -> np.ndarray:
        y = self._checked_labels(y)
        codes = np.searchsorted(self.classes_, y).clip(max=self.classes_.size - 1)
        if (unknown := y[self.classes_[codes] != y]).size:
            raise ValueError(f"y has a class that fit has not seen, {unknown.tolist()[0]!r}.")
        return codes.reshape(-1, 1)

    def _fold_model(
        self, cells: Cells, owners: tuple[np.ndarray, np.ndarray], fold: int
    ) -> FoldClassifier:
        predictor = self._predictor_of_fold(fold)

        def predicts(cells: Cells) -> np.ndarray:
            return self._calibrated(predictor.by_fold(cells, self.n_jobs)[0])

        return FoldClassifier(cells, owners, predicts, self.classes_)

    def _task(self, Y: np.ndarray) -> Task:
        return Task(self.classes_.size, self.classes_.size, "log_loss")

    def _row_weights(self, Y: np.ndarray, sample_weight: np.ndarray | None) -> np.ndarray | None:
        if self.class_weight is None:
            return sample_weight
        y = self._labels(Y)
        weights = row_weights(self.class_weight, y, y, self.classes_)
        return weights if sample_weight is None else weights * sample_weight

    def _labels(self, Y: np.ndarray) -> np.ndarray:
        return self.classes_[Y[:, 0]]

    def _finish(self, Y: np.ndarray, weights: np.ndarray | None, oof: np.ndarray) -> np.ndarray:
        folds = folds_of(self._folds_)
        y, counts = Y[folds.rows, 0], folds.weights(weights)
        calibration = fit_calibration(oof, y, counts)
        probabilities = calibrated(oof, calibration)
        self._calibration = calibration._asdict()
        self._set_scores = conformal.class_scores(probabilities, y)
        self._set_folds, self._set_weights = folds.numbers.astype(np.int32), counts
        self.oof_prediction_ = folds.average(probabilities)
        return probabilities

    def _own_score(self, predictions: np.ndarray, y: np.ndarray, counts: np.ndarray) -> float:
        return float(np.average(predictions.argmax(axis=1) == y, weights=counts))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            Rows like those of `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Each above 0, in the order of `classes_`.
        """
        return np.concatenate([self._calibrated(part.mean(axis=0)) for part in self._by_parts(X)])

    def _calibrated(self, probabilities: np.ndarray) -> np.ndarray:
        return calibrated(probabilities, Calibration(**self._calibration))

    def predict(self, X: Any) -> np.ndarray:
        """Predict the likeliest class.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            Rows like those of `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Labels, as `fit` got them.
        """
        likeliest = self.predict_proba(X).argmax(axis=1)
        return self.classes_.take(likeliest)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Score the predictions: the share of rows whose class is right.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            Rows like those of `fit`.
        y : array-like of shape (n_samples,), default=None
            True labels; None with a source in the place of X, which is scored part by part.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.

        Returns
        -------
        score : float
            Accuracy, between 0 and 1.
        """
        if isinstance(X, Source):
            return self._score_source(X, y, sample_weight, Accuracy())
        return super().score(X, y, sample_weight)

    def predict_set(self, X: Any, coverage: float = 0.9) -> np.ndarray:
        """Predict a set of classes that holds the true one as often as is asked.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            Rows like those of `fit`.
        coverage : float, default=0.9
            Share of rows whose class is to be in their set, between 0 and 1.

        Returns
        -------
        sets : ndarray of bool of shape (n_samples, n_classes)
            Whether a class is in a row's set, which is never empty.
        """
        check_is_fitted(self, "members_")
        conformal.check_coverage(coverage)
        known = self._set_scores, self._set_folds, coverage
        return np.concatenate(
            [
                conformal.class_set(
                    self._calibrated(part),
                    *known,
                    likeliest=self._calibrated(part.mean(axis=0)).argmax(axis=1),
                    sample_weight=self._set_weights,
                )
                for part in self._by_parts(X)
            ]
        )
