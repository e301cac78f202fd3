"""Learning-rate schedules: the learning rate of each epoch.

With r the initial rate, e the epoch counted from 0 and n the number of epochs, both after the
warm-up:

===========  ==================================================================================
constant     r
cosine       r (1 + cos(pi e / n)) / 2  (Loshchilov and Hutter, arXiv:1608.03983)
one_cycle    from r / 25 up to r within 30 % of the epochs, then down to r / 250000, both along
             half a cosine  (Smith and Topin, arXiv:1708.07120; PyTorch's shape)
exponential  r decay^(e / step_size)
step         r decay^floor(e / step_size)
===========  ==================================================================================

During `warmup` epochs the rate rises in equal steps to that of the schedule's first epoch. The two
schedules that sgd alone has, "invscaling" and "adaptive", follow the training and not the epoch:
they are in `solvers`.

`fading` is no rate: it is the share of dropout and weight decay that is left in an epoch.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

START, END = 1 / 25, 1 / 250_000  # of one_cycle, as shares of the peak
RISE = 0.3  # share of the epochs


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def _one_cycle(epoch: float, n: int) -> float:
    top = RISE * (n - 1)
    if epoch < top:
        return _half_cosine(START, 1, epoch / top)
    return _half_cosine(1, END, min((epoch - top) / max(n - 1 - top, 1e-9), 1))


def fading(epoch: float, n_epochs: int) -> float:
    """All of it in the first half of the epochs, then down to 0 along half a cosine.

    The flat_cos of Holzmueller et al., arXiv:2407.04491.
    """
    return _half_cosine(1, 0, max(2 * epoch / n_epochs - 1, 0.0))


# Share of the initial rate in an epoch, of n, with step_size and decay.
SCHEDULES: dict[str, Callable[[float, int, float, float], float]] = {
    "constant": lambda epoch, n, step_size, decay: 1.0,
    "cosine": lambda epoch, n, step_size, decay: (1 + math.cos(math.pi * epoch / n)) / 2,
    "one_cycle": lambda epoch, n, step_size, decay: _one_cycle(epoch, n),
    "exponential": lambda epoch, n, step_size, decay: decay ** (epoch / step_size),
    "step": lambda epoch, n, step_size, decay: decay ** (epoch // step_size),
}
OF_SGD = ("invscaling", "adaptive")


@dataclass(frozen=True)
class Schedule:
    """A learning-rate schedule over a fit.

    Attributes
    ----------
    name : str or callable
        One of `SCHEDULES` or `OF_SGD`, or a user's function of the epoch.
    initial_rate : float
        Rate that the named schedules take a share of.
    n_epochs : int
        Epochs that they span.
    warmup : int
        Epochs in which the rate rises.
    step_size, decay : float
        Shape of "exponential" and "step".
    pieces : int
        Parts of an epoch that have a rate of their own, where n epochs are too few for the shape.
    """

    name: str | Callable[[float], float]
    initial_rate: float
    n_epochs: int
    warmup: int = 0
    step_size: float = 1.0
    decay: float = 1.0
    pieces: int = 1

    def rate(self, epoch: float) -> float | None:
        """Learning rate of an epoch counted from 0; None where the solver decides itself.

        Where an epoch has `pieces`, one that is under way has a fraction.

        Raises
        ------
        ValueError
            If the user's own function gives something else than a number from 0 on.
        """
        if self.name == "constant" and not self.warmup:
            return float(self.initial_rate)
        if self.name in OF_SGD:
            return None
        if callable(self.name):
            rate = self.name(epoch)
            if not (isinstance(rate, Real) and 0 <= float(rate) < math.inf):
                raise ValueError(
                    f"learning_rate(epoch) has to give a number from 0 on, got {rate!r} for epoch "
                    f"{epoch}."
                )
            rate = float(rate)
        else:
            n = max(self.n_epochs - self.warmup, 1)
            past = min(max(epoch - self.warmup, 0), n)
            share = SCHEDULES[self.name](past, n, self.step_size, self.decay)
            rate = float(self.initial_rate * share)
        return rate * min(1.0, (epoch + 1) / (self.warmup + 1))
