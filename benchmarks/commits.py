"""Two commits of fastnn side by side in one run, and the first beside itself.

    python benchmarks/compare.py --commits OLD NEW [--rounds 20] [--cases digits mnist]

Both run in this environment, each from its own files. Every round asks three processes for the same
work, one after the other in changing order: of the old commit, of the new one, and of the old one
again. A ratio is taken within a round. Old by old says what the machine alone makes of two equal
things; where its median is further from 1 than a limit allows, that is the limit.
"""

import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
from bench_start import FIT
from workers import Figures, Worker, ask_in_turn, orders, seconds_of, spread

from fastnn.cli.bench import CASES

HERE = Path(__file__).parent
EPOCH_LIMIT, LIMIT = 1.02, 1.05  # of the median of ratios; the second where little time is taken
DTYPES = "float32", "float64"
START_ROUNDS = 15  # at least, of whole processes
SLOW_ROUNDS = 3  # of what takes seconds, or does not vary
IMPORT = "from fastnn import MLPClassifier"
LARGE = {"rows": 200_000, "features": 50, "hidden": [100], "classes": 5, "batch": 200, "epochs": 1}


class Row(NamedTuple):
    """The first cells of a line of the table, and by how much a ratio may be above 1."""

    what: str
    dtype: str = ""
    threads: str = ""
    unit: str = "s"
    limit: float | None = None


def compare(old: str, new: str, cases: list[str], rounds: int) -> Iterator[str]:
    """Lines of a Markdown table."""
    yield "| what | dtype | threads | old | new / old | old / old | limit | holds |"
    yield "|---|---|--:|--:|--:|--:|--:|---|"
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "old"), Path(folder, "new")
        check_out(old, first)
        check_out(new, second)
        places = {"old": first, "new": second, "again": first}
        for row, figures in measured(places, cases, rounds):
            yield line(row, figures)


def check_out(commit: str, folder: Path) -> None:
    """Write a commit's package into a folder, and see that Python takes it from there."""
    archive = ["git", "-C", str(HERE.parent), "archive", commit, "fastnn"]
    files = subprocess.run(archive, stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(files)) as tar:
        tar.extractall(folder, filter="data")
    place = str(folder.resolve())
    seconds_of(
        f"import fastnn; assert fastnn.__file__.startswith({place!r})", **environment(folder)
    )


def line(row: Row, figures: Figures) -> str:
    """A line of the table: medians of the ratios, and in brackets the middle half of them."""
    old = np.array(figures["old"])
    new, again = (np.array(figures[side]) / old for side in ("new", "again"))
    limit, holds = "", ""
    if row.limit is not None:
        noise = float(np.median(again))
        allowed = max(row.limit, noise, 1 / noise)
        limit, holds = f"{allowed:.3f}", "yes" if np.median(new) <= allowed else "**no**"
    cells = [f"{np.median(old):.4g} {row.unit}", spread(new), spread(again), limit, holds]
    return f"| {' | '.join([row.what, row.dtype, row.threads, *cells])} |"


def measured(
    places: dict[str, Path], cases: list[str], rounds: int
) -> Iterator[tuple[Row, Figures]]:
    """Measure all rows, one after the other."""
    for dtype in DTYPES:
        for n_threads in sorted({1, joblib.cpu_count()}):
            asked = [epoch(name, dtype, n_threads) for name in cases]
            if n_threads == 1:
                asked += [one_row(method, dtype) for method in ("predict_proba", "predict")]
            rows, questions = zip(*asked, strict=True)
            starts = {side: partial(worker, place, n_threads) for side, place in places.items()}
            yield from zip(rows, ask_in_turn(starts, list(questions), rounds), strict=True)
    many, few = max(rounds, START_ROUNDS), min(rounds, SLOW_ROUNDS)
    yield Row("import", limit=LIMIT), in_new_processes(places, partial(start, IMPORT), many)
    yield Row("warm start", limit=LIMIT), in_new_processes(places, partial(start, FIT), many)
    yield Row("cold start"), in_new_processes(places, cold_start, few)
    starts = {side: partial(worker, place, joblib.cpu_count()) for side, place in places.items()}
    asked = [memory("import", "")]
    asked += [memory(of, dtype) for dtype in DTYPES for of in ("epoch", "prediction")]
    for row, question in asked:
        yield row, ask_in_turn(starts, [question], few, rounds_of_a_process=1)[0]


def worker(place: Path, n_threads: int) -> Worker:
    return Worker(str(HERE / "workloads.py"), n_threads=n_threads, **environment(place))


def environment(place: Path) -> dict[str, str]:
    """Of a process that imports a commit's files, and keeps its kernels for itself."""
    return {"PYTHONPATH": str(place), "NUMBA_CACHE_DIR": str(place / "cache")}


def epoch(name: str, dtype: str, n_threads: int) -> tuple[Row, str]:
    question = {"work": "epoch", "case": CASES[name]._asdict(), "dtype": dtype}
    limit = LIMIT if name == "iris" else EPOCH_LIMIT
    return Row(f"epoch of {name}", dtype, str(n_threads), "ms", limit), json.dumps(question)


def one_row(method: str, dtype: str) -> tuple[Row, str]:
    case = CASES["digits"]._asdict()
    question = {"work": "prediction", "case": case, "dtype": dtype, "rows": 1, "method": method}
    return Row(f"{method} of a row", dtype, "1", "ms", LIMIT), json.dumps(question)


def memory(of: str, dtype: str) -> tuple[Row, str]:
    """The most that a process takes for its import, or beyond it."""
    rows = {"rows": LARGE["rows"]} if of == "prediction" else {}
    question = {"work": "peak", "of": of, "case": LARGE, "dtype": dtype, **rows}
    what = "fit" if of == "epoch" else of
    return Row(f"memory, {what}", dtype, unit="MB"), json.dumps(question)


def in_new_processes(
    places: dict[str, Path], measure: Callable[[Path], float], rounds: int
) -> Figures:
    """Figures of whole new processes, after one that writes byte code, and kernels."""
    for place in set(places.values()):
        measure(place)
    figures: Figures = {side: [] for side in places}
    for sides in orders(places, rounds):
        for side in sides:
            figures[side].append(measure(places[side]))
    return figures


def start(code: str, place: Path) -> float:
    return seconds_of(code, **environment(place))


def cold_start(place: Path) -> float:
    with tempfile.TemporaryDirectory() as empty:
        return seconds_of(FIT, PYTHONPATH=str(place), NUMBA_CACHE_DIR=empty)
