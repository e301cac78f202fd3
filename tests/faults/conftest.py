import os
import sys
from pathlib import Path

import pytest
from harness import measure_slowness

HERE = Path(__file__).parent


@pytest.fixture(scope="session", autouse=True)
def slowness():
    measure_slowness()


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents and sys.platform != "linux":
            item.add_marker(pytest.mark.skip("signals, limits and /proc are those of Linux"))


# Minutes of kills, forks and shortages: for those who ask, by FASTNN_FAULTS=small or =full.
collect_ignore_glob = [] if "FASTNN_FAULTS" in os.environ else ["test_*.py"]
