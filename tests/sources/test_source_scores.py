"""Scores of a source, which are those of all its rows at once."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import d2_pinball_score, r2_score

from fastnn import MLPClassifier, MLPRegressor, make_source
from fastnn.sources.scores import R2

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.default_rng(0)
X = RNG.standard_normal((900, 5))
Y = X[:, :3].argmax(axis=1)
T = 1e4 + X[:, 0] * X[:, 1]
WEIGHTS = RNG.random(900) * (np.arange(900) > 100)  # the first blocks have none


def source_of(y, weights=None, X=X):
    return make_source(X, y, weights=weights, block_rows=40)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    "y",
    [
        Y,
        np.array(["left", "middle", "right"])[Y],
        np.stack([Y == 0, Y == 1], axis=1).astype(int),
        np.stack([Y, Y % 2], axis=1),
    ],
    ids=["codes", "texts", "labels", "targets"],
)
def test_accuracy_of_a_source(y, weights):
    model = MLPClassifier((9,), max_iter=5, random_state=0).fit(X, y)
    expected = model.score(X, y, weights)
    assert 0.1 < expected < 1
    assert model.score(source_of(y, weights)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("loss", ["squared_error", "quantile"])
def test_scores_of_numbers(loss, weights):
    model = MLPRegressor(loss=loss, hidden_layer_sizes=(9,), max_iter=5, random_state=0).fit(X, T)
    expected = model.score(X, T, weights)
    assert model.score(source_of(T, weights)) == pytest.approx(expected, rel=1e-9)
    score = r2_score if loss == "squared_error" else d2_pinball_score
    assert expected == pytest.approx(score(T, model.predict(X), sample_weight=weights))


def test_several_targets_and_sparse_rows():
    targets, S = np.column_stack([T, X[:, 1]]), sparse.csr_matrix(X * (X > 0))
    model = MLPRegressor(hidden_layer_sizes=(9,), max_iter=5, random_state=0).fit(S, targets)
    ours = model.score(source_of(targets, X=S))
    assert ours == pytest.approx(model.score(S, targets), rel=1e-9)


@pytest.mark.parametrize("y", [np.ones(6), np.arange(6.0), np.ones((6, 2))])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_targets_that_do_not_vary_score_as_scikit_learn_has_it(y, shift):
    tally = R2()
    for rows in (slice(0, 2), slice(2, 6)):
        tally.add(y[rows], y[rows] + shift, np.ones(len(y[rows])))
    assert tally.score() == r2_score(y, y + shift)


def test_what_cannot_be_scored_is_said():
    model = MLPClassifier((9,), max_iter=5, random_state=0).fit(X, Y)
    for source, more, told in (
        (source_of(None), (), "the source has none"),
        (source_of(Y, np.zeros(900)), (), "sum to 0"),
        (source_of(Y), (Y,), "target and weights of its own"),
    ):
        with pytest.raises(ValueError, match=told):
            model.score(source, *more)


# ------------------------------------------------------------------------------- validation


@pytest.mark.parametrize("memory", [1_000_000, 10_000_000])
@pytest.mark.parametrize("trains_on", ["a source", "arrays"])
def test_a_source_that_validates_is_as_good_as_its_rows(trains_on, memory):
    rows = slice(0, 300)
    kept = {"max_iter": 5, "random_state": 0, "early_stopping": True, "batch_size": 50}
    given = (source_of(Y),) if trains_on == "a source" else (X, Y)
    if trains_on == "a source":
        given[0].memory = memory
    of_source = MLPClassifier((9,), **kept).fit(
        *given, X_val=source_of(Y[rows], WEIGHTS[rows], X[rows])
    )
    of_arrays = MLPClassifier((9,), **kept).fit(
        *given, X_val=X[rows], y_val=Y[rows], sample_weight_val=WEIGHTS[rows]
    )
    assert of_source.validation_scores_ == of_arrays.validation_scores_
    np.testing.assert_array_equal(of_source.coefs_[0], of_arrays.coefs_[0])


def test_names_of_columns_are_those_of_the_rows_that_train(tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcde")).assign(y=Y)
    frame.to_parquet(tmp_path / "rows.parquet", row_group_size=200)
    source = make_source(tmp_path, "y")
    model = MLPClassifier((9,), max_iter=2, random_state=0).fit(source, X_val=source)
    assert model.validation_scores_[-1] == model.score(source)
    assert model.score(source) == model.score(frame[list("abcde")], frame["y"])
    other = make_source(tmp_path, "y", features=list("edcba"))
    for call in (lambda: model.score(other), lambda: model.fit(source, X_val=other)):
        with pytest.raises(ValueError, match="feature names should match"):
            call()


@pytest.mark.parametrize(
    ("validation", "told"),
    [
        ({"X_val": source_of(Y), "y_val": Y}, "leave out y_val"),
        ({"X_val": source_of(None)}, "X_val has no target"),
        ({"X_val": source_of(Y, X=X[:, :4])}, "X_val, y_val: X has 4 features"),
        ({"X_val": make_source(np.ones((200_000, 5)), np.ones(200_000), memory=10**6)}, "half of"),
    ],
)
def test_what_cannot_validate_is_said(validation, told):
    with pytest.raises(ValueError, match=told):
        MLPClassifier().fit(source_of(Y), **validation)


def test_a_part_is_for_partial_fit():
    source, model = source_of(Y), MLPClassifier((9,), random_state=0)
    for estimator in (model, MLPRegressor()):
        with pytest.raises(ValueError, match=r"source\.parts\(\).*warm_start=True"):
            estimator.partial_fit(source, Y)
    for part, y, weights in source.parts():
        model.partial_fit(part, y, weights, classes=[0, 1, 2])
    assert model.t_ == 900
