"""Weights, attributes, parameters and pickled state that were changed by hand."""

import signal

import pytest
from harness import SEED, Program, amount, run, two_at_once

PART = 5_000  # changes that one process tries


def parts(n):
    first = SEED * 10_000_000
    size = min(PART, n // 2)
    return [(k, k + size) for k in range(first, first + n, size)]


def test_changes_by_hand_give_an_error_or_the_right_answer():
    # glibc fills what it gives out, and what it gets back, with this byte: no answer from there
    # would be the same twice, and so none is right.
    two_at_once(
        lambda part: run("odd_state.py", *part, limit=600, MALLOC_PERTURB_="165"),
        parts(amount(600, 20_000)),
    )


def test_changes_by_hand_read_and_write_within_arrays():
    two_at_once(
        lambda part: run("odd_state.py", *part, "guarded", limit=600),
        parts(amount(300, 6_000)),
    )


@pytest.mark.parametrize(("place", "status"), [(63, 0), (64, -signal.SIGSEGV)])
def test_guard_pages_end_a_process_that_reads_beyond_an_array(place, status):
    program = """
        import ctypes, sys
        import guard_pages
        import numpy as np

        guard_pages.use()
        array = np.zeros(64)
        ctypes.c_double.from_address(array.ctypes.data + 8 * int(sys.argv[1])).value
    """
    assert Program(program, place).end().status == status
