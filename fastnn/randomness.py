"""Random states, made quickly."""

from numbers import Integral
from typing import Any

from numpy.random import MT19937, RandomState
from numpy.random.bit_generator import ISeedSequence
from sklearn.utils import check_random_state


class _Zeros(ISeedSequence):
    """Fills a generator that is about to be seeded.

    It gives a list, whose numbers are taken out one by one in a tenth of the time of an array's.
    """

    def generate_state(self, n_words: int, dtype: Any = None) -> Any:
        return [0] * n_words


def random_state_of(seed: Any) -> RandomState:
    """Make what `sklearn.utils.check_random_state` makes.

    ``RandomState(0)`` takes 92 us, as it draws a seed that it then replaces: a third of what a
    `partial_fit` on a few rows takes. This takes 5 us.
    """
    if not isinstance(seed, Integral) or isinstance(seed, bool):
        return check_random_state(seed)
    random_state = RandomState(MT19937(_Zeros()))  # type: ignore[arg-type]
    random_state.seed(int(seed))
    return random_state
