"""Share of the machine's limit of matrix products that a whole fit for tables reaches.

    python benchmarks/tabular_share.py FOLDER
    python benchmarks/tabular_share.py FOLDER --members networks --sets letter adult

The products of networks count, and nothing else that a fit does: 2 m n operations for a row through
a layer of m inputs and n units, three times for a row that trains (forward, and the gradients of
weights and inputs) and once for a row held out, each epoch. The limit is one large product of
float32 numbers on as many threads, the best of those before and after each fit.
"""

import argparse
import time
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import tabular_sets
from sklearn.base import clone

from fastnn import TabularClassifier, TabularRegressor

SIZE = 3000  # rows and columns of the large product


def product_flops(model: Any, n_rows: int) -> float:
    """Operations of all products of a fit."""
    total = 0.0
    for member in model.members_:
        if member["kind"] != "networks":
            continue
        n_folds = len(member["states"])
        held_out = n_rows / n_folds
        for state, history in zip(member["states"], member["histories"], strict=True):
            of_a_row = sum(2 * m * n for m, n in pairwise(state["units"]))
            total += of_a_row * len(history) * (3 * (n_rows - held_out) + held_out)
    return total


def limit() -> float:
    """Operations a second of a large product."""
    A = np.ones((SIZE, SIZE), np.float32)
    best = np.inf
    for _ in range(5):
        began = time.perf_counter()
        A @ A
        best = min(best, time.perf_counter() - began)
    return 2 * SIZE**3 / best


def main() -> None:
    """Print a line for each set, and the median of those with the most rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, help="of files NAME.npz; else OpenML")
    parser.add_argument("--sets", nargs="+", help="names of files, or names of OpenML")
    parser.add_argument("--rows", type=int, default=5000, help="to train, at most")
    parser.add_argument("--effort", default="balanced")
    parser.add_argument("--members", nargs="+", default="auto", help="kinds of members")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    shares = []
    for name in arguments.sets or tabular_sets.names_of(arguments.folder):
        data = tabular_sets.split(name, arguments.folder, 0, arguments.rows)
        Estimator = TabularRegressor if data.is_regression else TabularClassifier
        model = Estimator(effort=arguments.effort, members=arguments.members, random_state=0)
        few = np.random.default_rng(0).permutation(len(data.y))[:500]
        clone(model).fit(data.X.iloc[few], data.y[few])  # compiles
        best = limit()
        began = time.perf_counter()
        model.fit(data.X, data.y)
        seconds = time.perf_counter() - began
        best = max(best, limit())
        reached = product_flops(model, len(data.y)) / seconds
        print(
            f"{name:20} {len(data.y):5} rows {seconds:6.2f} s {reached / 1e9:6.1f} GFLOP/s, "
            f"{reached / best:.0%} of {best / 1e9:.0f}",
            flush=True,
        )
        if len(data.y) == arguments.rows:
            shares.append(reached / best)
    if shares:
        print(f"median of {len(shares)} sets with {arguments.rows} rows: {np.median(shares):.0%}")


if __name__ == "__main__":
    main()
