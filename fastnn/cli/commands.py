"""The commands of `fastnn`: results go to standard output, progress to standard error."""

import time
import warnings
from pathlib import Path
from typing import Any

import click
import numpy as np
import sklearn.neural_network
from sklearn.base import is_classifier
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

import fastnn
from fastnn.cli import tables
from fastnn.cli.bench import CASES, compare
from fastnn.cli.warmup import warm_up
from fastnn.compiling.cache import cache_directory, can_keep
from fastnn.engine import threads
from fastnn.progress import EpochProgress

FEW_ROWS = 500  # below, early stopping would judge by too few


@click.group(invoke_without_command=True)
@click.version_option(fastnn.__version__, prog_name="fastnn")
@click.pass_context
def command(context: click.Context) -> None:
    """Neural networks for tables: train, predict, and see how fast it is."""
    if context.invoked_subcommand is None:
        context.invoke(demo)


def run(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    try:
        command.main(arguments, prog_name="fastnn", standalone_mode=False)
    except (click.ClickException, tables.InputError) as error:
        text = error.format_message() if isinstance(error, click.ClickException) else str(error)
        click.echo(f"fastnn: {' '.join(text.split())}", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("fastnn: interrupted.", err=True)
        return 130
    except click.exceptions.Exit as stop:
        return stop.exit_code
    return 0


ROUNDS = 3  # of the demo's timing


@command.command()
def demo() -> None:
    """Train on real handwritten digits, beside scikit-learn."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X / 16, y, test_size=0.25, random_state=0, stratify=y
    )
    click.echo(f"Digits: {len(X_train)} images of 8 x 8 to train on, {len(X_test)} held out.")
    parameters: dict[str, Any] = {"hidden_layer_sizes": (100,), "max_iter": 80, "random_state": 0}
    data, watched = (X_train, y_train), {"X_val": X_test, "y_val": y_test}
    ready = _seconds(_fit, fastnn.MLPClassifier(**{**parameters, "max_iter": 1}), *data, **watched)
    _fit(fastnn.MLPClassifier(**parameters).set_callbacks(EpochProgress()), *data, **watched)
    # Timed alike: with nobody watching, in turn, and the best of each, as a machine may be busy.
    ours = fastnn.MLPClassifier(**parameters)
    theirs = sklearn.neural_network.MLPClassifier(**parameters)
    rounds = [[_seconds(_fit, model, *data) for model in (ours, theirs)] for _ in range(ROUNDS)]
    seconds, seconds_theirs = map(min, zip(*rounds, strict=True))
    rows = [
        ("fastnn", ours.score(X_test, y_test), seconds),
        ("scikit-learn", theirs.score(X_test, y_test), seconds_theirs),
    ]
    for name, accuracy, took in rows:
        click.echo(f"{name:<13} accuracy on held-out rows {accuracy:.2%}, trained in {took:.3f} s")
    click.echo(
        f"fastnn was {seconds_theirs / seconds:.1f} times as fast over {ours.n_iter_} epochs, by "
        f"the best of {ROUNDS} fits each."
    )
    click.echo(f"Threads: at most {threads.available()} of layer {threads.layer()!r}.")
    click.echo(
        f"Compiled kernels: ready in {ready:.1f} s, kept in {cache_directory() or 'no folder'}."
    )


@command.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--target", required=True, help="Column to learn.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Model, *.skops.")
@click.option(
    "--task",
    type=click.Choice(["auto", "classification", "regression"]),
    default="auto",
    show_default=True,
    help="What the target is.",
)
@click.option("--hidden", default="100", show_default=True, help="Units a layer, as in 64,32.")
@click.option("--max-iter", type=click.IntRange(1), default=200, show_default=True, help="Epochs.")
@click.option(
    "--held-out",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.2,
    show_default=True,
    help="Share of rows to score the model on.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option("--report", type=click.Path(path_type=Path), help="Page about the training, *.html.")
def train(
    data: Path,
    target: str,
    out: Path,
    task: str,
    hidden: str,
    max_iter: int,
    held_out: float,
    seed: int,
    report: Path | None,
) -> None:
    """Learn a column of DATA, a CSV or Parquet file, and write the model."""
    tables.check_name(out, ".skops")
    pages: Any = None if report is None else _pages(report)
    units = _units(hidden)
    X, y = tables.split_target(tables.read_table(data), target)
    X, task = tables.columns(X), tables.task_of(y) if task == "auto" else task
    click.echo(f"{task} of {target!r}: {len(X)} rows, {X.shape[1]} columns", err=True)
    X_train, X_test, y_train, y_test = _split(X, tables.targets(y, task), task, held_out, seed)
    Network = fastnn.MLPClassifier if task == "classification" else fastnn.MLPRegressor
    network = Network(
        hidden_layer_sizes=units,
        max_iter=max_iter,
        early_stopping=len(X_train) >= FEW_ROWS,
        random_state=seed,
    )
    callbacks = [EpochProgress(), *([] if pages is None else [pages.EpochClock()])]
    model = tables.pipeline(X, network.set_callbacks(*callbacks))
    try:
        seconds = _seconds(_fit, model, X_train, y_train)
    except (ValueError, MemoryError) as error:  # such as a class of which there is one row
        raise tables.InputError(str(error)) from error
    what = "accuracy" if task == "classification" else "R2"
    click.echo(f"{what} on {len(X_test)} held-out rows: {model.score(X_test, y_test):.4f}")
    _without_callbacks(model)
    tables.save(model, out)
    click.echo(f"model: {out}")
    if report is not None:
        page = pages.render(
            pages.Training(data, target, X, X_test, y_test, model, seconds, callbacks[-1])
        )
        tables.write_text(page, report)
        click.echo(f"report: {report}")


@command.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="*.csv or *.parquet")
def predict(model: Path, data: Path, out: Path) -> None:
    """Predict the rows of DATA with a MODEL of `fastnn train`."""
    tables.check_name(out, ".csv", ".parquet", ".pq")
    trained = tables.load(model)
    answers = tables.predictions(trained, tables.inputs(trained, tables.read_table(data)))
    tables.write_table(answers, out)
    click.echo(f"{len(answers)} predictions: {out}")


@command.command()
@click.option("--quick", is_flag=True, help="Two small cases, few rounds.")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32")
def bench(quick: bool, dtype: str) -> None:
    """Time an epoch on this machine beside scikit-learn, and PyTorch and JAX if installed."""
    click.echo(f"{dtype}, up to {threads.available()} threads, ms an epoch: median (best)")
    names = list(CASES)[:2] if quick else list(CASES)
    for line in compare(names, np.dtype(dtype), rounds=3 if quick else 5):
        click.echo(line)


@command.command()
def warmup() -> None:
    """Compile everything into the cache, as for the build of an image."""
    if not can_keep():
        raise tables.InputError(
            "there is no folder to keep compiled kernels in: set NUMBA_CACHE_DIR to one."
        )
    for what, seconds in warm_up():
        click.echo(f"{what}: {seconds:.1f} s")
    click.echo(f"kept in {cache_directory()}")


@command.command()
def info() -> None:
    """Print versions, BLAS, threading layer, threads and cache folder."""
    fastnn.show_versions()


def _pages(report: Path) -> Any:
    """Import what writes reports: what is missing is told before the training, not after it."""
    tables.check_name(report, ".html")
    try:
        from fastnn.report import page as pages  # extra cli, as jinja2; 300 ms
    except ImportError as error:
        raise tables.InputError(
            f"--report needs {error.name}: install the extra with `pip install 'fastnn-mlp[cli]'`."
        ) from error
    return pages


def _fit(model: Any, X: Any, y: Any, **validation: Any) -> None:
    """Fit, to the last epoch if need be; an interrupt goes on to the caller."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("error", "Training interrupted by user")
        try:
            model.fit(X, y, **validation)
        except UserWarning:
            raise KeyboardInterrupt from None


def _seconds(function: Any, *arguments: Any, **options: Any) -> float:
    began = time.perf_counter()
    function(*arguments, **options)
    return time.perf_counter() - began


def _units(hidden: str) -> tuple[int, ...]:
    try:
        units = tuple(int(part) for part in hidden.split(","))
    except ValueError:
        units = (0,)
    if min(units) < 1:
        raise tables.InputError(f"--hidden {hidden!r}: give units a layer as in 100 or 64,32.")
    return units


def _split(X: Any, y: np.ndarray, task: str, held_out: float, seed: int) -> list[Any]:
    """Hold rows out, of each class alike where every class has enough."""
    n_test, strata = round(held_out * len(y)), None
    n_least = min(n_test, len(y) - n_test)
    if n_least < 2:
        raise tables.InputError(
            f"--held-out {held_out} of {len(y)} rows: training and scoring need 2 rows each."
        )
    if task == "classification":
        labels, counts = np.unique(y, return_counts=True)
        if labels.size < 2:
            raise tables.InputError(f"the target is {labels[0]!s} in every row.")
        if labels.size == len(y):
            raise tables.InputError(
                "the target is another one in every row, which are no classes: set --task "
                "regression if they are numbers."
            )
        if counts.min() > 1 and n_least >= labels.size:
            strata = y
    return train_test_split(X, y, test_size=n_test, random_state=seed, stratify=strata)


def _without_callbacks(model: Any) -> None:
    """Take the progress bar off, so that the saved model holds the network alone."""
    last = model.named_steps["network"]
    networks = [last] if is_classifier(last) else [last.regressor, last.regressor_]
    for network in networks:
        network.set_callbacks()
