"""Classification by a feed-forward neural network."""

from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    type_of_target,
    unique_labels,
)

from fastnn.estimators.base import BaseMLP
from fastnn.estimators.guard import guarded
from fastnn.estimators.inputs import are_plain_labels, flattened, is_plain, validated
from fastnn.estimators.source_fit import check_is_no_source
from fastnn.estimators.targets import (
    accuracy,
    class_targets,
    dense_labels,
    labels,
    per_target,
    row_weights,
)
from fastnn.sklearn_versions import check_sample_weight, with_callbacks
from fastnn.sources.scores import Accuracy
from fastnn.sources.source import Source
from fastnn.training.dataset import Targets


class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron classifier: scikit-learn's, compiled.

    A feed-forward network [1]_. The first parameters, up to `max_fun`, and their defaults,
    attributes and methods are those of :class:`sklearn.neural_network.MLPClassifier`, and so are
    the numbers: the same `random_state` gives the same model. The others add what it does not have.

    Parameters
    ----------
    hidden_layer_sizes : array-like of shape (n_hidden_layers,) or int, default=(100,)
        Number of units in each hidden layer.

    activation : str or sequence of str, default='relu'
        Activation function of the hidden layers, one name for all or one for each:

        - 'identity': f(z) = z
        - 'logistic': f(z) = 1 / (1 + exp(-z))
        - 'tanh': f(z) = tanh(z)
        - 'relu': f(z) = max(0, z)
        - 'leaky_relu', 'elu', 'selu', 'gelu', 'silu', 'mish', 'softplus', 'hard_tanh': formulas
          and sources are in :mod:`fastnn.kernels.activations`.

    solver : {'lbfgs', 'sgd', 'adam', 'adamw', 'nadam', 'rmsprop', 'adagrad'}, default='adam'
        How weights are found:

        - 'lbfgs': a quasi-Newton method on all rows at once; good for small data.
        - 'sgd': stochastic gradient descent over mini-batches.
        - 'adam': stochastic gradient descent with a step size for each weight [3]_.
        - 'adamw': adam, with weights that shrink by `weight_decay` beside the gradient [4]_.
        - 'nadam', 'rmsprop', 'adagrad': formulas and sources are in
          :mod:`fastnn.kernels.updates`.

    alpha : float, default=0.0001
        Strength of the L2 penalty ``alpha / 2 * sum(W ** 2)``. It is divided by the number of rows
        of the mini-batch, so its effect depends on the batch size.

    batch_size : int or 'auto', default='auto'
        Rows of a mini-batch; 'auto' is ``min(200, n_samples)``. Not used by 'lbfgs'.

    learning_rate : str or callable, default='constant'
        Learning rate from epoch to epoch. For every stochastic solver:

        - 'constant': `learning_rate_init` throughout.
        - 'cosine': from `learning_rate_init` down to 0 along half a cosine over `max_iter` epochs.
        - 'one_cycle': up to `learning_rate_init` within 30 % of the epochs, then down to almost 0.
        - 'exponential': ``learning_rate_init * decay ** (epoch / step_size)``.
        - 'step': the same, in steps of `step_size` epochs.
        - a function of the epoch, counted from 0, that returns the learning rate.

        And for 'sgd' alone; with other solvers these two are constant, as in scikit-learn:

        - 'invscaling': ``learning_rate_init / (t_ + 1) ** power_t``.
        - 'adaptive': divided by 5 each time that training stops improving by `tol` for
          `n_iter_no_change` epochs, until it is below 1e-6.

    learning_rate_init : float, default=0.001
        Learning rate that the schedules start from or rise to. Not used by 'lbfgs'.

    power_t : float, default=0.5
        Exponent of 'invscaling'.

    max_iter : int, default=200
        Largest number of epochs, or of iterations of 'lbfgs'.

    shuffle : bool, default=True
        Whether each epoch goes through the rows in a new order.

    random_state : int, RandomState instance or None, default=None
        Draws initial weights, the validation split and the order of rows. The same int gives the
        model that scikit-learn would give, and the same bits for any number of threads.

    tol : float, default=1e-4
        Training stops when the loss, or with `early_stopping` the score, has not improved by this
        for more than `n_iter_no_change` epochs. For 'lbfgs' the gradient's largest element.

    verbose : bool, default=False
        Whether to print the loss of each epoch.

    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last `fit`.

    momentum : float, default=0.9
        Share of the last step that the next one of 'sgd' keeps, between 0 and 1.

    nesterovs_momentum : bool, default=True
        Whether 'sgd' uses Nesterov's momentum.

    early_stopping : bool, default=False
        Whether to set rows aside, stop when the score on them no longer improves, and keep the
        weights of the best epoch.

    validation_fraction : float, default=0.1
        Share of the rows that `early_stopping` sets aside.

    beta_1 : float, default=0.9
        Decay of the mean of gradients of 'adam', 'adamw' and 'nadam', in [0, 1).

    beta_2 : float, default=0.999
        Decay of their mean of squared gradients, in [0, 1).

    epsilon : float, default=1e-8
        Keeps the division of all but 'sgd' and 'lbfgs' away from zero.

    n_iter_no_change : int, default=10
        Number of epochs without improvement that are borne.

    max_fun : int, default=15000
        Largest number of evaluations of the loss by 'lbfgs'.

    loss : {'log_loss', 'focal'}, default='log_loss'
        What is minimized: the log-loss, or the focal loss [9]_, which counts rows less the better
        they are known.

    focal_gamma : float, default=2.0
        Exponent of the focal loss; 0 makes it the log-loss.

    label_smoothing : float, default=0.0
        Share of each target that is spread evenly over all classes, in [0, 1) [10]_.

    class_weight : dict, 'balanced' or list of these, default=None
        Weights of the classes, which multiply the rows' weights: by label, or in inverse
        proportion to the classes' frequencies; a list has one for each of several targets.

    weight_init : str or float, default='auto'
        Initial weights. 'auto' draws scikit-learn's, uniform after Glorot and Bengio [2]_, with a
        gain for each activation, and biases too. 'glorot_uniform', 'glorot_normal',
        'he_uniform', 'he_normal', 'lecun_uniform', 'lecun_normal' and 'orthogonal' draw weights
        of that kind, a number draws normal ones with this standard deviation, and biases are 0.

    weight_decay : float, default=0.01
        Share of the learning rate by which each step of 'adamw' shrinks the weights.

    rho : float, default=0.9
        Decay of rmsprop's mean of squared gradients, in [0, 1).

    amsgrad : bool, default=False
        Whether 'adam' and 'adamw' divide by the largest mean of squared gradients so far [5]_.

    max_grad_norm : float, default=None
        Largest Euclidean norm of a mini-batch's gradient; longer ones are scaled down.

    warmup : int, default=0
        Epochs in which the learning rate rises, in equal steps, to where its schedule begins.

    step_size : int, default=10
        Epochs in which the schedules 'exponential' and 'step' multiply the rate by `decay`.

    decay : float, default=0.5
        Factor of these schedules, in (0, 1].

    dropout : float or sequence of float, default=0.0
        Share of the hidden outputs that each mini-batch does without, drawn anew each time, one
        number for all layers or one for each [6]_. The others are scaled up in training, so that a
        prediction is as fast as without.

    normalization : {'batch', 'layer'}, default=None
        Normalize the weighted sums of hidden layers before the activation: over the rows of a
        shard of the mini-batch, with running moments for predictions [7]_, or over the units of
        the layer [8]_. A shard is about 100 rows, and more where mini-batches have over 6400 rows
        or networks over 8 million parameters.

    scoring : str or callable, default=None
        What `early_stopping` goes by, and what `validation_scores_` records: None for the
        estimator's `score`, 'loss' for minus the validation loss, or a scorer of scikit-learn.

    train_scores : bool, default=None
        Whether the training rows are scored too, after each epoch: that passes all of them through
        the network again, a third of what an epoch takes. None does so where `scoring` is given and
        there are no validation rows.

    restore_best_weights : bool, default=None
        Whether to end with the weights of the best epoch: by the validation score where there is
        one, else by the training loss. None does so with `early_stopping`.

    max_time : float, default=None
        Seconds after which a fit stops, at the end of a mini-batch; `resume` goes on from there.
        To compile the kernels, once on a machine, does not count.

    dtype : {'auto', 'bfloat16', 'float32', 'float64'}, default='auto'
        Numbers of the network. 'auto' takes float32 for float32 data and float64 for any other;
        'float32' trains on float64 data as fast as on float32 data, without a copy of it.
        'bfloat16' trains a network of float32, and rounds to 8 binary digits what its layers
        multiply: on processors with AVX512_BF16 alone, in two thirds of the time.

    n_jobs : int, default=None
        Threads. None takes as many as pay, of the cores that this process may use, and one within
        a worker of joblib; -1 takes all. The result is the same to the bit.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,) or list of these
        Class labels, sorted; a list has those of each of several targets.

    loss_ : float
        Training loss of the last epoch, with the penalty.

    best_loss_ : float or None
        Smallest training loss; None with `early_stopping`. Not set by 'lbfgs'.

    loss_curve_ : list of shape (`n_iter_`,)
        Training loss of each epoch, of earlier warm-started fits too, or of each iteration of
        'lbfgs'.

    validation_scores_ : list of shape (`n_iter_`,) or None
        Score on the validation rows after each epoch, `early_stopping`'s own or `X_val`; None
        without either. Not set by 'lbfgs' without `X_val`.

    best_validation_score_ : float or None
        Best of them. Not set by 'lbfgs' without `X_val`.

    learning_rates_ : list of shape (`n_iter_`,)
        Learning rate of each epoch. Not set by 'lbfgs'.

    validation_loss_curve_ : list of shape (`n_iter_`,) or None
        Loss of the validation rows after each epoch, without the penalty; None without such rows.

    train_scores_ : list of shape (`n_iter_`,) or None
        Score of the training rows after each epoch, where `train_scores` says so.

    normalization_scales_, normalization_shifts_ : list of ndarray of shape (units[l + 1],)
        What `normalization` has learned, for each hidden layer; set with it only.

    running_means_, running_variances_ : list of ndarray of shape (units[l + 1],)
        Moments by which predictions normalize; set with `normalization` only.

    n_parameters_ : int
        Number of weights, biases, and what normalization learns.

    t_ : int
        Rows seen in training, each as often as it was.

    coefs_ : list of ndarray of shape (units[l], units[l + 1])
        Weights of each layer. Values set by hand are the ones that predict and train on.

    intercepts_ : list of ndarray of shape (units[l + 1],)
        Biases of each layer.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features, where X has names that are all strings.

    n_iter_ : int
        Epochs or iterations of the last fit.

    n_layers_ : int
        Number of layers, input and output among them.

    n_outputs_ : int
        Number of units in the output layer.

    out_activation_ : {'logistic', 'softmax'}
        Activation of the output layer: 'softmax' for three and more classes and for each of several
        targets, 'logistic' for two classes and for multilabel targets.

    See Also
    --------
    MLPRegressor : Regression by the same network.

    Notes
    -----
    Initial weights are uniform after Glorot and Bengio [2]_. float32 data is trained in float32,
    any other in float64. Data in C or Fortran order, memory-mapped or sparse, is not copied.

    References
    ----------
    .. [1] Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
       Nature 323, 1986.
    .. [2] Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
       networks", AISTATS 2010.
    .. [3] Kingma and Ba, "Adam: a method for stochastic optimization", arXiv:1412.6980, 2014.
    .. [4] Loshchilov and Hutter, "Decoupled weight decay regularization", arXiv:1711.05101, 2017.
    .. [5] Reddi, Kale and Kumar, "On the convergence of Adam and beyond", ICLR 2018.
    .. [6] Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
       JMLR 15, 2014.
    .. [7] Ioffe and Szegedy, "Batch normalization", arXiv:1502.03167, 2015.
    .. [8] Ba, Kiros and Hinton, "Layer normalization", arXiv:1607.06450, 2016.
    .. [9] Lin et al., "Focal loss for dense object detection", arXiv:1708.02002, 2017.
    .. [10] Szegedy et al., "Rethinking the inception architecture", arXiv:1512.00567, 2015.

    Examples
    --------
    >>> from fastnn import MLPClassifier
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.model_selection import train_test_split
    >>> X, y = make_classification(n_samples=100, random_state=1)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=1)
    >>> clf = MLPClassifier(random_state=1, max_iter=300).fit(X_train, y_train)
    >>> clf.predict_proba(X_test[:1]).shape
    (1, 2)
    >>> clf.predict(X_test[:5, :])
    array([1, 0, 1, 0, 1])
    """

    __module__ = "fastnn"  # by which saved models name it

    _parameter_constraints: dict = {  # noqa: RUF012  scikit-learn's convention
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions({"log_loss", "focal"})],
        "focal_gamma": [Interval(Real, 0, None, closed="left")],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [None, dict, list, StrOptions({"balanced"})],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: str = "log_loss",
        focal_gamma: float = 2.0,
        label_smoothing: float = 0.0,
        class_weight: Any = None,
        weight_init: str | float = "auto",
        weight_decay: float = 0.01,
        rho: float = 0.9,
        amsgrad: bool = False,
        max_grad_norm: float | None = None,
        warmup: int = 0,
        step_size: int = 10,
        decay: float = 0.5,
        dropout: Any = 0.0,
        normalization: str | None = None,
        scoring: Any = None,
        train_scores: bool | None = None,
        restore_best_weights: bool | None = None,
        max_time: float | None = None,
        dtype: str = "auto",
        n_jobs: int | None = None,
    ) -> None:
        super().__init__(
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            loss=loss,
            weight_init=weight_init,
            weight_decay=weight_decay,
            rho=rho,
            amsgrad=amsgrad,
            max_grad_norm=max_grad_norm,
            warmup=warmup,
            step_size=step_size,
            decay=decay,
            dropout=dropout,
            normalization=normalization,
            scoring=scoring,
            train_scores=train_scores,
            restore_best_weights=restore_best_weights,
            max_time=max_time,
            dtype=dtype,
            n_jobs=n_jobs,
        )
        self.focal_gamma = focal_gamma
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight

    def _check_input(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        if not reset and is_plain(self, X) and are_plain_labels(y, len(X)):
            return X, y
        X, y = validated(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=self._dtypes(),
            reset=reset,
        )
        y = dense_labels(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = flattened(y)
        return X, y

    def _learn_targets(self, y: Any, keeps: bool) -> None:
        if self.loss == "focal" and self.label_smoothing:
            raise ValueError(
                f"label_smoothing={self.label_smoothing} goes with loss='log_loss' only, got "
                "loss='focal'."
            )
        if hasattr(self, "classes_") and keeps:
            self._check_classes(y)
        elif y.ndim == 2 and type_of_target(y) == "multiclass-multioutput":
            self._label_binarizer = None
            self.classes_ = [np.unique(column) for column in y.T]
        else:
            # It looks at them twice, and another thread may write to the caller's meanwhile.
            self._label_binarizer = LabelBinarizer().fit(y.copy())
            self.classes_ = self._label_binarizer.classes_

    def _check_classes(self, y: Any) -> None:
        """Refuse classes that the fitted output layer has no place for."""
        if isinstance(self.classes_, list):
            if self.warm_start:
                self._check_same_classes_of_targets(y)
            return  # `_encode` finds others
        if not self.warm_start and are_plain_labels(y, y.shape[0]):
            return  # `_encode` finds others
        classes = unique_labels(y)
        if self.warm_start:
            if set(classes) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the "
                    f"previous call to fit. Previously got {self.classes_}, `y` has {classes}"
                )
        elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes_}. 'y' has {classes}."
            )

    def _check_same_classes_of_targets(self, y: Any) -> None:
        for k, (known, column) in enumerate(zip(self.classes_, np.transpose(y), strict=False)):
            if not np.array_equal(np.unique(column), known):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the "
                    f"previous call to fit. Column {k} previously had {known}, and has "
                    f"{np.unique(column)}"
                )

    def _encode(self, y: Any) -> Targets:
        settings = self.loss, self.label_smoothing, self.focal_gamma
        return class_targets(y, self.classes_, self._label_binarizer, *settings)

    def _class_weights(self, y: Any, y_train: Any) -> np.ndarray | None:
        if self.class_weight is None:
            return None
        return row_weights(self.class_weight, y, y_train, self.classes_)

    def _blocks(self) -> tuple[int, ...]:
        several = isinstance(self.classes_, list)
        return tuple(len(classes) for classes in self.classes_) if several else ()

    def _output_score(
        self, outputs: np.ndarray, targets: Targets, rows: np.ndarray, weights: np.ndarray | None
    ) -> float:
        if len(self.classes_) == 1:
            return 1.0  # whatever the output, `labels` has but one answer
        return accuracy(outputs, targets, rows, weights)

    @available_if(lambda estimator: estimator._check_solver())
    @guarded
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> "MLPClassifier":
        """Train for one epoch over the given data.

        Ctrl-C raises its KeyboardInterrupt, and leaves the estimator as it was before this call.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.

        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        classes : array-like of shape (n_classes,) or list of these, default=None
            All classes of all calls to come; needed by the first one, and y need not hold them
            all. A list has those of each of several targets.

        Returns
        -------
        self : MLPClassifier
            The trained estimator.
        """
        check_is_no_source(X)
        if self.class_weight == "balanced" or (
            isinstance(self.class_weight, list) and "balanced" in self.class_weight
        ):
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit. In order to use "
                "'balanced' weights, use compute_class_weight('balanced', classes=classes, y=y). "
                "In place of y you can use a large enough sample of the full training set target "
                "to properly estimate the class frequency distributions. Pass the resulting "
                "weights as the class_weight parameter."
            )
        y = dense_labels(y)
        self._learn_classes_of_all_calls(y, classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def _learn_classes_of_all_calls(self, y: Any, classes: Any) -> None:
        """Note the classes that the first partial_fit names, check those of the others."""
        if isinstance(classes, list | tuple) and classes and np.ndim(classes[0]) == 1:
            named = [np.unique(column) for column in classes]
            known = getattr(self, "classes_", named)
            if np.ndim(y) != 2 or len(named) != np.shape(y)[1]:
                raise ValueError(
                    f"`classes` has those of {len(named)} targets, and y has the shape "
                    f"{np.shape(y)}: it needs a column for each."
                )
            if not isinstance(known, list) or not all(map(np.array_equal, named, known)):
                raise ValueError(
                    f"`classes={classes}` is not the same as on last call to partial_fit, was: "
                    f"{known}"
                )
            self.classes_, self._label_binarizer = known, None
        elif isinstance(getattr(self, "classes_", None), list):
            return
        elif _check_partial_fit_first_call(self, classes):
            kind = type_of_target(y)
            if kind == "multiclass-multioutput":
                raise ValueError(
                    f"y has {np.shape(y)[1]} targets: `classes` has to be a list with the classes "
                    f"of each, got {classes}."
                )
            multilabel = kind.startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if multilabel else classes)

    def predict(self, X: Any) -> np.ndarray:
        """Predict the label of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Predicted labels.
        """
        return self._outputs(X, self._labels)

    def _labels(self, outputs: np.ndarray) -> np.ndarray:
        return labels(outputs, self.classes_, self._label_binarizer)

    def predict_proba(self, X: Any) -> Any:
        """Predict the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        y_prob : ndarray of shape (n_samples, n_classes) or list of these
            Probabilities, classes in the order of `classes_`; those of a row sum to 1, save for
            multilabel targets. A list has those of each of several targets.
        """
        outputs = self._outputs(X)
        if isinstance(self.classes_, list):
            return per_target(outputs, self.classes_)
        if outputs.shape[1] == 1:
            both = np.empty((len(outputs), 2), outputs.dtype)
            np.subtract(1, outputs[:, 0], out=both[:, 0])
            both[:, 1] = outputs[:, 0]
            return both
        return outputs

    def predict_log_proba(self, X: Any) -> Any:
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        log_y_prob : ndarray of shape (n_samples, n_classes) or list of these
            ``log(predict_proba(X))``.
        """
        y_prob = self.predict_proba(X)
        if isinstance(y_prob, list):
            return [np.log(part) for part in y_prob]
        return np.log(y_prob, out=y_prob)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Score the predictions: the share of rows of which every label is right.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.

        y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            True labels; None with a source in the place of X, which is scored part by part.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            Accuracy, between 0 and 1.
        """
        if isinstance(X, Source):
            return self._score_source(X, y, sample_weight, Accuracy())
        y = dense_labels(y)
        if not isinstance(getattr(self, "classes_", None), list):
            return super().score(X, y, sample_weight)
        right = (self.predict(X) == np.asarray(y)).all(axis=1)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, right)
        return float(np.average(right, weights=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
