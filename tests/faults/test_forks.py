"""Children by every way there is, at any moment: parent and child both go on."""

import textwrap

import pytest
from harness import amount, moments, nearly_empty, run, two_at_once

# Threads work while the main thread forks at moments after their begin; each child fits.
FORKS = """
    import sys, threading, time, warnings
    import forking
    import numpy as np
    from patience import at_most
    from work import ENDLESS, X, bits, classifier, regressor, rows, y

    warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
    kind, *after = sys.argv[1:]
    BEGUN, ENDED = threading.Event(), threading.Event()

    def child():
        model = classifier().fit(X, y)
        assert model.predict(X[:1]).shape == (1,)
        model.partial_fit(X, y)
        print(bits(classifier(activation="tanh").fit(X, y)), flush=True)

    def fit():
        while not ENDED.is_set():
            BEGUN.set()
            classifier(max_iter=3).fit(X, y)
            regressor(solver="lbfgs", max_iter=3).fit(X, X[:, 0])

    def fit_on_threads():
        data, labels = rows(4000, 100)
        while not ENDED.is_set():
            classifier(hidden_layer_sizes=(100,), batch_size=2000, n_jobs=2).fit(data, labels)
            BEGUN.set()

    def predict():
        model = classifier().fit(X, y)
        while not ENDED.is_set():
            BEGUN.set()
            model.predict(X), model.predict(X[:1])

    def compile():
        BEGUN.set()
        for activation in ("relu", "tanh", "gelu"):
            classifier(activation=activation, max_iter=1).fit(X, y).predict(X)

    worker = {"fit": fit, "threads": fit_on_threads, "predict": predict, "compile": compile}[kind]
    threads = [threading.Thread(target=worker, daemon=True) for _ in range(2)]
    [thread.start() for thread in threads]
    assert BEGUN.wait(at_most(60))
    children = []
    for seconds in map(float, after):
        time.sleep(seconds)
        children.append(forking.start(child))
        if kind != "compile":
            assert forking.wait_for(children.pop()) == 0
    ENDED.set()  # before Python ends, which would end a thread within NumPy by std::terminate
    [thread.join(at_most(60)) for thread in threads]  # the parent goes on
    assert not any(thread.is_alive() for thread in threads)
    assert [forking.wait_for(pid) for pid in children] == [0] * len(children)
    child()
"""


@pytest.mark.parametrize("kind", ["fit", "threads", "predict"])
def test_a_fork_while_threads_work(kind):
    after = moments(f"fork {kind}", amount(4, 50), 0.1)
    told = run(FORKS, kind, *after, limit=60 + 10 * len(after), OMP_NUM_THREADS="2")
    assert len(set(told.split())) == 1


def test_a_fork_while_threads_are_in_their_first_fit(tmp_path):
    def fork(i):
        after = moments(f"fork compile {i}", 3, 1.5)
        place = nearly_empty(tmp_path / f"{i}")
        told = run(FORKS, "compile", *after, limit=150, NUMBA_CACHE_DIR=place)
        assert len(set(told.split())) == 1

    two_at_once(fork, range(amount(1, 12)))


# Workers of each kind, and workers of workers; each fits a network, as does the parent meanwhile.
WORKERS = """
    import multiprocessing, sys, warnings
    import joblib
    import numpy as np
    from patience import at_most
    from sklearn.model_selection import cross_val_score
    from work import X, bits, classifier, y

    warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)

    def work(i):
        return bits(classifier().fit(X, y))

    def nested(i):
        scores = joblib.Parallel(2)(joblib.delayed(work)(j) for j in range(2))
        return scores[0]

    if __name__ == "__main__":
        kind, name = sys.argv[1:]
        if kind == "joblib":
            with joblib.parallel_config(name, n_jobs=2):
                tasks = [joblib.delayed(f)(i) for i in range(2) for f in (work, nested)]
                done = joblib.Parallel()(tasks)
                scores = cross_val_score(classifier(), X, y, cv=4)
            assert (scores == cross_val_score(classifier(), X, y, cv=4)).all()
        else:
            with multiprocessing.get_context(name).Pool(2) as pool:
                waiting = pool.map_async(work, range(4))  # the parent has not fitted anything yet
                done = [work(0)]
                done += waiting.get(at_most(60))
        assert set(done) == {work(0)}, done
"""
KINDS = [("joblib", name) for name in ("loky", "threading", "multiprocessing")]
KINDS += [("pool", name) for name in ("fork", "forkserver", "spawn")]


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_workers(kind, name, tmp_path):
    file = tmp_path / "workers.py"  # which spawned workers import
    file.write_text(textwrap.dedent(WORKERS))
    run(file, kind, name, limit=120)
