"""Children by fork, for programs that import fastnn once and do many things to copies of that."""

import faulthandler
import os
import signal
import time

from patience import at_most

LIMIT = 120  # seconds; a first compilation takes 5 on an idle core


def wait_for(pid, limit=LIMIT):
    """Give the status of a child, below 0 that of a signal.

    Raises
    ------
    AssertionError
        If it does not end in time; it has then told where its threads stand.
    """
    ends = time.monotonic() + at_most(limit)
    while time.monotonic() < ends:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, signal.SIGABRT)
    time.sleep(1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError(f"child {pid} still runs after {at_most(limit):.0f} s")


def start(function, *arguments):
    """Fork a child that calls a function; it ends with 0, or with 1 and a traceback."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        faulthandler.enable()
        function(*arguments)
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


def in_child(function, *arguments, limit=LIMIT):
    """Call a function in a child; returns its status."""
    return wait_for(start(function, *arguments), limit)
