"""Fitted models changed by hand: an error in one sentence, or the right answer.

``python tests/faults/odd_state.py FIRST LAST`` tries the changes of these seeds. A line says which
one is under way, so that the last one tells what ended the process.
"""

import copy
import pickle
import sys
import warnings
from functools import cache

import guard_pages
import numpy as np
import pandas as pd
from scipy import sparse
from work import X, classifier, regressor, y

import fastnn
from fastnn.training.loop import DivergenceError

SENTENCE = 500  # characters of a message, at most

# ---------------------------------------------------------------------------------- what is changed


@cache
def models():
    labels = np.column_stack([y == 0, y == 1]).astype(int)
    targets = np.column_stack([y * 1.0, X[:, 0]])
    return [
        classifier(hidden_layer_sizes=(5, 4)).fit(X, y),
        classifier(hidden_layer_sizes=(6,)).fit(X.astype("f4"), y == 0),
        classifier(solver="sgd", early_stopping=True).fit(X, labels),
        classifier(hidden_layer_sizes=()).fit(pd.DataFrame(X).add_prefix("x"), y),
        classifier(normalization="batch", dropout=0.2).fit(X, y),
        classifier(normalization="layer", activation=["gelu"]).fit(X, y),
        regressor(solver="lbfgs").fit(X, targets),
        regressor(loss="quantile", quantile=[0.1, 0.9]).fit(X, X[:, 0]),
        classifier(max_iter=3).fit(X, y),
    ]


STRUCTURE = np.dtype([("a", "f8"), ("b", "i4")])
WEIGHTS = {
    "objects": lambda w: w.astype(object),
    "objects of None": lambda w: np.full(w.shape, None),
    "complex": lambda w: w.astype("c16") + 1j,
    "long double": lambda w: w.astype("g"),
    "half": lambda w: w.astype("f2"),
    "the other float": lambda w: w.astype("f4" if w.dtype == "f8" else "f8"),
    "whole": lambda w: (w * 10).astype("i8"),
    "bools": lambda w: w > 0,
    "texts": lambda w: w.astype("U9"),
    "dates": lambda w: np.zeros(w.shape, "M8[D]"),
    "spans": lambda w: np.zeros(w.shape, "m8[s]"),
    "structures": lambda w: np.zeros(w.shape, STRUCTURE),
    "big-endian": lambda w: w.astype(w.dtype.newbyteorder()),
    "masked": lambda w: np.ma.masked_array(w, w > 0),
    "matrix": lambda w: np.asmatrix(w),
    "sparse": lambda w: sparse.csr_array(np.atleast_2d(w)),
    "frame": lambda w: pd.DataFrame(w),
    "list": lambda w: w.tolist(),
    "ragged list": lambda w: [*w.tolist(), [1.0] * 99],
    "None": lambda w: None,
    "a number": lambda w: 1.5,
    "no axis": lambda w: np.array(1.5),
    "three axes": lambda w: np.atleast_2d(w)[None],
    "flat": lambda w: w.ravel(),
    "turned": lambda w: w.T,
    "one more": lambda w: np.concatenate([w, w[:1]]),
    "one less": lambda w: w[:-1],
    "one more beside": lambda w: np.concatenate([w, w[..., :1]], axis=-1),
    "empty": lambda w: w[:0],
    "strided": lambda w: np.repeat(w, 2, axis=0)[::2],
    "Fortran": lambda w: np.asfortranarray(w),
    "reversed": lambda w: w[::-1].copy()[::-1],
    "read-only": lambda w: (w := w.copy(), w.setflags(write=False))[0],
    "unaligned": lambda w: np.frombuffer(b"." + w.tobytes(), w.dtype, offset=1).reshape(w.shape),
    "repeated": lambda w: np.broadcast_to(w[:1], w.shape),
    "NaN": lambda w: w * np.nan,
    "infinite": lambda w: w + np.inf,
    "huge": lambda w: w * 1e300,
    "other numbers": lambda w: w * 0.5 + 0.25,
}
LISTS = {
    "tuple": tuple,
    "one less": lambda ws: ws[:-1],
    "one more": lambda ws: [*ws, ws[-1]],
    "none": lambda ws: [],
    "None": lambda ws: None,
    "array of objects": lambda ws: np.array([*ws, None], dtype=object)[:-1],
    "a number": lambda ws: 3,
    "reversed": lambda ws: ws[::-1],
    "a dict": lambda ws: dict(enumerate(ws)),
}


class Odd:
    """An object with one name in every copy."""

    def __repr__(self):
        return "odd"


ODD_VALUES = [
    *(
        None,
        True,
        0,
        -1,
        1,
        3,
        2**31,
        -(2**40),
        2**63,
        1.5,
        -0.5,
        1e300,
        float("nan"),
        float("inf"),
    ),
    *("", "relu", "a text", b"bytes", (), [], [None], {}, {"a": 1}, Odd(), np.float32(2)),
    *(np.array([]), np.array(3), np.zeros((2, 2)), np.full(7, -1e6), np.full(7, np.nan)),
    *(np.array(["a", None], dtype=object), np.arange(4), X, sparse.csr_array(X)),
]
OF_LAYERS = ("coefs_", "intercepts_", "normalization_scales_", "normalization_shifts_")
OF_LAYERS += ("running_means_", "running_variances_")


def change_weights(model, random):
    """Change one matrix or vector, or each of a list, or the list."""
    name = random.choice([name for name in OF_LAYERS if name in vars(model)])
    parts = list(getattr(model, name))
    if random.random() < 0.15:
        way = random.choice(list(LISTS))
        setattr(model, name, LISTS[way](parts))
        return name, way
    way, which = random.choice(list(WEIGHTS)), random.integers(-1, len(parts))
    with np.errstate(all="ignore"):
        for i in range(len(parts)) if which == -1 else [which]:
            parts[i] = WEIGHTS[way](np.array(parts[i]))
    setattr(model, name, parts)
    return f"{name}[{'all' if which == -1 else which}]", way


def change_attribute(model, random):
    """Set an attribute or parameter to something odd."""
    name = random.choice([name for name in vars(model) if name != "_own_network"])
    value = ODD_VALUES[random.integers(len(ODD_VALUES))]
    setattr(model, name, value)
    return name, value


def change_state(model, random):
    """Change one leaf of what a pickle of the model holds."""
    state = copy.deepcopy(model.__getstate__())
    place, path = state, []
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = keys[random.integers(len(keys))]
        path.append(key)
        value = place[key]
        is_inner = isinstance(value, dict | list) and len(value)
        if not is_inner or random.random() < 0.1:
            break
        place = value
    if isinstance(value, np.ndarray) and value.size and random.random() < 0.6:
        way = random.choice(list(WEIGHTS))
        with np.errstate(all="ignore"):
            place[key] = WEIGHTS[way](value) if value.ndim else -1
        what = way
    elif isinstance(value, np.ndarray) and value.size and random.random() < 0.6:
        what = random.choice([-1e6, -1, 3, 1e15, np.nan, np.inf])
        value.flat[random.integers(value.size)] = what
    else:
        what = place[key] = ODD_VALUES[random.integers(len(ODD_VALUES))]
    twin = object.__new__(type(model))
    twin.__setstate__(state)
    vars(model).clear()
    vars(model).update(vars(twin))
    return path, what


CHANGES = {"weights": change_weights, "attribute": change_attribute, "state": change_state}

# ---------------------------------------------------------------------------------- what is called


def data_of(model):
    if "feature_names_in_" in vars(model):
        return pd.DataFrame(X).add_prefix("x")
    return X


def targets_of(model):
    if isinstance(model, fastnn.MLPRegressor):
        return np.column_stack([y * 1.0, X[:, 0]]) if model.solver == "lbfgs" else X[:, 0]
    if model.solver == "sgd":
        return np.column_stack([y == 0, y == 1]).astype(int)
    return y == 0 if len(getattr(model, "classes_", y)) == 2 else y


CALLS = {
    "predict": lambda m: m.predict(data_of(m)),
    "predict one row": lambda m: m.predict(data_of(m)[:1]),
    "predict sparse rows": lambda m: m.predict(sparse.csr_array(X)),
    "predict_proba": lambda m: getattr(m, "predict_proba", m.predict)(data_of(m)[:9]),
    "hidden_activations": lambda m: m.hidden_activations(data_of(m), 0),
    "score": lambda m: m.score(data_of(m), targets_of(m)),
    "partial_fit": lambda m: m.partial_fit(data_of(m), targets_of(m)),
    "resume": lambda m: m.set_params(max_iter=25, max_time=None).resume(data_of(m), targets_of(m)),
    "warm start": lambda m: m.set_params(warm_start=True).fit(data_of(m), targets_of(m)),
    "fit": lambda m: m.fit(data_of(m), targets_of(m)),
    "summary": lambda m: m.summary(),
    "to_sklearn": lambda m: m.to_sklearn(),
    "pickle": lambda m: pickle.loads(pickle.dumps(m)).predict(data_of(m)),
    "copy": lambda m: copy.deepcopy(m).predict(data_of(m)),
}


def outcome(model, call):
    """What a call of a copy gives, as numbers: the answer, or the weights that it leaves."""
    np.random.seed(0)  # where the change is a `random_state` of None
    try:
        answer = CALLS[call](copy.deepcopy(model))
    except Exception as error:
        return error
    if hasattr(answer, "coefs_"):
        answer = np.concatenate([np.ravel(w) for w in (*answer.coefs_, *answer.intercepts_)])
    return answer


def is_same(one, other):
    if isinstance(one, Exception) or isinstance(other, Exception):
        return type(one) is type(other)
    if sparse.issparse(one):
        one, other = one.toarray(), other.toarray()
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype.kind == "f" and other.dtype.kind == "f":
        return one.shape == other.shape and np.array_equal(one, other, equal_nan=True)
    return np.array_equal(one, other)


def with_plain_weights(model):
    """Make the same model with plain arrays for weights; None where they are no numbers."""
    plain = copy.copy(model)
    vars(plain).pop("_own_network", None)
    try:
        dtypes = {np.asarray(w).dtype for name in OF_LAYERS for w in vars(model).get(name, ())}
        if any(dtype.kind not in "fiub" for dtype in dtypes):
            return None
        for name in set(OF_LAYERS) & set(vars(model)):
            parts = list(getattr(model, name))
            if not all(isinstance(w, np.ndarray) and type(w) is np.ndarray for w in parts):
                return None
            single = np.result_type(*dtypes, np.float32) == np.float32
            setattr(plain, name, [np.array(w, "f4" if single else "f8", order="C") for w in parts])
    except (TypeError, ValueError):
        return None
    return plain


def told(result):
    if isinstance(result, Exception):
        return f"{type(result).__name__}: {result}"
    return repr(result)


def check(number):
    random = np.random.default_rng(number)
    originals = models()
    untouched = copy.deepcopy(originals[random.integers(len(originals))])
    model = copy.deepcopy(untouched)
    kind, call = random.choice(list(CHANGES)), random.choice(list(CALLS))
    try:
        where, what = CHANGES[kind](model, random)
    except Exception as error:  # a state that is refused, or an array with no such form
        print(number, kind, error, flush=True)
        return
    model.max_time = None  # what a clock ends is not the same twice
    print(number, type(model).__name__, kind, where, repr(what)[:60], call, flush=True)
    first, again = (outcome(model, call) for _ in range(2))
    assert is_same(first, again), f"not the same twice: {told(first)}, {told(again)}"
    if kind != "weights":
        return
    if isinstance(first, Exception):
        assert isinstance(first, ValueError | TypeError | AttributeError), told(first)
        # The last is what scikit-learn's score says of outputs that overflow.
        if isinstance(first, DivergenceError) or str(first).startswith("Input contains infinity"):
            return
        is_told = any(name in str(first) for name in OF_LAYERS) and len(str(first)) < SENTENCE
        assert is_told or is_same(first, outcome(untouched, call)), told(first)
        return
    plain = with_plain_weights(model)
    if plain is not None:  # otherwise they are weights that only we can read, such as lists
        right = outcome(plain, call)
        assert is_same(first, right), f"{told(first)}, with plain weights {told(right)}"


if __name__ == "__main__":
    if sys.argv[3:] == ["guarded"]:
        guard_pages.use()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    for number in range(int(sys.argv[1]), int(sys.argv[2])):
        check(number)
