"""The report of `tabular.py`: Markdown, and a picture of quality over the seconds spent.

A learner's rank on a set is its place among the learners that finished the set; a learner with less
or more time, whose name has an @, takes part in its own ranking alone.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from compare import machine
from scipy.stats import rankdata

Result = dict[str, Any]
Table = dict[str, dict[str, float]]  # by learner and set, the mean of seeds

# Of Okabe and Ito's palette, which colour-blind readers can tell apart; the shapes differ too.
COLORS = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"
MARKERS = "osD^vP*X"  # one more than colours, so that 56 learners differ


def table(results: list[Result], key: str) -> Table:
    """Mean of seeds of what a result has."""
    found: dict[str, dict[str, list[float]]] = {}
    for result in results:
        if result.get(key) is not None:
            of_learner = found.setdefault(result["learner"], {})
            of_learner.setdefault(result["dataset"], []).append(result[key])
    return {
        learner: {name: float(np.mean(values)) for name, values in of_sets.items()}
        for learner, of_sets in found.items()
    }


def family(learner: str) -> str:
    """Name of a learner without how much time it has."""
    return learner.partition("@")[0]


def peers_of(learner: str, values: Table) -> list[str]:
    """Others that it is ranked among."""
    return [other for other in values if "@" not in other and family(learner) != family(other)]


def ranks(values: Table) -> dict[str, dict[str, float]]:
    """Rank of each learner on each set that it finished, ties in the middle."""
    return {
        learner: {
            name: float(
                rankdata(
                    [value]
                    + [values[p][name] for p in peers_of(learner, values) if name in values[p]]
                )[0]
            )
            for name, value in of_sets.items()
        }
        for learner, of_sets in values.items()
    }


def by_best(values: Table) -> dict[str, float]:
    """Geometric mean over sets of a learner's value by the best of all but variants, if any."""
    plain = {learner: s for learner, s in values.items() if "@" not in learner} or values
    names = {name for of_sets in plain.values() for name in of_sets}
    best = {name: min(s[name] for s in plain.values() if name in s) for name in names}
    return {
        learner: float(
            np.exp(np.mean([np.log(max(v, 1e-6) / max(best[n], 1e-6)) for n, v in sets.items()]))
        )
        for learner, sets in values.items()
        if all(name in best for name in sets)
    }


def mean(values: dict[str, float]) -> float:
    return float(np.mean(list(values.values())))


def markdown(results: list[Result], about: dict[str, Any], image: str) -> str:
    """The whole report."""
    errors, losses = table(results, "error"), table(results, "logloss")
    parts = [
        "# Learners for tables, on the same rows",
        "Written by `python benchmarks/tabular.py`; its docstring says how.",
        f"{machine()}; at most {about['rows']} rows to train, {about['threads']} threads, split by "
        f"the seeds {', '.join(map(str, about['seeds']))}. Measured here: "
        f"{', '.join(about['measured'])}; the others' results are from elsewhere, so their errors "
        "compare and their times do so roughly.",
        f"![Rank and error over seconds]({image})",
        "Error: 1 - accuracy, or RMSE by the standard deviation of the test targets. Ranks are "
        "among the learners that finished a set; a learner with an @ is ranked without its other "
        "forms.",
        "\n".join(summary(results, errors, losses)),
        "## Error",
        "\n".join(by_set(errors)),
        "## Log-loss",
        "\n".join(by_set(losses)),
    ]
    if table(results, "coverage"):
        parts += [
            "## Intervals and sets",
            f"Asked for: {about['coverage']}. Coverage of the test rows (width of the interval by "
            "the standard deviation of the test targets, or classes in the set); the likeliest "
            f"class alone in brackets. Of {about['around']} by CV+ of this library.",
            "\n".join(trust(results)),
        ]
    if table(results, "own_error"):
        parts += [
            "## What the estimate says, and what held-out rows say",
            "\n".join(estimates(results)),
        ]
    return "\n\n".join(parts) + "\n"


def lines(head: list[str], rows: Iterator[list[str]]) -> Iterator[str]:
    """Markdown of a table."""
    yield f"| {' | '.join(head)} |"
    yield "|---" + "|--:" * (len(head) - 1) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def summary(results: list[Result], errors: Table, losses: Table) -> Iterator[str]:
    """One line a learner, the best rank first."""
    error_ranks, loss_ranks = ranks(errors), ranks(losses)
    error_ratios, loss_ratios = by_best(errors), by_best(losses)
    fit, predict = table(results, "fit_s"), table(results, "predict_s")

    def rows() -> Iterator[list[str]]:
        for learner in sorted(errors, key=lambda name: mean(error_ranks[name])):
            yield [
                learner,
                str(len(errors[learner])),
                f"{mean(error_ranks[learner]):.2f}",
                f"{mean(loss_ranks[learner]):.2f}" if learner in losses else "",
                f"{error_ratios[learner]:.3f}",
                f"{loss_ratios[learner]:.3f}" if learner in losses else "",
                f"{np.median(list(fit[learner].values())):.3g}",
                f"{np.max(list(fit[learner].values())):.3g}",
                f"{np.median(list(predict[learner].values())):.2g}" if learner in predict else "",
            ]

    return lines(
        [
            "learner",
            "sets",
            "rank by error",
            "rank by log-loss",
            "error by the best's",
            "log-loss by the best's",
            "fit, s: median",
            "longest",
            "predict, s: median",
        ],
        rows(),
    )


def by_set(values: Table) -> Iterator[str]:
    """A line a set, a column a learner, the best in bold."""
    learners = list(values)
    names = list(dict.fromkeys(name for of_sets in values.values() for name in of_sets))

    def rows() -> Iterator[list[str]]:
        for name in names:
            best = min(values[learner].get(name, np.inf) for learner in learners)
            cells = []
            for learner in learners:
                value = values[learner].get(name)
                text = "" if value is None else f"{value:.4f}"
                cells.append(f"**{text}**" if value == best else text)
            yield [name, *cells]

    return lines(["set", *learners], rows())


def trust(results: list[Result]) -> Iterator[str]:
    """Coverage and width, set by set, and their means for numbers and for classes."""
    covered, widths = table(results, "coverage"), table(results, "width")
    first = table(results, "first")
    learners = list(covered)
    names = list(dict.fromkeys(name for of_sets in covered.values() for name in of_sets))

    def cell(learner: str, name: str) -> str:
        if name not in covered[learner]:
            return ""
        alone = first.get(learner, {}).get(name)
        told = f"; {alone:.3f}" if alone is not None else ""
        return f"{covered[learner][name]:.3f} ({widths[learner][name]:.3f}{told})"

    def rows() -> Iterator[list[str]]:
        for name in names:
            yield [name, *(cell(learner, name) for learner in learners)]
        for what, chosen in (
            ("intervals", [n for n in names if not any(n in s for s in first.values())]),
            ("sets", [n for n in names if any(n in s for s in first.values())]),
        ):
            cells = []
            for learner in learners:
                mine = [name for name in chosen if name in covered[learner]]
                coverage = [covered[learner][name] for name in mine]
                width = [np.log(widths[learner][name]) for name in mine]
                cells.append(
                    f"{np.mean(coverage):.3f}, least {min(coverage):.3f} "
                    f"({np.exp(np.mean(width)):.3f})"
                    if mine
                    else ""
                )
            yield [f"**{what}: mean (geometric mean)**", *cells]

    return lines(["set", *learners], rows())


def estimates(results: list[Result]) -> Iterator[str]:
    """A learner's own estimate of its error and log-loss beside those of held-out rows."""
    kinds = [("error", "own_error"), ("logloss", "own_logloss")]
    values = {key: table(results, key) for pair in kinds for key in pair}
    learners = list(values["own_error"])
    names = list(dict.fromkeys(n for name in learners for n in values["own_error"][name]))

    def rows() -> Iterator[list[str]]:
        for name in names:
            cells = []
            for learner in learners:
                for held_out, own in kinds:
                    estimate = values[own].get(learner, {}).get(name)
                    told = "" if estimate is None else f"{estimate:.4f}"
                    cells.append(told and f"{told}, {values[held_out][learner][name]:.4f}")
            yield [name, *cells]

    head = [f"{learner}: {what}" for learner in learners for what in ("error", "log-loss")]
    return lines(["own, held-out", *head], rows())


def picture(results: list[Result], path: Path) -> None:
    """Draw ranks, and errors by the best's, over the median seconds of a fit."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update({"svg.hashsalt": "fastnn", "font.size": 11})
    errors, losses = table(results, "error"), table(results, "logloss")
    fit = {
        name: float(np.median(list(of.values()))) for name, of in table(results, "fit_s").items()
    }
    panels: list[tuple[str, dict[str, float]]] = [
        ("mean rank by error", means(ranks(errors))),
        ("mean rank by log-loss", means(ranks(losses))),
        ("error by the best learner's", by_best(errors)),
    ]
    figure = Figure(figsize=(13, 5.4), layout="constrained")
    for axis, (title, heights) in zip(figure.subplots(1, 3), panels, strict=True):
        panel(axis, fit, heights, style(fit))
        axis.set_title(f"{title} (lower is better)", fontsize=11)
    figure.supxlabel("seconds of a fit, median of the sets", fontsize=11)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=6, frameon=False)
    figure.savefig(path, facecolor="white", metadata={"Date": None})


def means(values: dict[str, dict[str, float]]) -> dict[str, float]:
    return {learner: mean(of_sets) for learner, of_sets in values.items()}


def families(learners: Iterable[str]) -> list[str]:
    """Names of families, fastnn first."""
    return sorted(set(map(family, learners)), key=lambda name: (name != "fastnn", name))


def style(fit: dict[str, float]) -> Callable[[str], dict[str, Any]]:
    """Colour and marker of each family of learners: fastnn's is blue."""
    families = sorted(
        {family(learner) for learner in fit}, key=lambda name: (name != "fastnn", name)
    )

    def of(name: str) -> dict[str, Any]:
        place = families.index(name)
        return {"color": COLORS[place % len(COLORS)], "marker": MARKERS[place % len(MARKERS)]}

    return of


def panel(
    axis: Any,
    fit: dict[str, float],
    heights: dict[str, float],
    style_of: Callable[[str], dict[str, Any]],
) -> None:
    """Draw a point a learner, and a line through the forms of one with more or less time."""
    for name in families(fit):
        mine = sorted((fit[k], v) for k, v in heights.items() if family(k) == name)
        x, y = np.transpose(mine) if mine else ([], [])
        axis.plot(x, y, markersize=8, linewidth=1.5, label=name, **style_of(name))
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.grid(color="0.88")
    axis.set_axisbelow(True)
