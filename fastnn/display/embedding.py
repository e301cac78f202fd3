"""What a network of an ensemble has learnt of one column: waves of a number, points of levels."""

from numbers import Integral
from typing import Any, cast

import numpy as np
from sklearn.decomposition import PCA

from fastnn.columns import Cells, describe, list_levels, number_names, transform
from fastnn.display import style
from fastnn.display.ensemble import open_ensemble
from fastnn.embedding import Embedding
from fastnn.tabular.base import BaseTabular
from fastnn.tabular.fitted import scaling_of
from fastnn.tabular.networks import from_dict
from fastnn.tabular.scaling import MAX_INDICATORS, MAX_WAVED, network_columns, network_rows

N_STEPS = 400  # of a curve
REACH = 3.0  # quartile distances to either side of the median, where a smooth clip has 1/sqrt(2)
MOST_NAMES = 20  # beside points: those of levels that are farthest from the middle


class EmbeddingDisplay:
    """Learnt embedding of a column: waves of a number as curves, levels of a category as points.

    It is recommended to use :func:`~fastnn.display.EmbeddingDisplay.from_estimator`. All
    parameters are stored as attributes.

    Parameters
    ----------
    column : str
        Name of the column.

    outputs : ndarray of shape (n_values, n_outputs)
        What the network's first layer takes for each value: of a number, the scaled number itself
        and then its waves; of a category, its learnt numbers.

    values : ndarray of shape (n_values,), default=None
        Values of a number.

    levels : list of str, default=None
        Names of a category's levels.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that holds the picture.

    ax_ : matplotlib Axes
        Its axes.

    lines_ : list of matplotlib Line2D
        The waves, and the scaled number last; empty for a category.

    points_ : matplotlib Line2D or None
        Levels by their two principal components, None for a number.

    texts_ : list of matplotlib Text
        Names of levels: at most 20, those farthest from the middle.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_diabetes
    >>> from fastnn import TabularRegressor
    >>> from fastnn.display import EmbeddingDisplay
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    >>> model = TabularRegressor(members="networks", effort="quick", cv=2, random_state=0)
    >>> display = EmbeddingDisplay.from_estimator(model.fit(X, y), "bmi", X=X)
    >>> plt.show()
    """

    def __init__(
        self,
        *,
        column: str,
        outputs: np.ndarray,
        values: np.ndarray | None = None,
        levels: list[str] | None = None,
    ) -> None:
        self.column = column
        self.outputs = outputs
        self.values = values
        self.levels = levels

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        column: str | int,
        *,
        X: Any = None,
        member: int | None = None,
        fold: int = 0,
        ax: Any = None,
    ) -> "EmbeddingDisplay":
        """Draw what a network of a fitted estimator for tables has learnt of a column.

        Parameters
        ----------
        estimator : estimator instance
            Fitted `TabularClassifier` or `TabularRegressor`, or a pipeline that ends in one.

        column : str or int
            Name of the column, or its place. A date has become several numbers, which are named
            as ``when_days``.

        X : {data frame, array-like} of shape (n_samples, n_features), default=None
            Rows, from the least to the largest number of which curves go. By default they go three
            times the distance of the quartiles to either side of the median.

        member : int, default=None
            Place of the network in `members_`; by default that of the largest weight.

        fold : int, default=0
            Which of the member's networks: that which did not train on this fold.

        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        display : EmbeddingDisplay

        Raises
        ------
        ValueError
            If there is no network among the members, or nothing is learnt of the column: it does
            not exist, was left out, has two values, or so few levels that each is a column.
        """
        style.load_matplotlib(f"{cls.__name__}.from_estimator")
        model, X = open_ensemble(estimator, X)
        state = _network_state(model, member, fold)
        name = _name(model, column)
        network, architecture = from_dict(state)
        embedding = cast(Embedding, architecture.embedding)
        learnt = {key: part.astype(np.float64) for key, part in network.embedded.items()}
        names = number_names(model.columns_)
        if name in names:
            display = cls._of_number(model, name, names.index(name), X, embedding, learnt)
        else:
            display = cls._of_category(model, name, embedding, learnt)
        return display.plot(ax=ax)

    @classmethod
    def _of_number(
        cls,
        model: BaseTabular,
        name: str,
        place: int,
        X: Any,
        embedding: Embedding,
        learnt: dict[str, np.ndarray],
    ) -> "EmbeddingDisplay":
        scaling = scaling_of(model)
        if place not in scaling["waved"]:
            raise ValueError(
                f"Column {name!r} has two values only, which networks take as they are: nothing "
                "is learnt of it before the first layer."
            )
        if not network_columns(scaling)[0]:
            raise ValueError(
                f"There are more than {MAX_WAVED} columns of numbers, which networks then take as "
                f"they are: nothing is learnt of column {name!r} before the first layer."
            )
        values = np.linspace(*_range_of(model, name, place, X), N_STEPS)
        numbers = np.tile(scaling["centers"], (N_STEPS, 1))
        numbers[:, place] = values
        n_categories = len(model.columns_["sizes"])
        codes = np.tile(model.columns_["sizes"].astype(np.int32), (N_STEPS, 1))
        rows = network_rows(scaling, Cells(numbers, codes.reshape(N_STEPS, n_categories)))
        embedded = embedding.rows(learnt, rows.astype(np.float64))
        j = int(np.searchsorted(scaling["waved"], place))
        first = embedding.n_numbers + embedding.n_plain + j * embedding.n_waves
        chosen = [j, *range(first, first + embedding.n_waves)]
        return cls(column=name, outputs=embedded[:, chosen], values=values)

    @classmethod
    def _of_category(
        cls, model: BaseTabular, name: str, embedding: Embedding, learnt: dict[str, np.ndarray]
    ) -> "EmbeddingDisplay":
        scaling, columns = scaling_of(model), model.columns_
        names = [column.name for column in describe(columns)]
        place = int(np.flatnonzero(columns["categories"] == names.index(name))[0])
        n_kept = int(scaling["levels"][place]) - 1
        if place not in scaling["tables"]:
            raise ValueError(
                f"Column {name!r} has {n_kept} levels of three rows or more, each of which is a "
                f"column for networks: a table is learnt of more than {MAX_INDICATORS} levels."
            )
        levels = [str(level) for level in list_levels(columns["levels"][place])]
        new = scaling["codes"][place][: len(levels)]
        kept = [level for level, code in zip(levels, new, strict=True) if code < n_kept]
        k = int(np.searchsorted(scaling["tables"], place))
        start, width = embedding.table_starts[k], embedding.table_width
        first = embedding.n_numbers * (1 + embedding.n_waves) + embedding.n_plain + k * width
        table = learnt["tables"][start : start + n_kept + 1]
        outputs = table * learnt["scale"][first : first + width]
        return cls(column=name, outputs=outputs, levels=[*kept, "missing or rare"])

    def plot(self, *, ax: Any = None) -> "EmbeddingDisplay":
        """Draw curves, or points with their names.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        display : EmbeddingDisplay
        """
        ax = style.axes_for("EmbeddingDisplay.plot", ax, (6.4, 4.0))
        self.ax_, self.figure_ = ax, ax.figure
        self.lines_: list[Any] = []
        self.points_: Any = None
        self.texts_: list[Any] = []
        if self.levels is None:
            self._draw_waves()
        else:
            self._draw_levels(self.levels)
        return self

    def _draw_waves(self) -> None:
        ax, palette = self.ax_, style.palette()
        for i, wave in enumerate(self.outputs[:, 1:].T):
            colour, dash = palette[i % len(palette)], ("-", "--", "-.")[i % 3]
            label = f"wave {i + 1}"
            self.lines_ += ax.plot(self.values, wave, dash, color=colour, lw=2, label=label)
        ink, number = ax.xaxis.label.get_color(), self.outputs[:, 0]
        self.lines_ += ax.plot(self.values, number, ":", color=ink, label="the number, scaled")
        ax.margins(x=0)
        ax.set_xlabel(style.plain(self.column, 40))
        ax.set_ylabel("input of the first layer")
        style.legend_above(ax, self.lines_, n_columns=4)

    def _draw_levels(self, levels: list[str]) -> None:
        ax = self.ax_
        style.check_names("levels", levels, len(self.outputs))
        with np.errstate(invalid="ignore"):  # shares where all points are the same
            components = PCA(2, svd_solver="full").fit(self.outputs)
        at = components.transform(self.outputs)
        (self.points_,) = ax.plot(*at.T, "o", color=style.palette()[0])
        farthest = np.argsort(-(at**2).sum(axis=1), kind="stable")[:MOST_NAMES]
        names = style.plain_names(levels)
        for i in farthest:
            self.texts_.append(
                ax.annotate(
                    *(names[i], at[i]),
                    xytext=(0.4 * style.default_size(), 0),
                    textcoords="offset points",
                    va="center",
                    fontsize="small",
                )
            )
        ax.margins(x=0.15, y=0.08)
        first, second = np.nan_to_num(components.explained_variance_ratio_)
        ax.set_xlabel(f"first principal component, {first:.0%}")
        ax.set_ylabel(f"second principal component, {second:.0%}")
        ax.set_title(style.plain(self.column, 40), fontsize="medium")


def _network_state(model: BaseTabular, member: int | None, fold: int) -> dict[str, Any]:
    """Find a network, that of the largest weight where none is named."""
    networks = [i for i, one in enumerate(model.members_) if one["kind"] == "networks"]
    if not networks:
        raise ValueError(
            f"This {type(model).__name__} has no network among its members, which alone learn "
            "embeddings: fit it with members='auto' or 'networks'."
        )
    if member is None:
        member = max(networks, key=lambda i: model.members_[i]["weight"])
    if member not in networks:
        raise ValueError(f"member={member!r} is no network; networks are {networks}.")
    states = model.members_[member]["states"]
    if fold not in range(len(states)):
        raise ValueError(f"fold={fold!r} has to be one of the {len(states)} folds, from 0.")
    return states[fold]


def _name(model: BaseTabular, column: str | int) -> str:
    """Find the name of a column, or of a number of a date, that members have learnt from."""
    described = {one.name: one for one in describe(model.columns_)}
    names, name = list(described), column
    if isinstance(column, Integral) and 0 <= column < len(names):
        name = names[column]
    if name not in names:
        if name in number_names(model.columns_):  # of a date
            return str(name)
        raise ValueError(f"column={column!r} is none of the columns of fit, {_listed(names)}.")
    told = described[str(name)]
    if told.reason:
        raise ValueError(f"Column {name!r} was left out in fit: it {told.reason}.")
    if told.features:
        numbers = [f"{name}_{feature}" for feature in told.features]
        raise ValueError(f"Column {name!r} is a date, kept as the numbers {numbers}: name one.")
    return str(name)


def _listed(names: list[str], most: int = 10) -> str:
    return ", ".join(map(repr, names[:most])) + (" ..." if len(names) > most else "")


def _range_of(model: BaseTabular, name: str, place: int, X: Any) -> tuple[float, float]:
    """From where to where the curves of a number go."""
    if X is not None:
        numbers = transform(model.columns_, X, model).numbers[:, place]
        numbers = numbers[~np.isnan(numbers)]
        if not numbers.size:
            raise ValueError(f"Column {name!r} of X has no number that curves could go through.")
        return float(numbers.min()), float(numbers.max())
    scaling = scaling_of(model)
    center, factor = (float(scaling[key][place]) for key in ("centers", "factors"))
    reach = REACH / factor if factor > 0 else 1.0
    return center - reach, center + reach
