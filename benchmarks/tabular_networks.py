"""Which networks are worth their time in an ensemble for tables: settings side by side.

    python benchmarks/tabular_networks.py FOLDER 'n_epochs=32' 'n_epochs=64' 'label_smoothing=0.0'
    ... --sets adult letter --cv 2

FOLDER has the data sets of `tabular.py`. Each setting changes fields of
`fastnn.tabular.networks.NetworkSettings` and is trained as the only member, on one thread. A table
says of each, against the first: the geometric mean of the ratios of errors (1 - accuracy, or RMSE)
and of log-losses on the test rows, and CPU seconds.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tabular_sets

from fastnn import TabularClassifier, TabularRegressor
from fastnn.tabular import base, recipes
from fastnn.tabular.members import Recipe


def train(data: tabular_sets.Split, changes: dict[str, Any], cv: int) -> dict[str, float]:
    """Errors of an ensemble of this network alone."""

    def one_network(kinds: Any, step: Any, n_rows: int, task: Any, seeds: Any) -> list[Recipe]:
        rate = recipes.rate(task) * changes.get("rate", 1.0)
        fields = {name: value for name, value in changes.items() if name != "rate"}
        first = listed(["networks"], step, n_rows, task, seeds)[0]
        return [replace(first, settings=replace(first.settings, learning_rate=rate, **fields))]

    listed, base.recipes = base.recipes, one_network
    try:
        estimator = TabularRegressor if data.is_regression else TabularClassifier
        model = estimator(random_state=0, n_jobs=1, cv=cv)
        began = time.process_time()
        model.fit(data.X, data.y)
        seconds = time.process_time() - began
    finally:
        base.recipes = listed
    if data.is_regression:
        error = np.sqrt(np.mean((model.predict(data.X_test) - data.y_test) ** 2))
        return {"error": float(error), "seconds": seconds}
    P = model.predict_proba(data.X_test)
    error = np.mean(model.classes_[P.argmax(axis=1)] != data.y_test)
    right = P[np.arange(len(P)), np.searchsorted(model.classes_, data.y_test)]
    loss = float(-np.log(right).mean())
    return {"error": float(error), "loss": loss, "seconds": seconds}


def ratio(results: list[dict[str, float]], first: list[dict[str, float]], key: str) -> float:
    pairs = [(a[key], b[key]) for a, b in zip(results, first, strict=True) if key in a]
    return float(np.exp(np.mean([np.log((a + 1e-3) / (b + 1e-3)) for a, b in pairs])))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("settings", nargs="+", help="such as n_epochs=64,dropout=0.3 or rate=0.5")
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--cv", type=int, default=5)
    arguments = parser.parse_args()
    sets = arguments.sets or tabular_sets.names_of(arguments.folder)
    splits = [tabular_sets.split(name, arguments.folder, 0, 5000) for name in sets]
    first: list[dict[str, float]] = []
    print("| setting | error | log-loss | CPU seconds |\n|---|--:|--:|--:|")
    for text in arguments.settings:
        changes = eval(f"dict({text})")
        results = [train(split, changes, arguments.cv) for split in splits]
        first = first or results
        means = ratio(results, first, "error"), ratio(results, first, "loss")
        seconds = np.mean([result["seconds"] for result in results])
        print(f"| {text} | {means[0]:.3f} | {means[1]:.3f} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
