"""Models of `fastnn train` as ONNX graphs: ONNX Runtime predicts as they do."""

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastnn import to_onnx
from fastnn.cli import main
from fastnn.tables.models import load


@pytest.fixture
def frame():
    """Rows as a file has them: all are texts."""
    rng = np.random.default_rng(0)
    n = 120
    x = rng.normal(size=n).round(3)
    return pd.DataFrame(
        {
            "net weight": np.where(rng.random(n) < 0.1, "", x.astype(str)),
            "town": rng.choice(["Rome", "Oslo", ""], n),
            "code": rng.choice(["01", "1", "7"], n),
            "flag": rng.choice(["true", "false", ""], n),
            "when": np.datetime_as_string(np.datetime64("1969-01-01") + rng.integers(0, 900, n)),
            "id": [f"k{i}" for i in range(n)],
            "kind": np.where(x > 0, "007", "7"),
            "price": (1000 + 3 * x).astype(str),
        }
    )


def feed(session, table):
    """Columns as inputs, of what a model's first step has read."""
    given = {}
    for put in session.get_inputs():
        values = table[put.name].to_pandas()
        if put.type == "tensor(string)":
            values = values.astype(object).where(values.notna(), "")
        elif put.type == "tensor(int64)":
            values = values.astype("M8[ns]").astype(np.int64)
        given[put.name] = values.to_numpy().reshape(-1, 1)
    return given


@pytest.mark.parametrize("learner", [["--model", "mlp", "--max-iter", "3"], ["--time", "2"]])
@pytest.mark.parametrize("target", ["kind", "price"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_models_of_files(learner, target, frame, tmp_path):
    X = frame.drop(columns=["kind", "price"])
    X.assign(**{target: frame[target]}).to_csv(tmp_path / "rows.csv", index=False)
    words = ["train", tmp_path / "rows.csv", "--target", target, "--out", tmp_path / "m.skops"]
    with pytest.raises(SystemExit) as stop:
        main([*map(str, words), *learner])
    assert not stop.value.code
    model = load(tmp_path / "m.skops")
    session = onnxruntime.InferenceSession(
        to_onnx(model).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    assert [put.name for put in session.get_inputs()] == X.columns.drop("id").tolist()
    X.loc[:5, "town"], X.loc[:9, "code"] = "Paris", "001"
    found = session.run(None, feed(session, model.steps[0][1].transform(X)))
    if target == "kind":
        assert_array_equal(found[0], model.predict(X))
        assert_allclose(found[1], model.predict_proba(X), atol=1e-5)
    else:
        assert_allclose(found[0].ravel(), model.predict(X), atol=3e-5)
