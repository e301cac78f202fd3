"""What a fitted estimator predicts with, for conversions and displays."""

from typing import NamedTuple

from sklearn.utils.validation import check_is_fitted

from fastnn.tabular.base import BaseTabular
from fastnn.tabular.calibration import Calibration
from fastnn.tabular.ensemble import Predictor
from fastnn.tabular.scaling import Scaling


class Fitted(NamedTuple):
    """What an estimator predicts with.

    Attributes
    ----------
    predictor : Predictor
        Members and scaling.
    calibration : Calibration or None
        Of probabilities; None for numbers.
    """

    predictor: Predictor
    calibration: Calibration | None


def fitted_of(model: BaseTabular) -> Fitted:
    """Give what a fitted estimator predicts with.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    """
    check_is_fitted(model)
    predictor = model._make_predictor()
    calibration = vars(model).get("_calibration")
    return Fitted(predictor, None if calibration is None else Calibration(**calibration))


def scaling_of(model: BaseTabular) -> Scaling:
    """Tell how the networks of a fitted estimator take numbers and codes."""
    return model._scaling
