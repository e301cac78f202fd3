"""Colours, texts and axes that the displays share.

Colours are those of Okabe and Ito ("Color Universal Design", 2008), which the colour-blind tell
apart; what a colour says, a dash or a marker says again, for print in grey. Text and background
are those of Matplotlib's style in force, so that a dark notebook stays dark.
"""

from typing import Any

import numpy as np

BLUE, SKY, GREEN = "#0072B2", "#56B4E9", "#009E73"
ORANGE, VERMILION, PURPLE = "#E69F00", "#D55E00", "#CC79A7"

MINUS, TIMES, PRIME = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}", "\N{PRIME}"
CHARACTER = 0.6  # width of a character by its height, in Matplotlib's own font
SMALL = 0.83  # of the style's text: Matplotlib's size "small"
READABLE = 6.0  # points; for larger text a legend takes another line
LEAST_TEXT = 5.0  # points; smaller numbers are left out of a diagram


def load_matplotlib(caller: str = "A picture") -> Any:
    """Import Matplotlib with its pyplot, which brings colours, lines, patches and all the rest.

    The displays ask here each time, which costs 0.1 us once it is there.

    Raises
    ------
    ImportError
        If Matplotlib is not installed, naming the extra that brings it.
    """
    try:
        import matplotlib.pyplot  # extra plot, 260 ms
    except ImportError as error:
        raise ImportError(
            f"{caller} needs Matplotlib: install the extra with `pip install 'fastnn-mlp[plot]'`."
        ) from error
    return matplotlib


# ------------------------------------------------------------------------------------ colours


def is_dark() -> bool:
    """Whether the style in force writes light on dark."""
    return luminance(load_matplotlib().rcParams["text.color"]) > 0.5


def luminance(colour: Any) -> float:
    """Brightness of a colour to the eye, from 0 to 1 (Rec. 709, on sRGB values)."""
    return float(np.dot([0.2126, 0.7152, 0.0722], load_matplotlib().colors.to_rgb(colour)))


def palette() -> list[str]:
    """Colours for lines, the first two those of a picture with two."""
    if is_dark():
        return [SKY, ORANGE, GREEN, PURPLE, VERMILION, BLUE]
    return [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY]


def background(ax: Any) -> tuple[float, float, float]:
    """Colour that a picture stands on, also where axes and figure are transparent."""
    colors = load_matplotlib().colors
    for colour in (ax.get_facecolor(), ax.figure.get_facecolor()):
        if colors.to_rgba(colour)[3] > 0:
            return colors.to_rgb(colour)
    return colors.to_rgb("black" if is_dark() else "white")


def diverging(ax: Any) -> Any:
    """Map from orange (negative) over the background (nothing) to blue (positive)."""
    return _through(ax, ORANGE, SKY if is_dark() else BLUE)


def gradient_map(ax: Any) -> Any:
    """Map for derivatives, from purple (negative) to green (positive)."""
    return _through(ax, PURPLE, GREEN)


def _through(ax: Any, negative: str, positive: str) -> Any:
    return _colour_map(negative, background(ax), positive)


def _colour_map(*colours: Any) -> Any:
    return load_matplotlib().colors.LinearSegmentedColormap.from_list("fastnn", colours)


def heat() -> Any:
    """Map for images, from light orange (negative) over grey to dark blue (positive).

    Brightness falls all the way, so that signs can be told in a grey print.
    """
    return _colour_map("#FFCB6B", ORANGE, "#8C8C8C", BLUE, "#00304D")


def symmetric(*values: Any) -> Any:
    """Norm with zero in its middle that takes in all values."""
    largest = max((float(np.abs(v).max()) for v in values if np.size(v)), default=0.0)
    largest = largest if largest > 0 else 1.0  # all zero: any scale will do
    return load_matplotlib().colors.Normalize(-largest, largest)


def readable_on(colour: Any) -> str:
    """Black or white, whichever reads better on a colour."""
    return "black" if luminance(colour) > 0.5 else "white"


# -------------------------------------------------------------------------------------- texts


def plain(text: Any, longest: int = 16) -> str:
    """Text of the data as one short line, in which Matplotlib sees no formula."""
    line = " ".join(str(text).split())
    if len(line) > longest:
        line = line[: longest - 1] + "…"
    return line.replace("$", r"\$")


def plain_names(names: Any, longest: int = 16) -> list[str]:
    """Texts of the data as short lines, cut in their middle where their ends tell them apart."""
    lines = [plain(name, longest) for name in names]
    if len(set(lines)) == len(set(names)):
        return lines
    head = (longest - 1) // 2
    for i, name in enumerate(names):
        line = " ".join(str(name).split())
        if len(line) > longest:
            lines[i] = plain(line[:head] + "…" + line[head + 1 - longest :], longest)
    return lines


def check_names(what: str, names: list[str] | None, n: int) -> None:
    """Refuse names of which there are not as many as of what they name."""
    if names is not None and len(names) != n:
        raise ValueError(f"{what} holds {len(names)} names for {n}.")


def number(value: float) -> str:
    """Three digits of a number, with a minus sign that is one."""
    if value == 0 or 0.01 <= abs(value) < 1000:
        text = f"{value:.2f}"
    else:
        text = f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
    return text.replace("-", MINUS) if np.isfinite(value) else str(value)


def default_size() -> float:
    """Size of the style's text in points."""
    return float(load_matplotlib().rcParams["font.size"])


# --------------------------------------------------------------------------------------- axes


def axes_for(caller: str, ax: Any, size: tuple[float, float]) -> Any:
    """Take the axes given, or new ones in a figure of this size in inches."""
    mpl = load_matplotlib(caller)
    if ax is None:
        _, ax = mpl.pyplot.subplots(figsize=size, layout="constrained")
    return ax


def grid_in(ax: Any, n_rows: int, n_columns: int, **ratios: Any) -> Any:
    """Divide the place of an axes into a grid."""
    place = ax.get_subplotspec()
    if place is not None:
        return place.subgridspec(n_rows, n_columns, **ratios)
    box = ax.get_position()  # made by add_axes
    return load_matplotlib().gridspec.GridSpec(
        *(n_rows, n_columns, ax.figure),
        **{"left": box.x0, "right": box.x1, "bottom": box.y0, "top": box.y1, **ratios},
    )


def panels(ax: Any, n: int, aspect: float = 1.3, share: bool = False) -> list[Any]:
    """Put n small axes, row by row, in the place of one, which is left empty.

    There are as many columns as bring each panel's width by its height nearest to `aspect`.
    """
    if n == 1:
        return [ax]
    width, height = points(ax)
    columns = np.arange(1, n + 1)
    rows = -(-n // columns)
    n_columns = int(columns[np.argmin(np.abs(np.log(width / columns * rows / height / aspect)))])
    n_rows = -(-n // n_columns)
    space = {}
    if ax.figure.get_layout_engine() is None:  # which would keep titles off the panels above
        row = height / n_rows
        lines = 2 if share else 4  # a title, and numbers below each panel
        between = min(lines * default_size(), row / 3)
        space["hspace"] = between / (row - between)
    grid = grid_in(ax, n_rows, n_columns, **space)
    ax.set_axis_off()
    first, axes = None, []
    for i in range(n):
        axes.append(
            ax.figure.add_subplot(
                grid[i // n_columns, i % n_columns],
                sharex=first if share else None,
                sharey=first if share else None,
            )
        )
        first = axes[0]
    return axes


def set_titles(panels: list[Any], texts: list[str]) -> None:
    """Write the panels' titles, all of one size and no larger than there is room for."""
    width, height = points(panels[0])
    size = min(default_size(), height / 4, width / (0.6 * max(map(len, texts))))
    for panel, text in zip(panels, texts, strict=True):
        panel.set_title(text, fontsize=size, pad=0.4 * size)


def is_outer(panels: list[Any], panel: Any) -> tuple[bool, bool]:
    """Whether a panel is the lowest of its column, and the first of its row."""
    place = panel.get_subplotspec()
    rows = [
        other.get_subplotspec().rowspan.start
        for other in panels
        if other.get_subplotspec().colspan == place.colspan
    ]
    return place.rowspan.start == max(rows), place.is_first_col()


def points(ax: Any) -> tuple[float, float]:
    """Width and height of axes in points, the unit of text, as the figure's layout has them."""
    layout = ax.figure.get_layout_engine()
    if layout is not None:
        layout.execute(ax.figure.canvas.figure)  # the whole figure, also from within a subfigure
    box = ax.get_window_extent()
    return tuple(np.array([box.width, box.height]) * 72 / ax.figure.dpi)


def sample_line(**look: Any) -> Any:
    """Make a line that stands in a legend alone."""
    return load_matplotlib().lines.Line2D([], [], **look)


def legend_above(ax: Any, handles: list[Any], n_columns: int = 2) -> Any:
    """Put a legend above axes, in as many columns and as large as its texts find room."""
    return ax.legend(
        **_fitted(ax, handles, n_columns), loc="lower left", bbox_to_anchor=(0, 1), frameon=False
    )


def legend_within(ax: Any, handles: list[Any], n_columns: int = 2) -> Any:
    """Put a legend at the top of axes, above what is drawn, so that there may be a title."""
    look = _fitted(ax, handles, n_columns)
    lines = 1.6 * -(-len(handles) // look["ncols"]) + 1
    share = min(0.5, lines * look["fontsize"] / points(ax)[1])
    low, high = ax.get_ylim()
    ax.set_ylim(low, low + (high - low) / (1 - share))
    return ax.legend(**look, loc="upper left", frameon=False)


def _fitted(ax: Any, handles: list[Any], n_columns: int) -> dict[str, Any]:
    longest = max(len(handle.get_label()) for handle in handles) + 6  # with the sample of its line
    room = points(ax)[0] / (longest * CHARACTER * 0.85)  # points of text, of a single column
    n_columns = max(1, min(n_columns, int(room / READABLE)))
    size = min(SMALL * default_size(), room / n_columns)
    return {"handles": handles, "ncols": n_columns, "fontsize": size}


def few_ticks(axis: Any, n: int = 4) -> None:
    """Let a small panel's axis have n ticks or so."""
    ticker = load_matplotlib().ticker
    axis.set_major_locator(ticker.MaxNLocator(n, steps=[1, 2, 2.5, 5, 10]))


def dashes(values: np.ndarray) -> list[Any]:
    """Line styles that tell negative from positive without colour."""
    return ["--" if value < 0 else "-" for value in values]
