"""Members of fits in one worker: how they share its threads."""

from types import SimpleNamespace

import pytest
from on_clusters import collections

from fastnn.dask import DaskMLPClassifier
from fastnn.dask.member import Member, at_work, at_work_on
from fastnn.engine import threads


def member_in(address, n_threads):
    made = object.__new__(Member)
    made.worker = SimpleNamespace(address=address, state=SimpleNamespace(nthreads=n_threads))
    return made


@pytest.mark.parametrize(("n_threads", "alone", "of_two", "of_three"), [(1, 1, 1, 1), (6, 6, 3, 2)])
def test_fits_in_one_worker_share_its_threads(n_threads, alone, of_two, of_three):
    ours, elsewhere = member_in("tcp://a", n_threads), member_in("tcp://b", n_threads)
    with at_work_on("tcp://a"):
        assert ours.n_threads() == alone
        with at_work_on("tcp://a"):
            assert ours.n_threads() == of_two
            assert elsewhere.n_threads() == alone
            with at_work_on("tcp://a"):
                assert ours.n_threads() == of_three
    assert at_work == []


def test_a_workers_threads_count_more_than_the_ceilings_of_its_process(monkeypatch):
    monkeypatch.setattr(threads, "_ceiling", lambda: 1)  # as Dask's nanny leaves it
    assert threads.asked_for(2, 10) == 1
    with threads.granted(2):
        assert threads.available() == 2
        assert threads.asked_for(2, 10) == 2
        with threads.granted(1):
            assert threads.available() == 1
    assert threads.available() == 1


def test_a_fit_needs_a_client():
    with pytest.raises(ValueError, match="no Dask client"):
        DaskMLPClassifier().fit(*collections())
