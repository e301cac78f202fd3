"""What a hidden layer makes of the data, as a step of a pipeline."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import check_is_fitted

from fastnn.estimators.classifier import MLPClassifier
from fastnn.estimators.regressor import MLPRegressor


class MLPTransformer(
    ClassNamePrefixFeaturesOutMixin, MetaEstimatorMixin, TransformerMixin, BaseEstimator
):
    """Transform data into the outputs of a hidden layer of a network.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        The network. It is cloned and fitted, or used as it is where `prefit` is True.

    layer : int, default=-1
        Hidden layer, counted from 0, or back from the last as -1, -2 and so on.

    prefit : bool, default=False
        Whether `estimator` is fitted already.

    Attributes
    ----------
    estimator_ : MLPClassifier or MLPRegressor
        The fitted network.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features, where X has names that are all strings.

    See Also
    --------
    MLPClassifier.hidden_activations : The same for a network at hand.

    Examples
    --------
    >>> from fastnn import MLPClassifier, MLPTransformer
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((8, 4), max_iter=500, tol=0.1, random_state=0)
    >>> model = make_pipeline(MLPTransformer(network, layer=1), LogisticRegression())
    >>> model.fit(X, y)[:-1].transform(X).shape
    (150, 4)
    """

    __module__ = "fastnn"  # by which saved models name it

    _parameter_constraints: dict = {  # noqa: RUF012  scikit-learn's convention
        "estimator": [HasMethods(["fit", "hidden_activations"])],
        "layer": [Integral],
        "prefit": ["boolean"],
    }

    def __init__(
        self, estimator: MLPClassifier | MLPRegressor, layer: int = -1, prefit: bool = False
    ) -> None:
        self.estimator = estimator
        self.layer = layer
        self.prefit = prefit

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "MLPTransformer":
        """Fit the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets of the network.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : MLPTransformer
            With the fitted network.
        """
        if self.prefit:
            check_is_fitted(self.estimator)
            estimator = self.estimator
        else:
            estimator = clone(self.estimator).fit(X, y, sample_weight)
        estimator._check_hidden_layer(self.layer)
        self.estimator_ = estimator
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Compute the hidden layer's outputs.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        activations : ndarray of shape (n_samples, n_units)
            One column for each unit.
        """
        check_is_fitted(self)
        return self.estimator_.hidden_activations(X, self.layer)

    @property
    def n_features_in_(self) -> int:
        """Number of features that the network has seen in fit."""
        return self.estimator_.n_features_in_

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of features that the network has seen in fit, where they are all strings."""
        return self.estimator_.feature_names_in_

    @property
    def _n_features_out(self) -> int:
        return self.estimator_.intercepts_[self.layer % (self.estimator_.n_layers_ - 2)].size

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.required = not self.prefit
        return tags
