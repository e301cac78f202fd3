"""The estimators for tables whose models a Dask cluster trains, also from its collections."""

from typing import Any, ClassVar

import dask
import numpy as np

from fastnn.dask.base import CONSTRAINTS, OnCluster, initializer
from fastnn.dask.crew import ClusterCrew
from fastnn.dask.predictions import is_lazy
from fastnn.dask.sampled import Rows, sampled
from fastnn.sources.source import check_memory
from fastnn.tabular.base import BaseTabular
from fastnn.tabular.classifier import TabularClassifier
from fastnn.tabular.conformal import check_coverage
from fastnn.tabular.fit import Crew
from fastnn.tabular.regressor import TabularRegressor


class EnsembleOnCluster(OnCluster, BaseTabular):
    """What the classifier and the regressor share: where rows come from, and who trains."""

    def _rows(self, X: Any, y: Any, sample_weight: Any, groups: Any) -> tuple[Any, Any, Any, Any]:
        check_memory(self.memory)
        client = self._client()
        if is_lazy(X):
            if y is None:
                raise ValueError(
                    f"This {type(self).__name__} estimator requires y to be passed, but the "
                    "target y is None."
                )
            given = Rows(X, y, sample_weight, groups)
            return sampled(client, given, int(self.memory), self.random_state)
        for name, of in (("y", y), ("sample_weight", sample_weight), ("groups", groups)):
            if dask.is_dask_collection(of):
                raise TypeError(
                    f"{name} is one of Dask's collections, and X is in memory: give both as "
                    f"collections, or {name}.compute()."
                )
        return super()._rows(X, y, sample_weight, groups)

    def _crew(self) -> Crew:
        return ClusterCrew(self._client())


class DaskTabularClassifier(EnsembleOnCluster, TabularClassifier):
    """Classifier for tables whose models the workers of a Dask cluster train, a thread each.

    Networks and trees are trained on folds of the rows, as by :class:`fastnn.TabularClassifier`,
    and each of these models by one worker. The rows are sent to the workers once. The same bits
    come of any number of workers and threads, also if some are lost on the way, and of
    :class:`fastnn.TabularClassifier` with the same rows.

    Parameters are those of :class:`fastnn.TabularClassifier`, and two more. `n_jobs` counts for
    predictions of rows in memory alone.

    Parameters
    ----------
    client : distributed.Client, default=None
        Of the cluster; None for the current one. It is not saved with the model.

    memory : int, default=500_000_000
        Bytes that training may take for rows, here and in each worker, at 50 for each cell. Of a
        collection that takes more, rows are drawn at random, as of a source of
        :func:`fastnn.make_source`.

    See Also
    --------
    DaskTabularRegressor : The same for numbers.
    DaskMLPClassifier : A single network, by whose steps all rows go.

    Notes
    -----
    `fit` takes Dask arrays or data frames as X, y, `sample_weight` and `groups`, in chunks or
    partitions that go together, and also what :class:`fastnn.TabularClassifier` takes. There are
    no `X_val` and `y_val`: each fold's models are judged by the rows of that fold, which they have
    not seen.

    Examples
    --------
    >>> import dask.array as da
    >>> from distributed import Client
    >>> from fastnn.dask import DaskTabularClassifier
    >>> client = Client(processes=False, dashboard_address=":0")
    >>> X = da.random.default_rng(0).standard_normal((400, 5), chunks=(100, 5))
    >>> y = X[:, 0] > 0
    >>> model = DaskTabularClassifier(effort="quick", random_state=0).fit(X, y)
    >>> model.predict_proba(X).compute().shape
    (400, 2)
    >>> type(model.to_local()).__name__
    'TabularClassifier'
    >>> client.close()
    """

    __module__ = "fastnn.dask"

    _parameter_constraints: ClassVar[dict] = {
        **TabularClassifier._parameter_constraints,
        **CONSTRAINTS,
    }

    __init__ = initializer(TabularClassifier)
    local_class = TabularClassifier

    def _example(self, local: Any, X: Any, method: str) -> np.ndarray:
        if method == "predict":
            return local.classes_
        dtype = bool if method == "predict_set" else np.float64
        return np.zeros((1, local.classes_.size), dtype)

    def predict_proba(self, X: Any) -> Any:
        """Predict the probability of each class, lazily where X is one of Dask's collections.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame or what `fit` takes
            Rows like those of `fit`.

        Returns
        -------
        probabilities : dask.array.Array, dask.dataframe.DataFrame or ndarray
            Of shape (n_samples, n_classes); a frame has the classes as names.
        """
        return self._predicted(X, "predict_proba")

    def predict_set(self, X: Any, coverage: float = 0.9) -> Any:
        """Predict a set of classes that holds the true one as often as is asked.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame or what `fit` takes
            Rows like those of `fit`.
        coverage : float, default=0.9
            Share of rows whose class is to be in their set, between 0 and 1.

        Returns
        -------
        sets : dask.array.Array, dask.dataframe.DataFrame or ndarray
            Of bool and of shape (n_samples, n_classes), lazy where X is; a frame has the classes
            as names.
        """
        check_coverage(coverage)
        return self._predicted(X, "predict_set", coverage=coverage)


class DaskTabularRegressor(EnsembleOnCluster, TabularRegressor):
    """Regressor for tables whose models the workers of a Dask cluster train, a thread each.

    Parameters are those of :class:`fastnn.TabularRegressor`, and two more;
    :class:`DaskTabularClassifier` says what is as there.

    Parameters
    ----------
    client : distributed.Client, default=None
        Of the cluster; None for the current one. It is not saved with the model.

    memory : int, default=500_000_000
        Bytes that training may take for rows, here and in each worker.

    See Also
    --------
    DaskTabularClassifier : The same for classes.
    DaskMLPRegressor : A single network, by whose steps all rows go.
    """

    __module__ = "fastnn.dask"

    _parameter_constraints: ClassVar[dict] = {
        **TabularRegressor._parameter_constraints,
        **CONSTRAINTS,
    }

    __init__ = initializer(TabularRegressor)
    local_class = TabularRegressor

    def _example(self, local: Any, X: Any, method: str) -> np.ndarray:
        like = np.zeros((1, *local.oof_prediction_.shape[1:]))
        return like if method == "predict" else np.stack([like, like], axis=1)

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Any:
        """Predict intervals that hold the target as often as is asked.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame or what `fit` takes
            Rows like those of `fit`.
        coverage : float, default=0.9
            Share of rows whose target is to be in their interval, between 0 and 1.

        Returns
        -------
        intervals : dask.array.Array, dask.dataframe.DataFrame or ndarray
            Lower and upper ends, of shape (n_samples, 2) or (n_samples, 2, n_targets), lazy where X
            is; a frame has the columns "lower" and "upper".
        """
        self._checked_gaps(coverage)
        return self._predicted(X, "predict_interval", coverage=coverage)
