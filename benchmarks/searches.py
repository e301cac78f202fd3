"""A grid search on all cores, by threads and by processes, beside what the machine could do.

    python benchmarks/searches.py [--rounds 5]

8 penalties x 3 folds x 40 epochs of the digits, of fastnn and of scikit-learn. The limit is the
search on one core by the number of cores: all of them busy with fits, and nothing else to do.
Every way has a process of its own, and a round asks each once.
"""

import argparse
import sys
import time
from statistics import median

import joblib
import sklearn.neural_network
from common import fit
from joblib import parallel_backend
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from workers import Timer, Worker, serve

import fastnn

NETWORKS = {
    "fastnn": fastnn.MLPClassifier,
    "scikit-learn": sklearn.neural_network.MLPClassifier,
}
BACKENDS = "threading", "loky"
EPOCHS = 40


def search_timer(question: str) -> Timer:
    """Seconds of a search by a network, on as many workers and by which backend."""
    network, n_jobs, backend = question.split()
    X, y = load_digits(return_X_y=True)
    model = NETWORKS[network](max_iter=EPOCHS, n_iter_no_change=EPOCHS, random_state=0)
    grid = {"mlpclassifier__alpha": [10.0**-k for k in range(8)]}
    pipeline = make_pipeline(StandardScaler(), model)
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=int(n_jobs), error_score="raise")

    def timer() -> float:
        began = time.perf_counter()
        with parallel_backend(backend):
            fit(search, X, y)
        return time.perf_counter() - began

    timer()  # compiles, and starts the workers
    return timer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        serve(search_timer)
        return
    cores = joblib.cpu_count()
    ways = [(1, "threading"), *((cores, backend) for backend in BACKENDS)]
    asked = [(network, *way) for network in NETWORKS for way in ways]
    workers = {way: Worker(__file__, "--worker", n_threads=way[1]) for way in asked}
    seconds: dict = {way: [] for way in asked}
    for round_ in range(arguments.rounds):
        print(f"round {round_ + 1}", file=sys.stderr)
        for way, worker in workers.items():
            seconds[way].append(worker.ask(" ".join(map(str, way))))
    for worker in workers.values():
        worker.stop()
    print(f"| | one core, s | {', s | '.join(BACKENDS)}, s | threading's share of the limit |")
    print("|---|--:|--:|--:|--:|")
    for network in NETWORKS:
        alone, threads, processes = (seconds[network, *way] for way in ways)
        shares = [a / cores / t for a, t in zip(alone, threads, strict=True)]
        cells = " | ".join(f"{median(taken):.2f}" for taken in (alone, threads, processes))
        print(f"| {network} | {cells} | {median(shares):.0%} |")


if __name__ == "__main__":
    main()
