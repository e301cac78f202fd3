"""Which rows train and which are predicted."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    RepeatedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
)

from fastnn.tabular.folds import make_folds

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _the_same_numbers_for_each_test(monkeypatch):
    monkeypatch.setitem(globals(), "RNG", np.random.default_rng(0))


def folds_of(cv, y, *, is_classifier=True, seed=0, **kwargs):
    y = np.asarray(y)
    X = np.zeros((len(y), 1))
    state = np.random.RandomState(seed)
    return make_folds(cv, X, y, is_classifier=is_classifier, random_state=state, **kwargs)


def check_partition(folds, n_samples):
    np.testing.assert_array_equal(np.sort(folds.rows), np.arange(n_samples))
    for train, test in zip(folds.train, folds.test, strict=True):
        np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(n_samples))


def test_five_folds_have_their_share_of_each_class():
    y = RNG.choice(3, 1003, p=[0.9, 0.08, 0.02])
    folds = folds_of(5, y)
    assert len(folds) == 5
    check_partition(folds, 1003)
    counts = np.array([np.bincount(y[test], minlength=3) for test in folds.test])
    assert np.ptp(counts, axis=0).max() <= 1
    assert np.ptp([test.size for test in folds.test]) <= 1
    for a, b in zip(folds.test, folds_of(5, y).test, strict=True):
        np.testing.assert_array_equal(a, b)


def test_folds_of_a_regression_have_small_and_large_targets():
    y = RNG.exponential(size=502) ** 3
    folds = folds_of(5, y, is_classifier=False)
    check_partition(folds, 502)
    largest = np.argsort(y)[-25:]
    for test in folds.test:
        assert 4 <= np.isin(largest, test).sum() <= 6
    two = folds_of(5, np.column_stack([y, RNG.random(502)]), is_classifier=False)
    np.testing.assert_array_equal(two.rows, folds.rows)


@pytest.mark.parametrize("n_samples", [2, 3, 5, 60])
@pytest.mark.parametrize("is_classifier", [False, True])
def test_few_rows(n_samples, is_classifier):
    folds = folds_of(5, np.zeros(n_samples), is_classifier=is_classifier)
    assert len(folds) == min(5, n_samples)
    check_partition(folds, n_samples)


def test_a_class_with_fewer_rows_than_folds():
    y = np.array([0] * 20 + [1] * 2 + [2])
    folds = folds_of(5, y)
    assert folds.times.tolist() == [1] * 22 + [0]
    for train in folds.train:
        assert set(y[train]) == {0, 1, 2}
    assert np.isnan(folds.average(np.ones(folds.rows.size))[22])


def test_rows_of_weight_0_train_nothing_and_change_no_other_fold():
    y = RNG.choice(3, 90)
    more = np.concatenate([y, [0, 1, 7]])
    weight = np.concatenate([np.full(90, 2.0), np.zeros(3)])
    folds, with_more = folds_of(5, y), folds_of(5, more, sample_weight=weight)
    for k in range(5):
        np.testing.assert_array_equal(with_more.train[k], folds.train[k])
        np.testing.assert_array_equal(with_more.test[k][with_more.test[k] < 90], folds.test[k])
    np.testing.assert_array_equal(with_more.times, 1)


@pytest.mark.parametrize("is_classifier", [False, True])
def test_groups_stay_whole(is_classifier):
    groups = RNG.integers(0, 40, 600)
    y = np.where(groups < 6, 1, 0)
    folds = folds_of(5, y, groups=groups.astype(str), is_classifier=is_classifier)
    check_partition(folds, 600)
    for train, test in zip(folds.train, folds.test, strict=True):
        assert not set(groups[train]) & set(groups[test])
        assert 100 <= test.size <= 140
        if is_classifier:
            assert y[test].sum() > 0
    assert len(folds_of(5, y, groups=groups % 3)) == 3


def test_a_group_of_weight_0():
    groups = np.repeat([3, 1, 2], 4)
    folds = folds_of(5, np.tile([0, 1], 6), groups=groups, sample_weight=1.0 * (groups != 1))
    assert len(folds) == 2
    np.testing.assert_array_equal(folds.times, 1)
    assert not np.isin(np.concatenate(folds.train), np.flatnonzero(groups == 1)).any()


@pytest.mark.parametrize("cv", [KFold(3), TimeSeriesSplit(4), ShuffleSplit(2, random_state=0)])
def test_a_splitter_and_its_pairs_give_its_folds(cv):
    y = RNG.random(50)
    splits = list(cv.split(y))
    for given in (cv, splits, iter(splits)):
        folds = folds_of(given, y, is_classifier=False)
        for (train, test), *found in zip(splits, folds.train, folds.test, strict=True):
            np.testing.assert_array_equal(found[0], train)
            np.testing.assert_array_equal(found[1], np.sort(test))


def test_masks_and_a_single_split():
    mask = np.arange(10) < 7
    folds = folds_of([(mask, ~mask)], np.zeros(10))
    assert folds.rows.tolist() == [7, 8, 9]


@pytest.mark.parametrize("cv", [GroupKFold(3), LeaveOneGroupOut()])
def test_groups_reach_a_splitter(cv):
    groups = np.repeat([0, 1, 2], 5)
    folds = folds_of(cv, np.zeros(15), groups=groups)
    assert len(folds) == 3
    with pytest.raises(ValueError, match="groups"):
        folds_of(cv, np.zeros(15))


@pytest.mark.parametrize("make", [list, lambda groups: np.array(groups, object)])
def test_a_number_and_its_text_are_two_groups(make):
    y = np.arange(40) % 2
    folds = folds_of(2, y, groups=make([1, "1"] * 20))
    assert sorted(map(list, folds.test)) == [[*range(0, 40, 2)], [*range(1, 40, 2)]]
    same = folds_of(2, y, groups=make([1, 1.0, True, "b"] * 10))
    assert sorted(map(len, same.test)) == [10, 30]


def test_the_type_that_holds_groups_changes_no_fold():
    y, names = np.arange(60) % 2, [f"g{i % 7}" for i in range(60)]
    expected = folds_of(3, y, groups=np.array(names))
    for groups in (names, np.array(names, object), pd.Categorical(names), pd.Series(names)):
        for test, rows in zip(folds_of(3, y, groups=groups).test, expected.test, strict=True):
            assert_array_equal(test, rows)


def test_average_of_rows_predicted_never_once_and_twice():
    folds = folds_of([([0, 1], [2, 3]), ([0, 1], [3, 4])], np.zeros(5))
    averages = folds.average(np.array([[1.0, 2], [3, 4], [5, 6], [7, 8]]))
    nan = np.nan
    np.testing.assert_array_equal(averages, [[nan, nan], [nan, nan], [1, 2], [4, 5], [7, 8]])
    np.testing.assert_array_equal(folds.weights(), [1, 0.5, 0.5, 1])
    np.testing.assert_array_equal(folds.weights(np.arange(5.0)), [2, 1.5, 1.5, 4])
    assert folds.numbers.tolist() == [0, 0, 1, 1]


def test_repeated_folds_average_to_every_row():
    folds = folds_of(RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), np.zeros(12))
    np.testing.assert_array_equal(folds.times, 2)
    np.testing.assert_array_equal(folds.average(folds.rows.astype(float)), np.arange(12))


@pytest.mark.parametrize(
    ("cv", "told"),
    [
        (1, "cv=1 is no number of folds"),
        (True, "cv=True is no number of folds"),
        (2.5, r"cv=2\.5 has to be a number of folds, a splitter or pairs"),
        ("five", "cv='five' has to be"),
        ([], "has no splits"),
        ([3, 4], "split 0 is no pair"),
        ([([0, 1], [2, 3], [4])], "split 0 is no pair"),
        ([([0, 1], [1, 2])], "split 0 has 1 rows both to train and to test, row 1"),
        ([([0, 1], [])], "the test rows of split 0 are no positions"),
        ([([0.5, 1], [2])], "the train rows of split 0 are no positions"),
        ([([0, 1], [2]), ([0, 1], [10])], "the test rows of split 1 run from 10 to 10"),
        ([([-1, 1], [2])], "the train rows of split 0 run from -1"),
    ],
)
def test_bad_cv(cv, told):
    with pytest.raises(ValueError, match=told):
        folds_of(cv, np.zeros(10))


@pytest.mark.parametrize(
    ("y", "kwargs", "told"),
    [
        ([0], {}, "n_samples=1 rows of weight above 0 are too few"),
        ([0, 0, 1], {"sample_weight": np.array([1.0, 0, 0])}, "n_samples=1"),
        ([0, 1, 2], {}, "3 classes of one row each"),
        ([0, 0, 1], {"groups": [1, 1, 1]}, "groups has 1 value among"),
        ([0, 0, 1], {"groups": [1.0, np.nan, 2.0]}, "groups has NaN in row 1: give each row"),
        ([0, 0, 1], {"groups": ["a", "b", None]}, "groups has a missing value in row 2"),
        ([0, 0, 1], {"groups": pd.array([1, 2, None], "Int64")}, "groups has .* in row 2"),
        ([0, 0, 1], {"groups": [1, 1]}, r"groups has shape \(2,\), but there are 3 rows"),
    ],
)
def test_bad_rows(y, kwargs, told):
    with pytest.raises(ValueError, match=told):
        folds_of(5, y, **kwargs)


def test_a_split_whose_training_rows_weigh_nothing():
    weight = np.array([0.0, 1, 1])
    with pytest.raises(ValueError, match="split 1 has no row to train on"):
        folds_of([([1], [2]), ([0], [1])], np.zeros(3), sample_weight=weight)
