"""What the classifier and the regressor share: check the input, train a network, keep the result.

A fit goes: `_check_input` checks X and y as scikit-learn does, `planning` lays out the network and
what it is trained on, `training` changes its parameters, and `record` keeps what came of it.
Numba is imported by the first fit or predict, not with this file: it takes 0.3 s.
"""

import contextlib
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from fastnn.callbacks import EpochTasks, has_callbacks
from fastnn.estimators import fitted as record
from fastnn.estimators import parameters
from fastnn.estimators.inputs import has_plain_shape, random_state_of
from fastnn.estimators.summary import summary
from fastnn.estimators.targets import Targets
from fastnn.kernels.arguments import ROWS
from fastnn.network import Architecture, Network
from fastnn.training.clock import Clock
from fastnn.training.history import History

if TYPE_CHECKING:
    from fastnn.training.loop import Training
    from fastnn.training.plan import Given

STATE_FORMAT = 2  # of a pickled estimator; counts up when an older fastnn could not read it


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
        clock = Clock(self.max_time)
        from fastnn.engine import threads
        from fastnn.training import plan as planning

        hidden = parameters.hidden_layer_sizes(self)
        parameters.check_together(self, len(hidden))
        goes_on = hasattr(self, "coefs_") and (self.warm_start or incremental or resume)
        X, y = self._check_input(X, y, reset=not goes_on)
        self._learn_targets(y, keeps=self.warm_start or incremental or resume)
        validated = planning.validation_data(self, y, *validation)
        given = planning.given_data(self, X, y, y, sample_weight, validated)
        if self.early_stopping and incremental and self._is_stochastic():
            raise ValueError("partial_fit does not support early_stopping=True")
        self._random_state = self._random_state_of(resume)
        if goes_on:
            network = planning.network_to_go_on_with(self, given)
        else:
            units = [given.X.shape[1], *hidden, given.targets.n_outputs]
            network = planning.initial_network(self, units, given.X.dtype)
            record.forget(self)
        self.n_outputs_ = given.targets.n_outputs
        self.n_layers_ = len(network.units)
        self.out_activation_ = given.targets.out_activation
        with threads.one_thread_blas():
            if self._is_stochastic():
                kind = goes_on, incremental, resume
                return self._fit_stochastic(network, given, clock, tasks, *kind)
            return self._fit_lbfgs(network, given, clock, tasks, resume)

    def _random_state_of(self, resume: bool) -> np.random.RandomState:
        if not resume or not hasattr(self, "_resumption"):
            return random_state_of(self.random_state)
        random_state = np.random.RandomState()
        random_state.set_state(self._resumption.random_state)
        return random_state

    def _fit_stochastic(
        self,
        network: Network,
        given: "Given",
        clock: Clock,
        tasks: EpochTasks | None,
        goes_on: bool,
        incremental: bool,
        resume: bool,
    ) -> Callable[[], None]:
        from fastnn.training import plan as planning
        from fastnn.training.loop import Training

        before = None if incremental else self._random_state.get_state()
        rows = validation_rows = None
        if self.early_stopping and given.validation is None:
            rows, validation_rows = planning.split(self, given.targets, given.X.shape[0])
        task = planning.task_of(self, network, given, rows)
        judge = planning.judge_of(self, task, given, validation_rows, clock)
        history = record.history_of(self, resume)
        training = Training(
            task,
            planning.solver_to_go_on_with(self, network, incremental, resume),
            planning.rules_of(self, task.rows.size, incremental),
            history,
            self._random_state,
            clock,
            judge,
            tasks,
        )
        if not goes_on:
            training.initial = training.copies()
        if resume:
            planning.check_same_judging(history, judge)
            self._take_up(training)
        else:
            training.solver.epoch_is_recorded()  # an epoch cut short was one of other rows
        if tasks:
            tasks.begin(*given.part(rows), lambda: self._fitted_at(training, before))
        if not (resume and history.no_improvement_count > self.n_iter_no_change):  # has converged
            training.run()
        resumption = record.Resumption(before, training.finish())
        kept = None if incremental else resumption
        record.keep(self, history, network, training.solver, kept)
        return _warner(history.warning)

    def _take_up(self, training: "Training") -> None:
        """Bring a training to where the fit that is resumed has stopped."""
        resumption, n_done = getattr(self, "_resumption", None), training.solver.progress[ROWS]
        if n_done > training.order.size:
            raise ValueError(
                f"The fit to resume has stopped after {n_done:.0f} rows of an epoch, and here "
                f"there are {training.order.size}: give resume the data of fit."
            )
        training.skip(training.history.n_iter)
        if resumption is not None and resumption.last is not None:
            network = training.task.network
            training.best = training.copies()
            network.params[:], network.running[:] = resumption.last

    def _fitted_at(self, training: "Training", random_state: Any) -> dict[str, Any]:
        """Attributes of a copy of the estimator as if the fit had stopped here."""
        last, network = None, training.task.network.copy()
        if training.rules.restore_best and training.best is not None:
            last = network.params.copy(), network.running.copy()
            network.params[:], network.running[:] = training.best
        twin, solver = record.twin_of(self), training.solver.copy()
        solver.epoch_is_recorded()
        resumption = record.Resumption(random_state, last)
        record.keep(twin, training.history.copy(), network, solver, resumption)
        return record.fitted_attributes(twin)

    def _fit_lbfgs(
        self,
        network: Network,
        given: "Given",
        clock: Clock,
        tasks: EpochTasks | None,
        resume: bool,
    ) -> Callable[[], None]:
        from fastnn.training import plan as planning
        from fastnn.training.lbfgs import minimize

        if resume:
            warnings.warn(
                "solver='lbfgs' keeps nothing to resume from but the weights: it starts anew from "
                "them.",
                stacklevel=7,
            )
        # The line search compares losses that differ by less than float32 can tell apart.
        double, history = network.astype(np.dtype(np.float64)), History()
        task = planning.task_of(self, double, given)
        judge = planning.judge_of(self, task, given, None, clock)
        dtype = network.params.dtype

        def fitted() -> dict[str, Any]:
            twin = record.twin_of(self)
            record.keep_lbfgs(twin, history.copy(), double.astype(dtype), judge)
            return record.fitted_attributes(twin)

        if tasks:
            tasks.begin(*given.part(None), fitted)
        rules = planning.rules_of(self, task.rows.size, incremental=False)
        warn = minimize(task, rules, self.max_fun, history, clock, judge, tasks)
        record.keep_lbfgs(self, history, double.astype(dtype), judge)
        return warn

    # -------------------------------------------------------------------- what the layers compute

    def _is_stochastic(self) -> bool:
        return self.solver != "lbfgs"

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
        from fastnn.engine.prediction import predict

        if layer == -1 and (outputs := self._outputs_of_few(X)) is not None:
            return outputs if finish is None else finish(outputs)
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        network = record.network_of(self)
        architecture = self._architecture(len(network.coefs))
        clock = self.__dict__.get("_clock")  # of a fit that is being scored
        return predict(network, X, architecture, self.n_jobs, finish, layer, clock)

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
        from fastnn.engine.prediction import predict_few

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
        network = record.network_of(self)
        return summary(network, self._architecture(len(network.coefs), trains=True))

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
        from fastnn.estimators.to_sklearn import to_sklearn

        return to_sklearn(self)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coefs_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        from fastnn._version import __version__

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
            record.adopt(self, record.network_of(self))


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
            warnings.warn(*warning, stacklevel=6)

    return warn
