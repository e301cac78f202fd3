"""Data that others change during a fit, callbacks that misbehave, and models that many use."""

import pytest
from harness import SEED, amount, run

CHANGED_DATA = """
    import gc, sys, threading, time
    import numpy as np
    from scipy.sparse import csr_array
    from work import ENDLESS, X, bits, classifier, in_threads, rows, y

    random = np.random.default_rng(int(sys.argv[1]))
    first = bits(classifier().fit(X, y))
    n_epochs = {"batch_size": 100, **ENDLESS, "max_time": 0.15}

    def write(data, labels):
        data[random.integers(len(data))] = random.choice([0.0, 1e300, np.nan, np.inf, -1.0])

    def write_labels(data, labels):
        labels[random.integers(len(labels))] = random.integers(-(2**40), 2**40)

    for i in range(int(sys.argv[2])):
        data, labels = rows(1000)
        change = (write, write_labels)[i % 2]
        begun = classifier(**n_epochs)
        ended = threading.Event()

        def fit():
            try:
                begun.fit(data, labels)
            except ValueError:  # weights diverge, or what is read first is no number any more
                assert not hasattr(begun, "coefs_")
            finally:
                ended.set()

        def disturb():
            while not ended.is_set():
                change(data, labels)

        errors = in_threads(fit, disturb)
        assert errors == [], errors
        if hasattr(begun, "coefs_"):
            begun.predict(X @ np.ones((6, 40)))

        # Freed: what the caller had is gone, and its memory used by others.
        held = [csr_array(rows(1000)[0]), rows(1000)[0]]
        model = classifier(**n_epochs)
        labels, refused = rows(1000)[1], []

        def fit_held(data):
            try:
                model.fit(data, labels)
            except ValueError as error:  # its parts were replaced before they were read
                refused.append(str(error))

        fitting = threading.Thread(target=fit_held, args=(held[i % 2],))
        fitting.start()
        time.sleep(0.05)
        if i % 2 == 0:  # a matrix whose parts are replaced
            held[0].data, held[0].indices = held[0].data[:1], held[0].indices[:1]
            held[0].indptr = held[0].indptr[:1]
        del held
        gc.collect()
        rubbish = [np.full((1000, 40), np.nan) for _ in range(20)]
        fitting.join()
        if refused:
            assert i % 2 == 0 and "damaged" in refused[0], refused
        else:
            assert np.isfinite(getattr(model, "loss_", 0.0))  # none before the first epoch's end
    assert bits(classifier().fit(X, y)) == first
"""


def test_data_that_change_during_a_fit():
    run(CHANGED_DATA, SEED, amount(10, 100), limit=120 + amount(10, 100))


CALLBACKS = """
    import gc, pickle, sys, warnings, weakref
    from copy import deepcopy
    import numpy as np
    from work import X, bits, classifier, regressor, y

    random = np.random.default_rng(int(sys.argv[1]))
    HOOKS = ("setup", "on_fit_task_begin", "on_fit_task_end", "teardown")

    class Stop(Exception):
        pass

    def raises(estimator):
        raise random.choice([Stop, StopIteration, KeyError, GeneratorExit])("by a callback")

    def predicts(estimator):
        if hasattr(estimator, "coefs_"):
            estimator.predict(X)

    def fits(estimator):
        classifier(max_iter=2).fit(X, y)

    def fits_the_same(estimator):
        if not vars(estimator).get("_deep"):
            estimator._deep = True
            estimator.set_callbacks().fit(X, y)

    def sets_parameters(estimator):
        estimator.set_params(alpha=1e9, hidden_layer_sizes=(1,), max_iter=1)

    def sets_nonsense(estimator):
        name = random.choice([name for name in vars(estimator) if name.endswith("_")] or ["coefs_"])
        setattr(estimator, name, None)

    def deletes(estimator):
        for name in [name for name in vars(estimator) if name.endswith("_")]:
            delattr(estimator, name)

    def wipes(estimator):
        vars(estimator).clear()

    def frees(estimator):
        global kept
        kept = None
        gc.collect()

    WAYS = [raises, predicts, fits, fits_the_same, sets_parameters, sets_nonsense, deletes, wipes]
    WAYS += [frees]

    class Misbehaving:
        def __init__(self, way, hook, after):
            self.way, self.hook, self.after = way, hook, after

        def call(self, hook, estimator):
            if hook == self.hook:
                self.after -= 1
                if self.after == 0:
                    self.way(estimator)

        def setup(self, estimator, context):
            self.call("setup", estimator)

        def on_fit_task_begin(self, estimator, context):
            self.call("on_fit_task_begin", estimator)

        def on_fit_task_end(self, estimator, context):
            self.call("on_fit_task_end", estimator)

        def teardown(self, estimator, context):
            self.call("teardown", estimator)

    MODELS = [classifier(max_iter=4), regressor(max_iter=4), classifier(solver="lbfgs", max_iter=4)]
    fresh = [bits(model.fit(X, y)) for model in deepcopy(MODELS)]
    others = [deepcopy(model).set_params(random_state=5).fit(X, y) for model in MODELS]
    for i in range(int(sys.argv[2])):
        which, hook = random.integers(len(MODELS)), HOOKS[random.integers(len(HOOKS))]
        way = WAYS[i % len(WAYS)]
        # hooks of the whole fit run once, those of tasks once for each epoch and once for the fit
        after = 1 if hook in ("setup", "teardown") else int(random.integers(1, 6))
        is_fitted = bool(random.integers(2))
        model = deepcopy(others[which] if is_fitted else MODELS[which])
        model.set_params(random_state=0)
        before = bits(model) if is_fitted else None
        model.set_callbacks(Misbehaving(way, hook, after))
        print(i, type(model).__name__, way.__name__, hook, after, is_fitted, flush=True)
        kept = model
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                model.fit(X, y)
                failure = None
            except BaseException as error:
                failure = error
        if way is raises and model._skl_callbacks[0].after <= 0 and hook != "teardown":
            assert failure is not None, "the error is lost"
        if failure is not None:  # as it was
            assert hasattr(model, "coefs_") == is_fitted, failure
            assert not is_fitted or bits(model) == before, failure
        elif hasattr(model, "coefs_"):
            model.predict(X), model.predict(X[:1])
        model.set_callbacks()
        model.set_params(**MODELS[which].get_params()).fit(X, y)
        assert bits(model) == fresh[which]
"""


def test_callbacks_that_misbehave():
    run(CALLBACKS, SEED, amount(200, 1000), limit=amount(120, 900))


PREDICTIONS = """
    import sys, threading, time
    from work import X, bits, classifier, in_threads, y

    sys.setswitchinterval(1e-6)  # threads change places as often as they can
    seconds, kind = float(sys.argv[1]), sys.argv[2]
    model = classifier(hidden_layer_sizes=(20,)).fit(X, y)
    known, seen, ended = set(), set(), threading.Event()
    n_answers = 0

    def answers():
        return {model.predict_proba(rows).tobytes() for rows in (X[:50], X[:1])}

    def train():
        known.update(answers())
        ends = time.monotonic() + seconds
        while time.monotonic() < ends or n_answers <= 100:  # the more, the busier the machine
            if kind == "partial_fit":
                model.partial_fit(X, y)
                known.update(answers())
            else:  # another estimator
                classifier(hidden_layer_sizes=(20,)).fit(X, y)
        ended.set()

    def predict():
        global n_answers
        while not ended.is_set():
            seen.update(answers())
            n_answers += 2

    assert in_threads(train, *[predict] * 8) == []
    assert seen <= known, f"{len(seen - known)} answers are of no model"
    assert n_answers > 100
    assert (len(known) > 2) == (kind == "partial_fit")
"""


@pytest.mark.parametrize("kind", ["fit", "partial_fit"])
def test_predictions_beside_a_training_thread(kind):
    run(PREDICTIONS, amount(4, 30), kind)


TWO_FITS = """
    import sys
    import numpy as np
    from work import X, bits, classifier, in_threads, regressor, y

    first = bits(classifier().fit(X, y))
    for i in range(int(sys.argv[1])):
        model = classifier()
        errors = in_threads(lambda: model.fit(X, y), lambda: model.fit(X, y))
        assert len(errors) < 2, errors
        for error in errors:
            assert isinstance(error, RuntimeError), repr(error)
            assert len(str(error)) < 300, error
        assert bits(model) == first
        assert bits(model.fit(X, y)) == first
"""


def test_two_threads_that_fit_one_estimator():
    run(TWO_FITS, amount(20, 300))
