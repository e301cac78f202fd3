"""Random calls beside scikit-learn: the same class of exception, or the same numbers.

``python tests/faults/random_calls.py FIRST LAST`` tries the batches from FIRST on up to LAST, of
`BATCH` cases each, and prints how often each known difference was met. What is none of
`DIFFERENCES` fails, with the smallest case that hypothesis finds.
"""

import sys
import warnings
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars
import sklearn.neural_network
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.utils._param_validation import InvalidParameterError

import fastnn
from fastnn.training.loop import DivergenceError

BATCH = 250
N_MOST = 40

# ------------------------------------------------------------------------------------- the data

# float16 and longdouble are taken as float64, as bool and whole numbers are.
DTYPES = [
    "f8",
    "f4",
    "f2",
    "g",
    ">f8",
    ">f4",
    "i1",
    "i2",
    "i4",
    "i8",
    "u1",
    "u8",
    "?",
    "c16",
    "O",
    "U3",
    "M8[D]",
]
ORDERS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
    "reversed": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "read-only": lambda a: (a := a.copy(), a.setflags(write=False))[0],
}
SPARSE = [
    f"{form}_{kind}"
    for form in ("csr", "csc", "coo", "dok", "lil", "dia", "bsr")
    for kind in ("array", "matrix")
]


def masked(a):
    return np.ma.masked_array(a, mask=np.arange(a.size).reshape(a.shape) % 7 == 3)


def frame_of(a):
    return pd.DataFrame(a, columns=[f"c{i}" for i in range(a.shape[1])])


CONTAINERS = {
    "array": lambda a: a,
    "list": lambda a: a.tolist(),
    "tuples": lambda a: tuple(map(tuple, a.tolist())),
    "pandas": frame_of,
    "numbered pandas": pd.DataFrame,
    "nullable pandas": lambda a: frame_of(a).convert_dtypes(),
    "polars": lambda a: polars.DataFrame({f"c{i}": a[:, i] for i in range(a.shape[1])}),
    "masked": masked,
    "matrix": np.asmatrix,
    "ragged": lambda a: [*a.tolist(), [1.0] * (a.shape[1] + 1)],
    "one axis": np.ravel,
    "three axes": lambda a: a[:, :, None],
    "None": lambda a: None,
    "text": lambda a: "a text",
    **{name: getattr(sparse, name) for name in SPARSE},
}
BLEMISHES = {"none": None, "NaN": np.nan, "inf": np.inf, "huge": 1e300, "tiny": 1e-310}


class Rows(NamedTuple):
    """What X is made of."""

    n: int
    n_features: int
    dtype: str
    order: str
    container: str
    blemish: str
    seed: int

    def make(self):
        random = np.random.default_rng(self.seed)
        values = random.standard_normal((self.n, self.n_features)).round(3)
        if self.dtype in ["i1", "i2", "i4", "i8", "u1", "u8", "?", "O", "U3", "M8[D]"]:
            values = np.abs(values * 3).round()
        if self.blemish != "none" and values.size and self.dtype not in ("M8[D]",):
            with np.errstate(all="ignore"):
                values.flat[random.integers(values.size)] = BLEMISHES[self.blemish]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = values.astype("i8").astype("M8[D]") if "M8" in self.dtype else values
            values = ORDERS[self.order](values.astype(self.dtype))
        try:
            return CONTAINERS[self.container](values)
        except (TypeError, ValueError, polars.exceptions.PolarsError):  # as a sparse date
            return values


TARGETS = {
    "two classes": lambda n, r: r.integers(0, 2, n),
    "three classes": lambda n, r: r.integers(0, 3, n) - 1,
    "one class": lambda n, r: np.full(n, 5),
    "texts": lambda n, r: np.array(["a", "bb", "ccc"])[r.integers(0, 3, n)],
    "objects": lambda n, r: np.array(["a", "bb"], dtype=object)[r.integers(0, 2, n)],
    "mixed objects": lambda n, r: np.array(["a", 1, None], dtype=object)[r.integers(0, 3, n)],
    "bools": lambda n, r: r.integers(0, 2, n).astype(bool),
    "whole floats": lambda n, r: r.integers(0, 3, n) * 1.0,
    "numbers": lambda n, r: r.standard_normal(n),
    "float32": lambda n, r: r.standard_normal(n).astype("f4"),
    "counts": lambda n, r: r.poisson(2.0, n),
    "a column": lambda n, r: r.integers(0, 3, (n, 1)),
    "a column of numbers": lambda n, r: r.standard_normal((n, 1)),
    "two targets": lambda n, r: r.standard_normal((n, 2)),
    "labels": lambda n, r: r.integers(0, 2, (n, 3)),
    "one label": lambda n, r: r.integers(0, 2, (n, 1)),
    "sparse labels": lambda n, r: sparse.csr_array(r.integers(0, 2, (n, 3))),
    "sparse matrix of labels": lambda n, r: sparse.csc_matrix(r.integers(0, 2, (n, 3))),
    "sparse numbers": lambda n, r: sparse.csr_array(r.integers(0, 2, (n, 2)) * 1.5),
    "NaN": lambda n, r: np.where(r.random(n) < 0.3, np.nan, r.integers(0, 2, n)),
    "inf": lambda n, r: np.where(r.random(n) < 0.3, np.inf, 1.0),
    "huge": lambda n, r: r.standard_normal(n) * 1e200,
    "dates": lambda n, r: r.integers(0, 2, n).astype("M8[D]"),
    "complex": lambda n, r: r.integers(0, 2, n) * 1j,
    "list": lambda n, r: r.integers(0, 2, n).tolist(),
    "series": lambda n, r: pd.Series(r.integers(0, 3, n), index=np.arange(n)[::-1]),
    "categorical": lambda n, r: pd.Series(np.array(["x", "y"])[r.integers(0, 2, n)]).astype(
        "category"
    ),
    "nullable series": lambda n, r: pd.Series(r.integers(0, 2, n), dtype="Int64"),
    "polars series": lambda n, r: polars.Series(r.integers(0, 2, n)),
    "masked": lambda n, r: masked(r.integers(0, 2, n)),
    "too few": lambda n, r: r.integers(0, 2, max(0, n - 1)),
    "three axes": lambda n, r: r.integers(0, 2, (n, 2, 2)),
    "None": lambda n, r: None,
    "a number": lambda n, r: 3,
}
WEIGHTS = {
    "none": lambda n, r: None,
    "random": lambda n, r: r.random(n) + 0.1,
    "whole": lambda n, r: r.integers(0, 3, n) + (np.arange(n) == 0),
    "float32": lambda n, r: (r.random(n) + 0.1).astype("f4"),
    "a number": lambda n, r: 2.5,
    "list": lambda n, r: (r.random(n) + 0.5).tolist(),
    "zero": lambda n, r: np.zeros(n),
    "negative": lambda n, r: r.random(n) - 0.3,
    "NaN": lambda n, r: np.where(r.random(n) < 0.2, np.nan, 1.0),
    "too many": lambda n, r: r.random(n + 1),
    "texts": lambda n, r: np.array(["x"] * n),
    "a column": lambda n, r: r.random((n, 1)),
    "huge": lambda n, r: r.random(n) * 1e300,
}

VALID: dict[str, list[Any]] = {
    "hidden_layer_sizes": [(), (3,), (4, 3), [2, 5], 3, np.array([3, 2])],
    "activation": ["identity", "logistic", "tanh", "relu"],
    "solver": ["adam", "sgd", "lbfgs"],
    "alpha": [0.0, 1e-4, 1, 10.0, np.float32(0.1)],
    "batch_size": ["auto", 1, 2, 7, 60, np.int64(5)],
    "learning_rate": ["constant", "invscaling", "adaptive"],
    "learning_rate_init": [1e-3, 0.05],
    "power_t": [0.5, 0.0, 2.0],
    "max_iter": [1, 2, 5, np.int32(3)],
    "shuffle": [True, False],
    "random_state": [0, 1, np.int64(3), 2**32 - 1],
    "tol": [0.0, 1e-4, 0.5, 1e9],
    "verbose": [False, 0],
    "warm_start": [True, False],
    "momentum": [0.0, 0.9, 1.0],
    "nesterovs_momentum": [True, False],
    "early_stopping": [True, False],
    "validation_fraction": [0.1, 0.5],
    "beta_1": [0.0, 0.9],
    "beta_2": [0.0, 0.999],
    "epsilon": [1e-8, 1.0],
    "n_iter_no_change": [1, 2, np.inf],
    "max_fun": [1, 5, 15000],
}
ODD: dict[str, list[Any]] = {
    "hidden_layer_sizes": [0, (0,), (2.5,), "3", None, ((3,),), -1, True],
    "activation": ["sigmoid", None, 3],
    "solver": ["newton", None],
    "alpha": [-1.0, np.nan, np.inf, "0.1", None],
    "batch_size": [0, -1, 2.0, "all", None],
    "learning_rate": ["fast", 0.1],
    "learning_rate_init": [0.0, -0.1, 1.0, 1e300, np.inf],
    "power_t": [-1.0, np.nan],
    "max_iter": [0, 2.5, -1],
    "shuffle": [1, "yes", None],
    "random_state": [-1, "seed", 2**32, 1.5],
    "tol": [-1.0, np.inf, np.nan],
    "verbose": [-1, "no"],
    "warm_start": [1, None],
    "momentum": [1.5, -0.1],
    "nesterovs_momentum": [None, 2],
    "early_stopping": ["yes", 1],
    "validation_fraction": [0.9, 0.0, 1.0, 1e-9, np.nan],
    "beta_1": [1.0, -0.1],
    "beta_2": [1.0, np.nan],
    "epsilon": [0.0, -1.0],
    "n_iter_no_change": [0, 1.5],
    "max_fun": [0, -1],
}

# ------------------------------------------------------------------------------------- the calls

USUAL = ["two classes", "three classes", "texts", "numbers", "two targets", "labels"]
targets_drawn = st.one_of(*[st.sampled_from(USUAL)] * 2, st.sampled_from(list(TARGETS)))
rows_drawn = st.builds(
    Rows,
    n=st.one_of(st.integers(4, N_MOST), st.integers(0, N_MOST)),
    n_features=st.one_of(st.integers(1, 8), st.integers(0, N_MOST)),
    dtype=st.one_of(st.sampled_from(["f8", "f4"]), st.sampled_from(DTYPES)),
    order=st.sampled_from(list(ORDERS)),
    container=st.one_of(*[st.just("array")] * 2, st.sampled_from(list(CONTAINERS))),
    blemish=st.one_of(*[st.just("none")] * 6, st.sampled_from(list(BLEMISHES))),
    seed=st.integers(0, 99),
)


class Step(NamedTuple):
    """A call of a method, and what it is given."""

    method: str
    rows: Rows | None  # None: those of the step before
    target: str
    weights: str
    changes: dict[str, Any]


def parameters_drawn(most):
    """Some parameters: all valid, or some odd."""
    names = st.lists(st.sampled_from(list(VALID)), max_size=most, unique=True)
    values = {n: st.sampled_from(VALID[n]) for n in VALID}
    odder = {n: st.sampled_from(VALID[n] + ODD[n]) for n in VALID}
    return st.tuples(names, st.sampled_from([values, values, values, odder])).flatmap(
        lambda drawn: st.fixed_dictionaries({name: drawn[1][name] for name in drawn[0]})
    )


METHODS = ["fit"] * 4 + ["partial_fit"] * 3 + ["set_params"] * 2 + ["predict"] * 2
METHODS += ["score", "predict_proba", "predict_log_proba"]
step_drawn = st.builds(
    Step,
    method=st.sampled_from(METHODS),
    rows=st.one_of(*[st.none()] * 3, rows_drawn),
    target=targets_drawn,
    weights=st.one_of(*[st.just("none")] * 3, st.sampled_from(list(WEIGHTS))),
    changes=parameters_drawn(2),
)


class Case(NamedTuple):
    """One estimator, and what is called."""

    name: str
    parameters: dict[str, Any]
    rows: Rows
    target: str
    steps: list[Step]


cases = st.builds(
    Case,
    name=st.sampled_from(["MLPClassifier", "MLPRegressor"]),
    parameters=parameters_drawn(5),
    rows=rows_drawn,
    target=targets_drawn,
    steps=st.lists(step_drawn, min_size=1, max_size=4),
)


class Outcome(NamedTuple):
    """What came of a call."""

    error: BaseException | None
    value: Any = None


def outcome(call, *arguments, **options):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return Outcome(None, call(*arguments, **options))
        except Exception as error:
            return Outcome(error)


def arguments_of(case, step, rows, target):
    random = np.random.default_rng(rows.seed + 100)
    X = rows.make()
    if step.method.startswith("predict"):
        return (X,), {}
    y = TARGETS[target](rows.n, random)
    weights = WEIGHTS[step.weights](rows.n, random)
    options = {} if weights is None else {"sample_weight": weights}
    if step.method == "partial_fit" and case.name == "MLPClassifier":
        classes = outcome(np.unique, y if not sparse.issparse(y) else y.toarray())
        if classes.error is None and getattr(y, "ndim", 1) == 2 and y.shape[1] > 1:
            classes = Outcome(None, np.arange(y.shape[1]))
        options["classes"] = classes.value
    return (X, y), options


def state_of(model):
    """Numbers that a fitted model consists of."""
    names = ["coefs_", "intercepts_", "n_iter_", "loss_", "n_features_in_", "classes_"]
    names += ["out_activation_", "n_outputs_", "t_"]
    return {name: getattr(model, name) for name in names if hasattr(model, name)}


def same(ours, theirs, single):
    """Whether two results are the same but for rounding; `single` where it is float32's."""
    if isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(ours[k], theirs[k], single) for k in ours)
    if isinstance(theirs, list):
        pairs = zip(ours, theirs, strict=False)
        return len(ours) == len(theirs) and all(same(a, b, single) for a, b in pairs)
    if sparse.issparse(theirs):
        return sparse.issparse(ours) and same(ours.toarray(), theirs.toarray(), single)
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if ours.shape != theirs.shape or ours.dtype.kind != theirs.dtype.kind:
        return False
    if theirs.dtype.kind not in "fc":
        return np.array_equal(ours, theirs)
    close = {"rtol": 5e-3, "atol": 5e-4} if single else {"rtol": 1e-5, "atol": 1e-8}
    return np.allclose(ours, theirs, equal_nan=True, **close)


# ----------------------------------------------------------------------- where the two may differ


class Met(NamedTuple):
    """A call, and what came of it."""

    case: Case
    step: Step
    rows: Rows
    target: str
    parameters: dict[str, Any]
    ours: Outcome
    theirs: Outcome

    def only_theirs_fails(self, *kinds):
        return self.ours.error is None and isinstance(self.theirs.error, kinds)

    def only_ours_fails(self, *kinds):
        return self.theirs.error is None and isinstance(self.ours.error, kinds)


# Each by its sentence in "Differs from scikit-learn", which stands in CHANGELOG.md.
DIFFERENCES = {}


def difference(sentence):
    def register(recognizes):
        DIFFERENCES[sentence] = recognizes
        return recognizes

    return register


@difference("A mini-batch whose weights are all zero changes nothing")
def _weightless_batch(met):
    return met.step.weights == "whole" and met.only_theirs_fails(ZeroDivisionError)


@difference('`MLPRegressor(solver="lbfgs")` has no `partial_fit`')
def _partial_fit_by_lbfgs(met):
    is_theirs = met.case.name == "MLPRegressor" and met.parameters.get("solver") == "lbfgs"
    is_missing = isinstance(met.ours.error, AttributeError)
    return is_theirs and met.step.method == "partial_fit" and is_missing


@difference("`partial_fit` with a solver that does not exist names the parameter")
def _partial_fit_by_no_solver(met):
    is_unknown = met.parameters.get("solver", "adam") not in VALID["solver"]
    return is_unknown and isinstance(met.ours.error, InvalidParameterError)


@difference("Probabilities that scikit-learn rounds to 0 may be as large as 3e-308")
def _probabilities_of_0(met):
    if met.step.method != "predict_log_proba" or met.ours.error or met.theirs.error:
        return False
    with np.errstate(all="ignore"):
        return same(np.exp(met.ours.value), np.exp(met.theirs.value), single=True)


@difference("Features, targets or weights so large that squared gradients overflow")
def _overflow(met):
    is_huge = "huge" in (met.rows.blemish, met.target, met.step.weights)
    both_end = met.ours.error is None and met.theirs.error is None
    return is_huge and (both_end or met.only_ours_fails(DivergenceError))


@difference("`MLPRegressor` takes sparse targets, and fits them as dense ones")
def _sparse_targets(met):
    is_sparse = met.case.name == "MLPRegressor" and met.target.startswith("sparse")
    return is_sparse and met.only_theirs_fails(ValueError, TypeError)


@difference("Going on with another number of targets raises a ValueError")
def _other_number_of_targets(met):
    return met.only_ours_fails(ValueError) and "and this data has" in str(met.ours.error)


@difference("A prediction takes every X that `fit` takes")
def _other_numbers(met):
    is_odd = met.rows.dtype in ("O", "U3", "g", "M8[D]") and met.rows.container != "array"
    return (
        is_odd
        and met.step.method not in ("fit", "partial_fit")
        and met.only_theirs_fails(TypeError)
    )


@difference("Of two mistakes in one call, the other one may be told")
def _two_mistakes(met):
    """Whether scikit-learn refuses more than one of the three with the other two as usual."""
    if met.ours.error is None or met.theirs.error is None:
        return False
    theirs = getattr(sklearn.neural_network, met.case.name)
    usual = {"max_iter": 1}, PLAIN_ROWS, "two classes", "none"
    given = met.parameters, met.rows, met.target, met.step.weights

    def is_refused(*which):
        mixed = [given[i] if i in which else usual[i] for i in range(4)]
        parameters, rows, target, weights = mixed
        if 1 not in which:
            rows = rows._replace(n=met.rows.n) if {2, 3} & set(which) else rows
        step = met.step._replace(weights=weights)
        arguments = arguments_of(met.case, step, rows, target)
        return outcome(call_of, theirs(**parameters), met.step.method, *arguments).error is not None

    return sum(is_refused(i) for i in range(4)) > 1 or (is_refused(2) and is_refused(0, 1, 3))


PLAIN_ROWS = Rows(20, 3, "f8", "C", "array", "none", 0)


def compare(case, met):
    """Make the calls of a case on both estimators, up to the first failure or difference."""
    parameters = {"max_iter": 3, "hidden_layer_sizes": (4,), "random_state": 0, **case.parameters}
    pair = [getattr(module, case.name)(**parameters) for module in (fastnn, sklearn.neural_network)]
    rows, target = case.rows, case.target
    for step in case.steps:
        rows, target = (rows, target) if step.rows is None else (step.rows, step.target)
        if step.method == "set_params":
            both = [outcome(model.set_params, **step.changes) for model in pair]
            parameters |= step.changes
        else:
            both = []
            for model in pair:
                arguments = arguments_of(case, step, rows, target)  # anew: no call may share them
                both.append(outcome(call_of, model, step.method, *arguments))
        ours, theirs = both
        found = Met(case, step, rows, target, parameters, ours, theirs)
        name = judge(found, pair)
        met[name] += 1
        if name != "same" or ours.error is not None:
            return


def call_of(model, method, arguments, options):
    return getattr(model, method)(*arguments, **options)


def judge(found, pair):
    """Name the difference after a call, "same" where there is none."""
    ours, theirs = found.ours, found.theirs
    if (ours.error is None) == (theirs.error is None):
        if ours.error is not None and family(ours) == family(theirs):
            return "same"
        if ours.error is None:
            single = found.rows.dtype in ("f4", ">f4") or found.target == "float32"
            results = [ours.value, theirs.value]
            if found.step.method in ("fit", "partial_fit", "set_params"):
                results = [state_of(model) for model in pair]
            if same(*results, single):
                return "same"
    for sentence, recognizes in DIFFERENCES.items():
        if recognizes(found):
            return sentence
    raise AssertionError(
        f"{found.step.method} with {found.parameters}: {told(ours)}, scikit-learn's {told(theirs)}"
    )


def family(result):
    """Python's own class of an error, by which programs catch it."""
    return next(c for c in type(result.error).__mro__ if c.__module__ == "builtins")


def told(result):
    if result.error is None:
        return f"{result.value!r}"[:300]
    return f"{type(result.error).__name__}: {result.error}"[:600]


def try_batch(number, met):
    """Try the cases of a batch; its number decides on them."""

    @seed(number)
    @settings(
        max_examples=BATCH,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(case=cases)
    def each(case):
        compare(case, met)

    each()


if __name__ == "__main__":
    counts: Counter = Counter()
    for number in range(int(sys.argv[1]), int(sys.argv[2])):
        try_batch(number, counts)
    for name, count in counts.most_common():
        print(f"{count:8} {name}")
