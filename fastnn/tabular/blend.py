"""Members put together by what they predict for the rows that were held out.

Each member's probabilities are raised to the power that is right for these rows, its weight is
chosen beside those of the others, and its loss is noted.
"""

import numpy as np

from fastnn.tabular.calibration import fit_power, raised
from fastnn.tabular.ensemble import Member
from fastnn.tabular.folds import Folds
from fastnn.tabular.scoring import Scoring


def blended(
    members: list[Member],
    folds: Folds,
    Y: np.ndarray,
    weights: np.ndarray | None,
    scoring: Scoring,
) -> list[Member]:
    """Give members their powers, weights and losses.

    Parameters
    ----------
    members : list of Member
        Those that are new have a power of 1.
    folds : Folds
        By which all of them were trained.
    Y : ndarray of shape (n_rows, n_targets)
        Codes of classes, or numbers.
    weights : ndarray of shape (n_rows,) or None
    scoring : Scoring
    """
    Y, counts = Y[folds.rows], folds.weights(weights)
    if scoring.task.n_classes:
        members = [_tempered(member, Y[:, 0], counts) for member in members]
    predictions = np.stack([member["oof"] for member in members])
    chosen = scoring.weights(predictions, Y, counts)
    losses = [scoring.loss(one, Y, counts) for one in predictions]
    return [
        Member(**{**member, "weight": float(weight), "loss": loss})
        for member, weight, loss in zip(members, chosen, losses, strict=True)
    ]


def _tempered(member: Member, y: np.ndarray, counts: np.ndarray) -> Member:
    """Give a new member the power that is right for the rows held out."""
    if member["power"] != 1:
        return member
    power = fit_power(member["oof"], y, counts)
    return Member(**{**member, "power": power, "oof": raised(member["oof"], power)})


def out_of_fold(members: list[Member]) -> np.ndarray:
    """Give what members predict together for each pair of row and fold: (n_pairs, n_outputs)."""
    parts = [member["weight"] * member["oof"].astype(np.float64) for member in members]
    return np.sum(parts, axis=0)
