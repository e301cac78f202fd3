"""The page about a training: one HTML file that needs no other and no network.

Pictures stand in it as SVG in data URIs, and the template escapes whatever the data holds. It
needs Jinja2 and Matplotlib (extra `cli`).
"""

import base64
import io
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import sparse
from sklearn import metrics
from sklearn.inspection import permutation_importance
from sklearn.utils.validation import _num_samples

from fastnn import files
from fastnn._version import __version__
from fastnn.callbacks import Callback
from fastnn.display import LossCurveDisplay, NetworkDisplay, style
from fastnn.display.anatomy import open_up

MOST_COLUMNS = 50  # of the data that are described
MOST_SAMPLES = 10
MOST_CELLS = 15  # classes up to which the confusion matrix tells its counts
IMPORTANCE_ROWS = 500  # that tell what a column contributes
MOST_POINTS = 1000  # in the picture of residuals


class EpochClock(Callback):
    """Callback that notes when each epoch has ended, and how many rows it trained on.

    Attributes
    ----------
    ends : list of float
        Time at the end of each epoch of the last fit that has ended, in seconds.

    rows : int
        Number of rows that trained it.
    """

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.rows = 0

    def begin(self, estimator: Any) -> dict[str, Any]:
        """Begin a fit."""
        return {"ends": [], "rows": 0}

    def on_fit_task_end(self, estimator: Any, context: Any, *, X: Any = None) -> None:
        """Note the end of an epoch."""
        if context.task_name == "epoch":
            noted = self.state_of(estimator, context)
            noted["ends"].append(time.perf_counter())
            noted["rows"] = _num_samples(X)

    def finish(self, state: dict[str, Any]) -> None:
        """Show what was noted of a fit."""
        vars(self).update(state)


@dataclass(frozen=True)
class Training:
    """A training that is over, as the page tells it.

    Attributes
    ----------
    data : Path
        File that was learned from.
    target : str
        Column that was learned.
    X : DataFrame
        All other columns.
    X_test : DataFrame
        Rows held out; of an ensemble over folds these are all rows.
    y_test : ndarray of shape (n_samples,)
        Their targets.
    answers : ndarray of shape (n_samples,)
        Their predictions, by members that they did not train.
    probabilities : ndarray of shape (n_samples, n_classes) or None
        Likewise of each class.
    model : Pipeline
        What has become of it.
    columns : list of dict
        What each column is and how it is read: `name`, `kind`, `read`, maybe `reason`.
    seconds : float
        How long the fit took.
    clock : EpochClock or None
        Was a callback of the fit of a plain network.
    """

    data: Path
    target: str
    X: pd.DataFrame
    X_test: pd.DataFrame
    y_test: np.ndarray
    answers: np.ndarray
    probabilities: np.ndarray | None
    model: Any
    columns: list[dict[str, Any]]
    seconds: float
    clock: EpochClock | None

    @property
    def is_classification(self) -> bool:
        """Whether the model chooses among classes."""
        return hasattr(self.model, "classes_")

    @property
    def network(self) -> Any:
        """The network of a plain model; None of an ensemble."""
        return None if self.clock is None else open_up(self.model)[0]

    @property
    def learner(self) -> Any:
        """The network, or the ensemble."""
        return self.network or self.model.steps[-1][1]


def write(training: Training, path: Path) -> None:
    """Write the page about a training to a file."""
    page = render(training)
    with files.replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def render(training: Training) -> str:
    """Write the page about a training, as HTML."""
    network, answers = training.network, training.answers
    losses = _losses(training, answers)
    hardest = np.argsort(-losses, kind="stable")[:MOST_SAMPLES]
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = resources.files("fastnn.report").joinpath("page.html.jinja").read_text("utf-8")
    return environment.from_string(template).render(
        training=training,
        version=__version__,
        written=time.strftime("%Y-%m-%d %H:%M"),
        network=network,
        scores=_scores(training, answers),
        columns=_columns(training),
        importances=_importances(training),
        members=[] if network else _members(training.learner),
        shares=[] if network else _shares(training.learner),
        n_more=max(0, training.X.shape[1] - MOST_COLUMNS),
        parameters=_parameters(training.learner),
        hardest=_hardest(training, answers, losses, hardest),
        speed=_speed(training, network) if network else {"fit": f"{training.seconds:.2f} s"},
        pictures=_pictures(training, network, answers, hardest[0]),
    )


# ------------------------------------------------------------------------------------- numbers


def _losses(training: Training, answers: np.ndarray) -> np.ndarray:
    """How hard each held-out row was: its log loss, or how far the answer is off."""
    if not training.is_classification:
        return np.abs(training.y_test - answers)
    assert training.probabilities is not None
    right = _probability_of(training.model.classes_, training.probabilities, training.y_test)
    return -np.log(np.maximum(right, np.finfo(right.dtype).tiny))


def _probability_of(classes: np.ndarray, probabilities: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Probability of each row's right class; of a class never seen in training, 0."""
    codes = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    return probabilities[np.arange(len(y)), codes] * (classes[codes] == y)


def _scores(training: Training, answers: np.ndarray) -> dict[str, str]:
    y = training.y_test
    if training.is_classification:
        return {
            "accuracy": f"{metrics.accuracy_score(y, answers):.4f}",
            "balanced accuracy": f"{_balanced_accuracy(y, answers):.4f}",
        }
    return {
        "R²": f"{metrics.r2_score(y, answers):.4f}" if len(y) > 1 else "needs two rows",
        "mean absolute error": f"{metrics.mean_absolute_error(y, answers):.4g}",
        "root mean squared error": f"{metrics.root_mean_squared_error(y, answers):.4g}",
    }


def _balanced_accuracy(y: np.ndarray, answers: np.ndarray) -> float:
    return float(np.mean([(answers[y == label] == label).mean() for label in np.unique(y)]))


def _columns(training: Training) -> list[dict[str, str]]:
    """Describe each column in one line."""
    X, described = training.X, []
    for facts in training.columns[:MOST_COLUMNS]:
        read = facts.get("reason") or facts["read"]
        line = {"name": facts["name"], "kind": facts["kind"], "read": read}
        if facts["name"] in X.columns:
            values = X[facts["name"]]
            line |= {"missing": f"{values.isna().mean():.1%}", "values": _values(values.dropna())}
        described.append({"missing": "", "values": "", **line})
    return described


def _importances(training: Training) -> list[tuple[str, str]]:
    """Tell how much the score falls when a column is shuffled, for the most important."""
    X, y = training.X_test, training.y_test
    if X.shape[1] > MOST_COLUMNS or len(X) < 2:
        return []
    rows = np.arange(len(X))
    if len(X) > IMPORTANCE_ROWS:
        rows = np.random.default_rng(0).choice(len(X), IMPORTANCE_ROWS, replace=False)
    found = permutation_importance(
        training.model, X.iloc[rows], y[rows], n_repeats=3, random_state=0
    )
    order = np.argsort(-found.importances_mean)
    pairs = zip(found.importances_mean, found.importances_std, strict=True)
    told = [f"{mean:.4f} ± {std:.4f}" for mean, std in pairs]
    return [(str(X.columns[i]), told[i]) for i in order]


def _members(ensemble: Any) -> list[dict[str, str]]:
    """Describe each member of an ensemble in one line, the weightiest first."""
    members = sorted(ensemble.members_, key=lambda member: -member["weight"])
    return [
        {
            "kind": member["kind"].replace("_", " "),
            "weight": f"{member['weight']:.1%}",
            "loss": f"{member['loss']:.5g}",
        }
        for member in members
    ]


def _shares(ensemble: Any) -> list[tuple[str, str]]:
    """Tell the weight of each kind of member."""
    shares: dict[str, float] = {}
    for member in ensemble.members_:
        kind = member["kind"].replace("_", " ")
        shares[kind] = shares.get(kind, 0.0) + member["weight"]
    return [(kind, f"{share:.0%}") for kind, share in shares.items()]


def _values(values: pd.Series) -> str:
    if values.empty:
        return "none"
    if pd.api.types.is_datetime64_any_dtype(values):
        return f"{values.min()} to {values.max()}"
    if pd.api.types.is_numeric_dtype(values):
        return f"{values.min():.4g} to {values.max():.4g}, median {values.median():.4g}"
    counts = values.value_counts()
    most = ", ".join(f"{_cell(value)} ({n})" for value, n in counts.head(3).items())
    return most if len(counts) <= 3 else f"{most} and {len(counts) - 3} more"


def _parameters(network: Any) -> list[tuple[str, str, bool]]:
    """Name, value and whether it was set, the set ones first."""
    defaults = type(network)().get_params(deep=False)
    parameters = [
        (name, repr(value), repr(value) != repr(defaults[name]))
        for name, value in network.get_params(deep=False).items()
    ]
    return sorted(parameters, key=lambda parameter: not parameter[2])


def _hardest(
    training: Training, answers: np.ndarray, losses: np.ndarray, rows: np.ndarray
) -> dict[str, Any]:
    """Table of the rows that the model did worst on."""
    shown = training.X_test.columns[:MOST_COLUMNS]
    measure = "log loss" if training.is_classification else "off by"
    return {
        "head": ["row", f"{training.target} (right)", "answer", measure, *map(str, shown)],
        "rows": [
            [
                _row_number(training.X_test.index[i]),
                _cell(training.y_test[i]),
                _cell(answers[i]),
                f"{losses[i]:.4g}",
                *(_cell(training.X_test[name].iloc[i]) for name in shown),
            ]
            for i in rows
        ],
    }


def _row_number(label: Any) -> str:
    """Count rows from 1, the header left out; a table with labels of its own keeps them."""
    return str(label + 1) if isinstance(label, int | np.integer) else str(label)


def _cell(value: Any, longest: int = 60) -> str:
    if isinstance(value, float):
        return "missing" if np.isnan(value) else f"{value:.6g}"
    text = str(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _speed(training: Training, network: Any) -> dict[str, str]:
    """Time of an epoch, and its share of what the machine can do."""
    assert training.clock is not None
    ends, rows = training.clock.ends, training.clock.rows
    seconds = float(np.median(np.diff(ends))) if len(ends) > 1 else training.seconds
    X = training.model[:-1].transform(training.X_test[:1000])
    share_of_values = X.nnz / np.prod(X.shape) if sparse.issparse(X) else 1.0
    first, *later = (W.size for W in network.coefs_)
    # Each layer takes a product forward and one for dW; all but the first take one for dA.
    work = rows * (4 * share_of_values * first + 6 * sum(later))
    limit = product_limit(network.coefs_[0].dtype)
    return {
        "fit": f"{training.seconds:.2f} s",
        "epoch": f"{1e3 * seconds:.2f} ms",
        "rows": f"{rows / seconds:,.0f}",
        "work": f"{work / seconds / 1e9:.2f}",
        "limit": f"{limit / 1e9:.1f}",
        "share": f"{work / seconds / limit:.1%}",
    }


def product_limit(dtype: np.dtype, n: int = 768, rounds: int = 12) -> float:
    """Measure this machine's rate of large matrix products, in operations a second."""
    A = np.ones((n, n), dtype)
    out = np.empty_like(A)
    best = np.inf
    for _ in range(rounds):
        began = time.perf_counter()
        np.dot(A, A, out)
        best = min(best, time.perf_counter() - began)
    return 2.0 * n**3 / best


# ------------------------------------------------------------------------------------ pictures


def _pictures(
    training: Training, network: Any, answers: np.ndarray, hardest: int
) -> dict[str, str]:
    """Draw every picture in Matplotlib's own style, whatever the user's is."""
    draw_answers = _confusion if training.is_classification else _residuals
    own: dict[str, str] = {}
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams["svg.hashsalt"] = "fastnn"  # the same data make the same file
        warnings.filterwarnings("ignore", "Glyph .* missing")  # such as of Chinese names
        if network is not None:
            own["curves"] = _picture(
                7.2, 4.4, lambda ax: LossCurveDisplay.from_estimator(network, ax=ax)
            )
            own["network"] = _picture(9.0, 6.6, lambda ax: _network(ax, training, hardest))
        elif training.is_classification:
            own["calibration"] = _picture(5.2, 4.6, lambda ax: _calibration(ax, training))
        drawn = _picture(6.4, 5.2, lambda ax: draw_answers(ax, training.y_test, answers))
        return {"answers": drawn, **own}


def _picture(width: float, height: float, draw: Callable[[Any], Any]) -> str:
    """Draw on new axes of this size in inches; returns the address that holds the picture."""
    figure = Figure(figsize=(width, height), layout="constrained")
    draw(figure.add_subplot())
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _confusion(ax: Any, y: np.ndarray, answers: np.ndarray) -> None:
    labels = np.unique(np.concatenate([y, answers]))
    matrix = metrics.confusion_matrix(y, answers, labels=labels)
    few = len(labels) <= MOST_CELLS
    display = metrics.ConfusionMatrixDisplay(matrix, display_labels=style.plain_names(labels))
    turned = "vertical" if max(len(str(label)) for label in labels) > 5 else "horizontal"
    display.plot(ax=ax, cmap="Blues", include_values=few, xticks_rotation=turned)
    if not few:
        ax.tick_params(labelsize=max(2.0, 150 / len(labels)))
    ax.set(xlabel="answer", ylabel="right")


def _calibration(ax: Any, training: Training) -> None:
    """Draw how often the answer was right, by the probability that the model gave it."""
    assert training.probabilities is not None
    sure, right = training.probabilities.max(axis=1), training.answers == training.y_test
    bins = np.clip((sure * 10).astype(int), 0, 9)
    n = np.bincount(bins, minlength=10)
    filled = n > 0
    mean = np.bincount(bins, sure, minlength=10)[filled] / n[filled]
    share = np.bincount(bins, right, minlength=10)[filled] / n[filled]
    ax.plot([0, 1], [0, 1], color="0.5", lw=1)
    ax.plot(mean, share, color=style.BLUE, marker="o")
    ax.set(xlabel="probability of the answer", ylabel="share of right answers")
    ax.set(xlim=(0, 1.02), ylim=(0, 1.02))


def _residuals(ax: Any, y: np.ndarray, answers: np.ndarray) -> None:
    shown = np.arange(len(y))
    if len(y) > MOST_POINTS:
        shown = np.random.default_rng(0).choice(len(y), MOST_POINTS, replace=False)
    ax.axhline(0, color="0.5", lw=1)
    ax.scatter(answers[shown], (y - answers)[shown], s=14, alpha=0.5, color=style.BLUE, lw=0)
    ax.set(xlabel="answer", ylabel=f"right {style.MINUS} answer")


def _network(ax: Any, training: Training, row: int) -> None:
    """Draw the network with its hardest row."""
    names = training.model[:-1].get_feature_names_out()
    right = training.y_test[row]
    known = not training.is_classification or right in training.model.classes_
    NetworkDisplay.from_estimator(
        training.model,
        training.X_test.iloc[[row]],
        right if known else None,
        input_names=list(names),
        ax=ax,
    )
