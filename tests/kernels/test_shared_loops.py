"""Loops that threads share: each index once, whoever draws it, and nothing is left open."""

import threading
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastnn.compiling import language as jit
from fastnn.compiling.intrinsics import atomics
from fastnn.compiling.language import interface
from fastnn.compiling.runtime import Call, DTypes, address_of
from fastnn.engine import threads
from fastnn.kernels import sharing
from fastnn.kernels.sharing import (
    ALONE,
    LIMIT,
    LOOP,
    MAX_HELPERS,
    OPEN,
    SPINS,
    STATE,
    TEAM_SIZE,
    assist,
    prange,
    share,
)

DTYPES = DTypes(np.dtype(np.float64))
compiled = pytest.mark.skipif(jit.IS_OFF, reason="kernels that are not compiled have one thread")


@interface("int64[::1], int64, int64[::1], float64[::1]")
def count_loop(team, n_turns, counts, sums):
    for i in prange(team, counts.size):
        total = 0.0
        for turn in range(n_turns):
            total = 0.5 * total + turn
        counts[i] += 1
        sums[i] += total


@interface("address, int64, int64, int64[::1], float64[::1], int64[::1]")
def count(loop, n_loops, n_turns, counts, sums, team):
    for _ in range(n_loops):
        share(team, loop, n_turns, counts, sums)


def counted(n_threads, size, n_loops, n_turns=20):
    counts, sums = np.zeros(size, np.int64), np.zeros(size)
    with threads.team(n_threads) as team:
        loop = address_of(count_loop, DTYPES)
        Call(count, DTYPES, loop)(n_loops, n_turns, counts, sums, team)
        if team is not ALONE:
            assert int(team[STATE]) & (OPEN | MAX_HELPERS) == 0
    return counts, sums


@compiled
@pytest.mark.parametrize("size", [0, 1, 2, 3, 64, 1000])
@pytest.mark.parametrize("n_threads", [1, 2, 3, 8])
def test_each_index_is_drawn_once(n_threads, size):
    n_loops = 200_000 // (size + 10)
    for _ in range(3):  # helpers that sleep, that wake, and that are there
        counts, sums = counted(n_threads, size, n_loops)
        assert_array_equal(counts, n_loops)
    assert_array_equal(sums, counted(1, size, n_loops)[1])


@pytest.mark.parametrize("team", [ALONE, np.zeros(TEAM_SIZE, np.int64)], ids=["alone", "team"])
def test_a_kernel_as_python_counts_alone(team):
    counts, sums = np.zeros(5, np.int64), np.zeros(5)
    count(address_of(count_loop, DTYPES), 3, 20, counts, sums, team)
    assert_array_equal(counts, 3)
    assert_array_equal(sums, counted(1, 5, 3)[1])
    assert team[STATE:][:1].tolist() in ([], [3 * LOOP])


def test_who_publishes_waits_for_a_helper_that_still_works():
    team, told = np.zeros(TEAM_SIZE, np.int64), []
    team[STATE] = 1

    def work():
        time.sleep(0.1)
        told.append(team[STATE])
        team[STATE] -= 1

    helper = threading.Thread(target=work)
    helper.start()
    count(address_of(count_loop, DTYPES), 1, 20, np.zeros(5, np.int64), np.zeros(5), team)
    helper.join()
    assert told == [LOOP + 1]


def test_a_helper_as_python_takes_part_once_and_falls_asleep(monkeypatch):
    team, asleep, looks = np.zeros(TEAM_SIZE, np.int64), np.zeros(1, np.int64), []
    team[STATE], team[LIMIT] = 7 * LOOP + OPEN, 1

    def look():
        looks.append(team[STATE])
        team[LIMIT] = len(looks) < 3

    monkeypatch.setattr(sharing, "pause", look)
    assist(team, 0, asleep, SPINS + 10)
    assert looks == [7 * LOOP + OPEN] * (SPINS - 1)
    assert (team[STATE], asleep[0]) == (7 * LOOP + OPEN, 1)


def test_indices_are_drawn_as_python():
    draw = sharing._prange(None, None)
    team = np.zeros(TEAM_SIZE, np.int64)
    both = draw(team, 5), draw(team, 5)
    drawn = [next(both[0]), next(both[1]), *both[0], *both[1]]
    assert drawn == [*draw(ALONE, 5)] == [0, 1, 2, 3, 4]


@compiled
def test_a_helper_takes_part():
    """One index waits for the other, which somebody else has to draw."""
    words = np.zeros(8, np.int64)
    with threads.team(2) as team:
        Call(meet, DTYPES, address_of(meet_loop, DTYPES))(words, team)
    assert words[0] == 2


@interface("int64[::1], int64[::1]")
def meet_loop(team, words):
    for _ in prange(team, 2):
        atomics.add(words, 0, 1)
        while atomics.load(words, 0) < 2:
            atomics.give_way()


@interface("address, int64[::1], int64[::1]")
def meet(loop, words, team):
    share(team, loop, words)


@compiled
def test_no_more_helpers_take_part_than_were_asked_for():
    most = np.zeros(16, np.int64)
    for n_threads in (4, 2):  # the team of the second is that of the first
        most[:] = 0
        with threads.team(n_threads) as team:
            Call(crowd, DTYPES, address_of(crowd_loop, DTYPES))(most, team)
        assert 1 <= most[8] <= n_threads


@interface("int64[::1], int64[::1]")
def crowd_loop(team, words):
    for _ in prange(team, 20):
        n = atomics.add(words, 0, 1) + 1
        while n > atomics.load(words, 8):
            atomics.swap(words, 8, atomics.load(words, 8), n)
        for _ in range(2000):
            atomics.pause()
        atomics.add(words, 0, -1)


@interface("address, int64[::1], int64[::1]")
def crowd(loop, words, team):
    for _ in range(100):
        share(team, loop, words)


@compiled
def test_teams_at_once_do_not_meet():
    results = []

    def work():
        results.append(counted(3, 7, 5000)[0])

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert_array_equal(results, np.full((4, 7), 5000))


@interface("int64[::1], int64[::1]")
def operate(words, told):
    told[0] = atomics.add(words, 1, 5)
    told[1] = atomics.load(words, 1)
    told[2] = atomics.swap(words, 1, 5, 9)
    told[3] = atomics.swap(words, 1, 5, 7)
    atomics.store(words, 2, atomics.load(words, 1) + 1)
    atomics.pause()
    atomics.give_way()


@pytest.mark.parametrize("kernel", [operate, Call(operate, DTYPES)], ids=["python", "compiled"])
def test_operations_on_words(kernel):
    words, told = np.zeros(3, np.int64), np.zeros(4, np.int64)
    kernel(words, told)
    assert told.tolist() == [0, 5, 1, 0]
    assert words.tolist() == [0, 9, 10]


def test_a_team_is_of_whole_cache_lines():
    assert TEAM_SIZE % 8 == 0
