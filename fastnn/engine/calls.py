"""How much a call of a kernel may do: neither a clock nor an interrupt reaches into one."""

from itertools import pairwise

MAX_FLOPS_PER_CALL = 2e9  # 0.02 to 0.2 s
UNIT_FLOPS = 200  # in whose time the slowest activations of a number are done: 4 ns
FEATURE_FLOPS = 500  # in whose time a number is gathered from far away, as in Fortran order: 10 ns


def rows_at_once(units: tuple[int, ...], passes: int) -> int:
    """Rows that a call of the kernels may take in, so many times forward or backward."""
    products = sum(2 * m * n for m, n in pairwise(units))
    work = passes * (products + UNIT_FLOPS * sum(units[1:])) + FEATURE_FLOPS * units[0]
    return max(1, int(MAX_FLOPS_PER_CALL / work))
