"""What the classifier and the regressor share.

A fit goes: `inputs` checks X and y as scikit-learn does, `parameters` records what was asked for,
`fit` has a network laid out and trained (`fastnn.training`), and `fitted` keeps what came of it.
"""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils.validation import check_is_fitted

from fastnn._version import __version__
from fastnn.engine.base import Engine, no_check
from fastnn.engine.cpu import CPU
from fastnn.engine.prediction import predict
from fastnn.estimators import fitted, parameters
from fastnn.estimators.fit import Fit
from fastnn.estimators.guard import guarded, whole_model
from fastnn.estimators.inputs import floats, has_plain_shape, validated
from fastnn.estimators.source_fit import SourceFit, check_alone
from fastnn.estimators.source_rows import check_names
from fastnn.estimators.summary import summary
from fastnn.estimators.to_sklearn import to_sklearn
from fastnn.moved import plain_state
from fastnn.network import Architecture
from fastnn.sklearn_versions import OF_A_FIT, CallbackSupportMixin, with_callbacks
from fastnn.sources.scores import Tally, score_parts
from fastnn.sources.source import Source
from fastnn.training.dataset import Targets
from fastnn.training.solvers import Solver
from fastnn.warn import warn_user

STATE_FORMAT = 3  # of a pickled estimator; counts up when an older fastnn could not read it
DROPPED = ("_own_network", "_outputs", *OF_A_FIT)  # attributes that no saved estimator has


class BaseMLP(CallbackSupportMixin, BaseEstimator, ABC):
    """Base of `MLPClassifier` and `MLPRegressor`."""

    _parameter_constraints: dict = parameters.CONSTRAINTS
    _engine: ClassVar[Engine] = CPU

    @abstractmethod
    def __init__(
        self,
        *,
        hidden_layer_sizes: Any,
        activation: Any,
        solver: str,
        alpha: float,
        batch_size: int | str,
        learning_rate: Any,
        learning_rate_init: float,
        power_t: float,
        max_iter: int,
        shuffle: bool,
        random_state: Any,
        tol: float,
        verbose: bool,
        warm_start: bool,
        momentum: float,
        nesterovs_momentum: bool,
        early_stopping: bool,
        validation_fraction: float,
        beta_1: float,
        beta_2: float,
        epsilon: float,
        n_iter_no_change: float,
        max_fun: int,
        loss: str,
        weight_init: str | float,
        weight_decay: float,
        rho: float,
        amsgrad: bool,
        max_grad_norm: float | None,
        warmup: int,
        step_size: int,
        decay: float,
        dropout: Any,
        normalization: str | None,
        scoring: Any,
        train_scores: bool | None,
        restore_best_weights: bool | None,
        max_time: float | None,
        dtype: str,
        n_jobs: int | None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.loss = loss
        self.weight_init = weight_init
        self.weight_decay = weight_decay
        self.rho = rho
        self.amsgrad = amsgrad
        self.max_grad_norm = max_grad_norm
        self.warmup = warmup
        self.step_size = step_size
        self.decay = decay
        self.dropout = dropout
        self.normalization = normalization
        self.scoring = scoring
        self.train_scores = train_scores
        self.restore_best_weights = restore_best_weights
        self.max_time = max_time
        self.dtype = dtype
        self.n_jobs = n_jobs

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

    @guarded
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Class labels or target values, a column for each of several targets; or an indicator
            matrix of several labels a row. None with a source in the place of X.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        X_val : {array-like, sparse matrix} of shape (n_val_samples, n_features), default=None
            Rows to validate on after each epoch, or a source, without `y_val`, that holds them.
            No split is drawn for `early_stopping` then; without it, loss and score are recorded
            all the same.

        y_val : array-like of shape (n_val_samples,) or (n_val_samples, n_outputs), default=None
            Their labels or target values.

        sample_weight_val : array-like of shape (n_val_samples,), default=None
            Their weights.

        Returns
        -------
        self : MLPClassifier or MLPRegressor
            The trained estimator. A fit that fails leaves it as it was.

        Raises
        ------
        ValueError
            If the data is not usable, or the weights diverge.

        Notes
        -----
        A source of :func:`fastnn.make_source` may stand in the place of X, here and in `resume`,
        `score` and predictions: rows that are read in blocks, with targets and weights of their
        own. One for validation is read once and kept, within half of its own `memory`.
        """
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val))

    @guarded
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def resume(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Go on with a fit that was stopped, as if it had not been.

        A fit that `max_time`, an interrupt or a callback has stopped, or that was loaded from a
        checkpoint, ends with the same bits as one that was left alone. `max_iter` counts all
        epochs, and may be raised. With 'lbfgs' training starts anew from the weights.

        Parameters
        ----------
        X, y, sample_weight, X_val, y_val, sample_weight_val
            The same as those of `fit`.

        Returns
        -------
        self : MLPClassifier or MLPRegressor
            The trained estimator.

        Raises
        ------
        NotFittedError
            If there is nothing to go on with.
        ValueError
            If the fit had validation data or `scoring` and this one has not, or the other way
            round: the curves would have an entry for some epochs only.
        """
        check_is_fitted(self)
        validation = X_val, y_val, sample_weight_val
        return self._fit(X, y, sample_weight, validation, resume=True)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation: tuple[Any, Any, Any] = (None, None, None),
        incremental: bool = False,
        resume: bool = False,
    ) -> Any:
        fit: Fit
        if isinstance(X, Source):
            check_alone(y, sample_weight)
            fit = SourceFit(self, self._engine, resume)
            fit.run(X, validation)
        else:
            fit = Fit(self, self._engine, incremental, resume)
            fit.run(X, y, sample_weight, validation)
        fit.end()
        if fit.warning is not None:
            with whole_model(self):
                warn_user(*fit.warning)
        return self

    @property
    def _optimizer(self) -> Solver:
        """Solver of the last fit, by the name that scikit-learn's own tests know it by."""
        solver = fitted.solver_of(self)
        if solver is None:
            raise AttributeError("no fit by mini-batches has left a solver")
        return solver

    # -------------------------------------------------------------------- what the layers compute

    def _dtypes(self) -> tuple[type, type]:
        """Dtypes of X that are taken as they are; anything else becomes the first of them."""
        first = np.float32 if self.dtype in ("float32", "bfloat16") else np.float64
        return first, (np.float64 if first is np.float32 else np.float32)

    def _architecture(self, n_layers: int, trains: bool = False) -> Architecture:
        return Architecture(
            parameters.activations(self, n_layers - 1),
            self.out_activation_,
            self._blocks(),
            self.normalization,
            parameters.dropout(self, n_layers - 1) if trains else (),
            rounds=trains and self.dtype == "bfloat16",
        )

    def _blocks(self) -> tuple[int, ...]:
        """Count of outputs of each target, where there are several targets of classes."""
        return ()

    # -------------------------------------------------------------------------------- predict

    def _outputs(self, X: Any, finish: Callable | None = None, layer: int = -1) -> np.ndarray:
        """Compute the outputs of a layer, of shape (n_samples, units), or what is made of them."""
        if layer == -1 and has_plain_shape(self, X):
            outputs = self._outputs_at_once(X)
            if outputs is not None:
                return outputs if finish is None else finish(outputs)
        check_is_fitted(self)
        if isinstance(X, Source):
            twin = self._without_names(X)
            parts = [twin._outputs(part.X, finish, layer) for part in X.parts()]
            return np.concatenate(parts)
        X = validated(self, X, accept_sparse=["csr", "csc"], reset=False)
        if layer == -1 and type(X) is np.ndarray:
            outputs = self._outputs_at_once(floats(X))
            if outputs is not None:
                return outputs if finish is None else finish(outputs)
        network = fitted.network_of(self)
        architecture = self._architecture(len(network.coefs))
        clock = self.__dict__.get("_clock")  # of a fit that is being scored
        check = no_check if clock is None else clock.check
        return predict(self._engine, network, X, architecture, self.n_jobs, finish, layer, check)

    def _without_names(self, source: Source) -> Any:
        """Give a twin that takes the parts of a source, which are arrays."""
        check_names(self, source)
        twin = fitted.twin_of(self)
        vars(twin).pop("feature_names_in_", None)
        return twin

    def _score_source(self, source: Source, y: Any, sample_weight: Any, tally: Tally) -> float:
        """Score the predictions for a source's rows, part by part."""
        check_alone(y, sample_weight)
        check_is_fitted(self)
        return score_parts(source.parts(), self._without_names(source).predict, tally)

    def _outputs_at_once(self, X: np.ndarray) -> np.ndarray | None:
        """Predict floats without the overhead; None where it takes more than that."""
        network = self.__dict__.get("_own_network")
        activation = self.activation
        if (
            network is None
            or network.scales
            or self.normalization is not None
            or type(activation) not in (str, tuple)
            or not network.seems_to_hold(self.coefs_, self.intercepts_)
        ):
            return None
        at_once = self._engine.outputs_at_once
        return at_once(network, X, activation, self.out_activation_, self._blocks())

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
        n_hidden = len(fitted.network_of(self).units) - 2
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
        for name in DROPPED:
            state.pop(name, None)
        return {**state, "_fastnn_state": (STATE_FORMAT, __version__)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = {name: value for name, value in state.items() if name not in DROPPED}
        state_format, version = state.pop("_fastnn_state", (STATE_FORMAT, "unknown"))
        if state_format > STATE_FORMAT:
            raise ValueError(
                f"This {type(self).__name__} was saved by fastnn {version}, in a form that this "
                f"older version cannot read. Upgrade fastnn to {version} or newer."
            )
        scored = True if state.get("train_scores_") else None  # older models lack the parameter
        super().__setstate__(plain_state({"train_scores": scored, **state}))
        with contextlib.suppress(AttributeError, ValueError):  # not fitted, or weights by hand
            fitted.adopt(self, fitted.network_of(self))
