"""Programs in processes of their own, each with a limit after which it fails loudly.

A limit is in seconds of an idle core; where a small fit takes longer, so may all else.

``FASTNN_FAULTS=full`` asks for the numbers of the whole campaign instead of the small ones,
``FASTNN_FAULTS_CALLS=1000000`` for so many random calls, and ``FASTNN_FAULTS_SEED`` for other
moments than those that every run has.
"""

import contextlib
import ctypes
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

from patience import NAME, at_most

HERE = Path(__file__).parent
IS_FULL = os.environ.get("FASTNN_FAULTS") == "full"
SEED = int(os.environ.get("FASTNN_FAULTS_SEED", "0"))
PATH = f"{HERE.parents[1]}{os.pathsep}{HERE}"
LATE = {"NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME"}  # variables that fastnn reads, and no other
LIMIT = 150  # seconds, for what takes a few
FIT, SECONDS_OF_A_FIT = "from work import X, bits, classifier, y; bits(classifier().fit(X, y))", 1.5
FEW = (  # kernels of such a fit that take a second to compile
    *("activations.relu-float64-*", "activations.relu_backward-float64-*"),
    *("outputs.softmax-float64-*", "updates.adam-float64-*"),
)
LAST_WORDS = 4000  # characters of what a program printed, in the message of a failure


def amount(small, full):
    """How much of something to try: a number for every run, and one for the whole campaign."""
    return full if IS_FULL else small


def moments(name, n, longest):
    """Draw `n` moments in seconds, up to the longest."""
    drawn = random.Random(f"{SEED} {name}")
    return [drawn.uniform(0, longest) for _ in range(n)]


class Ended(NamedTuple):
    """What a program has left; a status below 0 is that of a signal."""

    status: int
    out: str
    err: str

    def told(self):
        """Describe it for a message."""
        lines = self.err.splitlines()
        err = "\n".join(line for line in lines if not line.startswith("Extension modules:"))
        return f"status {self.status}\n{self.out[-LAST_WORDS:]}\n{err[-LAST_WORDS:]}"


class _Prepared:
    """The process of `prepared.py`, which is forked for programs."""

    def __init__(self):
        _adopt_orphans()
        self._lock = threading.Lock()
        self._err = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", str(HERE / "prepared.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._err,
            env={**os.environ, "PYTHONPATH": PATH},
            start_new_session=True,
            text=True,
        )

    def start(self, told):
        """Start a program.

        Raises
        ------
        AssertionError
            If it could not be started, with why.
        """
        with self._lock, contextlib.suppress(BrokenPipeError):
            print(json.dumps(told), file=self._process.stdin, flush=True)
            if pid := int(self._process.stdout.readline() or 0):
                return _Orphan(pid)
        raise AssertionError(f"no program was started: {_text(self._err)}")


_prepared = cache(_Prepared)


def _adopt_orphans():
    """Become the parent of those whose own has ended, so that they are waited for here."""
    PR_SET_CHILD_SUBREAPER = 36
    assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1) == 0


class _Orphan:
    """A process that has come to this one; of `subprocess.Popen` what is needed here."""

    def __init__(self, pid):
        self.pid, self.returncode = pid, None

    def poll(self):
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if ended else None
        return self.returncode

    def wait(self, timeout=math.inf):
        ends = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > ends:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.005)


class Program:
    """A Python program that runs in a process of its own, the first of a group.

    Parameters
    ----------
    program : str or path-like
        Source text, or a file of this folder.
    *arguments : object
        Of its command line.
    command : list of str, default=()
        Before Python's own name, such as ``["nice"]``.
    imports : bool, default=False
        Whether it is to import all by itself, and not to be the fork of a process that has imported
        what takes seconds. It does so in any case with a command, or with variables that libraries
        read when they are loaded.
    **environment : str or None
        Variables; None takes one away.
    """

    def __init__(self, program, *arguments, command=(), imports=False, **environment):
        is_file = str(program).endswith(".py")
        changes = {"PYTHONPATH": PATH, **environment}
        variables = {**os.environ, **changes}
        variables = {name: value for name, value in variables.items() if value is not None}
        # Files, as a pipe that nobody empties would stop the program.
        self._out, self._err = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115
        arguments = [str(argument) for argument in arguments]
        if command or imports or not LATE.issuperset(environment):
            source = [str(HERE / program)] if is_file else ["-c", textwrap.dedent(program)]
            self._process = subprocess.Popen(
                [*command, sys.executable, "-X", "faulthandler", *source, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=self._out,
                stderr=self._err,
                env=variables,
                start_new_session=True,
            )
        else:
            file = str(HERE / program) if is_file else ""
            source = Path(file).read_text() if is_file else textwrap.dedent(program)
            out, err = (f"/proc/{os.getpid()}/fd/{f.fileno()}" for f in (self._out, self._err))
            told = {"source": source, "file": file, "arguments": arguments, "out": out, "err": err}
            self._process = _prepared().start({**told, "variables": variables})
        self.pid = self._process.pid

    def send(self, number):
        """Send a signal, if it still runs."""
        if self._process.poll() is None:
            os.kill(self.pid, number)

    def has_printed(self, word):
        """Whether a word is among what it has printed yet."""
        return word in _text(self._out)

    def wait_for(self, word):
        """Wait until it prints a word."""
        ends = time.monotonic() + at_most(LIMIT)
        while not self.has_printed(word):
            if self._process.poll() is not None or time.monotonic() > ends:
                raise AssertionError(f"{word!r} was not printed: {self.kill().told()}")
            time.sleep(0.002)

    def end(self, limit=LIMIT):
        """Wait for its end, and end all that it has started.

        Raises
        ------
        AssertionError
            If it does not end within the limit, with where each of its threads stands.
        """
        try:
            self._process.wait(at_most(limit))
        except subprocess.TimeoutExpired:
            self.send(signal.SIGABRT)  # has Python tell where each thread stands
            time.sleep(1)
            told = f"still runs after {at_most(limit):.0f} s: {self.kill().told()}"
            raise AssertionError(told) from None
        return self.kill()

    def kill(self):
        """End it and all that it has started; returns what it has left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        with contextlib.suppress(ChildProcessError):  # its own children, that came to this process
            while True:
                os.waitpid(-self.pid, 0)
        with self._out, self._err:
            return Ended(self._process.returncode, _text(self._out), _text(self._err))


def _text(file):
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode(errors="replace")


def run(program, *arguments, limit=LIMIT, status=0, **options):
    """Run a program to its end; returns what it printed.

    Raises
    ------
    AssertionError
        If it ends with another status than this, or not within the limit.
    """
    ended = Program(program, *arguments, **options).end(limit)
    assert ended.status == status, ended.told()
    return ended.out.strip()


def measure_slowness():
    """Tell this process, and the programs that it starts, how slow this machine is now."""
    began = time.monotonic()
    run(FIT, limit=10 * LIMIT, imports=True)
    os.environ[NAME] = str(max(1.0, 2 * (time.monotonic() - began) / SECONDS_OF_A_FIT))
    _prepared()  # now, as two threads that ask for it at once would start one each


def few_kernels(root):
    """Give those files in a cache folder that are left to compile in small, all in full."""
    files = {file for name in (["*"] if IS_FULL else FEW) for file in Path(root).rglob(name)}
    return sorted(file for file in files if file.is_file())


@cache
def _known():
    """Folder in which the machine keeps kernels, those of `FIT` among them."""
    tell = "from fastnn.compiling.cache import cache_directory; print(cache_directory())"
    return Path(run(f"{FIT}; {tell}", limit=10 * LIMIT))


def filled(root):
    """Make a cache folder that holds the kernels of a small fit, and perhaps others."""
    known = _known()
    shutil.copytree(known, Path(root, known.name), ignore=shutil.ignore_patterns("tmp*"))
    assert few_kernels(root)
    return str(root)


def nearly_empty(root):
    """Make a cache folder for a first fit: without any kernel, or in small with all but a few.

    To compile all of them takes 10 s, and is the same for each.
    """
    if not IS_FULL:
        for file in few_kernels(filled(root)):
            file.unlink()
    return str(root)


def two_at_once(work, each):
    """Call `work` with each of these, two at a time: programs are waited for, not computed."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, each))
