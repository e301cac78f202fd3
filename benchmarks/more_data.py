"""An epoch over a Parquet folder larger than memory: bytes in use, rows a second, waits for rows.

The folder is made first, of random numbers in float32, and deleted at the end. Before the epoch the
system is asked to forget the files' pages, so that they come from the disk. With `--beside-arrays`
a small folder is trained on beside arrays of the same rows, once kept and once read anew.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fastnn import MLPClassifier, make_source
from fastnn.sources import ahead

N_COLUMNS = 100
GROUP_ROWS = 20_000
FILE_ROWS = 1_000_000
SMALL = 70_000_000  # of memory, a third of which is left for rows where row groups are read
EPOCHS = 2  # beside one more that is left out with all that goes before


def write(folder: Path, n_bytes: float) -> int:
    """Write files of a million rows, or one of fewer, of so many bytes; returns the rows."""
    file_groups = min(FILE_ROWS, int(n_bytes / 4 / N_COLUMNS)) // GROUP_ROWS
    schema = pa.schema([*((f"x{k}", pa.float32()) for k in range(N_COLUMNS)), ("y", pa.int8())])
    rng, n_rows, written = np.random.default_rng(0), 0, 0
    while written < n_bytes:
        path = folder / f"part-{n_rows:012d}.parquet"
        with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
            for _ in range(file_groups):
                X = rng.random((N_COLUMNS, GROUP_ROWS), np.float32)
                y = (X[0] + X[1] * X[2] > 0.75).astype(np.int8)
                writer.write_table(pa.table([*X, y], schema=schema))
        n_rows, written = n_rows + file_groups * GROUP_ROWS, written + path.stat().st_size
    return n_rows


def forget(folder: Path) -> None:
    """Ask the system to drop the pages of files that it keeps in memory."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def anonymous() -> float:
    """Megabytes in use that are no file's pages."""
    with open("/proc/self/status") as status:
        return next(int(of.split()[1]) for of in status if of.startswith("RssAnon")) / 1e3


class Peak:
    """The most megabytes in use while it is entered."""

    def __enter__(self) -> "Peak":
        self.most, self._over = anonymous(), threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            self.most = max(self.most, anonymous())

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()


class Waits(ahead.Ahead):
    """Remembers the last reader, which is that of the epoch."""

    last: "Waits"

    def __init__(self, *arguments, **keywords) -> None:
        super().__init__(*arguments, **keywords)
        Waits.last = self


class Read:
    """What the reading of blocks took: seconds of a processor, in its queue, and of neither.

    Neither is the wait for the disk, and for Python's lock, which kernels do not hold.
    """

    def __init__(self) -> None:
        self.worked = self.queued = self.asleep = 0.0

    def timed(self, parts):
        """Go through parts, and add up what each took."""
        while True:
            (worked, queued), began = _of_thread(), time.perf_counter()
            part = next(parts, None)
            wall, (worked_then, queued_then) = time.perf_counter() - began, _of_thread()
            self.worked += worked_then - worked
            self.queued += queued_then - queued
            self.asleep += max(0.0, wall - (worked_then - worked) - (queued_then - queued))
            if part is None:
                return
            yield part


def _of_thread() -> tuple[float, float]:
    worked, queued, _ = Path("/proc/thread-self/schedstat").read_text().split()
    return int(worked) / 1e9, int(queued) / 1e9


def measure(folder: Path, memory: float, hidden: tuple[int, ...], n_jobs: int) -> dict:
    """Fit for an epoch, and tell what it took."""
    from fastnn.estimators import source_fit

    source_fit.Ahead = Waits
    source = make_source(folder, "y", memory=memory)
    model = MLPClassifier(hidden, max_iter=1, batch_size=1000, random_state=0, n_jobs=n_jobs)
    first = next(source.blocks.read(None, features=True))[1]
    model.fit(first.X, first.y)  # compiles and imports what is needed
    forget(folder)
    before, began, io = anonymous(), time.perf_counter(), read_from_disk()
    cpu = sum(os.times()[:2])
    read, plain = Read(), source.blocks.read
    source.blocks.read = lambda numbers, features: read.timed(plain(numbers, features))
    with Peak() as peak:
        model.fit(source)
    wall, last = time.perf_counter() - began, Waits.last
    own = sum(os.times()[:2]) - cpu
    return {
        "n_rows": sum(source.blocks.n_rows),
        "memory_budget_mb": memory / 1e6,
        "memory_mb": round(peak.most - before, 1),
        "seconds": round(wall, 1),
        "rows_per_second": round(sum(source.blocks.n_rows) / wall),
        "share_without_rows": round(last.seconds_waited / wall, 3),
        "cpu_seconds": round(own, 1),
        "reading_cpu_seconds": round(read.worked, 1),
        "reading_queued_seconds": round(read.queued, 1),
        "reading_asleep_seconds": round(read.asleep, 1),
        "from_disk_gb": round((read_from_disk() - io) / 1e9, 2),
    }


def beside_arrays(folder: Path, hidden: tuple[int, ...], rounds: int) -> dict:
    """Processor time of an epoch over a source, by that of arrays: all of it, and the kernels'."""
    rows = [part for _, part in make_source(folder, "y").blocks.read(None, features=True)]
    X, y = (np.concatenate([part[k] for part in rows]) for k in (0, 1))
    model = MLPClassifier(hidden, max_iter=1, batch_size=1000, random_state=0, n_jobs=1)
    ways = {
        "arrays": lambda: (X, y),
        "kept": lambda: (make_source(folder, "y", memory=4 * X.nbytes + 10**8),),
        "read anew": lambda: (make_source(folder, "y", memory=SMALL),),
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, given in ways.items():
            times = _epochs(model, given())
            taken[name].append(times)
    told = {}
    for name in ("kept", "read anew"):
        for k, what in enumerate(("all threads", "kernels")):
            ratios = [o[k] / a[k] for o, a in zip(taken[name], taken["arrays"], strict=True)]
            told[f"{name}, {what}"] = np.quantile(ratios, [0, 0.5, 1]).round(3).tolist()
    reading = make_source(folder, "y").blocks
    began = time.thread_time()
    for _ in reading.read(None, features=True):
        pass
    told["kernels by reading"] = round(
        min(of[1] for of in taken["arrays"]) / EPOCHS / (time.thread_time() - began), 1
    )
    return told


def _epochs(model: MLPClassifier, given: tuple) -> tuple[float, float]:
    """Processor seconds of epochs but the first, of all threads and of this one."""
    times = []
    for n_epochs in (1, 1 + EPOCHS):
        began = time.process_time(), time.thread_time()
        model.set_params(max_iter=n_epochs).fit(*given)
        times.append((time.process_time() - began[0], time.thread_time() - began[1]))
    return times[1][0] - times[0][0], times[1][1] - times[0][1]


def read_from_disk() -> int:
    """Bytes that this process has had read from disks."""
    with open("/proc/self/io") as told:
        return next(int(of.split()[1]) for of in told if of.startswith("read_bytes"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=6.0)
    parser.add_argument("--memory", type=float, default=500e6)
    parser.add_argument("--hidden", type=int, nargs="+", default=[128])
    parser.add_argument("--jobs", type=int, default=1, help="threads of the kernels")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where there is room")
    parser.add_argument("--beside-arrays", action="store_true", help="compare with arrays")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    folder = Path(tempfile.mkdtemp(prefix="more-data-", dir=given.folder))
    try:
        began = time.perf_counter()
        n_rows = write(folder, given.gigabytes * 1e9)
        print(f"{n_rows} rows written in {time.perf_counter() - began:.0f} s", file=sys.stderr)
        if given.beside_arrays:
            told = beside_arrays(folder, tuple(given.hidden), given.rounds)
        else:
            told = measure(folder, given.memory, tuple(given.hidden), given.jobs)
        print(json.dumps(told, indent=1))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
