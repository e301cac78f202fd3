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
from fastnn.display import LossCurveDisplay, NetworkDisplay, style
from fastnn.display.loss_curve import Curve

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
