"""How a network is scored while it learns: as the estimator would, or by a user's scorer."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring

from fastnn.estimators.fitted import adopt, twin_of
from fastnn.network import Network
from fastnn.training.clock import Clock
from fastnn.training.validation import JudgedRows, Score


def score_of(estimator: Any, network: Network, clock: Clock) -> Score | None:
    """Make what scores a network's outputs; None where that is the loss."""
    if estimator.scoring == "loss":
        return None
    if estimator.scoring is None:
        return lambda outputs, part: estimator._output_score(
            outputs, part.targets, part.rows, part.sample_weight
        )
    twin = twin_of(estimator)
    twin.__dict__.pop("feature_names_in_", None)  # it is given arrays
    twin._clock = clock
    adopt(twin, network)
    scorer = check_scoring(twin, estimator.scoring)

    def score(outputs: np.ndarray, part: JudgedRows) -> float:
        weights = {} if part.sample_weight is None else {"sample_weight": part.sample_weight}
        vars(twin)["_outputs"] = _outputs_known(twin, part.X, outputs)
        try:
            return float(scorer(twin, part.X, part.y, **weights))
        finally:
            del vars(twin)["_outputs"]

    return score


def _outputs_known(estimator: Any, known: Any, outputs: np.ndarray) -> Callable[..., np.ndarray]:
    """Stand in for an estimator's `_outputs`, which knows those of one X without computing them."""

    def outputs_of(X: Any, finish: Callable | None = None, layer: int = -1) -> np.ndarray:
        if X is not known or layer != -1:
            return type(estimator)._outputs(estimator, X, finish, layer)
        return outputs.copy() if finish is None else finish(outputs)

    return outputs_of
