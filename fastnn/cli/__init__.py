"""The command `fastnn`: what a terminal asks for, and how mistakes are told there.

The commands themselves are in `fastnn.cli.commands`, which needs the extra `cli`.
"""

import signal
import sys

from fastnn.cli import collector


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a user's mistake ends it with status 2, an interrupt with 130.

    Parameters
    ----------
    arguments : list of str, default=None
        None for those of the process, which has nothing else to do then, and ends.
    """
    try:
        status = _run_process() if arguments is None else _run(arguments)
    except KeyboardInterrupt:  # in the imports of the commands
        print("fastnn: interrupted.", file=sys.stderr)
        status = 130
    sys.exit(status)


def _run_process() -> int:
    """Run the process' own command; an interrupt after its end does not undo that."""
    heard = []

    def hear(*signal_and_frame: object) -> None:
        heard.append(signal_and_frame)
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not in a shell's background
        signal.signal(signal.SIGINT, hear)
    collector.pause()
    try:
        status = _run(None)
    except Exception:
        if heard:  # C code, such as that of an import, has made another error of it
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if heard and status not in (0, 130):
        raise KeyboardInterrupt
    return status


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
