"""The commands of `fastnn` and their options; what they do is imported when they run.

That keeps `--help`, `--version` and a wrong option at 0.2 s, where scikit-learn takes a second.
"""

import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from fastnn._version import __version__
from fastnn.cli import collector

File = click.Path(path_type=Path)
FOR_FILES = (
    click.option(
        "--separator",
        metavar="SIGN",
        help="What parts the fields of a CSV file: a sign, 'tab' or 'space'. Found by default.",
    ),
    click.option(
        "--decimal",
        type=click.Choice([".", ","]),
        help="Decimal mark of numbers in texts. Found by default.",
    ),
    click.option(
        "--encoding",
        metavar="NAME",
        help="How a CSV file writes characters, as latin-1. Found by default.",
    ),
)
FOR_OUTPUT = (
    click.option("--quiet", is_flag=True, help="No progress and no notes, errors only."),
    click.option("--json", "as_json", is_flag=True, help="Results as one JSON object."),
)


def _with(*options: Callable) -> Callable:
    """Add options to a command, in their order."""

    def add(function: Callable) -> Callable:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def _run(module: str, **options: Any) -> None:
    """Run a command by its own module of this room, which takes up to a second to import."""
    run = import_module(f"fastnn.cli.{module}").run
    collector.go_on()
    run(**options)


EXAMPLE = """\b
Example:
  fastnn train homes.csv --target price --out homes.skops
  fastnn predict homes.skops new.csv --out answers.csv"""


@click.group(
    invoke_without_command=True,
    context_settings={"max_content_width": 100},
    epilog=EXAMPLE,
)
@click.version_option(__version__, prog_name="fastnn")
@click.pass_context
def command(context: click.Context) -> None:
    """Learn from tables: train, predict, and see how fast it is.

    Without a command the demo runs. `fastnn COMMAND --help` tells more of each.
    """
    if context.invoked_subcommand is None:
        context.invoke(demo)


@command.command()
@click.argument("data", type=File)
@click.option("--target", required=True, metavar="COLUMN", help="Column to learn.")
@click.option("--out", required=True, type=File, help="Where the model goes, *.skops.")
@click.option(
    "--task",
    type=click.Choice(["auto", "classification", "regression"]),
    default="auto",
    show_default=True,
    help="Whether the target is classes or numbers; auto tells by its cells.",
)
@click.option(
    "--model",
    type=click.Choice(["tabular", "mlp"]),
    help="An ensemble for tables (the default), or a plain network.",
)
@click.option(
    "--hidden",
    metavar="UNITS",
    help="Units of each hidden layer of a plain network, as 64,32; implies --model mlp.",
)
@click.option(
    "--max-iter",
    type=click.IntRange(1),
    metavar="N",
    help="Epochs of a plain network at most; implies --model mlp.",
)
@click.option(
    "--time",
    "seconds",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Spend about this time on the training: the more, the better the model.",
)
@click.option(
    "--held-out",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Keep this share of the rows out of the training, and score on them. By default 0.2 of "
    "them for a plain network; an ensemble scores each row by members that did not train on it.",
)
@click.option("--test", type=File, metavar="FILE", help="Score on the rows of this file instead.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    metavar="N",
    default=0,
    show_default=True,
    help="Where all that is random begins: the same one gives the same model.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="COLUMN=KIND",
    help="What a column is: number, category, date or, as an example, date:%d/%m/%Y. Repeatable.",
)
@click.option("--drop", multiple=True, metavar="COLUMN", help="Column to leave out. Repeatable.")
@click.option("--weights", metavar="COLUMN", help="Column that says how much each row counts.")
@click.option(
    "--groups",
    metavar="COLUMN",
    help="Rows with the same cell in this column are trained or scored on together.",
)
@click.option(
    "--missing",
    multiple=True,
    metavar="TEXT",
    help="What stands for a missing value, in every column; instead of NA, null, ? and the like "
    "among numbers and dates. Repeatable.",
)
@_with(*FOR_FILES)
@click.option("--columns", is_flag=True, help="Print how each column is read.")
@click.option("--report", type=File, help="Where a page about the training goes, *.html.")
@_with(*FOR_OUTPUT)
def train(**options: Any) -> None:
    """Learn a column of DATA and write the model.

    DATA is a CSV file (.csv, .tsv, .txt, also with .gz), a Parquet or an Excel file, or '-' for
    standard input. Its first row holds the names of the columns.
    """
    _run("training", **options)


@command.command()
@click.argument("model", type=File)
@click.argument("data", type=File)
@click.option(
    "--out",
    default="-",
    type=File,
    show_default=True,
    help="*.csv, *.parquet, or '-' for standard output.",
)
@click.option(
    "--keep",
    multiple=True,
    metavar="COLUMN",
    help="Column of DATA to carry into the answers, as an identifier. Repeatable.",
)
@click.option(
    "--proba/--no-proba",
    default=True,
    show_default=True,
    help="Whether classes come with the probability of each.",
)
@click.option(
    "--interval",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Add bounds that hold this share of the true numbers, as 0.9: columns lower and upper. "
    "Of ensembles for numbers.",
)
@click.option(
    "--safe-cells",
    is_flag=True,
    help="Guard texts that begin with = + - or @ by an apostrophe, as spreadsheets may run them.",
)
@_with(*FOR_FILES)
@_with(*FOR_OUTPUT)
def predict(**options: Any) -> None:
    """Predict the rows of DATA with a MODEL of `fastnn train`.

    DATA is a file as `fastnn train` takes, with the columns that the model learnt from, in any
    order; others are ignored. The answers are a line for each row, in the order of the rows.
    """
    _run("predicting", **options)


@command.command()
@click.argument("model", type=File)
@click.argument("data", type=File)
@_with(*FOR_FILES)
@_with(*FOR_OUTPUT)
def evaluate(**options: Any) -> None:
    """Score a MODEL of `fastnn train` on DATA, which has the target.

    DATA is a file as `fastnn train` takes. Rows without a target are left out, and counted.
    """
    _run("evaluating", **options)


@command.command()
@click.argument("model", type=File)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def show(**options: Any) -> None:
    """Print what a MODEL of `fastnn train` is: its task, its score, and how columns are read."""
    _run("showing", **options)


@command.command()
def demo() -> None:
    """Train on real handwritten digits, beside scikit-learn."""
    _run("digits")


@command.command(short_help="Time an epoch on this machine beside the peers.")
@click.option("--quick", is_flag=True, help="Two small cases, few rounds.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float64"]),
    default="float32",
    show_default=True,
    help="Of the numbers that are multiplied.",
)
def bench(**options: Any) -> None:
    """Time an epoch on this machine beside scikit-learn, and PyTorch and JAX if installed."""
    _run("bench", **options)


@command.command()
def warmup() -> None:
    """Compile everything into the cache, as for the build of an image; it takes minutes."""
    _run("warmup")


@command.command()
def info() -> None:
    """Print versions, BLAS, threads, machine code and cache folder."""
    from fastnn.versions import show_versions  # 1 s, as the modules of `_run`

    show_versions()


def run(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Columns that were empty")  # `unseen` tells of them
            command.main(arguments, prog_name="fastnn", standalone_mode=False)
    except click.ClickException as error:
        return _refused(error.format_message())
    except (KeyboardInterrupt, click.Abort):
        click.echo("fastnn: interrupted.", err=True)
        return 130
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except BrokenPipeError:  # who reads the answers has had enough
        sys.stdout = None
        return 0
    except OSError as error:  # a full disk, a folder that is not one's own
        return _refused(str(error))
    except ValueError as error:
        if type(error).__name__ != "InputError":  # whose module takes 100 ms to import
            raise
        return _refused(str(error))
    return 0


def _refused(text: str) -> int:
    click.echo(f"fastnn: {' '.join(text.split())}", err=True)
    return 2
