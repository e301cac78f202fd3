"""The trained ensemble: members with their weights, and what they predict together.

With f a fold and m a member of weight w[m]::

    prediction of the models of fold f = sum over m of w[m] (prediction of m trained on f)
    prediction = mean over f
"""

from functools import cached_property
from typing import Any, TypedDict

import numpy as np

from fastnn.columns import Cells
from fastnn.engine.base import Check, no_check
from fastnn.engine.cpu import CPU
from fastnn.engine.prediction import predict
from fastnn.engine.predictor import outputs_of_few
from fastnn.kernels.tuning import MAX_FEW_ROWS
from fastnn.network import Architecture, Network
from fastnn.tabular import forest, networks
from fastnn.tabular.calibration import raised
from fastnn.tabular.data import TargetScale, tree_rows
from fastnn.tabular.forest import Forest
from fastnn.tabular.scaling import Scaling, network_rows


class Member(TypedDict):
    """A member of the ensemble: plain arrays, numbers, lists and texts.

    `kind`, `name` and `settings` say what it is; `weight` its share; `power` what its probabilities
    are raised to; `loss` that of its out-of-fold predictions `oof` (n_pairs, n_outputs); `states`
    are what predicts, one a fold; `histories` held-out losses, one list a fold; `seed` is its own.
    """

    kind: str
    name: str
    settings: dict[str, Any]
    seed: int
    weight: float
    power: float
    loss: float
    oof: np.ndarray
    states: list[dict[str, Any]]
    histories: list[list[float]]


class _Network:
    """A network that predicts.

    A few rows go through it in float64, so that neither their order nor what stands beside them
    changes anything to 1e-9. For many that would take twice the time.
    """

    def __init__(self, network: Network, architecture: Architecture) -> None:
        self.network, self.architecture = network, architecture

    @cached_property
    def double(self) -> Network:
        return self.network.astype(np.dtype(np.float64))

    def outputs(self, rows: np.ndarray, n_jobs: int | None, check: Check) -> np.ndarray:
        """Pass rows through it, which are float64 where they are few."""
        if rows.dtype == np.float64:
            return outputs_of_few(self.double, rows, self.architecture)
        return predict(CPU, self.network, rows, self.architecture, n_jobs, check=check)


class Predictor:
    """Predicts by the members whose weight is not 0.

    Parameters
    ----------
    members : list of Member
    scaling : Scaling
    sizes : ndarray of int64
        Levels of each category.
    target_scale : TargetScale or None
    """

    def __init__(
        self,
        members: list[Member],
        scaling: Scaling,
        sizes: np.ndarray,
        target_scale: TargetScale | None,
    ) -> None:
        self.scaling, self.sizes, self.target_scale = scaling, sizes, target_scale
        counted = [member for member in members if member["weight"] > 0]
        self.n_folds = len(counted[0]["states"])
        self.networks: list[tuple[Member, list[_Network]]] = []
        self.forests: list[tuple[Member, Forest]] = []
        for member in counted:
            states = member["states"]
            if member["kind"] == "networks":
                of_folds = [_Network(*networks.from_dict(state)) for state in states]
                self.networks.append((member, of_folds))
            else:
                joined = forest.concatenate(list(map(forest.from_dict, states)))
                self.forests.append((member, joined))

    def by_fold(
        self, cells: Cells, n_jobs: int | None = None, check: Check = no_check
    ) -> np.ndarray:
        """Predict by the models of each fold, of shape (n_folds, n_rows, n_outputs), float64."""
        total: Any = 0.0
        if self.networks:
            rows = network_rows(self.scaling, cells)
            if len(rows) <= MAX_FEW_ROWS:
                rows = rows.astype(np.float64)
            with CPU.running():  # once for all: it takes as long as a row through a network
                for member, of_folds in self.networks:
                    outputs = np.stack([net.outputs(rows, n_jobs, check) for net in of_folds])
                    total = total + member["weight"] * raised(self._back(outputs), member["power"])
        if self.forests:
            rows = tree_rows(cells, self.sizes)
            for member, trees in self.forests:
                raw = forest.raw_outputs(trees, rows, n_jobs, check)
                predictions = forest.LINKS[trees.link](raw).transpose(1, 0, 2)
                total = total + member["weight"] * raised(predictions, member["power"])
        return total

    def _back(self, outputs: np.ndarray) -> np.ndarray:
        outputs = outputs.astype(np.float64)
        return outputs if self.target_scale is None else self.target_scale.back(outputs)
