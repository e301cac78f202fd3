"""The table of epochs beside the peers, as RESULTS.md, results.svg and a part of the README.

    python benchmarks/compare.py [--quick] [--readme]
    python benchmarks/compare.py --commits OLD NEW    # instead, two commits of fastnn: commits.py

Every peer of `fastnn bench`, the floor and the machine's matrix-product limit run in processes of
their own, once with one thread on one core and once with all. A round asks each process once, in
turn, so that a noisy minute meets all of them. README.md here says how to read the figures.
"""

import argparse
import os
import platform
import re
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

import commits
import floor
import joblib
import numpy as np
import predictions
from llvmlite.binding import get_host_cpu_features
from workers import Timer, Worker, seconds_of, serve

from fastnn.cli.bench import CASES, PEERS, ROUNDED, Peer, data, installed, milliseconds
from fastnn.compiling.intrinsics.pairs import are_multiplied

HERE = Path(__file__).parent
LIMIT, FLOOR, BFLOAT16 = "limit", "floor", "bfloat16"
LIMIT_SIZE = 1000  # of the square matrices whose product is the limit
DTYPES = "float32", "float64"
DISTRIBUTIONS = {
    "fastnn": "fastnn-mlp",
    "scikit-learn": "scikit-learn",
    "PyTorch": "torch",
    "JAX": "jax",
}
# Of Okabe and Ito's palette, which colour-blind readers can tell apart; the shapes differ too.
STYLES = {
    "scikit-learn": ("#D55E00", "s"),
    "PyTorch": ("#CC79A7", "^"),
    "JAX": ("#0072B2", "D"),
    FLOOR: ("#009E73", "|"),
}
MARKERS = "<!-- compare: begin -->", "<!-- compare: end -->"

Cell = tuple[str, str, int, str]  # dtype, case, threads, peer
Times = dict[Cell, list[float]]  # milliseconds an epoch, of each round


def epoch_timer(peer: str, case_name: str, dtype: str) -> Timer:
    case = CASES[case_name]
    train = {**peers(), BFLOAT16: ROUNDED}[peer].prepare(case, *data(case, np.dtype(dtype)))
    return lambda: milliseconds(train, case)


def limit_timer(dtype: str) -> Timer:
    A = np.random.default_rng(0).random((LIMIT_SIZE, LIMIT_SIZE)).astype(dtype)
    out = np.empty_like(A)

    def timer() -> float:
        began = time.perf_counter()
        np.dot(A, A, out)
        return (time.perf_counter() - began) * 1e3

    timer()  # starts the threads
    return timer


def peers() -> dict[str, Peer]:
    """Peers that are installed, the floor last."""
    return {name: peer for name, peer in PEERS.items() if installed(peer)} | {
        FLOOR: Peer("numba", floor.prepare)
    }


def measure(names: list[str], threads: list[int], rounds: int) -> Times:
    """Time every peer on every case, interleaved in rounds."""
    times: Times = {}
    for dtype in DTYPES:
        asked = [*peers(), LIMIT]
        if dtype == "float32" and are_multiplied():
            asked.append(BFLOAT16)
        who = [(n_threads, peer) for n_threads in threads for peer in asked]
        workers = {
            (n_threads, peer): Worker(__file__, "--worker", peer, dtype, n_threads=n_threads)
            for n_threads, peer in who
        }
        for case in names:
            print(f"{dtype} {case}", file=sys.stderr)
            for _ in range(rounds):
                for (n_threads, peer), worker in workers.items():
                    cell = dtype, case, n_threads, peer
                    times.setdefault(cell, []).append(worker.ask(case))
        for worker in workers.values():
            worker.stop()
    return times


def share_of_limit(times: Times, cell: Cell) -> float:
    """Best rate of an epoch's products by that of one large product on as many threads."""
    dtype, case, n_threads, _ = cell
    limit = 2 * LIMIT_SIZE**3 / min(times[dtype, case, n_threads, LIMIT])
    return floor.flops(CASES[case]) / min(times[cell]) / limit


def table(times: Times, dtype: str) -> Iterator[str]:
    """Lines of a Markdown table: median (best) of each peer, who beats fastnn in italics."""
    names = list(peers())
    head = ["case", "threads", *names, "fastnn by floor", "of the limit: fastnn, floor"]
    yield f"| {' | '.join(head)} |"
    yield "|---" + "|--:" * (len(head) - 1) + "|"
    for case, n_threads in cases_of(times, dtype):
        ours = median(times[dtype, case, n_threads, "fastnn"])
        cells = []
        for name in names:
            ms = times[dtype, case, n_threads, name]
            text = f"{significant(median(ms))} ({significant(min(ms))})"
            beaten = name not in ("fastnn", FLOOR) and median(ms) < ours
            cells.append(f"*{text}*" if beaten else text)
        shares = [share_of_limit(times, (dtype, case, n_threads, p)) for p in ("fastnn", FLOOR)]
        by_floor = ours / median(times[dtype, case, n_threads, FLOOR])
        ends = f"{by_floor:.2f} | {shares[0]:.0%}, {shares[1]:.0%}"
        yield f"| {case} | {n_threads} | {' | '.join(cells)} | {ends} |"


def rounded_table(times: Times) -> Iterator[str]:
    """Lines of a table: fastnn in float32 and in bfloat16, median (best), and their ratio."""
    yield "| case | threads | float32 | bfloat16 | float32 by bfloat16 |"
    yield "|---" + "|--:" * 4 + "|"
    for case, n_threads in cases_of(times, "float32"):
        single, rounded = (times["float32", case, n_threads, peer] for peer in ("fastnn", BFLOAT16))
        cells = [f"{significant(median(ms))} ({significant(min(ms))})" for ms in (single, rounded)]
        ratio = f"{median(single) / median(rounded):.2f}"
        yield f"| {case} | {n_threads} | {' | '.join(cells)} | {ratio} |"


def cases_of(times: Times, dtype: str) -> list[tuple[str, int]]:
    return list(dict.fromkeys((case, n) for d, case, n, _ in times if d == dtype))


def significant(ms: float) -> str:
    """Three digits."""
    return f"{ms:.0f}" if ms >= 100 else f"{ms:#.3g}"


def first_fits(repeats: int) -> Iterator[str]:
    """Lines of a table: seconds of a whole new process, with a warm and with an empty cache."""
    rows = "import numpy as np; X = np.random.default_rng(0).random((1797, 64))"
    rows = f"{rows}; y = X[:, :10].argmax(1)"
    fit = f"{rows}; MLPClassifier(max_iter=1, tol=1).fit(X, y).predict(X)"
    shape = "SimpleNamespace(rows=1797, features=64, hidden=[100], classes=10, batch=200, epochs=1)"
    imports = {
        "fastnn": "from fastnn import MLPClassifier",
        "scikit-learn": "from sklearn.neural_network import MLPClassifier",
        FLOOR: "from types import SimpleNamespace; import floor",
    }
    path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    yield "| | import | and the first fit | with nothing in the cache |"
    yield "|---|--:|--:|--:|"
    for name, imported in imports.items():
        first = f"{rows}; floor.prepare({shape}, X, y)" if name == FLOOR else fit
        code = f"import warnings; warnings.simplefilter('ignore'); {imported}"
        with tempfile.TemporaryDirectory() as folder:
            environment = {"NUMBA_CACHE_DIR": folder, "PYTHONPATH": path}
            cold = seconds_of(f"{code}; {first}", **environment)
            warm = median(seconds_of(f"{code}; {first}", **environment) for _ in range(repeats))
            bare = median(seconds_of(code, **environment) for _ in range(repeats))
        yield f"| {name} | {bare:.2f} | {warm:.2f} | {cold:.2f} |"


def machine() -> str:
    """Model of the CPU, how wide its vectors are, and how many cores this process may use."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.M)
        model = found[1] if found else model
    features, kinds = get_host_cpu_features(), {"avx512f": "AVX-512", "avx2": "AVX2"}
    vectors = [name for feature, name in kinds.items() if features.get(feature)][:1]
    return ", ".join([model, *vectors, f"{joblib.cpu_count()} cores"])


def versions() -> str:
    return ", ".join(
        f"{name} {version(DISTRIBUTIONS[name])}" for name in peers() if name in DISTRIBUTIONS
    )


def results(times: Times, rounds: int) -> str:
    """The text of RESULTS.md."""
    parts = [
        "# Time of an epoch beside the peers",
        "Written by `python benchmarks/compare.py`; [README.md](README.md) says how it measures.",
        f"{machine()}. {versions()}; {rounds} rounds.",
        "![Time of an epoch by fastnn's](results.svg)",
        "Milliseconds: median (best) of the rounds. *Italics*: faster than fastnn. The floor is "
        "the bare arithmetic ([floor.py](floor.py)), the limit one large matrix product.",
    ]
    for dtype in DTYPES:
        parts += [f"## {dtype}", "\n".join(table(times, dtype))]
    if any(peer == BFLOAT16 for *_, peer in times):
        rounds_what = 'fastnn with `dtype="bfloat16"`, which rounds what layers multiply.'
        parts += ["## bfloat16", rounds_what, "\n".join(rounded_table(times))]
    parts += [
        "## Predictions",
        "Microseconds on one core, 64-100-10: median of the rounds' best.",
        "\n".join(predictions.by_size(rounds)).strip(),
        "## Scores",
        "4000 x 392 rows, three layers of 256 units, 1000 validation rows, all threads, float32.",
        "\n".join(predictions.scored_epochs(rounds)),
        "## Start",
        "Seconds of a whole new process, digits, one epoch.",
        "\n".join(first_fits(repeats=3)),
    ]
    return "\n\n".join(parts) + "\n"


def short_table(times: Times, rounds: int) -> str:
    """The README's part: float32 with all threads, medians."""
    names = [name for name in peers() if name != FLOOR]
    threads = max(n for _, _, n, _ in times)
    head = ["case", "rows x features", "hidden", *names, "scikit-learn by fastnn"]
    lines = [f"| {' | '.join(head)} |", "|---" * 3 + "|--:" * (len(names) + 1) + "|"]
    ratios = []
    for case_name in dict.fromkeys(case for _, case, _, _ in times):
        case = CASES[case_name]
        ms = {name: median(times["float32", case_name, threads, name]) for name in names}
        ratios.append(ms["scikit-learn"] / ms["fastnn"])
        hidden = f"{len(case.hidden)} of {case.hidden[0]}"
        cells = [significant(ms[name]) for name in names]
        shape = f"{case.rows} x {case.features} | {hidden}"
        lines.append(f"| {case_name} | {shape} | {' | '.join(cells)} | {ratios[-1]:.1f} |")
    text = (
        f"Milliseconds an epoch of Adam, float32, all threads: {machine()}; {versions()}, "
        f"median of {rounds} interleaved rounds. fastnn is {geometric_mean(ratios):.1f} times as "
        "fast as scikit-learn in the geometric mean. One thread, float64, the best of the rounds "
        "and, in italics, cells that fastnn loses: [benchmarks/RESULTS.md](benchmarks/RESULTS.md)."
    )
    return "\n".join([*lines, "", *textwrap.wrap(text, 100, break_on_hyphens=False)])


def write_readme(text: str) -> None:
    path = HERE.parent / "README.md"
    begin, end = MARKERS
    before, _, rest = path.read_text(encoding="utf-8").partition(begin)
    after = rest.partition(end)[2]
    if not after:
        raise SystemExit(f"{path.name} lacks the lines {begin} and {end}")
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def draw(times: Times, path: Path) -> None:
    """Each peer's median by fastnn's: to the right of the line, fastnn is faster."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update({"svg.hashsalt": "fastnn", "font.size": 12})
    threads = sorted({n for _, _, n, _ in times})
    figure = Figure(figsize=(10, 6.5), layout="constrained")
    axes = figure.subplots(len(DTYPES), len(threads), sharex=True, sharey=True, squeeze=False)
    for row, dtype in zip(axes, DTYPES, strict=True):
        for axis, n_threads in zip(row, threads, strict=True):
            panel(axis, times, dtype, n_threads)
    axes[0, 0].invert_yaxis()
    figure.supxlabel("time of an epoch by fastnn's (1: as fast, 10: ten times slower)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    figure.savefig(path, facecolor="white", metadata={"Date": None})


def panel(axis: Any, times: Times, dtype: str, n_threads: int) -> None:
    names = [case for case, n in cases_of(times, dtype) if n == n_threads]
    axis.axvline(1, color="black", linewidth=1, label="fastnn")
    for place, peer in enumerate(name for name in peers() if name != "fastnn"):
        ratios = [
            median(times[dtype, case, n_threads, peer])
            / median(times[dtype, case, n_threads, "fastnn"])
            for case in names
        ]
        color, marker = STYLES[peer]
        heights = np.arange(len(names)) + (place - 1.5) * 0.15  # so that none hides another
        size = 12 if peer == FLOOR else 8
        axis.plot(ratios, heights, marker, color=color, label=peer, markersize=size, mew=2.5)
    axis.set_yticks(range(len(names)), names)
    axis.set_xscale("log")
    low, high = axis.get_xlim()
    ticks = [t for k in range(-2, 4) for t in (10**k, 2 * 10**k, 5 * 10**k) if low < t < high]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.grid(axis="x", color="0.85")
    axis.set_title(f"{dtype}, {n_threads} thread{'s' if n_threads > 1 else ''}", fontsize=12)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="5 rounds instead of 15")
    parser.add_argument("--readme", action="store_true", help="write the README's table, too")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--commits", nargs=2, metavar=("OLD", "NEW"), help="of fastnn, not peers")
    parser.add_argument("--rounds", type=int, help="of a case (15; with --commits 20)")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        peer, dtype = arguments.worker
        serve(lambda case: limit_timer(dtype) if peer == LIMIT else epoch_timer(peer, case, dtype))
        return
    if arguments.commits:
        for line in commits.compare(*arguments.commits, arguments.cases, arguments.rounds or 20):
            print(line, flush=True)
        return
    rounds = arguments.rounds or (5 if arguments.quick else 15)
    times = measure(arguments.cases, sorted({1, joblib.cpu_count()}), rounds)
    draw(times, HERE / "results.svg")
    (HERE / "RESULTS.md").write_text(results(times, rounds), encoding="utf-8")
    if arguments.readme:
        write_readme(short_table(times, rounds))


if __name__ == "__main__":
    main()
