"""What is done with a source beside fits: preprocessing in one pass, predictions, samples."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from fastnn import BlockPreprocessor, MLPClassifier, MLPRegressor, make_source

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
pq = pytest.importorskip("pyarrow.parquet")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.default_rng(0)
X = RNG.standard_normal((3000, 6)) * [1, 10, 100, 1, 1, 1] + [0, 5, -50, 0, 0, 0]
Y = np.array(["no", "yes"])[(X[:, 1] > 5).astype(int)]
T = X[:, 0]


def mlp(**parameters):
    return MLPClassifier(max_iter=20, learning_rate_init=0.01, random_state=0, **parameters)


# ----------------------------------------------------------------------------- pipelines


@pytest.mark.parametrize("memory", [1_000_000, 500_000_000])
def test_transformers_of_scikit_learn_learn_by_partial_fit(memory):
    wide = np.hstack([X] * 10)
    source = make_source(
        lambda: ((wide[k : k + 250], Y[k : k + 250]) for k in range(0, 3000, 250)), memory=memory
    )
    steps = MinMaxScaler(), FunctionTransformer(np.sqrt), "passthrough", StandardScaler()
    pipeline = source.fit_pipeline(make_pipeline(*steps, mlp(shuffle=False, batch_size=50)))
    arrays = make_pipeline(*steps, mlp(shuffle=False, batch_size=50)).fit(wide, Y)
    assert pipeline[0].n_samples_seen_ == 3000
    np.testing.assert_allclose(pipeline[3].mean_, arrays[3].mean_, rtol=1e-10)
    np.testing.assert_allclose(pipeline.predict_proba(wide), arrays.predict_proba(wide), rtol=1e-4)
    assert pipeline.score(wide, Y) > 0.95
    again = source.fit_pipeline(pipeline)  # begins anew
    assert again[0].n_samples_seen_ == 3000


def test_a_pipeline_keeps_the_names_of_columns(tmp_path):
    frame = pd.DataFrame(X, columns=list("abcdef"))
    frame.assign(y=Y).to_parquet(tmp_path / "rows.parquet", row_group_size=500)
    source = make_source(tmp_path, "y")
    model = source.fit_pipeline(make_pipeline(StandardScaler(), IncrementalPCA(6), mlp()))
    assert list(model.feature_names_in_) == list("abcdef")
    assert model.score(frame, Y) > 0.95  # and without a warning of names
    np.testing.assert_array_equal(source.predict(model), model.predict(frame))


def test_steps_that_cannot_learn_from_blocks_say_so():
    source = make_source(X, Y)
    with pytest.raises(ValueError, match="The step 'pca', PCA, has no partial_fit"):
        source.fit_pipeline(make_pipeline(PCA(), mlp()))
    with pytest.raises(TypeError, match="is no array"):
        source.fit_pipeline(make_pipeline(StandardScaler(), MinMaxScaler()))


# ------------------------------------------------------------------------ predictions


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_models_predict_for_a_source(form):
    data = form(X)
    model, source = mlp().fit(data, Y), make_source(data, block_rows=700)
    for method in ("predict", "predict_proba"):
        expected = getattr(model, method)(data)
        np.testing.assert_array_equal(getattr(model, method)(source), expected)
        np.testing.assert_array_equal(source.predict(model, method=method), expected)
    expected = model.hidden_activations(data, 0)
    np.testing.assert_array_equal(model.hidden_activations(source, 0), expected)


def test_predictions_go_to_a_parquet_file(tmp_path, monkeypatch):
    monkeypatch.setattr("fastnn.sources.parquet_output.ROWS_AT_ONCE", 1000)
    model, source = mlp().fit(X, Y), make_source(X, block_rows=300)
    path = source.predict(model, tmp_path / "labels.parquet")
    assert pq.ParquetFile(path).num_row_groups == 3
    np.testing.assert_array_equal(pd.read_parquet(path)["prediction"], model.predict(X))
    source.predict(model, tmp_path / "p.parquet", method="predict_proba")
    frame = pd.read_parquet(tmp_path / "p.parquet")
    assert list(frame) == ["probability_no", "probability_yes"]
    np.testing.assert_array_equal(frame.to_numpy(), model.predict_proba(X))
    several = MLPRegressor(max_iter=2, random_state=0).fit(X, X[:, :2])
    source.predict(several, tmp_path / "t.parquet")
    frame = pd.read_parquet(tmp_path / "t.parquet")
    assert list(frame) == ["prediction_0", "prediction_1"]
    np.testing.assert_array_equal(frame.to_numpy(), several.predict(X))


def test_probabilities_of_several_targets(tmp_path):
    model = mlp().fit(X, np.stack([X[:, 0] > 0, np.digitize(X[:, 3], [-1, 1])], axis=1).astype(int))
    source = make_source(X, block_rows=300)
    for ours, expected in zip(model.predict_proba(source), model.predict_proba(X), strict=True):
        np.testing.assert_array_equal(ours, expected)
    source.predict(model, tmp_path / "p.parquet", method="predict_proba")
    names = [f"probability_{name}" for name in ("0_0", "0_1", "1_0", "1_1", "1_2")]
    assert list(pd.read_parquet(tmp_path / "p.parquet")) == names


def test_a_file_of_predictions_is_whole_or_not_there(tmp_path):
    blocks = [(X[:1000],), (X[1000:, :5],)]
    with pytest.raises(ValueError, match="5 features"):
        make_source(lambda: iter(blocks)).predict(mlp().fit(X, Y), tmp_path / "p.parquet")
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------- samples


def test_a_sample_is_of_rows_that_belong_together():
    known = make_source(X, T, weights=T + 1e3, block_rows=300)
    unknown = make_source(
        lambda: (
            (X[k : k + 300], T[k : k + 300], T[k : k + 300] + 1e3) for k in range(0, 3000, 300)
        )
    )
    for source in (known, unknown):
        some, y, weights = source.sample(200, random_state=0)
        assert some.shape == (200, 6)
        np.testing.assert_array_equal(some[:, 0], y)
        np.testing.assert_array_equal(weights, y + 1e3)
        assert len(set(y)) == 200
        np.testing.assert_array_equal(source.sample(10**6)[0], X)
    assert make_source(sparse.csr_matrix(X)).sample(5)[0].shape == (5, 6)
    with pytest.raises(ValueError, match="n_rows has to be"):
        known.sample(0)


# ----------------------------------------------------------------------- preprocessing

FRAME = pd.DataFrame(X, columns=list("abcdef")).assign(
    city=RNG.choice(["Rome", "Oslo", None], 3000, p=[0.5, 0.3, 0.2]), flag=RNG.random(3000) > 0.5
)
FRAME.loc[::7, "a"] = np.nan


def learnt(size, **parameters):
    preprocessor = BlockPreprocessor(**parameters)
    for start in range(0, 3000, size):
        preprocessor.partial_fit(FRAME[start : start + size])
    return preprocessor


@pytest.mark.parametrize("size", [3000, 170, 1])
def test_moments_and_ranges_are_those_of_all_rows(size):
    preprocessor = learnt(size)
    numbers = [0, 1, 2, 3, 4, 5, 7]
    columns = FRAME.drop(columns="city").astype(float)
    np.testing.assert_allclose(preprocessor.center_[numbers], columns.mean(), rtol=1e-10)
    np.testing.assert_allclose(preprocessor.scale_[numbers], columns.std(ddof=0), rtol=1e-10)
    np.testing.assert_array_equal(preprocessor.minimum_[numbers], columns.min())
    np.testing.assert_array_equal(preprocessor.maximum_[numbers], columns.max())
    assert preprocessor.categories_ == {6: ["Rome", "Oslo"]}
    assert preprocessor.n_samples_seen_ == 3000


def test_what_is_missing_or_unknown_is_zero():
    out = learnt(500).transform(FRAME.assign(city=["Bern", "Oslo", None] * 1000))
    assert out.dtype == np.float32
    assert (out[::7, 0] == 0).all()
    np.testing.assert_array_equal(out[:, 6:8], [[0, 0], [0, 1], [0, 0]] * 1000)
    names = ["a", "b", "c", "d", "e", "f", "city_Rome", "city_Oslo", "flag"]
    assert list(learnt(500).get_feature_names_out()) == names


def test_rare_categories_get_no_column():
    assert learnt(500, max_categories=1).categories_ == {6: ["Rome"]}


def test_quantiles():
    pytest.importorskip("datasketches")
    first, again = learnt(170, scaling="robust"), learnt(170, scaling="robust")
    np.testing.assert_array_equal(first.scale_, again.scale_)
    for place, name in ((1, "b"), (2, "c")):
        rank = (FRAME[name] < first.center_[place]).mean()
        assert rank == pytest.approx(0.5, abs=0.002)
        quartiles = np.quantile(FRAME[name], [0.25, 0.75])
        assert first.scale_[place] == pytest.approx(np.ptp(quartiles) / 1.349, rel=0.02)


def test_quantile_sketches_merge():
    pytest.importorskip("datasketches")
    from fastnn.sources.sketch import QuantileSketch

    halves = QuantileSketch(), QuantileSketch()
    for sketch, part in zip(halves, np.split(X[:, 0], 2), strict=True):
        sketch.add(part)
    halves[0].merge(halves[1])
    assert (X[:, 0] < halves[0].quantiles([0.9])[0]).mean() == pytest.approx(0.9, abs=0.002)


@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_a_saved_one_goes_on(scaling):
    pytest.importorskip("datasketches")
    half, whole = BlockPreprocessor(scaling).partial_fit(FRAME[:1000]), BlockPreprocessor(scaling)
    loaded = pickle.loads(pickle.dumps(half)).partial_fit(FRAME[1000:])
    whole.partial_fit(FRAME[:1000]).partial_fit(FRAME[1000:])
    np.testing.assert_array_equal(loaded.transform(FRAME), whole.transform(FRAME))
    np.testing.assert_array_equal(whole.fit(FRAME[:1000]).center_, half.center_)  # begins anew


def test_columns_that_make_no_sense_are_named():
    with pytest.raises(ValueError, match="Column b: there are infinite numbers"):
        BlockPreprocessor().partial_fit(FRAME.assign(b=np.inf))
    with pytest.raises(ValueError, match="Column city: there are more than 100000 categories"):
        BlockPreprocessor().partial_fit(pd.DataFrame({"city": [str(k) for k in range(100_001)]}))
    with pytest.raises(ValueError, match="feature names should match"):
        learnt(3000).partial_fit(FRAME.rename(columns={"a": "z"}))


def test_texts_in_parquet_files_are_learnt_from(tmp_path):
    label = np.where(FRAME["city"] == "Rome", "south", "north")
    FRAME.assign(y=label).to_parquet(tmp_path / "rows.parquet", row_group_size=400)
    source = make_source(tmp_path, "y")
    model = source.fit_pipeline(make_pipeline(BlockPreprocessor(), mlp()))
    assert model.score(FRAME, label) > 0.99
    assert source.sample(10)[0].shape == (10, 8)
    with pytest.raises(ValueError, match=r"columns \['city'\] hold no numbers"):
        mlp().fit(source)


def test_texts_in_dask_frames_are_learnt_from():
    dd = pytest.importorskip("dask.dataframe")
    label = (FRAME["city"] == "Rome").to_numpy()
    frame = dd.from_pandas(FRAME.assign(y=label), npartitions=4)
    source = make_source(frame, "y")
    model = source.fit_pipeline(make_pipeline(BlockPreprocessor(), mlp()))
    assert model.score(FRAME, label) > 0.99
