"""How long a step takes on more machines than there are at hand, from what was measured on one.

    step(n) = rows / n * row + rest + 2 ceil(log2 n) (message + delay + bytes / rate)

`row` and `rest` follow from steps of two sizes on one thread: what each row costs, and what each
step does, such as the update, which every member does. A sum goes up a tree of ceil(log2 n) rounds
and the total comes down again; `message` is what sending one takes two members on one machine.
Each machine has one thread here: more of them, and `row` is smaller.
"""

import math
from typing import Any, NamedTuple

WORKERS = [1, 2, 4, 8, 16, 32, 64]
BATCHES = [1024, 4096, 16384, 65536, 262144]


class Costs(NamedTuple):
    """Seconds of a row, of what each step does besides, and of a message; bytes of a message."""

    row: float
    rest: float
    message: float
    n_bytes: float

    def step(self, batch: int, n: int, delay: float, rate: float) -> float:
        """Seconds of a step of n workers, over a network of this delay (s) and rate (bits/s)."""
        rounds = math.ceil(math.log2(n))
        of_network = self.message + delay + 8 * self.n_bytes / rate
        return batch / n * self.row + self.rest + 2 * rounds * of_network

    def speed(self, batch: int, n: int, network: tuple[float, float]) -> float:
        """Speed of n workers by that of one."""
        return self.step(batch, 1, *network) / self.step(batch, n, *network)


def costs(ms: dict[str, float], batch: int, n: int, n_bytes: float) -> Costs:
    """Costs of the model, from milliseconds a step on one thread and of n workers together."""
    whole = ms["one process, one thread"] / 1e3
    quarter = ms["one thread, a quarter of the rows a step"] / 1e3
    row = (whole - quarter) / (batch - batch // 4)
    rest = max(0.0, whole - batch * row)
    together = ms["workers, this machine"] / 1e3
    over = together - batch / n * row - rest
    return Costs(row, rest, max(0.0, over) / (2 * math.ceil(math.log2(n))), n_bytes)


def curves(of: Costs, networks: dict[str, tuple[float, float]]) -> list[dict[str, Any]]:
    """Speed of 1 to 64 workers by that of one, for each network and size of the mini-batch."""
    return [
        {
            "network": name,
            "batch": batch,
            "workers": WORKERS,
            "speed": [round(of.speed(batch, n, network), 3) for n in WORKERS],
        }
        for name, network in networks.items()
        for batch in BATCHES
    ]


def pays(of: Costs, networks: dict[str, tuple[float, float]]) -> dict[str, dict[int, int]]:
    """Rows of the least mini-batch with which n workers have half n times the speed of one."""
    found: dict[str, dict[int, int]] = {}
    for name, network in networks.items():
        for n in WORKERS[1:]:
            batch = n
            while of.speed(batch, n, network) < n / 2:
                batch = math.ceil(batch * 1.05)
            found.setdefault(name, {})[n] = round(batch, -2)
    return found
