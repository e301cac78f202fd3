"""The networks whose fits a Dask cluster takes, on its collections."""

from typing import Any

from fastnn.dask.base import CONSTRAINTS, OnCluster, brought_here, initializer
from fastnn.dask.blocks import ClusterBlocks
from fastnn.dask.fit import ClusterFit
from fastnn.dask.predictions import is_lazy
from fastnn.estimators.base import BaseMLP
from fastnn.estimators.classifier import MLPClassifier
from fastnn.estimators.guard import whole_model
from fastnn.estimators.regressor import MLPRegressor
from fastnn.sources.source import Source, check_memory
from fastnn.warn import warn_user


class NetworkOnCluster(OnCluster, BaseMLP):
    """What the classifier and the regressor share: how they are fitted."""

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation: tuple[Any, Any, Any] = (None, None, None),
        incremental: bool = False,
        resume: bool = False,
    ) -> Any:
        if incremental:
            raise TypeError(
                f"{type(self).__name__} has no partial_fit: call it of to_local(), or resume."
            )
        if not is_lazy(X):
            raise TypeError(
                f"X has to be a Dask array or data frame, got {type(X).__name__}: "
                f"{self.local_class.__name__} takes what is in memory."
            )
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None."
            )
        check_memory(self.memory)
        client = self._client()
        source = Source(ClusterBlocks(client, X, y, sample_weight), int(self.memory))
        fit = ClusterFit(self, self._engine, client, resume)
        brought = brought_here(client, dict(zip(("X", "y", "weights"), validation, strict=True)))
        fit.run(source, tuple(brought.values()))
        fit.end()
        if fit.warning is not None:
            with whole_model(self):
                warn_user(*fit.warning)
        return self


class DaskMLPClassifier(NetworkOnCluster, MLPClassifier):
    """Classification by a neural network that the workers of a Dask cluster train together.

    Each mini-batch is shared out among the workers: `batch_size` counts all their rows, and some
    thousands are meant. The same bits come of any number of workers and threads, also if some are
    lost on the way, and of :class:`fastnn.MLPClassifier` on one machine with a source of the same
    blocks.

    Parameters are those of :class:`fastnn.MLPClassifier`, and two more. `n_jobs` has no meaning
    here.

    Parameters
    ----------
    client : distributed.Client, default=None
        Of the cluster; None for the current one. It is not saved with the model.

    memory : int, default=500_000_000
        Bytes that a fit may use for rows in each worker, as in :func:`fastnn.make_source`: what
        fits is kept there whole, else a window of it at a time.

    See Also
    --------
    DaskMLPRegressor : Regression by the same network.

    Notes
    -----
    `fit` and `resume` take Dask arrays or data frames as X, y and `sample_weight`, in chunks or
    partitions that go together. `X_val`, `y_val` and `sample_weight_val` may be collections too,
    and are brought to the client, which judges.

    Examples
    --------
    >>> import dask.array as da
    >>> from distributed import Client
    >>> from fastnn.dask import DaskMLPClassifier
    >>> client = Client(processes=False, dashboard_address=":0")
    >>> X = da.random.default_rng(0).standard_normal((1000, 5), chunks=(100, 5))
    >>> y = X[:, 0] > 0
    >>> model = DaskMLPClassifier(max_iter=100, tol=0.01, random_state=0).fit(X, y)
    >>> model.predict(X).compute().shape
    (1000,)
    >>> type(model.to_local()).__name__
    'MLPClassifier'
    >>> client.close()
    """

    __module__ = "fastnn.dask"

    _parameter_constraints: dict = {  # noqa: RUF012  scikit-learn's convention
        **MLPClassifier._parameter_constraints,
        **CONSTRAINTS,
    }

    __init__ = initializer(MLPClassifier)
    local_class = MLPClassifier

    def predict_proba(self, X: Any) -> Any:
        """Predict the probability of each class, lazily where X is one of Dask's collections.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame or array-like
            The data.

        Returns
        -------
        y_prob : dask.array.Array, dask.dataframe.DataFrame or ndarray
            Of shape (n_samples, n_classes); a frame has the classes as names.
        """
        return self._predicted(X, "predict_proba")


class DaskMLPRegressor(NetworkOnCluster, MLPRegressor):
    """Regression by a neural network that the workers of a Dask cluster train together.

    Parameters are those of :class:`fastnn.MLPRegressor`, and two more;
    :class:`DaskMLPClassifier` says what is as there.

    Parameters
    ----------
    client : distributed.Client, default=None
        Of the cluster; None for the current one. It is not saved with the model.

    memory : int, default=500_000_000
        Bytes that a fit may use for rows in each worker.

    See Also
    --------
    DaskMLPClassifier : Classification by the same network.
    """

    __module__ = "fastnn.dask"

    _parameter_constraints: dict = {  # noqa: RUF012  scikit-learn's convention
        **MLPRegressor._parameter_constraints,
        **CONSTRAINTS,
    }

    __init__ = initializer(MLPRegressor)
    local_class = MLPRegressor
