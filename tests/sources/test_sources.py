"""Sources of each kind of data: the same rows, whatever holds them."""

import threading

import numpy as np
import pytest
from scipy import sparse

from fastnn import MLPClassifier, make_source
from fastnn.sources.ahead import Ahead
from fastnn.sources.held_out import HeldOut
from fastnn.sources.order import shuffled

pa = pytest.importorskip("pyarrow")
ds = pytest.importorskip("pyarrow.dataset")
pq = pytest.importorskip("pyarrow.parquet")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2000, 4))
Y = RNG.integers(0, 3, 2000)
WEIGHTS = RNG.random(2000)
COLUMNS = ["a", "b", "c", "d"]


def table(X=X, y=Y, weights=WEIGHTS, **more):
    columns = dict(zip(COLUMNS, X.T, strict=True))
    return pa.table({**columns, "label": y, "weight": weights, **more})


@pytest.fixture
def folder(tmp_path):
    """Three files of row groups of 300 rows."""
    for k, rows in enumerate((slice(0, 700), slice(700, 1300), slice(1300, 2000))):
        part = table(X[rows], Y[rows], WEIGHTS[rows])
        pq.write_table(part, tmp_path / f"part-{k}.parquet", row_group_size=300)
    return tmp_path


def rows_of(source):
    parts = list(source.parts())
    return [None if of[0] is None else np.concatenate(of) for of in zip(*parts, strict=True)]


def test_a_folder_of_parquet_files(folder):
    for data in (str(folder), folder, ds.dataset(folder)):
        source = make_source(data, "label", weights="weight")
        assert source.blocks.n_rows == [300, 300, 100, 300, 300, 300, 300, 100]
        assert source.blocks.names == COLUMNS
        for ours, given in zip(rows_of(source), (X, Y, WEIGHTS), strict=True):
            np.testing.assert_array_equal(ours, given)
    some = rows_of(make_source(folder, ["a", "label"], features=["d", "b"]))
    np.testing.assert_array_equal(some[0], X[:, [3, 1]])
    np.testing.assert_array_equal(some[1], np.column_stack([X[:, 0], Y]))
    assert some[2] is None
    assert repr(source) == "<Source: 2000 rows in 8 blocks, 500 MB of memory>"


def test_a_table_in_memory_and_a_file_of_another_format(tmp_path):
    path = tmp_path / "rows.feather"
    pa.feather.write_feather(table(), path) if hasattr(pa, "feather") else None
    source = make_source(ds.dataset(table()), "label", features=COLUMNS)
    np.testing.assert_array_equal(rows_of(source)[0], X)
    if path.exists():
        source = make_source(ds.dataset(path, format="feather"), "label", features=COLUMNS)
        np.testing.assert_array_equal(rows_of(source)[0], X)


def test_columns_that_a_folder_is_divided_by(tmp_path):
    ds.write_dataset(
        table(), tmp_path, format="parquet", partitioning=["label"], partitioning_flavor="hive"
    )
    source = make_source(tmp_path, "label", features=COLUMNS)
    ours, y, _ = rows_of(source)
    order = np.argsort(Y, kind="stable")
    np.testing.assert_array_equal(y, Y[order])
    np.testing.assert_array_equal(ours, X[order])


@pytest.mark.parametrize(
    ("type_", "dtype"), [("float32", np.float32), ("int64", np.float64), ("bool", np.float64)]
)
def test_types_of_columns(type_, dtype, tmp_path):
    column = pa.array((X[:, 0] > 0).astype(int)).cast(type_)
    pq.write_table(pa.table({"a": column, "y": Y}), tmp_path / "rows.parquet")
    ours = rows_of(make_source(tmp_path / "rows.parquet", "y"))[0]
    assert ours.dtype == dtype
    np.testing.assert_array_equal(ours[:, 0], X[:, 0] > 0)


def test_texts_as_labels(tmp_path):
    labels = pa.array(np.array(["left", "right"])[(X[:, 0] > 0).astype(int)]).dictionary_encode()
    pq.write_table(table(y=labels), tmp_path / "rows.parquet", row_group_size=500)
    source = make_source(tmp_path, "label", weights="weight")
    model = MLPClassifier(max_iter=20, learning_rate_init=0.01, random_state=0)
    with pytest.warns(match="Maximum iterations"):
        model.fit(source)
    assert model.score(table().to_pandas()[COLUMNS], labels.to_pylist()) > 0.95
    assert list(model.feature_names_in_) == COLUMNS
    np.testing.assert_array_equal(
        model.predict(source), model.predict(table().to_pandas()[COLUMNS])
    )
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(make_source(tmp_path, "label", features=["b", "a", "c", "d"]))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"target": "z"}, "There is no column 'z'"),
        ({"target": "label", "features": ["a", "q"]}, "There is no column 'q'"),
        ({"target": "label", "weights": "q"}, "There is no column 'q'"),
        ({"target": "label", "memory": 10}, "memory has to be"),
        ({"target": "label", "memory": "500 MB"}, "memory has to be"),
        ({"target": "label", "block_rows": 0}, "block_rows has to be"),
    ],
)
def test_wrong_arguments(arguments, told, folder):
    with pytest.raises(ValueError, match=told):
        make_source(folder, **arguments)


def test_wrong_data(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file or folder"):
        make_source(tmp_path / "nowhere", "label")
    pq.write_table(table(name=["x"] * 2000), tmp_path / "texts.parquet")
    with pytest.raises(ValueError, match=r"block 0 .*columns \['name'\] hold no numbers"):
        MLPClassifier().fit(make_source(tmp_path / "texts.parquet", "label"))
    pq.write_table(table()[:0], tmp_path / "empty.parquet")
    with pytest.raises(ValueError, match="0 samples"):
        make_source(tmp_path / "empty.parquet", "label")
    for data, told in ((5, "got int"), ([[1.0]], "got list"), (table(), "got Table")):
        with pytest.raises(TypeError, match=told):
            make_source(data)
    with pytest.raises(ValueError, match="Expected 2D array"):
        make_source(Y, Y)
    with pytest.raises(ValueError, match="target of shape"):
        make_source(X, Y[:5])
    with pytest.raises(ValueError, match="numbers of columns"):
        make_source(X, Y, features=["a"])
    with pytest.raises(ValueError, match="not all among 4 columns"):
        make_source(X, Y, features=[4])
    with pytest.raises(ValueError, match="target has no meaning for a function"):
        make_source(lambda: iter([(X, Y)]), Y)
    with pytest.raises(ValueError, match="has given none"):
        make_source(lambda: iter([]))
    with pytest.raises(TypeError, match="block 0: an iterator of blocks has to give"):
        make_source(lambda: iter([7]))


def test_a_damaged_file_and_a_gap_are_named(folder):
    path = folder / "part-1.parquet"
    source = make_source(folder, "label", weights="weight")
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + bytes(200) + whole[204:])
    with pytest.raises((OSError, ValueError), match=r"block 3 \(.*part-1.parquet, row group 0\)"):
        MLPClassifier(max_iter=1).fit(source)
    gaps = X.copy()
    gaps[900, 1] = np.nan
    path.write_bytes(whole)
    pq.write_table(table(gaps[700:1300], Y[700:1300], WEIGHTS[700:1300]), path, row_group_size=300)
    source = make_source(folder, "label", weights="weight")
    told = r"block 3 \(.*part-1.parquet, row group 0\): Input X contains NaN"
    with pytest.raises(ValueError, match=told):
        MLPClassifier(max_iter=1).fit(source)


def test_arrays(tmp_path):
    for data in (X, np.asfortranarray(X), sparse.csr_array(X), sparse.csc_matrix(X)):
        source = make_source(data, Y, weights=WEIGHTS, features=[2, 0], block_rows=300)
        assert source.blocks.n_rows == [300] * 6 + [200]
        numbers, parts = zip(*source.blocks.read([5, 6], features=True), strict=True)
        assert numbers == (5, 6)
        ours = [part.X.toarray() if sparse.issparse(data) else part.X for part in parts]
        np.testing.assert_array_equal(np.concatenate(ours), X[1500:, [2, 0]])
        np.testing.assert_array_equal(parts[1].y, Y[1800:])
        np.testing.assert_array_equal(parts[1].weights, WEIGHTS[1800:])


def test_map():
    source = make_source(X, Y, block_rows=300)
    doubled = source.map(lambda X: sparse.csc_matrix(2 * X))
    np.testing.assert_array_equal(next(doubled.parts()).X.toarray(), 2 * X[:300])
    with pytest.raises(ValueError, match=r"block 0 \(rows 0 to 299\): the function of `map` has"):
        next(source.map(lambda X: X[:5]).parts())
    with pytest.raises(ValueError, match=r"block 0 \(rows 0 to 299\): no"):
        next(source.map(lambda X: (_ for _ in ()).throw(ValueError("no"))).parts())


# ----------------------------------------------------------------------------------- Dask


def test_dask_arrays():
    da = pytest.importorskip("dask.array")
    chunks = da.from_array(X, chunks=(300, 2)), da.from_array(Y, chunks=300)
    for target in (chunks[1], Y):
        source = make_source(chunks[0], target, weights=WEIGHTS)
        assert source.blocks.n_rows == [300] * 6 + [200]
        for ours, given in zip(rows_of(source), (X, Y, WEIGHTS), strict=True):
            np.testing.assert_array_equal(ours, given)
    unknown = chunks[0][chunks[1] < 2], chunks[1][chunks[1] < 2]
    source = make_source(*unknown, features=[1, 3], memory=1_000_000)
    assert source.blocks.n_rows is None
    np.testing.assert_array_equal(rows_of(source)[0], X[Y < 2][:, [1, 3]])
    with pytest.raises(ValueError, match="chunks of unknown sizes"):
        make_source(unknown[0], Y)
    with pytest.raises(ValueError, match="target has 4 chunks, and the data 7"):
        make_source(chunks[0], da.from_array(Y, chunks=500))
    with pytest.raises(ValueError, match="has 2 entries"):
        make_source(chunks[0], [0, 1])


def test_dask_frames():
    dd = pytest.importorskip("dask.dataframe")
    frame = dd.from_pandas(table().to_pandas(), npartitions=3)
    source = make_source(frame, "label", weights="weight")
    for ours, given in zip(rows_of(source), (X, Y, WEIGHTS), strict=True):
        np.testing.assert_array_equal(ours, given)
    with pytest.raises(ValueError, match="There is no column 'z'"):
        make_source(frame, "z")
    fit = {"max_iter": 2, "shuffle": False, "random_state": 0}
    with pytest.warns(match="Maximum iterations"):
        ours = MLPClassifier(**fit).fit(source)
    with pytest.warns(match="Maximum iterations"):
        theirs = MLPClassifier(**fit).fit(X, Y, WEIGHTS)
    np.testing.assert_array_equal(ours.coefs_[0], theirs.coefs_[0])


# -------------------------------------------------------------------------------- the parts


def test_a_share_is_held_out_wherever_blocks_begin():
    held_out = HeldOut(0.1, seed=7)
    whole = held_out.mask(0, 100_000)
    assert whole.mean() == pytest.approx(0.1, abs=0.005)
    pieces = [held_out.mask(k, min(777, 100_000 - k)) for k in range(0, 100_000, 777)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert held_out.count(500, 50_000) == whole[500:50_500].sum()
    other = HeldOut(0.1, seed=8).mask(0, 100_000)
    assert (whole & other).mean() == pytest.approx(0.01, abs=0.002)
    assert not HeldOut(0.0, seed=7).mask(0, 1000).any()
    assert abs(np.corrcoef(whole[1:], whole[:-1])[0, 1]) < 0.02


def test_orders_differ_by_all_that_they_follow_from():
    orders = [
        tuple(shuffled(50, *what))
        for what in [(1, 0, 0, 0), (2, 0, 0, 0), (1, 1, 0, 0), (1, 0, 1, 0), (1, 0, 0, 1)]
    ]
    assert len(set(orders)) == len(orders)
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert tuple(shuffled(50, 1, 0, 0, 0)) == orders[0]


def test_ahead_reads_no_further_than_asked_and_passes_errors_on():
    made = []

    def items():
        for k in range(10):
            made.append(k)
            yield k
        raise LookupError("over")

    with Ahead(items(), depth=2) as ahead:
        assert next(ahead) == 0
        assert [next(ahead), next(ahead)] == [1, 2]
        assert len(made) <= 6
        assert list(zip(range(7), ahead, strict=False))[-1] == (6, 9)
        with pytest.raises(LookupError, match="over"):
            next(ahead)
    ahead = Ahead(iter([1]))
    assert list(ahead) == [1]
    ahead.close()
    assert "fastnn-reader" not in {thread.name for thread in threading.enumerate()}
