"""Estimators for tables over a source: a sample trains them, and all rows are predicted."""

import datetime

import numpy as np
import pytest

from fastnn import TabularClassifier, TabularRegressor, make_source
from fastnn.columns import describe

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

RNG = np.random.default_rng(0)
N = 2400


def frame():
    """Numbers, categories, dates, and gaps in all of them."""
    size, town = RNG.standard_normal(N), RNG.choice(["Rome", "Oslo", "Bern"], N)
    day = np.datetime64("2020-01-01") + RNG.integers(0, 900, N)
    X = pd.DataFrame({"size": size, "town": town, "day": day, "rooms": RNG.integers(1, 9, N)})
    X["kind"] = pd.Categorical(RNG.choice(["old", "new"], N))
    for name in ("size", "town", "day", "kind"):
        X.loc[RNG.random(N) < 0.05, name] = None
    return X


X = frame()
T = np.nan_to_num(X["size"].to_numpy()) + 2.0 * (X["town"] == "Rome").to_numpy()
Y = np.where(T > 1, "dear", "cheap")
WEIGHTS = RNG.random(N)
NAMES = list(X)


def classifier(**parameters):
    common = {"members": "random_trees", "effort": "quick", "random_state": 0}
    return TabularClassifier(**{**common, **parameters})


def regressor(**parameters):
    common = {"members": "random_trees", "effort": "quick", "random_state": 0}
    return TabularRegressor(**{**common, **parameters})


@pytest.fixture
def folder(tmp_path):
    """Three files of row groups of 300 rows."""
    given = X.assign(price=T, label=Y, weight=WEIGHTS)
    for k in range(3):
        part = given.iloc[800 * k : 800 * (k + 1)]
        part.to_parquet(tmp_path / f"part-{k}.parquet", row_group_size=300, index=False)
    return tmp_path


def test_rows_that_are_few_train_as_the_frame_does(folder):
    source = make_source(folder, "label", features=NAMES, weights="weight")
    ours, theirs = classifier().fit(source), classifier().fit(X, Y, WEIGHTS)
    np.testing.assert_array_equal(ours.oof_prediction_, theirs.oof_prediction_)
    np.testing.assert_array_equal(ours.predict_proba(source), theirs.predict_proba(X))
    assert ours.predict(source).tolist() == theirs.predict(X).tolist()
    np.testing.assert_array_equal(ours.predict_set(source), theirs.predict_set(X))
    assert list(ours.feature_names_in_) == NAMES
    assert ours.score(source) == pytest.approx(theirs.score(X, Y, WEIGHTS), rel=1e-12)
    assert {column.kind for column in describe(ours.columns_)} >= {"number", "category", "date"}


def test_of_many_rows_a_sample_trains(folder, monkeypatch):
    """1 MB is enough for 4000 rows of 5 columns; here cells are taken for four times as large."""
    from fastnn.tabular import sampled

    monkeypatch.setattr(sampled, "BYTES_OF_A_CELL", 200)
    source = make_source(folder, "price", features=NAMES, memory=1_000_000)
    model = regressor().fit(source)
    assert len(model.oof_prediction_) == 1000
    drawn, y, _ = source.sample(1000, random_state=0)
    theirs = regressor().fit(drawn, y)
    np.testing.assert_array_equal(model.predict(source), theirs.predict(X))
    assert model.score(source) == pytest.approx(theirs.score(X, T), rel=1e-9)
    assert model.score(source) > 0.7
    np.testing.assert_array_equal(model.predict_interval(source), theirs.predict_interval(X))
    model.permutation_importance(drawn, y, n_repeats=1)  # the rows of fit


@pytest.mark.filterwarnings("ignore:Maximum time")
def test_quantiles_are_scored(folder):
    source = make_source(folder, "price", features=NAMES)
    model = regressor(loss="quantile", quantile=[0.1, 0.9], members="networks", max_time=3)
    model.fit(source)
    assert model.score(source) == pytest.approx(model.score(X, T), rel=1e-9)


def test_predictions_are_written_to_parquet(folder, tmp_path):
    source = make_source(folder, "label", features=NAMES)
    model = classifier().fit(source)
    path = source.predict(model, tmp_path / "answers.pq", method="predict_proba")
    written = pd.read_parquet(path)
    assert list(written) == ["probability_cheap", "probability_dear"]
    np.testing.assert_array_equal(written.to_numpy(), model.predict_proba(X))


def test_columns_that_were_empty_in_training_are_named_once_for_all_blocks(tmp_path):
    nothing = X.assign(note=None, late=None)
    model = regressor().fit(nothing, T)
    now = nothing.assign(note="call", late=np.where(np.arange(N) < 1500, None, "back"), price=T)
    now.to_parquet(tmp_path / "now.pq", row_group_size=300, index=False)
    source = make_source(tmp_path / "now.pq", "price", features=list(nothing))
    calls = (
        lambda: model.predict(source),
        lambda: model.predict_interval(source),
        lambda: model.score(source),
        lambda: source.predict(model),
    )
    for call in calls:
        with pytest.warns(UserWarning, match="were empty in training") as told:
            call()
        names = [str(warning.message).rpartition("now: ")[2] for warning in told]
        assert names == ["'note'.", "'late'."]  # each by the first block that has it
        assert {warning.filename for warning in told} == {__file__}


def test_columns_that_differ_between_files_are_read_alike(tmp_path):
    """Whole numbers with gaps in one part only, and a column that one file lacks."""
    first = pa.table({"a": pa.array([1, 2, 3, 4] * 20), "b": ["x", "y"] * 40, "y": [0.0, 1.0] * 40})
    second = pa.table({"a": pa.array([1, None, 3, 4] * 20), "y": [0.0, 1.0] * 40})
    pq.write_table(first, tmp_path / "a.parquet")
    pq.write_table(second, tmp_path / "b.parquet")
    source = make_source(tmp_path, "y")
    parts = [part.X for part in source.parts()]
    assert [len(part) for part in parts] == [80, 80]
    assert parts[1]["b"].isna().all()
    assert regressor().fit(source).predict(source).shape == (160,)


def test_dates_keep_their_zone(tmp_path):
    day = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    days = [day + datetime.timedelta(hours=9 * k) for k in range(300)]
    table = pa.table({"when": days, "y": np.arange(300.0)})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=70)
    source = make_source(tmp_path, "y")
    model = regressor().fit(source)
    assert model.score(source) > 0.8
    np.testing.assert_array_equal(
        model.predict(source), model.predict(table.select(["when"]).to_pandas())
    )


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda source: classifier().fit(source, Y), "target and weights of its own"),
        (lambda source: classifier().fit(source, groups=Y), "groups go with rows"),
        (lambda source: classifier().fit(make_source(np.ones((9, 2)))), "has no target"),
    ],
)
def test_what_a_source_cannot_do_for_tables_is_said(call, told, folder):
    with pytest.raises(ValueError, match=told):
        call(make_source(folder, "label"))


def test_other_columns_are_refused(folder):
    model = classifier().fit(make_source(folder, "label", features=NAMES))
    other = make_source(folder, "label", features=NAMES[::-1])
    for call in (model.predict, model.score):
        with pytest.raises(ValueError, match="feature names should match"):
            call(other)


def test_numbers_beside_booleans_of_dask_frames_stay_numbers():
    dd = pytest.importorskip("dask.dataframe")
    given = pd.DataFrame({"size": T, "is_new": (X["kind"] == "new").to_numpy()})
    lazy = dd.from_pandas(given.assign(label=Y), npartitions=3, sort=False)
    ours, theirs = classifier().fit(make_source(lazy, "label")), classifier().fit(given, Y)
    kinds = [[column.kind for column in describe(one.columns_)] for one in (ours, theirs)]
    assert kinds[0] == kinds[1] == ["number", "category"]
    np.testing.assert_array_equal(ours.oof_prediction_, theirs.oof_prediction_)
