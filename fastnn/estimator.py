"""What the classifier and the regressor share: check the input, train a network, keep the result.

A fit goes: `_check_input` checks X and y as scikit-learn does, `_encode` turns y into numbers,
`network` lays out the parameters, `training` changes them, and what came of it becomes attributes.
Numba is imported by the first fit or predict, not with this file: it takes 0.3 s.
"""

import contextlib
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from fastnn import parameters
from fastnn.callbacks import EpochTasks, has_callbacks
from fastnn.checks import has_plain_shape
from fastnn.history import History
from fastnn.initialization import initialize
from fastnn.network import Architecture, Network
from fastnn.randomness import random_state_of
from fastnn.samples import sample_of
from fastnn.schedules import schedule_for
from fastnn.solvers import Solver, solver_for
from fastnn.summary import summary
from fastnn.targets import Targets

if TYPE_CHECKING:
    from fastnn.training import Rules, Task, Training
    from fastnn.validation import Rows

RECORDS = (  # what a fit leaves beside its weights, and not each kind of fit
    "loss_",
    "loss_curve_",
    "best_loss_",
    "validation_loss_curve_",
    "validation_scores_",
    "best_validation_score_",
    "train_scores_",
    "learning_rates_",
    "_no_improvement_count",
    "_optimizer",
    "_resumption",
)
NORMALIZED = (
    "normalization_scales_",
    "normalization_shifts_",
    "running_means_",
    "running_variances_",
)
STATE_FORMAT = 2  # of a pickled estimator; counts up when an older fastnn could not read it


@dataclass(frozen=True)
class Given:
    """What a user has given to a fit, checked and encoded."""

    X: Any
    y: Any
    targets: Targets
    sample_weight: np.ndarray | None  # as given
    weights: np.ndarray | None  # the same with the classes' weights, of the loss
    validation: "Given | None" = None


@dataclass(frozen=True)
class Resumption:
    """What `resume` needs beyond a fitted model's attributes.

    Attributes
    ----------
    random_state : tuple
        State before the fit drew its validation split and the first order of rows.
    last : tuple of ndarray or None
        Last parameters and running moments, where the model has the best ones.
    """

    random_state: Any
    last: tuple[np.ndarray, np.ndarray] | None


class BaseMLP(CallbackSupportMixin, BaseEstimator, ABC):
    """Base of `MLPClassifier` and `MLPRegressor`."""

    _parameter_constraints: dict = parameters.CONSTRAINTS

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
        tasks = EpochTasks(self) if has_callbacks(self) else None
        with _all_or_nothing(self):
            warn = self._train(X, y, sample_weight, validation, tasks, incremental, resume)
        if tasks:
            tasks.end()
        warn()  # the model is whole by now, also where a user turns warnings into errors
        return self

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any],
        tasks: EpochTasks | None,
        incremental: bool,
        resume: bool,
    ) -> Callable[[], None]:
        from fastnn import threads

        hidden = parameters.hidden_layer_sizes(self)
        parameters.check_together(self, len(hidden))
        goes_on = hasattr(self, "coefs_") and (self.warm_start or incremental or resume)
        X, y = self._check_input(X, y, reset=not goes_on)
        self._learn_targets(y, keeps=self.warm_start or incremental or resume)
        given = self._given(X, y, y, sample_weight, self._check_validation(y, *validation))
        if self.early_stopping and incremental and self._is_stochastic():
            raise ValueError("partial_fit does not support early_stopping=True")
        self._random_state = self._random_state_of(resume)
        if goes_on:
            network = self._network_to_go_on_with(given)
        else:
            units = [given.X.shape[1], *hidden, given.targets.n_outputs]
            network = self._initial_network(units, given.X.dtype)
            self._forget()
        self.n_outputs_ = given.targets.n_outputs
        self.n_layers_ = len(network.units)
        self.out_activation_ = given.targets.out_activation
        with threads.one_thread_blas():
            if self._is_stochastic():
                return self._fit_stochastic(network, given, tasks, goes_on, incremental, resume)
            return self._fit_lbfgs(network, given, tasks, resume)

    def _gradient_task(self, X: Any, y: Any, sample_weight: Any) -> tuple["Task", int]:
        """All rows as one mini-batch in float64, and the factor from the loss to its gradient."""
        from fastnn.kernels.losses import LOSSES

        twin, fitted = self._twin(), hasattr(self, "coefs_")
        twin.set_params(dropout=0.0, scoring=None, max_grad_norm=None, warm_start=False)
        twin._validate_params()
        hidden = parameters.hidden_layer_sizes(twin)
        X, y = twin._check_input(X, y, reset=not fitted)
        twin._learn_targets(y, keeps=fitted)
        given = twin._given(X, y, y, sample_weight)
        twin._random_state = check_random_state(twin.random_state)
        twin.out_activation_ = given.targets.out_activation
        if fitted:
            network = twin._network_to_go_on_with(given)
        else:
            units = [X.shape[1], *hidden, given.targets.n_outputs]
            network = twin._initial_network(units, np.dtype(np.float64))
        task, _, _ = twin._plan(network.astype(np.dtype(np.float64)), given, splits=False)
        is_mean = LOSSES[given.targets.loss].is_mean
        return task, given.targets.n_outputs if is_mean else 1

    def _check_validation(self, y_train: Any, X: Any, y: Any, sample_weight: Any) -> Given | None:
        if X is None and y is None and sample_weight is None:
            return None
        if X is None or y is None:
            raise ValueError("X_val and y_val go together, and sample_weight_val with them.")
        X, y = self._check_input(X, y, reset=False)
        if y.shape[1:] != y_train.shape[1:]:
            raise ValueError(
                f"y_val of shape {y.shape} does not go with y of shape {y_train.shape}: it needs "
                "the same targets."
            )
        return self._given(X, y, y_train, sample_weight)

    def _given(
        self, X: Any, y: Any, y_train: Any, sample_weight: Any, validation: Given | None = None
    ) -> Given:
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        targets = self._encode(y)
        weights = self._class_weights(y, y_train)
        if weights is None or sample_weight is not None:
            weights = sample_weight if weights is None else weights * sample_weight
        return Given(X, y, targets, sample_weight, weights, validation)

    def _random_state_of(self, resume: bool) -> np.random.RandomState:
        if not resume or not hasattr(self, "_resumption"):
            return random_state_of(self.random_state)
        random_state = np.random.RandomState()
        random_state.set_state(self._resumption.random_state)
        return random_state

    def _initial_network(self, units: list[int], data_dtype: np.dtype) -> Network:
        dtype = data_dtype if self.dtype == "auto" else np.dtype(self.dtype)
        network = Network.zeros(units, dtype, normalized=self.normalization is not None)
        names = parameters.activations(self, len(units) - 2)
        if isinstance(self.activation, str):  # scikit-learn's gain of the output is that of before
            last = self.activation
        else:
            last = names[-1] if names else "identity"
        initialize(network, self.weight_init, [*names, last], self._random_state)
        return network

    def _forget(self) -> None:
        """Drop the record of an earlier fit."""
        for name in (*RECORDS, *NORMALIZED):
            self.__dict__.pop(name, None)
        self.n_iter_ = self.t_ = 0
        if self._is_stochastic():
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            self.best_loss_ = None if self.early_stopping else np.inf
            self.validation_scores_: list[float] | None = [] if self.early_stopping else None
            self.best_validation_score_ = -np.inf if self.early_stopping else None

    def _network_to_go_on_with(self, given: Given) -> Network:
        """Copy the fitted network, so that a fit that fails leaves it whole."""
        network, n_features, n_outputs = self._network(), given.X.shape[1], given.targets.n_outputs
        if network.units[-1] != n_outputs or network.units[0] != n_features:
            raise ValueError(
                f"The fitted network has {network.units[0]} inputs and {network.units[-1]} "
                f"outputs, and this data has {n_features} and {n_outputs}. Fit a new "
                "estimator, or set warm_start=False."
            )
        if bool(network.scales) != (self.normalization is not None):
            raise ValueError(
                f"normalization={self.normalization!r} does not go with the fitted network. Fit a "
                "new estimator, or set warm_start=False."
            )
        return network.astype(network.params.dtype)

    def _fit_stochastic(
        self,
        network: Network,
        given: Given,
        tasks: EpochTasks | None,
        goes_on: bool,
        incremental: bool,
        resume: bool,
    ) -> Callable[[], None]:
        from fastnn.training import Training

        before = None if incremental else self._random_state.get_state()
        task, judge, rows = self._plan(network, given)
        history = self._history(resume)
        training = Training(
            task,
            self._solver_to_go_on_with(network, incremental, resume),
            self._rules(task.rows.size, incremental),
            history,
            self._random_state,
            judge,
            tasks,
        )
        if not goes_on:
            training.initial = training.copies()
        if resume:
            self._take_up(training)
        else:
            training.solver.epoch_is_recorded()  # an epoch cut short was one of other rows

        def fitted() -> dict[str, Any]:
            return self._fitted(training, before)

        if tasks:
            tasks.begin(*self._training_part(given, rows), fitted)
        if not (resume and history.no_improvement_count > self.n_iter_no_change):  # has converged
            training.run()
        last = training.finish()
        self._keep(history, network, training.solver, Resumption(before, last))
        if incremental:
            del self._resumption
        return _warner(history.warning)

    def _fit_lbfgs(
        self, network: Network, given: Given, tasks: EpochTasks | None, resume: bool
    ) -> Callable[[], None]:
        from fastnn.lbfgs import minimize

        if resume:
            warnings.warn(
                "solver='lbfgs' keeps nothing to resume from but the weights: it starts anew from "
                "them.",
                stacklevel=5,
            )
        # The line search compares losses that differ by less than float32 can tell apart.
        double, history = network.astype(np.dtype(np.float64)), History()
        task, judge, _ = self._plan(double, given, splits=False)
        if tasks:
            dtype = network.params.dtype
            tasks.begin(
                given.X,
                given.y,
                given.sample_weight,
                lambda: self._fitted_by_lbfgs(history.copy(), double.astype(dtype), judge),
            )
        rules = self._rules(task.rows.size, incremental=False)
        warn = minimize(task, rules, self.max_fun, history, judge, tasks)
        self._keep_lbfgs(history, double.astype(network.params.dtype), judge)
        return warn

    # ----------------------------------------------------------------------- the parts of a fit

    def _is_stochastic(self) -> bool:
        return self.solver != "lbfgs"

    def _dtypes(self) -> tuple[type, type]:
        """Dtypes of X that are taken as they are; anything else becomes the first of them."""
        first = np.float32 if self.dtype == "float32" else np.float64
        return first, (np.float64 if first is np.float32 else np.float32)

    def _architecture(self, n_layers: int) -> Architecture:
        return Architecture(
            parameters.activations(self, n_layers - 1),
            self.out_activation_,
            self._blocks(),
            self.normalization,
        )

    def _training_architecture(self, n_layers: int) -> Architecture:
        shares = parameters.dropout(self, n_layers - 1)
        return replace(self._architecture(n_layers), dropout=shares)

    def _blocks(self) -> tuple[int, ...]:
        """Count of outputs of each target, where there are several targets of classes."""
        return ()

    def _plan(
        self, network: Network, given: Given, splits: bool = True
    ) -> tuple["Task", Any, np.ndarray | None]:
        """Lay out what is trained, what judges it, and the rows that train it (None for all)."""
        from fastnn.layers import training_layers
        from fastnn.training import Task

        rows, validation_rows = np.arange(given.X.shape[0]), None
        architecture = self._training_architecture(len(network.coefs))
        drops = any(architecture.dropout)
        seed = int(self._random_state.randint(2**62, dtype=np.int64)) if drops else 0
        if splits and self.early_stopping and given.validation is None:
            rows, validation_rows = self._split(given.targets, given.X.shape[0])
        targets = given.targets
        layers = training_layers(network, architecture, targets.loss, targets.loss_settings, seed)
        sample = _sample(given, network)
        task = Task(
            network, architecture, layers, sample, rows, self.alpha, self.max_grad_norm, self.n_jobs
        )
        judge = self._judge(task, given, validation_rows)
        return task, judge, None if validation_rows is None else rows

    def _judge(self, task: "Task", given: Given, validation_rows: np.ndarray | None) -> Any:
        from fastnn.validation import Judge, Rows

        def part(of: Given, sample: Any, rows: np.ndarray) -> "Rows":
            X = y = None
            if self._scores_itself():
                X, y = (of.X, of.y) if rows.size == of.X.shape[0] else (of.X[rows], of.y[rows])
            weights = None if of.sample_weight is None else of.sample_weight[rows]
            return Rows(sample, rows, of.targets, X, y, weights)

        validation = training = None
        if given.validation is not None:
            rows = np.arange(given.validation.X.shape[0])
            validation = part(given.validation, _sample(given.validation, task.network), rows)
        elif validation_rows is not None:
            validation = part(given, task.sample, validation_rows)
        if self.scoring is not None:
            training = part(given, task.sample, task.rows)
        if validation is None and training is None:
            return None
        return Judge(task, validation, training, self._score_function(task.network))

    def _scores_itself(self) -> bool:
        """Whether a scorer of the user's predicts by itself."""
        return self.scoring is not None and self.scoring != "loss"

    def _score_function(self, network: Network) -> Callable[[np.ndarray, "Rows"], float] | None:
        if self.scoring == "loss":
            return None
        if self.scoring is None:
            return lambda outputs, part: self._output_score(
                outputs, part.targets, part.rows, part.sample_weight
            )
        twin = self._twin()
        twin.__dict__.pop("feature_names_in_", None)  # it is given arrays
        twin._adopt(network)
        scorer = check_scoring(twin, self.scoring)

        def score(outputs: np.ndarray, part: "Rows") -> float:
            weights = {} if part.sample_weight is None else {"sample_weight": part.sample_weight}
            return float(scorer(twin, part.X, part.y, **weights))

        return score

    def _rules(self, n_samples: int, incremental: bool) -> "Rules":
        from fastnn.training import Rules

        batch_size = min(200, n_samples)
        if self.batch_size != "auto":
            if self.batch_size > n_samples and self._is_stochastic():
                warnings.warn(
                    "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                    "clipped",
                    stacklevel=6,
                )
            batch_size = min(self.batch_size, n_samples)
        restore = self.restore_best_weights
        return Rules(
            batch_size=int(batch_size),
            max_iter=self.max_iter,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            shuffle=bool(self.shuffle),
            early_stopping=bool(self.early_stopping),
            restore_best=bool(self.early_stopping if restore is None else restore),
            max_time=self.max_time,
            one_epoch=incremental,
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

    def _training_part(self, given: Given, rows: np.ndarray | None) -> tuple[Any, Any, Any]:
        """X, y and weights of the rows that train, for callbacks."""
        weights = given.sample_weight
        if rows is None:
            return given.X, given.y, weights
        return given.X[rows], given.y[rows], None if weights is None else weights[rows]

    def _solver_to_go_on_with(self, network: Network, incremental: bool, resume: bool) -> Solver:
        """Copy the solver of the last `partial_fit`, or of what is resumed, or make a new one."""
        last = getattr(self, "_optimizer", None)
        goes_on = (incremental or resume) and getattr(last, "name", None) == self.solver
        if last is None or not goes_on or not last.fits(network.params):
            return solver_for(self, network.params.size, network.params.dtype)
        solver = last.copy()
        if resume:
            solver.schedule = schedule_for(self)  # max_iter may have grown
        return solver

    def _take_up(self, training: "Training") -> None:
        """Bring a training to where the fit that is resumed has stopped."""
        resumption = getattr(self, "_resumption", None)
        training.skip(training.history.n_iter)
        if resumption is not None and resumption.last is not None:
            network = training.task.network
            training.best = training.copies()
            network.params[:], network.running[:] = resumption.last

    # ------------------------------------------------------------------------- what is recorded

    def _history(self, resume: bool) -> History:
        past = self.__dict__.get  # an lbfgs fit, or weights set by hand, leave no record
        return History(
            n_iter=past("n_iter_", 0) if resume else 0,
            rows_seen=past("t_", 0),
            loss_curve=list(past("loss_curve_") or []),
            best_loss=past("best_loss_"),
            validation_losses=list(past("validation_loss_curve_") or []),
            validation_scores=list(past("validation_scores_") or []),
            best_validation_score=past("best_validation_score_"),
            train_scores=list(past("train_scores_") or []),
            learning_rates=list(past("learning_rates_") or []),
            no_improvement_count=past("_no_improvement_count", 0),
        )

    def _keep(
        self, history: History, network: Network, solver: Solver, resumption: Resumption
    ) -> None:
        """Make what a fit has brought the estimator's attributes."""
        self.n_iter_ = history.n_iter
        self.t_ = history.rows_seen
        if history.loss is not None:
            self.loss_ = history.loss
        self.loss_curve_ = history.loss_curve
        self.best_loss_ = history.best_loss
        self.learning_rates_ = history.learning_rates
        self._no_improvement_count = history.no_improvement_count
        self._optimizer = solver
        self._resumption = resumption
        self._keep_scores(history)
        self._adopt(network)

    def _keep_lbfgs(self, history: History, network: Network, judge: Any) -> None:
        """Do the same for a fit that leaves nothing to go on with."""
        for name in RECORDS:
            self.__dict__.pop(name, None)
        self.n_iter_ = history.n_iter
        self.loss_curve_ = history.loss_curve
        if history.loss is not None:
            self.loss_ = history.loss
        if judge is not None:
            self._keep_scores(history)
        self._adopt(network)

    def _keep_scores(self, history: History) -> None:
        judged = self.early_stopping or history.validation_losses
        self.validation_loss_curve_ = history.validation_losses if judged else None
        self.validation_scores_ = history.validation_scores if judged else None
        self.best_validation_score_ = history.best_validation_score
        self.train_scores_ = history.train_scores if self.scoring is not None else None

    def _fitted(self, training: "Training", random_state: Any) -> dict[str, Any]:
        """Attributes of a copy of the estimator as if the fit had stopped here."""
        network = training.task.network.astype(training.task.network.params.dtype)
        last = None
        if training.rules.restore_best and training.best is not None:
            last = network.params.copy(), network.running.copy()
            network.params[:], network.running[:] = training.best
        twin = self._twin()
        solver, history = training.solver.copy(), training.history.copy()
        solver.epoch_is_recorded()
        twin._keep(history, network, solver, Resumption(random_state, last))
        return twin._fitted_attributes()

    def _fitted_attributes(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if _is_fitted(name)}

    def _twin(self) -> Any:
        """Another estimator of the same parameters and attributes, for now."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def _fitted_by_lbfgs(self, history: History, network: Network, judge: Any) -> dict[str, Any]:
        twin = self._twin()
        twin._keep_lbfgs(history, network, judge)
        return twin._fitted_attributes()

    # -------------------------------------------------------------------------------- weights

    def _adopt(self, network: Network) -> None:
        """Make a network's weights the estimator's."""
        self._own_network = network
        self.coefs_ = list(network.coefs)  # lists of its own, in which a user may replace a matrix
        self.intercepts_ = list(network.intercepts)
        self.n_parameters_ = int(network.params.size)
        if network.scales:
            parts = (network.scales, network.shifts, network.means, network.variances)
            self.__dict__.update(zip(NORMALIZED, map(list, parts), strict=True))

    def _network(self) -> Network:
        """Network of `coefs_` and `intercepts_`, also where a user has set them by hand."""
        network = self.__dict__.get("_own_network")
        parts = [self.coefs_, self.intercepts_]
        parts += [vars(self)[name] for name in NORMALIZED if name in vars(self)]
        if network is not None and network.holds(*parts):
            return network
        return Network.from_arrays(*parts)

    # -------------------------------------------------------------------------------- predict

    def _outputs(self, X: Any, finish: Callable | None = None, layer: int = -1) -> np.ndarray:
        """Compute the outputs of a layer, of shape (n_samples, units), or what is made of them."""
        from fastnn.prediction import predict

        if layer == -1 and (outputs := self._outputs_of_few(X)) is not None:
            return outputs if finish is None else finish(outputs)
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        network = self._network()
        architecture = self._architecture(len(network.coefs))
        return predict(network, X, architecture, self.n_jobs, finish, layer)

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
        from fastnn.prediction import predict_few

        return predict_few(network, X, self.activation, self.out_activation_, self._blocks())

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
        network = self._network()
        return summary(network, self._training_architecture(len(network.coefs)))

    # ---------------------------------------------------------------------------- scikit-learn

    def _check_solver(self) -> bool:
        if not self._is_stochastic():
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
            self._adopt(self._network())


def _sample(given: Given, network: Network) -> Any:
    """Bundle the data for the kernels."""
    Y = np.ascontiguousarray(given.targets.Y, dtype=network.params.dtype)
    Y = Y if Y.flags.writeable else Y.copy()  # to the compiler, read-only is another type
    weights = None if given.weights is None else given.weights.astype(np.float64)
    return sample_of(given.X, Y, weights)


def _is_fitted(name: str) -> bool:
    """Whether an attribute belongs to a fitted model, rather than to its user or its callbacks."""
    private = ("_optimizer", "_resumption", "_no_improvement_count", "_label_binarizer")
    return name.endswith("_") or name in (*private, "_random_state", "_gradient_norms")


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


def _warner(warning: tuple[str, type[Warning]] | None) -> Callable[[], None]:
    def warn() -> None:
        if warning is not None:
            warnings.warn(*warning, stacklevel=4)

    return warn
