"""One fit of an estimator: from what its user gives to what is trained, and back to attributes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.engine.base import Engine, Problem, Stepper
from fastnn.estimators import fitted, parameters
from fastnn.estimators.guard import settle_at_end
from fastnn.estimators.inputs import random_state_of
from fastnn.estimators.scoring import score_of
from fastnn.estimators.tasks import tasks_of
from fastnn.kernels.arguments import ROWS
from fastnn.network import Network
from fastnn.sklearn_versions import check_sample_weight
from fastnn.sources.blocks import Part
from fastnn.sources.pipeline import named
from fastnn.sources.sample import all_rows
from fastnn.sources.source import Source
from fastnn.training import plan
from fastnn.training.clock import Clock
from fastnn.training.dataset import Dataset
from fastnn.training.history import History
from fastnn.training.lbfgs import Minimization
from fastnn.training.loop import Training
from fastnn.training.order import Order, ShuffledRows
from fastnn.training.solvers import Solver
from fastnn.training.validation import Judge
from fastnn.warn import warn_user

LEARNED = (  # attributes that a fit learns from its data, before it trains
    *("n_features_in_", "feature_names_in_", "classes_", "_label_binarizer", "_random_state"),
    *("n_outputs_", "n_layers_", "out_activation_"),
)


class Fit:
    """A call of `fit`, `partial_fit` or `resume`.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Gets the attributes of a fitted model.
    engine : Engine
        Where it is trained.
    incremental : bool
        Whether it is a `partial_fit`.
    resume : bool
        Whether it goes on with a fit that was stopped.

    Attributes
    ----------
    warning : (str, type) or None
        What the user is to be told, once the model is whole.
    """

    def __init__(
        self, estimator: Any, engine: Engine, incremental: bool = False, resume: bool = False
    ) -> None:
        self.estimator, self.engine = estimator, engine
        self.incremental, self.resume = incremental, resume
        self.warning: tuple[str, type[Warning]] | None = None
        self.tasks = tasks_of(estimator)

    def run(
        self, X: Any, y: Any, sample_weight: Any = None, validation: tuple = (None, None, None)
    ) -> None:
        """Train, and leave what came of it on the estimator."""
        estimator = self.estimator
        self.settings = settings = parameters.settings_of(estimator)
        keeps = estimator.warm_start or self.incremental or self.resume
        self.begin(keeps)
        X, y = estimator._check_input(X, y, reset=not self.goes_on)
        estimator._learn_targets(y, keeps=keeps)
        self.validation = validation_dataset(estimator, y, *validation)
        self.dataset = dataset_of(estimator, X, y, y, sample_weight)
        if settings.early_stopping and self.incremental and settings.solver.is_stochastic:
            raise ValueError("partial_fit does not support early_stopping=True")
        with self.engine.running():  # orthogonal weights are drawn by BLAS, too
            self.lay_out()
            if settings.solver.is_stochastic:
                self._by_mini_batches()
            else:
                self._by_lbfgs()

    def begin(self, keeps: bool) -> None:
        """Start the clock, and note whether there is a model to go on with."""
        self.clock = Clock(self.estimator.max_time)
        self.goes_on = hasattr(self.estimator, "coefs_") and keeps

    def lay_out(self) -> None:
        """Lay out the network, and note what the estimator has learned before it trains."""
        estimator, targets = self.estimator, self.dataset.targets
        estimator._random_state = self._random_state()
        self.network = self._network()
        estimator.n_outputs_ = targets.n_outputs
        estimator.n_layers_ = len(self.network.units)
        estimator.out_activation_ = targets.out_activation
        self.learned = {name: vars(estimator)[name] for name in LEARNED if name in vars(estimator)}

    def end(self) -> None:
        """Tell the callbacks that all is done."""
        if self.tasks:
            settle_at_end(self.estimator, self._settle)
            self.tasks.end()

    def _settle(self) -> None:
        """See to it that callbacks have left a whole model.

        Raises
        ------
        ValueError
            If they have left parameters or weights that cannot predict.
        """
        estimator = self.estimator
        for name in LEARNED:
            vars(estimator).pop(name, None)
        vars(estimator).update(self.learned)
        try:
            estimator._validate_params()
            network = fitted.network_of(estimator)
            architecture = estimator._architecture(len(network.coefs))
            self.engine.predictor(network, architecture, estimator.n_jobs)
        except (AttributeError, TypeError, ValueError) as reason:
            raise ValueError(
                f"A callback has changed the {type(estimator).__name__}, which cannot predict any "
                f"more: {reason}"
            ) from reason

    # --------------------------------------------------------------------------- where it begins

    def _random_state(self) -> np.random.RandomState:
        resumption = fitted.resumption_of(self.estimator) if self.resume else None
        if resumption is None:
            return random_state_of(self.estimator.random_state)
        return fitted.random_state_from(resumption["random_state"])

    def _network(self) -> Network:
        estimator, settings, targets = self.estimator, self.settings, self.dataset.targets
        n_features, dtype = self.dataset.X.shape[1], self.dataset.X.dtype
        if self.goes_on:
            network = fitted.network_of(estimator)
            return plan.network_to_go_on_with(network, settings, n_features, targets.n_outputs)
        units = [n_features, *settings.hidden, targets.n_outputs]
        gains = parameters.activations_of_gains(estimator, len(settings.hidden))
        network = plan.initial_network(settings, units, dtype, gains, estimator._random_state)
        fitted.forget(estimator, settings)
        return network

    def _problem(self, network: Network, rows: np.ndarray | None = None) -> Problem:
        architecture = self.estimator._architecture(len(network.coefs), trains=True)
        random_state = self.estimator._random_state
        return plan.problem_of(
            self.settings, network, architecture, self.dataset, random_state, rows
        )

    def _judge(self, problem: Problem, validation_rows: np.ndarray | None = None) -> Judge | None:
        """Make what judges the network after each epoch; None where there is nothing to judge."""
        asks_for_rows = self.estimator.scoring not in (None, "loss")
        judged, training = plan.judged_rows(
            self.settings, problem, self.dataset, self.validation, validation_rows, asks_for_rows
        )
        if judged is None and training is None:
            return None
        predictor = self.engine.predictor(
            problem.network, problem.architecture, self.settings.n_jobs
        )
        score = score_of(self.estimator, problem.network, self.clock)
        return Judge(predictor, judged, training, score, self.clock)

    # ------------------------------------------------------------------------- by mini-batches

    def _by_mini_batches(self) -> None:
        settings, random_state = self.settings, self.estimator._random_state
        rows = validation_rows = None
        self.before = None if self.incremental else random_state.get_state(legacy=False)
        if settings.early_stopping and self.validation is None:
            n_rows, targets = self.dataset.X.shape[0], self.dataset.targets
            rows, validation_rows = plan.split(settings, targets, n_rows, random_state)
        problem = self._problem(self.network, rows)
        judge = self._judge(problem, validation_rows)
        order = ShuffledRows(problem.rows, random_state if settings.shuffle else None)
        batch = self._batch_size(problem.rows.size)
        self._train(
            order,
            judge,
            lambda solver, epoch: self.engine.stepper(problem, solver, batch),
            self.dataset.part(rows),
        )

    def _train(
        self,
        order: Order,
        judge: Judge | None,
        stepper_of: Callable[[Solver, int], Stepper],
        told: tuple[Any, Any, Any],
    ) -> None:
        """Go through the epochs.

        Parameters
        ----------
        order : Order
            Of the rows that train.
        judge : Judge or None
            Of the network, after each epoch.
        stepper_of : callable
            Makes the stepper of a solver, and for a number of epochs that there have been.
        told : tuple
            X, y and weights that callbacks are told.
        """
        estimator, settings, network = self.estimator, self.settings, self.network
        history = fitted.history_of(estimator, self.resume)
        past = fitted.solver_of(estimator) if self.incremental or self.resume else None
        solver = plan.solver_to_go_on_with(settings, past, network, self.resume)
        if not self.resume:
            solver.epoch_is_recorded()  # an epoch cut short was one of other rows
        stepper = stepper_of(solver, history.n_iter)
        training = Training(
            *(network, stepper, order, solver, settings, self.incremental),
            *(history, self.clock, judge, self.tasks),
        )
        if self.resume:
            plan.check_same_judging(history, judge)
            self._take_up(training)
        if self.tasks:
            self.tasks.begin(*told, lambda: self._fitted_at(training))
        if not (self.resume and history.no_improvement_count > settings.n_iter_no_change):
            training.run()  # otherwise it has converged
        last = training.finish()
        self._keep(estimator, history, network, solver, last)
        self.warning = history.warning

    def _batch_size(self, n_rows: int) -> int:
        if (self.settings.batch_size or 0) > n_rows:
            told = (
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped"
            )
            warn_user(told)
        return plan.batch_size(self.settings, n_rows)

    def _take_up(self, training: Training) -> None:
        """Bring a training to where the fit that is resumed has stopped."""
        self._check_same_kind()
        n_done, n_rows = training.solver.progress[ROWS], training.order.size
        if n_done > n_rows:
            raise ValueError(
                f"The fit to resume has stopped after {n_done:.0f} rows of an epoch, and here "
                f"there are {n_rows}: give resume the data of fit."
            )
        training.order.skip(training.history.n_iter)
        resumption = fitted.resumption_of(self.estimator)
        if resumption is not None and "params" in resumption:
            network = training.network
            training.best = training.copies()
            for now, name in ((network.params, "params"), (network.running, "running")):
                last = np.asarray(resumption.get(name))
                if last.shape != now.shape or last.dtype.char not in "fd":
                    raise ValueError(f"The last {name} of the fit to resume are damaged: fit anew.")
                now[:] = last

    def _check_same_kind(self) -> None:
        """Refuse arrays where the fit to resume had a source: the rows came in another order."""
        if "source" in (fitted.resumption_of(self.estimator) or ()):
            raise ValueError("The fit to resume had a source: give resume that source.")

    def _fitted_at(self, training: Training) -> dict[str, Any]:
        """Attributes of a copy of the estimator as if the fit had stopped here."""
        last, network = None, training.network.copy()
        if training.settings.restore_best and training.best is not None:
            last = network.params.copy(), network.running.copy()
            network.params[:], network.running[:] = training.best
        twin, solver = fitted.twin_of(self.estimator), training.solver.copy()
        solver.epoch_is_recorded()
        self._keep(twin, training.history.copy(), network, solver, last)
        return fitted.fitted_attributes(twin)

    def _keep(
        self,
        estimator: Any,
        history: History,
        network: Network,
        solver: Solver,
        last: tuple[np.ndarray, np.ndarray] | None,
    ) -> None:
        resumption = None
        if self.before is not None:
            resumption = {"random_state": self.before}
            if last is not None:
                resumption["params"], resumption["running"] = last
        fitted.keep(estimator, self.settings, history, network)
        fitted.keep_state(estimator, history, solver.plain_state(), resumption)

    # -------------------------------------------------------------------------------- by lbfgs

    def _by_lbfgs(self) -> None:
        estimator, dtype = self.estimator, self.network.params.dtype
        if self.resume:
            told = (
                "solver='lbfgs' keeps nothing to resume from but the weights: it starts anew from "
                "them."
            )
            warn_user(told)
        # The line search compares losses that differ by less than float32 can tell apart.
        double, history = self.network.astype(np.dtype(np.float64)), History()
        problem = self._problem(double)
        judge = self._judge(problem)

        def fitted_now() -> dict[str, Any]:
            twin = fitted.twin_of(estimator)
            keep(twin, history.copy())
            return fitted.fitted_attributes(twin)

        def keep(target: Any, record: History) -> None:
            fitted.forget_record(target)
            fitted.keep(target, self.settings, record, double.astype(dtype), judge is not None)

        if self.tasks:
            self.tasks.begin(*self.dataset.part(None), fitted_now)
        objective = self.engine.objective(problem)
        Minimization(double, objective, self.settings, history, self.clock, judge, self.tasks).run()
        keep(estimator, history)
        self.warning = history.warning


# ----------------------------------------------------------------------------------- the rows


def dataset_of(estimator: Any, X: Any, y: Any, y_train: Any, sample_weight: Any) -> Dataset:
    """Encode X and y, which are checked, with the weights of their rows."""
    if sample_weight is not None:
        sample_weight = check_sample_weight(sample_weight, X)
    targets = estimator._encode(y)
    weights = estimator._class_weights(y, y_train)
    if weights is None or sample_weight is not None:
        weights = sample_weight if weights is None else weights * sample_weight
    return Dataset(X, y, targets, sample_weight, weights)


def validation_dataset(
    estimator: Any, y_train: Any, X: Any, y: Any, sample_weight: Any
) -> Dataset | None:
    """Check and encode the validation data, if there are any."""
    if X is None and y is None and sample_weight is None:
        return None
    if isinstance(X, Source):
        X, y, sample_weight = _validation_rows(estimator, X, y, sample_weight)
    if X is None or y is None:
        raise ValueError("X_val and y_val go together, and sample_weight_val with them.")
    try:
        X, y = estimator._check_input(X, y, reset=False)
    except ValueError as error:
        raise ValueError(f"X_val, y_val: {error}") from error
    if y.shape[1:] != y_train.shape[1:]:
        raise ValueError(
            f"y_val of shape {y.shape} does not go with y of shape {y_train.shape}: it needs "
            "the same targets."
        )
    return dataset_of(estimator, X, y, y_train, sample_weight)


def _validation_rows(estimator: Any, source: Source, y: Any, sample_weight: Any) -> Part:
    """Read the validation rows of a source, and keep them."""
    if y is not None or sample_weight is not None:
        raise ValueError(
            "A source has target and weights of its own: name them in make_source, and leave out "
            "y_val and sample_weight_val."
        )
    if not source.blocks.has_target:
        raise ValueError("X_val has no target: make_source(..., target=...) names it.")
    part = all_rows(source)
    names = source.blocks.names if hasattr(estimator, "feature_names_in_") else None
    return part._replace(X=named(part.X, names))
