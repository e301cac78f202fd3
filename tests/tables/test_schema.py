"""The reader of skops' files: what it takes, and what it refuses."""

import io
import json
import random
import zipfile

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from fastnn.cli import main
from fastnn.tables import InputError, load
from fastnn.tables.models import CLASSES
from fastnn.tables.schema import SchemaError, read


@pytest.fixture
def round_trip(tmp_path):
    """Write a value as skops does, and read it."""

    def run(value):
        skops.io.dump(value, tmp_path / "v.skops")
        return read(tmp_path / "v.skops", CLASSES)

    return run


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        1.5,
        "é",
        [1, [2, "x"]],
        (1, (2,)),
        {"a": {"b": [None]}, 3: 4},
        float("nan"),
        np.float32(1.5),
        np.int64(3),
        np.arange(6.0).reshape(2, 3),
        np.array(["a", "bc"]),
        np.array(["a", None], dtype=object),
        np.dtype(np.float32),
    ],
    ids=repr,
)
def test_values(round_trip, value):
    got = round_trip(value)
    assert type(got) is type(value)
    np.testing.assert_equal(got, value)


def test_random_states_go_on(round_trip):
    state = np.random.RandomState(3)
    state.normal(size=5)
    assert round_trip(state).normal() == state.normal()


def test_shared_arrays_are_read_once(round_trip):
    array = np.arange(3)
    first, second = round_trip([array, array])
    assert first is second


@pytest.mark.parametrize("value", [LogisticRegression(), {1, 2}, np.sin, int, b"x"], ids=repr)
def test_all_else_is_refused(round_trip, value):
    with pytest.raises(SchemaError, match="which no model of fastnn has"):
        round_trip(value)


@pytest.fixture(scope="module", params=["classes", "numbers"])
def model(request, tmp_path_factory):
    """A model of `fastnn train`, with its path and the rows that it learned."""
    folder = tmp_path_factory.mktemp("model")
    rng = np.random.default_rng(0)
    x = rng.normal(size=120)
    frame = pd.DataFrame({"x": x, "town": rng.choice(["Rome", "Oslo"], 120)})
    frame["when"] = pd.date_range("2024-01-01", periods=120).astype(str)
    frame["y"] = np.where(x > 0, "a", "b") if request.param == "classes" else 3 * x
    frame.to_csv(folder / "d.csv", index=False)
    out = folder / "m.skops"
    words = ["train", folder / "d.csv", "--target", "y", "--out", out, "--max-iter", "3", "--quiet"]
    with pytest.raises(SystemExit) as stop:
        main(list(map(str, words)))
    assert not stop.value.code
    return out, frame.drop(columns="y").astype(str)


def test_a_model_is_read_as_skops_reads_it(model):
    path, X = model
    trusted = skops.io.get_untrusted_types(file=path)
    assert all(name.startswith("fastnn.") for name in trusted)
    theirs = skops.io.load(path, trusted=trusted)
    np.testing.assert_array_equal(load(path).predict(X), theirs.predict(X))


def test_a_schema_that_is_changed_ends_in_one_sentence(model, tmp_path):
    path, X = model
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(files["schema.json"])
    rng = random.Random(0)
    for _ in range(150):
        changed = json.loads(json.dumps(schema))
        _change(changed, rng)
        with zipfile.ZipFile(tmp_path / "bad.skops", "w") as archive:
            for name, data in files.items():
                new = json.dumps(changed).encode() if name == "schema.json" else data
                archive.writestr(name, new)
        told = _told(tmp_path / "bad.skops", X)
        assert "\n" not in told
        assert len(told) < 600


def _told(path, X):
    """What is told of a file; nothing where it predicts each row."""
    try:
        answers = load(path).predict(X)
    except InputError as error:
        return str(error)
    return "" if len(answers) == len(X) else "wrong\n"


def _change(node, rng):
    """Change one node somewhere: drop, retype, or take another's content."""
    places = []

    def walk(value):
        if isinstance(value, dict):
            places.extend((value, key) for key in value)
            for child in value.values():
                walk(child)
        elif isinstance(value, list):
            places.extend((value, i) for i in range(len(value)))
            for child in value:
                walk(child)

    walk(node)
    holder, key = rng.choice(places)
    other, other_key = rng.choice(places)
    kind = rng.randrange(4)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        holder[key] = rng.choice([None, 0, -1, 10**30, "", "x", [], {}, "numpy", "eval"])
    elif kind == 2:
        holder[key] = json.loads(json.dumps(other[other_key]))
    elif isinstance(holder[key], str):
        holder[key] = holder[key][::-1]


def test_arrays_that_lie_about_their_shape(model, tmp_path):
    path, _ = model
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    for name, data in files.items():
        if name.endswith(".npy") and b"<f4" in data[:100]:
            files[name] = data.replace(b"'shape': (", b"'shape': (9", 1)
    with zipfile.ZipFile(tmp_path / "bad.skops", "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    with pytest.raises(InputError, match="damaged"):
        load(tmp_path / "bad.skops")


def test_arrays_of_other_numbers_end_in_one_sentence(model, tmp_path, capsys):
    path, X = model
    X.to_csv(tmp_path / "new.csv", index=False)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    arrays = [name for name in files if name.endswith(".npy")]
    rng = np.random.default_rng(0)
    for _ in range(40):
        harmed = rng.choice(arrays)
        with zipfile.ZipFile(tmp_path / "bad.skops", "w") as archive:
            for name, data in files.items():
                archive.writestr(name, _harmed(data, rng) if name == harmed else data)
        with pytest.raises(SystemExit) as stop:
            main(["predict", str(tmp_path / "bad.skops"), str(tmp_path / "new.csv")])
        told = capsys.readouterr().err
        assert stop.value.code in (None, 0) or (
            stop.value.code == 2 and told.startswith("fastnn: ")
        )


def _harmed(data, rng):
    """Other numbers in an array, or another shape or type."""
    array = np.load(io.BytesIO(data))
    kind = rng.integers(4)
    if kind == 0:
        array = np.concatenate([array.ravel()] * 2)
    elif kind == 1:
        array = array.ravel()[: max(0, array.size - 1)]
    elif kind == 2 and array.dtype.kind in "iu":
        array = rng.integers(0, 100, array.shape).astype(array.dtype)
    else:
        array = array[..., None]
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_archives_that_expand(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.skops", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b" " * (1 << 27))
    with pytest.raises(InputError, match="unpacks to more than"):
        load(tmp_path / "bomb.skops")


def test_what_is_no_archive(tmp_path):
    (tmp_path / "m.skops").write_text("no")
    with pytest.raises(InputError, match="is not a model"):
        load(tmp_path / "m.skops")
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path / "none.skops")
