"""Calibration: probabilities of an ensemble that are right as often as they say.

The logarithms of a row's probabilities are multiplied by one power, each class has an offset that
is added, and their softmax is the result: a temperature (Guo et al., On Calibration of Modern
Neural Networks, ICML 2017, arXiv:1706.04599) with corrected biases (Alexandari et al., Maximum
Likelihood with Bias-Corrected Calibration Is Hard-to-Beat at Label Shift Adaptation, ICML 2020,
arXiv:1901.06852). The log-loss of the out-of-fold rows is convex in both, and priors, which count
as rows, keep them near 1 and 0 where rows are few.

The result is mixed with the classes' frequencies, at a weight in proportion to 1 / n, so that no
class is impossible (Berta et al., Rethinking Early Stopping: Refine, Then Calibrate,
arXiv:2501.19195). `benchmarks/NOTES.md` has the figures behind the constants.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax

from fastnn.tabular.weights import effective_rows, judged_rows

SMALLEST = 1e-12  # probability whose logarithm is taken
POWERS = 1 / 50, 50
POWER_ROWS = 30  # of the prior (power - 1 - log(power))
OFFSET_ROWS = 50  # of the prior offset ** 2 / 2
PRIOR_ROWS = 0.1  # of the classes' frequencies that are mixed in; 1 costs .1 to .9 % of log-loss


class Calibration(NamedTuple):
    """How probabilities are changed.

    Attributes
    ----------
    power : float
        Factor of their logarithms.
    offsets : ndarray of shape (n_classes,)
        Added to them.
    share : float
        Weight of the frequencies.
    frequencies : ndarray of shape (n_classes,)
        Of the classes among the rows, each above 0.
    """

    power: float
    offsets: np.ndarray
    share: float
    frequencies: np.ndarray


def fit_calibration(
    probabilities: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None
) -> Calibration:
    """Choose power, offsets and frequencies by out-of-fold probabilities of the ensemble.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_classes)
        Weighted means of the members'.
    y : ndarray of int of shape (n_rows,)
        Codes of the classes.
    sample_weight : ndarray of shape (n_rows,), default=None
        How much each row counts.

    Returns
    -------
    calibration : Calibration
        Its power and offsets never raise the log-loss of these rows.
    """
    rows, n_classes = judged_rows(len(y)), probabilities.shape[1]
    y = y[rows]
    weights = np.ones(len(y)) if sample_weight is None else sample_weight[rows].astype(np.float64)
    n_rows = effective_rows(weights)
    weights *= n_rows / weights.sum()
    counts = np.bincount(y, weights=weights, minlength=n_classes)
    frequencies = (counts + 1 / n_classes) / (n_rows + 1)
    logarithms = np.log(np.maximum(probabilities[rows], SMALLEST, dtype=np.float64))

    def penalized(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Mean log-loss and its gradient."""
        power, offsets = parameters[0], parameters[1:]
        found = log_softmax(power * logarithms + offsets, axis=1)
        loss = -(weights @ found[np.arange(len(y)), y])
        loss += POWER_ROWS * (power - 1 - np.log(power)) + OFFSET_ROWS / 2 * offsets @ offsets
        np.exp(found, out=found)
        of_offsets = weights @ found - counts + OFFSET_ROWS * offsets
        found *= logarithms
        right = logarithms[np.arange(len(y)), y]
        of_power = weights @ (found.sum(axis=1) - right) + POWER_ROWS * (1 - 1 / power)
        return loss / n_rows, np.concatenate([[of_power], of_offsets]) / n_rows

    start = np.concatenate([[1.0], np.zeros(n_classes)])
    bounds = [POWERS, *[(None, None)] * n_classes]
    found = minimize(penalized, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    share = PRIOR_ROWS / (n_rows + PRIOR_ROWS)
    return Calibration(float(found[0]), found[1:], float(share), frequencies)


def calibrated(probabilities: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Change probabilities.

    Parameters
    ----------
    probabilities : ndarray of shape (..., n_classes)
        Of the ensemble.
    calibration : Calibration

    Returns
    -------
    probabilities : ndarray of float64 of the same shape
        Each above 0, with sum 1 over the classes.
    """
    power, offsets, share, frequencies = calibration
    logarithms = np.log(np.maximum(probabilities, SMALLEST, dtype=np.float64))
    changed = softmax(power * logarithms + offsets, axis=-1)
    return (1 - share) * changed + share * frequencies


def fit_power(
    probabilities: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None
) -> float:
    """Choose the power of one member's probabilities, before members are averaged.

    Networks that learn smoothed labels are too timid, and so is the mean of random trees: as they
    are, they would drag down the mean of all. The log-loss is convex in the power.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_classes)
        Out-of-fold, of one member.
    y : ndarray of int of shape (n_rows,)
        Codes of the classes.
    sample_weight : ndarray of shape (n_rows,), default=None
        How much each row counts.
    """
    rows = judged_rows(len(y))
    weights = np.ones(len(rows)) if sample_weight is None else sample_weight[rows]
    weights = weights / weights.sum() * effective_rows(weights)
    logarithms = np.log(np.maximum(probabilities[rows], SMALLEST, dtype=np.float64))
    right = np.arange(len(rows)), y[rows]

    def penalized(log_power: float) -> float:
        power = np.exp(log_power)
        losses = -log_softmax(power * logarithms, axis=1)[right]
        return float(weights @ losses + POWER_ROWS * (power - 1 - log_power))

    bounds = tuple(np.log(POWERS))
    return float(np.exp(minimize_scalar(penalized, bounds=bounds, method="bounded").x))


def raised(probabilities: np.ndarray, power: float) -> np.ndarray:
    """Raise probabilities to a power, with sum 1 over the classes."""
    if power == 1:
        return probabilities
    logarithms = np.log(np.maximum(probabilities, SMALLEST, dtype=np.float64))
    return softmax(power * logarithms, axis=-1)
