"""The networks whose fits a Dask cluster takes, on its collections."""

import inspect
from typing import Any

from distributed import Client
from distributed import get_client as current_client

from fastnn.dask.blocks import ClusterBlocks
from fastnn.dask.fit import ClusterFit
from fastnn.dask.predictions import is_array, is_frame, predict
from fastnn.estimators.base import BaseMLP
from fastnn.estimators.classifier import MLPClassifier
from fastnn.estimators.fitted import twin_of
from fastnn.estimators.guard import whole_model
from fastnn.estimators.regressor import MLPRegressor
from fastnn.estimators.warn import warn_user
from fastnn.sources.source import MEMORY, Source, check_memory

OWN = ("client", "memory")  # parameters that networks on one machine have not


class OnCluster(BaseMLP):
    """What the classifier and the regressor share: where they are fitted and predict."""

    client: Any
    memory: int

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
        if not (is_array(X) or is_frame(X)):
            raise TypeError(
                f"X has to be a Dask array or data frame, got {type(X).__name__}: "
                f"{type(self._plain()).__name__} takes what is in memory."
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
        given = [part for part in validation if part is not None]
        values = iter(client.gather(client.compute([*given])) if given else [])
        local = tuple(None if part is None else next(values) for part in validation)
        fit.run(source, local)  # type: ignore[arg-type]
        fit.end()
        if fit.warning is not None:
            with whole_model(self):
                warn_user(*fit.warning)
        return self

    def _client(self) -> Client:
        if self.client is not None and not isinstance(self.client, Client):
            raise TypeError(
                f"client has to be a distributed.Client or None, got {type(self.client).__name__}."
            )
        try:
            client = current_client() if self.client is None else self.client
        except ValueError as error:
            raise ValueError(
                "There is no Dask client: make one, client = distributed.Client(...), before the "
                "fit, or give it as the parameter client."
            ) from error
        if client.asynchronous:
            raise TypeError("An asynchronous client cannot fit: make one with asynchronous=False.")
        return client

    def _plain(self) -> Any:
        """Make the estimator of one machine, without attributes."""
        raise NotImplementedError

    def to_local(self) -> Any:
        """Give the same model as the estimator of one machine.

        Returns
        -------
        model : MLPClassifier or MLPRegressor
            With the same parameters, and what a fit has left. Its `resume` goes on with a source of
            the same blocks: ``make_source(X, y, memory=...)``.
        """
        model = self._plain()
        state = {name: value for name, value in self.__getstate__().items() if name not in OWN}
        model.__setstate__(state)
        return model

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "client": None}

    def __sklearn_clone__(self) -> Any:
        """Clone with the same client, which cannot be copied."""
        without = twin_of(self)
        without.client = None
        cloned = super(OnCluster, without).__sklearn_clone__()
        cloned.client = self.client
        return cloned

    def predict(self, X: Any) -> Any:
        """Predict, lazily where X is one of Dask's collections.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame or array-like
            The data.

        Returns
        -------
        y : dask.array.Array, dask.dataframe.Series or ndarray
            Predictions of the rows, a column for each of several targets.
        """
        if is_array(X) or is_frame(X):
            return predict(self.to_local(), X, "predict")
        return super().predict(X)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Score the predictions as the estimator of one machine does.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame or array-like
            The data, of which only predictions come to this process.

        y : Dask collection or array-like, default=None
            True labels or values; None with a source in the place of X.

        sample_weight : Dask collection or array-like, default=None
            Weights of the rows.

        Returns
        -------
        score : float
            1 at best.
        """
        local = self.to_local()
        if is_array(X) or is_frame(X):
            X, y, sample_weight = (_computed(part) for part in (X, y, sample_weight))
        return local.score(X, y, sample_weight)


def _computed(part: Any) -> Any:
    return part.compute() if hasattr(part, "compute") else part


def _initializer(plain: type) -> Any:
    """Make the `__init__` of an estimator that has the parameters of another one and two more."""

    def __init__(  # noqa: N807
        self: Any, *args: Any, client: Any = None, memory: int = MEMORY, **parameters: Any
    ) -> None:
        plain.__init__(self, *args, **parameters)  # type: ignore[misc]
        self.client, self.memory = client, memory

    signature = inspect.signature(plain.__init__)  # type: ignore[misc]
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter("client", keyword, default=None, annotation=Any),
        inspect.Parameter("memory", keyword, default=MEMORY, annotation=int),
    ]
    parameters = [*signature.parameters.values(), *added]
    __init__.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return __init__


CONSTRAINTS: dict = {"client": "no_validation", "memory": "no_validation"}


class DaskMLPClassifier(OnCluster, MLPClassifier):
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

    __init__ = _initializer(MLPClassifier)

    def _plain(self) -> MLPClassifier:
        return MLPClassifier()

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
        if is_array(X) or is_frame(X):
            return predict(self.to_local(), X, "predict_proba")
        return super().predict_proba(X)


class DaskMLPRegressor(OnCluster, MLPRegressor):
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

    __init__ = _initializer(MLPRegressor)

    def _plain(self) -> MLPRegressor:
        return MLPRegressor()
