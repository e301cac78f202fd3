"""What the options do on real data: scores and times over five seeds, as docs/options_table.md.

    python benchmarks/options.py FOLDER    # with adult.npz, letter.npz, ...
    python benchmarks/options.py           # fetches the same data by scikit-learn

A file holds X, y, and cat_mask: which columns are codes of categories. Each seed fits every option
once before the next seed begins, so that a noisy minute of the machine meets all of them.
"""

import argparse
import os
import platform
import re
import time
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.datasets import fetch_california_housing, fetch_openml
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

import fastnn

TABLE = Path(__file__).parents[1] / "docs" / "options_table.md"
OPENML = {"adult": 1590, "letter": 6, "satellite": 182}
N_SEEDS = 5
FARTHEST = 5  # standard deviations: a house may have an occupancy 187 of them above the mean
COMMON = {"max_iter": 20, "dtype": "float32"}

OPTIONS = [
    {},
    {"dropout": 0.2},
    {"normalization": "batch"},
    {"normalization": "layer"},
    {"solver": "adamw", "learning_rate": "one_cycle", "learning_rate_init": 0.01},
    {"activation": "gelu"},
]
CLASSIFICATION = [*OPTIONS, {"label_smoothing": 0.1}, {"loss": "focal"}]
LOSSES = ["absolute_error", "quantile", "huber", "log_cosh", "poisson", "gamma"]
REGRESSION = [*OPTIONS, *({"loss": loss} for loss in LOSSES)]


def load(name, folder):
    """X, y and the mask of categories of a data set."""
    if folder is not None:
        with np.load(folder / f"{name}.npz") as file:
            return file["X"], file["y"], file["cat_mask"]
    if name == "california_housing":
        X, y = fetch_california_housing(return_X_y=True)
        return X, y, np.zeros(X.shape[1], dtype=bool)
    X, y = fetch_openml(data_id=OPENML[name], as_frame=True, return_X_y=True)
    categorical = (X.dtypes == "category").to_numpy()
    names = X.columns[categorical]
    X[names] = OrdinalEncoder(encoded_missing_value=-1).fit_transform(X[names])
    return X.to_numpy(np.float32), y.to_numpy(), categorical


def split(X, y, categorical):
    """Scaled training and test rows; categories become indicators."""
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), categorical),
        (StandardScaler(), ~categorical),
    )
    X_train, X_test = (
        np.clip(scaled, -FARTHEST, FARTHEST).astype(np.float32)
        for scaled in (columns.fit_transform(X_train), columns.transform(X_test))
    )
    return X_train, X_test, y_train, y_test


def measure(Estimator, options, data):
    """Seconds of each fit and metrics of the test rows: arrays of shape (n_options, n_seeds)."""
    X_train, X_test, y_train, y_test = data
    results = defaultdict(lambda: np.zeros((len(options), N_SEEDS)))
    for option in options:  # compiles
        Estimator(**COMMON | {"max_iter": 1}, **option).fit(X_train[:1000], y_train[:1000])
    for seed in range(N_SEEDS):
        for i, option in enumerate(options):
            model = Estimator(**COMMON, **option, random_state=seed)
            start = time.perf_counter()
            model.fit(X_train, y_train)
            results["seconds"][i, seed] = time.perf_counter() - start
            predicted = model.predict(X_test)
            if Estimator is fastnn.MLPRegressor:
                results["score"][i, seed] = r2_score(y_test, predicted)
                results["error"][i, seed] = mean_absolute_error(y_test, predicted)
            else:
                results["score"][i, seed] = np.mean(y_test == predicted)
    return results


def median(values, digits=1):
    """Median of the seeds, and their range."""
    low, middle, high = (number(f(values), digits) for f in (np.min, np.median, np.max))
    return f"{middle} ({low} to {high})"


def number(value, digits):
    """A number of so many digits after the point, or its size where that would be long."""
    return f"{value:.{digits}f}" if abs(value) < 1000 else f"{value:.0e}"


def name_of(option):
    """An option as it is typed."""
    typed = ", ".join(f"{name}={value!r}".replace("'", '"') for name, value in option.items())
    return f"`{typed}`" if typed else "scikit-learn's defaults"


def classification(folder):
    """Rows of the table of accuracies."""
    names = list(OPENML)
    found = [measure(fastnn.MLPClassifier, CLASSIFICATION, split(*load(n, folder))) for n in names]
    yield ["", *(f"{name}, %" for name in names), "time"]
    for i, option in enumerate(CLASSIFICATION):
        accuracies = [median(100 * results["score"][i]) for results in found]
        yield [name_of(option), *accuracies, ratio(found, i)]


def regression(folder):
    """Rows of the table of regression losses."""
    results = measure(fastnn.MLPRegressor, REGRESSION, split(*load("california_housing", folder)))
    yield ["", "R²", "mean absolute error", "time"]
    for i, option in enumerate(REGRESSION):
        score, error = results["score"][i], results["error"][i]
        yield [name_of(option), median(score, 3), median(error, 3), ratio([results], i)]


def ratio(found, i):
    """Time of an option by the defaults' in the same round: the median of all rounds."""
    ratios = [results["seconds"][i] / results["seconds"][0] for results in found]
    return f"{np.median(ratios):.2f}"


def markdown(rows):
    """A table, its first row the head."""
    head, *body = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *body])


def machine():
    """Model of the CPU and number of cores, and no more."""
    cpuinfo = Path("/proc/cpuinfo")
    found = cpuinfo.exists() and re.search(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.M)
    model = found[1] if found else platform.machine()
    return f"{model}, {os.cpu_count()} cores, fastnn {fastnn.__version__}"


TEXT = """\
# Options on real data

One hidden layer of 100 units, {max_iter} epochs, {dtype}; three quarters of the rows train, and the
rest are scored. Columns are scaled, and cut at {farthest} standard deviations. Median and range of
{n_seeds} seeds; time is that of a fit by that of the first
line, the median of all rounds. Nothing was tuned: a line shows what changing one thing does, not
the best that it can do. {machine}.

Classes: the accuracy on [adult](https://www.openml.org/d/1590) (income, 2 classes),
[letter](https://www.openml.org/d/6) (26 classes) and
[satellite](https://www.openml.org/d/182) (soil, 6 classes).

{classification}

Numbers: the value of houses in California, in 100,000 dollars.

{regression}

Written by `python benchmarks/options.py`.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="of .npz files; else they are fetched")
    folder = parser.parse_args().folder
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is fixed
        text = TEXT.format(
            **COMMON,
            n_seeds=N_SEEDS,
            farthest=FARTHEST,
            machine=machine(),
            classification=markdown(classification(folder)),
            regression=markdown(regression(folder)),
        )
    TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
