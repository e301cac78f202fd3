"""Pictures of the documentation, made at its build, each for light and for dark.

What is learned is learned here, by the library; the times are the README's, from
`benchmarks/compare.py`, and those of machines from `benchmarks/more_machines.py`.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import make_moons

from fastnn import MLPClassifier
from fastnn.dask.exchange import children_of
from fastnn.display import LossCurveDisplay, NetworkDisplay, style
from fastnn.display.loss_curve import Curve
from fastnn.engine.tree import share_of

README = Path(__file__).parents[1] / "README.md"
MACHINES = Path(__file__).parents[1] / "benchmarks" / "MACHINES.json"
PEERS = "fastnn", "scikit-learn", "PyTorch", "JAX"
SHOWN = 1, 10, 50, 300  # epochs after which the network is looked at
LOOKS = {
    "light": {"svg.hashsalt": "fastnn"},
    "dark": {
        "svg.hashsalt": "fastnn",
        **{f"{part}.color": "#ced6dd" for part in ("text", "xtick", "ytick")},
        **{f"axes.{part}color": "#ced6dd" for part in ("label", "edge", "title")},
        **{f"{part}.facecolor": "#14181e" for part in ("figure", "axes")},  # the theme's
    },
}


def write_all(folder: Path) -> None:
    """Write every picture for both looks, as NAME_LOOK.svg."""
    pictures: dict[str, Callable[[], Figure]] = {
        "speed": speed,
        "learning": learning,
        "machines": machines,
        "shared_step": shared_step,
    }
    for look, settings in LOOKS.items():
        for name, draw in pictures.items():
            with plt.rc_context(settings):
                figure = draw()
                figure.savefig(folder / f"{name}_{look}.svg", metadata={"Date": None})
                plt.close(figure)


# ---------------------------------------------------------------------------------------- speed


def times(readme: str) -> dict[str, list[float]]:
    """Read the README's table: for each case the milliseconds of each peer."""
    table = readme.partition("<!-- compare: begin -->")[2].partition("<!-- compare: end -->")[0]
    head, _, *rows = (
        [cell.strip(" *") for cell in line.strip("|").split("|")]
        for line in table.splitlines()
        if line.startswith("|")
    )
    columns = [head.index(peer) for peer in PEERS]
    return {row[0]: [_number(row[column]) for column in columns] for row in rows}


def _number(cell: str) -> float:
    return float(cell) if re.fullmatch(r"[\d.]+", cell) else np.nan  # a peer that is not measured


def speed() -> Figure:
    """Draw how long each peer takes for an epoch, as a multiple of fastnn's time."""
    cases = times(README.read_text("utf-8"))
    figure, ax = plt.subplots(figsize=(6.4, 5.2), layout="constrained")
    at = np.arange(len(cases))
    colours = style.palette()
    for i, peer in enumerate(PEERS):
        ratios = np.array([row[i] / row[0] for row in cases.values()])
        bars = ax.barh(at + 0.2 * (i - 1.5), ratios, 0.18, label=peer, color=colours[i])
        labels = [
            f"{row[0]:.3g} ms" if i == 0 else f"{row[i] / row[0]:.1f}" for row in cases.values()
        ]
        ax.bar_label(bars, labels, padding=3, fontsize="small")
    ax.set_yticks(at, list(cases))
    ax.invert_yaxis()
    ax.set_xlabel(f"time of an epoch, {style.TIMES} fastnn's")
    ax.set_xlim(0, 1.12 * max(np.nanmax(row) / row[0] for row in cases.values()))
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="center right")
    return figure


# ------------------------------------------------------------------------------------- learning


def learning() -> Figure:
    """Draw a network that learns two classes: what it answers, what it is, and its loss."""
    X, y = make_moons(300, noise=0.2, random_state=0)
    sides = [np.linspace(X[:, i].min() - 0.4, X[:, i].max() + 0.4, 120) for i in (0, 1)]
    grid = np.stack(np.meshgrid(*sides), axis=-1)
    figure = plt.figure(figsize=(6.4, 5.2), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1, 1.7])
    panels = iter(above.subplots(1, len(SHOWN)))
    model = MLPClassifier((6, 6), activation="tanh", learning_rate_init=0.01, random_state=0)
    for epoch in range(1, SHOWN[-1] + 1):
        model.partial_fit(X, y, classes=[0, 1])
        if epoch in SHOWN:
            ax = next(panels)
            ax.set_title(f"epoch {epoch}")
            answers = model.predict_proba(grid.reshape(-1, 2))[:, 1].reshape(grid.shape[:2])
            _draw_answers(ax, sides, answers, X, y)
    left, ax = below.subplots(1, 2)
    NetworkDisplay.from_estimator(model, X[0], ax=left)
    loss = np.array(model.loss_curve_)
    LossCurveDisplay(curves=[Curve("", loss)]).plot(ax=ax)
    ax.get_legend().remove()
    ax.plot(SHOWN, loss[np.array(SHOWN) - 1], "o", color=style.palette()[1])
    return figure


def _draw_answers(
    ax: plt.Axes, sides: list[np.ndarray], answers: np.ndarray, X: np.ndarray, y: np.ndarray
) -> None:
    extent = [side[end] for side in sides for end in (0, -1)]
    look = {"cmap": style.diverging(ax), "vmin": 0, "vmax": 1, "aspect": "auto", "alpha": 0.7}
    ax.imshow(answers, origin="lower", extent=extent, interpolation="bilinear", **look)
    ax.contour(*sides, answers, levels=[0.5], colors=[ax.xaxis.label.get_color()], linewidths=1)
    colours = np.array([style.ORANGE, style.SKY if style.is_dark() else style.BLUE])
    ax.scatter(*X.T, s=7, color=colours[y], edgecolor=style.background(ax), linewidth=0.4)
    ax.set(xticks=[], yticks=[])


# ------------------------------------------------------------------------------------- machines


def machines() -> Figure:
    """Draw the speed of many machines by that of one, as the model of the figures has it."""
    told = json.loads(MACHINES.read_text("utf-8"))
    names = list(dict.fromkeys(curve["network"] for curve in told["curves"]))
    figure, axes = plt.subplots(
        1, len(names), figsize=(8, 3.6), layout="constrained", sharey=True, squeeze=False
    )
    one = told["best"]["one process, one thread"]
    for name, ax in zip(names, axes[0], strict=True):
        curves = [curve for curve in told["curves"] if curve["network"] == name]
        for curve, colour in zip(curves, style.palette(), strict=False):
            label = f"{curve['batch']:,} rows a step".replace(",", " ")
            ax.plot(curve["workers"], curve["speed"], ".-", color=colour, label=label)
        n = told["options"]["workers"]
        measured = one / told["best"][f"workers, {name}"]
        ax.plot(n, measured, "*", markersize=11, color=ax.xaxis.label.get_color(), label="measured")
        workers = curves[0]["workers"]
        ax.plot(workers, workers, ":", color=ax.xaxis.label.get_color(), linewidth=1)
        ax.set(xscale="log", yscale="log", xlabel="workers of one thread", title=name)
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_ticks(workers, [str(k) for k in workers])
            axis.set_ticks([], minor=True)
        ax.set_ylim(0.2, 1.1 * workers[-1])
        ax.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel("speed by that of one worker")
    axes[0, 0].legend(frameon=False, fontsize="small")
    return figure


# ---------------------------------------------------------------------------------- shared steps

SHARDS, WORKERS, ROUNDS = 8, 4, 2  # of the picture; two rounds of messages go each way
LINES = {"rows": 0.0, "gradients": 1.3, "sums": 2.4, "total": 4.6, "steps": 6.8}  # from the top


def shared_step() -> Figure:
    """Draw one step of a fit that four workers share: shards, sums that go up, a total that comes.

    Who has which shard, and who sends to whom, is asked of the library.
    """
    figure, ax = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
    text = ax.xaxis.label.get_color()
    for rank in range(WORKERS):
        _draw_worker(ax, rank, text)
    for line, said in (
        (LINES["rows"], "a mini-batch, cut into shards"),
        (LINES["gradients"], "gradients of the shards"),
        (LINES["sums"], "a worker's sum"),
        (LINES["total"], "the sum of all"),
        (LINES["steps"], "the same step, the same bytes"),
    ):
        ax.text(-0.25, line, said.replace(", ", ",\n"), ha="right", va="center", color=text)
    for round_ in range(ROUNDS):
        for rank in range(0, WORKERS, 2 << round_):
            child = children_of(rank, WORKERS)[round_]
            up = LINES["sums"] + 1.1 * round_
            _arrow(ax, (child, up), (rank, up + 1.1), text, is_message=True)
            _arrow(ax, (rank, up), (rank, up + 1.1), text)
            down = LINES["steps"] - 1.1 * round_
            _arrow(ax, (rank, down - 1.1), (child, down), text, is_message=True)
            _arrow(ax, (rank, down - 1.1), (rank, down), text)
    ax.set(xlim=(-0.1, SHARDS + 0.1), ylim=(LINES["steps"] + 0.5, LINES["rows"] - 1.1))
    ax.axis("off")
    return figure


def _middle(rank: int) -> float:
    first, stop = share_of(SHARDS, rank, WORKERS)
    return (first + stop) / 2


def _draw_worker(ax: plt.Axes, rank: int, text: str) -> None:
    """Draw a worker's band, its shards, their gradients, and the sums that it has."""
    first, stop = share_of(SHARDS, rank, WORKERS)
    colour, x = style.palette()[rank], _middle(rank)
    top, bottom = LINES["rows"] - 0.55, LINES["steps"] + 0.45
    band = {"width": stop - first - 0.12, "color": colour, "alpha": 0.14, "lw": 0}
    ax.bar(x, bottom - top, bottom=top, **band)
    ax.text(x, top - 0.2, f"worker {rank}", ha="center", va="bottom", color=text)
    for shard in range(first, stop):
        ax.bar(shard + 0.5, 0.5, 0.84, bottom=LINES["rows"] - 0.25, color=colour)
        _arrow(ax, (shard + 0.5, LINES["rows"] + 0.2), (shard + 0.5, LINES["gradients"]), text, x=1)
        _arrow(ax, (shard + 0.5, LINES["gradients"]), (x, LINES["sums"]), text, x=1)
        _dot(ax, shard + 0.5, LINES["gradients"], colour, 60)
    _dot(ax, x, LINES["sums"], colour, 110)
    for round_ in range(ROUNDS):
        if rank % (2 << round_) == 0:
            is_total = round_ == ROUNDS - 1
            _dot(ax, x, LINES["sums"] + 1.1 * (round_ + 1), colour, 190 if is_total else 140)
            if not is_total:
                _dot(ax, x, LINES["steps"] - 1.1 * (round_ + 1), colour, 190)
    _dot(ax, x, LINES["steps"], colour, 190)


def _dot(ax: plt.Axes, x: float, y: float, colour: str, size: float) -> None:
    ax.scatter([x], [y], s=size, color=colour, edgecolor=style.background(ax), zorder=3)


def _arrow(
    ax: plt.Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str,
    is_message: bool = False,
    x: int = 0,
) -> None:
    """Draw where a vector goes: within a worker thin, from one to another thick."""
    (x0, y0), (x1, y1) = start, end
    if not x:  # ranks
        x0, x1 = _middle(int(x0)), _middle(int(x1))
    look = {"lw": 2.0, "ls": "-"} if is_message else {"lw": 0.8, "alpha": 0.6}
    look |= {"color": colour, "shrinkA": 5, "shrinkB": 7, "arrowstyle": "->"}
    ax.annotate("", (x1, y1), (x0, y0), arrowprops=look, zorder=2)
