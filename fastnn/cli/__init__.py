"""The command `fastnn`: what a terminal asks for, and how mistakes are told there.

The commands themselves are in `fastnn.cli.commands`, which needs the extra `cli`.
"""

import sys


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a user's mistake ends it with status 2, an interrupt with 130."""
    try:
        status = _run(arguments)
    except KeyboardInterrupt:  # in the imports of the commands
        print("fastnn: interrupted.", file=sys.stderr)
        status = 130
    sys.exit(status)


def _run(arguments: list[str] | None) -> int:
    try:
        from fastnn.cli.commands import run  # extra cli, as click
    except ImportError as error:
        if error.name is None or error.name.startswith("fastnn"):
            raise
        print(
            f"fastnn: the command needs {error.name}: install the extra with "
            "`pip install 'fastnn-mlp[cli]'`.",
            file=sys.stderr,
        )
        return 2
    return run(arguments)
