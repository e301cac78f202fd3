"""Which trees are worth their time in an ensemble for tables: settings side by side.

    python benchmarks/tabular_trees.py FOLDER --cache CACHE boost_31 boost_31_slow
    python benchmarks/tabular_trees.py FOLDER --cache CACHE --blend network+boost_31 network
    ... --seeds 3 --sets adult letter

FOLDER has the data sets of `tabular.py`. Each setting is trained on five folds of 5000 rows at
most, on one thread; predictions are kept in CACHE, so that a blend of some of them takes seconds.
A table says of each, against the first: the geometric mean of the ratios of errors (1 - accuracy,
or RMSE) and of log-losses on rows that nothing has seen, on how many data sets and seeds it is
better, CPU seconds and megabytes.
"""

import argparse
import itertools
import pickle
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from fastnn import MLPClassifier, MLPRegressor
from fastnn.tabular.forest import concatenate, predict, to_dict
from fastnn.tabular.growth import Table
from fastnn.tabular.trees import Boosting, RandomTrees, fit_boosting, fit_random_trees

SKEWED = ("diamonds", "ames")  # prices: their logarithm
MAX_TRAIN, MAX_TEST, MIN_CLASS, N_FOLDS = 5000, 10_000, 20, 5
EPS = 1e-5  # of a probability, in a log-loss here: no member is calibrated

BASE = {"learning_rate": 0.1, "max_iter": 200, "max_leaf_nodes": 31, "patience": 20}


def boosting(**changes: Any) -> Boosting:
    return Boosting(**(BASE | {"min_samples_leaf": 20, "l2_regularization": 0.0} | changes))


SETTINGS: dict[str, Boosting | RandomTrees] = {
    "boost_31": boosting(),
    "boost_slow_15": boosting(
        learning_rate=0.05,
        max_iter=400,
        patience=40,
        max_leaf_nodes=15,
        max_features=0.5,
        l2_regularization=1.0,
    ),
    "boost_half": boosting(max_features=0.5),
    "boost_half_5": boosting(max_features=0.5, min_samples_leaf=5),
    "boost_encoded": boosting(max_features=0.5, encodes=True),
    "boost_fast_5": boosting(max_features=0.5, min_samples_leaf=5, learning_rate=0.2, patience=10),
    "boost_fast_5_15": boosting(
        max_features=0.5, min_samples_leaf=5, learning_rate=0.2, patience=10, max_leaf_nodes=15
    ),
    "boost_slow_5": boosting(
        learning_rate=0.05,
        max_iter=400,
        patience=40,
        max_leaf_nodes=15,
        max_features=0.5,
        min_samples_leaf=5,
    ),
    "boost_slow_encoded": boosting(
        learning_rate=0.05,
        max_iter=400,
        patience=40,
        max_leaf_nodes=15,
        max_features=0.5,
        l2_regularization=1.0,
        encodes=True,
    ),
    "boost_third_5": boosting(max_features=0.3, min_samples_leaf=5),
    "boost_half_5_l2": boosting(max_features=0.5, min_samples_leaf=5, l2_regularization=1.0),
    "boost_half_5_slower": boosting(
        max_features=0.5, min_samples_leaf=5, learning_rate=0.06, max_iter=300, patience=30
    ),
    "random_1": RandomTrees(40, min_samples_leaf=1),
    "random_2": RandomTrees(40, min_samples_leaf=2),
    "random_4": RandomTrees(40, min_samples_leaf=4),
    "random_2_sqrt": RandomTrees(40, min_samples_leaf=2, max_features="sqrt"),
    "random_2_half": RandomTrees(40, min_samples_leaf=2, max_features=0.5),
    "random_1_20": RandomTrees(20, min_samples_leaf=1),
    "random_1_20_half": RandomTrees(20, min_samples_leaf=1, max_features=0.5),
}


class Split(NamedTuple):
    """Rows to train on and rows to test with."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    is_categorical: np.ndarray
    n_classes: int


def load(path: Path, seed: int) -> Split:
    """Read a data set; seed 0 gives the rows of ``anchors.jsonl``."""
    data = np.load(path)
    X, y, is_class = data["X"].astype(float), data["y"], "classes" in data
    if is_class:
        kept = np.bincount(y)[y] >= MIN_CLASS
        X, y = X[kept], np.unique(y[kept], return_inverse=True)[1]
    elif path.stem in SKEWED:
        y = np.log1p(y)
    n_test = min(MAX_TEST, len(y) // 4)
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=n_test, random_state=2 * seed, stratify=y if is_class else None
    )
    if len(y) > MAX_TRAIN:
        X, _, y, _ = train_test_split(
            X, y, train_size=MAX_TRAIN, random_state=2 * seed + 1, stratify=y if is_class else None
        )
    n_classes = int(y.max()) + 1 if is_class else 0
    if not is_class:
        mean, std = y.mean(), y_test.std()
        y, y_test = (y - mean) / std, (y_test - mean) / std
    return Split(X, y, X_test, y_test, data["cat_mask"].astype(bool), n_classes)


class Result(NamedTuple):
    """What one setting says of one split."""

    oof: np.ndarray
    test: np.ndarray
    cpu: float
    megabytes: float


# ---------------------------------------------------------------------------- a network beside them


def features(X: np.ndarray, rows: np.ndarray, is_categorical: np.ndarray) -> np.ndarray:
    """Scale numbers and cut them into 16 bins, piecewise linear; one column a category."""
    columns = []
    for j in range(X.shape[1]):
        x = X[:, j]
        own = x[rows][~np.isnan(x[rows])]
        if is_categorical[j] and len(own):
            columns.append(x[:, None] == np.unique(own)[:60])
        elif len(np.unique(own)) > 1:
            low, middle, high = np.quantile(own, [0.25, 0.5, 0.75])
            z = np.nan_to_num((x - middle) / ((high - low) or np.ptp(own)))
            columns.append((z / np.sqrt(1 + (z / 3) ** 2))[:, None])
            edges = np.unique(np.quantile(own, np.linspace(0, 1, 17)))
            z = (np.nan_to_num(x, nan=middle)[:, None] - edges[:-1]) / np.diff(edges)
            columns.append(np.clip(z, 0, 1))
            columns.append(np.isnan(x)[:, None])
    return np.hstack(columns).astype(np.float32)


def train_network(split: Split, seed: int) -> Result:
    """Train a plain network of today, for 30 epochs on each fold."""
    oof, tests, began = np.zeros((len(split.y), max(1, split.n_classes))), [], time.process_time()
    X = np.vstack([split.X, split.X_test])
    for rows, held_out in folds(split, seed):
        Z = features(X, rows, split.is_categorical)
        kind = MLPClassifier if split.n_classes else MLPRegressor
        model = kind(**NETWORK, random_state=seed).fit(Z[rows], split.y[rows])
        predict_ = model.predict_proba if split.n_classes else model.predict
        prediction = predict_(Z).reshape(len(X), -1)
        oof[held_out] = prediction[: len(split.y)][held_out]
        tests.append(prediction[len(split.y) :])
    return Result(oof, np.mean(tests, axis=0), time.process_time() - began, 0.0)


NETWORK: dict[str, Any] = {
    "hidden_layer_sizes": (192, 192, 192),
    "activation": "mish",
    "solver": "adamw",
    "learning_rate_init": 0.002,
    "learning_rate": "cosine",
    "batch_size": 128,
    "dropout": 0.15,
    "max_iter": 30,
    "n_iter_no_change": 1000,
    "tol": 0,
    "n_jobs": 1,
}


def train(split: Split, settings: Boosting | RandomTrees, seed: int) -> Result:
    table = Table(split.X, split.y, split.is_categorical, split.n_classes)
    fit = fit_boosting if isinstance(settings, Boosting) else fit_random_trees
    oof, forests, began = np.zeros((len(split.y), max(1, split.n_classes))), [], time.process_time()
    for train_rows, held_out in folds(split, seed):
        member = fit(table, train_rows, held_out, settings, seed)
        oof[held_out] = member.held_out
        forests.append(member.forest)
    cpu, forest = time.process_time() - began, concatenate(forests)
    size = len(pickle.dumps(to_dict(forest))) / 1e6
    return Result(oof, predict(forest, split.X_test), cpu, size)


def folds(split: Split, seed: int) -> Any:
    kind = StratifiedKFold if split.n_classes else KFold
    return kind(N_FOLDS, shuffle=True, random_state=seed).split(split.X, split.y)


# ---------------------------------------------------------------------------------------- scores


def losses(y: np.ndarray, prediction: np.ndarray, n_classes: int) -> tuple[float, float]:
    """Error and log-loss; the same for numbers."""
    if not n_classes:
        error = float(np.sqrt(np.mean((prediction[:, 0] - y) ** 2)))
        return error, error
    p = np.clip(prediction, EPS, 1)
    p /= p.sum(axis=1, keepdims=True)
    error = float(np.mean(prediction.argmax(axis=1) != y))
    return max(error, 0.5 / len(y)), float(-np.log(p[np.arange(len(y)), y]).mean())


def greedy(results: list[Result], split: Split, rounds: int = 40) -> np.ndarray:
    """Weights by Caruana's selection with replacement, on log-loss or squared error."""
    total, counts = 0.0, np.zeros(len(results))
    for n in range(1, rounds + 1):
        scores = [losses(split.y, (total + r.oof) / n, split.n_classes)[1] for r in results]
        counts[np.argmin(scores)] += 1
        total = total + results[int(np.argmin(scores))].oof
    return counts / rounds


def blended(results: list[Result], split: Split) -> Result:
    weights = greedy(results, split)
    mix = [
        sum(w * getattr(r, name) for w, r in zip(weights, results, strict=True))
        for name in ("oof", "test")
    ]
    used = [r for w, r in zip(weights, results, strict=True) if w > 0]
    return Result(*mix, sum(r.cpu for r in results), sum(r.megabytes for r in used))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("settings", nargs="*", help="one or several, joined by + for a blend")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--sets", nargs="*")
    options = parser.parse_args()
    options.cache.mkdir(exist_ok=True)
    names = options.sets or sorted(
        p.stem for p in options.folder.glob("*.npz") if p.stem != "mnist"
    )
    rows: dict[str, list[tuple]] = {name: [] for name in options.settings}
    for name, seed in itertools.product(names, range(options.seeds)):
        split = load(options.folder / f"{name}.npz", seed)
        for setting in options.settings:
            parts = [cached(options.cache, split, name, part, seed) for part in setting.split("+")]
            result = parts[0] if len(parts) == 1 else blended(parts, split)
            scores = losses(split.y_test, result.test, split.n_classes)
            rows[setting].append((name, *scores, result.cpu, result.megabytes, split.n_classes))
        print(
            name,
            seed,
            *(f"{rows[s][-1][1]:.4f}/{rows[s][-1][2]:.4f}" for s in options.settings),
            flush=True,
        )
    print(table_of(rows))


def cached(folder: Path, split: Split, name: str, setting: str, seed: int) -> Result:
    file = folder / f"{name}-{seed}-{setting}.pickle"
    if not file.exists():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = (
                train_network(split, seed)
                if setting == "network"
                else train(split, SETTINGS[setting], seed)
            )
            file.write_bytes(pickle.dumps(tuple(result)))
    return Result(*pickle.loads(file.read_bytes()))


def table_of(rows: dict[str, list[tuple]]) -> str:
    lines = [
        "| setting | error | log-loss, RMSE | better | CPU s median, max | MB median, max |",
        "|---|---|---|---|---|---|",
    ]
    first = np.array([r[1:3] for r in next(iter(rows.values()))])
    for setting, results in rows.items():
        numbers = np.array([r[1:5] for r in results])
        ratios = np.exp(np.log(numbers[:, :2] / first).mean(axis=0))
        better = int((numbers[:, 1] < first[:, 1]).sum())
        (cpu, size), (most, largest) = np.median(numbers[:, 2:], axis=0), numbers[:, 2:].max(axis=0)
        lines.append(
            f"| {setting} | {ratios[0]:.4f} | {ratios[1]:.4f} | {better} of {len(results)} "
            f"| {cpu:.1f}, {most:.1f} | {size:.1f}, {largest:.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
