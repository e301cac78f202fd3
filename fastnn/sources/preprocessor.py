"""Preprocessing that is learnt in one pass over blocks: scales of numbers, categories of texts."""

import math
from collections import Counter
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from fastnn.sources.sketch import QuantileSketch

MOST_CATEGORIES = 100_000  # that are counted of a column
OF_A_QUARTILE = 0.6744897501960817  # a normal distribution's upper quartile, in deviations


class BlockPreprocessor(TransformerMixin, BaseEstimator):
    """Scale numbers and encode categories, by what one pass over blocks of rows has shown.

    `partial_fit` takes block after block and keeps a few numbers of each column, however many rows
    there are. The same blocks in the same order give the same bits.

    Parameters
    ----------
    scaling : {"standard", "robust"}, default="standard"
        By mean and standard deviation, or by median and quartiles, which a t-digest [1]_ of the
        library datasketches finds (extra `sketch`): far less than 1 % of the rows stand between
        its quantiles and the true ones.

    max_categories : int, default=100
        Most frequent categories of a column that get a column each; others are 0 in all of them.

    Attributes
    ----------
    center_, scale_ : ndarray of shape (n_features,)
        What is subtracted and divided by; NaN for categories.

    minimum_, maximum_ : ndarray of shape (n_features,)
        Range of each column of numbers.

    categories_ : dict of int to list
        Categories of each column that has some, the most frequent first.

    n_samples_seen_ : int
        Rows of all calls.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of columns, where X has names that are all strings.

    Notes
    -----
    A number that is missing becomes the center, 0 when it is scaled, and is left out of the
    statistics; a missing category is 0 in all columns.

    References
    ----------
    .. [1] Dunning and Ertl, "Computing extremely accurate quantiles using t-digests",
       arXiv:1902.04023, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import BlockPreprocessor
    >>> preprocessor = BlockPreprocessor()
    >>> for block in ([[1.0], [2.0]], [[3.0], [6.0]]):
    ...     _ = preprocessor.partial_fit(np.array(block))
    >>> preprocessor.center_
    array([3.])
    >>> preprocessor.transform(np.array([[3.0], [np.nan]])).ravel()
    array([0., 0.], dtype=float32)
    """

    __module__ = "fastnn"  # by which saved models name it

    _parameter_constraints: dict = {  # noqa: RUF012  scikit-learn's convention
        "scaling": [StrOptions({"standard", "robust"})],
        "max_categories": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, scaling: str = "standard", max_categories: int = 100) -> None:
        self.scaling = scaling
        self.max_categories = max_categories

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from these rows alone.

        Parameters
        ----------
        X : {array-like, data frame} of shape (n_samples, n_features)
            The rows.

        y : None
            Not used.

        Returns
        -------
        self : BlockPreprocessor
            Fitted.
        """
        for name in [name for name in vars(self) if name.endswith("_") or name == "_columns"]:
            delattr(self, name)
        return self.partial_fit(X, y)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Learn from a block of rows, beside those of earlier calls.

        Parameters
        ----------
        X : {array-like, data frame} of shape (n_samples, n_features)
            The block.

        y : None
            Not used.

        Returns
        -------
        self : BlockPreprocessor
            Fitted to all blocks so far.
        """
        columns = self._columns_of(X, reset=not hasattr(self, "_columns"))
        if not hasattr(self, "_columns"):
            sketch = b"" if self.scaling == "robust" else None
            self._columns: list[_Numbers | _Categories] = [
                _Numbers(sketch) if column.dtype.kind in "biuf" else _Categories()
                for column in columns
            ]
            self.n_samples_seen_ = 0
        for place, (known, column) in enumerate(zip(self._columns, columns, strict=True)):
            try:
                known.add(column)
            except (TypeError, ValueError) as error:
                raise ValueError(f"Column {self._name(place)}: {error}") from error
        self.n_samples_seen_ += len(columns[0])
        self._summarize()
        return self

    def _summarize(self) -> None:
        told = [column.summary() for column in self._columns]
        self.center_, self.scale_, self.minimum_, self.maximum_ = np.array(told, float).T
        self.categories_ = {
            place: column.most_frequent(self.max_categories)
            for place, column in enumerate(self._columns)
            if isinstance(column, _Categories)
        }

    def transform(self, X: Any) -> np.ndarray:
        """Scale numbers, and give each category a column of 0 and 1.

        Parameters
        ----------
        X : {array-like, data frame} of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        X : ndarray of shape (n_samples, n_columns)
            In float32.
        """
        check_is_fitted(self)
        columns = self._columns_of(X, reset=False)
        widths = [len(self.categories_.get(place, [0])) for place in range(len(columns))]
        out, at = np.zeros((len(columns[0]), sum(widths)), np.float32), 0
        for place, (column, width) in enumerate(zip(columns, widths, strict=True)):
            to = out[:, at : at + width]
            at += width
            if place in self.categories_:
                codes = {value: code for code, value in enumerate(self.categories_[place])}
                found = np.array([codes.get(value, -1) for value in column.tolist()])
                rows = np.flatnonzero(found >= 0)
                to[rows, found[rows]] = 1
            else:
                scaled = (_as_floats(column) - self.center_[place]) / self.scale_[place]
                to[:, 0] = np.where(np.isnan(scaled), 0, scaled)
        return out

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns that `transform` makes.

        Parameters
        ----------
        input_features : None
            Not used.

        Returns
        -------
        names : ndarray of str
            The column's name, for categories with each of them behind it.
        """
        check_is_fitted(self)
        names: list[str] = []
        for place in range(self.n_features_in_):
            name = self._name(place)
            categories = self.categories_.get(place)
            names += [name] if categories is None else [f"{name}_{of}" for of in categories]
        return np.array(names, dtype=object)

    def _name(self, place: int) -> str:
        names = getattr(self, "feature_names_in_", None)
        return f"x{place}" if names is None else str(names[place])

    def _columns_of(self, X: Any, reset: bool) -> list[np.ndarray]:
        if hasattr(X, "columns"):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return [np.asarray(X[name]) for name in X.columns]
        X = validate_data(self, X, reset=reset, dtype=None, ensure_all_finite="allow-nan")
        return list(X.T)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__().copy()
        if "_columns" in state:  # numbers and texts: no class that a reader would have to trust
            state["_columns"] = [column.plain() for column in state["_columns"]]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_columns" in state:
            columns = [
                _Categories(*plain) if len(plain) == 1 else _Numbers(*plain)
                for plain in state["_columns"]
            ]
            state = {**state, "_columns": columns}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = tags.input_tags.categorical = True
        return tags


class _Numbers:
    """Moments, and quantiles if asked for, of a column of numbers.

    Blocks are put together as Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm
    for computing sample variances", 1979, do it.
    """

    def __init__(
        self,
        sketch: bytes | None,
        n: int = 0,
        mean: float = 0.0,
        squares: float = 0.0,
        minimum: float = math.inf,
        maximum: float = -math.inf,
    ) -> None:
        self.sketch = None if sketch is None else QuantileSketch(sketch)
        self.n, self.mean, self.squares = n, mean, squares
        self.minimum, self.maximum = minimum, maximum

    def plain(self) -> tuple:
        """Give what makes another one like this."""
        sketch = None if self.sketch is None else self.sketch.plain()
        return sketch, self.n, self.mean, self.squares, self.minimum, self.maximum

    def add(self, column: np.ndarray) -> None:
        values = _as_floats(column)
        values = values[~np.isnan(values)]
        if not values.size:
            return
        if not np.isfinite(values).all():
            raise ValueError("there are infinite numbers.")
        n, mean = values.size, float(values.mean())
        total, apart = self.n + n, mean - self.mean
        self.squares += float(((values - mean) ** 2).sum()) + apart**2 * self.n * n / total
        self.mean += apart * n / total
        self.n = total
        self.minimum = min(self.minimum, float(values.min()))
        self.maximum = max(self.maximum, float(values.max()))
        if self.sketch is not None:
            self.sketch.add(values)

    def summary(self) -> tuple[float, float, float, float]:
        """Give center, scale, minimum and maximum."""
        if not self.n:
            return 0.0, 1.0, np.nan, np.nan
        center, scale = self.mean, float(np.sqrt(self.squares / self.n))
        if self.sketch is not None:
            low, center, high = self.sketch.quantiles([0.25, 0.5, 0.75])
            scale = (high - low) / (2 * OF_A_QUARTILE) or scale
        return center, scale or 1.0, self.minimum, self.maximum


class _Categories:
    """How often each category of a column comes."""

    def __init__(self, counts: dict[Any, int] | None = None) -> None:
        self.counts: Counter[Any] = Counter(counts)

    def plain(self) -> tuple:
        """Give what makes another one like this."""
        return (dict(self.counts),)

    def add(self, column: np.ndarray) -> None:
        self.counts.update(value for value in column.tolist() if not _is_missing(value))
        if len(self.counts) > MOST_CATEGORIES:
            raise ValueError(f"there are more than {MOST_CATEGORIES} categories.")

    def summary(self) -> tuple[float, float, float, float]:
        return np.nan, np.nan, np.nan, np.nan

    def most_frequent(self, n: int) -> list[Any]:
        """Give categories by their counts, and by themselves where these are the same."""
        return sorted(self.counts, key=lambda value: (-self.counts[value], str(value)))[:n]


def _is_missing(value: Any) -> bool:
    """Whether a cell is empty: None, NaN, or what pandas has for these."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value


def _as_floats(column: np.ndarray) -> np.ndarray:
    return column.astype(np.float64)
