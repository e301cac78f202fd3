"""Loops that several threads share: one publishes a loop, and whoever is free helps.

The thread that takes the steps never waits for another to come. It publishes the loop, takes part
in it, closes it when no index is left, and waits for those who still work on theirs. A helper
spends its time in `assist`: it looks whether a loop is open, and takes part. Who takes part draws
the next index until there is none left, so that a thread that has lost its core to another program
holds up no more than the index that it has drawn.

A team is a piece of memory with these words; those that change at other times are on other cache
lines:

======  ============================================================================================
word    holds
======  ============================================================================================
STATE   in its lowest bits how many helpers take part, then whether the loop is open, then the
        number of the loop
NEXT    the next index
CODE    where the machine code of the loop is, and ...
VALUES  ... where its arguments are, which stay there until the loop is closed and left by all
LIMIT   how many helpers may take part, from the first on; 0 between two calls of the kernels
======  ============================================================================================
"""

import numpy as np

from fastnn.compiling.intrinsics.atomics import add, give_way, load, pause, store, swap
from fastnn.compiling.intrinsics.views import vector
from fastnn.compiling.language import call, interface, jit, publish, run_published, specialize

LINE = 8  # words of a cache line
STATE, NEXT, CODE, LIMIT = range(0, 4 * LINE, LINE)
VALUES = CODE + 1
TEAM_SIZE = 4 * LINE

ALONE = np.zeros(0, np.int64)  # the team of who has no helpers
MAX_HELPERS = 255
OPEN = 256
LOOP = 512

SPINS = 200
"""Looks at a word before the core is offered to others: some 5 us."""


def prange(team, n):
    """Go through those of n numbers that this thread draws; all of them where it is alone."""
    return range(n)


@specialize(prange)
def _prange(team, n):
    def draw(team, n):
        if team.size == 0:
            for i in range(n):
                yield i
        else:
            i = add(team, NEXT, 1)
            while i < n:
                yield i
                i = add(team, NEXT, 1)

    return draw


@jit
def share(team, loop, *arguments):
    """Run a loop, whose kernel's address this is, with all who are free to help."""
    if team.size == 0:
        call(loop, team, *arguments)
        return
    publish(vector(team, CODE, 2), loop, team, *arguments)
    store(team, NEXT, 0)
    add(team, STATE, LOOP + OPEN)
    call(loop, team, *arguments)
    n_spins, left = 0, add(team, STATE, -OPEN) - OPEN
    while left & MAX_HELPERS != 0:
        n_spins += 1
        if n_spins < SPINS:
            pause()
        else:
            give_way()
        left = load(team, STATE)


@interface("int64[::1], int64, int64[::1], int64")
def assist(team, number, asleep, patience):
    """Take part in the loops of a team, until nobody has asked for it for so many looks.

    The only word of `asleep` is 1 from then on; who wakes the helper sets it to 0.
    """
    n_looks, seen = 0, 0
    store(asleep, 0, 0)
    while True:
        state, is_wanted = load(team, STATE), number < load(team, LIMIT)
        is_open = state & OPEN != 0 and state // LOOP != seen
        if is_wanted and is_open and swap(team, STATE, state, state + 1):
            seen, n_looks = state // LOOP, 0
            run_published(team[CODE], team[VALUES])
            add(team, STATE, -1)
        n_looks += 1
        if n_looks < SPINS:
            pause()
        else:
            give_way()
        if n_looks >= patience and not is_wanted:
            swap(asleep, 0, 0, 1)
            # Who has asked meanwhile has seen a helper that is awake, unless it saw that of now.
            if number >= load(team, LIMIT) or not swap(asleep, 0, 1, 0):
                return
