"""Names of columns in what is kept of an estimator."""

import numpy as np
import pandas as pd
import pytest

from fastnn.columns.record import with_names, without_names
from fastnn.columns.texts import pack
from fastnn.tables import TableEncoder


@pytest.mark.parametrize("names", [["a", "é", ""], ["x"]])
def test_names_are_kept_once(names):
    state = {"columns_": {"names": pack(names)}, "feature_names_in_": np.array(names, object)}
    held = without_names(state)
    assert held["feature_names_in_"] is None
    assert with_names(held)["feature_names_in_"].tolist() == names
    assert state["feature_names_in_"] is not None


def test_other_names_are_kept_as_they_are():
    other = {"columns_": {"names": pack(["a"])}, "feature_names_in_": np.array(["b"], object)}
    assert without_names(other) is other
    assert with_names(other) is other
    none = {"columns_": {"names": pack([])}, "n_features_in_": 2}
    assert with_names(without_names(none)) == none
    assert without_names({}) == {}


def test_an_encoder_has_its_names_again():
    frame = pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": ["x", "y", "x"]})
    encoder = TableEncoder().fit(frame)
    state = encoder.__getstate__()
    again = TableEncoder()
    again.__setstate__(state)
    assert again.feature_names_in_.tolist() == ["a", "b"]
    assert again.feature_names_in_.dtype == object
    np.testing.assert_array_equal(again.transform(frame), encoder.transform(frame))
