"""Random calls beside scikit-learn: the same class of error, or the same numbers, or listed."""

import os
from pathlib import Path

import random_calls
from harness import SEED, amount, run, two_at_once

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
CASES = int(os.environ.get("FASTNN_FAULTS_CALLS", amount(2_000, 30_000)))
PART = 20  # batches of one process


def test_random_calls_beside_scikit_learn():
    first, last = SEED * 10_000, SEED * 10_000 + CASES // random_calls.BATCH
    parts = [(n, min(n + PART, last)) for n in range(first, last, min(PART, (last - first) // 2))]
    two_at_once(lambda part: run("random_calls.py", *part, limit=900), parts)


def test_each_difference_stands_in_the_documentation():
    told = CHANGELOG.read_text(encoding="utf-8").partition("### Differs from scikit-learn")[2]
    told = " ".join(told.split())
    assert [sentence for sentence in random_calls.DIFFERENCES if sentence not in told] == []
