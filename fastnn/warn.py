"""Warnings that name the user's line, however many frames lie between."""

import sys
import warnings

# Whose frames are passed over: decorators, pipelines and searches call an estimator from there.
BETWEEN = frozenset({"fastnn", "sklearn", "joblib"})


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line of code that is not of these packages.

    `warnings.warn` can do so by itself from Python 3.12 on (`skip_file_prefixes`).

    Parameters
    ----------
    message : str
        Text of the warning.
    category : type of Warning, default=UserWarning
        Class of the warning.
    """
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
