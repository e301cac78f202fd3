"""What is documented in several places agrees, also with scikit-learn's networks."""

import types

import pytest
from sklearn import neural_network
from sklearn.utils._testing import assert_docstring_consistency

from fastnn import MLPClassifier, MLPRegressor

# assert_docstring_consistency reads docstrings with it; the extra "test" has it.
pytest.importorskip("numpydoc", reason="numpydoc is not installed")

NETWORKS = [MLPClassifier, MLPRegressor]

OF_CLASSES = {"focal_gamma", "label_smoothing", "class_weight"}
OF_NUMBERS = {"huber_delta", "quantile"}
# Where the two differ: each has losses of its own, and the output's activation follows from them.
DIFFERENT_PARAMETERS = {"loss", *OF_CLASSES, *OF_NUMBERS}
DIFFERENT_ATTRIBUTES = {"classes_", "out_activation_"}

MORE_THAN_SKLEARN = {  # parameters that take what scikit-learn's do not
    *("hidden_layer_sizes", "activation", "solver", "learning_rate", "loss"),
}
OTHER_WORDS = {  # scikit-learn leaves out that batch_size may be 'auto', and random_state None
    *("batch_size", "random_state"),
}


def named(method, name):
    """Copy of a method under a name of its own: the check tells objects apart by their names."""
    twin = types.FunctionType(method.__code__, method.__globals__, name, None, method.__closure__)
    twin.__doc__ = method.__doc__
    return twin


def test_parameters_and_attributes_of_both_networks_agree():
    assert_docstring_consistency(
        NETWORKS,
        include_params=True,
        exclude_params=sorted(DIFFERENT_PARAMETERS),
        include_attrs=True,
        exclude_attrs=sorted(DIFFERENT_ATTRIBUTES),
    )


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("partial_fit", ["X", "sample_weight"]),
        ("predict", ["X"]),
        ("score", ["X", "sample_weight"]),
    ],
)
def test_methods_of_both_networks_agree(method, parameters):
    both = [named(getattr(cls, method), f"{cls.__name__}.{method}") for cls in NETWORKS]
    assert_docstring_consistency(both, include_params=parameters)


@pytest.mark.parametrize("Network", NETWORKS)
def test_methods_of_one_network_agree(Network):
    training = [Network.fit, Network.partial_fit, Network.score]
    assert_docstring_consistency(training, include_params=["X", "sample_weight"])
    using = [Network.fit, Network.predict, Network.hidden_activations]
    assert_docstring_consistency(using, include_params=["X"])


@pytest.mark.parametrize("Network", NETWORKS)
def test_types_and_defaults_are_those_of_scikit_learn(Network):
    theirs = getattr(neural_network, Network.__name__)
    ours = named(Network.__init__, "fastnn")
    ours.__doc__ = Network.__doc__
    assert_docstring_consistency(
        [ours, theirs],
        include_params=sorted({*theirs().get_params()} - MORE_THAN_SKLEARN - OTHER_WORDS),
        include_attrs=[
            *("loss_", "loss_curve_", "validation_scores_", "best_validation_score_", "t_"),
            *("n_features_in_", "feature_names_in_", "n_iter_", "n_layers_", "n_outputs_"),
        ],
        descr_regex_pattern=".",  # any: descriptions are fastnn's own
    )
