"""What all estimators of a cluster share: their client, and how they predict and score there."""

import inspect
from collections.abc import Iterator
from typing import Any, ClassVar

import dask
import numpy as np
from distributed import Client
from distributed import get_client as current_client
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from fastnn.dask.blocks import gathered
from fastnn.dask.predictions import is_lazy, predict, row_like
from fastnn.estimators.fitted import twin_of
from fastnn.sources.source import MEMORY

OWN = ("client", "memory")  # parameters that the estimators of one machine have not
CONSTRAINTS: dict = {"client": "no_validation", "memory": "no_validation"}


class OnCluster(BaseEstimator):
    """Stands before an estimator of one machine, and has a cluster do its work."""

    client: Any
    memory: int
    local_class: ClassVar[type]  # of the same on one machine

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

    def to_local(self) -> Any:
        """Give the same model as the estimator of one machine.

        Returns
        -------
        model : estimator
            With the same parameters, and what a fit has left. A network's `resume` goes on with a
            source of the same blocks: ``make_source(X, y, memory=...)``.
        """
        model = self.local_class()
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

    def _predicted(self, X: Any, method: str, **options: Any) -> Any:
        """Predict by a method of the estimator of one machine, lazily where X is lazy."""
        if not is_lazy(X):
            return getattr(super(), method)(X, **options)
        check_is_fitted(self)
        local = self.to_local()
        return predict(local, X, method, self._example(local, X, method), **options)

    def _example(self, local: Any, X: Any, method: str) -> np.ndarray:
        """Give what a method of the estimator of one machine predicts for a row like those of X."""
        return getattr(local, method)(row_like(X))

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
        return self._predicted(X, "predict")

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
        if not is_lazy(X):
            return local.score(X, y, sample_weight)
        if y is None:
            raise ValueError("score requires y to be passed, but the target y is None.")
        given = {"X": self.predict(X), "y": y, "sample_weight": sample_weight}
        brought = brought_here(self._client(), given)
        local.predict = np.asarray  # the predictions stand in the place of the rows
        return local.score(**brought)


def brought_here(client: Client, given: dict[str, Any]) -> dict[str, Any]:
    """Bring what is lazy to this process, and leave what is there as it is."""
    lazy = {name: of for name, of in given.items() if dask.is_dask_collection(of)}
    values: Iterator[Any] = gathered(client, lazy.values()) if lazy else iter(())
    return {**given, **dict(zip(lazy, values, strict=True))}


def initializer(plain: type) -> Any:
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
