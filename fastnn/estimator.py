"""What the classifier and the regressor share: check the input, train a network, keep the result.

A fit goes: `_validate_input` checks X and y as scikit-learn does, `_encode` turns y into numbers,
`network` lays out the parameters, `training` changes them, and what came of it becomes attributes.
Numba is imported by the first fit or predict, not with this file: it takes 0.3 s.
"""

import contextlib
import operator
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from copy import deepcopy
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from fastnn.callbacks import EpochTasks, epoch_tasks
from fastnn.network import Network
from fastnn.samples import sample_of
from fastnn.solvers import STOCHASTIC_SOLVERS, solver_for
from fastnn.targets import Targets

FLOATS = (np.float64, np.float32)
RECORDS = (  # what a fit by mini-batches leaves and one by lbfgs does not
    "loss_",
    "loss_curve_",
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
    "_no_improvement_count",
    "_optimizer",
)
STATE_FORMAT = 1  # of a pickled estimator; counts up when an older fastnn could not read it


class BaseMLP(CallbackSupportMixin, BaseEstimator, ABC):
    """Base of `MLPClassifier` and `MLPRegressor`."""

    _parameter_constraints: dict = {  # noqa: RUF012  scikit-learn's convention
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({"identity", "logistic", "tanh", "relu"})],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
    }

    # ------------------------------------------------------------------ what the two differ in

    @abstractmethod
    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        """Check X and y as scikit-learn does."""

    @abstractmethod
    def _encode(self, y: Any) -> Targets:
        """Turn a checked y into what the network is trained on."""

    @abstractmethod
    def _validation_score(
        self, outputs: np.ndarray, targets: Targets, rows: np.ndarray, weights: np.ndarray | None
    ) -> float:
        """Score the outputs for the validation rows as the estimator's `score` would."""

    # ------------------------------------------------------------------------------------ fit

    def _fit(self, X: Any, y: Any, sample_weight: Any = None, incremental: bool = False) -> Any:
        tasks = epoch_tasks(self, X, y)
        with _all_or_nothing(self):
            warn = self._train(X, y, sample_weight, incremental, tasks)
        if tasks:
            tasks.end()
        warn()  # the model is whole by now, also where a user turns warnings into errors
        return self

    def _train(
        self, X: Any, y: Any, sample_weight: Any, incremental: bool, tasks: EpochTasks | None
    ) -> Callable[[], None]:
        from fastnn import threads

        hidden = _hidden_layer_sizes(self.hidden_layer_sizes)
        first_pass = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y = self._validate_input(X, y, incremental, reset=first_pass)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        if self.early_stopping and incremental and self.solver in STOCHASTIC_SOLVERS:
            raise ValueError("partial_fit does not support early_stopping=True")
        targets = self._encode(y)
        self._random_state = check_random_state(self.random_state)
        if first_pass:
            units = [X.shape[1], *hidden, targets.n_outputs]
            network = Network.initial(units, self.activation, self._random_state, X.dtype)
            self._forget_history()
        else:
            network = self._network_to_go_on_with(X, targets)
        self.n_outputs_ = targets.n_outputs
        self.n_layers_ = len(network.units)
        self.out_activation_ = targets.out_activation
        with threads.one_thread_blas():
            if self.solver == "lbfgs":
                return self._fit_lbfgs(network, X, targets, sample_weight, tasks)
            return self._fit_stochastic(
                network, X, targets, sample_weight, first_pass, incremental, tasks
            )

    def _forget_history(self) -> None:
        for name in RECORDS:
            self.__dict__.pop(name, None)
        self.n_iter_ = self.t_ = 0
        if self.solver in STOCHASTIC_SOLVERS:
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            self.best_loss_ = None if self.early_stopping else np.inf
            self.validation_scores_: list[float] | None = [] if self.early_stopping else None
            self.best_validation_score_ = -np.inf if self.early_stopping else None

    def _network_to_go_on_with(self, X: Any, targets: Targets) -> Network:
        """Copy the fitted network, so that a fit that fails leaves it whole."""
        network = self._network()
        if network.units[-1] != targets.n_outputs or network.units[0] != X.shape[1]:
            raise ValueError(
                f"The fitted network has {network.units[0]} inputs and {network.units[-1]} "
                f"outputs, and this data has {X.shape[1]} and {targets.n_outputs}. Fit a new "
                "estimator, or set warm_start=False."
            )
        return network.astype(network.params.dtype)

    def _fit_stochastic(
        self,
        network: Network,
        X: Any,
        targets: Targets,
        sample_weight: np.ndarray | None,
        first_pass: bool,
        incremental: bool,
        tasks: EpochTasks | None,
    ) -> Callable[[], None]:
        from fastnn import training

        rows, validation_rows = np.arange(X.shape[0]), None
        if self.early_stopping:
            rows, validation_rows = self._split(targets, X.shape[0])
        task = self._task(network, X, targets, sample_weight, rows)
        solver = self._solver_to_go_on_with(network, incremental)
        history = self._history()
        if tasks:
            tasks.trains_on(rows.size, lambda: self._fitted_attributes(network))
        training.train(
            task,
            solver,
            self.solver,
            self._rules(rows.size),
            history,
            self._random_state,
            self._scorer(task, targets, validation_rows, sample_weight),
            network.params.copy() if first_pass else None,
            tasks,
            one_epoch=incremental,
        )
        self._optimizer = solver
        self._keep_history(history)
        self._adopt(network)
        return _warner(history.warning)

    def _fit_lbfgs(
        self,
        network: Network,
        X: Any,
        targets: Targets,
        sample_weight: np.ndarray | None,
        tasks: EpochTasks | None,
    ) -> Callable[[], None]:
        from fastnn import training

        # The line search compares losses that differ by less than float32 can tell apart.
        double, history = network.astype(np.dtype(np.float64)), training.History()
        task = self._task(double, X, targets, sample_weight, np.arange(X.shape[0]))
        if tasks:
            tasks.trains_on(X.shape[0], lambda: self._fitted_attributes(double))
        warn = training.minimize(
            task, self.max_iter, self.max_fun, self.tol, bool(self.verbose), history, tasks
        )
        self.n_iter_ = history.n_iter
        if history.loss is not None:
            self.loss_ = history.loss
        self._adopt(double.astype(network.params.dtype))
        return warn

    def _task(
        self,
        network: Network,
        X: Any,
        targets: Targets,
        sample_weight: np.ndarray | None,
        rows: np.ndarray,
    ) -> Any:
        from fastnn.kernels.losses import LOSSES
        from fastnn.prediction import activation_codes
        from fastnn.training import Task

        codes = activation_codes(network, self.activation, targets.out_activation)
        layers = network.layers(codes, LOSSES[targets.loss])
        Y = np.ascontiguousarray(targets.Y, dtype=network.params.dtype)
        weights = None if sample_weight is None else sample_weight.astype(np.float64)
        return Task(network, layers, sample_of(X, Y, weights), rows, self.alpha)

    def _rules(self, n_samples: int) -> Any:
        from fastnn.training import Rules

        batch_size = min(200, n_samples)
        if self.batch_size != "auto":
            if self.batch_size > n_samples:
                warnings.warn(
                    "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                    "clipped",
                    stacklevel=6,
                )
            batch_size = min(self.batch_size, n_samples)
        return Rules(
            batch_size=int(batch_size),
            max_iter=self.max_iter,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            shuffle=bool(self.shuffle),
            early_stopping=bool(self.early_stopping),
            verbose=bool(self.verbose),
        )

    def _split(self, targets: Targets, n_samples: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw training and validation rows as `train_test_split` would split the data."""
        rows, validation_rows = train_test_split(
            np.arange(n_samples),
            random_state=self._random_state,
            test_size=self.validation_fraction,
            stratify=targets.strata,
        )
        if validation_rows.size < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                "your dataset."
            )
        return rows, validation_rows

    def _scorer(
        self,
        task: Any,
        targets: Targets,
        rows: np.ndarray | None,
        sample_weight: np.ndarray | None,
    ) -> Callable[[], float] | None:
        from fastnn.prediction import predict_sample

        if rows is None:
            return None
        weights = None if sample_weight is None else sample_weight[rows]

        def score() -> float:
            outputs = predict_sample(task.network, task.layers, task.sample, rows)
            return self._validation_score(outputs, targets, rows, weights)

        return score

    def _solver_to_go_on_with(self, network: Network, incremental: bool) -> Any:
        """Copy the solver of the last `partial_fit`, or make a new one."""
        fresh = solver_for(self, network.params.size, network.params.dtype)
        last = getattr(self, "_optimizer", None)
        if not incremental or type(last) is not type(fresh):
            return fresh
        return deepcopy(last)

    def _history(self) -> Any:
        from fastnn.training import History

        past = self.__dict__.get  # an lbfgs fit, or weights set by hand, leave no record
        return History(
            rows_seen=past("t_", 0),
            loss_curve=list(past("loss_curve_") or []),
            best_loss=past("best_loss_"),
            validation_scores=list(past("validation_scores_") or []),
            best_validation_score=past("best_validation_score_"),
            no_improvement_count=past("_no_improvement_count", 0),
        )

    def _keep_history(self, history: Any) -> None:
        self.n_iter_ = history.n_iter
        self.t_ = history.rows_seen
        if history.loss is not None:
            self.loss_ = history.loss
        self.loss_curve_ = history.loss_curve
        self.best_loss_ = history.best_loss
        self.validation_scores_ = history.validation_scores if self.early_stopping else None
        self.best_validation_score_ = history.best_validation_score
        self._no_improvement_count = history.no_improvement_count

    # -------------------------------------------------------------------------------- weights

    def _adopt(self, network: Network) -> None:
        """Make a network's weights the estimator's."""
        self._own_network = network
        self.coefs_ = network.coefs
        self.intercepts_ = network.intercepts

    def _network(self) -> Network:
        """Network of `coefs_` and `intercepts_`, also where a user has set them by hand."""
        network = self.__dict__.get("_own_network")
        if network is not None and network.holds(self.coefs_, self.intercepts_):
            return network
        return Network.from_weights(self.coefs_, self.intercepts_)

    def _fitted_attributes(self, network: Network) -> dict[str, Any]:
        """Attributes that make a copy of the estimator predict as the network stands."""
        copied = network.astype(network.params.dtype)
        return {"coefs_": copied.coefs, "intercepts_": copied.intercepts}

    # -------------------------------------------------------------------------------- predict

    def _outputs(self, X: Any) -> np.ndarray:
        """Compute the outputs of the network, of shape (n_samples, n_outputs)."""
        from fastnn.prediction import predict

        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        return predict(self._network(), X, self.activation, self.out_activation_)

    # ---------------------------------------------------------------------------- scikit-learn

    def _check_solver(self) -> bool:
        if self.solver not in STOCHASTIC_SOLVERS:
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

        See Also
        --------
        fastnn.from_sklearn : The way back.
        """
        from fastnn.conversion import to_sklearn

        return to_sklearn(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        from fastnn import __version__

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
            self._adopt(Network.from_weights(self.coefs_, self.intercepts_))


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


def _hidden_layer_sizes(sizes: Any) -> list[int]:
    """Check the sizes of the hidden layers; a number is a single layer."""
    sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if np.any(np.array(sizes) <= 0):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [operator.index(size) for size in sizes]


def _warner(warning: tuple[str, type[Warning]] | None) -> Callable[[], None]:
    def warn() -> None:
        if warning is not None:
            warnings.warn(*warning, stacklevel=4)

    return warn
