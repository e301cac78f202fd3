"""Networks that learn from a source: what is promised of a fit holds for rows in blocks."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import joblib
import numpy as np
import pytest
from processes import ROOT, python
from scipy import sparse
from watchers import Watcher

from fastnn import MLPClassifier, MLPRegressor, make_source
from fastnn.callbacks import Checkpoint, TargetReached
from fastnn.sources import arrays

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Training interrupted:UserWarning"
)
RNG = np.random.default_rng(0)
X = RNG.standard_normal((3000, 60))
Y = X[:, :3].argmax(axis=1)
NAMES = np.array(["left", "middle", "right"])[Y]
T = X[:, 0] * X[:, 1]
WEIGHTS = RNG.random(3000)
SMALL = 1_000_000  # a window of 500 of these rows
LARGE = 10_000_000  # all of them


def mapped(tmp_path, values=X):
    path = tmp_path / "X.raw"
    values.tofile(path)
    return np.memmap(path, values.dtype, "r", shape=values.shape)


def blocks_of(*columns, rows=250):
    """Make a function that gives blocks of these rows."""

    def blocks():
        for start in range(0, columns[0].shape[0], rows):
            yield tuple(column[start : start + rows] for column in columns)

    return blocks


def classifier(**parameters):
    common = {"max_iter": 6, "random_state": 0, "batch_size": 50, "learning_rate_init": 0.01}
    return MLPClassifier((9,), **{**common, **parameters})


def regressor(**parameters):
    common = {"max_iter": 6, "random_state": 0, "batch_size": 50}
    return MLPRegressor(hidden_layer_sizes=(9,), **{**common, **parameters})


def assert_same(ours, others):
    for name in ("n_iter_", "t_", "loss_curve_", "validation_scores_"):
        assert getattr(ours, name) == getattr(others, name), name
    for a, b in zip(
        ours.coefs_ + ours.intercepts_, others.coefs_ + others.intercepts_, strict=True
    ):
        np.testing.assert_array_equal(a, b)


# -------------------------------------------------------------------------------- it learns


@pytest.mark.parametrize("memory", [SMALL, LARGE])
@pytest.mark.parametrize("stops", [False, True])
def test_a_source_is_learnt_from_as_well_as_arrays(memory, stops):
    parameters = {"max_iter": 30, "early_stopping": stops}
    of_source = classifier(**parameters).fit(make_source(blocks_of(X, NAMES), memory=memory))
    of_arrays = classifier(**parameters).fit(X, NAMES)
    assert list(of_source.classes_) == ["left", "middle", "right"]
    assert of_source.score(X, NAMES) > of_arrays.score(X, NAMES) - 0.03 > 0.9
    assert (of_source.validation_scores_ is not None) == stops


@pytest.mark.parametrize("kind", ["memory", "file", "iterator"])
def test_the_same_blocks_of_another_kind_give_the_same_bits(kind, tmp_path):
    data = {
        "memory": lambda: make_source(X, Y, block_rows=250, memory=LARGE),
        "file": lambda: make_source(mapped(tmp_path), Y, block_rows=250, memory=LARGE),
        "iterator": lambda: make_source(blocks_of(X, Y), memory=LARGE),
    }
    first = classifier(early_stopping=True).fit(make_source(X, Y, block_rows=250))
    assert_same(classifier(early_stopping=True).fit(data[kind]()), first)


def test_without_shuffling_a_source_is_trained_on_as_arrays_are(tmp_path):
    """Windows are of whole mini-batches, so that these are the ones of the array."""
    for memory in (SMALL, LARGE):
        source = make_source(mapped(tmp_path), T, memory=memory, block_rows=170, weights=WEIGHTS)
        ours = regressor(shuffle=False).fit(source)
        assert_same(ours, regressor(shuffle=False).fit(X, T, WEIGHTS))


@pytest.mark.parametrize("memory", [SMALL, LARGE])
def test_class_weights_come_from_one_pass(memory):
    rare = np.where(np.arange(3000) % 9 == 0, Y, 0)
    source = make_source(blocks_of(X, rare, WEIGHTS), memory=memory)
    kept = {"shuffle": False, "class_weight": "balanced"}
    assert_same(classifier(**kept).fit(source), classifier(**kept).fit(X, rare, WEIGHTS))


@pytest.mark.parametrize("memory", [SMALL, LARGE])
@pytest.mark.parametrize(
    "target",
    [np.stack([Y == 0, Y == 1], axis=1).astype(int), np.stack([Y, Y % 2], axis=1)],
    ids=["labels", "targets"],
)
def test_several_targets(target, memory):
    source = make_source(blocks_of(X, target), memory=memory)
    ours, theirs = classifier(shuffle=False).fit(source), classifier(shuffle=False).fit(X, target)
    assert_same(ours, theirs)
    np.testing.assert_array_equal(ours.predict(source), theirs.predict(X))


@pytest.mark.parametrize("memory", [SMALL, LARGE])
def test_sparse_blocks(memory):
    S = sparse.csr_matrix(X * (np.abs(X) > 0.3))
    source = make_source(blocks_of(S, Y), memory=memory)
    ours = classifier(shuffle=False).fit(source)
    assert_same(ours, classifier(shuffle=False).fit(S, Y))
    assert classifier(early_stopping=True).fit(source).validation_scores_[-1] > 0.7


@pytest.mark.parametrize("memory", [SMALL, LARGE])
def test_dtypes(memory):
    narrow = X.astype(np.float32)
    for given, dtype in ((narrow, "auto"), (X, "float32")):
        source = make_source(blocks_of(given, Y), memory=memory)
        ours = classifier(dtype=dtype, shuffle=False).fit(source)
        assert ours.coefs_[0].dtype == np.float32
        assert_same(ours, classifier(dtype=dtype, shuffle=False).fit(given, Y))


def test_each_row_trains_once_an_epoch_and_windows_mix_blocks(monkeypatch):
    """Rows are told apart by their weight, which the engine is seen to get."""
    from fastnn.engine import stepper

    seen, steps = [], stepper.CpuStepper.steps

    def watched(self, start, stop, rate):
        taken = self.problem.rows[start : min(stop, start + self.rows_per_call)]
        seen.append(self.problem.data.weights[taken])
        return steps(self, start, stop, rate)

    monkeypatch.setattr(stepper.CpuStepper, "steps", watched)
    numbers = np.arange(1.0, 3001)
    source = make_source(blocks_of(X, Y, numbers, rows=60), memory=SMALL)
    model = classifier(max_iter=2, n_jobs=1).fit(source)
    order = np.concatenate(seen)
    assert model.t_ == order.size == 6000
    first, second = order[:3000], order[3000:]
    for epoch in (first, second):
        np.testing.assert_array_equal(np.sort(epoch), numbers)
    assert (first != second).mean() > 0.9
    assert len(set((first[:50] - 1) // 60)) > 5  # blocks of the first mini-batch


def test_blocks_of_a_file_come_in_another_order_each_epoch(tmp_path, monkeypatch):
    read, numbers = arrays.ArrayBlocks.read, []

    def watched(self, wanted, features):
        for number, part in read(self, wanted, features):
            numbers.append(number)
            yield number, part

    monkeypatch.setattr(arrays.ArrayBlocks, "read", watched)
    source = make_source(mapped(tmp_path), T, memory=SMALL, block_rows=100)
    regressor(max_iter=2).fit(source)
    epochs = np.array(numbers[1:61]).reshape(2, 30)  # the first rows are looked at before
    np.testing.assert_array_equal(np.sort(epochs, axis=1), [range(30)] * 2)
    assert (epochs[0] != epochs[1]).any()


@pytest.mark.parametrize("memory", [SMALL, LARGE])
def test_blocks_of_no_weight_say_nothing(memory):
    weights = np.where(np.arange(3000) < 1500, 0.0, 1.0)
    source = make_source(blocks_of(X, T, weights), memory=memory)
    ours = regressor(shuffle=False).fit(source)
    assert_same(ours, regressor(shuffle=False).fit(X, T, weights))


@pytest.mark.parametrize("dtype", ["int8", "bool", "float32", "U6", "object"])
def test_classes_keep_their_dtype(dtype):
    labels = NAMES.astype(dtype) if dtype in ("U6", "object") else Y.astype(dtype)
    ours = classifier(max_iter=1).fit(make_source(blocks_of(X, labels)))
    theirs = classifier(max_iter=1).fit(X, labels)
    assert ours.classes_.dtype == theirs.classes_.dtype
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)


# ------------------------------------------------------------------------- the same bits


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_threads_and_the_pace_of_reading_change_no_bit(n_threads, tmp_path, forced, monkeypatch):
    forced(n_threads)
    expected = classifier(early_stopping=True, dropout=0.2).fit(
        make_source(mapped(tmp_path), Y, memory=SMALL, block_rows=100)
    )
    read, pauses = arrays.ArrayBlocks.read, np.random.default_rng(n_threads)

    def slow(self, wanted, features):
        for part in read(self, wanted, features):
            time.sleep(float(pauses.random()) * 0.003)
            yield part

    monkeypatch.setattr(arrays.ArrayBlocks, "read", slow)
    source = make_source(mapped(tmp_path), Y, memory=SMALL, block_rows=100)
    assert_same(classifier(early_stopping=True, dropout=0.2).fit(source), expected)


# ------------------------------------------------------------------------------ it goes on

KINDS = {
    "plain": {},
    "early stopping": {"early_stopping": True},
    "dropout": {"dropout": 0.3},
    "batch": {"normalization": "batch"},
    "no shuffle": {"shuffle": False},
    "sgd": {"solver": "sgd", "learning_rate": "invscaling"},
}


def sources(tmp_path):
    return {
        "file": lambda: make_source(mapped(tmp_path), Y, memory=SMALL, block_rows=170),
        "iterator": lambda: make_source(blocks_of(X, Y), memory=SMALL),
        "kept": lambda: make_source(blocks_of(X, Y), memory=LARGE),
    }


@pytest.mark.parametrize("source", ["file", "iterator", "kept"])
@pytest.mark.parametrize("kind", KINDS)
def test_from_a_checkpoint(kind, source, tmp_path):
    make, path = sources(tmp_path)[source], tmp_path / "model.joblib"
    whole = classifier(**KINDS[kind]).fit(make())
    classifier(**KINDS[kind]).set_callbacks(Checkpoint(path, every=4)).fit(make())
    loaded = joblib.load(path)
    assert loaded.n_iter_ == 4
    assert_same(loaded.resume(make()), whole)


@pytest.mark.parametrize("source", ["file", "iterator", "kept"])
@pytest.mark.parametrize("at", [1, 9, 10, 11, 119, 120, 121, 300])
def test_in_the_midst_of_an_epoch(at, source, tmp_path, monkeypatch):
    from fastnn.engine import stepper

    make = sources(tmp_path)[source]
    whole = classifier(max_iter=6, dropout=0.1).fit(make())
    monkeypatch.setattr(stepper, "MAX_FLOPS_PER_CALL", 1)  # one mini-batch a call
    call, calls = stepper.CpuStepper.steps, []

    def interrupted(self, *arguments):
        call(self, *arguments)
        calls.append(arguments)
        if len(calls) == at:
            raise KeyboardInterrupt

    with monkeypatch.context() as within:
        within.setattr(stepper.CpuStepper, "steps", interrupted)
        cut = classifier(max_iter=6, dropout=0.1).fit(make())
    assert cut.t_ <= 50 * at
    assert_same(cut.resume(make()), whole)


def test_an_interrupt_ends_the_wait_for_a_block():
    slow = threading.Event()

    def blocks():
        for part in blocks_of(X, Y)():
            if slow.is_set():
                time.sleep(0.3)
            yield part

    class Slows(Watcher):
        def on_fit_task_end(self, estimator, context):
            if not slow.is_set():
                slow.set()
                threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()

    source = make_source(blocks, memory=SMALL)
    model = classifier(max_iter=4).set_callbacks(Slows())
    model.fit(source)
    assert 1 <= model.n_iter_ < 4
    slow.clear()
    whole = classifier(max_iter=4).fit(source)
    assert_same(model.set_callbacks().resume(source), whole)


def test_max_time_comes_to_an_end(tmp_path):
    make = sources(tmp_path)["file"]
    whole, cut = classifier(max_iter=3).fit(make()), classifier(max_iter=3, max_time=1e-9)
    cut.fit(make())
    for _ in range(1000):
        if cut.n_iter_ == 3:
            break
        cut.resume(make())
    assert_same(cut, whole)


MADE = """
    import sys
    import numpy as np
    from scipy import sparse
    from fastnn import MLPClassifier, make_source
    from fastnn.callbacks import Checkpoint

    def made(kind, folder):
        X = np.memmap(f"{folder}/X.raw", np.float64, "r", shape=(3000, 60))
        y, weights = np.load(f"{folder}/y.npy"), np.load(f"{folder}/weights.npy")
        parameters, more, given = {}, {}, X
        if kind == "all":
            parameters = {"early_stopping": True, "class_weight": "balanced", "dropout": 0.2}
        if kind == "sparse":
            given = sparse.csr_matrix(X * (X > 1))
        if kind == "validation":
            more = {"X_val": make_source(X[:500], y[:500], weights=weights[:500])}
        memory = 10_000_000 if kind == "kept" else 1_000_000
        source = make_source(given, y, weights=weights, memory=memory, block_rows=170)
        if kind == "sparse":
            blocks = source.blocks
            parts = lambda: (part for _, part in blocks.read(None, True))
            source = make_source(parts, memory=memory)
        fixed = {"tol": 0, "random_state": 0, "batch_size": 50, "n_iter_no_change": 10**6}
        return MLPClassifier((9,), **fixed, **parameters), source, more
"""
KILLED = """
    model, source, more = made(sys.argv[1], sys.argv[2])
    model.set_params(max_iter=10**6).set_callbacks(Checkpoint(f"{sys.argv[2]}/model.joblib"))
    model.fit(source, **more)
"""


@pytest.mark.parametrize("kind", ["plain", "all", "sparse", "validation", "kept"])
def test_after_a_kill(kind, tmp_path):
    mapped(tmp_path)
    np.save(tmp_path / "y.npy", Y)
    np.save(tmp_path / "weights.npy", WEIGHTS)
    path, code = tmp_path / "model.joblib", textwrap.dedent(MADE) + textwrap.dedent(KILLED)
    program = [sys.executable, "-c", code, kind, str(tmp_path)]
    process = subprocess.Popen(program, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        limit = time.monotonic() + 100
        while not path.exists() and time.monotonic() < limit:
            time.sleep(0.05)
        time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    known: dict = {}
    exec(textwrap.dedent(MADE), known)
    loaded, (model, source, more) = joblib.load(path), known["made"](kind, tmp_path)
    n = loaded.n_iter_ + 2
    whole = model.set_params(max_iter=n).fit(source, **more)
    assert_same(loaded.set_params(max_iter=n).resume(source, **more), whole)


def test_another_source_is_no_source_to_resume_with(tmp_path):
    make = sources(tmp_path)["file"]
    model = classifier(max_iter=2).fit(make())
    others = [
        make_source(mapped(tmp_path), Y, memory=SMALL, block_rows=171),
        make_source(mapped(tmp_path), Y, memory=SMALL + 100_000, block_rows=170),
        make_source(blocks_of(X[:2000], Y[:2000]), memory=SMALL),
    ]
    for other in others:
        with pytest.raises(ValueError, match="had another source"):
            model.resume(other)
    with pytest.raises(ValueError, match="give resume that source"):
        model.resume(X, Y)
    with pytest.raises(ValueError, match="had another source"):
        classifier(max_iter=2).fit(X, Y).resume(make())


def test_a_warm_start_goes_on_from_the_weights():
    source = make_source(blocks_of(X, Y), memory=SMALL)
    model = classifier(warm_start=True).fit(source)
    before = model.loss_
    assert model.fit(source).loss_ < before


# ------------------------------------------------------------------------------- callbacks


def test_callbacks_are_told_the_source(tmp_path):
    told = []

    class Asks(Watcher):
        def on_fit_task_begin(self, estimator, context, *, X, y):
            told.append((X, y))

    source = make_source(blocks_of(X, Y), memory=SMALL)
    classifier(max_iter=2).set_callbacks(Asks()).fit(source)
    assert told == [(source, None)] * 3
    stopped = classifier(max_iter=30).set_callbacks(TargetReached(0.9, "loss")).fit(source)
    assert stopped.n_iter_ < 30


def test_no_thread_is_left_and_a_failed_fit_leaves_all_as_it_was(tmp_path):
    class Fails(Watcher):
        def on_fit_task_end(self, estimator, context):
            raise RuntimeError("enough")

    model = classifier().fit(X, Y)
    before = [W.copy() for W in model.coefs_]
    model.set_callbacks(Fails())
    with pytest.raises(RuntimeError, match="enough"):
        model.fit(sources(tmp_path)["file"]())
    for W, old in zip(model.coefs_, before, strict=True):
        np.testing.assert_array_equal(W, old)
    assert "fastnn-reader" not in {thread.name for thread in threading.enumerate()}


# ------------------------------------------------------------------------------ validation


@pytest.mark.parametrize("memory", [SMALL, LARGE])
def test_validation_rows_are_given_or_chosen_by_their_numbers(memory):
    source = make_source(blocks_of(X, Y), memory=memory)
    given = classifier().fit(source, X_val=X[:500], y_val=Y[:500])
    assert given.validation_scores_[-1] == given.score(X[:500], Y[:500])
    scored = classifier(early_stopping=True, scoring="accuracy").fit(source)
    plain = classifier(early_stopping=True).fit(source)
    assert_same(scored, plain)
    expected = {LARGE: 2700, SMALL: 2850}[memory]  # of a small memory a tenth validates
    assert plain.t_ // plain.n_iter_ == pytest.approx(expected, rel=0.03)


def test_few_rows_validate_where_more_would_take_too_much_memory():
    source = make_source(blocks_of(X, Y), memory=SMALL)
    model = classifier(early_stopping=True, validation_fraction=0.5).fit(source)
    assert 2600 < model.t_ // model.n_iter_ < 2900  # a tenth of the memory holds 150 rows


# --------------------------------------------------------------------------------- errors


def with_one(value):
    wrong = X.copy()
    wrong[1600, 3] = value
    return wrong


def of_widths(*columns):
    return lambda: (
        (X[k * 250 : k * 250 + 250, :n], Y[k * 250 : k * 250 + 250]) for k, n in enumerate(columns)
    )


@pytest.mark.parametrize("memory", [SMALL, LARGE])
@pytest.mark.parametrize(
    ("blocks", "told"),
    [
        (blocks_of(with_one(np.nan), Y), r"block 6: Input X contains NaN"),
        (blocks_of(with_one(np.inf), Y), r"block 6: Input X contains infinity"),
        (blocks_of(X, np.where(np.arange(3000) == 1600, np.nan, Y)), "block 6: .*NaN"),
        (of_widths(60, 60, 59, 60), "block 2: X has 59 features, but MLPClassifier is expecting"),
        (lambda: iter([(X, Y), (X, Y[:10])]), r"block 1: .*inconsistent numbers of samples"),
        (lambda: iter([(X, Y), (X, None)]), r"block 1: there is no y"),
        (lambda: iter([(X.astype("f"), Y), (X, Y)]), "block 1: blocks before are of float32"),
        (lambda: iter([(X, Y), (sparse.csr_matrix(X), Y)]), "block 1: .*all dense or all sparse"),
        (lambda: iter([(X, Y, WEIGHTS), (X, Y)]), "block 1: all blocks have to have weights"),
        (lambda: iter([(X, Y, WEIGHTS), (X, Y, -WEIGHTS)]), "weights of the rows sum to"),
        (lambda: iter([(X, Y, np.where(Y == 7, 0, np.nan))]), "weights of the rows sum to nan"),
        (lambda: iter([(X, Y, WEIGHTS[:, None])]), "block 0: weights have to be a finite number"),
        (lambda: iter([(X, T)]), "Unknown label type|more than"),
        (lambda: iter([(X, Y), (X, X[:, :2])]), "block 1: y of shape .* has not the 1 targets"),
    ],
)
def test_bad_blocks_are_named(blocks, told, memory):
    with pytest.raises(ValueError, match=told):
        classifier().fit(make_source(blocks, memory=memory))


@pytest.mark.parametrize(("n", "told"), [(2000, "block 8 has 0 rows"), (2900, "block 11 has 150")])
def test_rows_that_change_between_passes_are_noticed(n, told):
    calls = []

    def changing():
        calls.append(n)
        return blocks_of(*(of[: 3000 if len(calls) < 4 else n] for of in (X, Y)))()

    with pytest.raises(ValueError, match=f"{told}.*had 250 when it was first read"):
        classifier().fit(make_source(changing, memory=SMALL))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda s: classifier().fit(s, Y), "target and weights of its own"),
        (lambda s: classifier().fit(s, sample_weight=WEIGHTS), "target and weights of its own"),
        (lambda s: classifier(solver="lbfgs").fit(s), "solver='lbfgs' takes all rows at once"),
        (lambda s: classifier().fit(make_source(X)), "requires y to be passed"),
        (lambda s: classifier(batch_size=2000).fit(s), "give make_source more memory"),
        (lambda s: classifier(early_stopping=True, validation_fraction=1e-6).fit(s), "are 0"),
        (lambda s: classifier(class_weight={0: 0, 1: 0, 2: 0}).fit(s), "each row the weight 0"),
        (lambda s: classifier(class_weight={7: 1}).fit(s), "not among the classes"),
    ],
)
def test_what_a_source_cannot_do_is_said(call, told):
    with pytest.raises(ValueError, match=told):
        call(make_source(blocks_of(X, Y), memory=SMALL))


def test_a_source_is_no_array():
    source = make_source(X, Y)
    with pytest.raises(TypeError, match="read in blocks and is no array"):
        np.asarray(source)


# --------------------------------------------------------------------------------- memory

MEASURED = """
    import sys, threading, time, warnings
    import numpy as np
    from fastnn import MLPClassifier, make_source

    warnings.simplefilter("ignore")

    def anonymous():
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) / 1e3

    kind, folder, memory = sys.argv[1], sys.argv[2], float(sys.argv[3]) * 1e6
    if kind == "file":
        X = np.memmap(f"{folder}/X.raw", np.float32, "r").reshape(-1, 100)
        y = np.memmap(f"{folder}/y.raw", np.int8, "r")
        small, source = make_source(X[:2000], y[:2000]), make_source(X, y, memory=memory)
    else:
        small = make_source(f"{folder}/small.parquet", "y")
        source = make_source(f"{folder}/large.parquet", "y", memory=memory)
    model = MLPClassifier((32,), early_stopping=True, max_iter=2, random_state=0)
    model.fit(small)  # imports and loads what it needs
    before, most, ended = anonymous(), 0, False

    def watch():
        global most
        while not ended:
            most = max(most, anonymous())
            time.sleep(0.002)

    watching = threading.Thread(target=watch)
    watching.start()
    model.fit(source)
    ended = True
    watching.join()
    print(most - before)
"""


def memory_used(*arguments):
    arguments = ["", *map(str, arguments)]
    return float(python(f"import sys; sys.argv = {arguments}\n" + textwrap.dedent(MEASURED)))


def parts_of_rows(n_parts):
    rng = np.random.default_rng(0)
    for _ in range(n_parts):  # of 4 MB
        part = rng.standard_normal((10_000, 100), np.float32)
        yield part, (part[:, 0] > 0).astype(np.int8)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RssAnon is Linux'")
def test_memory_stays_within_the_budget(tmp_path):
    with open(tmp_path / "X.raw", "wb") as file, open(tmp_path / "y.raw", "wb") as targets:
        for part, y in parts_of_rows(25):
            part.tofile(file)
            y.tofile(targets)
    used = [memory_used("file", tmp_path, memory) for memory in (40, 80)]
    assert 20 < used[0] < 40 < used[1] < 80


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RssAnon is Linux'")
@pytest.mark.parametrize(("group", "memory", "n_parts"), [(10_000, 80, 25), (100_000, 160, 40)])
def test_memory_stays_within_the_budget_where_files_are_decoded(group, memory, n_parts, tmp_path):
    """Of large row groups a part is decoded, which all of their rows would not fit beside."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    names = [f"x{k}" for k in range(100)]
    schema = pa.schema([*((name, pa.float32()) for name in names), ("y", pa.int8())])
    dictionaries = {"use_dictionary": group < 100_000}
    with pq.ParquetWriter(tmp_path / "large.parquet", schema, **dictionaries) as writer:
        tables = []
        for part, y in parts_of_rows(n_parts):
            tables.append(pa.table([*part.T, y], schema=schema))
            if len(tables) * 10_000 == group:
                writer.write_table(pa.concat_tables(tables), row_group_size=group)
                tables = []
    pq.write_table(pa.table([*part.T, y], schema=schema)[:1000], tmp_path / "small.parquet")
    assert 20 < memory_used("folder", tmp_path, memory) < memory
