"""What the classifier and the regressor share.

A fit goes: `inputs` checks X and y as scikit-learn does, `parameters` records what was asked for,
`fit` has a network laid out and trained (`fastnn.training`), and `fitted` keeps what came of it.
"""

import contextlib
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from fastnn._version import __version__
from fastnn.engine.base import Engine, no_check
from fastnn.engine.cpu import CPU
from fastnn.engine.prediction import predict
from fastnn.estimators import fitted, parameters
from fastnn.estimators.fit import Fit
from fastnn.estimators.inputs import has_plain_shape
from fastnn.estimators.summary import summary
from fastnn.estimators.to_sklearn import to_sklearn
from fastnn.network import Architecture
from fastnn.training.dataset import Targets

STATE_FORMAT = 2  # of a pickled estimator; counts up when an older fastnn could not read it


class BaseMLP(CallbackSupportMixin, BaseEstimator, ABC):
    """Base of `MLPClassifier` and `MLPRegressor`."""

    _parameter_constraints: dict = parameters.CONSTRAINTS
    _engine: ClassVar[Engine] = CPU

    # ------------------------------------------------------------------ what the two differ in

    @abstractmethod
    def _check_input(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        """Check X and y as scikit-learn does."""

    @abstractmethod
    def _learn_targets(self, y: Any, keeps: bool) -> None:
        """Note the classes of y, or check them against those that are known and kept."""

    @abstractmethod
    def _encode(self, y: Any) -> Targets:
        """Turn a checked y into what the network is trained on."""

    @abstractmethod
    def _class_weights(self, y: Any, y_train: Any) -> np.ndarray | None:
        """Weight of each row that follows from its class, and from the classes that train."""

    @abstractmethod
    def _output_score(
        self, outputs: np.ndarray, targets: Targets, rows: np.ndarray, weights: np.ndarray | None
    ) -> float:
        """Score the outputs for some rows as the estimator's `score` would."""

    # ------------------------------------------------------------------------------------ fit

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation: tuple[Any, Any, Any] = (None, None, None),
        incremental: bool = False,
        resume: bool = False,
    ) -> Any:
        fit = Fit(self, self._engine, incremental, resume)
        with _all_or_nothing(self):
            fit.run(X, y, sample_weight, validation)
        fit.end()
        for told in fit.warnings:  # the model is whole, also where a user turns them into errors
            warnings.warn(*told, stacklevel=5)
        return self

    # -------------------------------------------------------------------- what the layers compute

    def _dtypes(self) -> tuple[type, type]:
        """Dtypes of X that are taken as they are; anything else becomes the first of them."""
        first = np.float32 if self.dtype == "float32" else np.float64
        return first, (np.float64 if first is np.float32 else np.float32)

    def _architecture(self, n_layers: int, trains: bool = False) -> Architecture:
        return Architecture(
            parameters.activations(self, n_layers - 1),
            self.out_activation_,
            self._blocks(),
            self.normalization,
            parameters.dropout(self, n_layers - 1) if trains else (),
        )

    def _blocks(self) -> tuple[int, ...]:
        """Count of outputs of each target, where there are several targets of classes."""
        return ()

    # -------------------------------------------------------------------------------- predict

    def _outputs(self, X: Any, finish: Callable | None = None, layer: int = -1) -> np.ndarray:
        """Compute the outputs of a layer, of shape (n_samples, units), or what is made of them."""
        if layer == -1 and (outputs := self._outputs_of_few(X)) is not None:
            return outputs if finish is None else finish(outputs)
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        network = fitted.network_of(self)
        architecture = self._architecture(len(network.coefs))
        clock = self.__dict__.get("_clock")  # of a fit that is being scored
        check = no_check if clock is None else clock.check
        return predict(self._engine, network, X, architecture, self.n_jobs, finish, layer, check)

    def _outputs_of_few(self, X: Any) -> np.ndarray | None:
        """Predict a few rows without the overhead; None where it takes more than that."""
        network = self.__dict__.get("_own_network")
        if (
            network is None
            or network.scales
            or self.normalization is not None
            or type(self.activation) is not str
            or not has_plain_shape(self, X)
            or not network.holds(self.coefs_, self.intercepts_)
        ):
            return None
        few_outputs = self._engine.few_outputs
        return few_outputs(network, X, self.activation, self.out_activation_, self._blocks())

    def hidden_activations(self, X: Any, layer: int) -> np.ndarray:
        """Compute what the units of a hidden layer put out.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.

        layer : int
            Which hidden layer, counted from 0, or back from the last as -1, -2 and so on.

        Returns
        -------
        activations : ndarray of shape (n_samples, n_units)
            As a prediction computes them: nothing is dropped.

        Raises
        ------
        ValueError
            If there is no such layer.
        """
        check_is_fitted(self)
        return self._outputs(X, layer=self._check_hidden_layer(layer))

    def _check_hidden_layer(self, layer: int) -> int:
        """Count a hidden layer from 0, or refuse it."""
        n_hidden = self.n_layers_ - 2
        if not isinstance(layer, Integral) or not -n_hidden <= layer < n_hidden:
            raise ValueError(
                f"layer={layer!r} does not exist: the network has {n_hidden} hidden layers, "
                "counted from 0."
            )
        return layer % n_hidden

    def summary(self) -> str:
        """Describe the layers of the fitted network: their shapes, functions and parameters.

        Returns
        -------
        summary : str
            A table to print.
        """
        check_is_fitted(self)
        network = fitted.network_of(self)
        return summary(network, self._architecture(len(network.coefs), trains=True))

    # ---------------------------------------------------------------------------- scikit-learn

    def _check_solver(self) -> bool:
        if self.solver == "lbfgs":
            raise AttributeError(
                "partial_fit is only available for stochastic optimizers. "
                f"{self.solver} is not stochastic."
            )
        return True

    def to_sklearn(self) -> Any:
        """Carry the model over to scikit-learn.

        Returns
        -------
        model : sklearn.neural_network.MLPClassifier or sklearn.neural_network.MLPRegressor
            With the same parameters and, where this one is fitted, the same weights, solver state
            and training record, so that it predicts and goes on training alike.

        Raises
        ------
        ValueError
            If the model uses what scikit-learn's does not have, such as another activation.

        See Also
        --------
        fastnn.from_sklearn : The way back.
        """
        return to_sklearn(self)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coefs_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__().copy()
        state.pop("_own_network", None)
        return {**state, "_fastnn_state": (STATE_FORMAT, __version__)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        state_format, version = state.pop("_fastnn_state", (STATE_FORMAT, "unknown"))
        if state_format > STATE_FORMAT:
            raise ValueError(
                f"This {type(self).__name__} was saved by fastnn {version}, in a form that this "
                f"older version cannot read. Upgrade fastnn to {version} or newer."
            )
        super().__setstate__(state)
        with contextlib.suppress(AttributeError, ValueError):  # not fitted, or weights by hand
            fitted.adopt(self, fitted.network_of(self))


@contextlib.contextmanager
def _all_or_nothing(estimator: BaseEstimator) -> Iterator[None]:
    """Put an estimator's attributes back where what stands within fails."""
    before = estimator.__dict__.copy()
    try:
        yield
    except BaseException:
        estimator.__dict__.clear()
        estimator.__dict__.update(before)
        raise
