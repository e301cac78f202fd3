"""Find a constant of `fastnn.kernels.tuning` again: time the work that decides on it.

    python benchmarks/tune.py UPDATE_BLOCK                     # the values of the table here
    python benchmarks/tune.py UPDATE_BLOCK 2048 4096 --rounds 20 --threads 2 --dtype float64

Each value has processes and a folder of kernels of its own, as kernels hold the values that they
were compiled with. A round asks each of them once, in changing order; ratios to the present value
are taken within a round. Constants of strips count on processors with AVX-512 alone, those of
panels on such as have AVX2 and no more.
"""

import argparse
import importlib.util
import json
import sys
import tempfile
from ast import literal_eval
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
from workers import Figures, Worker, ask_in_turn, serve, spread

HERE = Path(__file__).parent
MODULE = "fastnn.kernels.tuning"
FOR_ONE_ANSWER = {"first_fits", "first_prediction", "peak"}  # of each process

Question = dict[str, Any]


class Tuned(NamedTuple):
    """What a constant is judged by."""

    values: tuple[Any, ...]  # to try
    questions: tuple[Question, ...]
    on_threads: bool = False  # whether several threads are needed


def work(name: str, case: str = "digits", shape: Question | None = None, **more: Any) -> Question:
    """A question to `workloads`, with the shape of a case of `fastnn bench`, or changes of it."""
    return {"work": name, "case": case, "shape": shape or {}, **more}


def epochs(*cases: str, **more: Any) -> tuple[Question, ...]:
    return tuple(work("epoch", case, **more) for case in cases)


WIDE = {"rows": 2000, "hidden": [512, 512], "epochs": 1}
LBFGS = {"solver": "lbfgs"}
TEN_FITS = work("first_fits", shape={"epochs": 10}, n=10)
BUSY = (work("epoch_beside_another_process"),)
LATE = (
    work("overrun", "tabular", {"batch": 50_000}, activation="tanh"),
    work("overrun", "mnist", {"batch": 10_000, "hidden": [10]}, order="F"),
    work("overrun", "iris", {"batch": 1}),
    work("overrun", "mnist", {"batch": 1, "hidden": [1000]}),
)

TUNED = {
    "SMALL_PRODUCT": Tuned((500_000, 1_000_000, 2_000_000), epochs("mnist", "tabular")),
    "STRIP_ROWS": Tuned((6, 8, 12, 16, 24), epochs("mnist", "tabular")),
    "STRIP_COLUMNS": Tuned((8, 12, 16, 24), epochs("tabular", shape=WIDE | {"hidden": [384, 384]})),
    "MIN_TRANSPOSED_ROWS": Tuned(
        (8, 16, 32, 64),
        (*epochs("deep", shape={"batch": 20}), *epochs("deep", shape={"batch": 40})),
    ),
    "MAX_TRANSPOSED_NUMBERS": Tuned(
        (2**12, 2**14, 2**16, 2**18),
        (*epochs("deep", "tabular"), *epochs("tabular", shape=WIDE)),
    ),
    "TRANSPOSED_AT_ONCE": Tuned((4, 8, 16, 32), epochs("deep", "tabular")),
    "MAX_PANEL_PRODUCT": Tuned(
        (3_000_000, 9_000_000, 30_000_000),
        (*epochs("mnist", "tabular"), *epochs("tabular", shape=WIDE)),
    ),
    "MAX_LONG_PANEL_PRODUCT": Tuned(
        (9_000_000, 30_000_000, 100_000_000),
        (work("prediction", "tabular", rows=1000), work("prediction", "mnist", rows=1000)),
    ),
    "MAX_PANEL_ROWS": Tuned((256, 512, 1024, 2048), epochs("mnist", "tabular", shape=WIDE)),
    "MINI_BATCH_SHARD_ROWS": Tuned((25, 50, 100, 200), epochs("digits", "tabular")),
    "FULL_BATCH_SHARD_ROWS": Tuned((64, 128, 256, 512), epochs("digits", "mnist", **LBFGS)),
    "MAX_SHARDS": Tuned((2, 8, 64, 256), epochs("digits", "tabular", **LBFGS), on_threads=True),
    "MAX_GRADIENT_NUMBERS": Tuned(
        (2**20, 2**22, 2**24, 2**26),
        (*epochs("mnist", **LBFGS), work("peak", "mnist", of="epoch", **LBFGS)),
        on_threads=True,
    ),
    "TILE_ROWS": Tuned(
        (64, 128, 256, 512, 1024),
        (work("prediction", rows=20_000), work("prediction", "tabular", rows=20_000)),
    ),
    "PREFETCH_ROWS": Tuned((1, 2, 4, 8), epochs("digits", "mnist")),
    "UPDATE_BLOCK": Tuned((1024, 2048, 4096, 16_384), epochs("digits", "mnist")),
    "MIN_FLOPS_PER_THREAD": Tuned(
        (2e5, 5e5, 2e6),
        (*epochs("iris", "digits"), work("prediction", rows=5000)),
        on_threads=True,
    ),
    "FLOPS_PER_SECOND": Tuned((1e10, 5e10, 2e11), (TEN_FITS,), on_threads=True),
    "LAUNCH_SECONDS": Tuned((0.0, 2e-3, 0.1), (TEN_FITS,), on_threads=True),
    "PATIENCE": Tuned((300, 1000, 10_000), (*BUSY, *epochs("digits")), on_threads=True),
    "TRIAL_SECONDS": Tuned((5e-4, 2e-3, 8e-3), (*BUSY, *epochs("digits")), on_threads=True),
    "CALL_SECONDS": Tuned((5e-3, 2e-2, 1e-1), (*BUSY, *epochs("digits")), on_threads=True),
    "TRIAL_SHARE": Tuned((0.001, 0.01, 0.1), (*BUSY, *epochs("digits")), on_threads=True),
    "RETRIAL_SLOWDOWN": Tuned((1.1, 1.5, 3.0), (*BUSY, *epochs("digits")), on_threads=True),
    "MAX_FLOPS_PER_CALL": Tuned((2e8, 2e9, 2e10), (*epochs("digits", "deep"), *LATE)),
    "ACTIVATION_FLOPS": Tuned((50, 200, 800), LATE),
    "GATHER_FLOPS": Tuned((100, 500, 2500), LATE),
    "UPDATE_FLOPS": Tuned((10, 30, 90), LATE),
    "STEP_FLOPS": Tuned((1e4, 1e5, 1e6), LATE),
    "MAX_SERIAL_PREDICTION_FLOPS": Tuned(
        (2e7, 2e8, 2e9),
        tuple(
            work(name, rows=rows)
            for rows in (1000, 10_000)
            for name in ("first_prediction", "prediction")
        ),
        on_threads=True,
    ),
    "PREDICTION_PART_ROWS": Tuned(
        (2**12, 2**14, 2**16, 2**18),
        (work("prediction", rows=300_000), work("peak", of="prediction", rows=300_000)),
    ),
    "MAX_FEW_ROWS": Tuned((8, 32, 128), (work("prediction", "iris", rows=64),)),
    "MAX_FEW_FLOPS": Tuned(
        (50_000, 2 * 4 * 65_536, 4_000_000),
        (work("prediction", rows=5), work("prediction", rows=20)),
    ),
    "TREE_ROWS": Tuned((64, 256, 512, 1024), (work("forest", "tabular", rows=10_000),)),
    "TREE_STEP_FLOPS": Tuned(
        (50, 200, 800),
        tuple(work("forest", "tabular", rows=rows) for rows in (30, 300, 3000)),
        on_threads=True,
    ),
    "MAX_COPIED_NUMBERS": Tuned(
        (1000, 20_000, 200_000),
        tuple(
            question
            for rows in (100, 1000)
            for question in (
                work("prediction", rows=rows, order="F"),
                work("step", shape={"rows": rows}, order="F"),
            )
        ),
    ),
    "MAX_PLAIN_NUMBERS": Tuned(
        (1000, 100_000, 1_000_000),
        (work("prediction", rows=100), work("prediction", rows=10_000)),
    ),
}


def set_constant(name: str, value: Any) -> None:
    """Give a constant another value; before anything of fastnn is imported."""
    package = importlib.util.find_spec("fastnn")
    assert package is not None
    assert package.origin is not None
    path = Path(package.origin).with_name("kernels") / "tuning.py"
    spec = importlib.util.spec_from_file_location(MODULE, path)
    assert spec is not None
    assert spec.loader is not None
    tuning = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tuning)
    setattr(tuning, name, value)
    sys.modules[MODULE] = tuning


def answer(name: str, value: str) -> None:
    """Be the process of a value."""
    set_constant(name, literal_eval(value))
    from workloads import prepare  # imports fastnn

    serve(prepare)


def tune(
    name: str, values: tuple[Any, ...], rounds: int, n_threads: int, dtype: str
) -> Iterator[str]:
    """Lines of Markdown tables, one for each question."""
    from common import CASES  # imports fastnn, which a value's process must not yet

    present = getattr(importlib.import_module(MODULE), name)
    texts = list(dict.fromkeys(map(repr, (present, *values))))
    with tempfile.TemporaryDirectory() as folder:
        starts = {
            text: partial(start, name, text, n_threads, Path(folder, str(number)))
            for number, text in enumerate(texts)
        }
        for question in TUNED[name].questions:
            case = CASES[question["case"]]._asdict() | question["shape"]
            asked = {key: value for key, value in question.items() if key != "shape"}
            line = json.dumps(asked | {"case": case, "dtype": dtype})
            yield f"\n{line}, threads: {n_threads}\n"
            yield from table(name, ask(starts, line, rounds), question["work"])


def start(name: str, value: str, n_threads: int, folder: Path) -> Worker:
    arguments = __file__, "--worker", name, value
    return Worker(*arguments, n_threads=n_threads, NUMBA_CACHE_DIR=str(folder))


def ask(starts: dict[str, Callable[[], Worker]], line: str, rounds: int) -> Figures:
    if json.loads(line)["work"] not in FOR_ONE_ANSWER:
        return ask_in_turn(starts, [line], rounds)[0]
    ask_in_turn(starts, [line], 1)  # compiles
    return ask_in_turn(starts, [line], rounds, rounds_of_a_process=1)[0]


def table(name: str, figures: Figures, work: str) -> Iterator[str]:
    """Medians by value, and the ratios to the first value's."""
    first, *_ = figures
    yield f"| {name} | {'MB' if work == 'peak' else 'ms'} | by that of {first} |"
    yield "|--:|--:|--:|"
    for value, taken in figures.items():
        ratios = np.array(taken) / figures[first]
        yield f"| {value} | {np.median(taken):.4g} | {spread(ratios)} |"


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        answer(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", choices=TUNED, metavar="NAME", help="of a constant")
    parser.add_argument("values", nargs="*", type=literal_eval, help="to try beside the present")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, help="1, or all where the constant is about threads")
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    arguments = parser.parse_args()
    tuned = TUNED[arguments.name]
    n_threads = arguments.threads or (joblib.cpu_count() if tuned.on_threads else 1)
    values = tuple(arguments.values) or tuned.values
    for line in tune(arguments.name, values, arguments.rounds, n_threads, arguments.dtype):
        print(line, flush=True)


if __name__ == "__main__":
    main()
