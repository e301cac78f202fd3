"""The commands of `fastnn` and their options; what they do is imported when they run.

That keeps `--help`, `--version` and a wrong option at 0.2 s, where scikit-learn takes a second.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from fastnn._version import __version__

File = click.Path(path_type=Path)
FOR_FILES = (
    click.option("--separator", metavar="SIGN", help="Between fields of a CSV file, or 'tab'."),
    click.option(
        "--decimal", type=click.Choice([".", ","]), help="Decimal mark of numbers in texts."
    ),
    click.option("--encoding", metavar="NAME", help="Of a CSV file, as in latin-1."),
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
    import_module(f"fastnn.cli.{module}").run(**options)


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
    """Learn from tables: train, predict, and see how fast it is."""
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
    help="What the target is.",
)
@click.option(
    "--model",
    type=click.Choice(["tabular", "mlp"]),
    help="An ensemble for tables (the default), or a plain network.",
)
@click.option("--hidden", help="Units a layer of a plain network, as in 64,32; chooses it.")
@click.option("--max-iter", type=click.IntRange(1), help="Epochs of a plain network; chooses it.")
@click.option(
    "--time", "seconds", type=click.FloatRange(0, min_open=True), help="Seconds to spend."
)
@click.option(
    "--held-out",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of rows to score on; a plain network has 0.2, an ensemble its own folds.",
)
@click.option("--test", type=File, metavar="FILE", help="Score on this file's rows instead.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="COLUMN=KIND",
    help="What a column is: number, category, date or date:%d/%m/%Y.",
)
@click.option("--drop", multiple=True, metavar="COLUMN", help="Column to leave out.")
@click.option("--weights", metavar="COLUMN", help="Column with the weights of rows.")
@click.option("--groups", metavar="COLUMN", help="Column whose equal cells keep rows together.")
@click.option(
    "--missing",
    multiple=True,
    metavar="TEXT",
    help="What stands for a missing value, in every column; instead of NA, null, ? and the like.",
)
@_with(*FOR_FILES)
@click.option("--columns", is_flag=True, help="Print how each column is read.")
@click.option("--report", type=File, help="Where a page about the training goes, *.html.")
@_with(*FOR_OUTPUT)
def train(**options: Any) -> None:
    """Learn a column of DATA and write the model.

    DATA is a CSV file (.csv, .tsv, .txt, also with .gz), a Parquet or an Excel file, or '-' for
    standard input. Options that say COLUMN or TEXT can be given several times.
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
@click.option("--keep", multiple=True, metavar="COLUMN", help="Column to carry into the answers.")
@click.option(
    "--proba/--no-proba", default=True, show_default=True, help="Probability of each class."
)
@click.option(
    "--interval",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Bounds that hold this share of the numbers, as 0.9: columns lower and upper.",
)
@click.option(
    "--safe-cells",
    is_flag=True,
    help="Guard texts that begin with = + - or @ by an apostrophe, as spreadsheets may run them.",
)
@_with(*FOR_FILES)
@_with(*FOR_OUTPUT)
def predict(**options: Any) -> None:
    """Predict the rows of DATA with a MODEL of `fastnn train`."""
    _run("predicting", **options)


@command.command()
@click.argument("model", type=File)
@click.argument("data", type=File)
@_with(*FOR_FILES)
@_with(*FOR_OUTPUT)
def evaluate(**options: Any) -> None:
    """Score a MODEL of `fastnn train` on DATA, which has the target."""
    _run("evaluating", **options)


@command.command()
@click.argument("model", type=File)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def show(**options: Any) -> None:
    """Print what a MODEL of `fastnn train` is."""
    _run("showing", **options)


@command.command()
def demo() -> None:
    """Train on real handwritten digits, beside scikit-learn."""
    _run("digits")


@command.command(short_help="Time an epoch on this machine beside the peers.")
@click.option("--quick", is_flag=True, help="Two small cases, few rounds.")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32")
def bench(**options: Any) -> None:
    """Time an epoch on this machine beside scikit-learn, and PyTorch and JAX if installed."""
    _run("bench", **options)


@command.command()
def warmup() -> None:
    """Compile everything into the cache, as for the build of an image."""
    _run("warmup")


@command.command()
def info() -> None:
    """Print versions, BLAS, threading layer, threads and cache folder."""
    from fastnn.versions import show_versions  # 1 s, as the modules of `_run`

    show_versions()


def run(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    try:
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
