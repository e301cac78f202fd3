"""Fitted models whose weights and state were changed by hand: an error or a right answer.

Machine code checks no bounds, so whatever of this reached it would end or garble the process.
"""

import copy
import pickle

import numpy as np
import pytest
from scipy import sparse

from fastnn import MLPClassifier, MLPRegressor
from fastnn.memory import empty

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
random = np.random.default_rng(0)
X = random.standard_normal((40, 4))
y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
STRUCTURE = [("a", float), ("b", int)]


def fitted(**parameters):
    return MLPClassifier((5,), max_iter=3, random_state=0, **parameters).fit(X, y)


CALLS = {
    "predict a row": lambda model: model.predict(X[:1]),
    "predict": lambda model: model.predict_proba(np.repeat(X, 4, axis=0)),
    "partial_fit": lambda model: model.partial_fit(X, y),
    "resume": lambda model: model.set_params(max_iter=5).resume(X, y),
    "warm start": lambda model: model.set_params(warm_start=True).fit(X, y),
    "summary": lambda model: model.summary(),
}

REFUSED = {
    "objects": (lambda W: W.astype(object), "has to hold real numbers, got dtype object"),
    "complex": (lambda W: W * 1j, "has to hold real numbers, got dtype complex128"),
    "none": (lambda W: None, "has to hold real numbers, got dtype object"),
    "no axes": (lambda W: np.float64(3), r"of shape \(\)"),
    "dates": (lambda W: W.astype("M8[s]"), "has to hold real numbers, got dtype datetime64"),
    "texts": (lambda W: W.astype(str), "has to hold real numbers, got dtype <U"),
    "structures": (lambda W: np.zeros(W.shape, STRUCTURE), "has to hold real numbers"),
    "ragged": (lambda W: [[1, 2], [3]], "has unequal lengths|have unequal lengths"),
    "three axes": (lambda W: W[None, None], "do not fit the layer before"),
    "empty": (lambda W: W[:0], "do not fit the layer before"),
    "NaN": (lambda W: W * np.nan, "masked or not finite"),
    "masked": (lambda W: np.ma.array(W, mask=True), "masked or not finite"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("part", ["coefs_", "intercepts_"])
@pytest.mark.parametrize("all_layers", [False, True])
@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.filterwarnings("ignore:.*NaT.*:RuntimeWarning")
def test_weights_that_are_none_are_refused(kind, all_layers, part, call):
    change, told = REFUSED[kind]
    model = fitted()
    arrays = getattr(model, part)
    changed = [change(W) if all_layers or i == 1 else W for i, W in enumerate(arrays)]
    setattr(model, part, changed)
    layer = 0 if all_layers else 1
    with pytest.raises(ValueError, match=told) as error:
        CALLS[call](model)
    assert f"{part}[{layer}]" in str(error.value)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("part", ["coefs_", "intercepts_"])
@pytest.mark.parametrize("what", [None, 3, "ab", {}, np.array(None)], ids=repr)
def test_what_is_no_list_of_weights_is_refused(what, part, call):
    model = fitted()
    setattr(model, part, what)
    with pytest.raises(ValueError, match=f"{part} has to be a list with an array for each layer"):
        CALLS[call](model)


TAKEN = {
    "lists": lambda W: W.tolist(),
    "longdouble": lambda W: W.astype(np.longdouble),
    "half": lambda W: W.astype(np.float16),
    "swapped": lambda W: W.astype(">f8"),
    "whole": lambda W: np.rint(4 * W).astype(int),
    "truth": lambda W: W > 0,
    "strided": lambda W: np.repeat(W, 2, axis=0)[::2],
}


@pytest.mark.parametrize("kind", TAKEN)
def test_weights_of_other_numbers_predict_and_train_on(kind):
    model, plain = fitted(), fitted()
    for part in ("coefs_", "intercepts_"):
        changed = [TAKEN[kind](W) for W in getattr(model, part)]
        setattr(model, part, changed)
        setattr(plain, part, [np.array(W, np.float64) for W in changed])
    tolerance = 1e-5 if kind in ("half", "truth") else 0  # these are float32's
    for few in (X[:1], X, np.repeat(X, 4, axis=0)):
        np.testing.assert_allclose(
            model.predict_proba(few), plain.predict_proba(few), rtol=tolerance
        )
    for call in ("partial_fit", "resume", "warm start"):
        CALLS[call](copy.deepcopy(model))


@pytest.mark.parametrize("change", [None, np.ones(4), np.ones(5) * 1j, np.ones((5, 5))], ids=repr)
def test_normalization_that_does_not_fit_is_refused(change):
    model = fitted(normalization="batch")
    if change is None:
        del model.normalization_shifts_
    else:
        model.normalization_shifts_ = [change]
    for call in CALLS.values():
        with pytest.raises(ValueError, match="normalization_shifts_"):
            call(model)


@pytest.mark.parametrize("part", ["progress", "state", "hyper", "schedule", "base_rate", "name"])
@pytest.mark.parametrize(
    "value",
    [None, -1, "x", [], {}, np.full(4, -1e6), np.full(4, np.nan), np.zeros(3), np.zeros(4, object)],
    ids=repr,
)
@pytest.mark.parametrize("call", ["partial_fit", "resume"])
def test_a_solver_that_is_none_is_refused(call, value, part):
    model = fitted()
    model._solver_state[part] = value
    if part == "base_rate" and isinstance(value, int):  # a number, which the schedule replaces
        CALLS[call](model)
        return
    with pytest.raises(ValueError, match="state of the solver that the last fit has left is damag"):
        CALLS[call](model)


@pytest.mark.parametrize("progress", [-1e6, -1, 1e9, np.nan, np.inf])
def test_rows_that_an_epoch_cannot_have_reached_are_refused(progress):
    model = fitted()
    model._solver_state["progress"][2] = progress
    with pytest.raises(ValueError, match=r"damaged|stopped after 1000000000 rows"):
        model.set_params(max_iter=5).resume(X, y)


@pytest.mark.parametrize("n_iter", [-1, 10**12, None, "x", 2.5])
def test_epochs_that_there_cannot_have_been_are_refused(n_iter):
    model = fitted()
    model.n_iter_ = n_iter
    with pytest.raises(ValueError, match=f"n_iter_={n_iter!r} is no number of epochs"):
        model.set_params(max_iter=5).resume(X, y)


DAMAGES = {
    "position": lambda state: state["random_state"]["state"].update(pos=-(10**6)),
    "far position": lambda state: state["random_state"]["state"].update(pos=625),
    "generator": lambda state: state["random_state"].update(bit_generator="seed"),
    "keys": lambda state: state["random_state"]["state"].update(key=[]),
    "inner": lambda state: state["random_state"].update(state=np.zeros(3)),
    "all": lambda state: state.update(random_state=None),
    "none": lambda state: state.clear(),
    "parameters": lambda state: state.update(params=np.zeros(1), running=np.zeros(0)),
    "complex": lambda state: state.update(params=state["params"] * 1j),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_resume_goes_on_from_is_looked_at(damage):
    model = fitted(early_stopping=True)
    DAMAGES[damage](model._resumption)
    with pytest.raises(ValueError, match="damaged"):
        model.set_params(max_iter=5).resume(X, y)


def test_other_generators_resume_to_the_same_bits():
    for generator in (np.random.PCG64, np.random.Philox, np.random.SFC64):
        whole, cut = (
            MLPClassifier((5,), max_iter=n, random_state=np.random.RandomState(generator(3)))
            for n in (5, 3)
        )
        whole.fit(X, y)
        cut.fit(X, y).set_params(max_iter=5)
        np.testing.assert_array_equal(cut.resume(X, y).coefs_[0], whole.coefs_[0])


def test_fitted_attributes_that_do_not_go_together_are_refused():
    model = fitted()
    model.classes_ = model.classes_[:2]
    with pytest.raises(ValueError, match="classes_ has 2 classes, and the network 3 outputs"):
        model.predict(X)
    model = fitted()
    model.out_activation_ = "sigmoid"
    with pytest.raises(ValueError, match="out_activation_='sigmoid' does not exist"):
        model.predict(X)
    model = fitted()
    expected = model.predict_proba(X), model.hidden_activations(X, -1)
    model.n_outputs_, model.n_layers_ = 1, 100
    np.testing.assert_array_equal(model.predict_proba(X), expected[0])
    np.testing.assert_array_equal(model.hidden_activations(X, -1), expected[1])
    with pytest.raises(ValueError, match="the network has 1 hidden layers"):
        model.hidden_activations(X, 50)


def test_a_class_without_outputs_is_refused():
    model = MLPClassifier((5,), max_iter=3).fit(X, np.c_[y, y])
    model.classes_ = [np.array([]), np.arange(6)]
    with pytest.raises(ValueError, match="one each at least"):
        model.predict(X)


def test_a_network_in_a_saved_state_is_dropped():
    state = fitted().__getstate__() | {"_own_network": "a stranger's"}
    model = MLPClassifier()
    model.__setstate__(state)
    np.testing.assert_array_equal(model.predict(X), fitted().predict(X))
    assert "_own_network" not in pickle.loads(pickle.dumps(model)).__getstate__()


POINTING_OUTSIDE = {
    "far": lambda X: X.indices.__setitem__(0, 10**6),
    "negative": lambda X: X.indices.__setitem__(0, -5),
    "start": lambda X: X.indptr.__setitem__(0, -3),
    "middle": lambda X: X.indptr.__setitem__(2, 10**6),
    "end": lambda X: X.indptr.__setitem__(-1, 10**6),
}


@pytest.mark.parametrize("damage", POINTING_OUTSIDE)
@pytest.mark.parametrize("form", ["csr", "csc"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_data_that_points_outside_itself_is_refused(solver, form, damage):
    whole = sparse.random_array((40, 4), density=0.5, format=form, rng=0)
    model = MLPRegressor(solver=solver, max_iter=2).fit(whole, y)
    damaged = whole.copy()
    POINTING_OUTSIDE[damage](damaged)
    for call in (
        lambda: MLPRegressor(solver=solver).fit(damaged, y),
        lambda: MLPRegressor(solver=solver).fit(whole, y, X_val=damaged, y_val=y),
        lambda: model.predict(damaged),
    ):
        with pytest.raises(ValueError, match=r"sparse matrix of shape \(40, 4\) is damaged"):
            call()


def test_memory_is_for_numbers():
    with pytest.raises(TypeError, match="Memory is for numbers, got dtype object"):
        empty((3,), np.dtype(object))
