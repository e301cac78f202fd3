"""Memory of the command on files of two sizes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

ROOT = str(Path(__file__).resolve().parents[2])  # as the fixture works in a folder of its own
PREDICT = """
import re, sys
from fastnn.cli import main
try:
    main(["predict", "m.skops", sys.argv[1], "--keep", "note", "--out", "out.csv", "--quiet"])
except SystemExit as stop:
    # Not ru_maxrss, which begins with what the parent has.
    print(stop.code or 0, re.search("VmHWM:[^0-9]*(.*) kB", open("/proc/self/status").read())[1])
"""


@pytest.fixture
def peak(tmp_path):
    """Run a program; returns the megabytes that it took at most."""

    def run(program, *arguments):
        ended = subprocess.run(
            [sys.executable, "-c", program, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": ROOT},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=600,
        )
        status, most = ended.stdout.split()[-2:]
        assert status == "0", ended.stderr
        return int(most) / 1024

    return run


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/status")
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_predicting_more_rows_takes_no_more_memory(fastnn, tmp_path, peak, suffix):
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    pa.csv.write_csv(pa.table({"x": x, "y": 3 * x}), tmp_path / "d.csv")
    words = ["train", "d.csv", "--target", "y", "--out", "m.skops", "--max-iter", 2, "--quiet"]
    assert fastnn(*words)[0] == 0
    peaks = []
    for n in (10_000, 40_000):  # 30 MB and 120 MB
        note = pa.array([rng.bytes(1500).hex() for _ in range(n)])
        rows = pa.table({"x": rng.normal(size=n), "note": note})
        path = tmp_path / f"rows{n}.{suffix}"
        if suffix == "csv":
            pa.csv.write_csv(rows, path)
        else:
            pa.parquet.write_table(rows, path, row_group_size=4000)
        del rows, note
        peaks.append(peak(PREDICT, path.name))
        path.unlink()
    assert peaks[1] < peaks[0] + 60
