"""An epoch over a Parquet folder larger than memory: bytes in use, rows a second, waits for rows.

The folder is made first, of random numbers in float32, and deleted at the end. Before the epoch the
system is asked to forget the files' pages, so that they come from the disk.
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


def write(folder: Path, n_bytes: float) -> int:
    """Write files of a million rows until the folder has so many bytes; returns the rows."""
    schema = pa.schema([*((f"x{k}", pa.float32()) for k in range(N_COLUMNS)), ("y", pa.int8())])
    rng, n_rows, written = np.random.default_rng(0), 0, 0
    while written < n_bytes:
        path = folder / f"part-{n_rows:012d}.parquet"
        with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
            for _ in range(FILE_ROWS // GROUP_ROWS):
                X = rng.random((N_COLUMNS, GROUP_ROWS), np.float32)
                y = (X[0] + X[1] * X[2] > 0.75).astype(np.int8)
                writer.write_table(pa.table([*X, y], schema=schema))
        n_rows, written = n_rows + FILE_ROWS, written + path.stat().st_size
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
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    folder = Path(tempfile.mkdtemp(prefix="more-data-", dir=given.folder))
    try:
        began = time.perf_counter()
        n_rows = write(folder, given.gigabytes * 1e9)
        print(f"{n_rows} rows written in {time.perf_counter() - began:.0f} s", file=sys.stderr)
        told = measure(folder, given.memory, tuple(given.hidden), given.jobs)
        print(json.dumps(told, indent=1))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
