"""Learners for tables on the same rows: errors, ranks, times, and how far they can be trusted.

    python benchmarks/tabular.py FOLDER --anchors FOLDER/anchors.jsonl
    python benchmarks/tabular.py FOLDER --learner hgb --learner 'mine=pkg:Classifier()|Regressor()'
    python benchmarks/tabular.py FOLDER --learner fastnn \\
        --learner 'fastnn@5 s=fastnn:TabularClassifier(max_time=5)|TabularRegressor(max_time=5)'

Learners are those of `tabular_learners.py` that are installed, others by `--learner`; FOLDER has
files NAME.npz with X, y, cat_mask and, for classes, classes. Without it sets come from OpenML.
Each fit has a process of its own, in which a small fit comes first: neither imports nor compiling
count. A result that is in the file of `--results` is not measured again. The report, Markdown and
a picture, is of all results in that file and the anchors': lines of JSON as this script writes,
of the same split (`tabular_sets.py`), measured elsewhere. Names like "fastnn@5 s" are of one
learner with more or less time; they are joined by a line, and ranked among the others each by
itself.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import tabular_learners
import tabular_sets
from sklearn.base import clone
from tabular_report import markdown, picture
from tabular_sets import Split
from workers import limits

from fastnn.tabular.conformal import class_scores, class_set, fit_spread, interval
from fastnn.tabular.folds import make_folds

HERE = Path(__file__).parent
WARM_UP_ROWS = 300
SMALLEST = 1e-7  # probability in a log-loss


def error(predictions: np.ndarray, y: np.ndarray, is_regression: bool, scale: float) -> float:
    """RMSE by the standard deviation of the test targets, or 1 - accuracy."""
    if is_regression:
        return float(np.sqrt(np.mean((predictions - y) ** 2)) / scale)
    return float(np.mean(predictions.argmax(axis=1) != y))


def log_loss(P: np.ndarray, y: np.ndarray) -> float:
    return float(-np.mean(np.log(np.clip(P[np.arange(len(y)), y], SMALLEST, 1))))


def seconds(function: Any, *arguments: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - began, result


def measure(
    make: Any, data: Split, coverage: float, around: bool
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Fit once: figures and predictions."""
    y_test, is_regression = data.y_test, data.is_regression
    scale = float(y_test.std()) if is_regression else 1.0
    few = data.y[:WARM_UP_ROWS]
    few = few if is_regression else np.unique(few, return_inverse=True)[1]
    make().fit(data.X[: len(few)], few)
    model = make()
    fit_s, _ = seconds(model.fit, data.X, data.y)
    predict = model.predict if is_regression else model.predict_proba
    predict_s, predictions = seconds(predict, data.X_test)
    found = {
        "dataset": data.name,
        "n": len(data.y),
        "d": data.X.shape[1],
        "task": "reg" if is_regression else "clf",
        "error": error(predictions, y_test, is_regression, scale),
        "fit_s": fit_s,
        "predict_s": predict_s,
    }
    arrays = {"y": data.y, "y_test": y_test, "test": predictions}
    if not is_regression:
        found["logloss"] = log_loss(predictions, y_test)
    oof = getattr(model, "oof_prediction_", None)
    if oof is not None:
        there = ~np.isnan(oof.reshape(len(oof), -1)).any(axis=1)
        found["own_error"] = error(oof[there], data.y[there], is_regression, scale)
        if not is_regression:
            found["own_logloss"] = log_loss(oof[there], data.y[there])
        arrays["oof"] = oof
    if is_regression and (around or hasattr(model, "predict_interval")):
        ends = (
            intervals_around(make(), data, coverage)
            if around
            else np.asarray(model.predict_interval(data.X_test, coverage=coverage))
        )
        inside = (ends[:, 0] <= y_test) & (y_test <= ends[:, 1])
        found |= {"coverage": inside.mean(), "width": np.ptp(ends, axis=1).mean() / scale}
    elif around or hasattr(model, "predict_set"):
        sets = (
            sets_around(make(), data, coverage)
            if around
            else np.asarray(model.predict_set(data.X_test, coverage=coverage))
        )
        found["coverage"] = sets[np.arange(len(y_test)), y_test].mean()
        found |= {"width": sets.sum(axis=1).mean(), "first": 1 - found["error"]}
    return {key: plain(value) for key, value in found.items()}, arrays


def plain(value: Any) -> Any:
    return round(float(value), 6) if isinstance(value, float | np.floating) else value


def of_folds(model: Any, data: Split, method: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Out-of-fold predictions, the fold of each, and the fold models' of the test rows."""
    folds = make_folds(
        5, data.X, data.y, is_classifier=not data.is_regression,
        random_state=np.random.RandomState(0),
    )  # fmt: skip
    n_columns = () if data.is_regression else (data.y.max() + 1,)
    oof, of_row, test = np.zeros((len(data.y), *n_columns)), np.zeros(len(data.y), dtype=int), []
    for k, (train, rows) in enumerate(zip(folds.train, folds.test, strict=True)):
        fitted = clone(model).fit(data.X.iloc[train], data.y[train])
        oof[rows], of_row[rows] = getattr(fitted, method)(data.X.iloc[rows]), k
        test.append(getattr(fitted, method)(data.X_test))
    return oof, of_row, np.stack(test)


def intervals_around(model: Any, data: Split, coverage: float) -> np.ndarray:
    """CV+ around a learner that has no intervals of its own."""
    oof, folds, test = of_folds(model, data, "predict")
    spread, gaps = fit_spread(oof, np.abs(data.y - oof), folds, len(test))
    return interval(test, gaps, folds, coverage, spread=spread)


def sets_around(model: Any, data: Split, coverage: float) -> np.ndarray:
    """The sets of fastnn around a learner that has none of its own."""
    oof, folds, test = of_folds(model, data, "predict_proba")
    return class_set(test, class_scores(oof, data.y), folds, coverage)


def one(asked: dict[str, Any]) -> dict[str, Any]:
    """Do what a process of its own is for."""
    warnings.simplefilter("ignore")
    folder = None if asked["folder"] is None else Path(asked["folder"])
    data = tabular_sets.split(asked["set"], folder, asked["seed"], asked["rows"])
    name, learner = tabular_learners.parse(asked["learner"])
    make = learner[data.is_regression]
    found, arrays = measure(make, data, asked["coverage"], name == asked["around"])
    if asked["predictions"] is not None:
        path = Path(asked["predictions"]) / f"{asked['set']}_{asked['seed']}_{name}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **arrays)
    return {"learner": name, "seed": asked["seed"], **found}


def in_a_process(asked: dict[str, Any], limit: float, n_threads: int) -> dict[str, Any] | None:
    """Ask a process; None where it failed or took too long."""
    what = f"{asked['set']}, {asked['learner'].partition('=')[0]}, seed {asked['seed']}"
    try:
        done = subprocess.run(
            [sys.executable, __file__, "--one", json.dumps(asked)],
            env={**os.environ, **limits(n_threads)},
            stdout=subprocess.PIPE,
            timeout=limit,
            text=True,
            check=True,
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as fault:
        print(f"{what}: {type(fault).__name__}", file=sys.stderr)
        return None
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"{what}: {found['error']:.4f} in {found['fit_s']:.1f} s", file=sys.stderr)
    return found


def read(path: Path | None) -> list[dict[str, Any]]:
    if path is None or not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def joined(
    results: list[dict[str, Any]], anchors: list[dict[str, Any]], rows: int
) -> list[dict[str, Any]]:
    """Add the anchors of sets that were measured, and of learners that were not.

    A learner with less than half of the sets would change the others' ranks on these alone.
    """
    seeds = {result["seed"] for result in results}
    if seeds != {0} or rows != 5000:
        return results
    sets = {result["dataset"] for result in results}
    mine = {result["learner"] for result in results}
    anchors = [a for a in anchors if a["dataset"] in sets and a["learner"] not in mine]
    times = Counter(anchor["learner"] for anchor in anchors if "error" in anchor)
    return results + [{"seed": 0, **a} for a in anchors if times[a["learner"]] >= len(sets) / 2]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, help="of files NAME.npz; else OpenML")
    parser.add_argument("--sets", nargs="+", help="names of files, or names or ids of OpenML")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="of the split")
    parser.add_argument("--rows", type=int, default=5000, help="to train, at most")
    parser.add_argument("--learner", action="append", help="NAME, or NAME=MODULE:CLASS|REGR")
    parser.add_argument("--anchors", type=Path, help="results of other learners (seed 0 alone)")
    parser.add_argument("--without", nargs="+", default=[], help="anchors that are left out")
    parser.add_argument("--around", default="hgb", help="learner that gets CV+ by this library")
    parser.add_argument("--coverage", type=float, default=0.9)
    parser.add_argument("--limit", type=float, default=1800, help="seconds of a process")
    parser.add_argument("--threads", type=int, default=joblib.cpu_count())
    parser.add_argument("--predictions", help="folder for out-of-fold and test predictions")
    parser.add_argument("--results", type=Path, default=HERE / "TABULAR.jsonl")
    parser.add_argument("--report", type=Path, default=HERE / "TABULAR.md")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(one(json.loads(arguments.one))))
        return
    learners = arguments.learner or tabular_learners.installed()
    names = [tabular_learners.parse(text)[0] for text in learners]
    sets = arguments.sets or tabular_sets.names_of(arguments.folder)
    results = read(arguments.results)
    done = {(r["dataset"], r["learner"], r["seed"], r["rows"]) for r in results}
    for seed in arguments.seeds:
        for data_set in sets:
            for name, learner in zip(names, learners, strict=True):
                if (data_set, name, seed, arguments.rows) in done:
                    continue
                asked = {
                    "folder": None if arguments.folder is None else str(arguments.folder),
                    "set": data_set,
                    "learner": learner,
                    "seed": seed,
                    "rows": arguments.rows,
                    "coverage": arguments.coverage,
                    "around": arguments.around,
                    "predictions": arguments.predictions,
                }
                found = in_a_process(asked, arguments.limit, arguments.threads)
                if found is not None:
                    results.append({"rows": arguments.rows, **found})
                    with arguments.results.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(results[-1]) + "\n")
    chosen = [
        result
        for result in results
        if result["dataset"] in sets
        and result["learner"] in names
        and result["seed"] in arguments.seeds
        and result["rows"] == arguments.rows
    ]
    anchors = [a for a in read(arguments.anchors) if a["learner"] not in arguments.without]
    chosen = joined(chosen, anchors, arguments.rows)
    image = arguments.report.with_suffix(".svg")
    picture(chosen, image)
    about = {
        "threads": arguments.threads,
        "rows": arguments.rows,
        "seeds": arguments.seeds,
        "coverage": arguments.coverage,
        "around": arguments.around,
        "measured": names,
    }
    arguments.report.write_text(markdown(chosen, about, image.name), encoding="utf-8")


if __name__ == "__main__":
    main()
