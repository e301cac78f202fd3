"""Python programs in processes of their own."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]


# A cluster of Dask's sets these in the process that starts it: other tests may have done so.
OF_CLUSTERS = dict.fromkeys(["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"])


def python(program, timeout=120, **environment):
    """Run a program with warnings as errors; returns what it printed, and fails if it fails."""
    own = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default"}
    variables = {**os.environ, **OF_CLUSTERS, **own, **environment}
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={name: value for name, value in variables.items() if value is not None},
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()
