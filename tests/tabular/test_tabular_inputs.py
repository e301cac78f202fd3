"""Tables as people have them: any frame, any column, any target."""

import datetime
import decimal
import warnings
from pathlib import Path

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes
from sklearn.metrics import d2_pinball_score
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, RepeatedKFold, TimeSeriesSplit

from fastnn import TabularClassifier, TabularRegressor
from fastnn.columns import describe

draw = np.random.default_rng(0)
N = 60
NUMBERS = draw.normal(size=(N, 3))
CLASSES = (NUMBERS[:, 0] + NUMBERS[:, 1] > 0).astype(int)
TARGET = NUMBERS[:, 0] - NUMBERS[:, 1]
DAY = np.datetime64("2024-01-01")


def classifier(**parameters):
    return TabularClassifier(**{"effort": "quick", "cv": 2, "random_state": 0, **parameters})


def regressor(**parameters):
    return TabularRegressor(**{"effort": "quick", "cv": 2, "random_state": 0, **parameters})


def mixed_table():
    """Columns of every kind, with gaps, as lists."""
    kinds = ["red", "green", None]
    begin = datetime.datetime(2024, 1, 1)
    return {
        "x": [None if i % 7 == 0 else float(v) for i, v in enumerate(NUMBERS[:, 0])],
        "whole": list(range(N)),
        "colour": [kinds[i % 3] for i in range(N)],
        "flag": [bool(c) for c in CLASSES],
        "when": [begin + datetime.timedelta(days=5 * i) for i in range(N)],
    }


FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}


@pytest.mark.parametrize("library", FRAMES)
def test_each_kind_of_frame_gives_the_same_model(library):
    expected = classifier().fit(pl.DataFrame(mixed_table()), CLASSES)
    X = FRAMES[library](mixed_table())
    model = classifier().fit(X, CLASSES)
    assert list(model.feature_names_in_) == list(mixed_table())
    assert_array_equal(model.predict_proba(X), expected.predict_proba(pl.DataFrame(mixed_table())))
    kinds = [column.kind for column in describe(model.columns_)]
    assert kinds == ["number", "number", "category", "category", "date"]
    assert model.score(X, CLASSES) > 0.9


def test_arrays_lists_and_sparse_matrices_give_the_same_model():
    X = np.where(NUMBERS > 0.5, NUMBERS, 0.0)
    expected = regressor().fit(X, TARGET).predict(X)
    for form in (
        X.tolist(),
        np.asfortranarray(X),
        X[::-1][::-1],
        sp.csr_array(X),
        sp.csc_matrix(X),
    ):
        assert_allclose(regressor().fit(form, TARGET).predict(form), expected, rtol=1e-6)


@pytest.mark.parametrize("declared", [[1], ["b"], [False, True, False], "from_dtype"], ids=str)
def test_categories_are_declared_in_each_form(declared):
    X = pd.DataFrame(NUMBERS, columns=list("abc"))
    X["b"] = levels = draw.integers(4, size=N)
    if declared == "from_dtype":
        X["b"] = X["b"].astype("category")
    model = regressor(categorical_features=declared).fit(X, levels % 2)
    assert describe(model.columns_)[1].kind == "category"
    assert model.score(X, levels % 2) > 0.9


def test_unseen_categories_count_as_missing():
    X = pd.DataFrame({"c": ["a", "b", None, "a", "b", "c"] * 10, "x": np.arange(60.0)})
    model = classifier().fit(X, CLASSES)
    rows = X[:2].assign(c=["never seen", None])
    rows["x"] = 3.0
    first, second = model.predict_proba(rows)
    assert_array_equal(first, second)


HARD = {
    "constant": np.ones(N),
    "empty": np.full(N, np.nan),
    "duplicate": NUMBERS[:, 0],
    "1e30": NUMBERS[:, 0] * 1e30,
    "one outlier": np.append(NUMBERS[1:, 0], 1e30),
    "heavy tails": np.tan(np.linspace(-1.57, 1.57, N)),
    "subnormal": NUMBERS[:, 0] * 1e-310,
    "mostly gaps": np.where(np.arange(N) < 3, NUMBERS[:, 0], np.nan),
    "levels, all of one row": [f"k{i % 15}" for i in range(N)],
    "boolean": NUMBERS[:, 0] > 0,
    "time of day": [datetime.time(i % 24) for i in range(N)],
    "duration": pd.to_timedelta(np.arange(N), unit="h"),
    "far dates": pd.date_range("1700-01-01", periods=N, freq="1000D"),
}


@pytest.mark.parametrize("column", HARD)
def test_hard_columns_break_nothing(column):
    X = pd.DataFrame({"a": NUMBERS[:, 0], "b": NUMBERS[:, 1], "hard": HARD[column]})
    model = regressor().fit(X, TARGET)
    assert np.isfinite(model.predict(X)).all()
    assert model.score(X, TARGET) > 0.7
    assert np.abs(model.predict(X.assign(hard=X["hard"].iloc[0]))).max() < 10


def test_columns_that_were_empty_in_training_are_ignored_and_named_once():
    X = pd.DataFrame({"a": NUMBERS[:, 0], "note": None, "c": np.nan, "d": np.nan})
    model = regressor().fit(X, TARGET)
    expected = model.predict(X)  # without a warning, as these are errors here
    for now in (3.5, "late", [[1, 2]] * N):
        with pytest.warns(
            UserWarning, match="were empty in training .* now: 'note', 'd'\\."
        ) as told:
            assert_array_equal(model.predict(X.assign(note=now, d=1)), expected)
        assert [Path(warning.filename).name for warning in told] == [Path(__file__).name]
    as_array = X.assign(note=np.nan).to_numpy(float)
    model = regressor().fit(as_array, TARGET)
    as_array[5, 2] = 1
    with pytest.warns(UserWarning, match="values now: 'x2'\\."):
        assert_array_equal(model.predict(as_array), expected)


@pytest.mark.parametrize("value", [np.nan, 1.0, "a"], ids=str)
def test_a_table_without_anything_to_learn_from_predicts_the_mean(value):
    X = pd.DataFrame({"only": [value] * N})
    model = regressor().fit(X, TARGET)
    assert_allclose(model.predict(X), TARGET.mean(), atol=0.3)
    probabilities = classifier().fit(X, CLASSES).predict_proba(X[:1])
    assert_allclose(probabilities[0, 1], CLASSES.mean(), atol=0.1)


def test_a_hundred_thousand_levels_take_memory_in_proportion():
    n = 100_000
    X = pd.DataFrame({"id": np.arange(n) % (n - 10), "x": np.linspace(-1, 1, n)})
    model = classifier(members="boosting", categorical_features=["id"], cv=2)
    model.fit(X, X["x"] > 0)
    assert model.score(X, X["x"] > 0) > 0.99
    assert sum(member["oof"].nbytes for member in model.members_) < 20 * n


def test_identifiers_are_left_out_with_a_warning():
    X = pd.DataFrame({"x": NUMBERS[:, 0], "id": [f"customer-{i:06}" for i in range(N)]})
    with pytest.warns(UserWarning, match="'id' is left out"):
        model = classifier().fit(X, CLASSES)
    assert [column.kind for column in describe(model.columns_)] == ["number", "identifier"]
    model.predict(X.assign(id="someone else"))


def test_free_text_is_an_error_that_tells_the_way_out():
    told = [f"the {a} dog number {i} ran far away" for i, a in enumerate(["big", "old"] * 30)]
    with pytest.raises(ValueError, match=r"Column 'review' holds free text.*skrub"):
        classifier().fit(pd.DataFrame({"x": NUMBERS[:, 0], "review": told}), CLASSES)


# ------------------------------------------------------------------------------------ few rows


@pytest.mark.parametrize("n", [2, 3, 5, 12])
def test_few_rows_are_enough(n):
    X, y = np.arange(n)[:, None] * 1.0, np.arange(n) % 2
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "R\\^2 score is not well-defined")
        assert regressor(cv=None).fit(X, y).predict(X).shape == (n,)
        if n > 2:
            probabilities = classifier(cv=None).fit(X, y).predict_proba(X)
            assert probabilities.shape == (n, 2)
            assert (probabilities > 0).all()


def test_one_row_is_an_error():
    with pytest.raises(ValueError, match="n_samples=1"):
        regressor().fit([[1.0]], [1.0])


def test_a_class_of_one_row_keeps_its_column():
    y = np.where(np.arange(N) == 7, "maybe", np.where(CLASSES, "yes", "no"))
    model = classifier(cv=None).fit(NUMBERS, y)
    probabilities = model.predict_proba(NUMBERS)
    assert list(model.classes_) == ["maybe", "no", "yes"]
    assert (probabilities > 0).all()
    assert_allclose(probabilities.sum(axis=1), 1)
    assert np.isnan(model.oof_prediction_[7]).all()


# ------------------------------------------------------------------------------------- targets


def test_binary_targets_of_texts():
    y = np.where(CLASSES, "ham", "spam")
    model = classifier().fit(NUMBERS, y)
    assert set(model.predict(NUMBERS)) <= {"ham", "spam"}
    assert model.score(NUMBERS, y) > 0.9
    assert model.predict_set(NUMBERS).any(axis=1).all()


def test_a_hundred_classes():
    y = np.arange(200) % 100
    noise = np.random.default_rng(0).normal(size=(200, 2)) / 20  # as in any order of the tests
    X = np.column_stack([y // 10, y % 10]) + noise
    model = classifier().fit(X, y)
    assert model.predict_proba(X[:5]).shape == (5, 100)
    assert model.score(X, y) > 0.2


def test_several_targets():
    Y = np.column_stack([TARGET, -TARGET, NUMBERS[:, 2]])
    model = regressor().fit(NUMBERS, Y)
    assert model.predict(NUMBERS).shape == model.oof_prediction_.shape == (N, 3)
    assert model.predict_interval(NUMBERS).shape == (N, 2, 3)
    assert model.score(NUMBERS, Y) > 0.7


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        ("absolute_error", TARGET),
        ("huber", TARGET),
        ("log_cosh", TARGET),
        ("quantile", TARGET),
        ("poisson", np.round(np.exp(TARGET))),
        ("gamma", np.exp(TARGET)),
    ],
)
def test_each_loss(loss, y):
    model = regressor(loss=loss).fit(NUMBERS, y)
    assert np.corrcoef(model.predict(NUMBERS), y)[0, 1] > 0.4
    assert np.isfinite([model.validation_loss_, model.validation_score_]).all()
    if loss in ("poisson", "gamma"):
        assert (model.predict(NUMBERS * 9) > 0).all()


def test_quantiles_lie_in_order():
    model = regressor(loss="quantile", quantile=[0.1, 0.5, 0.9]).fit(NUMBERS, TARGET)
    low, middle, high = model.predict(NUMBERS).T
    assert (low <= middle).mean() > 0.9 < (middle <= high).mean()
    with pytest.raises(ValueError, match="predict_interval"):
        model.predict_interval(NUMBERS)


@pytest.mark.parametrize("quantile", [0.7, [0.7]], ids=str)
def test_a_quantile_of_several_targets(quantile):
    Y = np.column_stack([TARGET, -TARGET])
    model = regressor(loss="quantile", quantile=quantile).fit(NUMBERS, Y)
    predictions = model.predict(NUMBERS)
    expected = d2_pinball_score(Y, predictions, alpha=0.7)
    assert model.score(NUMBERS, Y) == pytest.approx(expected)
    assert model.validation_score_ > 0


def test_targets_far_from_zero_and_small_ones():
    for scale, shift in ((1e-9, 0.0), (1e9, 0.0), (1.0, 1e6)):
        y = TARGET * scale + shift
        assert regressor().fit(NUMBERS, y).score(NUMBERS, y) > 0.7


# ------------------------------------------------------------------------------------- weights


def test_rows_of_weight_zero_do_not_count():
    X, y = np.vstack([NUMBERS, NUMBERS]), np.append(CLASSES, 1 - CLASSES)
    weights = np.repeat([1.0, 0.0], N)
    assert classifier().fit(X, y, sample_weight=weights).score(NUMBERS, CLASSES) > 0.9


@pytest.mark.parametrize("unit", [1e-300, 1 / N / 1000, 1e300])
def test_the_unit_of_weights_decides_on_nothing(unit):
    weights = 1.0 + (NUMBERS[:, 1] > 0)
    expected = regressor().fit(NUMBERS, TARGET, sample_weight=weights).predict(NUMBERS)
    found = regressor().fit(NUMBERS, TARGET, sample_weight=weights * unit).predict(NUMBERS)
    assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_class_weights_move_the_probabilities():
    y = (NUMBERS[:, 0] + draw.normal(size=N) > 1).astype(int)
    plain = classifier().fit(NUMBERS, y)
    for weights in ("balanced", {0: 1, 1: 5}):
        balanced = classifier(class_weight=weights).fit(NUMBERS, y)
        assert (
            balanced.predict_proba(NUMBERS)[:, 1].mean() > plain.predict_proba(NUMBERS)[:, 1].mean()
        )


# ------------------------------------------------------------------------------ folds and scores


def test_groups_are_never_torn_apart():
    groups = np.repeat([f"g{k}" for k in range(12)], 5)
    for cv in (3, GroupKFold(3)):
        model = regressor(cv=cv).fit(NUMBERS, TARGET, groups=groups)
        for test in model._folds_["test"]:
            assert not set(groups[test]) & set(np.delete(groups, test))


def test_splitters_and_lists_of_rows():
    halves = [(np.arange(30), np.arange(30, 60)), (np.arange(30, 60), np.arange(30))]
    for cv, n_folds in (
        (RepeatedKFold(n_splits=2, n_repeats=2), 4),
        (halves, 2),
        (iter(halves), 2),
    ):
        model = regressor(cv=cv).fit(NUMBERS, TARGET)
        assert len(model.members_[0]["states"]) == n_folds
        assert np.isfinite(model.oof_prediction_).all()
    in_time = regressor(cv=TimeSeriesSplit(3)).fit(NUMBERS, TARGET)
    assert np.isnan(in_time.oof_prediction_[:15]).all()
    assert np.isfinite(in_time.oof_prediction_[15:]).all()


def mean_gap(model, X, y):
    return -np.abs(model.predict(X) - y).mean()


@pytest.mark.parametrize("scoring", ["neg_mean_absolute_error", "max_error", mean_gap])
@pytest.mark.parametrize("weights", [None, np.linspace(1, 2, N)], ids=["plain", "weighted"])
def test_a_score_chooses_in_place_of_the_loss(scoring, weights):
    scoring = "neg_max_error" if scoring == "max_error" else scoring
    model = regressor(scoring=scoring).fit(NUMBERS, TARGET, sample_weight=weights)
    if weights is None and scoring != "neg_max_error":
        gap = np.abs(model.oof_prediction_ - TARGET).mean()
        assert_allclose(model.validation_score_, -gap, rtol=1e-5)


@pytest.mark.parametrize("scoring", ["roc_auc", "neg_log_loss", "f1", "balanced_accuracy"])
def test_scores_of_classes(scoring):
    y = np.where(np.arange(N) < 4, 1, 0)  # so few that a fold may have none
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)  # of scikit-learn, in such a fold
        model = classifier(scoring=scoring, cv=5).fit(NUMBERS, y)
    assert np.isfinite(model.validation_score_)


def test_what_a_score_says_of_some_rows_alone_is_not_told():
    groups = np.arange(N) // 12
    y = (groups == 0).astype(int)  # no fold but one has both classes
    model = classifier(scoring="roc_auc", cv=LeaveOneGroupOut()).fit(NUMBERS, y, groups=groups)
    assert np.isfinite(model.validation_score_)


def test_a_score_that_does_not_go_with_the_target_is_an_error_before_training():
    with pytest.raises(ValueError, match="multi_class"):
        classifier(scoring="roc_auc").fit(NUMBERS, np.arange(N) % 3)
    with pytest.raises(ValueError, match="scoring"):
        classifier(scoring="no such score").fit(NUMBERS, CLASSES)


def test_the_score_of_rows_held_out_is_about_that_of_new_rows():
    X, y = load_diabetes(return_X_y=True)
    model = regressor(cv=5).fit(X[:300], y[:300])
    assert abs(model.validation_score_ - model.score(X[300:], y[300:])) < 0.15
    assert model.score(X[300:], y[300:]) > 0.3
    covered = model.predict_interval(X[300:])
    assert 0.8 < ((covered[:, 0] <= y[300:]) & (y[300:] <= covered[:, 1])).mean() < 1


def test_skrub_makes_a_pipeline_of_it():
    skrub = pytest.importorskip("skrub", reason="the oldest versions are tested without it")
    pipeline = skrub.tabular_pipeline(classifier())
    X = pd.DataFrame(mixed_table())
    assert pipeline.fit(X, CLASSES).score(X, CLASSES) > 0.9


# ------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (NUMBERS, np.where(CLASSES, 1.0, np.nan), "Input y contains NaN in row [0-9]+: leave"),
        (NUMBERS, np.where(CLASSES, DAY, np.datetime64("NaT")), "a missing value in row [0-9]"),
        (NUMBERS, np.ma.masked_array(CLASSES, np.arange(N) == 7), "a missing value in row 7"),
        (NUMBERS, np.where(CLASSES, "a", None), "missing value in row [0-9]"),
        (NUMBERS, pd.Series(np.where(CLASSES, "a", None), dtype="string"), "missing value in row"),
        (NUMBERS, np.ones(N), "y has one class, 1.0: a classifier needs"),
        (NUMBERS, TARGET, "Unknown label type"),
        (NUMBERS[:-1], CLASSES, "inconsistent numbers of samples"),
        (np.where(NUMBERS > 2, np.inf, NUMBERS), CLASSES, "infinity in column 'x"),
        (NUMBERS[:0], CLASSES[:0], "0 sample"),
        (NUMBERS[:, :0], CLASSES, "0 feature"),
        (NUMBERS[:, 0], CLASSES, "Expected 2D array"),
    ],
)
def test_bad_rows_are_told_in_one_sentence(X, y, message):
    with pytest.raises(ValueError, match=message):
        classifier().fit(X, y)


def test_decimals_are_targets():
    y = [decimal.Decimal(int(1000 * value)) / 1000 for value in TARGET]
    model = regressor(members="boosting").fit(NUMBERS, y)
    assert model.score(NUMBERS, y) == model.score(NUMBERS, np.array(y, float)) > 0.7


def test_bad_targets_of_a_regressor():
    for y, message in (
        (np.where(CLASSES, np.inf, 1.0), "Input y contains infinity"),
        (np.where(np.arange(N) == 8, np.nan, TARGET), "Input y contains NaN in row 8: leave"),
        ([None, *TARGET[1:]], "Input y contains a missing value in row 0: leave"),
        (pd.array([*TARGET[1:], None], "Float64"), "a missing value in row 59|NaN in row 59"),
        (None, "the target y is None"),
        (["a"] * N, "could not convert|dtype"),
        (TARGET * 1e200, "y has values as large as"),
    ):
        with pytest.raises(ValueError, match=message):
            regressor().fit(NUMBERS, y)
    with pytest.raises(ValueError, match="poisson"):
        regressor(loss="poisson").fit(NUMBERS, TARGET)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"members": "forests"}, "members"),
        ({"members": []}, "members"),
        ({"members": ["networks", "svm"]}, "members"),
        ({"effort": "huge"}, "effort"),
        ({"n_jobs": 0}, "n_jobs=0 has no meaning"),
        ({"max_time": 0}, "max_time"),
        ({"cv": 1}, "cv"),
        ({"cv": "three"}, "cv"),
        ({"class_weight": "fair"}, "class_weight"),
        ({"class_weight": {"red": 2}}, "red"),
        ({"categorical_features": [9]}, "categorical_features"),
        ({"random_state": "a"}, "random_state"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        classifier(**parameters).fit(NUMBERS, CLASSES)


def test_members_that_do_not_know_the_loss_are_named():
    with pytest.raises(ValueError, match="members='random_trees' has none that knows loss='gamma'"):
        regressor(members="random_trees", loss="gamma").fit(NUMBERS, np.exp(TARGET))


def test_new_rows_of_another_kind_are_told_by_column():
    X = pd.DataFrame({"x": NUMBERS[:, 0], "c": ["a", "b"] * 30})
    model = classifier().fit(X, CLASSES)
    for rows, message in (
        (X.rename(columns={"x": "z"}), "unseen at fit time"),
        (X[["x"]], "missing"),
        (X.assign(x="word"), "Column 'x' held numbers in training and now holds texts"),
        (X.assign(x=np.inf), "infinity in column 'x'"),
    ):
        with pytest.raises(ValueError, match=message):
            model.predict(rows)
    with (
        pytest.warns(UserWarning, match="feature names"),
        pytest.raises(ValueError, match="3 feat"),
    ):
        model.predict(NUMBERS)


@pytest.mark.parametrize("coverage", [0, 1, -0.1, 90, "much", None])
def test_coverage_is_a_share(coverage):
    model = classifier().fit(NUMBERS, CLASSES)
    with pytest.raises(ValueError, match="coverage"):
        model.predict_set(NUMBERS, coverage=coverage)


def test_narwhals_frames():
    X = nw.from_native(pl.DataFrame(mixed_table()))
    assert classifier().fit(X, CLASSES).score(X, CLASSES) > 0.9


@pytest.mark.parametrize("form", ["array", "frame", "sparse"])
def test_numbers_in_another_byte_order(form):
    X = NUMBERS.astype(NUMBERS.dtype.newbyteorder())
    y = CLASSES.astype(CLASSES.dtype.newbyteorder())
    if form == "frame":
        X = pd.DataFrame({name: X[:, k] for k, name in enumerate("abc")})
    elif form == "sparse":
        numbers, X = X, sp.csr_array(NUMBERS)
        X.data = numbers.ravel()
    model = classifier(members=["random_trees"])
    expected = model.fit(NUMBERS, CLASSES).predict_proba(NUMBERS)
    assert_array_equal(classifier(members=["random_trees"]).fit(X, y).predict_proba(X), expected)
