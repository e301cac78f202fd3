"""How much a call of a kernel may do: neither a clock nor an interrupt reaches into one."""

from itertools import pairwise

from fastnn.kernels.tuning import ACTIVATION_FLOPS, GATHER_FLOPS, MAX_FLOPS_PER_CALL


def rows_at_once(units: tuple[int, ...], passes: int) -> int:
    """Rows that a call of the kernels may take in, so many times forward or backward."""
    products = sum(2 * m * n for m, n in pairwise(units))
    work = passes * (products + ACTIVATION_FLOPS * sum(units[1:])) + GATHER_FLOPS * units[0]
    return max(1, int(MAX_FLOPS_PER_CALL / work))
