"""Pictures of ensembles: what is drawn is read back and compared with what the model says."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from fastnn import TabularClassifier, TabularRegressor
from fastnn.columns import transform
from fastnn.display import EmbeddingDisplay, EnsembleDisplay, IntervalDisplay
from fastnn.tabular.fitted import scaling_of
from fastnn.tabular.networks import from_dict
from fastnn.tabular.scaling import network_rows

mpl.use("Agg")
N = 120
draw = np.random.default_rng(0)
X = pd.DataFrame({"age": draw.uniform(18, 90, N), "income": draw.lognormal(size=N)})
X["smokes"] = np.arange(N) % 2.0
X["city"] = [f"city {i % 11}" for i in range(N)]
X["size"] = np.array(["small", "large"])[draw.integers(0, 2, N)]
X["same"] = 1.0
X["twin"] = X["income"]
X["when"] = pd.date_range("2024-01-01", periods=N, freq="5D")
X.loc[0, "city"] = "a village"
X.loc[3, "age"] = np.nan
y = np.sin(X["age"].fillna(50) / 10) + X["smokes"] + np.arange(N) % 11 / 5


@pytest.fixture(autouse=True)
def close():
    """Draw what a test has left, as a user would see it, and close it."""
    yield
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()
    plt.close("all")


@pytest.fixture(scope="module")
def model():
    kinds = ["boosting", "networks"]
    return TabularRegressor(members=kinds, effort="quick", cv=2, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def trees():
    model = TabularClassifier(members="boosting", effort="quick", cv=2, random_state=0)
    return model.fit(X, y > 1)


# ---------------------------------------------------------------------------------------- members


def test_members_stand_with_loss_and_weight_and_the_ensemble_last(model):
    display = EnsembleDisplay.from_estimator(model)
    members = [model.members_[i] for i in display.order_]
    assert [member["kind"] for member in members] == ["networks", "boosting"]
    drawn = [point.get_xdata()[0] for point in display.points_]
    assert drawn == [*(member["loss"] for member in members), model.validation_loss_]
    widths = [bar.get_width() for bar in display.bars_]
    assert_allclose(widths, [member["weight"] for member in members])
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == ["network", "boosted trees", "ensemble"]
    assert display.ax_.get_xlabel() == "squared error of rows held out"
    assert display.gain_ == min(drawn[:-1]) - model.validation_loss_


@pytest.mark.parametrize(
    ("loss", "name", "told"),
    [
        (0.27, "log loss", "10.0% less loss than"),
        (0.33, "log loss", "10.0% more loss than"),
        (0.3, "log loss", "as good as"),
        (0.2, "gamma", "0.10 less loss than"),
    ],
)
def test_the_title_tells_what_the_ensemble_has_gained(loss, name, told):
    display = EnsembleDisplay(
        losses=np.array([0.4, 0.3]),
        weights=np.array([0.4, 0.6]),
        kinds=["random_trees", "random_trees"],
        ensemble_loss=loss,
        loss_name=name,
    ).plot()
    assert told in display.ax_.get_title(loc="left")
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == ["random trees 1", "random trees 2", "ensemble"]


def test_a_single_member_differs_by_the_calibration_of_the_ensemble(trees):
    display = EnsembleDisplay.from_estimator(make_pipeline("passthrough", trees))
    assert abs(display.gain_) < 0.01
    assert display.ax_.get_yticklabels()[0].get_text() == "boosted trees"
    assert display.ax_.get_xlabel() == "log loss of rows held out"


# -------------------------------------------------------------------------------------- intervals


def test_intervals_are_sorted_and_coverage_is_told(model):
    display = IntervalDisplay.from_estimator(model, X[:40], y[:40], coverage=0.5)
    order = np.argsort(model.predict(X[:40]), kind="stable")
    ends = model.predict_interval(X[:40], 0.5)[order]
    segments = np.stack(display.intervals_.get_segments())
    assert_allclose(segments[:, :, 1], ends)
    targets = y[:40].to_numpy()[order]
    inside = (ends[:, 0] <= targets) & (targets <= ends[:, 1])
    assert_array_equal(display.inside_.get_ydata(), targets[inside])
    assert_array_equal(display.outside_.get_xdata(), np.flatnonzero(~inside))
    assert display.coverage_ == inside.mean()
    told = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert told[0] == "interval for 50%"
    assert told[2] == f"target inside: {inside.mean():.1%}"


def test_intervals_without_targets_have_none(model):
    display = IntervalDisplay.from_estimator(model, X[:5])
    assert display.inside_ is display.outside_ is display.coverage_ is None


def test_endless_intervals_run_out_of_the_picture():
    ends = [[-np.inf, np.inf], [0, 2], [-1, 1]]
    display = IntervalDisplay.from_predictions([5, 1, 3], [0, 1, 0.5], ends)
    segments = np.stack(display.intervals_.get_segments())
    low, high = display.ax_.get_ylim()
    assert segments[0, 0, 1] < low < -1
    assert segments[0, 1, 1] > high > 5
    assert display.coverage_ == 2 / 3


def test_a_pipeline_changes_rows_first(model):
    steps = make_pipeline(FunctionTransformer(lambda X: X.iloc[::-1]), model)
    display = IntervalDisplay.from_estimator(steps, X[:10])
    assert_array_equal(display.predictions, model.predict(X[:10])[::-1])


def test_one_of_several_targets_is_chosen():
    Y = np.column_stack([y, -2 * y])
    model = TabularRegressor(members="boosting", effort="quick", cv=2, random_state=0).fit(X, Y)
    display = IntervalDisplay.from_estimator(model, X[:9], Y[:9], target=1)
    assert_array_equal(display.predictions, model.predict(X[:9])[:, 1])
    assert_array_equal(display.intervals, model.predict_interval(X[:9])[:, :, 1])
    assert_array_equal(display.targets, Y[:9, 1])


def test_wrong_intervals_are_refused(model, trees):
    with pytest.raises(TypeError, match="predict_set"):
        IntervalDisplay.from_estimator(trees, X)
    with pytest.raises(ValueError, match="target=1 has to be one of the 1 targets"):
        IntervalDisplay.from_estimator(model, X[:5], target=1)
    with pytest.raises(ValueError, match="y has 2 columns"):
        IntervalDisplay.from_estimator(model, X[:5], np.ones((5, 2)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        IntervalDisplay.from_estimator(model, X[:5], y[:4])
    with pytest.raises(ValueError, match="y contains NaN"):
        IntervalDisplay.from_estimator(model, X[:2], [1.0, np.nan])
    with pytest.raises(ValueError, match=r"shape \(n_samples, 2\), got \(2,\)"):
        IntervalDisplay.from_predictions(None, [1, 2], [1, 2])


# ------------------------------------------------------------------------------------- embeddings


def first_inputs(model, rows):
    """What the first layer of the first network takes for rows, and that network's embedding."""
    state = next(one for one in model.members_ if one["kind"] == "networks")["states"][0]
    network, architecture = from_dict(state)
    scaled = network_rows(scaling_of(model), transform(model.columns_, rows, model))
    return architecture.embedding, architecture.embedding.rows(network.embedded, scaled)


def test_waves_are_what_the_first_layer_takes(model):
    display = EmbeddingDisplay.from_estimator(model, "income", X=X)
    x = display.lines_[0].get_xdata()
    assert (x[0], x[-1]) == (X["income"].min(), X["income"].max())
    rows = pd.concat([X[:1]] * len(x), ignore_index=True).assign(income=x)
    rows["twin"] = rows["income"]
    embedding, expected = first_inputs(model, rows)
    first = embedding.n_numbers + embedding.n_plain + embedding.n_waves  # age's waves stand before
    drawn = np.stack([line.get_ydata() for line in display.lines_], axis=1)
    assert_allclose(drawn[:, :-1], expected[:, first : first + embedding.n_waves], atol=1e-5)
    assert_allclose(drawn[:, -1], expected[:, 1], atol=1e-5)
    assert display.ax_.get_xlabel() == "income"


def test_curves_go_about_the_median_where_no_rows_are_given(model):
    x = EmbeddingDisplay.from_estimator(model, 0).values
    low, median, high = np.nanquantile(X["age"], [0.25, 0.5, 0.75])
    assert_allclose([x[0], x[-1]], [median - 3 * (high - low), median + 3 * (high - low)])


def test_levels_are_points_with_their_names(model):
    display = EmbeddingDisplay.from_estimator(model, "city")
    frequent = sorted(f"city {i}" for i in range(11))
    assert display.levels == [*frequent, "missing or rare"]
    embedding, expected = first_inputs(model, X.iloc[[11, 12, 0]])
    width = embedding.table_width
    wanted = [frequent.index("city 0"), frequent.index("city 1"), 11]
    assert_allclose(display.outputs[wanted], expected[:, -width:], atol=1e-6)
    centred = display.outputs - display.outputs.mean(axis=0)
    spread = np.linalg.svd(centred, compute_uv=False)
    at = np.stack(display.points_.get_data(), axis=1)
    assert_allclose(np.linalg.norm(at, axis=0), spread[:2])
    assert sorted(text.get_text() for text in display.texts_) == sorted(display.levels)


def test_of_many_levels_only_the_farthest_are_named():
    outputs = np.random.default_rng(0).normal(size=(100, 8))
    levels = [f"level {i}" for i in range(100)]
    display = EmbeddingDisplay(column="c", outputs=outputs, levels=levels).plot()
    assert len(display.points_.get_xdata()) == 100
    assert len(display.texts_) == 20


def test_levels_that_are_all_alike_have_no_shares():
    display = EmbeddingDisplay(column="c", outputs=np.ones((3, 8)), levels=["a", "b", "c"]).plot()
    assert display.ax_.get_xlabel() == "first principal component, 0%"


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("weight", "column='weight' is none of the columns of fit, 'age', 'income'"),
        (8, "column=8 is none of"),
        (-1, "column=-1 is none of"),
        (["age"], "is none of"),
        ("same", "'same' was left out in fit: it has one value only"),
        ("twin", "'twin' was left out in fit: it repeats column 'income'"),
        ("smokes", "'smokes' has two values only"),
        ("size", "'size' has 2 levels of three rows or more"),
        ("when", "'when' is a date, .*when_days"),
    ],
)
def test_a_column_of_which_nothing_is_learnt_is_refused(model, column, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingDisplay.from_estimator(model, column)


def test_a_number_of_a_date_has_waves(model):
    assert EmbeddingDisplay.from_estimator(model, "when_days").column == "when_days"


def test_a_network_is_found_or_missed(model, trees):
    with pytest.raises(ValueError, match="TabularClassifier has no network among its members"):
        EmbeddingDisplay.from_estimator(trees, "age")
    place = next(i for i, one in enumerate(model.members_) if one["kind"] == "networks")
    with pytest.raises(ValueError, match=rf"networks are \[{place}\]"):
        EmbeddingDisplay.from_estimator(model, "age", member=1 - place)
    with pytest.raises(ValueError, match="fold=2 has to be one of the 2 folds"):
        EmbeddingDisplay.from_estimator(model, "age", fold=2)
    first, second = (EmbeddingDisplay.from_estimator(model, "age", fold=k) for k in (0, 1))
    assert not np.array_equal(first.outputs, second.outputs)


# ------------------------------------------------------------------------------------------- all

CALLS = [
    EnsembleDisplay.from_estimator,
    lambda model, ax=None: IntervalDisplay.from_estimator(model, X[:9], y[:9], ax=ax),
    lambda model, ax=None: EmbeddingDisplay.from_estimator(model, "age", ax=ax),
    lambda model, ax=None: EmbeddingDisplay.from_estimator(model, "city", ax=ax),
]


@pytest.mark.parametrize("call", CALLS)
def test_what_is_no_ensemble_or_not_fitted_is_refused(call):
    with pytest.raises(NotFittedError):
        call(TabularRegressor())
    with pytest.raises(TypeError, match="got LinearRegression"):
        call(LinearRegression())


@pytest.mark.parametrize("call", CALLS)
def test_without_matplotlib_the_extra_is_named(call, model, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"fastnn-mlp\[plot\]"):
        call(model)


def test_axes_given_are_drawn_on(model):
    figure, axes = plt.subplots(1, 4, figsize=(20, 5), layout="constrained")
    displays = [call(model, ax=ax) for call, ax in zip(CALLS, axes, strict=True)]
    assert all(display.figure_ is figure for display in displays)
    assert [display.ax_ for display in displays] == list(axes)
    assert plt.get_fignums() == [figure.number]
