"""Estimators for tables as ONNX graphs: ONNX Runtime predicts as they do."""

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastnn import MLPRegressor, TabularClassifier, TabularRegressor, to_onnx

QUICK = {"effort": "quick", "cv": 2, "random_state": 0}
START = pd.Timestamp("2019-03-01")


def plain(n, seed=0):
    """Columns of every kind, without gaps; the target follows from some of them."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "net weight": rng.normal(1e6, 3, n),
            "wild": rng.standard_cauchy(n) * 1e10,
            "two": 7.0 * rng.integers(0, 2, n),
            "town": rng.choice(list("abcdé"), n).astype(object),
            "street": [f"s{k}" for k in rng.integers(0, 12, n)],
            "flag": rng.random(n) < 0.4,
            "label": rng.integers(-500, 500, n).astype(float),
            "always": 1.0,
            "when": START + pd.to_timedelta(rng.integers(0, 3 * 365 * 24, n), unit="h"),
            "length": pd.to_timedelta(rng.integers(-(10**6), 10**6, n), unit="s"),
            "0": pd.Categorical(rng.choice([1.5, 2.5, 9.0], n)),
            "number": pd.Categorical(rng.integers(0, 12, n)),
            "due": pd.Categorical(START + pd.to_timedelta(rng.integers(0, 5, n), unit="D")),
            "lasts": pd.Categorical(pd.to_timedelta(rng.integers(0, 5, n), unit="h")),
        }
    )
    z = (frame["net weight"] - 1e6) / 3 + 2 * (frame["town"] == "a") - frame["flag"]
    z += np.sin(frame["when"].dt.hour / 24 * 2 * np.pi)
    return frame, (z + rng.normal(0, 0.3, n)).to_numpy()


def with_gaps(frame, share=0.1):
    rng = np.random.default_rng(1)
    frame = frame.copy()
    for name in frame.columns.drop(["flag", "always"]):
        frame.loc[rng.random(len(frame)) < share, name] = None
    return frame


def new_rows(n=150):
    """Rows with values that training had not, and gaps."""
    frame = with_gaps(plain(n, seed=2)[0], 0.2)
    frame.loc[:10, "town"] = "elsewhere"
    frame.loc[5:20, "street"] = ""
    for name, unseen in (("0", 3.25), ("number", 3.5), ("due", START), ("length", None)):
        frame[name] = frame[name].astype(object)
        frame.loc[:7, name] = unseen
    frame.loc[8:10, "number"] = [1e300, -4.0, 2.0**63]
    frame.loc[11:12, "due"] = START + pd.Timedelta(7, "h")
    frame["when"] = frame["when"].astype("datetime64[ns]")
    frame.loc[0, "when"] = pd.Timestamp("1901-01-01T00:00:00.000000999")
    frame.loc[2:3, "wild"] = [1e300, -1e300]
    return frame


def cells(column, kind):
    """A column as an input of that kind takes it, by what the documentation says."""
    if kind == "tensor(string)":
        values = column.astype(object).where(column.notna(), "").to_numpy(object)
    elif kind == "tensor(int64)":
        are_durations = column.name in ("length", "lasts")
        read, unit = (pd.to_timedelta, "m8[ns]") if are_durations else (pd.to_datetime, "M8[ns]")
        values = read(column.astype(object)).to_numpy().astype(unit).view(np.int64)
    elif kind == "tensor(bool)":
        values = column.to_numpy(bool)
    else:
        values = column.astype(float).to_numpy()
    return values.reshape(-1, 1)


def session_of(model, X_sample=None):
    graph = to_onnx(model, X_sample).SerializeToString()
    return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])


def assert_same(model, *tables, session=None):
    session = session or session_of(model)
    for X in tables:
        if isinstance(X, pd.DataFrame):
            feed = {put.name: cells(X[put.name], put.type) for put in session.get_inputs()}
        else:
            feed = {"X": X}
        found = session.run(None, feed)
        if hasattr(model, "classes_"):
            assert_allclose(found[1], model.predict_proba(X), rtol=0, atol=1e-5)
            assert_array_equal(found[0], model.predict(X))
        else:
            expected = model.predict(X).reshape(len(X), -1)
            assert_allclose(found[0] / model.deviation, expected / model.deviation, atol=1e-5)


def fitted(model, X, y):
    model.fit(X, y)
    if not hasattr(model, "classes_"):
        model.deviation = np.std(y, axis=0)
    return model


@pytest.mark.parametrize("members", ["networks", "boosting", "random_trees", "auto"])
def test_columns_of_every_kind(members):
    X, y = plain(300)
    X = with_gaps(X)
    classes = np.array(["low", "middle", "high"])[np.digitize(y, [0, 1])]
    assert_same(fitted(TabularClassifier(members=members, **QUICK), X, classes), X, new_rows())
    y = 1e6 + 3 * y
    assert_same(fitted(TabularRegressor(members=members, **QUICK), X, y), X, new_rows())


def test_columns_without_gaps_in_training():
    X, y = plain(200)
    assert_same(fitted(TabularClassifier(**QUICK), X, y > 0), X, new_rows())


def test_inputs_are_the_columns_that_were_not_left_out():
    X, y = plain(60)
    model = TabularRegressor(members="boosting", **QUICK).fit(X, y)
    found = {put.name: (put.type, put.shape[1]) for put in session_of(model).get_inputs()}
    strings = dict.fromkeys(["town", "street"], ("tensor(string)", 1))
    moments = dict.fromkeys(["when", "length", "due", "lasts"], ("tensor(int64)", 1))
    numbers = dict.fromkeys(X.columns.drop("always"), ("tensor(double)", 1))
    assert found == {**numbers, **strings, **moments, "flag": ("tensor(bool)", 1)}
    assert list(found) == list(X.columns.drop("always"))


@pytest.mark.parametrize(
    "parameters",
    [
        {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]},
        {"loss": "quantile", "quantile": 0.2},
        {"loss": "poisson"},
        {"loss": "gamma"},
        {"loss": "absolute_error"},
    ],
    ids=str,
)
def test_losses(parameters):
    X, y = plain(150)
    X, y = X[["net weight", "town", "when"]], np.round(np.exp(y / 2)) + 1
    assert_same(fitted(TabularRegressor(**parameters, **QUICK), X, y), X)


def test_several_targets():
    X, y = plain(150)
    X, Y = X[["net weight", "town", "flag"]], np.column_stack([y, 1e5 - 20 * y, y**2])
    assert_same(fitted(TabularRegressor(**QUICK), X, Y), X)


def test_thirty_classes():
    X = np.random.default_rng(0).normal(size=(400, 3))
    model = fitted(TabularClassifier(**QUICK), X, np.arange(400) % 30 * 10)
    assert_same(model, X, session=session_of(model, X))


def test_categories_alone_and_numbers_alone():
    X, y = plain(150)
    for names in (["town", "street"], ["net weight", "wild"], ["when"]):
        assert_same(fitted(TabularClassifier(**QUICK), X[names], y > 0), X[names])


def test_an_array_is_one_input_where_the_sample_is_one():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(150, 2)), np.ones(150), rng.integers(0, 3, 150)])
    X[::7, 0] = np.nan
    categorical = {"categorical_features": [3]}
    model = fitted(TabularClassifier(**categorical, **QUICK), X, X[:, 1] > 0)
    assert_same(model, X, session=session_of(model, X))
    single = X.astype(np.float32)
    (probabilities,) = session_of(model, single).run(["probabilities"], {"X": single})
    assert probabilities.dtype == np.float32
    assert_allclose(probabilities, model.predict_proba(single), atol=1e-5)
    session = session_of(model)
    feed = {f"x{j}": X[:, [j]] for j in (0, 1, 3)}
    assert [put.name for put in session.get_inputs()] == list(feed)
    assert_allclose(session.run(None, feed)[1], model.predict_proba(X), atol=1e-5)


def test_texts_of_an_array_have_an_input_for_each_column():
    X = np.array([["a", 1.5], ["b", 2.5], ["a", np.nan]] * 20, dtype=object)
    model = fitted(TabularClassifier(**QUICK), X, X[:, 0] == "a")
    feed = {"x0": X[:, [0]], "x1": X[:, [1]].astype(float)}
    assert_allclose(session_of(model, X).run(None, feed)[1], model.predict_proba(X), atol=1e-5)


def test_booleans_with_gaps_are_numbers():
    flag = pd.Series([True, False, None] * 30, dtype=object)
    X = pd.DataFrame({"flag": flag, "x": np.arange(90.0)})
    model = fitted(TabularClassifier(**QUICK), X, np.arange(90) % 2)
    assert_same(model, X, session=session_of(model, X))


def test_a_column_that_is_called_as_an_output():
    X, y = plain(60)
    X = X[["label", "net weight"]].rename(columns={"net weight": "probabilities"})
    model = fitted(TabularClassifier(members="boosting", **QUICK), X, y > 0)
    session = session_of(model)
    assert [put.name for put in session.get_outputs()] == ["output_label", "output_probabilities"]
    assert_same(model, X, session=session)


def test_an_empty_text_of_the_training_is_one():
    X = pd.DataFrame({"town": ["", "a", "b", None] * 20})
    y = np.tile([1, 0, 0, 1], 20)
    assert_same(fitted(TabularClassifier(**QUICK), X, y), X[X["town"].notna()])


def test_a_pipeline():
    X, y = plain(150)
    X = X[["net weight", "wild"]].to_numpy()
    model = make_pipeline(StandardScaler(), TabularClassifier(**QUICK)).fit(X, y > 0)
    assert_same(model, X, session=session_of(model, X))


def test_what_cannot_be_converted_is_named():
    X = pd.DataFrame({"id": pd.Categorical([2**53 + 1, 2**53 + 3] * 20), "x": np.arange(40.0)})
    model = TabularClassifier(members="boosting", **QUICK).fit(X, np.arange(40) % 2)
    with pytest.raises(ValueError, match="'id' holds categories that are whole numbers of 2"):
        to_onnx(model)
    X = pd.DataFrame({"": np.arange(40.0)})
    with pytest.raises(ValueError, match="Column 0 has an empty name"):
        to_onnx(TabularClassifier(members="boosting", **QUICK).fit(X, np.arange(40) % 2))
    with pytest.raises(NotFittedError):
        to_onnx(TabularClassifier())
    with pytest.raises(ValueError, match="to_onnx needs X_sample for a MLPRegressor"):
        to_onnx(MLPRegressor(solver="lbfgs").fit([[0.0], [1.0]], [0, 1]))
