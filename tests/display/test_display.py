"""Pictures: what is drawn is read back from the artists and compared with what the library says."""

import warnings
from itertools import pairwise

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from processes import python
from reference import ACTIVATIONS, forward, row_losses
from sklearn import neural_network
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastnn import MLPClassifier, MLPRegressor
from fastnn.display import (
    ActivationDisplay,
    GraphDisplay,
    LossCurveDisplay,
    NetworkDisplay,
    Node,
    OutputDisplay,
    WeightsDisplay,
    style,
)
from fastnn.display.activation import activation_names
from fastnn.display.anatomy import activation_and_derivative, gradient, layer_outputs

mpl.use("Agg")


@pytest.fixture(autouse=True)
def close():
    """Draw what a test has left, as a user would see it, and close it."""
    yield
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()  # warns, so fails, where something finds no room
    plt.close("all")


def fitted(estimator, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X, y)


@pytest.fixture(autouse=True)
def usual_style():
    """Draw by Matplotlib's own settings, whatever other tests have left."""
    with mpl.rc_context():
        mpl.rcdefaults()
        yield


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True, as_frame=True)
    return X, np.array(["setosa", "versicolor", "virginica"])[y]


@pytest.fixture(scope="module")
def flowers(iris):
    """A classifier of three classes, trained on a table with names."""
    return fitted(MLPClassifier((5, 4), max_iter=30, random_state=0), *iris)


@pytest.fixture(scope="module")
def stopped(iris):
    """A classifier with scores."""
    model = MLPClassifier((8,), early_stopping=True, max_iter=30, random_state=0)
    return fitted(model, *iris)


@pytest.fixture
def regressor(regression_data):
    return fitted(MLPRegressor(hidden_layer_sizes=(3,), random_state=0), *regression_data)


# -------------------------------------------------------------------------------------- Matplotlib


def test_import_leaves_matplotlib_alone():
    program = "import sys, fastnn, fastnn.display; print('matplotlib' in sys.modules)"
    assert python(program) == "False"


def test_without_matplotlib_the_extra_is_named(monkeypatch, flowers, iris):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.pyplot", None)
    X, y = iris
    calls = [
        lambda: LossCurveDisplay.from_estimator(flowers),
        lambda: NetworkDisplay.from_estimator(flowers),
        lambda: OutputDisplay.from_estimator(flowers, X[:1], y[0]),
        lambda: OutputDisplay.from_predictions(0, [0.5, 0.5]),
        lambda: ActivationDisplay.from_names("relu"),
        lambda: WeightsDisplay.from_estimator(flowers),
        lambda: GraphDisplay.from_expression(Node(1.0)),
        lambda: GraphDisplay.from_estimator(flowers, X[:1], y[0]),
        lambda: OutputDisplay(outputs=np.ones(2)).plot(),
    ]
    for call in calls:
        with pytest.raises(ImportError, match=r"fastnn-mlp\[plot\]"):
            call()


def test_axes_given_are_drawn_on(flowers, iris):
    X, y = iris
    figure, axes = plt.subplots(2, 4, figsize=(20, 10), layout="constrained")
    a, b = Node(2.0, "a"), Node(3.0, "b")
    displays = [
        LossCurveDisplay.from_estimator(flowers, ax=axes[0, 0]),
        NetworkDisplay.from_estimator(flowers, X[:1], y[0], ax=axes[0, 1]),
        OutputDisplay.from_estimator(flowers, X[:1], y[0], ax=axes[0, 2]),
        ActivationDisplay.from_names(["relu", "tanh"], ax=axes[0, 3]),
        WeightsDisplay.from_estimator(flowers, ax=axes[1, 0]),
        WeightsDisplay.from_estimator(flowers, X, ax=axes[1, 1]),
        GraphDisplay.from_expression(a * b, ax=axes[1, 2]),
        WeightsDisplay.from_estimator(flowers, image_shape=(2, 2), ax=axes[1, 3]),
    ]
    for display, ax in zip(displays, axes.ravel()[[0, 1, 2, 3, 4, 5, 6, 7]], strict=True):
        assert display.ax_ is ax
        assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]


def test_axes_made_by_hand_are_divided_too(stopped):
    stopped.learning_rates_ = [0.1] * stopped.n_iter_
    ax = plt.figure().add_axes((0.2, 0.2, 0.6, 0.6))
    display = LossCurveDisplay.from_estimator(stopped, ax=ax)
    upper, lower = display.ax_.get_position(), display.rate_ax_.get_position()
    assert lower.y0 == pytest.approx(0.2)
    assert lower.y1 < upper.y0
    assert upper.y1 == pytest.approx(0.8)
    ax = plt.figure().add_axes((0.2, 0.2, 0.6, 0.6))
    assert len(ActivationDisplay.from_names(["relu", "tanh"], ax=ax).axes_) == 2


def test_a_dark_style_stays_dark(flowers, iris):
    X, y = iris
    with plt.style.context("dark_background"):
        display = NetworkDisplay.from_estimator(flowers, X[:1], y[0])
        middle = style.diverging(display.ax_)(0.5)
        assert style.luminance(middle) < 0.1
        names = [text for text in display.ax_.texts if "input" in text.get_text()]
        assert style.luminance(names[0].get_color()) > 0.9
        assert style.palette()[0] == style.SKY
    assert style.palette()[0] == style.BLUE


@pytest.mark.parametrize("names", [["$x^", "b\nc", "{d}", "$e_$"]])
def test_names_from_data_are_no_formulas(flowers, iris, names):
    display = NetworkDisplay.from_estimator(flowers, input_names=names)
    display.figure_.canvas.draw()
    assert {"b c", r"\$e_\$"} <= {text.get_text() for text in display.ax_.texts}


def test_long_names_stay_apart(flowers):
    names = ["a very long name of x", "a very long name of y", "short", "$"]
    assert style.plain_names(names, 10) == ["a ve… of x", "a ve… of y", "short", r"\$"]
    assert style.plain_names(["one very long", "another"], 8) == ["one ver…", "another"]
    assert style.plain_names(["the same name"] * 2, 8) == ["the sam…"] * 2
    display = NetworkDisplay.from_estimator(
        flowers, input_names=[f"{'x' * 40}{i}" for i in range(4)]
    )
    shown = [text.get_text() for text in display.ax_.texts if text.get_text().startswith("xx")]
    assert [text[-1] for text in shown] == list("0123")


def test_part_of_a_figure_is_drawn_on(flowers, iris):
    X, y = iris
    figure = plt.figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subfigures(1, 2)
    NetworkDisplay.from_estimator(flowers, X[:1], y[0], ax=left.add_subplot())
    GraphDisplay.from_estimator(flowers, X[:1], y[0], layer=2, ax=right.add_subplot())


# ----------------------------------------------------------------------------------------- anatomy


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("kind", ["multiclass", "binary", "regression"])
def test_gradient_agrees_with_central_differences(activation, kind, regression_data):
    X, y = regression_data
    if kind == "regression":
        model, loss = MLPRegressor(hidden_layer_sizes=(4, 3)), "squared_error"
    else:
        loss = "log_loss" if kind == "multiclass" else "binary_log_loss"
        y = np.digitize(y, [-0.5, 0.5] if kind == "multiclass" else [0.0])
        model = MLPClassifier((4, 3))
    model.set_params(
        activation=activation, max_iter=5, random_state=0, alpha=1.0, solver="sgd", momentum=0.9
    )
    fitted(model, X, y)
    x, target = X[:1], y[:1]
    Y = np.eye(3)[target] if kind == "multiclass" else target.reshape(1, 1)
    flat = [*model.coefs_, *model.intercepts_]

    def loss_at(array, index, step):
        moved = [np.array(one) for one in flat]
        moved[array][index] += step
        n = len(model.coefs_)
        outputs = forward(x, moved[:n], moved[n:], activation, model.out_activation_)
        return row_losses(loss, outputs[-1], Y)[0]

    result = gradient(model, x, target)
    assert result.loss == pytest.approx(row_losses(loss, _outputs(model, x), Y)[0])
    for array, slopes in enumerate([*result.coefs, *result.intercepts]):
        for index in np.ndindex(slopes.shape):
            expected = (loss_at(array, index, 1e-6) - loss_at(array, index, -1e-6)) / 2e-6
            assert slopes[index] == pytest.approx(expected, abs=1e-7)


def _outputs(model, x):
    return layer_outputs(model, x)[-1]


def test_layer_outputs_agree_with_numpy(flowers, iris):
    X = iris[0].to_numpy()
    expected = forward(X, flowers.coefs_, flowers.intercepts_, "relu", "softmax")
    for A, B in zip(layer_outputs(flowers, X), expected, strict=True):
        np.testing.assert_allclose(A, B, atol=1e-12)


def test_drawing_changes_nothing(flowers, iris):
    X, y = iris
    before = {name: repr(value) for name, value in vars(flowers).items()}
    np.random.seed(0)
    state = np.random.get_state()[1].tolist()
    flowers.set_params(random_state=None)
    try:
        NetworkDisplay.from_estimator(flowers, X[:1], y[0])
        GraphDisplay.from_estimator(flowers, X[:1], y[0])
        LossCurveDisplay.from_estimator(flowers)
    finally:
        flowers.set_params(random_state=0)
    assert np.random.get_state()[1].tolist() == state
    assert {name: repr(value) for name, value in vars(flowers).items()} == before


# -------------------------------------------------------------------------------------- loss curve


def test_loss_curve_draws_what_was_recorded(stopped):
    stopped.learning_rates_ = list(np.geomspace(0.1, 0.001, stopped.n_iter_))
    stopped.validation_loss_curve_ = [loss + 0.1 for loss in stopped.loss_curve_]
    display = LossCurveDisplay.from_estimator(stopped)
    epochs = np.arange(1, stopped.n_iter_ + 1)
    drawn = [
        (display.loss_lines_, stopped.loss_curve_, display.ax_),
        (display.validation_loss_lines_, stopped.validation_loss_curve_, display.ax_),
        (display.score_lines_, stopped.validation_scores_, display.score_ax_),
        (display.rate_lines_, stopped.learning_rates_, display.rate_ax_),
    ]
    for lines, values, ax in drawn:
        np.testing.assert_array_equal(lines[0].get_xdata(), epochs)
        np.testing.assert_array_equal(lines[0].get_ydata(), values)
        assert lines[0].axes is ax
    best = int(np.argmax(stopped.validation_scores_))
    assert display.best_points_[0].get_xdata() == [best + 1]
    assert display.best_points_[0].get_ydata() == [stopped.validation_scores_[best]]
    assert display.best_points_[0].axes is display.score_ax_
    assert display.rate_ax_.get_yscale() == "log"
    assert display.rate_ax_.get_position().y1 <= display.ax_.get_position().y0
    assert len({line.get_linestyle() for lines, _, _ in drawn[:3] for line in lines}) == 3


@pytest.mark.parametrize("size", [(4, 3), (6.4, 4.8), (12, 9)])
def test_the_labels_of_a_loss_curve_stay_within_the_figure(stopped, size):
    figure, ax = plt.subplots(figsize=size, layout="constrained")
    display = LossCurveDisplay.from_estimator([stopped, stopped, stopped], ax=ax)
    figure.canvas.draw()
    for axes in (display.ax_, display.score_ax_):
        box = axes.get_tightbbox()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.width


def test_loss_curve_without_scores_marks_the_lowest_loss(iris):
    model = fitted(MLPClassifier((4,), max_iter=12, random_state=0), *iris)
    display = LossCurveDisplay.from_estimator(model, log_scale=True)
    assert display.score_ax_ is None
    assert display.ax_.get_yscale() == "log"
    assert display.best_points_[0].get_xdata() == [1 + int(np.argmin(model.loss_curve_))]


def test_loss_curves_of_several_are_told_apart(iris):
    models = [
        fitted(MLPClassifier((4,), max_iter=n, alpha=0.5, random_state=0), *iris) for n in (5, 9)
    ]
    display = LossCurveDisplay.from_estimator(models)
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["max_iter=5: best 5", "max_iter=9: best 9", "training loss"]
    assert [len(line.get_ydata()) for line in display.loss_lines_] == [5, 9]
    assert len({(line.get_color(), line.get_marker()) for line in display.loss_lines_}) == 2
    named = LossCurveDisplay.from_estimator({"short": models[0], "long": models[1]})
    assert named.ax_.get_legend().get_texts()[1].get_text() == "long: best 9"
    with pytest.raises(ValueError, match="1 names for 2"):
        LossCurveDisplay.from_estimator(models, name=["one"])
    with pytest.raises(ValueError, match="no estimators"):
        LossCurveDisplay.from_estimator([])


def test_loss_curve_needs_a_record(iris):
    model = fitted(MLPClassifier((2,), solver="lbfgs", max_iter=3), *iris)
    vars(model).pop("loss_curve_", None)
    with pytest.raises(ValueError, match="lbfgs"):
        LossCurveDisplay.from_estimator(model)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda network: make_pipeline(StandardScaler(), network),
        lambda network: GridSearchCV(network, {"alpha": [0.1]}, cv=2),
        lambda network: make_pipeline(network),
    ],
)
def test_the_network_is_found_in(wrap, iris):
    X, y = iris
    model = fitted(wrap(MLPClassifier((4,), max_iter=5, random_state=0)), X, y)
    assert len(LossCurveDisplay.from_estimator(model).loss_lines_[0].get_ydata()) == 5
    display = NetworkDisplay.from_estimator(model, X.iloc[[3]], y[3])
    proba = model.predict_proba(X.iloc[[3]])[0]
    np.testing.assert_allclose(display.units_[-1].get_array(), proba)
    np.testing.assert_allclose(
        NetworkDisplay.from_estimator(model, X.iloc[3], y[3]).deltas[-1], display.deltas[-1]
    )


def test_the_target_is_transformed_as_for_training(regression_data):
    X, y = regression_data
    network = MLPRegressor(hidden_layer_sizes=(3,), max_iter=5, random_state=0)
    model = TransformedTargetRegressor(network, transformer=StandardScaler())
    fitted(model, X, 100 + 50 * y)
    display = OutputDisplay.from_estimator(model, X[0], 100 + 50 * y[0])
    assert display.targets == pytest.approx([y[0]], abs=0.1)


def test_scikit_learns_networks_are_drawn_too(iris):
    X, y = iris
    theirs = fitted(neural_network.MLPClassifier((4,), max_iter=5, random_state=0), X, y)
    ours = fitted(MLPClassifier((4,), max_iter=5, random_state=0), X, y)
    a, b = (NetworkDisplay.from_estimator(model, X[:1], y[0]) for model in (theirs, ours))
    np.testing.assert_allclose(a.coef_gradients[0], b.coef_gradients[0], atol=1e-8)


def test_a_callback_may_draw_the_model_as_it_stands(iris):
    X, y = iris
    drawn = []

    class Drawing:
        def setup(self, estimator, context): ...

        def on_fit_task_begin(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            drawn.append(NetworkDisplay.from_estimator(fitted_estimator, X[:1], y[0]))
            plt.close(drawn[-1].figure_)

        def teardown(self, estimator, context):
            drawn.append("torn down")

    model = MLPClassifier((3,), max_iter=3, random_state=0).set_callbacks(Drawing())
    fitted(model, X, y)
    assert drawn.pop() == "torn down"
    np.testing.assert_array_equal(drawn[-1].links_[0].get_array(), model.coefs_[0].ravel())
    assert np.any(drawn[0].links_[0].get_array() != drawn[1].links_[0].get_array())


def test_wrong_estimators_are_told(iris):
    X, y = iris
    with pytest.raises(NotFittedError):
        NetworkDisplay.from_estimator(MLPClassifier())
    with pytest.raises(TypeError, match="LogisticRegression"):
        NetworkDisplay.from_estimator(LogisticRegression(max_iter=1000).fit(X, y))


# ----------------------------------------------------------------------------------------- network


def test_network_draws_weights_and_the_sample_forward_and_backward(flowers, iris):
    X, y = iris
    display = NetworkDisplay.from_estimator(flowers, X.iloc[[70]], y[70])
    x = X.to_numpy()[70:71]
    outputs = forward(x, flowers.coefs_, flowers.intercepts_, "relu", "softmax")
    for circles, A in zip(display.units_, outputs, strict=True):
        np.testing.assert_allclose(circles.get_array(), A[0], atol=1e-12)
        assert len(circles.get_paths()) == A.shape[1]
    slopes = gradient(flowers, x, y[70:71])
    layers = zip(flowers.coefs_, slopes.coefs, display.links_, display.gradient_links_, strict=True)
    for W, dW, links, gradient_links in layers:
        np.testing.assert_array_equal(links.get_array(), W.ravel())
        np.testing.assert_array_equal(gradient_links.get_array(), dW.ravel())
        assert len(links.get_segments()) == W.size
        widths = np.array(links.get_linewidths())
        assert np.argmax(widths) == np.argmax(np.abs(W))
    delta = outputs[-1][0] - (flowers.classes_ == y[70])
    np.testing.assert_allclose(display.rings_[-1].get_array(), delta, atol=1e-12)
    assert [len(heads.get_array()) > 0 for heads in display.arrows_] == [True] * 3
    assert display.loss == pytest.approx(-np.log(outputs[-1][0][flowers.classes_ == y[70]])[0])
    texts = {text.get_text() for text in display.ax_.texts}
    assert {*X.columns, *flowers.classes_, "hidden 1\nrelu, 4"} <= texts
    assert len(display.values_) == 4 + 5 + 4 + 3
    assert len(display.deltas_) == 5 + 4 + 3


def test_arrows_of_the_gradient_point_back(flowers, iris):
    X, y = iris
    display = NetworkDisplay.from_estimator(flowers, X[:1], y[0])
    for heads in display.arrows_:
        for path in heads.get_paths():
            tip, *rest = path.vertices[:3]
            assert tip[0] < min(corner[0] for corner in rest)


def test_links_join_their_units(flowers):
    display = NetworkDisplay.from_estimator(flowers)
    middles = [
        [path.get_extents().get_points().mean(axis=0) for path in circles.get_paths()]
        for circles in display.units_
    ]
    for links, (left, right) in zip(display.links_, pairwise(middles), strict=True):
        expected = [(a, b) for a in left for b in right]
        np.testing.assert_allclose(links.get_segments(), expected, atol=1e-6)
    xs = [np.mean(layer, axis=0)[0] for layer in middles]
    assert xs == sorted(xs)


def test_dashes_tell_the_sign(flowers):
    display = NetworkDisplay.from_estimator(flowers)
    links = display.links_[0]
    dashed = [pattern is not None for _, pattern in links.get_linestyles()]
    assert dashed == [weight < 0 for weight in flowers.coefs_[0].ravel()]


def test_a_wide_layer_is_abbreviated():
    random = np.random.default_rng(0)
    X, y = random.random((30, 25)), random.random(30)
    model = fitted(MLPRegressor(hidden_layer_sizes=(7,), max_iter=2, random_state=0), X, y)
    display = NetworkDisplay.from_estimator(model, X[0], y[0], max_units=6)
    np.testing.assert_array_equal(display.shown_[0], [0, 1, 2, 23, 24])
    np.testing.assert_array_equal(display.shown_[1], [0, 1, 2, 5, 6])
    shown = model.coefs_[0][np.ix_(display.shown_[0], display.shown_[1])]
    np.testing.assert_array_equal(display.links_[0].get_array(), shown.ravel())
    dots = [one for one in display.ax_.collections if len(one.get_offsets()) == 3]
    assert len(dots) == 2
    assert "input\n25" in {text.get_text() for text in display.ax_.texts}
    assert NetworkDisplay.from_estimator(model, max_units=25).shown_[0].size == 25
    with pytest.raises(ValueError, match="max_units=2"):
        NetworkDisplay.from_estimator(model, max_units=2)


def test_wrong_samples_are_told(flowers, iris):
    X, y = iris
    with pytest.raises(ValueError, match="give X too"):
        NetworkDisplay.from_estimator(flowers, y=y[0])
    with pytest.raises(ValueError, match="one row, got 2"):
        NetworkDisplay.from_estimator(flowers, X[:2])
    with pytest.raises(ValueError, match="3 features"):
        NetworkDisplay.from_estimator(flowers, [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="rose"):
        NetworkDisplay.from_estimator(flowers, X[:1], "rose")
    with pytest.raises(ValueError, match="input_names holds 1 names for 4"):
        NetworkDisplay.from_estimator(flowers, input_names=["one"])
    with pytest.raises(ValueError, match="output_names holds 4 names for 3"):
        NetworkDisplay.from_estimator(flowers, output_names=list("abcd"))
    with pytest.raises(ValueError, match="input_names holds 1 names for 4"):
        WeightsDisplay.from_estimator(flowers, input_names=["one"])


# ------------------------------------------------------------------------------------------ output


def test_outputs_are_bars_and_the_right_answer_a_star(flowers, iris):
    X, y = iris
    display = OutputDisplay.from_estimator(flowers, X.iloc[[70]], y[70])
    proba = flowers.predict_proba(X.iloc[[70]])[0]
    np.testing.assert_allclose([bar.get_height() for bar in display.bars_], proba)
    names = [text.get_text() for text in display.ax_.get_xticklabels()]
    assert names == list(flowers.classes_)
    right = names.index(y[70])
    assert display.stars_.get_xdata() == [right]
    assert display.stars_.get_ydata() == [1]
    (gap,) = display.gaps_
    assert gap.xy[1] == 1
    assert gap.xyann[1] == pytest.approx(proba[right])
    with pytest.raises(ValueError, match="rose"):
        OutputDisplay.from_estimator(flowers, X[:1], "rose")


@pytest.mark.parametrize("size", [(3, 2.5), (6, 4), (12, 9)])
def test_the_legend_lies_over_neither_title_nor_star(flowers, iris, size):
    X, y = iris
    ax = plt.figure(figsize=size, layout="constrained").add_subplot()
    display = OutputDisplay.from_estimator(flowers, X.iloc[[70]], y[70], ax=ax)
    ax.set_title("a flower")
    ax.figure.canvas.draw()
    legend = ax.get_legend().get_window_extent()
    assert not legend.overlaps(ax.title.get_window_extent())
    star = ax.transData.transform(display.stars_.get_xydata()[0])
    assert star[1] + 7 < legend.y0
    assert ax.get_tightbbox().x0 <= legend.x0 < legend.x1 <= ax.get_window_extent().x1


def test_two_classes_have_two_bars(iris):
    X, y = iris[0][:100], iris[1][:100]
    model = fitted(MLPClassifier((3,), max_iter=5, random_state=0), X, y)
    display = OutputDisplay.from_estimator(model, X[:1], y[0])
    np.testing.assert_allclose(display.outputs, model.predict_proba(X[:1])[0])
    assert display.stars_.get_xdata() == [0]
    assert OutputDisplay.from_estimator(model, X[:1]).stars_ is None


def test_labels_have_a_star_each():
    X, Y = np.random.default_rng(0).random((20, 3)), np.eye(4, dtype=int)[np.arange(20) % 4]
    Y[:, 3] = 1
    model = fitted(MLPClassifier((3,), max_iter=2, random_state=0), X, Y)
    display = OutputDisplay.from_estimator(model, X[0], Y[0])
    np.testing.assert_array_equal(display.stars_.get_ydata(), Y[0])


def test_numbers_have_a_star_each(regression_data):
    X, y = regression_data
    Y = np.column_stack([y, -y])
    model = fitted(MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, random_state=0), X, Y)
    display = OutputDisplay.from_estimator(model, X[0], Y[0], names=["up", "down"])
    np.testing.assert_allclose(display.outputs, model.predict(X[:1])[0])
    np.testing.assert_array_equal(display.stars_.get_ydata(), Y[0])
    assert len(display.gaps_) == 2


def test_outputs_from_predictions():
    display = OutputDisplay.from_predictions(2, [0.1, 0.2, 0.7], names=["a", "b", "c"])
    assert display.stars_.get_xdata() == [2]
    many = np.linspace(0, 1, 30)
    display = OutputDisplay.from_predictions(0, many / many.sum(), max_bars=5)
    np.testing.assert_array_equal(display.shown_, [0, 26, 27, 28, 29])
    assert display.ax_.get_xlabel() == "5 of 30 outputs"
    with pytest.raises(ValueError, match="2 values for 3"):
        OutputDisplay.from_predictions([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="1 names for 2"):
        OutputDisplay.from_predictions([1.0, 2.0], [1.0, 2.0], names=["a"])


# -------------------------------------------------------------------------------------- activation


@pytest.mark.parametrize("name", activation_names())
def test_derivatives_are_those_of_the_values(name):
    z = np.linspace(-4, 4, 201) + 0.003  # past the corners
    values, slopes = activation_and_derivative(name, z)
    step = 1e-6
    ahead, behind = (activation_and_derivative(name, z + s)[0] for s in (step, -step))
    np.testing.assert_allclose(slopes, (ahead - behind) / (2 * step), atol=1e-6)
    if name in ACTIVATIONS:
        np.testing.assert_allclose(values, ACTIVATIONS[name][0](z), atol=1e-12)
        np.testing.assert_allclose(slopes, ACTIVATIONS[name][1](values), atol=1e-12)


def test_activations_are_drawn_with_their_derivatives():
    display = ActivationDisplay.from_names()
    assert list(display.axes_) == activation_names()
    for name, ax in display.axes_.items():
        value_line, derivative_line = display.value_lines_[name], display.derivative_lines_[name]
        assert value_line.axes is ax
        np.testing.assert_array_equal(value_line.get_ydata(), display.values[name])
        np.testing.assert_array_equal(derivative_line.get_ydata(), display.derivatives[name])
        assert value_line.get_linestyle() != derivative_line.get_linestyle()
    display = ActivationDisplay.from_estimator(MLPClassifier(activation="tanh"), n_points=11)
    np.testing.assert_allclose(display.value_lines_["tanh"].get_ydata(), np.tanh(display.z))
    with pytest.raises(ValueError, match="'rely'"):
        ActivationDisplay.from_names("rely")


# ----------------------------------------------------------------------------------------- weights


def test_weights_are_images_where_the_data_is(flowers):
    display = WeightsDisplay.from_estimator(flowers, image_shape=(2, 2))
    assert len(display.images_) == 5
    for unit, image in enumerate(display.images_):
        np.testing.assert_array_equal(image.get_array(), flowers.coefs_[0][:, unit].reshape(2, 2))
    assert display.images_[0].norm.vmin == -display.images_[0].norm.vmax
    with pytest.raises(ValueError, match=r"\(3, 3\) has 9 points, and the network takes 4"):
        WeightsDisplay.from_estimator(flowers, image_shape=(3, 3))


def test_weights_are_a_heat_map_otherwise(flowers, iris):
    display = WeightsDisplay.from_estimator(flowers)
    np.testing.assert_array_equal(display.images_[0].get_array(), flowers.coefs_[0])
    names = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert names[1] == iris[0].columns[1]
    few = WeightsDisplay.from_estimator(flowers, max_units=2)
    largest = np.sort(np.argsort(-np.linalg.norm(flowers.coefs_[0], axis=0))[:2])
    np.testing.assert_array_equal(few.images_[0].get_array(), flowers.coefs_[0][:, largest])


def test_brightness_of_weights_falls_all_the_way():
    brightness = [style.luminance(style.heat()(x)) for x in np.linspace(0, 1, 50)]
    assert (np.diff(brightness) < 0).all()


def test_activations_are_histograms(flowers, iris):
    X = iris[0]
    display = WeightsDisplay.from_estimator(flowers, X)
    outputs = layer_outputs(flowers, X.to_numpy())[1:-1]
    assert len(display.histograms_) == 2
    for drawn, A, text in zip(display.histograms_, outputs, display.texts_, strict=True):
        shares, edges, _ = drawn.get_data()
        np.testing.assert_allclose(shares, np.histogram(A, edges)[0] / A.size)
        assert shares.sum() == pytest.approx(1)
        assert f"at zero {(A == 0).mean():.0%}" in text.get_text()
    flat = fitted(MLPClassifier((), max_iter=2), X, iris[1])
    with pytest.raises(ValueError, match="no hidden layer"):
        WeightsDisplay.from_estimator(flat, X)


# ------------------------------------------------------------------------------------------- graph


def test_an_expression_flows_both_ways():
    a, b, c = Node(2.0, "a"), Node(-3.0, "b"), Node(10.0, "c")
    display = GraphDisplay.from_expression(a * b + c, name="y")
    told = {
        name.get_text(): (value.get_text(), slope.get_text())
        for name, value, slope in zip(
            display.names_, display.values_, display.derivatives_, strict=True
        )
    }
    minus, times = style.MINUS, style.TIMES
    assert told == {
        "a": ("2.00", f"∂ {minus}3.00"),
        "b": (f"{minus}3.00", "∂ 2.00"),
        "c": ("10.00", "∂ 1.00"),
        times: (f"{minus}6.00", "∂ 1.00"),
        "+ → y": ("4.00", "∂ 1.00"),
    }
    assert len(display.edges_) == 2 * 4


def test_boxes_stand_apart_and_results_right_of_operands():
    a, b = Node(2.0, "a"), Node(-3.0, "b")
    display = GraphDisplay.from_expression(((a + b) * (a - b)).exp() * b / a)
    boxes = [patch.get_bbox() for patch in display.boxes_]
    for i, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[i + 1 :])
    place = dict(zip(map(id, display.nodes_), boxes, strict=True))
    for node in display.nodes_:
        assert all(place[id(o)].x1 < place[id(node)].x0 for o in node.operands)


def test_arrays_without_room_are_told_by_their_shapes(flowers, iris):
    X, y = iris
    page = GraphDisplay.from_estimator(flowers, X[:1], y[0], layer=2)
    assert {text.get_fontsize() for text in page.values_} == {page.values_[0].get_fontsize()}
    assert page.values_[0].get_fontsize() > 8
    assert page.figure_.get_figwidth() < 8
    stamp = plt.figure(figsize=(3, 2)).add_subplot()
    small = GraphDisplay.from_estimator(flowers, X[:1], y[0], layer=2, ax=stamp)
    told = [text.get_text().replace(style.TIMES, "x") for text in small.values_]
    assert told[:2] == ["1 x 4", "4 x 3"]
    assert "[" in page.values_[0].get_text()


@pytest.mark.parametrize(
    "expression",
    [
        lambda a, b: (a + b) * (a - b) / a,
        lambda a, b: (2 - a) * 3 + 1 / b - (-a),
        lambda a, b: (a**3).exp() * (b * b).log(),
        lambda a, b: (a * b).activate("tanh") + a.activate("logistic"),
    ],
)
def test_derivatives_of_nodes_agree_with_central_differences(expression):
    x = np.array([0.7, 1.3])
    nodes = [Node(value) for value in x]
    result = expression(*nodes)
    result.backpropagate()
    result.backpropagate()  # once more changes nothing
    for i, node in enumerate(nodes):
        step = 1e-6 * np.eye(2)[i]
        ahead, behind = (expression(*map(Node, x + s)).value for s in (step, -step))
        assert node.derivative == pytest.approx((ahead - behind) / 2e-6, rel=1e-6)


def test_derivatives_of_repeated_arrays_are_added_up():
    A, W, b = (
        Node(np.arange(1.0, n + 1).reshape(s)) for n, s in ((6, (2, 3)), (6, (3, 2)), (2, 2))
    )
    (A @ W + b).sum().backpropagate()
    np.testing.assert_array_equal(b.derivative, [2, 2])
    np.testing.assert_array_equal(W.derivative, A.value.T @ np.ones((2, 2)))
    np.testing.assert_array_equal(A.derivative, np.ones((2, 2)) @ W.value.T)
    column, row = Node([[1.0], [2.0]]), Node([[3.0, 4.0, 5.0]])
    (np.ones((2, 3)) * column * row).sum().backpropagate()
    np.testing.assert_array_equal(column.derivative, [[12.0], [12.0]])
    with pytest.raises(ValueError, match="sum"):
        A.backpropagate()


@pytest.mark.parametrize("layer", [0, 1])
def test_a_layers_graph_agrees_with_the_networks_gradient(regressor, regression_data, layer):
    X, y = regression_data
    display = GraphDisplay.from_estimator(regressor, X[0], y[0], layer=layer)
    nodes = {node.name: node for node in display.nodes_}
    slopes = gradient(regressor, X[:1], y[:1])
    np.testing.assert_allclose(nodes["W"].derivative, slopes.coefs[layer], atol=1e-10)
    np.testing.assert_allclose(nodes["b"].derivative, slopes.intercepts[layer], atol=1e-10)
    np.testing.assert_allclose(nodes["A"].value, layer_outputs(regressor, X[:1])[layer], atol=1e-12)
    assert display.root.value == pytest.approx(slopes.loss)
    last = GraphDisplay.from_estimator(regressor, X[0], y[0], layer=layer - 2)
    assert len(last.nodes_) == len(display.nodes_)
    with pytest.raises(ValueError, match="layer=2"):
        GraphDisplay.from_estimator(regressor, X[0], y[0], layer=2)


@pytest.mark.parametrize("size", [(4, 3), (6.4, 4.8), (12, 9)])
@pytest.mark.parametrize("layout", [None, "constrained"])
def test_titles_of_panels_keep_off_the_panels_above(size, layout):
    figure, ax = plt.subplots(figsize=size, layout=layout)
    panels = list(ActivationDisplay.from_names(ax=ax).axes_.values())
    figure.draw_without_rendering()
    boxes = [panel.get_window_extent() for panel in panels]
    for panel in panels:
        title = panel.title.get_window_extent()
        assert not any(title.overlaps(box) for box in boxes)
    plt.close(figure)
