"""Learners of `tabular.py`: estimators of fastnn, scikit-learn and peers that are installed.

A learner is a pair of functions without arguments, one that makes a classifier and one that makes a
regressor, both for frames with categories. More come from the command line: `parse`.
"""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

Make = Callable[[], Any]
Learner = tuple[Make, Make]


def scaled(network: Any) -> Any:
    """Put before a network what it cannot do itself."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    indicators = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_exclude="category")),
        (indicators, make_column_selector(dtype_include="category")),
    )
    return make_pipeline(columns, network)


class _Strings(BaseEstimator):
    """CatBoost, for frames with categories: it wants them as text, and their names."""

    def __init__(self, model: Any = None) -> None:
        self.model = model

    def fit(self, X: pd.DataFrame, y: Any) -> "_Strings":
        X, names = self._text(X)
        self.model.fit(X, y, cat_features=names)
        self.classes_ = getattr(self.model, "classes_", None)
        return self

    def predict(self, X: pd.DataFrame) -> Any:
        return self.model.predict(self._text(X)[0]).ravel()

    def predict_proba(self, X: pd.DataFrame) -> Any:
        return self.model.predict_proba(self._text(X)[0])

    def _text(self, X: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
        names = list(X.columns[X.dtypes == "category"])
        return X.astype(dict.fromkeys(names, str)), names


class _StringsClassifier(ClassifierMixin, _Strings):
    pass


class _StringsRegressor(RegressorMixin, _Strings):
    pass


def _fastnn() -> Learner:
    import fastnn

    return fastnn.TabularClassifier, fastnn.TabularRegressor


def _mlp() -> Learner:
    return lambda: scaled(MLPClassifier(random_state=0)), lambda: scaled(
        MLPRegressor(random_state=0)
    )


def _hgb() -> Learner:
    return (
        lambda: HistGradientBoostingClassifier(random_state=0),
        lambda: HistGradientBoostingRegressor(random_state=0),
    )


def _lightgbm() -> Learner:
    import lightgbm

    return (
        lambda: lightgbm.LGBMClassifier(random_state=0, verbose=-1),
        lambda: lightgbm.LGBMRegressor(random_state=0, verbose=-1),
    )


def _xgboost() -> Learner:
    import xgboost

    return (
        lambda: xgboost.XGBClassifier(random_state=0, enable_categorical=True),
        lambda: xgboost.XGBRegressor(random_state=0, enable_categorical=True),
    )


def _catboost() -> Learner:
    import catboost

    options = {"random_state": 0, "verbose": False, "allow_writing_files": False}
    return (
        lambda: _StringsClassifier(catboost.CatBoostClassifier(**options)),
        lambda: _StringsRegressor(catboost.CatBoostRegressor(**options)),
    )


# Names are those of the anchors, so that a peer that is installed takes their place.
KNOWN: dict[str, tuple[str, Callable[[], Learner]]] = {
    "fastnn": ("fastnn", _fastnn),
    "sk_mlp": ("sklearn", _mlp),
    "hgb": ("sklearn", _hgb),
    "lgbm": ("lightgbm", _lightgbm),
    "xgb": ("xgboost", _xgboost),
    "catboost": ("catboost", _catboost),
}


def installed() -> list[str]:
    """Known learners whose package is there."""
    found = [name for name, (module, _) in KNOWN.items() if importlib.util.find_spec(module)]
    is_there = hasattr(importlib.import_module("fastnn"), "TabularClassifier")
    return [name for name in found if name != "fastnn" or is_there]


def parse(text: str) -> tuple[str, Learner]:
    """Read NAME=MODULE:CLASSIFIER|REGRESSOR, two expressions that are evaluated in the module.

    A learner that has no such text before the `=`, but a known name alone, is that one.
    """
    name, given, expressions = text.partition("=")
    if not given:
        if name not in KNOWN:
            raise ValueError(f"learner {name!r} is none of {list(KNOWN)}, nor NAME=MODULE:CODE.")
        return name, KNOWN[name][1]()
    place, _, code = expressions.partition(":")
    module = importlib.import_module(place)
    late = {known: getattr(module, known) for known in getattr(module, "__all__", ())}
    namespace = {**vars(module), **late, "scaled": scaled}
    parts = code.split("|")
    if len(parts) != 2:
        raise ValueError(f"learner {text!r} needs two expressions, CLASSIFIER|REGRESSOR.")
    classifier, regressor = (eval(f"lambda: {part}", namespace) for part in parts)
    return name, (classifier, regressor)
