"""What a fit and a prediction take: data that needs no further look, and random states.

scikit-learn takes 100 us to check one row and 300 us for a small mini-batch. A plain array of
floats, of the right width and all finite, passes those checks unchanged, and that is seen in 3 us.
Anything else goes to scikit-learn.
"""

import contextlib
import math
from numbers import Integral
from typing import Any

import numpy as np
from numpy.random import MT19937, RandomState
from numpy.random.bit_generator import ISeedSequence
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import validate_data

from fastnn.compiling.interrupts import late_imports
from fastnn.kernels.tuning import MAX_PLAIN_NUMBERS
from fastnn.memory import native
from fastnn.warn import warn_user


def is_plain(estimator: Any, X: Any) -> bool:
    """Whether X is an array such as a fitted estimator takes as it is."""
    return has_plain_shape(estimator, X) and math.isfinite(_sum_of_squares(X))


def has_plain_shape(estimator: Any, X: Any) -> bool:
    """Whether X is such an array if all its numbers are finite."""
    return (
        type(X) is np.ndarray
        and X.ndim == 2
        and X.dtype.char in "fd"
        and 0 < X.size <= MAX_PLAIN_NUMBERS
        and X.dtype.isnative
        and X.shape[1] == estimator.__dict__.get("n_features_in_")
        and "feature_names_in_" not in estimator.__dict__
    )


def are_plain_labels(y: Any, n_samples: int) -> bool:
    """Whether y is an array of whole numbers or of texts, one for each row."""
    return type(y) is np.ndarray and y.shape == (n_samples,) and y.dtype.kind in "iuU"


def are_plain_numbers(y: Any, n_samples: int) -> bool:
    """Whether y is an array of finite floats, one for each row."""
    return (
        type(y) is np.ndarray
        and y.shape == (n_samples,)
        and y.dtype.char in "fd"
        and y.dtype.isnative
        and math.isfinite(_sum_of_squares(y))
    )


_seen: set[type] = {np.ndarray}  # kinds of data for which nothing is imported any more


def validated(estimator: Any, X: Any, *y: Any, **options: Any) -> Any:
    """Check data as scikit-learn does, and give X in this machine's byte order.

    Parameters
    ----------
    X, *y, **options
        As for `sklearn.utils.validation.validate_data`, which leaves the bytes of a frame in their
        order, and has narwhals import what it needs for the first frame of a library.
    """
    with contextlib.nullcontext() if type(X) in _seen else late_imports():
        checked = validate_data(estimator, X, *y, **options)
    _seen.add(type(X))
    return (native(checked[0]), *checked[1:]) if y else native(checked)


def floats(X: np.ndarray) -> np.ndarray:
    """Give numbers as float32 or float64, whichever holds them."""
    if X.dtype.char in "fd":
        return X
    return X.astype(np.float32 if np.result_type(X, np.float32) == np.float32 else np.float64)


def flattened(y: np.ndarray) -> np.ndarray:
    """Make a column of targets a vector, with scikit-learn's warning."""
    warn_user(
        "A column-vector y was passed when a 1d array was expected. Please change the shape of y "
        "to (n_samples, ), for example using ravel().",
        DataConversionWarning,
    )
    return column_or_1d(y)


def _sum_of_squares(values: np.ndarray) -> float:
    """Sum that is finite only if all values are."""
    flat = values.ravel(order="K")
    with np.errstate(over="ignore"):
        return float(flat.dot(flat))


class _Zeros(ISeedSequence):
    """Fills a generator that is about to be seeded.

    It gives a list, whose numbers are taken out one by one in a tenth of the time of an array's.
    """

    def generate_state(self, n_words: int, dtype: Any = None) -> Any:
        return [0] * n_words


def random_state_of(seed: Any) -> RandomState:
    """Make what `sklearn.utils.check_random_state` makes.

    ``RandomState(0)`` takes 92 us, as it draws a seed that it then replaces: a third of what a
    `partial_fit` on a few rows takes. This takes 5 us.
    """
    if not isinstance(seed, Integral) or isinstance(seed, bool):
        return check_random_state(seed)
    random_state = RandomState(MT19937(_Zeros()))  # type: ignore[arg-type]
    random_state.seed(int(seed))
    return random_state
