"""The kernels as plain Python, where coverage can see each line."""

import json
import os
import subprocess
import sys

from processes import ROOT

WITHOUT = {  # choosers, of which a machine takes one way
    "elementary.py",
    "choice.py",  # of this machine, no kernel
}

OTHERS = [  # which run no line that the rest does not, and take half of the time
    *("longer_than_a_tile", "learns", "drops_its_share"),
    *("of_one[3", "of_one[5", "of_one[11"),  # by so many members
]

OF_MACHINES = {"test_choice.py", "test_tuning.py", "test_against_torch.py"}  # not of kernels' lines


def test_every_line_of_the_kernels_runs(tmp_path):
    environment = {
        **os.environ,
        "NUMBA_DISABLE_JIT": "1",
        "PYTHONPATH": str(ROOT),
        "COVERAGE_FILE": str(tmp_path / "coverage"),
    }
    report = tmp_path / "report.json"
    kernels = (ROOT / "tests" / "kernels").glob("test_*.py")
    tests = [str(test) for test in sorted(kernels) if test.name not in OF_MACHINES]
    engine = ROOT / "tests" / "engine"
    tests += ["-k", f"not ({' or '.join(OTHERS)})"]
    tests += [str(engine / f"test_{name}.py") for name in ("reference", "shards", "tree")]
    tests += [str(engine / "test_rounded.py") + "::test_products_alone_are_rounded"]
    options = [
        "--cov=fastnn/kernels",
        f"--cov-report=json:{report}",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert ended.returncode == 0, ended.stdout[-3000:]
    files = json.loads(report.read_text())["files"]
    missed = {
        name: summary["missing_lines"]
        for name, summary in files.items()
        if summary["missing_lines"] and os.path.basename(name) not in WITHOUT
    }
    assert missed == {}
    assert len(files) >= 10
